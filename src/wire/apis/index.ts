/** Every API whose tables exist, by key. What the broker serves of it is decided in `broker/handlers/index.ts`. */
import type { Api } from '../schema.ts'
import { apiVersions } from './18-api-versions.ts'

export const APIS: ReadonlyMap<number, Api> = new Map<number, Api>([
  apiVersions,
].map(api => [api.key, api]))
