/** The real world, as one `Env`. */
import type { Env } from '../env.ts'
import { realClock, realRandom } from './clock.ts'
import { realDisk } from './disk.ts'
import { realNetwork } from './network.ts'

export const realEnv: Env = { clock: realClock, random: realRandom, disk: realDisk, network: realNetwork }
