/** What the harness tells each contender, by environment; bench/README.md lists it. */
function of(name: string): string {
  const value = process.env[`BENCH_${name}`]
  if (value === undefined) throw new Error(`BENCH_${name} is not set`)
  return value
}

export const setting = {
  bootstrap: of('BOOTSTRAP'), job: of('JOB'), input: of('INPUT'), output: of('OUTPUT'), table: of('TABLE'), name: of('NAME'), directory: of('DIRECTORY'), emission: of('EMISSION'),
  partitions: Number(of('PARTITIONS')), threads: Number(of('THREADS')), commitMs: Number(of('COMMIT_MS')), graceMs: Number(of('GRACE_MS')), isExactlyOnce: of('GUARANTEE') === 'exactly-once',
} as const
