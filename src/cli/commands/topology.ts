/** `millrace topology [ENTRY]`: the app as a graph, with every operator and store: text, JSON or a Mermaid flowchart. Asks no cluster. */
import { build } from '../../topology/build.ts'
import { describe, describeMermaid, describeText } from '../../topology/describe.ts'
import { optionTable, withOptions } from '../../topology/options.ts'
import { loadEntry } from '../app-entry.ts'
import { defineCommand } from '../command.ts'
import { OPTIONS_OPTION, SET_OPTION, showOptions } from '../options-text.ts'

export const topology = defineCommand({
  path: ['topology'],
  summary: 'the graph of an app: tasks, topics, operators, stores',
  positionals: [{ name: 'ENTRY', describe: 'the module whose default export is the app; default app.js', optional: true }],
  options: { options: OPTIONS_OPTION, set: SET_OPTION, mermaid: { type: 'boolean', describe: 'as a Mermaid flowchart, for a document' } },
  examples: ['millrace topology app.js', 'millrace topology app.js --options', 'millrace topology app.js --mermaid', 'millrace topology app.js --json | jq .edges'],
  async run(call) {
    const entry = await loadEntry(call.positional('ENTRY') ?? 'app.js')
    const app = withOptions(entry.app, call.texts('set'))
    const graph = describe(build(app))
    const options = call.flag('options') ? optionTable(app) : undefined
    call.output.document(options === undefined ? graph : { ...graph, options })
    call.output.line(call.flag('mermaid') ? describeMermaid(graph) : describeText(graph))
    if (options !== undefined) showOptions(call.output, options)
    return 0
  },
})
