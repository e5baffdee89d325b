/**
 * A PostgreSQL server of a test's own: Debian's binaries, a data folder that is removed at the end, a free port of the loopback.
 * PostgreSQL refuses to run as root, so there it runs as the user that Debian's package makes.
 */
import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mustRun, startProcess, type Started } from './processes.ts'

const VERSIONS = '/usr/lib/postgresql'

/** Folder of `initdb` and `postgres`, of the newest version that is installed. */
export function postgresBinaries(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined
  const found = readdirSync(VERSIONS).map(Number).filter(version => existsSync(join(VERSIONS, String(version), 'bin', 'initdb'))).sort((a, b) => b - a)
  return found[0] === undefined ? undefined : join(VERSIONS, String(found[0]), 'bin')
}

export interface PostgresOptions {
  /** Of `postgresql.conf`: `{ wal_level: 'logical' }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined
}

export interface PostgresServer {
  readonly port: number
  /** `postgres://…` of its database, as a user who may do everything, without a password. */
  readonly url: string
  /** SIGKILL, as a crash of the server; `start` recovers it on the same port. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Stops it and removes its data. */
  close(): Promise<void>
}

export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const binaries = postgresBinaries()
  if (binaries === undefined) throw new Error('This test needs PostgreSQL. Run: scripts/setup.sh postgres')
  const root = process.getuid?.() === 0
  const folder = mkdtempSync(join(tmpdir(), 'millrace-postgres-'))
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  if (root) chownSync(folder, idOf('-u'), idOf('-g'))
  const as = (name: string, args: readonly string[]): [string, string[]] => root
    ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', join(binaries, name), ...args]]
    : [join(binaries, name), [...args]]
  const data = join(folder, 'data')
  await mustRun(...as('initdb', ['-D', data, '--auth=trust', '--username=millrace', '--encoding=UTF8', '--no-locale', '--no-sync']), { cwd: folder })
  const port = await freePort()
  const settings = { listen_addresses: '127.0.0.1', port: String(port), unix_socket_directories: '', ...options.settings }
  let server: Started | undefined
  const start = async (): Promise<void> => {
    server = startProcess(...as('postgres', ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]), { cwd: folder })
    await server.waitFor(/database system is ready to accept connections/)
  }
  await start()
  return {
    port, url: `postgres://millrace@127.0.0.1:${port}/postgres`, start,
    kill: async () => { await server?.kill('SIGKILL') },
    close: async () => {
      // SIGINT: PostgreSQL's fast shutdown.
      await server?.kill('SIGINT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')))
    })
  })
}
