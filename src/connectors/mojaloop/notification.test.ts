import { expect, test } from 'vitest'
import { readNotification } from './notification.ts'

const ID = 'b57896f0-070b-4717-8091-fdf5a9660b96'

test.each<[unknown, string | undefined]>([
  [{ currentState: 'COMPLETED', fulfilment: 'x' }, 'COMPLETED'],
  [{ transferState: 'COMMITTED' }, 'COMMITTED'],
  [{ currentState: 'COMPLETED', finalNotification: { transferState: 'ABORTED' } }, 'ABORTED'],
  [{ currentState: 'COMPLETED', fulfil: { body: { transferState: 'RESERVED' } } }, 'RESERVED'],
  [{ transferState: 7 }, undefined],
  [undefined, undefined],
  [[], undefined],
  ['{"transferState":"COMMITTED"}', 'COMMITTED'],
])('%j is a hint about the transfer of the path', (body, state) => {
  expect(readNotification(ID, body)).toEqual(
    state === undefined ? { reference: ID } : { reference: ID, state },
  )
})

test('what cannot be a transfer’s id is no hint', () => {
  for (const id of ['', 'a b', 'x'.repeat(65), '../x', 'é']) expect(readNotification(id, {})).toBeUndefined()
})
