/** `examples/foreign` with three seconds between two commits of its first task: whenever that is killed, a transaction of it is aborted that holds records. */
import { withOptions } from '../../src/topology/options.ts'
import foreign from '../../examples/foreign/app.ts'

export default withOptions(foreign, ['clean.commitInterval=3000', 'clean.drainedCommit=3000'])
