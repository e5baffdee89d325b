/** Commands as documents show them: found in the text, and held against the command line's own definitions. */
import { findCommand, parseCall } from '../../src/cli/command.ts'
import { COMMANDS } from '../../src/cli/commands/index.ts'
import { Output } from '../../src/cli/render.ts'

const silent = { write: () => true }
const output = new Output({ stdout: silent, stderr: silent, json: false, environment: {} })

export interface ShownCommand {
  readonly words: readonly string[]
  /** False where `…` stands for the rest. */
  readonly isWhole: boolean
}

/** The words of a shown command line, up to a remark; `a|b …` are several commands, of which the first words are shown. */
export function shownCommands(text: string): ShownCommand[] {
  return [...text.matchAll(/npx millrace ([^`\n]*)/g)].flatMap(([, line = '']) => {
    const [command = ''] = line.replaceAll('\\|', '|').split(/ {2,}| [#(&]|[;。，]/)
    const words = command.trim().split(/\s+/).filter(word => word !== '')
    const isWhole = !words.includes('…')
    return (words[0] ?? '').split('|').map(first => ({ words: [first, ...words.slice(1).filter(word => word !== '…')], isWhole }))
  })
}

/** Rejects with what is wrong: no such command, no such option, a value that it does not take. */
export async function checkCommand({ words, isWhole }: ShownCommand): Promise<void> {
  if (!isWhole && words.length === 1 && COMMANDS.some(command => command.path[0] === words[0])) return
  const { command, rest } = findCommand(COMMANDS, words)
  if (isWhole) parseCall(await command.load(), rest, output, new AbortController().signal)
}
