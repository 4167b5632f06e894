export type Token = { readonly kind: 'token'; readonly value: string }

/** A bearer token and how long it lives, or why there is none. */
export type Fetched<Trouble> = (Token & { readonly lives_ms: number }) | Trouble

export type TokenKeeper<Trouble> = {
  readonly get: () => Promise<Token | Trouble>
  /** The provider did not take this one: the next `get` asks for another, unless somebody did already. */
  readonly drop: (value: string) => void
}

/**
 * Keeps one token of a provider. It is renewed `margin_ms` before its end, so that a call on its way does not meet it; where its life
 * is shorter than twice that, at half of it. One at a time is fetched: whoever comes meanwhile waits for the same one.
 */
export function openTokenKeeper<Trouble extends { readonly kind: string }>({
  fetch,
  margin_ms,
  now = () => performance.now(),
}: {
  readonly fetch: () => Promise<Fetched<Trouble>>
  readonly margin_ms: number
  readonly now?: () => number
}): TokenKeeper<Trouble> {
  let kept: { readonly value: string; readonly until: number } | undefined
  let coming: Promise<Token | Trouble> | undefined
  const renew = async (): Promise<Token | Trouble> => {
    const asked_at = now()
    const fetched = await fetch()
    if (!isToken(fetched)) return fetched
    const { value, lives_ms } = fetched
    kept = { value, until: asked_at + Math.max(lives_ms - margin_ms, lives_ms / 2) }
    return { kind: 'token', value }
  }
  return {
    get: async () => {
      if (kept !== undefined && now() < kept.until) return { kind: 'token', value: kept.value }
      coming ??= renew().finally(() => {
        coming = undefined
      })
      return coming
    },
    drop: (value) => {
      if (kept?.value === value) kept = undefined
    },
  }
}

const isToken = (fetched: { readonly kind: string }): fetched is Token & { readonly lives_ms: number } =>
  fetched.kind === 'token'

/** Seconds, as a number or as text; a life that makes no sense counts as `usual_s`. Answers milliseconds. */
export function livesOf(expires_in: unknown, usual_s: number): number {
  const seconds = Number(expires_in)
  return (seconds > 0 && seconds <= 86_400 ? seconds : usual_s) * 1_000
}

/** What may stand in an Authorization header (RFC 6750 §2.1), and no more than a header holds. */
export const isBearer = (value: unknown): value is string =>
  typeof value === 'string' && /^[\w.~+/=-]{1,8192}$/.test(value)
