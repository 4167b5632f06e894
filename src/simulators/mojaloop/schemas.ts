/** A small part of JSON Schema, enough for the SDK's outbound API (Apache-2.0, mojaloop/api-snippets 17 and 18). */
export type Schema =
  | {
      readonly type: 'string'
      readonly pattern?: RegExp
      readonly one_of?: ReadonlySet<string>
      readonly min?: number
      readonly max?: number
    }
  | { readonly type: 'boolean' }
  | { readonly type: 'integer'; readonly min?: number }
  | { readonly type: 'array'; readonly items: Schema; readonly min?: number; readonly max?: number }
  | {
      readonly type: 'object'
      readonly properties: Readonly<Record<string, Schema>>
      readonly required: readonly string[]
    }
  /** Anything. */
  | { readonly type: 'any' }

const string = (min?: number, max?: number): Schema => ({
  type: 'string',
  ...(min === undefined ? {} : { min }),
  ...(max === undefined ? {} : { max }),
})
const pattern = (pattern: RegExp): Schema => ({ type: 'string', pattern })
const oneOf = (...values: string[]): Schema => ({ type: 'string', one_of: new Set(values) })
const object = (required: string, properties: Record<string, Schema>): Schema => ({
  type: 'object',
  required: required.split(' '),
  properties,
})
const any: Schema = { type: 'any' }

const currency = oneOf(...Intl.supportedValuesOf('currency'), 'XTS', 'XXX')
const amount = pattern(/^([0]|([1-9][0-9]{0,17}))([.][0-9]{0,3}[1-9])?$/)
const amountType = oneOf('SEND', 'RECEIVE')
const correlationId = pattern(
  /^[0-9a-f]{8}-[0-9a-f]{4}-[1-7][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$|^[0-9A-HJKMNP-TV-Z]{26}$/,
)
const personName = pattern(
  /^(?!\s*$)[\p{L}\p{gc=Mark}\p{digit}\p{gc=Connector_Punctuation}\p{Join_Control} .,'’-]{1,128}$/u,
)
const extensions: Schema = {
  type: 'array',
  min: 0,
  max: 16,
  items: object('key value', { key: string(1, 32), value: string(1, 128) }),
}
const party = object('idType idValue', {
  type: oneOf('CONSUMER', 'AGENT', 'BUSINESS', 'DEVICE'),
  idType: oneOf('MSISDN', 'EMAIL', 'PERSONAL_ID', 'BUSINESS', 'DEVICE', 'ACCOUNT_ID', 'IBAN', 'ALIAS'),
  idValue: string(1, 128),
  idSubValue: string(1, 128),
  // ASCII only: an accent here is refused although first and last names accept it.
  displayName: pattern(/^(?!\s*$)[\w .,'-]{1,128}$/),
  firstName: personName,
  middleName: personName,
  lastName: personName,
  dateOfBirth: pattern(/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/),
  merchantClassificationCode: pattern(/^[\d]{1,4}$/),
  fspId: string(1, 32),
  supportedCurrencies: { type: 'array', items: currency, min: 0, max: 16 },
  kycInformation: string(1, 2048),
  extensionList: extensions,
})
const positive: Schema = { type: 'integer', min: 1 }
const money = object('currency amount', { currency, amount })
const order = { amountType, currency, amount, transactionType: oneOf('TRANSFER') }
const subScenario = pattern(/^[A-Z_]{1,32}$/)

export const transferSchema = object('homeTransactionId from to amountType currency amount transactionType', {
  homeTransactionId: string(),
  from: party,
  to: party,
  ...order,
  subScenario,
  note: string(1, 128),
  quoteRequestExtensions: extensions,
  transferRequestExtensions: extensions,
  skipPartyLookup: { type: 'boolean' },
  prepareExpirySeconds: positive,
  fxPrepareExpirySeconds: positive,
  quoteExpirySeconds: positive,
  fxQuoteExpirySeconds: positive,
})

export const quotesSchema = object('fspId quotesPostRequest', {
  fspId: string(1, 32),
  quotesPostRequest: object('quoteId transactionId payee payer amountType amount transactionType', {
    quoteId: correlationId,
    transactionId: correlationId,
    transactionRequestId: correlationId,
    payee: any,
    payer: any,
    amountType,
    amount: money,
    fees: money,
    transactionType: any,
    converter: any,
    currencyConversion: any,
    geoCode: any,
    note: string(1, 128),
    expiration: string(),
    extensionList: any,
  }),
})

export const simpleTransfersSchema = object('fspId transfersPostRequest', {
  fspId: string(1, 32),
  transfersPostRequest: object('transferId payeeFsp payerFsp amount ilpPacket condition expiration', {
    transferId: correlationId,
    payeeFsp: string(1, 32),
    payerFsp: string(1, 32),
    amount: money,
    ilpPacket: pattern(/^[A-Za-z0-9_-]+[=]{0,2}$/),
    condition: pattern(/^[A-Za-z0-9_-]{43}$/),
    expiration: string(),
    extensionList: any,
  }),
})

export const bulkQuotesSchema = object('homeTransactionId from individualQuotes', {
  homeTransactionId: string(),
  bulkQuoteId: correlationId,
  from: party,
  individualQuotes: {
    type: 'array',
    min: 1,
    max: 1000,
    items: object('quoteId to amountType currency transactionType amount', {
      quoteId: correlationId,
      to: party,
      ...order,
      subScenario,
      note: string(1, 128),
      extensions: any,
    }),
  },
  extensions: any,
})

export const bulkTransfersSchema = object(
  'bulkTransferId homeTransactionId bulkQuoteId from individualTransfers',
  {
    homeTransactionId: string(),
    bulkTransferId: correlationId,
    bulkQuoteId: correlationId,
    from: party,
    individualTransfers: {
      type: 'array',
      min: 1,
      max: 1000,
      items: object('transferId to amountType currency amount ilpPacket condition', {
        transferId: correlationId,
        to: party,
        ...order,
        subScenario,
        ilpPacket: pattern(/^[A-Za-z0-9_-]+[=]{0,2}$/),
        condition: pattern(/^[A-Za-z0-9_-]{43}$/),
        note: string(1, 128),
        extensions: any,
      }),
    },
    extensions: any,
  },
)
