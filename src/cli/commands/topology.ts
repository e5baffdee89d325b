/** `millrace topology [ENTRY]`: the app as a graph, with every operator and store: text, JSON or a Mermaid flowchart. Asks no cluster. */
import { build } from '../../topology/build.ts'
import { describe, describeMermaid, describeText } from '../../topology/describe.ts'
import { loadEntry } from '../app-entry.ts'
import { defineCommand } from '../command.ts'

export const topology = defineCommand({
  path: ['topology'],
  summary: 'the graph of an app: tasks, topics, operators, stores',
  positionals: [{ name: 'ENTRY', describe: 'the module whose default export is the app; default app.js', optional: true }],
  options: { mermaid: { type: 'boolean', describe: 'as a Mermaid flowchart, for a document' } },
  examples: ['millrace topology app.js', 'millrace topology app.js --mermaid', 'millrace topology app.js --json | jq .edges'],
  async run(call) {
    const entry = await loadEntry(call.positional('ENTRY') ?? 'app.js')
    const graph = describe(build(entry.app))
    call.output.document(graph)
    call.output.line(call.flag('mermaid') ? describeMermaid(graph) : describeText(graph))
    return 0
  },
})
