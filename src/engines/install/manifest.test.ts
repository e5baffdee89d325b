import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realDisk } from '../../env/real/disk.ts'
import { javaShortfall, parseJavaVersion } from './java.ts'
import { enginesDirectory, MAVEN_CENTRAL, mirrorOfCentral, repositoryUrl } from './location.ts'
import { bytesOf, findManifest, jarPath, type Manifest, parseManifest, readManifests, titleOf } from './manifest.ts'

const manifests = readManifests(realDisk)
const version = (name: string, of: string): Manifest => ({ name, version: of, describe: '', java: 17, javaOptions: [], jars: [], wheels: [] })

test('every manifest is whole: parts, sizes, no coordinates twice', () => {
  const names = [...new Set(manifests.map(manifest => manifest.name))]
  assert.deepEqual(names, ['connect', 'flink', 'kafka', 'kafka-streams', 'samza', 'spark', 'spark-python', 'storm'])
  for (const manifest of manifests) {
    assert.ok(manifest.jars.length + manifest.wheels.length > 1, titleOf(manifest))
    assert.ok(bytesOf(manifest) > 1e6, titleOf(manifest))
    assert.equal(new Set(manifest.jars.map(jarPath)).size, manifest.jars.length, titleOf(manifest))
    const artifacts = manifest.jars.map(jar => `${jar.group}:${jar.artifact}:${jar.classifier ?? ''}`)
    assert.equal(new Set(artifacts).size, artifacts.length, `${titleOf(manifest)}: two versions of one artifact`)
  }
})

test('the same coordinates have the same content in every manifest (M1)', () => {
  const seen = new Map<string, string>()
  for (const jar of manifests.flatMap(manifest => manifest.jars)) {
    assert.equal(seen.get(jarPath(jar)) ?? jar.sha256, jar.sha256, jarPath(jar))
    seen.set(jarPath(jar), jar.sha256)
  }
  assert.ok(seen.size > 100)
})

test('a name means its newest version, two numbers the newest of them', () => {
  const known = [version('flink', '2.0.9'), version('flink', '2.0.10'), version('flink', '2.1.0'), version('spark', '3.5.1')]
  assert.equal(titleOf(findManifest(known, 'flink')), 'flink@2.1.0')
  assert.equal(titleOf(findManifest(known, 'flink@2.0')), 'flink@2.0.10')
  assert.equal(titleOf(findManifest(known, 'flink@2.0.9')), 'flink@2.0.9')
  assert.throws(() => findManifest(known, 'flink@2.0.1'), /There is no flink 2\.0\.1 to install\. There are: flink@2/)
  assert.throws(() => findManifest(known, 'flnk'), /There is no engine 'flnk'\. There are: flink, spark/)
})

test('a manifest that leads out of its folder, or lacks a checksum, is refused (M2)', () => {
  const jar = { group: 'org.example', artifact: 'a', version: '1', bytes: 1, sha256: 'a'.repeat(64) }
  const text = (change: object): string => JSON.stringify({ name: 'x', version: '1', describe: '', java: 17, javaOptions: [], jars: [{ ...jar, ...change }], wheels: [] })
  assert.equal(parseManifest(text({}), 'x.json').jars.length, 1)
  for (const change of [{ artifact: '../../x' }, { group: '/etc' }, { version: '..' }, { artifact: 'a/b' }, { sha256: 'short' }, { bytes: 0 }, { bytes: '1' }]) {
    assert.throws(() => parseManifest(text(change), 'x.json'), /Manifest x\.json: '\w+' is/, JSON.stringify(change))
  }
  assert.throws(() => parseManifest('{', 'x.json'), /Manifest x\.json: .*npm ci/)
})

test('the folder and the repository come from the environment', () => {
  assert.equal(enginesDirectory({ MILLRACE_ENGINES: '/a', HOME: '/h' }), '/a')
  assert.equal(enginesDirectory({ XDG_CACHE_HOME: '/c', HOME: '/h' }), '/c/millrace/engines')
  assert.equal(enginesDirectory({ HOME: '/h' }), '/h/.cache/millrace/engines')
  assert.throws(() => enginesDirectory({}), /MILLRACE_ENGINES/)
  assert.equal(repositoryUrl({}, realDisk), MAVEN_CENTRAL)
  assert.equal(repositoryUrl({ MILLRACE_MAVEN: 'https://maven.example.org/x/' }, realDisk), 'https://maven.example.org/x')
  assert.throws(() => repositoryUrl({ MILLRACE_MAVEN: 'ftp://x' }, realDisk), /MILLRACE_MAVEN is 'ftp:\/\/x'/)
})

test('a mirror counts only where it plainly stands for central', () => {
  const mirror = (of: string, url: string): string => `<settings><mirrors><mirror><id>m</id><url>${url}</url><mirrorOf>${of}</mirrorOf></mirror></mirrors></settings>`
  assert.equal(mirrorOfCentral(mirror('central', 'https://m.example.org/maven/')), 'https://m.example.org/maven')
  assert.equal(mirrorOfCentral(mirror('*', 'http://m.example.org')), 'http://m.example.org')
  assert.equal(mirrorOfCentral(mirror('*,!central', 'https://m.example.org')), undefined)
  assert.equal(mirrorOfCentral(mirror('central', 'https://${env.HOST}/')), undefined)
  assert.equal(mirrorOfCentral(`<!-- ${mirror('central', 'https://m.example.org')} -->`), undefined)
  assert.equal(mirrorOfCentral('not xml'), undefined)
})

test('Java is told by its version, old numbering too', () => {
  assert.deepEqual(parseJavaVersion('openjdk version "17.0.15" 2025-04-15\nOpenJDK'), { version: '17.0.15', major: 17 })
  assert.deepEqual(parseJavaVersion('java version "1.8.0_392"'), { version: '1.8.0_392', major: 8 })
  assert.deepEqual(parseJavaVersion('openjdk version "25" 2025-09-16'), { version: '25', major: 25 })
  assert.equal(parseJavaVersion('command not found'), undefined)
  assert.equal(javaShortfall(17, { command: 'java', version: '21.0.1', major: 21 }), undefined)
  assert.equal(javaShortfall(0, undefined), undefined)
  assert.match(javaShortfall(17, undefined) ?? '', /Java 17 or later is needed to run it; found none\./)
  assert.match(javaShortfall(17, { command: '/j/bin/java', version: '1.8.0_392', major: 8 }) ?? '', /found Java 1\.8\.0_392 \(\/j\/bin\/java\)/)
})
