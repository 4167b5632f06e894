import { hash } from 'node:crypto'
import { z } from 'zod'
import { scenarioOf, scenarios } from './mojaloop/magic.ts'
import { isMailFault, mailFaults } from './mail/fault-kinds.ts'
import type { MailFault, MailStep } from './mail/fault-kinds.ts'
import { isSmsFault, smsFaults } from './sms/fault-kinds.ts'
import type { SmsStrike } from './sms/fault-kinds.ts'
import { actsAt as actsAtSmileId, isSmileIdFault, mayAct, smileIdFaults } from './smile-id/fault-kinds.ts'
import { actsAtMtn, isMtnFault, mtnFaults } from './mtn-momo/fault-kinds.ts'
import type { MtnOperation, MtnStrike } from './mtn-momo/fault-kinds.ts'
import type { SmileIdOperation, SmileIdStrike } from './smile-id/fault-kinds.ts'

/** Where in a payment a fault acts. `all`: the single call that does everything. */
export type Step = 'all' | 'party' | 'quote' | 'transfer' | 'status'

/** Faults of the catalogue that amount to a scenario of the table of magic numbers. */
const AS_SCENARIO: Readonly<Record<string, string>> = {
  party_not_found: '000',
  payee_limit_or_blocked: '019',
  insufficient_float: 'insufficient_float',
  currency_env_mismatch: 'currency_env_mismatch',
  amount_mismatch: 'amount_mismatch',
  pending_forever: '129',
  late_success_after_expiry: '202',
  name_mismatch: '301',
  callback_lost: '006',
  callback_duplicate: '409',
  reversal_by_operator: '777',
}

/** Faults of the HTTP call itself. */
const callFaults = [
  'init_lost_request',
  'init_lost_response',
  'http_500_after_accept',
  'http_500_no_create',
  'http_503_429',
  'maintenance_window',
  'token_expired_mid_flight',
  'wrong_subscription_or_ip',
  'waf_html_200',
  'slow_responses',
  'clock_skew',
] as const
export type CallFault = (typeof callFaults)[number]

/** Every kind of fault that has a name; a code of the table of magic numbers is one too. */
export const faultKinds: readonly string[] = [
  ...callFaults,
  ...Object.keys(AS_SCENARIO),
  'status_endpoint_lies',
]

const smileIdFaultsByPlace = Object.entries(smileIdFaults)
  .map(([kind, places]) => `${kind} (${places.join(', ')})`)
  .join('; ')

const PLAIN: readonly string[] = ['payout', 'status', 'any']
const operationsOf: Readonly<Record<string, readonly string[]>> = { 'mtn-momo': [...PLAIN, 'token'] }

const ruleSchema = z
  .strictObject({
    rail: z.enum(['mojaloop', 'sms', 'mail', 'smile-id', 'mtn-momo']).default('mojaloop'),
    operation: z.enum(['payout', 'status', 'any', 'submit', 'upload', 'token', 'callback']).default('payout'),
    kind: z.string(),
    /** End of the payee's number. */
    suffix: z.string().min(1).max(128).optional(),
    /** Every nth call. */
    nth: z.number().int().min(1).optional(),
    probability: z.number().min(0).max(1).optional(),
    seed: z.number().int().optional(),
    /** How often it strikes at most. */
    times: z.number().int().min(1).optional(),
    /** Seconds of `slow_responses`, or of the lie of `status_endpoint_lies`. */
    delay_s: z.number().min(0).max(86_400).optional(),
  })
  .superRefine((rule, ctx) => {
    const choices = [rule.suffix, rule.nth, rule.probability].filter((choice) => choice !== undefined)
    if (choices.length > 1)
      ctx.addIssue({ code: 'custom', message: 'give one of suffix, nth, probability', path: ['suffix'] })
    if (rule.rail === 'sms' && !isSmsFault(rule.kind))
      ctx.addIssue({
        code: 'custom',
        message: `not a fault of SMS; one of ${Object.keys(smsFaults).join(', ')}`,
        path: ['kind'],
      })
    if (rule.rail === 'mail' && !isMailFault(rule.kind))
      ctx.addIssue({
        code: 'custom',
        message: `not a fault of mail; one of ${Object.keys(mailFaults).join(', ')}`,
        path: ['kind'],
      })
    if (rule.rail === 'smile-id' && !(isSmileIdFault(rule.kind) && mayAct(rule.kind, rule.operation)))
      ctx.addIssue({
        code: 'custom',
        message: `not a fault of Smile ID at that operation; there are ${smileIdFaultsByPlace}`,
        path: ['kind'],
      })
    if (rule.rail === 'mtn-momo' && !isMtnFault(rule.kind))
      ctx.addIssue({
        code: 'custom',
        message: `not a fault of MTN MoMo; one of ${Object.keys(mtnFaults).join(', ')}`,
        path: ['kind'],
      })
    if (rule.rail !== 'smile-id' && !(operationsOf[rule.rail] ?? PLAIN).includes(rule.operation))
      ctx.addIssue({
        code: 'custom',
        message: `one of ${(operationsOf[rule.rail] ?? PLAIN).join(', ')}`,
        path: ['operation'],
      })
    if (rule.rail === 'mojaloop' && !faultKinds.includes(rule.kind) && !scenarios.has(rule.kind))
      ctx.addIssue({
        code: 'custom',
        message: `not a fault of payouts through Mojaloop; one of ${faultKinds.join(', ')}, or a code such as "006"`,
        path: ['kind'],
      })
  })

export type Fault = Omit<z.output<typeof ruleSchema>, 'seed'> & {
  readonly id: number
  readonly seed: number
  seen: number
  hits: number
}

/** What strikes a call: a scenario in place of the ordinary one, or something done to the call. */
export type Strike =
  | { readonly kind: 'scenario'; readonly code: string }
  | { readonly kind: CallFault | 'status_endpoint_lies'; readonly hit: number; readonly delay_s?: number }

export type Faults = {
  readonly add: (
    input: unknown,
  ) =>
    | { readonly fault: Fault }
    | { readonly faults: readonly { readonly pointer: string; readonly detail: string }[] }
  readonly list: () => readonly Fault[]
  /** Removes one, or all; gives how many went. */
  readonly remove: (id?: number) => number
  /** The first fault, in order of arrival, that strikes this call. Every rule that could act here counts the call. */
  readonly strike: (step: Step, party: string) => Strike | undefined
  /** The same for the providers of SMS; `number` is empty where no message is sent. */
  readonly strikeSms: (step: 'token' | 'message', number: string) => SmsStrike | undefined
  /** The same for mail; `to` is empty where there is no recipient yet. */
  readonly strikeMail: (step: MailStep, to: string) => MailFault | undefined
  /** The same for Smile ID; `job_id` is the client's, empty where none is known. */
  readonly strikeSmileId: (operation: SmileIdOperation, job_id: string) => SmileIdStrike | undefined
  /** The same for MTN MoMo; `number` is empty where none is known. */
  readonly strikeMtn: (operation: MtnOperation, number: string) => MtnStrike | undefined
}

/**
 * The faults that tests and people inject. With the same rules and the same calls the same ones strike. `seed` is that of
 * the rules that name none.
 */
export function openFaults(seed = 1): Faults {
  let rules: (Fault & { readonly calls: Map<string, number> })[] = []
  let last_id = 0
  /** The first rule that strikes. Every one that could act here counts the call. */
  const pick = (acts: (rule: Fault) => boolean, party: string): Fault | undefined => {
    let struck: Fault | undefined
    for (const rule of rules)
      if (acts(rule) && counts(rule, party) && struck === undefined) {
        rule.hits += 1
        struck = rule
      }
    return struck
  }
  const struck = <K extends string>(
    of: Fault['rail'],
    isKind: (kind: string) => kind is K,
    acts: (kind: K, named: string) => boolean,
    party: string,
  ): Hit<K> | undefined => {
    const rule = pick(
      ({ rail, kind, operation }) => rail === of && isKind(kind) && acts(kind, operation),
      party,
    )
    return rule === undefined || !isKind(rule.kind) ? undefined : hitBy(rule, rule.kind)
  }
  return {
    add: (input) => {
      const parsed = ruleSchema.safeParse(input)
      if (!parsed.success) return { faults: parsed.error.issues.map(whatIsWrong) }
      const fault = { ...parsed.data, seed: parsed.data.seed ?? seed, id: ++last_id, seen: 0, hits: 0 }
      rules.push({ ...fault, calls: new Map() })
      return { fault }
    },
    list: () => rules.map(({ calls: _, ...fault }) => fault),
    remove: (id) => {
      const before = rules.length
      rules = id === undefined ? [] : rules.filter((rule) => rule.id !== id)
      return before - rules.length
    },
    strike: (step, party) => {
      if (rules.length === 0) return undefined
      const rule = pick((one) => one.rail === 'mojaloop' && actsAt(one, step), party)
      return rule === undefined ? undefined : strikeOf(rule)
    },
    strikeSms: (step, number) => struck('sms', isSmsFault, (kind) => smsFaults[kind] === step, number),
    strikeMail: (step, to) => struck('mail', isMailFault, (kind) => mailFaults[kind] === step, to)?.kind,
    strikeSmileId: (at, job_id) =>
      struck('smile-id', isSmileIdFault, (kind, named) => actsAtSmileId(kind, named, at), job_id),
    strikeMtn: (at, number) =>
      struck('mtn-momo', isMtnFault, (kind, named) => actsAtMtn(kind, named, at), number),
  }
}

type Hit<K> = { readonly kind: K; readonly hit: number; readonly delay_s?: number }
const hitBy = <K>({ hits: hit, delay_s }: Fault, kind: K): Hit<K> => ({
  kind,
  hit,
  ...(delay_s === undefined ? {} : { delay_s }),
})

const whatIsWrong = ({
  path,
  message,
}: z.core.$ZodIssue): { readonly pointer: string; readonly detail: string } => ({
  pointer: `/${path.join('/')}`,
  detail: message,
})

function actsAt(rule: Fault, step: Step): boolean {
  const code = AS_SCENARIO[rule.kind] ?? (scenarios.has(rule.kind) ? rule.kind : undefined)
  if (rule.kind === 'status_endpoint_lies') return step === 'status'
  if (code === undefined) {
    if (step === 'status') return rule.operation !== 'payout'
    return rule.operation !== 'status' && (step === 'all' || step === 'transfer')
  }
  if (step === 'status' || rule.operation === 'status') return false
  if (step === 'all') return true
  const { party, quote, fee, overpaid, other_name } = scenarioOf(code)
  if (party !== undefined || other_name !== undefined) return step === 'party'
  if (quote !== undefined || fee !== undefined || overpaid !== undefined) return step === 'quote'
  return step === 'transfer'
}

/**
 * Chance depends on the seed, the payee and how many calls for that payee came before, not on the order in which
 * concurrent calls happen to arrive: a campaign can be repeated.
 */
function counts(rule: Fault & { readonly calls: Map<string, number> }, party: string): boolean {
  rule.seen += 1
  if (rule.times !== undefined && rule.hits >= rule.times) return false
  if (rule.suffix !== undefined) return party.endsWith(rule.suffix)
  if (rule.nth !== undefined) return rule.seen % rule.nth === 0
  if (rule.probability === undefined) return true
  const call = (rule.calls.get(party) ?? 0) + 1
  rule.calls.set(party, call)
  const digest = hash('sha256', `${rule.seed}|${party}|${call}`, 'buffer')
  return digest.readUInt32BE(0) / 4_294_967_296 < rule.probability
}

function strikeOf(rule: Fault): Strike {
  const code = AS_SCENARIO[rule.kind] ?? (scenarios.has(rule.kind) ? rule.kind : undefined)
  if (code !== undefined) return { kind: 'scenario', code }
  return hitBy(rule, rule.kind as CallFault | 'status_endpoint_lies')
}
