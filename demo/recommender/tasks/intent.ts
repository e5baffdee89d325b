/**
 * Tasks `intent` and `learn`: how likely a session ends in a purchase, and the model that says so, learned as sessions end.
 *
 * `intent` is keyed by visitor and reads the model as a global table; its samples all go to the one key of `learn`.
 */
import { isEventType, SESSION_GAP_MS } from '../model/session.ts'
import { FEATURE_NAMES, newIntent, reasons, stepIntent, type IntentState } from '../model/intent.ts'
import { learn, newModel, predict, weightsOf, type FtrlModel } from '../model/ftrl.ts'
import type { Click, Intent, IntentModel, IntentSample } from '../topics.ts'
import { isMark, PUBLISH_MS, type DueTimer, type Lookup, type TaskContext } from './context.ts'

export const MODEL_KEY = 'model'
/** Share of RetailRocket's visits that buy (recsys.md 7): where the model starts. */
export const PRIOR = 0.03
const REASONS_MAX = 3

export interface IntentTaskState extends IntentState {
  readonly session: number
}

export interface IntentOut {
  readonly intent: Intent | undefined
  readonly samples: readonly IntentSample[]
}

export interface IntentTables {
  readonly model: Lookup<IntentModel>
}

export const intent = {
  onRecord(click: Click, context: TaskContext<IntentTaskState, IntentOut>, tables: IntentTables): void {
    if (isMark(context.key) || click.frozen || !isEventType(click.type)) return
    const before = context.state.get()
    const isSame = before !== undefined && before.session === click.session
    const ended = before !== undefined && !isSame ? samplesOf(before, 0, before.last) : []
    if (click.type === 'purchase') {
      const samples = isSame ? samplesOf(before, 1, click.at) : []
      context.state.set({ ...newIntent(click.at), session: click.session })
      return context.emit({ intent: { at: click.at, item: click.item, probability: 0, because: [] }, samples: [...ended, ...samples] })
    }
    const { state, features } = stepIntent(isSame ? before : newIntent(click.at), {
      type: click.type, item: click.item, category: click.category, price: click.price, source: click.source, at: click.at, sessionNumber: click.session,
    })
    context.state.set({ ...state, session: click.session })
    context.timers.set(click.at + SESSION_GAP_MS)
    const weights = tables.model.get(MODEL_KEY)?.weights ?? weightsOf(newModel(FEATURE_NAMES.length, PRIOR))
    context.emit({
      intent: { at: click.at, item: click.item, probability: predict(weights, features), because: reasons(weights, features, REASONS_MAX) },
      samples: ended,
    })
  },

  /** The session is over: nobody bought. */
  onTimer(timer: DueTimer, context: TaskContext<IntentTaskState, IntentOut>): void {
    const state = context.state.get()
    if (state === undefined) return
    context.emit({ intent: undefined, samples: samplesOf(state, 0, timer.time) }, timer.time)
    context.state.delete()
  },
}

function samplesOf(state: IntentState, label: 0 | 1, at: number): IntentSample[] {
  const weight = 1 / Math.max(1, state.pending.length)
  return state.pending.map(features => ({ at, features, label, weight }))
}

export interface LearnState extends FtrlModel {
  readonly isDirty: boolean
}

export const learnIntent = {
  onRecord(sample: IntentSample, context: TaskContext<LearnState, IntentModel>): void {
    const state = context.state.get() ?? { ...newModel(FEATURE_NAMES.length, PRIOR), isDirty: false }
    if (!state.isDirty) context.timers.set(sample.at + PUBLISH_MS)
    const model = learn(state, { features: sample.features, label: sample.label === 1 ? 1 : 0, weight: sample.weight })
    context.state.set({ ...model, isDirty: true })
  },

  onTimer(timer: DueTimer, context: TaskContext<LearnState, IntentModel>): void {
    const state = context.state.get()
    if (state === undefined) return
    context.state.set({ ...state, isDirty: false })
    context.emit({ at: timer.time, weights: weightsOf(state), count: state.count }, timer.time)
  },
}
