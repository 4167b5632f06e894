import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startSimulators } from './index.ts'
import { clientOf, openTestWorld, transferTo } from './test-world.ts'
import type { Payment } from './test-world.ts'

type Ports = { readonly sdk: number; readonly hub: number; readonly simulator: number }

describe('the durable log', () => {
  let folder: string
  const children: ChildProcess[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cauri-sim-'))
  })
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  const start = async (more: NodeJS.ProcessEnv = {}): Promise<{ child: ChildProcess; ports: Ports }> => {
    const env = {
      ...process.env,
      CAURI_HOME: folder,
      SDK_PORT: '0',
      HUB_PORT: '0',
      SIMULATOR_PORT: '0',
      ...more,
    }
    const child = fork(new URL('./main.ts', import.meta.url), {
      env,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    children.push(child)
    const ports = await new Promise<Ports>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the simulators ended with ${code}`)))
      child.on('message', (message: { kind: string; ports: Ports }) => {
        if (message.kind === 'ready') resolve(message.ports)
      })
    })
    return { child, ports }
  }
  const paidAt = async (port: number): Promise<readonly Payment[]> => {
    const control = clientOf(port)
    const answer = await control.call('GET', '/_sim/paid')
    await control.close()
    return (answer.json as unknown as { payments: Payment[] }).payments
  }

  it('forgets nothing that it answered when killed amid 500 payments, and pays no resend twice', async () => {
    const first = await start()
    const sdk = clientOf(first.ports.sdk)
    const ids = Array.from({ length: 500 }, () => randomUUID())
    const orders = ids.map((transferId, i) => transferTo(`2289012${1000 + i}`, { transferId }))
    const answered = new Set<string>()
    const posts = orders.map(async (order, i) => {
      const answer = await sdk.call('POST', '/transfers', order).catch(() => undefined)
      if (answer?.status !== 200) return
      answered.add(ids[i] ?? '')
      if (answered.size === 150) first.child.kill('SIGKILL')
    })
    await Promise.all(posts)
    await sdk.close()
    expect(answered.size).toBeGreaterThanOrEqual(150)

    // A line that the kill tore: its end never came.
    appendFileSync(join(folder, 'simulators', 'paid.jsonl'), '{"k":"transfer","id":"to')
    const second = await start()
    const before = await paidAt(second.ports.simulator)
    const references = new Set(before.map((payment) => payment.reference))
    for (const id of answered) expect(references.has(id)).toBe(true)
    const again = clientOf(second.ports.sdk)
    const statuses = await Promise.all(orders.map((order) => again.call('POST', '/transfers', order)))
    await again.close()
    expect(new Set(statuses.map((answer) => answer.status))).toEqual(new Set([200]))
    const after = await paidAt(second.ports.simulator)
    expect(after).toHaveLength(500)
    expect(new Set(after.map((payment) => payment.reference)).size).toBe(500)
    for (const line of readFileSync(join(folder, 'simulators', 'paid.jsonl'), 'utf8')
      .trim()
      .split('\n'))
      expect(() => JSON.parse(line) as unknown).not.toThrow()
  })

  it('forgets no SMS that it answered when killed amid a hundred', async () => {
    const first = await start()
    const provider = clientOf(first.ports.simulator)
    const headers = { apikey: 'sandbox', 'content-type': 'application/x-www-form-urlencoded' }
    const answered = new Set<string>()
    const sent = Array.from({ length: 100 }, async (_, i) => {
      const to = `+2376900${String(i).padStart(5, '0')}`
      const form = new URLSearchParams({ username: 'sandbox', to, message: `n ${i}` }).toString()
      const path = '/sms/africas-talking/version1/messaging'
      const answer = await provider.call('POST', path, form, headers).catch(() => undefined)
      if (answer?.status !== 201) return
      answered.add(to)
      if (answered.size === 30) first.child.kill('SIGKILL')
    })
    await Promise.all(sent)
    await provider.close()
    expect(answered.size).toBeGreaterThanOrEqual(30)

    const second = await start()
    const control = clientOf(second.ports.simulator)
    const inbox = await control.call('GET', '/_sim/inbox?kind=sms')
    await control.close()
    const kept = new Set((inbox.json['messages'] as unknown as { to: string }[]).map(({ to }) => to))
    for (const to of answered) expect(kept.has(to)).toBe(true)
  })

  it('ends with its parent, and at SIGTERM', async () => {
    for (const end of [
      (child: ChildProcess) => child.disconnect(),
      (child: ChildProcess) => child.kill('SIGTERM'),
    ]) {
      const { child } = await start()
      const gone = new Promise<number | null>((resolve) => child.once('exit', resolve))
      end(child)
      expect(await gone).toBe(0)
    }
  })

  it('asks its parent to move too before it says that the clock has moved', async () => {
    const { child, ports } = await start()
    const heard: unknown[] = []
    child.on('message', (message: { kind: string; advance_s: number; id: number }) => {
      if (message.kind !== 'clock') return
      heard.push(message.advance_s)
      child.send({ kind: 'clock-done', id: message.id })
    })
    const control = clientOf(ports.simulator)
    expect((await control.call('POST', '/_sim/clock', { advance_s: 7 })).status).toBe(200)
    await control.close()
    expect(heard).toEqual([7])
  })

  it('takes up after a stop what was still to come: a late commit, a reversal, a waiting quote, its clock', async () => {
    const world = await openTestWorld({}, { folder })
    const [late, reversed] = [randomUUID(), randomUUID()]
    await world.post('22890000011', { transferId: late })
    await world.post('22890000777', { transferId: reversed })
    await world.advance(3600)
    const [later, waiting] = [randomUUID(), randomUUID()]
    const hanging = world.post('22890000202', { transferId: later }).catch(() => undefined)
    await world.set({ phases: 2 })
    await world.post('22890123456', { transferId: waiting })
    await pause(30)
    await world.stop()
    await hanging

    const next = await openTestWorld({ mojaloop: { phases: 2 } }, { folder })
    const clock = await next.control('GET', '/_sim/clock')
    expect(clock.json['offset_s']).toBe(3600)
    expect((await next.paid()).map((p) => [p.operation, p.reference])).toEqual(
      expect.arrayContaining([
        ['payout', late],
        ['payout', reversed],
        ['refund', reversed],
      ]),
    )
    expect((await next.sdk('GET', `/transfers/${later}`)).json.statusCode).toBe('3208')
    await next.advance(20)
    const found = await next.sdk('GET', `/transfers/${later}`)
    expect(found.json['fulfil']?.['body']?.['transferState']).toBe('COMMITTED')
    const accepted = await next.sdk('PUT', `/transfers/${waiting}`, { acceptQuote: true })
    expect(accepted.json['fulfil']?.['body']?.['transferState']).toBe('COMMITTED')
    expect(await next.paid()).toHaveLength(5)
    await next.stop()
  })

  it('names the port that is taken and the variable that changes it', async () => {
    const squatter = createServer()
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve))
    const { port } = squatter.address() as AddressInfo
    const options = { sdk_port: port, hub_port: 0, simulator_port: 0, folder }
    const names = new RegExp(`port ${port} is taken by another program.*SDK_PORT`)
    await expect(startSimulators(options)).rejects.toThrow(names)
    await new Promise((resolve) => squatter.close(resolve))
  })
})
