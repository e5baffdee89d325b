/** Every API whose tables exist, by key. What the broker serves of it is decided in `broker/handlers/index.ts`. */
import type { Api } from '../schema.ts'
import { produce } from './00-produce.ts'
import { fetch } from './01-fetch.ts'
import { listOffsets } from './02-list-offsets.ts'
import { metadata } from './03-metadata.ts'
import { findCoordinator } from './10-find-coordinator.ts'
import { apiVersions } from './18-api-versions.ts'
import { createTopics } from './19-create-topics.ts'
import { initProducerId } from './22-init-producer-id.ts'

export const APIS: ReadonlyMap<number, Api> = new Map<number, Api>([
  produce, fetch, listOffsets, metadata, findCoordinator, apiVersions, createTopics, initProducerId,
].map((api: Api) => [api.key, api]))
