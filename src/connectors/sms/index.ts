export { openAfricasTalking } from './africas-talking.ts'
export type { AfricasTalkingOptions } from './africas-talking.ts'
export { openOrangeSms, orangeSenders } from './orange.ts'
export type { OrangeSmsOptions } from './orange.ts'
