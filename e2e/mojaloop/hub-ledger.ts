import { createHash } from 'node:crypto'

/** A refusal in the words of the FSPIOP API. */
export type HubError = { readonly errorCode: string; readonly errorDescription: string }

/** How the hub and the payee's side treat one payee; an absent field is the ordinary, good case. */
export type Behaviour = {
  readonly party?: HubError | 'silent' | 'refused at once'
  readonly quote?: HubError | 'silent'
  /** Francs above the amount. */
  readonly fee?: bigint
  /**
   * `never`: it waits until it expires. `untold`: it commits and nobody is told. `late`: it commits, and tells, only
   * after the adapter has given up. `reserved`: RESERVED is told at once, and it commits later without a word.
   */
  readonly transfer?:
    'aborted' | 'never' | 'untold' | 'late' | 'reserved' | 'wrong fulfilment' | 'refused at once' | HubError
}

export type Quote = { readonly payee: string; readonly amount: string; readonly fee: bigint }
export type HubTransfer = {
  readonly id: string
  readonly payee: string
  /** What leaves the payer: the fee included. */
  readonly amount: bigint
  readonly condition: string
  readonly fulfilment: string
  /** Hash of the whole order: the same id with another one is refused (3106), as a real hub does. */
  readonly hash: string
  readonly expires_at: number
  state: 'RESERVED' | 'COMMITTED' | 'ABORTED'
  /** Why it is ABORTED, where it was refused with a word. */
  error?: HubError
}
/** One movement of money, in the order in which they happened. */
export type Movement = { readonly id: string; readonly payee: string; readonly amount: bigint }

const sha256 = (text: string | Buffer): Buffer => createHash('sha256').update(text).digest()

export const packetOf = (transaction: string, quote: Quote): string =>
  Buffer.from(JSON.stringify({ transactionId: transaction, ...quote, fee: String(quote.fee) })).toString(
    'base64url',
  )
const preimageOf = (packet: string): Buffer => sha256(`fulfilment ${packet}`)
/** ILP: the condition is the SHA-256 of the fulfilment's 32 bytes. */
export const conditionOf = (packet: string): string => sha256(preimageOf(packet)).toString('base64url')
export const fulfilmentOf = (packet: string, right = true): string =>
  (right ? preimageOf(packet) : sha256(packet)).toString('base64url')
export const hashOf = (body: string): string => sha256(body).toString('hex')

/** What the hub did, which judges everybody: its transfers, and what really moved. */
export type HubLedger = {
  readonly transfers: Map<string, HubTransfer>
  readonly movements: Movement[]
  readonly commit: (transfer: HubTransfer) => void
  /** As it stands now: what nobody fulfilled in time is ABORTED. */
  readonly look: (id: string, now_ms: number) => HubTransfer | undefined
}

export function openLedger(): HubLedger {
  const transfers = new Map<string, HubTransfer>()
  const movements: Movement[] = []
  return {
    transfers,
    movements,
    commit: (transfer) => {
      if (transfer.state !== 'RESERVED') return
      transfer.state = 'COMMITTED'
      movements.push({ id: transfer.id, payee: transfer.payee, amount: transfer.amount })
    },
    look: (id, now_ms) => {
      const transfer = transfers.get(id)
      if (transfer?.state === 'RESERVED' && now_ms > transfer.expires_at) {
        transfer.state = 'ABORTED'
        transfer.error = { errorCode: '3303', errorDescription: 'Transfer expired' }
      }
      return transfer
    },
  }
}
