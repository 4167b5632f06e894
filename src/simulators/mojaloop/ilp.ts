import { hash } from 'node:crypto'

/** The payee institution's secret (ASCII). Fixed, so that a fulfilment can be made again after a restart. */
const SECRET = 'payeefsp of the sandbox'

/** What the packet of a quote carries: enough for the hub to know the payment again without remembering it. */
export type Packet = {
  readonly transaction_id: string
  readonly party_type: string
  readonly party: string
  /** Francs of fee inside the quoted amount. */
  readonly fee: number
}

/** The packet of a quote, base64url. */
export const ilpPacketOf = (packet: Packet): string =>
  Buffer.from(
    `{"t":"${packet.transaction_id}","y":"${packet.party_type}","p":${JSON.stringify(packet.party)},"f":${packet.fee}}`,
  ).toString('base64url')

/** Reads a packet of ours back; `undefined` when it is somebody else's. */
export function readPacket(ilp_packet: string): Packet | undefined {
  try {
    const read: unknown = JSON.parse(Buffer.from(ilp_packet, 'base64url').toString())
    if (typeof read !== 'object' || read === null) return undefined
    const { t, y, p, f } = read as Record<string, unknown>
    if (typeof t !== 'string' || typeof y !== 'string' || typeof p !== 'string' || typeof f !== 'number')
      return undefined
    return { transaction_id: t, party_type: y, party: p, fee: f }
  } catch {
    return undefined
  }
}

const key = Buffer.alloc(64)
key.write(SECRET)
const inner_key = Buffer.from(key.map((byte) => byte ^ 0x36)).toString('latin1')
const outer = Buffer.alloc(96)
for (let i = 0; i < 64; i++) outer[i] = (key[i] ?? 0) ^ 0x5c

/** The pair that seals a payment: the fulfilment opens the condition. Both base64url, 43 characters. */
export type Seal = { readonly fulfilment: string; readonly condition: string }

/**
 * Fulfilment: HMAC-SHA-256 of the packet under the payee's secret (RFC 2104, of two one-shot hashes: four times faster
 * than a Hmac object). Condition: SHA-256 of the fulfilment's bytes.
 */
export function sealOf(ilp_packet: string): Seal {
  hash('sha256', inner_key + ilp_packet, 'buffer').copy(outer, 64)
  const fulfilment = hash('sha256', outer, 'buffer')
  return {
    fulfilment: fulfilment.toString('base64url'),
    condition: hash('sha256', fulfilment, 'base64url'),
  }
}
