import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { LONGEST } from './longest.ts'

/** The longest files first, then those that have a worker to themselves, then the others, which share theirs. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = (file: TestSpecification): number => {
      const place = LONGEST.indexOf(relative(file.project.config.root, file.moduleId).replaceAll('\\', '/'))
      if (place >= 0) return place
      return LONGEST.length + (file.project.config.isolate ? 0 : 1)
    }
    const sorted = await super.sort(files)
    return sorted.toSorted((a, b) => rank(a) - rank(b))
  }
}
