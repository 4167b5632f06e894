/**
 * Loaded before a program that listens on every interface, and on ports of its own choice: each of its servers listens
 * on 127.0.0.1, and on the port that PORTS (`5050:15050,…`) gives for the one that was meant.
 */
const buffer = require('node:buffer')
const net = require('node:net')

// Removed in Node 25; an old dependency of the adapter touches it when it is loaded.
buffer.SlowBuffer ??= buffer.Buffer

const ports = new Map((process.env.PORTS ?? '').split(',').map((pair) => pair.split(':').map(Number)))
const here = (port) => ({ host: '127.0.0.1', port: ports.get(Number(port)) ?? Number(port) })
const listen = net.Server.prototype.listen

net.Server.prototype.listen = function (...args) {
  const [first, ...rest] = args
  const callback = rest.findLast((one) => typeof one === 'function')
  const more = callback === undefined ? [] : [callback]
  if (typeof first === 'object' && first !== null && first.port !== undefined)
    return listen.call(this, { ...first, ...here(first.port) }, ...more)
  if (Number.isInteger(Number(first)) && first !== null) return listen.call(this, here(first), ...more)
  return listen.apply(this, args)
}
