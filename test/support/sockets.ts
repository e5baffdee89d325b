/** The sockets of a process and its descendants, as Linux's /proc tells them: who listens where, who is connected to whom. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface SocketEntry {
  readonly pid: number
  readonly state: 'listen' | 'established' | 'other'
  readonly localAddress: string
  readonly localPort: number
  readonly remoteAddress: string
}

/** `pid` and all its descendants, by parent process id. */
export function processTree(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = Number(/^PPid:\s+(\d+)/m.exec(readOr(`/proc/${name}/status`))?.[1])
    children.set(parent, [...children.get(parent) ?? [], Number(name)])
  }
  const tree = [pid]
  for (const member of tree) tree.push(...children.get(member) ?? [])
  return tree
}

export function socketsOf(pids: readonly number[]): SocketEntry[] {
  const byInode = new Map<string, Omit<SocketEntry, 'pid'>>()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readOr(table).split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/)
      const [local, remote, state, inode] = [fields[1], fields[2], fields[3], fields[9]]
      if (local === undefined || remote === undefined || inode === undefined) continue
      byInode.set(inode, {
        state: state === '0A' ? 'listen' : state === '01' ? 'established' : 'other',
        localAddress: addressOf(local), localPort: Number.parseInt(local.split(':')[1] ?? '', 16), remoteAddress: addressOf(remote),
      })
    }
  }
  return pids.flatMap(pid => inodesOf(pid).flatMap(inode => {
    const entry = byInode.get(inode)
    return entry === undefined ? [] : [{ pid, ...entry }]
  }))
}

export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.')
}

function inodesOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
      } catch {
        return [] // closed since the folder was read
      }
    })
  } catch {
    return [] // the process has ended
  }
}

/** `0100007F:1F90` is 127.0.0.1, IPv6 in four little-endian words. */
function addressOf(field: string): string {
  const hex = field.split(':')[0] ?? ''
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap(word => (word.match(/../g) ?? []).reverse().map(pair => Number.parseInt(pair, 16)))
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.slice(0, 15).every(byte => byte === 0)) return bytes[15] === 1 ? '::1' : '::'
  if (bytes.slice(0, 10).every(byte => byte === 0) && bytes[10] === 255) return `::ffff:${bytes.slice(12).join('.')}`
  return bytes.map(byte => byte.toString(16).padStart(2, '0')).join('')
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
