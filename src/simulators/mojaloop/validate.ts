import { inspect } from 'node:util'
import type { Schema } from './schemas.ts'

/** One finding, in the shape of ajv's (https://ajv.js.org/api.html#validation-errors). */
export type Finding = {
  readonly instancePath: string
  readonly schemaPath: string
  readonly keyword: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message: string
}

type Record_ = Record<string, unknown>
type Run = { readonly strict: boolean; readonly findings: Finding[] }

/**
 * Checks a request body the way the SDK does: ajv with all errors and type coercion (a number where a string is wanted
 * is accepted and becomes one, in place). `strict` refuses unknown properties, as newer SDKs do.
 * Gives the refusal's message, or `undefined` when the body is good.
 */
export function refusalOf(schema: Schema, body: unknown, strict: boolean): string | undefined {
  const run: Run = { strict, findings: [] }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    report(run, '/body', 'type', { type: 'object' }, 'must be object')
  else check(run, schema, { body }, 'body', '')
  const first = run.findings[0]
  if (first === undefined) return undefined
  // The SDK shows the whole list only when the first finding is a missing element; else the first one's text alone.
  if (first.keyword !== 'required') return first.message
  return `Request failed validation ${inspect(run.findings, { depth: 2 })}`
}

function report(
  run: Run,
  path: string,
  keyword: string,
  params: Readonly<Record<string, unknown>>,
  message: string,
): void {
  const schemaPath = `#/properties${path.replaceAll('/', '/properties/').slice(11)}/${keyword}`
  run.findings.push({ instancePath: path, schemaPath, keyword, params, message })
}

function check(
  run: Run,
  schema: Schema,
  holder: Record_ | unknown[],
  key: string | number,
  above: string,
): void {
  const value = (holder as Record_)[key]
  switch (schema.type) {
    case 'any':
      return
    case 'string':
      return checkString(run, schema, holder, key, `${above}/${key}`)
    case 'boolean':
    case 'integer':
      return checkScalar(run, schema, holder, key, `${above}/${key}`)
    case 'array':
      if (!Array.isArray(value))
        return report(run, `${above}/${key}`, 'type', { type: 'array' }, 'must be array')
      return checkArray(run, schema, value, `${above}/${key}`)
    case 'object':
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        return report(run, `${above}/${key}`, 'type', { type: 'object' }, 'must be object')
      return checkObject(run, schema, value as Record_, `${above}/${key}`)
  }
}

function checkObject(run: Run, schema: Schema & { type: 'object' }, value: Record_, path: string): void {
  for (const name of schema.required)
    if (value[name] === undefined)
      report(run, path, 'required', { missingProperty: name }, `must have required property '${name}'`)
  if (run.strict)
    for (const name in value)
      if (schema.properties[name] === undefined)
        report(
          run,
          path,
          'additionalProperties',
          { additionalProperty: name },
          'must NOT have additional properties',
        )
  for (const name in schema.properties) {
    const inner = schema.properties[name]
    if (inner !== undefined && value[name] !== undefined) check(run, inner, value, name, path)
  }
}

function checkArray(run: Run, schema: Schema & { type: 'array' }, value: unknown[], path: string): void {
  if (schema.max !== undefined && value.length > schema.max)
    report(run, path, 'maxItems', { limit: schema.max }, `must NOT have more than ${schema.max} items`)
  if (schema.min !== undefined && value.length < schema.min)
    report(run, path, 'minItems', { limit: schema.min }, `must NOT have fewer than ${schema.min} items`)
  for (let i = 0; i < value.length; i++) check(run, schema.items, value, i, path)
}

function checkString(
  run: Run,
  schema: Schema & { type: 'string' },
  holder: Record_ | unknown[],
  key: string | number,
  path: string,
): void {
  let value = (holder as Record_)[key]
  if (typeof value === 'number' || typeof value === 'boolean') {
    value = String(value)
    ;(holder as Record_)[key] = value
  }
  if (typeof value !== 'string') return report(run, path, 'type', { type: 'string' }, 'must be string')
  if (schema.max !== undefined && value.length > schema.max)
    report(run, path, 'maxLength', { limit: schema.max }, `must NOT have more than ${schema.max} characters`)
  if (schema.min !== undefined && value.length < schema.min)
    report(run, path, 'minLength', { limit: schema.min }, `must NOT have fewer than ${schema.min} characters`)
  if (schema.pattern !== undefined && !schema.pattern.test(value)) {
    const pattern = schema.pattern.source
    report(run, path, 'pattern', { pattern }, `must match pattern "${pattern}"`)
  }
  if (schema.one_of !== undefined && !schema.one_of.has(value))
    report(
      run,
      path,
      'enum',
      { allowedValues: [...schema.one_of] },
      'must be equal to one of the allowed values',
    )
}

function checkScalar(
  run: Run,
  schema: Schema & { type: 'boolean' | 'integer' },
  holder: Record_ | unknown[],
  key: string | number,
  path: string,
): void {
  let value = (holder as Record_)[key]
  if (schema.type === 'boolean') {
    if (value === 'true' || value === 'false') {
      value = value === 'true'
      ;(holder as Record_)[key] = value
    }
    if (typeof value !== 'boolean') report(run, path, 'type', { type: 'boolean' }, 'must be boolean')
    return
  }
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (!Number.isInteger(number)) return report(run, path, 'type', { type: 'integer' }, 'must be integer')
  ;(holder as Record_)[key] = number
  if (schema.min !== undefined && Number(number) < schema.min)
    report(run, path, 'minimum', { comparison: '>=', limit: schema.min }, `must be >= ${schema.min}`)
}
