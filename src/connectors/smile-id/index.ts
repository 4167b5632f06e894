export type { SmileIdOptions } from './options.ts'
export { openSmileIdV1 } from './v1.ts'
export { openSmileIdV3 } from './v3.ts'
