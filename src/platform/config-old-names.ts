/** Names of the old systems that mean nothing any more. */
export const RETIRED = [
  'REDIS_URL',
  'CELERY_BROKER_URL',
  'CELERY_RESULT_BACKEND',
  'CELERY_BROKER',
  'DEBUG',
  'DJANGO_DEBUG',
  'DJANGO_SETTINGS_MODULE',
  'USE_SQLITE',
]

/** The environment names of the systems that Cauri replaces, understood: POSTGRES_* or DB_* make a DATABASE_URL, DJANGO_SECRET_KEY is SECRET_KEY. */
export function withOldNames(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const get = (name: string): string | undefined => env[`POSTGRES_${name}`] ?? env[`DB_${name}`]
  const name = get('DB') ?? env['DB_NAME']
  const sqlite = /^(true|1|yes)$/i.test(env['USE_SQLITE'] ?? '')
  const out = { ...env }
  if (env['DATABASE_URL'] === undefined && name !== undefined && !sqlite) {
    const user = encodeURIComponent(get('USER') ?? 'postgres')
    const password = encodeURIComponent(get('PASSWORD') ?? '')
    out['DATABASE_URL'] =
      `postgres://${user}:${password}@${get('HOST') ?? '127.0.0.1'}:${get('PORT') ?? '5432'}/${name}`
  }
  out['SECRET_KEY'] ??= env['DJANGO_SECRET_KEY']
  if (out['CAURI_MODE'] !== 'production' && (out['SECRET_KEY'] ?? '').length < 32) delete out['SECRET_KEY']
  return out
}
