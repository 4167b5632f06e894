import type { Answer, Order, PayoutRail } from '../../src/connectors/index.ts'
import type { Process } from './machine.ts'
import { habitsOf, type Nature } from './nature.ts'
import { openNetwork, type Network, type Request } from './network.ts'
import type { Outside } from './outside.ts'
import type { World } from './plan.ts'
import type { Referee } from './referee.ts'

export type LinkDeps = World & {
  readonly outside: Outside
  readonly referee: Pick<Referee, 'fences' | 'left' | 'note'>
}

export type Links = {
  readonly connect: (process: Process) => PayoutRail
  /** Requests that are still on their way to the rail. */
  readonly underway: () => number
}

/** The connections of the workers to the rail. */
export function openLinks(deps: LinkDeps): Links {
  const network = openNetwork(deps)
  return {
    connect: (process) => openRail({ ...deps, network, process, nature: undefined }),
    underway: network.underway,
  }
}

/** A process's connection to the rail. */
type Link = LinkDeps & {
  readonly network: Network
  readonly process: Process
  /** How it uses the rail, once it has asked. */
  nature: Nature | undefined
}

type Call = Pick<Request, 'what' | 'act'> & { readonly moves: boolean }

const silence: Answer = { kind: 'unknown', because: 'no answer in time', said: {} }
const unsent: Answer = { kind: 'unsent', because: 'a step before the order', said: {} }

function openRail(link: Link): PayoutRail {
  const { outside, plan, referee } = link
  /** Payees with a payment of this process under way: never two. */
  const paying = new Set<string>()
  return {
    name: 'simulated',
    async probe() {
      if (!(await step(link, 'probe'))) throw new Error('the rail does not answer')
      link.nature = plan.nature
      return habitsOf[plan.nature]
    },
    async pay(order, mayMove = () => true) {
      const { identifier } = order.payee
      if (paying.has(identifier)) referee.note(`two payments to ${identifier} at once`)
      paying.add(identifier)
      const answer = await pay(link, order, mayMove)
      paying.delete(identifier)
      return answer
    },
    confirm: (order, reference) =>
      about(link, order, {
        what: `confirm ${reference}`,
        act: () => outside.confirm(reference),
        moves: true,
      }),
    find: (order, reference) =>
      about(link, order, { what: 'find', act: () => outside.find(reference), moves: false }),
    close: () => Promise.resolve(),
  }
}

/** A call that moves nothing: true when the rail answered it. */
async function step({ network, outside, process }: Link, what: string): Promise<boolean> {
  const done: Answer = { kind: 'not-found', said: {} }
  const act = (): Answer | undefined => (outside.isSilent() ? undefined : done)
  return (await network.ask(process, { what, act, left: () => undefined, silence })).kind === 'not-found'
}

async function pay(link: Link, order: Order, mayMove: () => boolean): Promise<Answer> {
  const { nature, outside, plan, time } = link
  if (nature === undefined) throw new Error('pay before probe')
  if (plan.stepwise) {
    if (!(await step(link, 'step')) || !(await step(link, 'step'))) return unsent
    if (!mayMove()) return unsent
  }
  // A frozen worker has made its order before it wakes up.
  const made_at = time.now()
  const act = (copy: boolean): Answer | undefined => outside.pay(order, { nature, made_at, copy })
  return about(link, order, { what: 'pay', act, moves: nature !== 'two-phase' })
}

/** One call about an order, which may be the one that moves its money. */
async function about(link: Link, order: Order, { what, act, moves }: Call): Promise<Answer> {
  const { network, process, referee } = link
  const { fences } = referee
  const heard = fences.asks(process.name, order, moves)
  // A process that is frozen just now makes this order, in truth, when it wakes up.
  if (moves && process.alive() && process.thawsIn() === 0) fences.makes(process.name, order)
  const left = (): void => (moves ? referee.left(order) : undefined)
  const name = `${what} ${order.home_reference} ${order.reference.slice(0, 4)}`
  const answer = await network.ask(process, { what: name, act, left, silence })
  heard(answer)
  return answer
}
