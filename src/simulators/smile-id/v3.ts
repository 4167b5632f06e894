import type { Exchange } from '../http.ts'
import { readSubmission } from './v3-submission.ts'
import { newJobId } from './jobs.ts'
import type { Job } from './jobs.ts'
import { API_KEY, PARTNER_ID } from './signature.ts'
import { refusalOf, strikeCall } from './strike.ts'
import type { Answer, Respond } from './strike.ts'
import { planOf } from './world.ts'
import type { SmileIdWorld } from './world.ts'

const TOKEN_MS = 900_000

export type V3 = { readonly serve: (exchange: Exchange, path: string) => boolean }

/** POST /v3/token, POST /v3/document_verification, GET /v3/status/{job}. Tokens do not survive a restart. */
export function openV3(world: SmileIdWorld): V3 {
  const tokens = new Map<string, number>()
  const isKnown = ({ headers }: Exchange): boolean =>
    world.clock.now() < (tokens.get(String(headers['smileid-token'])) ?? 0)
  return {
    serve: (exchange, path) => {
      const job_id = /^\/v3\/status\/([^/]+)$/.exec(path)?.[1]
      if (exchange.method === 'POST' && path === '/v3/token') giveToken(world, exchange, tokens)
      else if (exchange.method === 'POST' && path === '/v3/document_verification')
        takeSubmission(world, exchange, isKnown(exchange))
      else if (exchange.method === 'GET' && job_id !== undefined)
        sayStatus(world, exchange, { job_id, is_known: isKnown(exchange) })
      else return false
      return true
    },
  }
}

/** A JWT as Smile ID's is: its end stands in it, and nobody but Smile ID checks its signature. */
function giveToken({ clock, faults }: SmileIdWorld, exchange: Exchange, tokens: Map<string, number>): void {
  const work = (respond: Respond): void => {
    const { 'smileid-partner-id': partner, 'smileid-api-key': key } = exchange.headers
    if (!/^[1-9]\d*$/.test(String(partner)))
      return respond(badRequest('smileid-partner-id header is required.'))
    if (partner !== PARTNER_ID || key !== API_KEY) return respond(refusalOf(401))
    const until = clock.now() + TOKEN_MS
    const parts = [
      { alg: 'HS256', typ: 'JWT' },
      { partner_id: partner, exp: Math.floor(until / 1_000) },
    ]
    const head = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    const token = `${head}.${newJobId().slice(4)}`
    tokens.set(token, until)
    respond({ status: 200, body: { token } })
  }
  strikeCall(faults.strikeSmileId('token', ''), exchange, { clock, work })
}

const badRequest = (message: string): Answer => ({ status: 400, body: { status: 'Bad Request', message } })

function takeSubmission(world: SmileIdWorld, exchange: Exchange, is_known: boolean): void {
  const read = readSubmission(exchange)
  const job_id = 'job' in read ? read.job.job_id : ''
  const strike = world.faults.strikeSmileId('submit', job_id)
  const work = (respond: Respond): void => {
    if (!is_known) return respond(refusalOf(401))
    if (!/^\d{3,}$/.test(String(exchange.headers['smileid-partner-id'])))
      return respond(badRequest("Header 'SmileID-Partner-ID' is required."))
    if (!('job' in read))
      return respond(typeof read.refused === 'number' ? refusalOf(read.refused) : badRequest(read.refused))
    world.jobs.take({ ...read.job, id: newJobId(), version: 3, plan: planOf(strike) }, (job) =>
      respond({
        status: 202,
        body: {
          status: 'accepted',
          message: 'Request accepted and queued for processing.',
          job_id: job.id,
          user_id: job.user_id,
          created_at: new Date(job.at).toISOString(),
        },
      }),
    )
  }
  strikeCall(strike, exchange, { clock: world.clock, work })
}

function sayStatus(
  { clock, faults, jobs }: SmileIdWorld,
  exchange: Exchange,
  { job_id, is_known }: { readonly job_id: string; readonly is_known: boolean },
): void {
  const job = jobs.find(job_id)
  const strike = faults.strikeSmileId('status', job?.job_id ?? '')
  const work = (respond: Respond): void => {
    if (!is_known) return respond(refusalOf(401))
    if (!/^job_[0-9a-hjkmnp-tv-z]{26}$/.test(job_id))
      return respond(badRequest('"jobId" must be a valid TypeID with prefix \'job_\''))
    const created_at = new Date(clock.now()).toISOString()
    const say = (status: number, word: string, message: string, of?: Job): void =>
      respond({
        status,
        body: { status: word, job_id, user_id: of?.user_id ?? 'unknown', message, created_at },
      })
    if (job?.version !== 3 || strike?.kind === 'status_endpoint_lies')
      return say(404, 'not_found', 'Job not found')
    const step = jobs.said(job)
    const of = strike?.kind === 'answer_of_another' ? { ...job, user_id: 'another' } : job
    if (step === undefined) return say(202, 'processing', 'Job is still processing', of)
    say(200, step.outcome.status, step.outcome.message, of)
  }
  strikeCall(strike, exchange, { clock, work })
}
