// The denominator of the benchmark: a rail that does nothing. It speaks just enough HTTP/1.1 on raw sockets to answer each
// POST /transfers with the body that a real scheme adapter (v24) answers to a paid transfer, about 4.3 kB, with the ids,
// the payee and the amount of the request put in; anything else is the probe's 400. It remembers and decides nothing.
//   node bench/floor.mjs [delay in ms]     prints {"port":…}
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

const delay_ms = Number(process.argv[2] ?? 0)
const captures = new URL('../test/captures/mojaloop/v24-post-transfers.jsonl', import.meta.url)
const [first = ''] = readFileSync(captures, 'utf8').split('\n')
const captured = JSON.parse(first).body

/** The captured answer with its own values marked, so that it can be cut where a request's values belong. */
const marks = new Map([
  [captured.transferId, '\u0001T\u0001'],
  [captured.homeTransactionId, '\u0001H\u0001'],
  [captured.to.idValue, '\u0001P\u0001'],
  ['"10000"', '"\u0001A\u0001"'],
  ['"10050"', '"\u0001A\u0001"'],
])
let text = JSON.stringify(captured)
for (const [value, mark] of marks) text = text.replaceAll(value, mark)
const pieces = text.split('\u0001')

const REFUSED = '{"message":".body.amount must match pattern","statusCode":400}'
const head = (status, length) =>
  `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${length}\r\nconnection: keep-alive\r\n\r\n`

const between = (body, from, mark) => {
  const start = body.indexOf(mark, from) + mark.length
  return body.slice(start, body.indexOf('"', start))
}

/** The answer to one request body, as latin1 text: the request's own bytes come back as they were. */
function answerTo(body) {
  const amount = between(body, 0, '"amount":"')
  if (amount < '0' || amount > ':') return head('400 Bad Request', REFUSED.length) + REFUSED
  const values = {
    T: between(body, 0, '"transferId":"'),
    H: between(body, 0, '"homeTransactionId":"'),
    P: between(body, body.indexOf('"to":{'), '"idValue":"'),
    A: amount,
  }
  let out = ''
  for (let i = 0; i < pieces.length; i++) out += i % 2 === 0 ? pieces[i] : values[pieces[i]]
  return head('200 OK', out.length) + out
}

const server = createServer((socket) => {
  socket.setNoDelay(true)
  let waiting = ''
  socket.on('data', (chunk) => {
    waiting = waiting === '' ? chunk.latin1Slice() : waiting + chunk.latin1Slice()
    for (;;) {
      const end = waiting.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = /content-length: (\d+)/i.exec(waiting.slice(0, end))?.[1] ?? '0'
      const until = end + 4 + Number(length)
      if (waiting.length < until) return
      const answer = answerTo(waiting.slice(end + 4, until))
      waiting = waiting.slice(until)
      if (delay_ms === 0) socket.write(answer, 'latin1')
      else setTimeout(() => socket.write(answer, 'latin1'), delay_ms)
    }
  })
  socket.on('error', () => socket.destroy())
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(JSON.stringify({ port: typeof address === 'object' && address !== null ? address.port : 0 }))
})
process.on('SIGTERM', () => process.exit(0))
