import { campaignNames, commandOf, readArgs, type Asked, type CampaignName } from './args.ts'
import { addToRecord } from './record.ts'
import type { Campaign, Result } from './result.ts'
import { tablesOf } from './table.ts'

/** Each campaign is loaded only when it is asked for: one that is broken does not keep the others from running. */
const campaigns: Readonly<Record<CampaignName, (asked: Asked) => Promise<Campaign>>> = {
  simulation: async () => (await import('./simulation/campaign.ts')).simulation,
  interleavings: async () => (await import('./interleavings/campaign.ts')).interleavings,
  processes: async ({ postgres_kills }) =>
    (await import('./processes/campaign.ts')).processesWith({ postgres_kills }),
  shutdown: async () => (await import('./load/campaign.ts')).shutdown,
  takeover: async () => (await import('./load/campaign.ts')).takeover,
  overload: async () => (await import('./load/campaign.ts')).overload,
  enumeration: async () => (await import('./guessing/enumeration.ts')).enumeration,
  guessing: async () => (await import('./guessing/guesses.ts')).guessing,
  mutants: async () => (await import('./mutants/campaign.ts')).mutants,
}

/** Runs one campaign and prints its table; answers whether nothing was found. */
async function prove(asked: Asked, name: CampaignName): Promise<boolean> {
  const command = commandOf(asked, name)
  console.log(`${name}: ${command}`)
  const say = (line: string): void => console.log(`${name}: ${line}`)
  let result: Result
  try {
    const campaign = await campaigns[name](asked)
    const seconds = asked.seconds[name]
    const limit = seconds === undefined ? {} : { seconds }
    result = await campaign({ seed: asked.seed, runs: asked.runs[name], say, ...limit })
  } catch (error) {
    console.log(`${name}: broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    return false
  }
  console.log(`\n${tablesOf(result, command)}\n`)
  if (asked.resume) addToRecord(result, command)
  const { twice, lost, stuck, invariants } = result.verdict
  return result.wrong.length + twice + lost + stuck + invariants === 0
}

try {
  const asked = readArgs(process.argv.slice(2))
  let [passed, failed] = [0, 0]
  for (const name of campaignNames) {
    if (!asked.only.includes(name)) continue
    if (await prove(asked, name)) passed += 1
    else failed += 1
  }
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed === 0 ? 0 : 1)
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exit(2)
}
