import { join } from 'node:path'
import { ensureOrganization } from '../src/identity/index.ts'
import { createAccount } from '../src/payments/index.ts'
import { openDb } from '../src/platform/db.ts'
import { DEMO_ORGANIZATION } from '../src/wiring.ts'
import { allPaid, formOf, upload } from './client.ts'
import { csvOf } from './csv.ts'
import { figure, type Figure } from './figure.ts'
import { listOf, payBatch, warmUp } from './paid.ts'
import { checkBooks, startProduct, withDatabase, type Product } from './product.ts'
import { startFloor } from './rails.ts'
import { byTurns, secondsSince, type Run } from './run.ts'

const PAYERS = 16

/** G7: whether one payer, whose account every line touches, is slower than sixteen that pay the same at once. */
export async function payers(run: Run): Promise<Figure[]> {
  const lines = run.lines ?? 100_000
  const each = Math.floor(lines / PAYERS)
  const floor = await startFloor(run.folder)
  const product = await startProduct(join(run.folder, 'payers'), {
    env: { SCHEME_ADAPTER_URL: floor.url, MOJALOOP_WINDOW: '64' },
  })
  await openPayers(product)
  await warmUp(product, run)
  const { measured, limit } = await byTurns(
    run.repeat.long,
    async (i) => (await payBatch(product, listOf('one', i, each * PAYERS))).per_s,
    (i) => payMany(product, i, each),
  )
  await checkBooks(product)
  await product.stop()
  await floor.stop()
  return [
    figure({
      id: 'G7',
      what: `one batch of ${(each * PAYERS).toLocaleString('en')} lines, one payer`,
      unit: '/s',
      better: 'higher',
      samples: measured,
      limit: {
        samples: limit,
        how: `${PAYERS} batches of ${each.toLocaleString('en')} from ${PAYERS} payers, uploaded at once`,
      },
      bar: { on: 'ratio', value: 0.9 },
    }),
  ]
}

/** Lines per second of sixteen batches, from the first upload until the last of them is final. */
async function payMany(product: Product, i: number, each: number): Promise<number> {
  const forms = Array.from({ length: PAYERS }, (_, payer) =>
    formOf(csvOf(listOf(`many-${payer}`, i * PAYERS + payer, each)), accountOf(payer)),
  )
  const started = performance.now()
  await Promise.all(forms.map(async (form) => allPaid(product, await upload(product, form), each)))
  return (each * PAYERS) / secondsSince(started)
}

const accountOf = (payer: number): string => `ACC-BENCH-${payer}`

/** As `cauri account create` does, sixteen times. */
const openPayers = (product: Product): Promise<void> =>
  withDatabase(product, async (url) => {
    const db = openDb({ url, max: 1 })
    await db.tx(async (tx) => {
      const { id: organization_id } = await ensureOrganization(tx, DEMO_ORGANIZATION)
      for (let payer = 0; payer < PAYERS; payer++)
        await createAccount(tx, 'bench', {
          organization_id,
          account_id: accountOf(payer),
          party_id_type: 'MSISDN',
          party_identifier: `9000000${10 + payer}`,
          currency: 'XOF',
          opening_balance: 1_000_000_000n,
        })
    })
    await db.end()
  })
