import { createPerson, openIdentity, type Identity } from '../../src/identity/index.ts'
import { openHasher } from '../../src/identity/password/hash.ts'
import { openSession } from '../../src/identity/session.ts'
import { sendCode } from '../../src/identity/code.ts'
import type { CodePurpose } from '../../src/identity/identity.ts'
import type { Db, Tx } from '../../src/platform/db.ts'

export const SECRET_KEY = 'a secret key of the proofs, long enough'
export const PASSWORD = 'mangue verte 7 du marché'

export type Somebody = {
  readonly id: bigint
  readonly phone_number: string
  readonly preferred_language: 'fr'
}

/** The code that was made last for a person; it is sent to nobody. */
export type Codes = ReadonlyMap<bigint, string>

/** Identity as a product with the same secret has it, whose codes stay here. */
export function openCapturing(): { readonly identity: Identity; readonly codes: Codes } {
  const codes = new Map<bigint, string>()
  const identity = openIdentity({
    secret_key: SECRET_KEY,
    sendInvitation: () => Promise.resolve(),
    sendCode: async (_tx, { person_id, code }) => {
      codes.set(person_id, code)
      return true
    },
    askReset: async () => undefined,
  })
  return { identity, codes }
}

/** Makes people, all with one password and one hash of it at the product's own cost. */
export async function enrol(db: Db, count: number): Promise<readonly Somebody[]> {
  const phc = await openHasher().hash(PASSWORD)
  const people: Somebody[] = []
  const one = async (tx: Tx, i: number): Promise<Somebody> => {
    const phone_number = `+2376${75_000_000 + i}`
    const named = { first_name: 'Amina', last_name: 'Nkeng', preferred_language: 'fr' as const }
    const person = { phone_number, ...named, roles: ['BUYER'] as const }
    const { id } = await createPerson(tx, 'prove', { person, phc })
    return { id, phone_number, preferred_language: 'fr' }
  }
  for (let from = 0; from < count; from += 200)
    await db.tx(async (tx) => {
      for (let i = from; i < Math.min(from + 200, count); i++) people.push(await one(tx, i))
    })
  return people
}

/** A phone of the same plan that nobody has. */
export const nobody = (i: number): string => `+2376${95_000_000 + i}`

/** Another that nobody has yet: he is going to register. */
export const newcomer = (i: number): string => `+2376${85_000_000 + i}`

/** Gives each of them a new code; answers how many could have one. */
export async function giveCodes(
  db: Db,
  identity: Identity,
  to: { readonly people: readonly Somebody[]; readonly purpose: CodePurpose },
): Promise<number> {
  let sent = 0
  await db.tx(async (tx) => {
    for (const person of to.people)
      if ((await sendCode(tx, identity, { person, purpose: to.purpose })).kind === 'sent') sent += 1
  })
  return sent
}

/** Signs each of them in and answers the headers of his requests. */
export const signIn = (
  db: Db,
  identity: Identity,
  people: readonly Somebody[],
): Promise<readonly Readonly<Record<string, string>>[]> =>
  db.tx(async (tx) => {
    const headers: Record<string, string>[] = []
    for (const { id: person_id } of people) {
      const device = { address: '127.0.0.1', user_agent: undefined }
      const { access } = await openSession(tx, identity, { person_id, device, second_factor: false })
      headers.push({ authorization: `Bearer ${access}` })
    }
    return headers
  })

let last_address = 0
/** An address that nobody else has, as the product's trusted proxy names it. */
export function elsewhere(): Readonly<Record<string, string>> {
  last_address += 1
  return {
    'x-forwarded-for': `10.${(last_address >> 16) & 255}.${(last_address >> 8) & 255}.${last_address & 255}`,
  }
}

/** Another code of six digits than this one, sharing so many of its first digits. */
export const otherThan = (code: string, sharing: number): string =>
  Array.from(code, (digit, i) => (i < sharing ? digit : String((Number(digit) + 1 + (i % 3)) % 10))).join('')
