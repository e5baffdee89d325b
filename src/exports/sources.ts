/** `millrace/sources`: events from elsewhere into a topic: over HTTP, acknowledged when they are durable; from files, exactly once. */
export { ingest, type Ingest, type IngestedRecord, type IngestOptions } from '../sources/ingest.ts'
export { readFiles, type FileLine, type FilesRead, type ReadFilesOptions } from '../sources/read-files.ts'
export { serveIngest, type IngestServer, type ServeIngestOptions } from '../sources/serve-ingest.ts'
