import type { Reporter } from 'vitest/node'

/**
 * A reporter whose one line is the very last of a run: `N passed, N failed`. A file that cannot be loaded, a hook that
 * throws and an error that nobody caught each count as one failed, so that the line and the exit code never disagree.
 */
export function summary(): Reporter {
  let [passed, failed, ended] = [0, 0, false]
  return {
    onInit: () => {
      process.once('exit', (code) => {
        // The run did not come to its end, or what follows it (the teardown, a coverage limit) failed.
        if (!ended || (code !== 0 && failed === 0)) failed++
        process.stdout.write(`${passed} passed, ${failed} failed\n`)
      })
    },
    onTestRunStart: () => {
      ;[passed, failed, ended] = [0, 0, false]
    },
    onTestCaseResult: (test) => {
      const { state } = test.result()
      if (state === 'passed') passed++
      if (state === 'failed') failed++
    },
    onTestRunEnd: (modules, unhandled) => {
      for (const module of modules) {
        failed += module.errors().length
        for (const suite of module.children.allSuites()) failed += suite.errors().length
      }
      failed += unhandled.length
      ended = true
    },
  }
}
