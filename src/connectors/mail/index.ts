export { isAddress } from './message.ts'
export { faultOfSmtpUrl } from './place.ts'
export { openSmtp } from './smtp.ts'
export type { SmtpOptions } from './smtp.ts'
