/** Where things lie, from dist/bench/harness. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const BENCH_DIST = join(dirname(fileURLToPath(import.meta.url)), '..')
export const ROOT = join(BENCH_DIST, '..', '..')
export const BENCH = join(ROOT, 'bench')
export const RESULTS = join(BENCH, 'results')
/** Data of broker and contenders, logs: removed as it ends. */
export const SCRATCH = process.env['BENCH_SCRATCH'] ?? join(BENCH, '.scratch')
