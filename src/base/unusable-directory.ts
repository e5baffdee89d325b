/** What it means where a directory of the user's choice cannot be made or entered. */
import { MillraceError } from './errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: 'a file stands in its place',
  ENOTDIR: 'a part of the path is a file',
  EACCES: 'this user has no permission',
  EPERM: 'the system does not permit it',
  EROFS: 'the file system is read-only',
  ENOENT: 'the system lets nobody make it there',
}

/** `CONFIG_INVALID` for what the choice of the directory is to blame for; any other error as it came. */
export function unusableDirectory(directory: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const reason = REASONS[code]
  if (reason === undefined) return error
  return new MillraceError('CONFIG_INVALID', `${directory} cannot be used to keep data: ${reason} (${code}). Choose another directory, or mend this one.`, { detail: { directory }, cause: error })
}
