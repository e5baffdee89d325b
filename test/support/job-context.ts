/** What a job is given, without a supervisor behind it: each part as the test says, the others refuse. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Admin } from '../../src/client/admin.ts'
import { Cluster } from '../../src/client/cluster.ts'
import type { JobContext } from '../../src/engines/engine.ts'
import { realEnv } from '../../src/env/real/env.ts'
import { createLogger } from '../../src/base/logger.ts'

function refused(what: string): () => never {
  return () => { throw new Error(`the test has said nothing of ${what}`) }
}

export function jobContext(parts: Partial<JobContext>): JobContext {
  return {
    app: 'shop', bootstrap: 'localhost:9092', directory: join(mkdtempSync(join(tmpdir(), 'millrace-job-')), 'job'), disk: realEnv.disk, clock: realEnv.clock, randomHex: digits => '7'.repeat(digits),
    logger: createLogger({ level: 'error', write: line => console.log(line), now: Date.now }),
    admin: UNCONNECTED, installation: refused('installation'), java: refused('java'), supervise: refused('supervise'), release: refused('release'), freePort: refused('freePort'), reach: refused('reach'),
    ...parts,
  }
}

/** Never connected: a call of it fails. */
const UNCONNECTED = new Admin(Object.create(Cluster.prototype))
