import { onTestFinished } from 'vitest'
import { openTcpProxy } from '../harness/tcp-proxy.ts'

/** The network between a worker and the scheme adapter: it can stand still in either direction, or swallow. */
export type Wire = {
  readonly port: number
  /** How many orders (POST /transfers) the worker has put on the wire. */
  readonly orders: () => number
  /** The most that were on their way at once: put on the wire, and their answer has not come back. */
  readonly most: () => number
  /** From now on nothing more reaches the adapter until it is let go: what a worker writes waits here. */
  readonly holdRequests: () => void
  /** From now on no answer reaches the worker until it is let go. */
  readonly holdAnswers: () => void
  /** Everything that waits goes on its way, in its order. */
  readonly letGo: () => void
  /** After so many more orders nothing reaches the adapter any more, for good. */
  readonly breakAfter: (orders: number) => void
  /** Called, at once, when an order arrives. */
  readonly onOrder: (call: () => void) => void
}

const ORDER = /POST \/transfers HTTP/g
const ANSWER = /HTTP\/1\.1 \d{3} /g

/** A TCP proxy before the adapter on `target`. Lives as long as its test. */
export async function openWire(target: number): Promise<Wire> {
  let held: { readonly requests: boolean; readonly answers: boolean } = { requests: false, answers: false }
  let waiting: (() => void)[] = []
  let orders = 0
  let left = Number.POSITIVE_INFINITY
  let told = (): void => undefined
  let [flying, most] = [0, 0]
  const proxy = await openTcpProxy({ target: () => `http://127.0.0.1:${target}` }, (worker, adapter) => {
    worker.on('data', (chunk: Buffer) => {
      const many = [...chunk.toString('latin1').matchAll(ORDER)].length
      orders += many
      flying += many
      most = Math.max(most, flying)
      if (many > 0) told()
      if (left < many) return
      left -= many
      if (held.requests) waiting.push(() => adapter.write(chunk))
      else adapter.write(chunk)
    })
    adapter.on('data', (chunk: Buffer) => {
      flying -= [...chunk.toString('latin1').matchAll(ANSWER)].length
      if (held.answers) waiting.push(() => worker.write(chunk))
      else worker.write(chunk)
    })
    return (closed) => {
      // What a worker wrote before it hung up is on its way all the same.
      if (closed === 'client' && !held.requests) adapter.destroySoon()
      if (closed === 'server') worker.destroySoon()
    }
  })
  onTestFinished(proxy.close)
  return {
    port: proxy.port,
    orders: () => orders,
    most: () => most,
    holdRequests: () => void (held = { ...held, requests: true }),
    holdAnswers: () => void (held = { ...held, answers: true }),
    letGo() {
      held = { requests: false, answers: false }
      for (const go of waiting.splice(0)) go()
      waiting = []
    },
    breakAfter: (n) => void (left = n),
    onOrder: (call) => void (told = call),
  }
}
