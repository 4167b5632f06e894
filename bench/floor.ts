import { Pool } from 'undici'

/**
 * The floor of a rail with one call per transfer: the same calls to the same simulator by a bare client, without
 * reading, deciding or writing anything. Answers calls per second.
 */
export async function httpFloor(adapter: string, calls: number, at_once: number): Promise<number> {
  const pool = new Pool(adapter, { connections: at_once })
  let next = 0
  const one = async (): Promise<void> => {
    while (next < calls) {
      const i = next++
      const { body } = await pool.request({
        path: '/transfers',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          homeTransactionId: `floor-${i}`,
          from: { idType: 'MSISDN', idValue: '123456789' },
          to: { idType: 'MSISDN', idValue: `229${10_000_000 + i * 7}`.replace(/000(\d{3})$/, '111$1') },
          amountType: 'SEND',
          currency: 'XOF',
          amount: '100',
          transactionType: 'TRANSFER',
          transferId: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
        }),
      })
      await body.dump({ limit: 65_536 })
    }
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: at_once }, one))
  const seconds = (performance.now() - started) / 1_000
  await pool.close()
  return calls / seconds
}
