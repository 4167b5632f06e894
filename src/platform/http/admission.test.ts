import { request } from 'node:http'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ask, common, good, json, start } from '../../../test/harness/http-server.ts'
import { until } from '../../../test/harness/wait.ts'
import { accessTo } from './access.ts'
import { openPressure } from '../pressure.ts'
import type { Lane, LaneRules } from './admission.ts'
import { defineRoute, taken, type Route } from './route.ts'

type Held = { readonly begun: string[]; readonly free: () => void; readonly routes: readonly Route[] }

/** Routes whose handlers wait until they are freed; `begun` says which have begun. */
function holding(): Held {
  const begun: string[] = []
  let gate = Promise.withResolvers<void>()
  const spec = {
    ...common,
    access: accessTo('test', 'organization'),
    summary: 'Holds',
    response: { 200: z.object({}) },
  } as const
  const held = (what: string) => async () => {
    begun.push(what)
    await gate.promise
    return { status: 200, body: {} } as const
  }
  const routes = [
    defineRoute({ ...spec, method: 'GET', path: '/api/read', handle: held('read') }),
    defineRoute({ ...spec, method: 'POST', path: '/api/act', body: z.object({}), handle: held('act') }),
    defineRoute({ ...spec, method: 'POST', path: '/api/file', body: 'stream', handle: held('file') }),
    defineRoute({
      ...spec,
      method: 'GET',
      path: '/api/long',
      handle: async (input) => {
        begun.push('long')
        if (!input.signal.aborted) await gate.promise
        return { status: 200, body: {} }
      },
    }),
    defineRoute({
      ...common,
      method: 'GET',
      path: '/api/events',
      access: accessTo('test', 'organization'),
      summary: 'Streams',
      response: { 200: { description: 'events', content: { 'text/event-stream': 'file' } } },
      endless: true,
      handle: async ({ openSse }) => {
        openSse().send({ data: 1 })
        return taken
      },
    }),
  ]
  const free = (): void => {
    gate.resolve()
    gate = Promise.withResolvers<void>()
  }
  return { begun, free, routes }
}

const one: LaneRules = { places: 1, waiting: 1, wait_ms: 30_000 }
const crowded = (...lanes: Lane[]): Partial<Record<Lane, LaneRules>> =>
  Object.fromEntries(lanes.map((lane) => [lane, one]))

const settled = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setTimeout(resolve, 5, false))])

test('one is served, one waits, the next is refused at once with Retry-After; other lanes are open', async () => {
  const { begun, free, routes } = holding()
  const { url, lines } = await start({}, { routes, lanes: crowded('read') })
  const first = ask(`${url}/api/read`, { headers: good })
  await until('the first is served', async () => begun.length === 1)
  const second = ask(`${url}/api/read`, { headers: good })
  const third = await until('the line is full', async () => {
    const answer = await ask(`${url}/api/read`, { headers: good, signal: AbortSignal.timeout(300) }).catch(
      () => undefined,
    )
    return answer?.response.status === 503 && answer
  })
  expect(third.body).toMatchObject({ code: 'UNAVAILABLE', status: 503 })
  expect(third.response.headers.get('content-type')).toContain('application/problem+json')
  expect(Number(third.response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect((await fetch(`${url}/health`)).status).toBe(200)
  const act = ask(`${url}/api/act`, { method: 'POST', headers: json, body: '{}' })
  await until('the other lane is served', async () => begun.includes('act'))
  expect(begun).toEqual(['read', 'act'])
  free()
  expect((await first).response.status).toBe(200)
  await until('the second is served', async () => begun.length === 3)
  free()
  expect((await second).response.status).toBe(200)
  expect((await act).response.status).toBe(200)
  await until('it is said once', async () => lines.join('').includes('more is asked than can be served'))
})

test('an upload is refused before its body is read, and a client that left holds no place', async () => {
  const { begun, free, routes } = holding()
  const { url } = await start({}, { routes, lanes: { upload: { places: 1, waiting: 0, wait_ms: 1 } } })
  const leaving = new AbortController()
  const form = (): FormData => {
    const body = new FormData()
    body.append('file', new Blob(['x']), 'list.csv')
    return body
  }
  const upload = (signal?: AbortSignal): Promise<Response> =>
    fetch(`${url}/api/file`, { method: 'POST', headers: good, body: form(), ...(signal && { signal }) })
  const first = upload(leaving.signal).catch(() => 'left')
  await until('the first is served', async () => begun.length === 1)
  const refused = await new Promise<{ status: number | undefined; after: string | undefined }>(
    (resolve, reject) => {
      const headers = {
        ...good,
        'content-type': 'multipart/form-data; boundary=x',
        'content-length': '100000000',
      }
      const sent = request(`${url}/api/file`, { method: 'POST', headers }, (answer) => {
        resolve({ status: answer.statusCode, after: answer.headers['retry-after'] })
        sent.destroy()
      })
      sent.on('error', reject)
      sent.flushHeaders() // and not one byte of the file
    },
  )
  expect(refused).toEqual({ status: 503, after: expect.stringMatching(/^[123]$/) })
  expect(begun).toEqual(['file'])
  leaving.abort()
  expect(await first).toBe('left')
  free()
  free()
  await until('the place is free again', async () => {
    const second = upload()
    // Refused, until the server has noticed that the first has gone.
    const status = second.then((answer) => answer.status)
    await until('it is answered or served', async () => begun.length > 1 || (await settled(status)))
    free()
    return (await status) === 200
  })
})

test('who waits too long is refused; who leaves the line makes room in it', async () => {
  const { begun, free, routes } = holding()
  const lanes = { read: { places: 1, waiting: 1, wait_ms: 200 } }
  const { url } = await start({}, { routes, lanes })
  const first = ask(`${url}/api/read`, { headers: good })
  await until('the first is served', async () => begun.length === 1)
  expect((await ask(`${url}/api/read`, { headers: good })).body['code']).toBe('UNAVAILABLE')
  const leaving = new AbortController()
  const left = fetch(`${url}/api/read`, { headers: good, signal: leaving.signal }).catch(() => 'left')
  leaving.abort()
  expect(await left).toBe('left')
  expect((await ask(`${url}/api/read`, { headers: good })).body['code']).toBe('UNAVAILABLE')
  expect(begun).toEqual(['read'])
  free()
  await first
  const next = ask(`${url}/api/read`, { headers: good })
  await until('the next is served', async () => begun.length === 2)
  free()
  expect((await next).response.status).toBe(200)
})

test('a wait and an open stream hold no place; wrong input and refused callers give theirs back', async () => {
  const { begun, free, routes } = holding()
  const none = { places: 1, waiting: 0, wait_ms: 1 }
  const { url } = await start({}, { routes, lanes: { read: none, stream: none, control: none } })
  const long = ask(`${url}/api/long`, { headers: good })
  await until('the wait has begun', async () => begun.includes('long'))
  const stream = await fetch(`${url}/api/events`, { headers: good })
  const again = await fetch(`${url}/api/events`, { headers: good })
  expect([stream.status, again.status]).toEqual([200, 200])
  for (let i = 0; i < 3; i++) {
    expect((await fetch(`${url}/api/read`, { headers: { authorization: 'Bearer bad' } })).status).toBe(401)
    const wrong = await fetch(`${url}/api/act`, { method: 'POST', headers: json, body: '[]' })
    expect(wrong.status).toBe(400)
  }
  const read = ask(`${url}/api/read`, { headers: good })
  await until('it is served', async () => begun.includes('read'))
  free()
  expect((await read).response.status).toBe(200)
  expect((await long).response.status).toBe(200)
  await Promise.all([stream.body?.cancel(), again.body?.cancel()])
})

test('under pressure a crowd that reads gives way, and what changes something does not', async () => {
  const { begun, free, routes } = holding()
  let high = true
  const quick = { places: 5, waiting: 8, wait_ms: 60 }
  const { url } = await start(
    {},
    {
      routes,
      pressure: { isHigh: () => high },
      lanes: { read: quick, purse: { share: 0, most_ms: 1e-6 } },
    },
  )
  const first = ask(`${url}/api/read`, { headers: good })
  await until('one who reads is let in', async () => begun.length === 1)
  free()
  expect((await first).response.status).toBe(200)
  const { response, body } = await ask(`${url}/api/read`, { headers: good })
  expect([response.status, body['code']]).toEqual([503, 'UNAVAILABLE'])
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect(begun).toEqual(['read'])
  const act = ask(`${url}/api/act`, { method: 'POST', headers: json, body: '{}' })
  await until('the act is served', async () => begun.includes('act'))
  free()
  expect((await act).response.status).toBe(200)
  high = false
  const calm = ask(`${url}/api/read`, { headers: good })
  await until('all are served again', async () => begun.length === 3)
  free()
  expect((await calm).response.status).toBe(200)
})

test('a busy process is under pressure while it has something to pay, and only then', async () => {
  let [paying, burning] = [true, true]
  const pressure = openPressure(() => paying)
  const burn = (): void => {
    for (const end = performance.now() + 10; performance.now() < end;);
    if (burning) setImmediate(burn)
  }
  burn()
  await until('pressure is high', async () => pressure.isHigh())
  paying = false
  await until('nothing is left to pay', async () => !pressure.isHigh())
  paying = true
  await until('it is high again', async () => pressure.isHigh())
  burning = false
  await until('there is time to spare', async () => !pressure.isHigh())
  pressure.close()
})
