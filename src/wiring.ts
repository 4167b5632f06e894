import { join } from 'node:path'
import { onSettled } from './bulk/index.ts'
import {
  openIdentity,
  personName,
  type CodeMessage,
  type Identity,
  type PasswordCost,
} from './identity/index.ts'
import type { PurposeHandler } from './payments/index.ts'
import type { Config } from './platform/config.ts'
import type { Log } from './platform/log.ts'
import * as outbox from './platform/outbox.ts'

export const DEMO_ORGANIZATION = 'Caisse de démonstration'
export const MOJALOOP = 'mojaloop'

export type AppOptions = {
  readonly config: Config
  readonly log: Log
  /** The database, as its owner: migrations are done. Statements run as the role cauri_app where it exists. */
  readonly url: string
  /** The scheme adapter, real or simulated; without one nothing is paid. */
  readonly adapter_url: string | undefined
  /** The simulators' control API, in the sandbox. */
  readonly simulator_url?: string
  readonly secret_key: string
  /** What a password hash costs; today's recommendation when absent. */
  readonly password_cost?: PasswordCost
}

export const spoolFolder = (config: Config): string => join(config.home, 'uploads')

/** What others are told, and by whom: a new kind without a handler does not compile. */
export type OutboxKind = 'bulk.finished' | 'identity.reset_asked'

/** The payload of a row of the kind `identity.code`: a code that is to go out by SMS. Nothing takes these rows yet. */
export type CodePayload = Omit<CodeMessage, 'person_id'>

/** People and sign-in, as this process has them: one for each process, for the hashes that it makes at once. */
export const identityOf = ({
  config,
  secret_key,
  password_cost,
}: Pick<AppOptions, 'config' | 'secret_key' | 'password_cost'>): Identity =>
  openIdentity({
    secret_key,
    field_key: config.FIELD_ENCRYPTION_KEY,
    public_url: config.PUBLIC_URL,
    password_cost,
    sendCode: (tx, { person_id, ...payload }) =>
      outbox.add<'identity.code'>(tx, 'identity.code', personName(person_id), payload satisfies CodePayload),
    askReset: (tx, account) => outbox.add<OutboxKind>(tx, 'identity.reset_asked', 'person:unknown', account),
  })

/** The purposes that a payment can have. Each has its handler, called in the transaction that settles. */
export const purposeHandlers = {
  BULK_LINE: onSettled((tx, bulk_id, fact) =>
    outbox.add<OutboxKind>(tx, 'bulk.finished', bulk_id, {
      ...fact,
      organization_id: String(fact.organization_id),
    }),
  ),
} satisfies Record<string, PurposeHandler>
