/**
 * Writes the locked manifests of src/engines/install/manifests. Run by hand where a version is added or raised:
 *
 *   npm run build && node dist/scripts/engine-manifests.js [NAME …]      needs mvn and the network
 *
 * Each distribution is a small pom, resolved by Maven; coordinates come from the resolved files' places in a repository
 * layout, sizes and SHA-256 from their bytes.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Source {
  readonly name: string
  readonly version: string
  readonly describe: string
  /** The least Java its manifest was tried with. */
  readonly java: number
  /** What a JVM of a newer Java has to be given for it to run. */
  readonly javaOptions?: readonly string[]
  /** `group:artifact:version`; what they need at run time comes with them. */
  readonly roots: readonly string[]
  /** `group:artifact` that must not come with them. */
  readonly exclude?: readonly string[]
  readonly wheels?: readonly { readonly name: string, readonly version: string, readonly bytes: number, readonly sha256: string }[]
}

const opens = (module: string, packages: readonly string[]): string[] => packages.map(name => `--add-opens=${module}/${name}=ALL-UNNAMED`)
const exports = (module: string, packages: readonly string[]): string[] => packages.map(name => `--add-exports=${module}/${name}=ALL-UNNAMED`)
const LOG4J = ['org.apache.logging.log4j:log4j-core:2.24.3', 'org.apache.logging.log4j:log4j-api:2.24.3']

const KAFKA = '4.1.0'
const FLINK = '2.0.0'
const SPARK = '3.5.1'
const STORM = '2.8.2'
const SAMZA = '1.8.0'
const DEBEZIUM = '3.3.1.Final'

const SOURCES: readonly Source[] = [
  {
    name: 'kafka', version: KAFKA, java: 17, describe: 'Apache Kafka: broker, controller, tools',
    roots: [`org.apache.kafka:kafka_2.13:${KAFKA}`, `org.apache.kafka:kafka-tools:${KAFKA}`, ...LOG4J, 'org.apache.logging.log4j:log4j-slf4j-impl:2.24.3'],
  },
  {
    name: 'kafka-streams', version: KAFKA, java: 17, describe: 'Kafka Streams with RocksDB',
    roots: [`org.apache.kafka:kafka-streams:${KAFKA}`, 'org.slf4j:slf4j-simple:1.7.36'],
  },
  {
    name: 'flink', version: FLINK, java: 17, describe: 'Apache Flink: session cluster, SQL Gateway, Kafka connector',
    javaOptions: [
      ...exports('java.rmi', ['sun.rmi.registry']),
      ...exports('jdk.compiler', ['com.sun.tools.javac.api', 'com.sun.tools.javac.file', 'com.sun.tools.javac.parser', 'com.sun.tools.javac.tree', 'com.sun.tools.javac.util']),
      ...exports('java.security.jgss', ['sun.security.krb5']),
      ...opens('java.base', ['java.lang', 'java.net', 'java.io', 'java.nio', 'sun.nio.ch', 'java.lang.reflect', 'java.text', 'java.time', 'java.util', 'java.util.concurrent', 'java.util.concurrent.atomic', 'java.util.concurrent.locks']),
    ],
    roots: [
      ...['runtime', 'runtime-web', 'streaming-java', 'clients', 'table-planner-loader', 'table-runtime', 'table-api-java-uber', 'sql-gateway', 'cep', 'connector-base', 'connector-files', 'connector-datagen', 'json', 'csv', 'statebackend-rocksdb', 'metrics-prometheus'].map(part => `org.apache.flink:flink-${part}:${FLINK}`),
      'org.apache.flink:flink-connector-kafka:4.0.1-2.0',
      ...LOG4J, 'org.apache.logging.log4j:log4j-slf4j-impl:2.24.3', 'org.slf4j:slf4j-api:1.7.36',
    ],
  },
  {
    name: 'spark', version: SPARK, java: 17, describe: 'Apache Spark: Structured Streaming and DStreams with their Kafka connectors',
    javaOptions: [
      '-XX:+IgnoreUnrecognizedVMOptions',
      ...opens('java.base', ['java.lang', 'java.lang.invoke', 'java.lang.reflect', 'java.io', 'java.net', 'java.nio', 'java.util', 'java.util.concurrent', 'java.util.concurrent.atomic', 'jdk.internal.ref', 'sun.nio.ch', 'sun.nio.cs', 'sun.security.action', 'sun.util.calendar']),
      ...opens('java.security.jgss', ['sun.security.krb5']),
      '-Djdk.reflect.useDirectMethodHandle=false',
    ],
    roots: [`org.apache.spark:spark-sql_2.12:${SPARK}`, `org.apache.spark:spark-streaming_2.12:${SPARK}`, `org.apache.spark:spark-sql-kafka-0-10_2.12:${SPARK}`, `org.apache.spark:spark-streaming-kafka-0-10_2.12:${SPARK}`],
  },
  {
    // pip builds it from its source archive, which carries Spark's own jars; the Kafka connectors come with `spark`.
    name: 'spark-python', version: SPARK, java: 17, describe: 'PySpark; its Kafka connectors come with spark',
    roots: [],
    wheels: [
      { name: 'pyspark', version: SPARK, bytes: 316955685, sha256: 'dd6569e547365eadc4f887bf57f153e4d582a68c4b490de475d55b9981664910' },
      { name: 'py4j', version: '0.10.9.7', bytes: 200481, sha256: '85defdfd2b2376eb3abf5ca6474b51ab7e0de341c75a02f46dc9b5976f5a5c1b' },
    ],
  },
  {
    name: 'storm', version: STORM, java: 17, describe: 'Apache Storm: server, LocalCluster, Kafka spout and bolt',
    roots: [`org.apache.storm:storm-server:${STORM}`, `org.apache.storm:storm-client:${STORM}`, `org.apache.storm:storm-kafka-client:${STORM}`, 'org.apache.kafka:kafka-clients:3.9.1'],
  },
  {
    name: 'samza', version: SAMZA, java: 17, describe: 'Apache Samza: stream tasks, Kafka system, RocksDB stores',
    javaOptions: opens('java.base', ['java.lang', 'java.util', 'java.nio', 'sun.nio.ch']),
    roots: [...['core_2.12', 'kafka_2.12', 'kv_2.12', 'kv-rocksdb_2.12', 'kv-inmemory_2.12'].map(part => `org.apache.samza:samza-${part}:${SAMZA}`), `org.apache.samza:samza-api:${SAMZA}`, ...['slf4j-api', 'slf4j-simple', 'log4j-over-slf4j'].map(part => `org.slf4j:${part}:1.7.36`)],
    // Log4j 1 is what Samza and Kafka 2.4 ask for; its calls go to slf4j instead.
    exclude: ['log4j:log4j', 'org.slf4j:slf4j-log4j12'],
  },
  {
    name: 'connect', version: KAFKA, java: 17, describe: 'Kafka Connect: worker, file connectors, JDBC sink and PostgreSQL source',
    roots: [
      ...['connect-runtime', 'connect-file', 'connect-json', 'connect-transforms'].map(part => `org.apache.kafka:${part}:${KAFKA}`),
      `io.debezium:debezium-connector-jdbc:${DEBEZIUM}`, `io.debezium:debezium-connector-postgres:${DEBEZIUM}`, 'org.postgresql:postgresql:42.7.7',
      ...LOG4J, 'org.apache.logging.log4j:log4j-slf4j-impl:2.24.3', 'org.slf4j:slf4j-api:1.7.36',
    ],
    exclude: ['com.oracle.database.jdbc:ojdbc11', 'com.microsoft.sqlserver:mssql-jdbc', 'com.mysql:mysql-connector-j', 'com.ibm.db2:jcc'],
  },
]

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const folder = join(root, 'src', 'engines', 'install', 'manifests')
const wanted = process.argv.slice(2)
for (const name of wanted) if (!SOURCES.some(source => source.name === name)) throw new Error(`No distribution '${name}'. There are: ${SOURCES.map(source => source.name).join(', ')}`)
for (const source of SOURCES) if (wanted.length === 0 || wanted.includes(source.name)) write(source)

function write(source: Source): void {
  const { name, version, java, describe, javaOptions = [], wheels = [] } = source
  const jars = source.roots.length === 0 ? [] : resolve(source)
  const manifest = { name, version, describe, java, javaOptions, jars, wheels }
  // One jar a line: a raised version shows as the lines that changed.
  const text = Object.entries(manifest).map(([key, value]) => Array.isArray(value) && value.length > 0
    ? `  ${JSON.stringify(key)}: [\n${value.map(item => `    ${JSON.stringify(item)}`).join(',\n')}\n  ]`
    : `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`)
  writeFileSync(join(folder, `${name}-${version}.json`), `{\n${text.join(',\n')}\n}\n`)
  console.log(`${name}@${version}: ${jars.length} jars, ${Math.round(jars.reduce((sum, jar) => sum + jar.bytes, 0) / 1e6)} MB`)
}

interface Jar { readonly group: string; readonly artifact: string; readonly version: string; readonly classifier?: string; readonly bytes: number; readonly sha256: string }

function resolve(source: Source): Jar[] {
  const directory = mkdtempSync(join(tmpdir(), 'engine-manifests-'))
  try {
    writeFileSync(join(directory, 'pom.xml'), pomOf(source))
    execFileSync('mvn', ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=jars', '-DincludeScope=runtime', '-Dmdep.useRepositoryLayout=true'], { cwd: directory, stdio: 'inherit' })
    return jarsUnder(join(directory, 'jars'))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function pomOf(source: Source): string {
  const tag = (name: string, text: string): string => `<${name}>${text}</${name}>`
  const coordinate = (text: string): string => text.split(':').map((part, index) => tag(['groupId', 'artifactId', 'version'][index] ?? '', part)).join('')
  const exclusions = tag('exclusions', (source.exclude ?? []).map(each => tag('exclusion', coordinate(each))).join(''))
  const dependencies = source.roots.map(each => tag('dependency', coordinate(each) + exclusions)).join('')
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">${tag('modelVersion', '4.0.0')}${coordinate(`millrace.engines:${source.name}:${source.version}`)}${tag('packaging', 'pom')}${tag('dependencies', dependencies)}</project>`
}

function jarsUnder(folder: string): Jar[] {
  const files = (under: string): string[] => readdirSync(under).flatMap(name => statSync(join(under, name)).isDirectory() ? files(join(under, name)) : [join(under, name)])
  return files(folder).filter(path => path.endsWith('.jar')).sort().map(path => {
    const parts = relative(folder, path).split(sep)
    const [artifact = '', version = '', file = ''] = parts.slice(-3)
    const rest = file.slice(`${artifact}-${version}`.length, -'.jar'.length)
    const bytes = readFileSync(path)
    return {
      group: parts.slice(0, -3).join('.'), artifact, version, ...(rest === '' ? {} : { classifier: rest.slice(1) }),
      bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'),
    }
  })
}
