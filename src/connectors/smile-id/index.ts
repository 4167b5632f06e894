export { openSmileIdV1 } from './v1.ts'
export type { SmileIdOptions } from './v1.ts'
