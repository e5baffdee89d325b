/**
 * The programs that decision 0001 shows in Kafka Streams and in Flink are compiled, as they stand there, against the installed engines. What is left out there, and said so, stands here:
 * imports, and the helpers `json`, `source` and `sink`, of which only the signatures matter to a compiler.
 */
import { strict as assert } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { ENGINES, need, ROOT } from '../../support/need.ts'
import { runCommand } from '../../support/processes.ts'

need('java', 'engines')

const STREAMS = `import java.time.Duration;
import java.util.*;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.*;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.*;
class StreamsPrograms {
  static <T> Serde<T> json(Class<T> type) { throw new UnsupportedOperationException(); }
`

const FLINK = `import java.time.Duration;
import org.apache.flink.api.common.eventtime.*;
import org.apache.flink.api.common.functions.*;
import org.apache.flink.api.common.state.*;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.*;
import org.apache.flink.streaming.api.functions.co.*;
import org.apache.flink.streaming.api.functions.windowing.*;
import org.apache.flink.streaming.api.windowing.assigners.*;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
class FlinkPrograms {
  interface Key<T> { String of(T value); }
  static <T> KafkaSource<T> source(String topic, Class<T> type) { throw new UnsupportedOperationException(); }
  static <T> KafkaSink<T> sink(String topic, Key<T> key) { throw new UnsupportedOperationException(); }
`

interface Shown { readonly start: string; readonly programs: readonly string[] }

/** The lines that start a program, and the five programs, of each engine. */
function shown(): { readonly streams: Shown; readonly flink: Shown } {
  const text = readFileSync(join(ROOT, 'docs', 'decisions', '0001-public-api.md'), 'utf8')
  const blocks = (part: string): string[] => [...part.matchAll(/```java\n([\s\S]*?)```/g)].map(match => match[1] ?? '')
  const [head = '', ...programs] = text.split(/^### \d\. /m)
  const [streamsStart = '', flinkStart = ''] = blocks(head.slice(head.indexOf('## The five programs')))
  const pairs = programs.map(blocks)
  assert.deepEqual(pairs.map(pair => pair.length), [2, 2, 2, 2, 2])
  return { streams: { start: streamsStart, programs: pairs.map(pair => pair[0] ?? '') }, flink: { start: flinkStart, programs: pairs.map(pair => pair[1] ?? '') } }
}

/** All of it is one method: classes and records may stand in it. */
function streamsSource({ start, programs }: Shown): string {
  return `${STREAMS}${programs.map((program, index) => `  static void program${index + 1}(String bootstrap) {\n${program}${start}  }\n`).join('')}}\n`
}

/** Flink's classes are members (public ones it reads and writes by reflection), what follows them is a method. */
function flinkSource({ start, programs }: Shown): string {
  return `${FLINK}${programs.map((program, index) => {
    const at = program.indexOf('StreamExecutionEnvironment env')
    assert.ok(at > 0, program)
    return `  static class Program${index + 1} {\n${program.slice(0, at).replace(/^(?:public )?class /gm, 'public static class ')}  static void run() throws Exception {\n${program.slice(at)}${start}  }\n  }\n`
  }).join('')}}\n`
}

function jarsOf(distribution: string): string[] {
  // What `millrace engines install` wrote.
  const { jars } = JSON.parse(readFileSync(join(ENGINES, distribution, 'installed.json'), 'utf8')) as { readonly jars: readonly string[] }
  return jars.map(jar => join(ENGINES, 'jars', jar))
}

async function compile(folder: string, sources: Readonly<Record<string, string>>): Promise<string> {
  for (const [name, source] of Object.entries(sources)) writeFileSync(join(folder, name), source)
  const classPath = [...jarsOf('kafka-streams-4.1.0'), ...jarsOf('flink-2.0.0')].join(delimiter)
  const ran = await runCommand('javac', ['-J-Xmx512m', '-proc:none', '-d', join(folder, 'classes'), '-cp', classPath, ...Object.keys(sources).map(name => join(folder, name))])
  return ran.exitCode === 0 ? '' : ran.stderr
}

test('the Kafka Streams and Flink programs of decision 0001 compile; with a name that is not there they do not', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-decision-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const { streams, flink } = shown()
  assert.equal(await compile(folder, { 'StreamsPrograms.java': streamsSource(streams), 'FlinkPrograms.java': flinkSource(flink) }), '')
  const wrong = ({ start, programs }: Shown, from: string, to: string): Shown => ({ start, programs: programs.map(program => program.replace(from, to)) })
  const complaint = await compile(folder, { 'StreamsPrograms.java': streamsSource(wrong(streams, '.selectKey(', '.selectKeys(')), 'FlinkPrograms.java': flinkSource(wrong(flink, '.keyBy(', '.keysBy(')) })
  assert.match(complaint, /cannot find symbol[\s\S]*selectKeys/)
  assert.match(complaint, /cannot find symbol[\s\S]*keysBy/)
})
