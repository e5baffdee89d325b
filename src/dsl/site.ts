/** Where in the user's code a step was written, read from the stack, so that errors can name file and line. */
import type { SourceSite } from '../topology/node.ts'

/** Frames of the DSL itself; its tests are users. */
const OWN = /\/src\/dsl\/[a-z-]+\.(?:js|ts):/
const POSITION = /\(?((?:file:\/\/)?[^()\s]+|(?:file:\/\/)?\/[^()]+):(\d+):(\d+)\)?$/

/** The nearest frame outside the DSL; `undefined` where the engine gives no stack. */
export function callerSite(): SourceSite | undefined {
  const lines = new Error('site').stack?.split('\n') ?? []
  for (const line of lines.slice(1)) {
    const at = line.trim()
    if (!at.startsWith('at ') || OWN.test(at) || at.includes(' (node:') || at.startsWith('at node:')) continue
    const match = POSITION.exec(at.slice(3))
    if (match === null) continue
    const [, file = '', row = '0', column = '0'] = match
    return { file, line: Number(row), column: Number(column) }
  }
  return undefined
}
