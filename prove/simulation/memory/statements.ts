import type { PaymentStore } from '../../../src/payments/engine/ports.ts'

/** A statement of the store's port without its handle, and at once. */
export type Statements = {
  readonly [K in keyof PaymentStore]: PaymentStore[K] extends (
    handle: never,
    ...args: infer A
  ) => Promise<infer R>
    ? (...args: A) => R
    : never
}

/** A part of them. */
export type Some<K extends keyof PaymentStore> = Pick<Statements, K>
