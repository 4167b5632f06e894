import type { TestServer } from '../harness/server.ts'

/** A route as the server itself describes it. */
export type Described = {
  readonly method: string
  /** `/api/bulk-transfers/{id}/status`. */
  readonly path: string
  readonly operation: string
  readonly action: string
  readonly params: readonly string[]
  /** Names of the members of its JSON body; undefined where it has none. */
  readonly json: readonly string[] | undefined
  /** Names of the parts of its form; undefined where it has none. */
  readonly form: readonly string[] | undefined
}

type Operation = {
  readonly operationId: string
  readonly 'x-action': string
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: { readonly properties?: object } }>>
  }
}

/** Every route but the simulators' own, which exist on loopback in the sandbox only. */
export async function describedRoutes(server: TestServer): Promise<readonly Described[]> {
  const { body } = await server.call('GET', '/openapi.json')
  const paths = body.paths as Readonly<Record<string, Readonly<Record<string, Operation>>>>
  return Object.entries(paths)
    .filter(([path]) => !path.startsWith('/_sim/'))
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        operation: operation.operationId,
        action: operation['x-action'],
        params: [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name),
        json: membersOf(operation, 'application/json'),
        form: membersOf(operation, 'multipart/form-data'),
      })),
    )
}

function membersOf({ requestBody }: Operation, type: string): readonly string[] | undefined {
  const content = requestBody?.content[type]
  return content === undefined ? undefined : Object.keys(content.schema.properties ?? {})
}

/** The path with its parameters filled in. */
export const filled = (path: string, params: Readonly<Record<string, string>>): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name]
    if (value === undefined) throw new Error(`${path} needs a value for ${name}`)
    return encodeURIComponent(value)
  })
