/**
 * The status page of a whole `npm start`, in Chromium: what its reader sees and can do, with the tools that the README names
 * connecting from outside, by mouse and by keyboard, in both languages, on a narrow screen and on a dark one.
 */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Chromium, type Page } from '../../support/chromium.ts'
import { freePorts, startKafkaTool } from '../../support/kafka.ts'
import { startMillrace } from '../../support/millrace.ts'
import { need, PYTHON_PACKAGES } from '../../support/need.ts'
import { mustRun, startProcess, type Started } from '../../support/processes.ts'

need('chromium', 'kcat', 'kafka', 'python')

/** What first-ten-minutes calls six lines of Python. */
const SIX_LINES = (bootstrap: string): string => `
from confluent_kafka import Consumer
consumer = Consumer({'bootstrap.servers': '${bootstrap}', 'group.id': 'six-lines', 'auto.offset.reset': 'latest'})
consumer.subscribe(['recs'])
while True:
    message = consumer.poll(1.0)
    if message is not None and message.error() is None: print(message.key())
`

const directory = mkdtempSync(join(tmpdir(), 'millrace-status-'))
let demo: Started
let chromium: Chromium
let page: Page
let bootstrap = ''
let url = ''
const others: Started[] = []

before(async () => {
  const [kafka = 0, shop = 0, status = 0] = await freePorts(3)
  bootstrap = `127.0.0.1:${kafka}`
  url = `http://localhost:${status}/`
  demo = startMillrace(['demo', 'recommender', '--data', directory, '--port', String(kafka), '--shop-port', String(shop), '--status-port', String(status)])
  await demo.waitFor(/Ctrl-C ends it/, 120_000)
  chromium = await Chromium.start()
  page = await chromium.open(url)
  await page.waitFor("[...document.querySelectorAll('.graph .task')].every(card => card.dataset.state === 'running') && document.querySelector('.books').dataset.state === 'good'", 120_000)
}, { timeout: 240_000 })

after(async () => {
  for (const other of others) await other.kill('SIGKILL')
  await demo?.kill('SIGTERM')
  rmSync(directory, { recursive: true, force: true })
  await chromium?.close()
})

const outsideNames = "[...document.querySelectorAll('.graph .outside')].map(box => box.textContent)"
const box = (name: string): string => `[...document.querySelectorAll('.graph .outside')].find(box => box.textContent.includes(${JSON.stringify(name)}))`
const edges = "document.querySelectorAll('.graph .outside-edge').length"

test('every box of the graph has a kill button, and the ledger stands below the graph', async () => {
  const found = await page.evaluate<{ boxes: number; buttons: number; unnamed: number; processes: number; processButtons: number; order: string[] }>(`({
    boxes: document.querySelectorAll('.graph .task, .graph .topic').length,
    buttons: document.querySelectorAll('.graph .task .kill, .graph .topic .kill').length,
    unnamed: [...document.querySelectorAll('.graph .kill')].filter(button => !/^SIGKILL /.test(button.getAttribute('aria-label') ?? '')).length,
    processes: document.querySelectorAll('.process').length, processButtons: document.querySelectorAll('.process button.kill').length,
    order: [...document.querySelectorAll('section h2')].map(title => title.textContent),
  })`)
  assert.ok(found.boxes >= 15, JSON.stringify(found))
  assert.equal(found.buttons, found.boxes)
  assert.equal(found.unnamed, 0)
  assert.equal(found.processes, 5)
  assert.equal(found.processButtons, 5)
  assert.equal(found.order.indexOf('Ledger'), found.order.indexOf('Graph') + 1)
})

test('kcat, a Java console consumer and six lines of Python join the graph as dashed boxes; kcat is seen though it leaves at once', async () => {
  assert.match(await page.evaluate<string>("document.querySelector('.graph .hint').textContent"), new RegExp(`${bootstrap}: it appears here`))
  const started = Date.now()
  await mustRun('kcat', ['-b', bootstrap, '-L'])
  const listed = Date.now()
  await page.waitFor(`${box('librdkafka')} !== undefined`, 20_000)
  console.log(`kcat -L ran ${listed - started} ms; its box was there ${Date.now() - listed} ms later`)
  others.push(startProcess('python3', ['-c', SIX_LINES(bootstrap)], { env: { PYTHONPATH: PYTHON_PACKAGES } }))
  await page.waitFor(`${box('confluent-kafka-python')}?.querySelector('title').textContent.includes('← recs')`, 30_000)
  others.push(startKafkaTool('org.apache.kafka.tools.consumer.ConsoleConsumer', ['--bootstrap-server', bootstrap, '--topic', 'shop.events']))
  await page.waitFor(`${box('console-consumer')}?.querySelector('title').textContent.includes('← shop.events')`, 60_000)
  assert.ok(await page.evaluate<number>(edges) >= 2)
  const dash = await page.evaluate<string>("getComputedStyle(document.querySelector('.graph .outside rect')).strokeDasharray")
  assert.notEqual(dash, 'none')
  for (const other of others) await other.kill('SIGKILL')
  await page.waitFor(`document.querySelectorAll('.graph .outside:not(.gone)').length === 0`, 30_000)
  const names = await page.evaluate<string[]>(outsideNames)
  assert.ok(names.every(name => !/millrace|ledger|shop-/.test(name)), names.join(', '))
})

test('a client whose request is not served is named, with what it asked for', async () => {
  assert.equal(await page.evaluate<boolean>("document.querySelector('.refused').hidden"), true)
  // ShareFetch (78) v1 of client 'new-client'.
  const name = Buffer.from('new-client')
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 10 + name.length, 0, 78, 0, 1, 0, 0, 0, 1, 0, name.length]), name])
  const socket = connect({ host: '127.0.0.1', port: Number(bootstrap.split(':')[1]) })
  await new Promise<void>((resolve, reject) => socket.once('close', () => resolve()).once('error', reject).end(frame))
  await page.waitFor("document.querySelector('.refused').innerText.includes('new-client: ShareFetch (78) v1')", 20_000)
  assert.match(await page.evaluate<string>("document.querySelector('.events').innerText"), /new-client asked for ShareFetch \(78\) v1, which is not served/)
})

test('three kills, one of them by keyboard: gaps in seconds, records restored, books balanced', async () => {
  const killed = (name: string): string => `[...document.querySelectorAll('.process')].find(card => card.querySelector('b').textContent === '${name}')`
  const kills: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['tasks-1', () => page.evaluate(`${killed('tasks-1')}.querySelector('button').click()`)],
    ['broker', async () => {
      // A topic's button kills the broker that holds it.
      await page.evaluate("document.querySelector('.graph .topic .kill').focus()")
      await page.send('Input.dispatchKeyEvent', { type: 'keyDown', key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13 })
    }],
    ['tasks-2', () => page.evaluate(`${killed('tasks-2')}.querySelector('button').click()`)],
  ]
  for (const [name, kill] of kills) {
    await kill()
    await page.waitFor(`/last gap \\d+\\.\\d s/.test(${killed(name)}.textContent) && ${killed(name)}.dataset.state === 'running'`, 90_000)
    await page.waitFor("[...document.querySelectorAll('.graph .task')].every(card => card.dataset.state === 'running') && document.querySelector('.books').dataset.state === 'good'", 90_000)
  }
  await page.waitFor("/tasks-[12]: [\\d,]+ records restored in \\d+\\.\\d s/.test(document.querySelector('.events').textContent)", 60_000)
  const happened = await page.evaluate<string>("document.querySelector('.events').innerText")
  console.log(happened)
  assert.match(happened, /broker killed \(SIGKILL, pid \d+\)/)
  assert.match(happened, /tasks-2 is back after \d+\.\d s/)
})

test('in Chinese nothing is left in English but names, and what happened is told in Chinese too', async () => {
  await page.evaluate("document.querySelector('.language').click()")
  await page.waitFor("document.documentElement.lang === 'zh-CN' && /恢复了/.test(document.querySelector('.events')?.textContent ?? '')", 10_000)
  const text = await page.evaluate<string>("document.getElementById('page').innerText")
  for (const english of ['kill', 'running', 'restored', 'lag', 'counted', 'Ledger', 'is back', 'records']) assert.doesNotMatch(text, new RegExp(`\\b${english}\\b`), english)
  await page.evaluate("document.querySelector('.language').click()")
})

test('a narrow screen scrolls inside its parts, not as a whole; a dark one has light text', async () => {
  const phone = await chromium.open(url, { width: 390, height: 800, isPhone: true })
  await phone.waitFor("document.querySelector('.books')?.dataset.state !== undefined", 20_000)
  assert.ok(await phone.evaluate<boolean>('document.documentElement.scrollWidth <= innerWidth'))
  await phone.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: 'dark' }] })
  const [ink, paper] = await phone.evaluate<[number, number]>("['color', 'backgroundColor'].map(name => getComputedStyle(document.body)[name].match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0))")
  assert.ok(ink > 500 && paper < 150, `ink ${ink}, paper ${paper}`)
  phone.close()
})

test('the page asks nobody but its own server, and its console has no error', async () => {
  assert.deepEqual(page.requests.filter(request => !request.includes(new URL(url).host) && !request.includes(' data:')), [])
  assert.deepEqual(page.errors, [])
})

test('the guard taken off: kills turn the ledger red on the page', async () => {
  await page.evaluate("document.querySelector('.guard-button').click()")
  await page.waitFor("document.querySelector('.guard-state').dataset.state === 'failed'", 60_000)
  for (let kill = 0; kill < 10; kill++) {
    await page.waitFor("[...document.querySelectorAll('.process, .graph .task')].every(card => card.dataset.state === 'running')", 90_000)
    await new Promise(resolve => setTimeout(resolve, 3000))
    await page.evaluate(`[...document.querySelectorAll('.process')].find(card => card.textContent.startsWith('tasks-${kill % 2 + 1}')).querySelector('button').click()`)
    const isRed = await page.waitFor("document.querySelector('.books').dataset.state === 'failed'", 20_000).then(() => true, () => false)
    if (isRed) break
  }
  assert.equal(await page.evaluate<string>("document.querySelector('.books').textContent"), 'The books do not balance.')
  const doubled = await page.evaluate<string>("[...document.querySelectorAll('section:nth-of-type(2) tbody td')][5].textContent")
  assert.ok(Number(doubled.replaceAll(',', '')) > 0, doubled)
})
