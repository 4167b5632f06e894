import { z } from 'zod'
import { schema, type Config } from '../config.ts'
import { shownSettings } from '../shown-settings.ts'
import type { Access } from './access.ts'
import { defineRoute, type Route } from './route.ts'

const setting = z.object({
  name: z.string(),
  description: z.string(),
  is_set: z.boolean().describe('by the environment or by its default'),
  is_hidden: z.boolean().describe('its value is a secret, or may hold one: only whether it is set is said'),
  value: z.union([z.string(), z.number(), z.boolean(), z.array(z.string()), z.array(z.number())]).nullable(),
})
type Setting = z.output<typeof setting>

/** Plain JSON; amounts as their digits. */
function plain(value: unknown): Setting['value'] {
  if (typeof value === 'bigint') return String(value)
  return setting.shape.value.parse(value ?? null)
}

/** Every setting as this process has it. */
export const settingsOf = (config: Config): Setting[] =>
  Object.entries(schema.shape).map(([name, type]) => {
    const value: unknown = Reflect.get(config, name)
    const is_hidden = !shownSettings.has(name)
    const is_set = value !== undefined
    return {
      name,
      description: type.description ?? '',
      is_set,
      is_hidden,
      value: is_hidden ? null : plain(value),
    }
  })

/** How this process is set up, without its secrets. */
export const settingsRoute = (access: Access): Route =>
  defineRoute({
    method: 'GET',
    path: '/api/core/settings',
    operation_id: 'getSettings',
    summary: 'How this process is set up, without secrets',
    tags: ['system'],
    access,
    response: { 200: z.object({ settings: z.array(setting) }) },
    refusals: [],
    handle: async ({ ctx }) => ({ status: 200, body: { settings: settingsOf(ctx.config) } }),
  })
