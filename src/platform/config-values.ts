import { isIP } from 'node:net'
import { z } from 'zod'

export const port = z.coerce.number().int().min(0).max(65_535)
export const seconds = z.coerce.number().min(0).max(31_536_000)
export const count = z.coerce.number().int().min(1)
export const list = z.string().transform((text) => text.split(/[,\s]+/).filter((part) => part !== ''))
/** `10.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`. */
export function isNetwork(text: string): boolean {
  const [address = '', bits = '0', ...more] = text.split('/')
  const family = isIP(address)
  return (
    family !== 0 && more.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)
  )
}
export const secondsList = z.string().transform((text, ctx) => {
  const parts = text
    .split(/[,\s]+/)
    .filter((part) => part !== '')
    .map(Number)
  if (parts.some((part) => !(part >= 0))) ctx.addIssue('a list of seconds, such as 5,30')
  return parts
})
export const yes = z.enum(['yes', 'no']).transform((word) => word === 'yes')
/** As Django's settings write it, besides. */
export const yesOrTrue = z
  .enum(['yes', 'no', 'True', 'False', 'true', 'false'])
  .transform((word) => ['yes', 'True', 'true'].includes(word))
