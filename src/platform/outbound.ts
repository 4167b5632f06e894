import { lookup as dnsLookup, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, Pool, buildConnector, type Dispatcher } from 'undici'
import { assertNoTransaction } from './db.ts'
import { checkPublicUrl, hostOf, isPublicAddress, type UrlRules } from './ssrf.ts'

/** What came of a call. Only `answer` is from the other side; `unknown` may have been carried out there. */
export type OutboundAnswer =
  | {
      readonly kind: 'answer'
      readonly status: number
      /** Lower-case names; the last one of repeated headers is not preferred: they come as a list. */
      readonly headers: Readonly<Record<string, string | string[] | undefined>>
      readonly body: Buffer
    }
  /** Surely nothing left this machine: no connection, no address, refused by the guard, still in our queue. */
  | { readonly kind: 'unsent'; readonly because: string }
  /** Something may have left: reset, time-out, an answer that was cut or too large. */
  | { readonly kind: 'unknown'; readonly because: string }

export type OutboundCall = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** An object, or name and value by turns; a list that is made once may serve many calls. */
  readonly headers?: Record<string, string> | string[]
  readonly body?: string | Buffer
  /** From the call to the last byte of the answer, waiting for a free connection included. */
  readonly timeout_ms?: number
  /** Longest answer that is read. */
  readonly max_bytes?: number
}

export type Outbound = {
  /** `guard: 'public'` for every URL that a customer gave; `'none'` for addresses of the configuration. */
  readonly request: (
    call: OutboundCall & { readonly url: string; readonly guard: 'public' | 'none' },
  ) => Promise<OutboundAnswer>
  /** A pool of one configured origin, for rails. */
  readonly pool: (origin: string, options?: PoolOptions) => OutboundPool
  /** Lets calls in flight finish for a moment; what is left then ends as `unknown`. */
  readonly close: () => Promise<void>
}

export type PoolOptions = {
  /** Sockets at most: calls above it wait in the queue, and their time-out runs. */
  readonly connections?: number
  /** How long an idle socket is kept; shorter than the other side's own limit. */
  readonly keep_alive_ms?: number
  readonly connect_timeout_ms?: number
}

export type OutboundPool = {
  readonly request: (call: OutboundCall & { readonly path: string }) => Promise<OutboundAnswer>
  readonly close: () => Promise<void>
}

export type Resolve = (name: string) => Promise<readonly LookupAddress[]>

export type OutboundOptions = UrlRules & {
  /** How a guarded name becomes addresses; the system's resolver when absent. */
  readonly resolve?: Resolve
  readonly connect_timeout_ms?: number
}

const TIMEOUT_MS = 30_000
const MAX_BYTES = 1_048_576
const CONNECT_TIMEOUT_MS = 5_000

/**
 * The one way out. Never throws for what the network does, never follows a redirect, never sends a request twice,
 * and refuses to run inside a database transaction.
 */
export function openOutbound(options: OutboundOptions): Outbound {
  const timeout = options.connect_timeout_ms ?? CONNECT_TIMEOUT_MS
  const plain = new Agent({ allowH2: false, connect: { timeout } })
  const guarded = new Agent({ allowH2: false, connect: guardedConnect(options, timeout) })
  const pools = new Set<Pool>()
  let closing: Promise<void> | undefined
  return {
    request: async (call) => {
      const url = call.guard === 'public' ? checkPublicUrl(call.url, options) : new URL(call.url)
      if (!(url instanceof URL)) return { kind: 'unsent', because: `refused by the guard: ${url.en}` }
      const agent = call.guard === 'public' ? guarded : plain
      return send(agent, { ...call, origin: url.origin, path: url.pathname + url.search })
    },
    pool: (origin, { connect_timeout_ms = timeout, ...own } = {}) => {
      const parts = openParts(origin, { connect_timeout_ms, ...own })
      for (const part of parts.all) pools.add(part)
      return {
        request: (call) => {
          const { part, give } = parts.take()
          return send(part, { ...call, origin }, give)
        },
        close: async () => {
          await Promise.all(parts.all.filter((part) => pools.delete(part)).map(end))
        },
      }
    },
    close: () => (closing ??= Promise.all([plain, guarded, ...pools].map(end)).then(() => undefined)),
  }
}

/**
 * undici looks through the sockets of a pool, one after the other, for one that is free. With the 512 of a far rail, nearly
 * all of them busy, that was 17 of 330 µs for a call, so a large pool is made of several.
 */
const SOCKETS_TOGETHER = 32

type Parts = {
  readonly all: readonly Pool[]
  /** One that has a free socket, where any has; `give` says that the call is over. */
  readonly take: () => { readonly part: Pool; readonly give: () => void }
}

function openParts(
  origin: string,
  { connections = 64, keep_alive_ms = 4_000, connect_timeout_ms = CONNECT_TIMEOUT_MS }: PoolOptions,
): Parts {
  const all: Pool[] = []
  // The last one given back is the next one taken: few calls keep few sockets open.
  const free: Pool[] = []
  for (let left = connections; left > 0; left -= SOCKETS_TOGETHER) {
    const sockets = Math.min(left, SOCKETS_TOGETHER)
    const part = new Pool(origin, {
      connections: sockets,
      keepAliveTimeout: keep_alive_ms,
      allowH2: false,
      connect: { timeout: connect_timeout_ms },
    })
    all.push(part)
    for (let i = 0; i < sockets; i++) free.push(part)
  }
  let next = 0
  return {
    all,
    take: () => {
      const part = free.pop()
      if (part !== undefined) return { part, give: () => void free.push(part) }
      // Every socket has its call: this one waits for one of its part.
      const busy = all[next++ % all.length]
      if (busy === undefined) throw new Error('a pool without connections')
      return { part: busy, give: () => undefined }
    },
  }
}

/** Whoever closes has waited already for what is worth waiting for: a silent peer must not keep a process alive. */
const CLOSING_MS = 500

async function end(dispatcher: Dispatcher): Promise<void> {
  const closed = dispatcher.close()
  const late = setTimeout(() => void dispatcher.destroy(new Error('closing')), CLOSING_MS)
  await closed.finally(() => clearTimeout(late))
}

type Sending = OutboundCall & { readonly origin: string; readonly path: string }

/** `over` is called once, when nothing of the call occupies a socket any more. */
function send(dispatcher: Dispatcher, call: Sending, over = (): void => undefined): Promise<OutboundAnswer> {
  assertNoTransaction('an outbound call')
  return new Promise((resolve, reject) => {
    dispatcher.dispatch(
      {
        origin: call.origin,
        path: call.path,
        method: call.method,
        headers: call.headers ?? null,
        body: call.body ?? null,
        headersTimeout: 0, // one time-out for everything, in the reader
        bodyTimeout: 0,
      },
      reader(
        call,
        (answer) => {
          over()
          resolve(answer)
        },
        (bug) => {
          over()
          reject(bug)
        },
      ),
    )
  })
}

/**
 * Reads one answer. undici calls `onRequestStart` immediately before it writes to a connected socket (pipelining
 * is 1, so nothing is queued behind it): what fails before was never sent, what fails after is unknown. That also
 * covers a kept socket that the other side closed meanwhile: the bytes may have arrived.
 */
function reader(
  { timeout_ms = TIMEOUT_MS, max_bytes = MAX_BYTES }: Sending,
  resolve: (answer: OutboundAnswer) => void,
  reject: (bug: Error) => void,
): Dispatcher.DispatchHandler {
  let started: Dispatcher.DispatchController | undefined
  let settled = false
  let status = 0
  let headers: Readonly<Record<string, string | string[] | undefined>> = {}
  const chunks: Buffer[] = []
  let bytes = 0

  const settle = (answer: OutboundAnswer): void => {
    if (settled) return
    settled = true
    clearTimeout(timer)
    resolve(answer)
  }
  const giveUp = (because: string): void => {
    settle({ kind: started ? 'unknown' : 'unsent', because })
    started?.abort(new Error(because))
  }
  const timer = setTimeout(giveUp, timeout_ms, `no complete answer within ${timeout_ms} ms`)

  return {
    onRequestStart: (controller) => {
      // Given up while it waited in the queue, or about to be sent a second time: it must not leave.
      if (settled || started) return controller.abort(new Error('not sent'))
      started = controller
    },
    onResponseStart: (_controller, code, fields) => {
      status = code
      headers = fields
    },
    onResponseData: (_controller, chunk) => {
      bytes += chunk.length
      if (bytes > max_bytes) giveUp(`the answer is longer than ${max_bytes} bytes`)
      else chunks.push(chunk)
    },
    onResponseEnd: () => {
      const [only] = chunks
      const body = chunks.length === 1 && only ? only : Buffer.concat(chunks)
      settle({ kind: 'answer', status, headers, body })
    },
    onResponseError: (_controller, error) => {
      if ('code' in error && error.code === 'UND_ERR_INVALID_ARG') {
        settled = true // a header or path that cannot exist is our bug, not the network's doing
        clearTimeout(timer)
        reject(error)
      } else settle({ kind: started ? 'unknown' : 'unsent', because: wordsOf(error) })
    },
  }
}

/** The code and the message, of the first cause where several addresses were tried. */
function wordsOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  if (!(first instanceof Error)) return error.message
  const code = 'code' in first && typeof first.code === 'string' ? `${first.code}: ` : ''
  return `${code}${first.message}`
}

/**
 * A connector that resolves a name once, checks every address that it got, and connects to these addresses and no
 * other: a name whose answer changes between check and connection gains nothing.
 */
function guardedConnect(options: OutboundOptions, timeout: number): buildConnector.connector {
  const { allow_loopback, resolve = resolveBySystem } = options
  const lookup: LookupFunction = (name, { all }, tell) => {
    resolve(name).then(
      (found) => {
        const bad = found.find(({ address }) => !isPublicAddress(address, allow_loopback))
        const [first] = found
        if (bad !== undefined) tell(blocked(bad.address), '')
        else if (first === undefined) tell(new Error(`no address for ${name}`), '')
        else if (all) tell(null, [...found])
        else tell(null, first.address, first.family)
      },
      (error: unknown) => tell(error instanceof Error ? error : new Error(String(error)), ''),
    )
  }
  const connect = buildConnector({ allowH2: false, timeout, lookup })
  return (target, tell) => {
    const name = hostOf(new URL(`${target.protocol}//${target.host ?? target.hostname}`))
    // For an address literal Node asks no resolver.
    if (isIP(name) && !isPublicAddress(name, allow_loopback)) return tell(blocked(name), null)
    connect(target, tell)
  }
}

const blocked = (address: string): Error => new Error(`refused by the guard: ${address} is not public`)

const resolveBySystem: Resolve = (name) =>
  new Promise((resolve, reject) => {
    dnsLookup(name, { all: true }, (error, found) => (error ? reject(error) : resolve(found)))
  })
