/**
 * Loaded before the Testing Toolkit, which fills the optional headers of its callbacks with random values. A random
 * Content-Length makes a callback that never ends; without it Node sends the body in chunks.
 */
const http = require('node:http')

const request = http.request

http.request = function (options, ...rest) {
  const headers = options.headers ?? {}
  for (const name of Object.keys(headers)) if (/^content-length$/i.test(name)) delete headers[name]
  return request.call(http, options, ...rest)
}
