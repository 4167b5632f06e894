import type { DurableLog } from '../durable-log.ts'
import type { Call } from './call.ts'
import { otherLine } from './hub-records.ts'
import type { LogLine, Prepare } from './hub-records.ts'

/** What the SDK's cache holds of a transfer beyond what the hub knows of it. */
export type Model =
  | { readonly state: 'WAITING'; readonly call: Call }
  | { readonly state: 'ABORTED'; readonly call: Call }
  | { readonly state: 'ERRORED'; readonly order: Prepare; readonly last_error: string }

export type Models = {
  readonly get: (id: string) => Model | undefined
  /** `done` runs once the change is in the durable log. */
  readonly wait: (call: Call, done: () => void) => void
  readonly abort: (call: Call, done: () => void) => void
  /** A model of the first phase that breaks is not worth a line: nobody resumes it. */
  readonly break: (order: Prepare, last_error: string, is_resumable: boolean) => void
  readonly forget: (id: string) => void
  readonly replay: (line: LogLine) => void
}

/** Opens the SDK's cache of models: small, because a transfer that went well needs none. */
export function openModels(log: () => DurableLog, callFrom: (data: string) => Call): Models {
  const models = new Map<string, Model>()
  const errors = new Map<string, string>()
  const shared = (text: string): string => {
    const known = errors.get(text) ?? text
    if (errors.size < 1000) errors.set(text, known)
    return known
  }
  const keep = (call: Call, state: 'WAITING' | 'ABORTED', done: () => void): void => {
    models.set(call.id, { state, call })
    const data = JSON.stringify({ ...call, scenario: undefined })
    log().append(otherLine({ k: 'model', id: call.id, state, data }), done)
  }
  const replay = (line: LogLine): void => {
    // The order reached the hub: what it says is all there is to know.
    if (line.k === 'transfer') models.delete(line.id)
    if (line.k !== 'model' || line.data === undefined) return
    if (line.state === 'WAITING' || line.state === 'ABORTED')
      models.set(line.id, { state: line.state, call: callFrom(line.data) })
    else {
      const { order, last_error } = JSON.parse(line.data) as { order: Prepare; last_error: string }
      models.set(line.id, { state: 'ERRORED', order, last_error })
    }
  }
  return {
    get: (id) => models.get(id),
    wait: (call, done) => keep(call, 'WAITING', done),
    abort: (call, done) => keep(call, 'ABORTED', done),
    break: (order, last_error, is_resumable) => {
      models.set(order.id, { state: 'ERRORED', order, last_error: shared(last_error) })
      if (!is_resumable) return
      const data = JSON.stringify({ order, last_error })
      log().append(otherLine({ k: 'model', id: order.id, state: 'ERRORED', data }))
    },
    forget: (id) => {
      models.delete(id)
    },
    replay,
  }
}
