export { overload } from './overload.ts'
export { shutdown } from './shutdown.ts'
export { takeover } from './takeover.ts'
