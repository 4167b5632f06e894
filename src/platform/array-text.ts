/**
 * A list as PostgreSQL writes an array: `{1,NULL,"a \\"b\\""}`. pg does the same through several calls for each element,
 * which costs more than anything else that a settled set of a thousand lines does here. Throws on what has no plain text.
 */
export function arrayText(values: readonly unknown[]): string {
  let text = ''
  for (const value of values) text += text === '' ? elementText(value) : `,${elementText(value)}`
  return `{${text}}`
}

function elementText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return QUOTED.test(value) ? `"${value.replace(EACH_QUOTED, '\\$&')}"` : `"${value}"`
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value)
    default:
      if (value === null || value === undefined) return 'NULL'
      if (value instanceof Date) return `"${value.toISOString()}"`
      if (Buffer.isBuffer(value)) return `"\\\\x${value.toString('hex')}"`
      throw new Error(`an array element of type ${typeof value} has no text`)
  }
}

const QUOTED = /["\\]/
const EACH_QUOTED = /["\\]/g
