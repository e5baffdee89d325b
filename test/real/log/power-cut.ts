/**
 * Cuts the power under a writing log, again and again, and counts what was lost.
 *
 *   node dist/test/real/log/power-cut.js [cuts, default 100]        (Linux, root: mounts an ext4 image kept in memory)
 *
 * The cut is ext4's shutdown ioctl without a journal flush: what was not synced is gone, later calls get EIO. Every second cut
 * comes within the first moments, so that recovery itself is cut too. Refuses to touch anything but its own loop mount.
 *
 * What counts as acknowledged is what had arrived here before the ioctl was called. The ioctl is no instant: an fsync under way
 * may return success although the journal was just aborted, which power that is really gone cannot do. Those acknowledgements
 * are counted apart (`lostDuringCut`).
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface CutReport {
  readonly cuts: number
  readonly cutsInRecovery: number
  readonly acknowledged: number
  /** Offsets acknowledged and not there after a cut. */
  readonly lost: number
  /** Offsets acknowledged only after the cut had begun, and not there. */
  readonly lostDuringCut: number
  readonly truncatedBytes: number
  readonly failures: readonly string[]
}

const WRITER = join(fileURLToPath(new URL('.', import.meta.url)), 'writer.js')
const GODOWN = `
import fcntl, os, struct, sys
path = sys.argv[1]
if os.stat(path).st_dev == os.stat('/').st_dev: sys.exit('refused: this is the root file system')
with open('/proc/mounts') as mounts:
    if not any(line.split()[1] == path and line.startswith('/dev/loop') for line in mounts): sys.exit('refused: no loop mount')
fd = os.open(path, os.O_RDONLY)
sys.stdout.write('ready')
sys.stdout.flush()
sys.stdin.read(1)
fcntl.ioctl(fd, 0x8004587d, struct.pack('I', 2))
`

/** Why power cannot be cut here, or `undefined`. */
export function cannotCutPower(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'cutting power needs Linux and root'
  try {
    execFileSync('which', ['mkfs.ext4'], { stdio: 'ignore' })
    execFileSync('python3', ['--version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'cutting power needs mkfs.ext4 and python3'
  }
}

export async function cutPower(cuts: number, random: () => number = Math.random): Promise<CutReport> {
  const root = mkdtempSync('/dev/shm/millrace-cut-')
  const image = join(root, 'disk.img')
  const mount = join(root, 'disk')
  mkdirSync(mount)
  execFileSync('truncate', ['-s', '256M', image])
  execFileSync('mkfs.ext4', ['-qF', image])
  const report: Mutable<CutReport> = { cuts: 0, cutsInRecovery: 0, acknowledged: 0, lost: 0, lostDuringCut: 0, truncatedBytes: 0, failures: [] }
  try {
    execFileSync('mount', ['-o', 'loop', image, mount])
    try {
      let known: Known = { before: 0, during: 0 }
      for (let cut = 0; cut < cuts && report.failures.length === 0; cut++) {
        known = await cutOnce(mount, known, cut % 2 === 0 ? random() * 300 : 150 + random() * 350, report)
        execFileSync('umount', [mount])
        execFileSync('mount', ['-o', 'loop', image, mount])
        // The image is small: begin anew before it fills.
        if (statSync(image).blocks * 512 > 160e6) {
          rmSync(join(mount, 'data'), { recursive: true, force: true })
          known = { before: 0, during: 0 }
        }
      }
    } finally {
      execFileSync('umount', [mount])
    }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
  return report
}

interface Known {
  /** Acknowledged before the last cut began. */
  before: number
  /** Acknowledged by the time the writer was gone. */
  during: number
}

/** Starts a writer, cuts after `delayMs`; gives how far the writer was acknowledged. */
async function cutOnce(mount: string, known: Known, delayMs: number, report: Mutable<CutReport>): Promise<Known> {
  const child = spawn(process.execPath, [WRITER, join(mount, 'data'), '40000'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const down = spawn('python3', ['-c', GODOWN, mount], { stdio: ['pipe', 'pipe', 'inherit'] })
  await new Promise(resolve => down.stdout.once('data', resolve))
  // Every second cut is timed from the start of the process, which still has to recover; the others from its first word.
  const early = report.cuts % 2 === 1
  for (let waited = 0; !early && output === '' && child.exitCode === null && waited < 15_000; waited += 10) await new Promise(resolve => setTimeout(resolve, 10))
  await new Promise(resolve => setTimeout(resolve, delayMs))
  const outputBefore = output
  down.stdin.write('x')
  await new Promise(resolve => down.once('exit', resolve))
  if (down.exitCode !== 0) report.failures.push('the cut was refused')
  child.kill('SIGKILL')
  await exited
  report.cuts += 1
  const recovered = /^recovered (\d+) (\d+)$/m.exec(output)
  const failed = /^failed .*$/m.exec(output)?.[0]
  if (recovered === null) report.cutsInRecovery += 1
  if (recovered === null && failed !== undefined && !/EIO|EROFS|disk failed/i.test(failed)) report.failures.push(failed)
  const start = recovered === null ? undefined : Number(recovered[1])
  report.truncatedBytes += Number(recovered?.[2] ?? 0)
  if (start !== undefined && start < known.before) {
    report.lost += known.before - start
    report.failures.push(`${known.before - start} acknowledged offsets were lost before cut ${report.cuts}`)
  } else if (start !== undefined && start < known.during) report.lostDuringCut += known.during - start
  const floor = start ?? known.before
  const before = Math.max(floor, lastAcknowledged(outputBefore))
  report.acknowledged += before - floor
  return { before, during: Math.max(before, start === undefined ? known.during : 0, lastAcknowledged(output)) }
}

function lastAcknowledged(output: string): number {
  // A line without its end may be cut in the middle of its number.
  return Number([...output.matchAll(/^ack (\d+)\n/gm)].at(-1)?.[1] ?? 0)
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly string[] ? string[] : T[K] }

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const reason = cannotCutPower()
  if (reason !== undefined) {
    console.error(reason)
    process.exit(1)
  }
  const started = Date.now()
  const report = await cutPower(Number(process.argv[2] ?? 100))
  console.log(JSON.stringify({ ...report, seconds: (Date.now() - started) / 1000 }))
  process.exitCode = report.failures.length === 0 ? 0 : 1
}
