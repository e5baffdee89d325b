/**
 * Tasks on other engines on the status page, in Chromium: their row with its buttons, which stop, start and rescale one while its neighbour goes on, in both
 * languages; and the kill button of its box, which takes its processes in turn.
 */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Chromium, type Page } from '../../support/chromium.ts'
import { millrace, startMillrace, startTestBroker, type TestBroker } from '../../support/millrace.ts'
import { need, ROOT } from '../../support/need.ts'
import type { Started } from '../../support/processes.ts'

need('chromium')

const directory = mkdtempSync(join(tmpdir(), 'millrace-jobs-page-'))
let broker: TestBroker
let app: Started
let chromium: Chromium
let page: Page

before(async () => {
  broker = await startTestBroker()
  app = startMillrace(['start', join(ROOT, 'dist', 'test', 'jobs', 'app.js'), '--bootstrap', broker.bootstrap, '--data', directory, '--status-port', '0', '--json'])
  const [, url = ''] = await app.waitFor(/"status":"([^"]+)"/)
  chromium = await Chromium.start()
  page = await chromium.open(url)
  await page.waitFor(`${state('copy')} === 'running' && ${state('echo')} === 'running'`, 60_000)
})
after(async () => {
  await app?.kill('SIGTERM')
  await broker?.stop()
  broker?.remove()
  rmSync(directory, { recursive: true, force: true })
  await chromium?.close()
})

const row = (task: string): string => `document.querySelector('.jobs tr[data-task=${task}]')`
const state = (task: string): string => `${row(task)}?.querySelector('.state').dataset.state`
const press = (task: string, button: string): Promise<unknown> => page.evaluate(`${row(task)}.querySelector('button.${button}').click()`)
const cards = "[...document.querySelectorAll('.process')].map(card => card.dataset.name)"
const pid = (name: string): Promise<string> => page.evaluate<string>(`document.querySelector('.process[data-name="${name}"] .pid').textContent`)
const box = (task: string): string => `[...document.querySelectorAll('.graph .foreign')].find(card => card.querySelector('.name').textContent === '${task}')`

test('the box says which engine runs it, and what is not known is a dash', async () => {
  assert.equal(await page.evaluate<string>(`${box('copy')}.querySelector('.engine').textContent`), 'process')
  assert.deepEqual(await page.evaluate<string[]>(`[...${row('copy')}.querySelectorAll('.engine, .restarts, .checkpoint, .pressure, .error')].map(cell => cell.textContent)`), ['process', '0', '—', '—', '—'])
  assert.deepEqual(await page.evaluate<boolean[]>(`['stop', 'start', 'restart', 'less', 'more'].map(name => ${row('copy')}.querySelector('button.' + name).disabled)`), [false, true, false, true, false])
})

test('one is rescaled, and its box kills its instances in turn', async () => {
  const echo = await pid('echo')
  await press('copy', 'more')
  await page.waitFor(`${row('copy')}.querySelector('.instances span').textContent.trim() === '2' && ${cards}.includes('copy-2')`, 30_000)
  const before = [await pid('copy'), await pid('copy-2')]
  for (const [index, name] of ['copy', 'copy-2'].entries()) {
    await page.evaluate(`${box('copy')}.querySelector('.kill').dispatchEvent(new MouseEvent('click'))`)
    await page.waitFor(`document.querySelector('.process[data-name="${name}"]')?.dataset.state === 'running' && document.querySelector('.process[data-name="${name}"] .pid').textContent !== '${before[index]}'`, 30_000)
  }
  await page.waitFor(`${row('copy')}.querySelector('.restarts').textContent === '2'`, 10_000)
  assert.equal(await pid('echo'), echo)
})

test('one is stopped and started; its neighbour stays the process it was, and what happened is told, in Chinese too', async () => {
  const echo = await pid('echo')
  const write = async (): Promise<void> => assert.equal((await millrace(['topic', 'produce', 'jobs.lines', '-k', 'k', '-v', 'line', '--bootstrap', broker.bootstrap])).exitCode, 0)
  await write()
  await page.waitFor(`/lag 0$/.test(${box('copy')}.querySelector('.figures').textContent)`, 30_000)
  await press('copy', 'stop')
  await page.waitFor(`${state('copy')} === 'stopped' && document.querySelector('.verdict').textContent === 'copy is stopped.'`, 40_000)
  assert.deepEqual((await page.evaluate<string[]>(cards)).filter(name => name.startsWith('copy')), [])
  await write()
  const problem = "document.querySelector('.piece[data-rule=stopped] .problem')?.textContent"
  await page.waitFor(`${problem} === "Nobody runs 'copy', and its input waits."`, 30_000)
  await page.evaluate("document.querySelector('.language').click()")
  await page.waitFor(`${problem} === '没有人运行 copy，它的输入在等待。'`, 10_000)
  await page.evaluate("document.querySelector('.language').click()")
  await press('copy', 'start')
  await page.waitFor(`${state('copy')} === 'running' && ${cards}.includes('copy-2')`, 40_000)
  assert.equal(await pid('echo'), echo)
  assert.match(await page.evaluate<string>("document.querySelector('.events').innerText"), /copy was started[\s\S]*copy was stopped[\s\S]*copy was rescaled from 1 to 2/)
  await page.evaluate("document.querySelector('.language').click()")
  await page.waitFor("/copy 的实例数由 1 改为 2/.test(document.querySelector('.events')?.textContent ?? '')", 10_000)
  const text = await page.evaluate<string>("document.querySelector('.jobs').innerText")
  for (const english of ['stop', 'start', 'restart', 'running', 'engine', 'instances', 'checkpoint']) assert.doesNotMatch(text, new RegExp(`\\b${english}\\b`), english)
  assert.deepEqual(page.errors, [])
})
