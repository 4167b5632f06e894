import { z } from 'zod'

const ms = z.number().min(0).max(600_000)

const mojaloop = z.strictObject({
  /** 1: the SDK accepts quotes by itself; 2: it stops and waits for PUT {"acceptQuote":true}. */
  phases: z.union([z.literal(1), z.literal(2)]),
  /** The SDK refuses unknown properties, the client's transferId among them. */
  strict: z.boolean(),
  latency_ms: z.strictObject({ party: ms, quote: ms, transfer: ms }),
  /** How long the SDK waits for each step, seconds. */
  timeout_s: z.number().min(0.001).max(86_400),
  /** GET /parties answers «not found» as older SDKs do: 200 with an empty body. */
  v18_parties: z.boolean(),
  /** Answers carry random extra properties, as those of the scheme's own testing tool. */
  noise: z.boolean(),
  /** Two calls at once for the same payee block everything (a defect of old SDKs) until this is set again. */
  wedge: z.boolean(),
  /** Where the hub calls the institution that talks to it directly; absent: nowhere. */
  callback_url: z.url({ protocol: /^https?$/ }).nullable(),
})

const sms = z.strictObject({
  /** Where both providers post their receipts; absent: nowhere. */
  callback_url: z.url({ protocol: /^https?$/ }).nullable(),
  receipt_delay_ms: ms,
})

/** People at the provider may take days. */
const days_ms = z.number().min(0).max(2_592_000_000)

const smile_id = z.strictObject({
  /** From the arrival of the images to what the provider says. */
  processing_ms: days_ms,
  /** From what a machine said to what people say, under the fault `provisional_first`. */
  review_ms: days_ms,
  /** What is said of people whose name is none of the test identities: clear, or as Smile ID's own sandbox does, error. */
  unmatched: z.enum(['clear', 'error']),
})

const mtn_momo = z.strictObject({
  /** From the order to its end, but for the numbers that end late or never. */
  processing_ms: days_ms,
  /** What the wallet that pays holds at first, and in which currency. */
  float: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  currency: z.enum(['XAF', 'XOF', 'EUR']),
})

export const settingsSchema = z.strictObject({
  /** Phones answer their PIN prompts by themselves. */
  auto: z.boolean(),
  mojaloop,
  sms,
  'smile-id': smile_id,
  'mtn-momo': mtn_momo,
})

export type Settings = z.output<typeof settingsSchema>
export type MojaloopSettings = Settings['mojaloop']
export type SmsSettings = Settings['sms']
export type SmileIdSettings = Settings['smile-id']
export type MtnSettings = Settings['mtn-momo']

/** Any part of the settings; what is absent stays. */
export type SettingsPatch = {
  readonly auto?: boolean
  readonly mojaloop?: Partial<Omit<MojaloopSettings, 'latency_ms'>> & {
    readonly latency_ms?: Partial<MojaloopSettings['latency_ms']>
  }
  readonly sms?: Partial<SmsSettings>
  readonly 'smile-id'?: Partial<SmileIdSettings>
  readonly 'mtn-momo'?: Partial<MtnSettings>
}

export const defaultSettings: Settings = {
  auto: false,
  mojaloop: {
    phases: 1,
    strict: false,
    latency_ms: { party: 0, quote: 0, transfer: 0 },
    timeout_s: 30,
    v18_parties: false,
    noise: false,
    wedge: false,
    callback_url: null,
  },
  sms: { callback_url: null, receipt_delay_ms: 0 },
  'smile-id': { processing_ms: 0, review_ms: 0, unmatched: 'clear' },
  'mtn-momo': { processing_ms: 0, float: 1_000_000_000, currency: 'XAF' },
}

/** Merges a patch, at every depth, and checks the result. Gives the new settings, or a sentence per fault. */
export function mergeSettings(
  current: Settings,
  patch: unknown,
): { readonly settings: Settings } | { readonly faults: readonly { pointer: string; detail: string }[] } {
  const parsed = settingsSchema.safeParse(merge(current, patch))
  if (parsed.success) return { settings: parsed.data }
  const faults = parsed.error.issues.map((issue) => ({
    pointer: `/${issue.path.join('/')}`,
    detail: issue.message,
  }))
  return { faults }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function merge(current: unknown, patch: unknown): unknown {
  if (!isObject(current) || !isObject(patch)) return patch
  const out: Record<string, unknown> = { ...current }
  for (const [name, value] of Object.entries(patch)) out[name] = merge(current[name], value)
  return out
}
