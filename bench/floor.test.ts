import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { openMojaloop } from '../src/connectors/index.ts'
import { openLog } from '../src/platform/log.ts'
import { openOutbound } from '../src/platform/outbound.ts'
import { payeeOf } from './csv.ts'
import { bodyOf, runBare } from './floor.ts'
import { stopAll } from './processes.ts'
import { startFloor } from './rails.ts'

afterAll(stopAll)

const reference = '0b5f3a52-93a1-4f0e-8a53-3c1f6d4f9b11'

test('the bare client sends what Cauri sends, to the byte and to the header', async () => {
  const seen: { headers: string[]; body: string }[] = []
  const server = createServer((request, answer) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const probe = body.includes('"amount":"probe"')
      if (!probe) seen.push({ headers: request.rawHeaders, body })
      answer.writeHead(probe ? 400 : 200).end('{"message":"amount"}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const outbound = openOutbound({ production: false, allow_loopback: true })
  const rail = openMojaloop({
    url,
    mode: 'auto',
    expiry_s: 60,
    connections: 1,
    outbound,
    log: openLog('silent'),
  })
  await rail.probe()
  await rail.pay({
    reference,
    home_reference: 'b-0',
    amount: 100n,
    currency: 'XOF',
    payee: { type: 'MSISDN', identifier: payeeOf(0) },
    payer: { type: 'MSISDN', identifier: '123456789' },
    fee_cap: 0n,
  })
  await runBare({ url, transfers: 1, connections: 1, tag: 'b' })
  await rail.close()
  await outbound.close()
  server.close()
  const [ours, bare] = seen
  expect(ours?.body).toBe(bodyOf(reference, 'b-0', payeeOf(0), 100))
  expect(bare?.body.replace(/"transferId":"[^"]+"/, `"transferId":"${reference}"`)).toBe(ours?.body)
  expect(bare?.headers).toEqual(ours?.headers)
})

test('the rail that does nothing answers every call, and the client notices when it does not', async () => {
  const floor = await startFloor(process.cwd())
  const { per_s, cpu_us } = await runBare({ url: floor.url, transfers: 200, connections: 8, tag: 'x' })
  expect(per_s).toBeGreaterThan(0)
  expect(cpu_us).toBeGreaterThan(0)
  await floor.stop()
  await expect(runBare({ url: floor.url, transfers: 1, connections: 1, tag: 'x' })).rejects.toThrow(
    'ECONNREFUSED',
  )
})
