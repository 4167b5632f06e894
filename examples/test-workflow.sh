#!/usr/bin/env bash
# The three steps of a bulk transfer, as a client does them: send a CSV, follow its progress, read its status. It does so
# for both CSV formats, 90 lines each, then asks the outside world's own log whether each line was paid exactly once.
#
#   bash examples/test-workflow.sh                                   starts its own Cauri on free ports
#   CAURI_URL=http://127.0.0.1:8000 bash examples/test-workflow.sh   uses one that runs (a sandbox)
#
# Needs curl and node; uses jq where it is installed. Ends in assertions: exit code 0 means that all of them hold.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

LINES=90
PAYER=ACC-123456789
. examples/common.sh

# Numbers of this run only: the same list twice is refused, and a number that ends in 000 and a code is a magic one.
run=$((RANDOM % 400 + 100))
number() { printf '22890%03d%03d' "$(($1 + run))" "$2"; }

standard_csv() {
  say 'transferId,amount,currency,partyIdType,partyIdentifier'
  for i in $(seq "$LINES"); do say "tx-$run-$$-$i,$((1000 + i)),XOF,MSISDN,$(number 0 "$i")"; done
}
payment_list_csv() {
  say 'type_id,valeur_id,devise,montant'
  for i in $(seq "$LINES"); do say "MSISDN,$(number 400 "$i"),XOF,$((2000 + i))"; done
}

# transfer NAME FIRST_AMOUNT: the three steps, for the file $work/NAME.csv.
transfer() {
  local file="$work/$1.csv" sum=$((LINES * $2 + LINES * (LINES + 1) / 2)) id answer final

  say "1. $1: send the file"
  answer=$(curl -sS --fail-with-body -X POST "$url/api/bulk-transfers" \
    -F "file=@$file" -F "payer_account=$PAYER") || fail "the file was refused: $answer"
  say "   $answer"
  id=$(field bulkTransferId <<<"$answer")
  [[ $id == bulk-* ]] || fail "bulkTransferId is “$id”"
  same 'the first state' "$(field state <<<"$answer")" PENDING

  say '2. follow its progress'
  curl -sSN --fail-with-body --max-time 180 "$url/api/bulk-transfers/$id/stream" >"$work/$1.stream" || fail 'the stream broke'
  grep '^data:' "$work/$1.stream" | tail -n 2 | sed 's/^/   /'
  grep -q '^event: done' "$work/$1.stream" || fail 'the stream ended without its event “done”'
  final=$(grep '"progress_percent"' "$work/$1.stream" | tail -n 1 | sed 's/^data: *//')
  same 'the progress at the end' "$(field completed <<<"$final") of $(field total <<<"$final")" "$LINES of $LINES"

  say '3. read its status'
  answer=$(curl -sS --fail-with-body "$url/api/bulk-transfers/$id/status")
  pretty <<<"$answer" | sed -n '1,12s/^/   /p'
  same state "$(field state <<<"$answer")" COMPLETED
  same total "$(field total <<<"$answer")" "$LINES"
  same completed "$(field completed <<<"$answer")" "$LINES"
  same failed "$(field failed <<<"$answer")" 0
  same pending "$(field pending <<<"$answer")" 0
  same uncertain "$(field uncertain <<<"$answer")" 0
  same total_amount "$(field total_amount <<<"$answer")" "$sum"
  "$node" -e '
    const { individualTransfers: all } = JSON.parse(process.argv[1])
    const bad = all.filter((one) => one.status !== "COMPLETED")
    if (all.length !== Number(process.argv[2]) || bad.length > 0) { console.log(all.length, bad); process.exit(1) }
  ' "$answer" "$LINES" || fail 'the status does not list every line as COMPLETED'
  spent=$((spent + sum))
}

# Every line of a file was paid once, with its amount: read in the log of the simulated outside world.
paid_once() {
  "$node" - "$url" "$work/standard.csv" "$work/payment-list.csv" <<'JS' || fail 'the outside world paid something else'
const { readFileSync } = require('node:fs')
const [url, standard, list] = process.argv.slice(2)
const rows = (file) => readFileSync(file, 'utf8').trim().split('\n').slice(1).map((line) => line.split(','))
const expected = new Map([
  ...rows(standard).map(([, amount, , , party]) => [party, Number(amount)]),
  ...rows(list).map(([, party, , amount]) => [party, Number(amount)]),
])
async function main() {
  const seen = new Map()
  let since = ''
  for (;;) {
    const response = await fetch(`${url}/_sim/paid?rail=mojaloop${since === '' ? '' : `&since=${since}`}`)
    if (!response.ok) throw new Error(`/_sim/paid answered ${response.status}`)
    const { payments, next } = await response.json()
    for (const { operation, party, amount } of payments) {
      const number = String(party).split('/').at(-1)
      if (operation === 'payout' && expected.has(number)) seen.set(number, [...(seen.get(number) ?? []), amount])
    }
    if (payments.length === 0 || next == null || String(next) === since) break
    since = String(next)
  }
  const wrong = [...expected].filter(([party, amount]) => JSON.stringify(seen.get(party)) !== JSON.stringify([amount]))
  for (const [party, amount] of wrong.slice(0, 10)) console.log(`${party}: due ${amount}, paid ${seen.get(party) ?? 'nothing'}`)
  if (wrong.length > 0) throw new Error(`${wrong.length} of ${expected.size} lines were not paid exactly once`)
  console.log(`   ${expected.size} lines, each paid exactly once`)
}
main().catch((error) => { console.log(error.message); process.exitCode = 1 })
JS
}

open_cauri
standard_csv >"$work/standard.csv"
payment_list_csv >"$work/payment-list.csv"

spent=0
before=$(curl -sS --fail-with-body "$url/api/accounts/$PAYER")
transfer standard 1000
transfer payment-list 2000
say '4. ask the outside world what it paid'
paid_once
after=$(curl -sS --fail-with-body "$url/api/accounts/$PAYER")
same 'what left the account' "$(($(field balance <<<"$before") - $(field balance <<<"$after")))" "$spent"
same 'what is still reserved' "$(field reserved <<<"$after")" "$(field reserved <<<"$before")"
stop
say "workflow: passed (2 batches, $((2 * LINES)) transfers, $spent francs, each line paid exactly once)"
