import { sql, type Reader, type Tx } from '../platform/db.ts'
import { Refusal } from '../platform/errors.ts'
import { isNews, kinds, newsKinds, type Kind, type NewsKind } from './kinds.ts'

export const channels = ['sms', 'mail', 'in_app'] as const
export type Channel = (typeof channels)[number]
export type Preference = {
  readonly kind: NewsKind
  readonly channel: Channel
  readonly is_wanted: boolean
}

/** Says what a person wants to hear of. Refuses VALIDATION_FAILED for security messages: nobody switches them off. */
export async function setPreference(
  tx: Tx,
  person_id: bigint,
  { kind, channel, is_wanted }: Omit<Preference, 'kind'> & { readonly kind: Kind },
): Promise<void> {
  if (!isNews(kind))
    throw new Refusal('VALIDATION_FAILED', {
      detail: {
        en: 'Security messages cannot be switched off.',
        fr: 'Les messages de sécurité ne peuvent pas être désactivés.',
      },
    })
  await tx.run(sql`
    insert into notifications_preferences (person_id, kind, channel, is_wanted)
    values (${person_id}, ${kind}, ${channel}, ${is_wanted})
    on conflict (person_id, kind, channel) do update set is_wanted = excluded.is_wanted`)
}

/** What the person has said; what is not there is wanted. */
export const listPreferences = (db: Reader, person_id: bigint): Promise<Preference[]> =>
  db.many(sql`
    select kind, channel, is_wanted from notifications_preferences
    where person_id = ${person_id} order by kind, channel`)

/** Every kind of news in every way, with what the person has said. */
export async function listChoices(db: Reader, person_id: bigint): Promise<readonly Preference[]> {
  const said = await listPreferences(db, person_id)
  return newsKinds.flatMap((kind) =>
    channels.map((channel) => ({
      kind,
      channel,
      is_wanted: said.find((one) => one.kind === kind && one.channel === channel)?.is_wanted ?? true,
    })),
  )
}

/** The same as `setPreference`, for a kind as somebody wrote it. Refuses VALIDATION_FAILED for one that is none. */
export async function choosePreference(
  tx: Tx,
  person_id: bigint,
  choice: { readonly kind: string; readonly channel: Channel; readonly is_wanted: boolean },
): Promise<void> {
  const isKind = (name: string): name is Kind => Object.hasOwn(kinds, name)
  if (!isKind(choice.kind)) throw new Refusal('VALIDATION_FAILED')
  await setPreference(tx, person_id, { ...choice, kind: choice.kind })
}

export async function wants(
  db: Reader,
  person_id: bigint,
  { kind, channel }: Pick<Preference, 'kind' | 'channel'>,
): Promise<boolean> {
  const said = await db.maybeOne<{ is_wanted: boolean }>(sql`
    select is_wanted from notifications_preferences
    where person_id = ${person_id} and kind = ${kind} and channel = ${channel}`)
  return said?.is_wanted ?? true
}
