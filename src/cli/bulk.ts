import { InvalidArgumentError } from 'commander'
import { branch, leaf, type Group } from './group.ts'
import { submit } from './submit.ts'

export const bulk: Group = (program) => {
  const group = branch(program, 'bulk', 'bulk transfers, through a running Cauri')
  leaf(group, 'submit', 'send a CSV file, follow its payments, tell how they ended by the exit code')
    .argument('<file>', 'CSV in one of the two formats')
    .option('--payer-account <id>', 'who pays; not needed where there is only one account')
    .option('--callback-url <url>', 'told the final result, signed')
    .option('--allow-duplicate', 'accept a list that was sent before')
    .option('--validate-only', 'check everything, create nothing')
    .option('--idempotency-key <key>', 'send the same one again to repeat a call whose answer was lost')
    .option('--url <url>', 'where Cauri listens (default: http://127.0.0.1 and PORT, or 8000)', readUrl)
    .option('--no-wait', 'do not follow: 0 means accepted')
    .option('--timeout <seconds>', 'follow no longer than this', readSeconds)
    .action(submit)
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url
  throw new InvalidArgumentError('An http or https address is needed.')
}

function readSeconds(text: string): number {
  const seconds = Number(text)
  if (text.trim() !== '' && seconds >= 0 && seconds <= 2_000_000) return seconds
  throw new InvalidArgumentError('A number of seconds is needed.')
}
