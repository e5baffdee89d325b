/** What the system says of the disk, as an error that says what to do. */
import { MillraceError } from '../base/errors.ts'

/** `DISK_FULL` or `DISK_FAILED` for an error of a system call; any other error as it came. */
export function diskError(directory: string, error: unknown): unknown {
  if (error instanceof MillraceError || !(error instanceof Error) || !('syscall' in error)) return error
  if ('code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')) {
    return new MillraceError('DISK_FULL', `The disk of ${directory} is full: ${error.message}. Free space there; what was acknowledged is kept.`, { detail: { directory }, cause: error })
  }
  return new MillraceError('DISK_FAILED', `The disk of ${directory} failed: ${error.message}. Check the disk, then start again.`, { detail: { directory }, cause: error })
}
