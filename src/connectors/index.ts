export { partyTypes, refusalReasons } from './rail.ts'
export type { Answer, Order, Party, PartyType, PayoutRail, RailHabits, RefusalReason, Said } from './rail.ts'
export { openMojaloop } from './mojaloop/rail.ts'
export type { MojaloopOptions } from './mojaloop/rail.ts'
export { readNotification } from './mojaloop/notification.ts'
export type { TransferHint } from './mojaloop/notification.ts'
export { mojaloopBackend } from './mojaloop/backend.ts'
export type {
  BackendReply,
  Credited,
  DeskRefusal,
  IncomingQuote,
  IncomingTransfer,
  MojaloopBackend,
  PayeeDesk,
  PayeeParty,
  QuotedPayee,
  TransferRecord,
} from './mojaloop/backend.ts'
