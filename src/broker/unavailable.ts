/** What a coordinator answers while its disk refuses to write. */
import { messageOf, MillraceError } from '../base/errors.ts'
import { errorCode, kafkaCodeOf } from '../wire/error-codes.ts'
import type { Core } from './handler.ts'

const STORAGE_ERROR = errorCode('KAFKA_STORAGE_ERROR')

/**
 * COORDINATOR_NOT_AVAILABLE, which every client waits out, where the disk is to blame: it goes on by itself once there is room.
 * Throws any other error. The reason goes to the log, since the protocol has no words for it.
 */
export function unavailable(core: Core, error: unknown): 'COORDINATOR_NOT_AVAILABLE' {
  const isOfTheDisk = kafkaCodeOf(error) === STORAGE_ERROR || (error instanceof MillraceError && error.code === 'DISK_FULL')
  if (!isOfTheDisk) throw error
  core.logger.warn('the disk refuses what a coordinator writes; clients are told to try again', { reason: messageOf(error) })
  return 'COORDINATOR_NOT_AVAILABLE'
}
