/** `millrace/http`: what stands in front of pages that a local server of yours shows. */
export { Guard, TOKEN_HEADER, type GuardOptions } from '../http/guard.ts'
