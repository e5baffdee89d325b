/** The command line of a JVM that runs a user's program on top of a distribution's jars. Pure, but for looking whether files are there. */
import { delimiter, resolve } from 'node:path'
import { MillraceError } from '../base/errors.ts'
import type { Disk } from '../env/env.ts'
import type { JvmProgram } from '../topology/foreign.ts'

const ZIP_MAGIC = 0x50_4b_03_04
const MANIFEST_HINT = 'name its class: { jar, mainClass }'

/** The arguments of `java` that start `program`. Throws `CONFIG_INVALID` for a file that is missing, or is not what its name says. */
export function jvmArguments(disk: Disk, program: JvmProgram, distribution: readonly string[], javaOptions: readonly string[]): string[] {
  const own = program.classPath.map(path => resolve(path))
  for (const path of own) mustExist(disk, path, 'classPath')
  const classPath = (first: readonly string[]): string => [...first, ...own, ...distribution].join(delimiter)
  switch (program.kind) {
    case 'source': {
      const path = resolve(program.path)
      mustExist(disk, path, 'source')
      return [...javaOptions, '-cp', classPath([]), path]
    }
    case 'jar': {
      const path = resolve(program.path)
      mustBeJar(disk, path)
      if (program.mainClass === undefined) throw new MillraceError('CONFIG_INVALID', `${path} runs together with the distribution's jars, so its manifest is not read: ${MANIFEST_HINT}`)
      return [...javaOptions, '-cp', classPath([path]), program.mainClass]
    }
    case 'class': return [...javaOptions, '-cp', classPath([]), program.name]
  }
}

function mustExist(disk: Disk, path: string, what: string): void {
  if (!disk.exists(path)) throw new MillraceError('CONFIG_INVALID', `${what} ${path} does not exist. Paths are taken from the directory that millrace was started in.`)
}

/** A jar is a zip file: its first four bytes say so. */
export function mustBeJar(disk: Disk, path: string): void {
  mustExist(disk, path, 'jar')
  const file = disk.open(path, 'read')
  try {
    const head = Buffer.alloc(4)
    if (file.read(head, 0, 4, 0) < 4 || head.readUInt32BE(0) !== ZIP_MAGIC) throw new MillraceError('CONFIG_INVALID', `${path} is no jar: it does not begin as a zip file does. Was its download cut off, or is it an error page?`)
  } finally {
    file.close()
  }
}
