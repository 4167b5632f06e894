import { randomUUID } from 'node:crypto'
import { Script } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestWorld } from '../test-world.ts'
import type { TestWorld } from '../test-world.ts'
import { listPaid, listWallets } from './paid.ts'
import { openPrompts } from './prompts.ts'

describe('the control API', () => {
  let world: TestWorld
  beforeAll(async () => {
    world = await openTestWorld()
  })
  afterAll(() => world.close())

  it('merges settings at every depth and refuses what does not exist, changing nothing', async () => {
    const put = (body: unknown) => world.control('PUT', '/_sim/settings', body)
    const merged = await put({ mojaloop: { latency_ms: { quote: 5 } } })
    expect(merged.json['mojaloop']?.['latency_ms']).toEqual({ party: 0, quote: 5, transfer: 0 })
    for (const wrong of [
      { mojaloop: { latency: 5 } },
      { mojaloop: { phases: 3 } },
      { mojaloop: { timeout_s: -1 } },
      { mojaloop: { callback_url: 'file:///etc/passwd' } },
      { unknown: true },
      { mojaloop: null },
      [],
    ]) {
      const refused = await put(wrong)
      expect([refused.status, refused.json['title'] !== undefined]).toEqual([400, true])
    }
    const now = await world.control('GET', '/_sim/settings')
    expect(now.json).toEqual(merged.json)
    await put({ mojaloop: { latency_ms: { quote: 0 } } })
  })

  it.each([
    ['POST', '/_sim/faults', '{', 400],
    ['POST', '/_sim/faults', { kind: 'nonsense' }, 400],
    ['POST', '/_sim/faults', { kind: '006', nth: 0 }, 400],
    ['POST', '/_sim/faults', { kind: '006', nth: 1, suffix: '1' }, 400],
    ['POST', '/_sim/faults', { kind: '006', rail: 'mtn-momo' }, 400],
    ['POST', '/_sim/clock', { advance_s: -5 }, 400],
    ['POST', '/_sim/clock', { advance_s: '5' }, 400],
    ['POST', '/_sim/clock', {}, 400],
    ['GET', '/_sim/paid?since=yesterday', undefined, 400],
    ['GET', '/_sim/paid?refrence=x', undefined, 400],
    ['POST', '/_sim/prompts/x', { action: 'approve' }, 404],
    ['POST', '/_sim/prompts/x', { action: 'ignore' }, 400],
    ['DELETE', '/_sim/faults/99', undefined, 404],
    ['DELETE', '/_sim/paid', undefined, 405],
    ['GET', '/_sim/nothing', undefined, 404],
  ])('refuses %s %s %j with a problem that says why', async (method, path, body, status) => {
    const refused = await world.control(method, path, body)
    expect(refused.status).toBe(status)
    expect(Object.keys(refused.json)).toEqual(['type', 'title', 'status', 'detail', 'code', 'errors'])
    expect(refused.json['detail']).toMatch(/.{10}/)
  })

  it('lists what was paid by reference, by time and by place, and the wallets that got it', async () => {
    const transferId = randomUUID()
    await world.post('22890555111', { transferId })
    await world.post('22890555111')
    const get = async (query: string): Promise<number> =>
      ((await world.control('GET', `/_sim/paid?${query}`)).json['payments'] as unknown as unknown[]).length
    expect(await get(`reference=${transferId}`)).toBe(1)
    expect(await get('rail=mojaloop')).toBe(2)
    expect(await get('rail=mtn-momo')).toBe(0)
    expect(await get('since=1')).toBe(1)
    expect(await get(`since=${new Date(Date.now() + 60_000).toISOString()}`)).toBe(0)
    const wallets = await world.control('GET', '/_sim/wallets?party=22890555111')
    expect(wallets.json).toEqual({ wallets: [{ party: '22890555111', currency: 'XOF', balance: 20_000 }] })
  })

  it('gives pages of ten thousand with the place of the next one', () => {
    const transfer = (i: number) => ({
      id: `t${i}`,
      party: `p${i % 2}`,
      amount: 1,
      home: '',
      transaction_id: '',
      terms: { party_type: 'MSISDN', currency: 'XOF', code: '', fee: 0, payer: -1 },
      at: 0,
      state: 'COMMITTED' as const,
      took_ms: i,
    })
    const paid = Array.from({ length: 20_001 }, (_, i) => transfer(i))
    const pages = [listPaid(paid, {}), listPaid(paid, { since: '10000' }), listPaid(paid, { since: '20000' })]
    const sizes = pages.map((page) => (typeof page === 'string' ? page : [page.payments.length, page.next]))
    expect(sizes).toEqual([
      [10_000, '10000'],
      [10_000, '20000'],
      [1, null],
    ])
    expect(listWallets(paid, 'p1')).toEqual([{ party: 'p1', currency: 'XOF', balance: 10_000 }])
  })

  it('keeps messages and prompts for the simulators of phones', async () => {
    const { inbox, prompts } = world.simulators
    inbox.add({ kind: 'sms', to: '22890123456', text: 'one', at: '2026-01-01T00:00:00.000Z' })
    inbox.add({ kind: 'mail', to: 'a@b.tg', text: 'two', at: '2026-01-01T00:00:01.000Z' })
    const all = (await world.control('GET', '/_sim/inbox')).json['messages'] as unknown as { text: string }[]
    expect(all.map((message) => message.text)).toEqual(['two', 'one'])
    expect((await world.control('GET', '/_sim/inbox?kind=sms')).text).not.toContain('two')
    expect((await world.control('GET', '/_sim/prompts')).json).toEqual({ prompts: [] })
    const answers: string[] = []
    const store = openPrompts()
    const base = { rail: 'mtn-momo', phone: '46733123450', amount: 100, currency: 'XAF', text: '?', at: '' }
    store.add({ id: 'p1', ...base, status: 'PENDING' }, (status) => answers.push(status))
    store.answer('p1', 'approve')
    expect([answers, store.answer('p1', 'reject')]).toEqual([['APPROVED'], 'already-answered'])
    expect(prompts.list()).toEqual([])
  })

  it('serves its page in both languages with nothing from elsewhere', async () => {
    const page = await world.control('GET', '/_sim/')
    expect(page.status).toBe(200)
    expect(page.text).toContain('Pannes injectées')
    expect(page.text).toContain('Injected faults')
    expect(page.text).not.toMatch(/https?:\/\//)
    const script = /<script>([\s\S]*)<\/script>/.exec(page.text)?.[1] ?? ''
    expect(() => new Script(script)).not.toThrow()
  })
})
