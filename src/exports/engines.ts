/** `millrace/engines`: tasks that other engines run. */
export { process, type ProcessOptions } from '../engines/process.ts'
