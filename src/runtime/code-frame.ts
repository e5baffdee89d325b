/**
 * Where in the user's code an error came from, and the lines around it.
 *
 * CF1. A frame of Millrace's own is never the site, wherever Millrace is installed; a user's folder may have any name.
 * CF2. The file may be gone, or not be here: then there is a site and no frame.
 */
import type { Disk } from '../env/env.ts'
import { readFile } from '../env/whole-file.ts'

export interface Site {
  readonly path: string
  readonly line: number
  readonly column: number
}

/** `…/dist/src/` where this file runs from, and where its source map says it stands. */
const OWN_BUILT = pathOf(import.meta.url).replace(/runtime\/code-frame\.[jt]s$/, '')
const OWN_SOURCE = OWN_BUILT.replace(/\/dist\/src\/$/, '/src/')
const LINES_AROUND = 2
const COLUMNS_MAX = 140
const FILE_BYTES_MAX = 4 << 20

/** The innermost frame of `error`'s stack that is the user's. */
export function userSite(error: unknown): Site | undefined {
  const stack = error instanceof Error ? error.stack : undefined
  for (const line of stack?.split('\n') ?? []) {
    const [, file, row, column] = /^\s+at (?:.*\()?((?:file:\/\/)?\/[^()]*):(\d+):(\d+)\)?$/.exec(line) ?? []
    if (file === undefined) continue
    const path = pathOf(file)
    if (!path.startsWith(OWN_BUILT) && !path.startsWith(OWN_SOURCE)) return { path, line: Number(row), column: Number(column) }
  }
  return undefined
}

/** `/home/me/src/job.ts:31:18`. */
export function siteText({ path, line, column }: Site): string {
  return `${path}:${line}:${column}`
}

/** Lines around the site, the one itself marked, a caret below its column; none where the file cannot be read. */
export function codeFrame(disk: Disk, site: Site): string[] {
  const lines = linesOf(disk, site.path)
  const first = Math.max(1, site.line - LINES_AROUND)
  const shown = lines.slice(first - 1, site.line + LINES_AROUND)
  if (shown.length <= site.line - first) return []
  const width = String(first + shown.length - 1).length
  return shown.flatMap((text, index) => {
    const number = first + index
    const gutter = `  ${number === site.line ? '▶' : ' '} ${String(number).padStart(width)} │ `
    const row = `${gutter}${text.slice(0, COLUMNS_MAX)}`
    return number === site.line && site.column <= COLUMNS_MAX ? [row, `${' '.repeat(width + 5)}│ ${' '.repeat(Math.max(0, site.column - 1))}^`] : [row]
  })
}

function linesOf(disk: Disk, path: string): string[] {
  try {
    if (!disk.exists(path) || disk.size(path) > FILE_BYTES_MAX) return []
    return readFile(disk, path).toString().split('\n')
  } catch {
    return [] // The frame is a comfort; the error it belongs to must not be hidden by another one.
  }
}

function pathOf(url: string): string {
  return url.startsWith('file://') ? decodeURIComponent(url.slice('file://'.length)) : url
}
