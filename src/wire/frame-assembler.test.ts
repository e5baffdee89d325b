/** Frames come out as they were sent, however the bytes are cut and wherever the socket puts them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { FrameAssembler } from './frame-assembler.ts'

const SIZE_BYTES_MAX = 4 * 1024 * 1024

function framed(body: Buffer): Buffer {
  const size = Buffer.alloc(4)
  size.writeInt32BE(body.length)
  return Buffer.concat([size, body])
}

test('random frames, cut at random, put where they are asked for or not', () => {
  const { below, seedText } = seededRandom()
  const random = (): number => below(2 ** 32) / 2 ** 32
  for (let round = 0; round < 60; round++) {
    const bodies = Array.from({ length: 1 + Math.floor(random() * 12) }, () => Buffer.alloc(1 + Math.floor(random() ** 6 * 3_000_000), Math.floor(random() * 256)))
    const sent = Buffer.concat(bodies.map(framed))
    const frames = new FrameAssembler(size => size > 0 && size <= SIZE_BYTES_MAX, 1 + Math.floor(random() * 200_000))
    const got: Buffer[] = []
    const take = (most: number): void => {
      for (let left = most; left > 0; left--) {
        const frame = frames.next()
        if (frame === undefined) return
        got.push(frame)
      }
      frames.keep()
    }
    for (let at = 0; at < sent.length;) {
      const space = frames.space()
      assert.ok(space.length > 0, `${seedText}: room to read into`)
      const length = Math.min(sent.length - at, 1 + Math.floor(random() * space.length))
      if (random() < 0.7) {
        sent.copy(space, 0, at, at + length)
        frames.push(space.subarray(0, length))
      } else frames.push(Buffer.from(sent.subarray(at, at + length)))
      at += length
      // Some readers pause, and go on later.
      take(random() < 0.3 ? Math.floor(random() * 3) : Infinity)
    }
    take(Infinity)
    assert.equal(got.length, bodies.length, `${seedText}, round ${round}`)
    for (const [index, body] of bodies.entries()) assert.ok(got[index]?.equals(body), `${seedText}, round ${round}, frame ${index}`)
    assert.equal(frames.bytes, 0)
  }
})

test('what is left for later does not lie in the memory that the next connection reads into', () => {
  const [one, other] = [new FrameAssembler(() => true, 1024), new FrameAssembler(() => true, 1024)]
  const sent = Buffer.concat([framed(Buffer.from('first')), framed(Buffer.from('second')), Buffer.from([0, 0])])
  sent.copy(one.space())
  one.push(one.space().subarray(0, sent.length))
  assert.equal(one.next()?.toString(), 'first')
  one.keep()
  other.space().fill(0xff)
  assert.equal(one.next()?.toString(), 'second')
  assert.equal(one.next(), undefined)
  assert.equal(one.bytes, 2)
})

test('on the word of a size no more memory is taken than is trusted, and a refused size ends it', () => {
  const frames = new FrameAssembler(size => size <= 100_000_000, 64 * 1024)
  const size = Buffer.alloc(4)
  size.writeInt32BE(100_000_000)
  frames.push(size)
  assert.equal(frames.next(), undefined)
  assert.equal(frames.space().length, 64 * 1024)
  frames.push(frames.space().fill(1))
  assert.equal(frames.next(), undefined)
  assert.equal(frames.space().length, 64 * 1024, 'twice of what has come')
  const refusing = new FrameAssembler(() => false, 64 * 1024)
  refusing.push(framed(Buffer.from('x')))
  assert.equal(refusing.next(), undefined)
  assert.equal(refusing.bytes, 5)
})
