import type { Answer } from '../../src/connectors/index.ts'
import type { Process } from './machine.ts'
import type { World } from './plan.ts'

/** One request to the rail. */
export type Request = {
  /** Its name for those who read along. */
  readonly what: string
  /** What the rail does with it, or with a copy of it. Undefined: it says nothing. */
  readonly act: (copy: boolean) => Answer | undefined
  /** Called when it really leaves. */
  readonly left: () => void
  /** What it means for the process when no answer comes in time. */
  readonly silence: Answer
}

export type Network = {
  /** Sends a request. A process that is killed never hears the answer. */
  readonly ask: (process: Process, request: Request) => Promise<Answer>
  /** Requests that are still on their way to the rail. */
  readonly underway: () => number
}

/** The wires between the workers and the rail. */
type Wires = World & { underway: number }

/** A request on its way, and its answer. */
type Exchange = {
  readonly wires: Wires
  readonly process: Process
  readonly request: Request
  readonly resolve: (answer: Answer) => void
}

export function openNetwork(world: World): Network {
  const wires: Wires = { ...world, underway: 0 }
  return {
    ask: (process, request) =>
      new Promise((resolve) => {
        if (process.alive()) send({ wires, process, request, resolve })
      }),
    underway: () => wires.underway,
  }
}

const tell = ({ wires, process, request }: Exchange, how: string): void =>
  wires.say?.(`${process.name} ${request.what} ${how}`)

function send(exchange: Exchange): void {
  const { wires, process, request, resolve } = exchange
  const { time, random, faults, plan } = wires
  if (faults.strike('network: request never left'))
    return hear(exchange, 1, { kind: 'unsent', because: 'ECONNREFUSED', said: {} })
  const copies = faults.strike('network: request delivered again')
  process.clock.after(plan.settings.timeout_ms, () => resolve(request.silence))
  if (faults.strike('worker: frozen before its write')) process.freeze(random.between(2_000, 40_000))
  const thaws_ms = process.thawsIn()
  if (thaws_ms > 0)
    return void time.after(
      thaws_ms,
      'the late write',
      process.gate(() => leave(exchange, copies)),
    )
  leave(exchange, copies)
  if (faults.strike('worker: killed after sending')) process.kill()
}

function leave(exchange: Exchange, copies: boolean): void {
  const { random, faults } = exchange.wires
  exchange.request.left()
  tell(exchange, 'leaves')
  let ms = random.between(1, 30)
  if (faults.strike('network: request lost')) return
  if (faults.strike('network: request late')) ms += late(exchange.wires)
  deliver(exchange.wires, ms, () => answer(exchange, actAt(exchange, false)))
  if (copies) deliver(exchange.wires, ms + random.between(1, 30_000), () => void actAt(exchange, true))
}

/** Somewhat later than anybody waits for it, or just within the rail's promise, or much later. */
function late({ random, plan }: Wires): number {
  if (random.chance(0.4)) return random.between(0.5, 4) * plan.settings.timeout_ms
  return random.chance(0.6) ? random.between(0.7, 1) * plan.promise_ms : random.between(500, 30_000)
}

function deliver(wires: Wires, ms: number, call: () => void): void {
  wires.underway += 1
  wires.time.after(ms, 'rail', () => {
    wires.underway -= 1
    call()
  })
}

function actAt(exchange: Exchange, copy: boolean): Answer | undefined {
  const said = exchange.request.act(copy)
  tell(exchange, `${copy ? 'again ' : ''}at the rail: ${wordOf(said)}`)
  return said
}

/** Sends back what the rail said, or what stands between makes of it. */
function answer(exchange: Exchange, said: Answer | undefined): void {
  const { random, faults } = exchange.wires
  if (said === undefined || faults.strike('network: answer lost')) return
  const ms = random.between(1, 30) + (faults.strike('network: answer late') ? late(exchange.wires) : 0)
  if (faults.strike('rail: effect and 5xx'))
    return hear(exchange, ms, { kind: 'unknown', because: 'HTTP 503', said: { http_status: 503 } })
  if (faults.strike('rail: effect and reset'))
    return hear(exchange, ms, { kind: 'unknown', because: 'ECONNRESET', said: {} })
  hear(exchange, ms, said)
}

/** The answer comes to the process, if that still lives. */
function hear(exchange: Exchange, ms: number, said: Answer): void {
  const { wires, process, resolve } = exchange
  const arrive = process.gate(() => {
    if (wires.faults.strike('worker: killed before reading an answer')) return process.kill()
    tell(exchange, `answered: ${wordOf(said)}`)
    resolve(said)
  })
  wires.time.after(ms, `${process.name} hears`, arrive)
}

const wordOf = (answer: Answer | undefined): string =>
  answer === undefined ? 'nothing' : `${answer.kind} ${'because' in answer ? answer.because : ''}`
