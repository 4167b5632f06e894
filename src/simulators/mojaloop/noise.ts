import { randomInt } from 'node:crypto'
import type { Reply } from './world.ts'

/** Answers with random extra properties in every object, as the scheme's testing tool gives them. */
export const noisy =
  (reply: Reply): Reply =>
  (status, body, type) =>
    reply(
      status,
      type === undefined && body.startsWith('{') ? JSON.stringify(withNoise(JSON.parse(body))) : body,
      type,
    )

function withNoise(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withNoise)
  if (typeof value !== 'object' || value === null) return value
  const out: Record<string, unknown> = {}
  for (const [name, inner] of Object.entries(value)) out[name] = withNoise(inner)
  const values: unknown[] = ['aliqua', 42, -0.5, true, null, { laborum: 'non' }, ['esse', 7]]
  out[`${['in_', 'tempor', 'velit_8', 'Duis'][randomInt(4)] ?? 'in_'}${randomInt(1000)}`] =
    values[randomInt(values.length)]
  return out
}
