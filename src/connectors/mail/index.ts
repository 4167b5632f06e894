export { isAddress } from './message.ts'
export { faultOfSmtpUrl, openSmtp } from './smtp.ts'
export type { SmtpOptions } from './smtp.ts'
