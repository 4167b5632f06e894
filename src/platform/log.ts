import pino from 'pino'

export type Log = pino.Logger

/** +228••••3456: enough to recognise a number, too little to use it. */
export const maskPhone = (number: string): string =>
  number.length <= 7 ? '•'.repeat(number.length) : `${number.slice(0, 4)}••••${number.slice(-4)}`

/** Any run of 8 to 15 digits in a free text might be a phone number: it leaves the house masked. */
export const maskNumbers = (text: string): string => text.replace(/\+?\d{8,15}/g, (run) => maskPhone(run))

const SECRET = ['authorization', 'cookie', 'password', 'secret', 'token', 'access', 'refresh', 'otp']
const PARTY = [
  'phone',
  'party_identifier',
  'partyIdentifier',
  'payee_party_identifier',
  'idValue',
  'to',
  'from',
]

/** What helps at night, and nothing else: the errors of libraries drag whole connections with them. */
function plainError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) }
  const { name, message, stack } = error
  const more = ['code', 'constraint', 'table', 'where'].flatMap((key) => {
    const value: unknown = Reflect.get(error, key)
    return typeof value === 'string' ? [[key, value]] : []
  })
  const cause = error.cause instanceof Error ? { cause: plainError(error.cause) } : {}
  return { type: name, message: maskNumbers(message), stack, ...Object.fromEntries(more), ...cause }
}

/**
 * One JSON line per event: a constant message and fields. Secrets are dropped, phone numbers masked, bodies never
 * logged. `error` means that someone must act.
 */
export const openLog = (level: string, destination?: pino.DestinationStream): Log =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: plainError },
      redact: {
        paths: [...SECRET, ...PARTY].flatMap((name) => [name, `*.${name}`]),
        censor: (value, path) =>
          PARTY.includes(path.at(-1) ?? '') && typeof value === 'string' ? maskPhone(value) : '[redacted]',
      },
    },
    destination ?? pino.destination({ dest: 2, sync: true }),
  )
