import type { Answer, Order, PayoutRail } from '../../src/connectors/index.ts'
import type { Faults } from './faults.ts'
import type { Fences } from './fences.ts'
import type { Process } from './machine.ts'
import { habitsOf, type Nature, type Outside } from './outside.ts'
import type { Random } from './random.ts'
import type { Time } from './time.ts'

export type LinkDeps = {
  readonly time: Time
  readonly random: Random
  readonly faults: Faults
  readonly outside: Outside
  readonly timeout_ms: number
  /** How the rail is used now; a worker that asked keeps to what it was told until it asks again. */
  readonly nature: () => Nature
  readonly stepwise: boolean
  /** Called when an order that may move money really leaves. */
  readonly left: (order: Order) => void
  readonly fences: Fences
  readonly promise_ms: number
  readonly wrong: (what: string) => void
  /** Told what goes over the wire, when somebody reads along. */
  readonly say: ((what: string) => void) | undefined
}

export type Links = {
  readonly connect: (process: Process) => PayoutRail
  /** Requests that are still on their way to the rail. */
  readonly underway: () => number
}

/** The network between the workers and the rail. */
export function openLinks(deps: LinkDeps): Links {
  const { time, random, faults, outside } = deps
  let underway = 0
  const deliver = (ms: number, call: () => void): void => {
    underway += 1
    time.after(ms, 'rail', () => {
      underway -= 1
      call()
    })
  }

  /** Somewhat later than anybody waits for it, or just within the rail's promise, or much later. */
  const late = (): number => {
    if (random.chance(0.4)) return random.between(0.5, 4) * deps.timeout_ms
    return random.chance(0.6) ? random.between(0.7, 1) * deps.promise_ms : random.between(500, 30_000)
  }

  /** One request and its answer. `act` is what the rail does with it, for the request itself or for a copy of it. */
  const call = (
    process: Process,
    what: string,
    does: (copy: boolean) => Answer | undefined,
    left: () => void,
    silence: Answer,
  ): Promise<Answer> =>
    new Promise((resolve) => {
      if (!process.alive()) return
      const tell = (how: string): void => deps.say?.(`${process.name} ${what} ${how}`)
      const act = (copy: boolean): Answer | undefined => {
        const answer = does(copy)
        tell(`${copy ? 'again ' : ''}at the rail: ${wordOf(answer)}`)
        return answer
      }
      const arrive = (ms: number, answer: Answer): void =>
        void time.after(
          ms,
          `${process.name} hears`,
          process.gate(() => {
            if (faults.strike('worker: killed before reading an answer')) process.kill()
            else {
              tell(`answered: ${wordOf(answer)}`)
              resolve(answer)
            }
          }),
        )
      if (faults.strike('network: request never left'))
        return arrive(1, { kind: 'unsent', because: 'ECONNREFUSED', said: {} })
      const copies = faults.strike('network: request delivered again')
      process.clock.after(deps.timeout_ms, () => resolve(silence))
      const leave = (): void => {
        left()
        tell('leaves')
        let ms = random.between(1, 30)
        if (faults.strike('network: request lost')) return
        if (faults.strike('network: request late')) ms += late()
        deliver(ms, () => back(act(false), arrive))
        if (copies) deliver(ms + random.between(1, 30_000), () => void act(true))
      }
      if (faults.strike('worker: frozen before its write')) process.freeze(random.between(2_000, 40_000))
      if (process.thawsIn() > 0)
        return void time.after(process.thawsIn(), 'the late write', process.gate(leave))
      leave()
      if (faults.strike('worker: killed after sending')) process.kill()
    })

  const back = (answer: Answer | undefined, arrive: (ms: number, answer: Answer) => void): void => {
    if (answer === undefined || faults.strike('network: answer lost')) return
    const ms = random.between(1, 30) + (faults.strike('network: answer late') ? late() : 0)
    if (faults.strike('rail: effect and 5xx'))
      return arrive(ms, { kind: 'unknown', because: 'HTTP 503', said: { http_status: 503 } })
    if (faults.strike('rail: effect and reset'))
      return arrive(ms, { kind: 'unknown', because: 'ECONNRESET', said: {} })
    arrive(ms, answer)
  }

  const connect = (process: Process): PayoutRail => {
    const silent: Answer = { kind: 'unknown', because: 'no answer in time', said: {} }
    const unsent: Answer = { kind: 'unsent', because: 'a step before the order', said: {} }
    const nothing = (): void => undefined
    const step = async (): Promise<boolean> => {
      const done: Answer = { kind: 'not-found', said: {} }
      const act = (): Answer | undefined => (outside.isSilent() ? undefined : done)
      return (await call(process, 'step', act, nothing, silent)).kind === 'not-found'
    }
    let nature: Nature | undefined
    /** One call about an order, which may be the one that moves its money. */
    const about = async (
      order: Order,
      what: string,
      does: (copy: boolean) => Answer | undefined,
      moves: boolean,
    ): Promise<Answer> => {
      const heard = deps.fences.asks(process.name, order, moves)
      // A process that is frozen just now makes this order, in truth, when it wakes up.
      if (moves && process.alive() && process.thawsIn() === 0) deps.fences.makes(process.name, order)
      const left = moves ? () => deps.left(order) : nothing
      const name = `${what} ${order.home_reference} ${order.reference.slice(0, 4)}`
      const answer = await call(process, name, does, left, silent)
      heard(answer)
      return answer
    }
    /** Payees with a payment of this process under way: never two. */
    const paying = new Set<string>()
    const pay = async (order: Order, mayMove: () => boolean): Promise<Answer> => {
      if (nature === undefined) throw new Error('pay before probe')
      const how = nature
      if (deps.stepwise) {
        if (!(await step()) || !(await step())) return unsent
        if (!mayMove()) return unsent
      }
      // A frozen worker has made its order before it wakes up.
      const made_at = time.now()
      const does = (copy: boolean): Answer | undefined => outside.pay(order, how, made_at, copy)
      return about(order, 'pay', does, how !== 'two-phase')
    }
    return {
      name: 'simulated',
      async probe() {
        const act = (): Answer | undefined => (outside.isSilent() ? undefined : silent)
        const answer = await call(process, 'probe', act, nothing, unsent)
        if (answer !== silent) throw new Error('the rail does not answer')
        nature = deps.nature()
        return habitsOf[nature]
      },
      async pay(order, mayMove = () => true) {
        const { identifier } = order.payee
        if (paying.has(identifier)) deps.wrong(`two payments to ${identifier} at once`)
        paying.add(identifier)
        const answer = await pay(order, mayMove)
        paying.delete(identifier)
        return answer
      },
      confirm: (order, reference) =>
        about(order, `confirm ${reference}`, () => outside.confirm(order, reference), true),
      find: (order, reference) => about(order, 'find', () => outside.find(order, reference), false),
      close: () => Promise.resolve(),
    }
  }
  return { connect, underway: () => underway }
}

const wordOf = (answer: Answer | undefined): string =>
  answer === undefined ? 'nothing' : `${answer.kind} ${'because' in answer ? answer.because : ''}`
