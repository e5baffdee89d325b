/** Throughput against latency as a drawing: the 99th percentile at each fixed rate, a line for each contender; a rate that it did not keep up with is hollow. */
import type { LatencyResults } from './results.ts'
import { summaryOf } from './statistics.ts'

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [760, 420, 60, 230, 20, 46]
const COLOURS = ['#0b6e4f', '#1f5fa8', '#c2571a', '#7a3b9c', '#5b6670', '#b3261e', '#0a7f8c', '#8a6d00']
/** Decades of both axes, as powers of ten. */
const [RATES, AGES] = [[3, 5], [0, 5]] as const

const x = (perSecond: number): number => LEFT + (Math.log10(perSecond) - RATES[0]) / (RATES[1] - RATES[0]) * (WIDTH - LEFT - RIGHT)
const y = (ms: number): number => HEIGHT - BOTTOM - (Math.log10(Math.max(1, ms)) - AGES[0]) / (AGES[1] - AGES[0]) * (HEIGHT - TOP - BOTTOM)
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** `commitMs` chooses the commit interval. */
export function plotOf(latency: readonly LatencyResults[], commitMs: number): string {
  const names = [...new Set(latency.filter(({ plan }) => plan.commitMs === commitMs).map(({ contender }) => contender))]
  const lines = names.map((name, index) => lineOf(latency.filter(each => each.contender === name && each.plan.commitMs === commitMs), index)).join('\n')
  const across = [0, 1, 2].map(step => 10 ** (RATES[0] + step)).map(rate => `<line x1="${x(rate)}" y1="${TOP}" x2="${x(rate)}" y2="${HEIGHT - BOTTOM}" stroke="#ddd"/><text x="${x(rate)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${rate.toLocaleString('en')}</text>`)
  const up = [0, 1, 2, 3, 4, 5].map(power => 10 ** power).map(ms => `<line x1="${LEFT}" y1="${y(ms)}" x2="${WIDTH - RIGHT}" y2="${y(ms)}" stroke="#ddd"/><text x="${LEFT - 6}" y="${y(ms) + 4}" text-anchor="end">${ms.toLocaleString('en')}</text>`)
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
${[...across, ...up].join('\n')}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">events a second</text>
<text x="14" y="${(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" transform="rotate(-90 14 ${(TOP + HEIGHT - BOTTOM) / 2})">99th percentile of latency, ms (commit interval ${commitMs} ms)</text>
${lines}
</svg>
`
}

function lineOf(of: readonly LatencyResults[], index: number): string {
  const colour = COLOURS[index % COLOURS.length] ?? '#000'
  const points = of.flatMap(({ plan, rounds }) => {
    const measured = rounds.flatMap(round => round.kind === 'measured' ? [round] : [])
    const p99 = summaryOf(measured.map(round => round.p99))
    return p99 === undefined ? [] : [{ x: x(plan.perSecond), y: y(p99.median), keptUp: measured.every(({ keptUp }) => keptUp) }]
  }).sort((a, b) => a.x - b.x)
  const dots = points.map(point => `<circle cx="${point.x}" cy="${point.y.toFixed(1)}" r="4" stroke="${colour}" stroke-width="2" fill="${point.keptUp ? colour : '#fff'}"/>`).join('')
  const at = TOP + 12 + index * 18
  return `<polyline points="${points.map(point => `${point.x},${point.y.toFixed(1)}`).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>${dots}<circle cx="${WIDTH - RIGHT + 16}" cy="${at - 4}" r="4" fill="${colour}"/><text x="${WIDTH - RIGHT + 26}" y="${at}">${escaped(of[0]?.title ?? '')}</text>`
}
