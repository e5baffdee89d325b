import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { MillraceError } from '../base/errors.ts'
import { memoryDisk } from '../env/memory-disk.ts'
import { realEnv } from '../env/real/env.ts'
import { readFile, writeFile } from '../env/whole-file.ts'
import type { Disk } from '../env/env.ts'
import { makeCorpora } from '../../test/durability/corpus.ts'
import type { Corpus } from '../../test/durability/corpus.ts'
import { overlayOf } from '../../test/durability/every-file.ts'
import { ACLS_FILE } from './authorization/acl.ts'
import { Broker } from './broker.ts'
import { fsck } from './fsck.ts'
import type { FsckReport } from './fsck.ts'
import { Users, USERS_FILE } from './security/users.ts'
import { StateFile } from './state-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-fsck-'))
let clean: Corpus
let killed: Corpus
before(async () => { [clean, killed] = await makeCorpora(folder) })
after(() => rmSync(folder, { recursive: true, force: true }))

function damaged(corpus: Corpus, damage: (disk: Disk, directory: string) => void): Promise<FsckReport> {
  const disk = overlayOf()
  damage(disk, corpus.directory)
  return fsck({ ...realEnv, disk }, corpus.directory)
}

const kinds = (report: FsckReport): string[] => report.findings.map(({ kind, where }) => `${kind} ${where}`)

test('a sound directory: no finding, every partition, and the transaction that is open', async () => {
  const report = await fsck(realEnv, clean.directory)
  assert.deepEqual(report.findings, [])
  assert.equal(report.clean, true)
  assert.deepEqual(report.partitions.map(({ topic, partition }) => `${topic}-${partition}`).sort(), ['__consumer_offsets-0', '__transaction_state-0', 'orders-0', 'orders-1', 'profiles-0'])
  assert.deepEqual(report.partitions.filter(each => each.openTransactions.length > 0).map(each => each.topic).sort(), ['__consumer_offsets', 'orders'])
})

test('nothing is changed, also where the next start would change much', async () => {
  const before = bytesOf(killed.directory)
  const report = await fsck(realEnv, killed.directory)
  assert.equal(report.clean, false)
  assert.deepEqual(kinds(report), [])
  assert.deepEqual(bytesOf(killed.directory), before)
})

test('a torn tail heals; the offset where it is cut is named', async () => {
  const report = await damaged(killed, (disk, directory) => {
    const path = lastLog(disk, `${directory}/orders-0`)
    writeFile(disk, path, Buffer.concat([readFile(disk, path), Buffer.from('half of a batch')]))
  })
  assert.deepEqual(kinds(report), ['heals orders-0'])
  assert.match(report.findings[0]?.what ?? '', /torn tail of 15 bytes is cut at offset \d+/)
})

test('rot in a finished segment is refused, though the start would trust it; another partition is looked at all the same', async () => {
  const report = await damaged(clean, (disk, directory) => {
    for (const partition of ['orders-0', 'orders-1']) {
      const path = `${directory}/${partition}/00000000000000000000.log`
      const bytes = readFile(disk, path)
      bytes.writeUInt8(bytes.readUInt8(900) ^ 4, 900)
      writeFile(disk, path, bytes)
    }
  })
  assert.deepEqual(kinds(report).sort(), ['refused orders-0', 'refused orders-1'])
})

test('a missing first segment is refused: nothing was ever deleted there', async () => {
  const report = await damaged(clean, (disk, directory) => disk.unlink(`${directory}/orders-1/00000000000000000000.log`))
  assert.deepEqual(kinds(report), ['refused orders-1'])
  assert.match(report.findings[0]?.what ?? '', /records from offset 0 on were never deleted: files before it are missing/)
})

test('a damaged catalogue is refused, and the partitions are looked at without it', async () => {
  const report = await damaged(clean, (disk, directory) => writeFile(disk, `${directory}/topics`, Buffer.from('millrace-topics 1 0\n[]')))
  assert.deepEqual(kinds(report), ['refused topics', 'note topics'])
  assert.equal(report.partitions.length, 5)
})

test('an id that rotted in the directory of a partition refuses the start, and deletes nothing', async () => {
  const disk = overlayOf()
  const path = `${clean.directory}/orders-0/partition.metadata`
  writeFile(disk, path, Buffer.from(readFile(disk, path).toString('latin1').replace(/topic_id: (.)/, (_, first: string) => `topic_id: ${first === 'A' ? 'B' : 'A'}`)))
  await assert.rejects(Broker.start({ ...realEnv, disk }, { directory: clean.directory, port: 0 }), { code: 'TOPIC_MISMATCH' })
  assert.ok(disk.exists(`${clean.directory}/orders-0/00000000000000000000.log`))
})

const ACL = { resourceType: 2, resourceName: 'orders', patternType: 3, principal: 'User:shop', host: '*', operation: 3, permissionType: 3 }

test('access control entries and users are read: damage, what is no entry, and a file that others may read are refused by name', async () => {
  const directory = join(folder, 'secured')
  const broker = await Broker.start(realEnv, { directory, port: 0 })
  await broker.close()
  const acls = (entries: unknown): Promise<void> => new StateFile(realEnv, { directory, kind: ACLS_FILE, version: 1 }).write(entries)
  const users = Users.open(realEnv, join(directory, USERS_FILE))
  await users.alter(await users.changesFor('shop', 'a password'))
  await acls([ACL])
  assert.deepEqual((await fsck(realEnv, directory)).findings, [])

  const [aclsFile, usersFile] = [join(directory, ACLS_FILE), join(directory, USERS_FILE)]
  const bytes = readFileSync(aclsFile)
  writeFileSync(aclsFile, Buffer.concat([bytes.subarray(0, -3), Buffer.from('}}]')]))
  writeFileSync(usersFile, readFileSync(usersFile, 'utf8').replace('"iterations"', '"iteration"'))
  const report = await fsck(realEnv, directory)
  assert.deepEqual(kinds(report), ['refused acls', 'refused users.json'])
  assert.match(report.findings[0]?.what ?? '', /checksum does not match/)
  assert.match(report.findings[1]?.what ?? '', /the credential SCRAM-SHA-256 of user 'shop' is not understood/)
  // The start agrees.
  await assert.rejects(Broker.start(realEnv, { directory, port: 0 }), { code: 'CONFIG_INVALID' })

  rmSync(usersFile)
  for (const entries of [{}, [ACL, { ...ACL, permissionType: 1 }], [ACL, { ...ACL, operation: '3' }], [ACL, null]]) {
    await acls(entries)
    assert.deepEqual(kinds(await fsck(realEnv, directory)), ['refused acls'], JSON.stringify(entries))
  }
  await acls([ACL])
  writeFileSync(usersFile, '{"version":1,"users":{}}', { mode: 0o644 })
  assert.match((await fsck(realEnv, directory)).findings[0]?.what ?? '', /others than its owner may use it/)
})

test('no bit of the access control entries turns unseen', async () => {
  const env = { ...realEnv, disk: memoryDisk() }
  env.disk.makeDirectory('/d')
  const file = new StateFile(env, { directory: '/d', kind: ACLS_FILE, version: 1 })
  await file.write([ACL])
  const bytes = readFile(env.disk, `/d/${ACLS_FILE}`)
  let refused = 0
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const turned = Buffer.from(bytes)
    turned.writeUInt8(turned.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    writeFile(env.disk, `/d/${ACLS_FILE}`, turned)
    try {
      // Version 0 of the format would be read as it stands.
      assert.deepEqual(file.read(), [ACL], `bit ${bit}`)
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      refused++
    }
  }
  assert.ok(refused > 8 * bytes.length - 10, `${refused} of ${8 * bytes.length}`)
})

test('no data directory, and one in use', async () => {
  await assert.rejects(fsck(realEnv, folder), { code: 'CONFIG_INVALID', message: /no data directory of a broker/ })
  const broker = await Broker.start(realEnv, { directory: join(folder, 'used'), port: 0 })
  try {
    await assert.rejects(fsck(realEnv, join(folder, 'used')), { code: 'DATA_DIR_LOCKED' })
  } finally {
    await broker.close()
  }
})

function lastLog(disk: Disk, directory: string): string {
  return `${directory}/${disk.list(directory).filter(name => name.endsWith('.log')).at(-1) ?? ''}`
}

/** Every file's bytes, but the lock's. */
function bytesOf(directory: string): Map<string, string> {
  return new Map(readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap(entry => {
    const path = join(entry.parentPath ?? entry.path, entry.name)
    return entry.isFile() && entry.name !== 'lock' ? [[path, readFileSync(path).toString('base64')] as const] : []
  }))
}
