/**
 * How much memory the processes of a watched whole may take before they tidy up: flags of V8 and settings of the C library.
 *
 * F1. None of it is a limit: a process that needs more takes more, and only gives back sooner what it does not need any more.
 * F2. What the user set in the environment stays.
 */

export interface Footprint {
  /** For `node`, before the script. */
  readonly flags: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

/** A small young generation: at the rates of one machine's app it costs nothing, and each process is 50 to 80 MB smaller. */
export const USUAL: Footprint = { flags: ['--max-semi-space-size=4'], environment: {} }

/**
 * Of the demo, whose six processes share a laptop with everything else. V8 lets a heap grow to several times what lives in it before it collects, the
 * newer the more: the whole took 335 MiB on Node 20 and 430 on Node 24, and takes 310 and 370 with `--optimize-for-size`. glibc keeps up to 64 MiB at
 * its heap's top and one arena per thread. At the demo's rates the pages that one burst took are given back instead.
 */
export const SMALL: Footprint = {
  flags: ['--max-semi-space-size=2', '--heap-growing-percent=40', '--optimize-for-size'],
  environment: { MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '262144', MALLOC_MMAP_THRESHOLD_: '131072' },
}

/** The environment of a child, with the user's own settings above ours. */
export function environmentOf(footprint: Footprint, users: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(footprint.environment).filter(([name]) => users[name] === undefined))
}
