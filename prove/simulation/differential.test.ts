import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase } from '../../test/harness/database.ts'
import { seeded } from '../../test/harness/seed.ts'
import { brokenConstraint, openDb, sqlState, type Db } from '../../src/platform/db.ts'
import { Refusal } from '../../src/platform/errors.ts'
import { memorySite, sqlSite, type Site } from './differential/site.ts'
import { drawStep, type Step } from './differential/steps.ts'
import { openRandom } from './random.ts'

const SEQUENCES = 200
const STEPS = 16

let db: Db
beforeAll(async () => {
  const { url } = await freshDatabase()
  // Nothing here asks what survives a crash: without waiting for the disk it takes seconds.
  db = openDb({ url: `${url}?options=${encodeURIComponent('-c synchronous_commit=off')}` })
})
afterAll(() => db.end())

test(
  'the store in memory does what the SQL does: the same answers, and the same is stored',
  { timeout: 300_000 },
  async () => {
    const { seed } = seeded('differential')
    for (let i = 0; i < SEQUENCES; i++) {
      const random = openRandom(seed + i)
      const name = `d${i}`
      const sites = [await sqlSite(db, name), memorySite(name)] as const
      const story: string[] = []
      for (let n = 0; n < STEPS; n++) {
        const step = n === 0 ? drawUpload(random) : drawStep(random)
        story.push(step.name)
        const about = `TEST_SEED=${seed}, sequence ${i}: ${story.join(', ')}`
        const [real, memory] = [await answerAt(step, sites[0]), await answerAt(step, sites[1])]
        expect(memory, about).toEqual(real)
        // Reading everything takes longer than the step itself.
        if (n % 4 === 3) expect(await sites[1].dump(), about).toEqual(await sites[0].dump())
      }
    }
  },
)

/** A sequence begins with something to pay. */
function drawUpload(random: ReturnType<typeof openRandom>): Step {
  for (;;) {
    const step = drawStep(random)
    if (step.name === 'upload') return step
  }
}

/** What a step answers at a site, or how it is refused there. */
async function answerAt(step: Step, site: Site): Promise<unknown> {
  try {
    return await step.at(site)
  } catch (error) {
    if (error instanceof Refusal) return error.code
    if (sqlState(error) !== '')
      return `${sqlState(error)} ${brokenConstraint(error)}`.replace(/_check\d*$/, '')
    return error instanceof Error ? error.message : error
  }
}
