// Builds dist/: compiles the library, demo, tests and scripts, then the browser code, then copies assets.
// Plain JavaScript, because it is what makes everything else runnable on a fresh clone (`npm ci` runs it as `prepare`).
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const cli = join(root, 'dist', 'src', 'cli', 'main.js')
// The first `npx millrace` in a clone links the clone into npx's cache, which asks for `prepare` too: what was built is kept, and nothing is rewritten under what runs.
if (process.env['npm_command'] === 'exec' && existsSync(cli)) process.exit(0)

const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
if (!existsSync(tsc)) {
  // Installed as a dependency, or with --omit=dev: the published package carries its dist/ and needs no build.
  console.error('millrace: typescript is not installed, keeping dist/ as it is')
  process.exit(existsSync(join(root, 'dist')) ? 0 : 1)
}

const browserFolders = ['demo/recommender/browser', 'src/http/browser'].filter(folder => existsSync(join(root, folder)))
for (const project of ['tsconfig.json', ...(browserFolders.length > 0 ? ['tsconfig.browser.json'] : [])]) {
  const { status } = spawnSync(process.execPath, [tsc, '-p', project], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

const assetTypes = /\.(html|css|svg|json|txt|sql|py|bin|gz|tsv|csv|java|xml)$/
function copyAssets(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) copyAssets(path)
    else if (assetTypes.test(name)) {
      const to = join(root, 'dist', relative(root, path))
      mkdirSync(dirname(to), { recursive: true })
      cpSync(path, to)
    }
  }
}
for (const folder of ['src', 'demo', 'dashboard', 'examples', 'test']) if (existsSync(join(root, folder))) copyAssets(join(root, folder))

if (existsSync(cli)) chmodSync(cli, 0o755)
