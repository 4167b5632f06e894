import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from 'undici'
import { startSimulators } from './index.ts'
import type { SettingsPatch, SimulatorOptions, Simulators } from './index.ts'

/** The parts of the SDK's answers that tests look at. */
export type Answer = {
  readonly status: number
  readonly text: string
  readonly json: Json
}
export type Json = { readonly [name: string]: Json } & {
  readonly transferId: string
  readonly message: string
  readonly statusCode: string | number
}

export type Payment = {
  readonly operation: string
  readonly reference: string
  readonly party: string
  readonly amount: number
}

/** A running world for tests: the ports' clients, and the few calls that every test makes. */
export type TestWorld = {
  readonly folder: string
  readonly simulators: Simulators
  readonly sdk: Call
  readonly hub: Call
  readonly control: Call
  readonly post: (party: string, more?: Record<string, unknown>) => Promise<Answer>
  readonly advance: (advance_s: number) => Promise<Answer>
  readonly set: (mojaloop: unknown) => Promise<Answer>
  readonly paid: () => Promise<readonly Payment[]>
  /** Stops, and leaves the log for a next world. */
  readonly stop: () => Promise<void>
  readonly close: () => Promise<void>
}

export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>

const noJson = {} as Json

/** A client of one local port. */
export function clientOf(port: number): { readonly call: Call; readonly close: () => Promise<void> } {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 64 })
  return {
    close: () => pool.destroy(),
    call: async (method, path, body, headers = {}) => {
      const sent = typeof body === 'string' ? body : JSON.stringify(body)
      const answer = await pool.request({
        method: method as 'GET',
        path,
        headers: { 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: sent }),
      })
      const text = await answer.body.text()
      const is_json = String(answer.headers['content-type'] ?? '').includes('json')
      return { status: answer.statusCode, text, json: is_json ? (JSON.parse(text) as Json) : noJson }
    },
  }
}

/** Body of POST /transfers for a number. */
export const transferTo = (party: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  homeTransactionId: 'bulk-001/row-1',
  from: { type: 'BUSINESS', idType: 'MSISDN', idValue: '123456789', displayName: 'Tresor Public' },
  to: { idType: 'MSISDN', idValue: party },
  amountType: 'SEND',
  currency: 'XOF',
  amount: '10000',
  transactionType: 'TRANSFER',
  note: 'Salaire',
  ...more,
})

export async function openTestWorld(
  settings: SettingsPatch = {},
  options: Partial<SimulatorOptions> = {},
): Promise<TestWorld> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'cauri-sim-'))
  const start = { sdk_port: 0, hub_port: 0, simulator_port: 0, settings, ...options, folder }
  const simulators = await startSimulators(start)
  const sdk = clientOf(simulators.ports.sdk)
  const hub = clientOf(simulators.ports.hub)
  const control = clientOf(simulators.ports.simulator)
  const stop = async (): Promise<void> => {
    await Promise.all([sdk.close(), hub.close(), control.close()])
    await simulators.close()
  }
  return {
    folder,
    simulators,
    sdk: sdk.call,
    hub: hub.call,
    control: control.call,
    post: (party, more) => sdk.call('POST', '/transfers', transferTo(party, more)),
    advance: (advance_s) => control.call('POST', '/_sim/clock', { advance_s }),
    set: (mojaloop) => control.call('PUT', '/_sim/settings', { mojaloop }),
    paid: async () => {
      const answer = await control.call('GET', '/_sim/paid')
      return (answer.json as unknown as { payments: Payment[] }).payments
    },
    stop,
    close: async () => {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
