import type pg from 'pg'

/**
 * For whom a connection asks: one organisation, one person, everybody, or nobody, which is where every connection begins. Row-level
 * security reads it from the setting `cauri.scope`, for the role of the API only; what has no organisation is not asked.
 */
export type Scope = '' | 'all' | `${bigint}` | `person:${bigint}`

/** What the session of each connection was told last. One that is not here was never told anything. */
const told = new WeakMap<pg.PoolClient, Scope>()

/** SET takes no parameters: the text is looked at, whatever its type promises. */
function saying(scope: Scope, how: 'session' | 'local'): string {
  if (!/^(?:all|(?:person:)?\d+)?$/.test(scope)) throw new Error('a scope is not spelt so')
  return `set ${how} cauri.scope = '${scope}'`
}

/**
 * What begins a transaction that asks for `scope`; '' when the session asks for it already. It ends with the transaction, whichever
 * way that ends: whoever uses the connection next finds what the session was told.
 */
export const scopeOfTransaction = (client: pg.PoolClient, scope: Scope): string =>
  (told.get(client) ?? '') === scope ? '' : `; ${saying(scope, 'local')}`

/**
 * Runs one statement on a connection that asks for `scope`. The session is told only when it was told something else last: a
 * round trip more, which callers of one scope never pay. A connection on which anything failed is given up, so what its session
 * believes need not be known.
 */
export async function askWithin(
  pool: pg.Pool,
  scope: Scope,
  config: pg.QueryConfig & { readonly query_timeout: number },
): Promise<pg.QueryResult> {
  const client = await pool.connect()
  let lost: Error | undefined
  const onError = (error: Error): void => void (lost = error)
  client.on('error', onError)
  try {
    if ((told.get(client) ?? '') !== scope) {
      const { query_timeout } = config
      await client.query({ text: saying(scope, 'session'), query_timeout } as pg.QueryConfig)
      told.set(client, scope)
    }
    return await client.query(config)
  } catch (error) {
    lost ??= error instanceof Error ? error : new Error(String(error))
    throw error
  } finally {
    client.off('error', onError)
    client.release(lost)
  }
}
