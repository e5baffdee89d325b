/** Pictures of the items, drawn: SVG of 320 × 240, the same for the same item. No text in them comes from outside. */
import type { Item } from './catalogue.ts'

interface Palette {
  readonly back: string
  readonly floor: string
  readonly main: string
  readonly dark: string
  readonly light: string
}

/** By style, the material of the item. */
const PALETTES: readonly Palette[] = [
  { back: '#f6efe4', floor: '#eadfcd', main: '#cfa870', dark: '#a07c47', light: '#ecd3a6' },
  { back: '#f1e8e1', floor: '#e2d2c5', main: '#8a5a3c', dark: '#5e3a25', light: '#b98560' },
  { back: '#edf2ea', floor: '#dbe5d5', main: '#8fa882', dark: '#5d7a54', light: '#c0d2b5' },
  { back: '#eef1f5', floor: '#dfe5ec', main: '#f7f5f0', dark: '#b9bec7', light: '#ffffff' },
  { back: '#ecebe9', floor: '#dcdad6', main: '#3d3f45', dark: '#1f2126', light: '#6c7079' },
]

export function pictureOf(item: Item): string {
  const palette = PALETTES[item.style] ?? PALETTES[0]
  if (palette === undefined) throw new Error('there are palettes')
  const draw = DRAWINGS[item.category] ?? box
  // Each category stands on the same floor; the sun stands elsewhere for each form.
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 240" role="img">`
    + `<rect width="320" height="240" fill="${palette.back}"/><circle cx="${60 + item.form * 66}" cy="62" r="44" fill="#fff" opacity=".55"/>`
    + `<rect y="186" width="320" height="54" fill="${palette.floor}"/><ellipse cx="160" cy="198" rx="86" ry="9" fill="#000" opacity=".10"/>`
    + draw(palette, item.form) + '</svg>'
}

type Drawing = (palette: Palette, form: number) => string

const rect = (x: number, y: number, width: number, height: number, fill: string, radius = 4): string =>
  `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}" fill="${fill}"/>`
const path = (d: string, fill: string): string => `<path d="${d}" fill="${fill}"/>`
const line = (d: string, stroke: string, width: number): string => `<path d="${d}" fill="none" stroke="${stroke}" stroke-width="${width}" stroke-linecap="round"/>`
const circle = (x: number, y: number, radius: number, fill: string): string => `<circle cx="${x}" cy="${y}" r="${radius}" fill="${fill}"/>`

function box({ main, dark }: Palette): string {
  return rect(100, 100, 120, 96, main) + rect(100, 100, 120, 16, dark)
}

const lamp: Drawing = ({ main, dark, light }, form) => {
  const shade = (x: number, y: number, size: number): string => path(`M${x - size} ${y + size} L${x - size * 0.55} ${y} H${x + size * 0.55} L${x + size} ${y + size}Z`, main) + path(`M${x - size} ${y + size} H${x + size} L${x + size * 1.5} ${y + size * 2.4} H${x - size * 1.5}Z`, '#ffe9a8" opacity=".5')
  if (form === 0) return line('M150 190 L130 130 L180 84', dark, 7) + rect(112, 186, 84, 10, dark, 5) + shade(186, 74, 34)
  if (form === 1) return line('M160 192 V80', dark, 7) + rect(122, 188, 76, 9, dark, 5) + shade(160, 36, 46)
  if (form === 2) return line('M160 0 V60', dark, 4) + shade(160, 58, 58)
  return path('M120 196 a40 52 0 0 1 80 0Z', light) + circle(160, 128, 44, main) + circle(160, 128, 28, '#ffe9a8')
}

const chair: Drawing = ({ main, dark, light }, form) => {
  const legs = line('M118 146 L110 196 M202 146 L210 196', dark, 8)
  if (form === 2) return legs + line('M136 146 L132 196 M184 146 L188 196', dark, 6) + rect(104, 128, 112, 20, main, 10)
  const seat = rect(104, form === 1 ? 116 : 130, 112, form === 1 ? 44 : 18, main, 9)
  const back = form === 1 ? rect(100, 62, 120, 76, light, 22) + rect(88, 104, 24, 54, dark, 11) + rect(208, 104, 24, 54, dark, 11) : rect(116, 58, 88, 22, main, 10) + line('M124 72 V134 M196 72 V134', dark, 8)
  return back + legs + seat + (form === 3 ? line('M84 190 Q160 222 236 190', dark, 8) : '')
}

const shelf: Drawing = ({ main, dark, light }, form) => {
  const rows = form === 0 ? [112, 156] : [64, 104, 144, 184]
  const things = (y: number, index: number): string => rect(116 + index * 12, y - 26, 10, 26, light, 2) + rect(130 + index * 12, y - 20, 8, 20, '#d98c6a', 2) + circle(190 - index * 8, y - 10, 10, dark)
  const sides = form === 0 ? '' : form === 2 ? line('M112 196 L132 44 M208 196 L188 44', dark, 7) : rect(98, 50, 8, 146, dark, 2) + rect(214, 50, 8, 146, dark, 2)
  return sides + rows.map((y, index) => rect(form === 3 ? 98 + index * 8 : 98, y, form === 3 ? 124 - index * 16 : 124, 9, main, 3) + things(y, index)).join('')
}

const clock: Drawing = ({ main, dark, light }, form) => {
  const y = form === 0 || form === 3 ? 106 : 132
  const foot = form === 0 || form === 3 ? '' : line('M130 180 L122 196 M190 180 L198 196', dark, 8)
  const bells = form === 2 ? circle(128, 82, 16, dark) + circle(192, 82, 16, dark) : ''
  const frame = form === 3 ? rect(98, 44, 124, 124, main, 16) : circle(160, y, 64, main)
  return foot + bells + frame + circle(160, y, 50, light === '#ffffff' ? '#f4f4f4' : '#fffdf8') + line(`M160 ${y} V${y - 34}`, dark, 5) + line(`M160 ${y} L186 ${y + 12}`, dark, 5) + circle(160, y, 5, dark)
}

const basket: Drawing = ({ main, dark, light }, form) => {
  const top = form === 0 ? 70 : form === 3 ? 104 : 120
  const weave = Array.from({ length: Math.floor((190 - top) / 14) }, (_, index) => line(`M112 ${top + 12 + index * 14} H208`, index % 2 === 0 ? light : dark, 3)).join('')
  const handle = form === 2 ? line('M112 120 Q160 30 208 120', dark, 8) : form === 1 ? '' : line(`M120 ${top} q-24 18 0 34 M200 ${top} q24 18 0 34`, dark, 7)
  return handle + path(`M96 ${top} H224 L208 196 H112Z`, main) + weave
}

const mug: Drawing = ({ main, dark, light }, form) => {
  const top = form === 2 ? 78 : form === 1 ? 132 : 112
  const half = form === 3 ? 62 : form === 1 ? 32 : 44
  const ear = form === 2 || form === 3 ? '' : line(`M${160 + half} ${top + 16} q34 4 24 32 q-6 14 -26 12`, main, 10)
  const steam = line(`M148 ${top - 14} q-10 -14 0 -26 M170 ${top - 14} q-10 -14 0 -26`, '#fff', 5)
  return steam + ear + path(`M${160 - half} ${top} H${160 + half} L${160 + half * 0.75} 194 q-3 4 -8 4 H${168 - half * 0.75} q-5 0 -8 -4Z`, main) + rect(160 - half, top - 4, half * 2, 10, dark, 5) + rect(160 - half + 8, top + 18, 8, 40, light, 4)
}

const teapot: Drawing = ({ main, dark, light }, form) => {
  if (form === 2) return path('M104 80 H216 L176 140 H144Z', main) + rect(136, 138, 48, 12, dark) + path('M128 150 H192 L200 196 H120Z', '#ffffff" opacity=".7') + line('M216 90 q30 10 4 34', dark, 8)
  if (form === 3) return path('M120 60 L206 56 L196 90 q24 60 2 106 H122 q-22 -46 2 -106Z', main) + line('M202 86 q46 24 2 74', dark, 10) + rect(132, 96, 8, 70, light, 4)
  const grip = form === 1 ? line('M224 130 L262 112', dark, 12) : line('M216 108 q48 14 8 66', dark, 11)
  return grip + path('M106 118 Q66 100 62 82 L84 78 Q96 108 116 112Z', main) + `<ellipse cx="164" cy="150" rx="64" ry="48" fill="${main}"/>` + `<ellipse cx="164" cy="106" rx="34" ry="9" fill="${dark}"/>` + circle(164, 94, 9, dark) + `<ellipse cx="140" cy="140" rx="10" ry="20" fill="${light}" opacity=".6"/>`
}

const VASES = [
  'M142 96 q-6 -30 0 -40 h36 q6 10 0 40 q40 30 30 76 q-4 26 -24 26 h-48 q-20 0 -24 -26 q-10 -46 30 -76Z',
  'M128 40 h64 q-6 40 14 70 q16 44 -10 88 h-72 q-26 -44 -10 -88 q20 -30 14 -70Z',
  'M106 112 q54 -24 108 0 q22 66 -26 86 h-56 q-48 -20 -26 -86Z',
  'M148 36 h24 v70 q44 22 34 66 q-6 26 -22 26 h-48 q-16 0 -22 -26 q-10 -44 34 -66Z',
]
const vase: Drawing = ({ main, dark, light }, form) =>
  line('M160 70 Q150 30 128 12 M162 70 Q176 30 196 18', '#5f7f57', 4) + circle(126, 14, 11, '#e7a07d') + circle(198, 20, 9, '#f0c987') + path(VASES[form] ?? '', main) + rect(136, 140, 8, 40, light, 4) + line('M128 190 H192', dark, 4)

const plant: Drawing = ({ main, dark, light }, form) => {
  const leaf = (x: number, y: number, angle: number, length: number, width: number, fill: string): string => `<ellipse cx="${x}" cy="${y}" rx="${width}" ry="${length}" fill="${fill}" transform="rotate(${angle} ${x} ${y})"/>`
  const green = ['#4f7d54', '#6b9a63', '#3f6b4a']
  const leaves = Array.from({ length: 7 }, (_, index) => {
    const side = index - 3
    if (form === 1) return leaf(160 + side * 11, 100 - (index % 2) * 14, side * 5, 52, 9, green[index % 3] ?? '')
    if (form === 2) return line(`M160 150 L${160 + side * 18} ${60 + Math.abs(side) * 12}`, '#7a6248', 4) + leaf(160 + side * 18, 58 + Math.abs(side) * 12, side * 14, 20, 15, green[index % 3] ?? '')
    if (form === 3) return line(`M160 146 Q${160 + side * 20} 70 ${160 + side * 34} ${96 + Math.abs(side) * 8}`, green[index % 3] ?? '', 9)
    return line(`M160 150 L${160 + side * 20} ${84 + Math.abs(side) * 8}`, '#3f6b4a', 4) + leaf(160 + side * 22, 76 + Math.abs(side) * 10, side * 22, 28, 20, green[index % 3] ?? '')
  }).join('')
  return leaves + path('M118 142 H202 L192 198 H128Z', main) + rect(112, 134, 96, 14, dark, 5) + rect(132, 156, 7, 32, light, 3)
}

const cushion: Drawing = ({ main, dark, light }, form) => {
  if (form === 1) return rect(78, 128, 164, 64, main, 32) + circle(104, 160, 30, dark) + circle(104, 160, 16, light)
  if (form === 3) return `<ellipse cx="160" cy="160" rx="78" ry="38" fill="${main}"/><ellipse cx="160" cy="138" rx="70" ry="24" fill="${light}"/>` + line('M96 160 Q160 186 224 160', dark, 3)
  const top = form === 2 ? 134 : 74
  return path(`M92 ${top} Q160 ${top + 16} 228 ${top} Q214 ${(top + 196) / 2} 228 196 Q160 180 92 196 Q106 ${(top + 196) / 2} 92 ${top}Z`, main) + line(`M116 ${top + 24} L204 176 M204 ${top + 24} L116 176`, form === 0 ? light : dark, 4) + circle(160, (top + 196) / 2 + 2, 7, dark)
}

const rug: Drawing = ({ main, dark, light }, form) => {
  if (form === 2) return `<ellipse cx="160" cy="150" rx="118" ry="54" fill="${main}"/><ellipse cx="160" cy="150" rx="88" ry="38" fill="none" stroke="${light}" stroke-width="7"/><ellipse cx="160" cy="150" rx="52" ry="20" fill="${dark}"/>`
  const [left, right, top] = form === 1 ? [120, 200, 70] : form === 3 ? [96, 224, 130] : [76, 244, 96]
  return path(`M${left + 24} ${top} H${right - 24} L${right + 16} 204 H${left - 16}Z`, main) + path(`M${left + 34} ${top + 12} H${right - 34} L${right - 4} 192 H${left + 4}Z`, light) + path(`M160 ${top + 26} L${right - 36} ${(top + 200) / 2 + 6} L160 184 L${left + 36} ${(top + 200) / 2 + 6}Z`, dark)
}

const throwBlanket: Drawing = ({ main, dark, light }, form) => {
  const folds = Array.from({ length: 4 - (form % 2) }, (_, index) => rect(92, 84 + index * 28, 136, 26, index % 2 === 0 ? main : light, 12)).join('')
  const fringe = Array.from({ length: 12 }, (_, index) => line(`M${98 + index * 11.4} ${form % 2 === 0 ? 194 : 166} v10`, dark, 3)).join('')
  return folds + fringe + (form === 3 ? path('M160 108 l7 14 15 2 -11 10 3 15 -14 -7 -14 7 3 -15 -11 -10 15 -2Z', dark) : line('M92 124 H228', dark, 3))
}

const DRAWINGS: Readonly<Record<string, Drawing>> = { lamp, chair, shelf, clock, basket, mug, teapot, vase, plant, cushion, rug, throw: throwBlanket }
