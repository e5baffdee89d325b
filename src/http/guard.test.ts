import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { Hono } from 'hono'
import { Guard, TOKEN_HEADER } from './guard.ts'

const PORT = 8080
const guard = new Guard({ port: PORT, hosts: ['shop.internal'], openPosts: ['/events'] })
const app = new Hono()
app.use('*', guard.middleware)
app.all('*', context => context.text('in'))

async function status(path: string, method: string, headers: Readonly<Record<string, string>>): Promise<number> {
  return (await app.request(path, { method, headers: { host: `localhost:${PORT}`, ...headers } })).status
}

const json = { 'content-type': 'application/json' }
const token = { [TOKEN_HEADER]: guard.token }

test('W1: only names of this machine, allowed ones, and the server\'s own port', async () => {
  for (const host of [`localhost:${PORT}`, `127.0.0.1:${PORT}`, `[::1]:${PORT}`, `shop.internal:${PORT}`]) equal(await status('/', 'GET', { host }), 200, host)
  for (const host of ['evil.example', `evil.example:${PORT}`, 'localhost', 'localhost:1', `localhost.evil.example:${PORT}`, `localhost:${PORT}:${PORT}`]) equal(await status('/', 'GET', { host }), 421, host)
})

test('W2: what changes something is JSON by POST, from our own pages or with their token', async () => {
  equal(await status('/api', 'POST', { ...json, ...token }), 200)
  equal(await status('/api', 'POST', { ...json, ...token, origin: `http://localhost:${PORT}` }), 200)
  equal(await status('/api', 'PUT', { ...json, ...token }), 405)
  equal(await status('/api', 'POST', { 'content-type': 'text/plain', ...token }), 415)
  for (const origin of ['http://evil.example', `https://localhost:${PORT}`, 'null']) equal(await status('/api', 'POST', { ...json, ...token, origin }), 403, origin)
  for (const wrong of ['', guard.token.slice(1), `${guard.token}x`]) equal(await status('/api', 'POST', { ...json, [TOKEN_HEADER]: wrong }), 403)
})

test('W2: machine ingest needs no token, but no other page can use it', async () => {
  equal(await status('/events', 'POST', json), 200)
  equal(await status('/events', 'POST', { ...json, origin: 'http://evil.example' }), 403)
  equal(await status('/events', 'POST', { 'content-type': 'text/plain' }), 415)
})

test('a WebSocket needs host, origin and token, all three', () => {
  const host = `localhost:${PORT}`
  const origin = `http://${host}`
  deepEqual([
    guard.allowsUpgrade({ host, origin }, guard.token), guard.allowsUpgrade({ host }, guard.token), guard.allowsUpgrade({ host, origin }, null),
    guard.allowsUpgrade({ host, origin: 'http://evil.example' }, guard.token), guard.allowsUpgrade({ host: 'evil.example', origin: 'http://evil.example' }, guard.token),
  ], [true, false, false, false, false])
})

test('W3: every answer says what may run; images inside of pages only where asked for', async () => {
  const policy = (await app.request('/', { headers: { host: `localhost:${PORT}` } })).headers.get('content-security-policy') ?? ''
  equal(/default-src 'none'; script-src 'self';.*img-src 'self';.*frame-ancestors 'none'/.test(policy), true, policy)
  const withImages = new Hono().use('*', new Guard({ dataImages: true }).middleware).get('/', context => context.text(''))
  equal((await withImages.request('/', { headers: { host: 'localhost' } })).headers.get('content-security-policy')?.includes("img-src 'self' data:"), true)
})
