import type { Reporter, TestCase, TestRunEndReason } from 'vitest/node'

/**
 * The very last line of a run: `N passed, N failed`. A file that cannot be loaded, a hook that throws and an error that nobody
 * caught each count as one failed, so that the line and the exit code never disagree.
 */
export class Summary implements Reporter {
  passed = 0
  failed = 0
  ended = false

  onInit(): void {
    process.once('exit', () => {
      if (!this.ended) this.failed++ // the run did not come to its end
      process.stdout.write(`${this.passed} passed, ${this.failed} failed\n`)
    })
  }
  onTestRunStart(): void {
    this.passed = 0
    this.failed = 0
    this.ended = false
  }
  onTestCaseResult(test: TestCase): void {
    const { state } = test.result()
    if (state === 'passed') this.passed++
    if (state === 'failed') this.failed++
  }
  onTestRunEnd: NonNullable<Reporter['onTestRunEnd']> = (modules, unhandled, reason: TestRunEndReason) => {
    for (const module of modules) {
      this.failed += module.errors().length
      for (const suite of module.children.allSuites()) this.failed += suite.errors().length
    }
    this.failed += unhandled.length
    if (reason !== 'passed' && this.failed === 0) this.failed = 1
    this.ended = true
  }
}
