#!/usr/bin/env bash
# An organisation and its people, as a client sees them: an administrator gives the demonstration's fund its first members, two
# of them agree on an amount above which a payment needs a second person, one pays and another approves, and a program
# pays with a key of its own.
#
#   bash examples/organisation-workflow.sh                                   starts its own Cauri on free ports
#   CAURI_URL=http://127.0.0.1:8000 bash examples/organisation-workflow.sh   uses one that runs (a sandbox, once)
#
# Needs curl and node; uses jq where it is installed. Ends in assertions: exit code 0 means that all of them hold.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. examples/common.sh

PAYER=ACC-123456789

# sign_in PHONE: leaves its Authorization header in $bearer.
sign_in() {
  answer=$(curl -sS --fail-with-body -X POST "$url/api/auth/login/" -H "$JSON" \
    -d '{"phone_number": "'"$1"'", "password": "TestPassword123!"}') || fail "refused: $answer"
  bearer="Authorization: Bearer $(member access)"
}
# status_of CURL-ARGUMENTS…: the HTTP status alone, whatever it is; the answer is in $work/refused.
status_of() { curl -sS -o "$work/refused" -w '%{http_code}' "$@"; }

open_cauri

say '1. the people of the sandbox sign in'
sign_in +237670123456
maker=$bearer
sign_in +237698765432
approver=$bearer
sign_in +237600000000
admin=$bearer

ask '2. an administrator finds the fund' "$url/api/organizations" -H "$admin"
fund=$("$node" -e '
  const { organizations } = JSON.parse(process.argv[1])
  console.log(organizations.find((one) => one.name === "Caisse de démonstration").id)' "$answer")
ask '   and gives it its first members' -X POST "$url/api/organizations/$fund/members" -H "$admin" -H "$JSON" -d '{
    "members": [
      {"phone_number": "+237670123456", "roles": ["GESTIONNAIRE", "TRESORIER", "DEVELOPPEUR"]},
      {"phone_number": "+237698765432", "roles": ["APPROBATEUR"]}
    ]
  }'

ask '3. the treasurer proposes that more than 5,000 francs need a second person' \
  -X PATCH "$url/api/organizations/$fund" -H "$maker" -H "$JSON" -d '{"approval_over": 5000}'
proposal=$(member id)
same 'his own word alone' "$(status_of -X POST "$url/api/organizations/$fund/proposals/$proposal/confirm" -H "$maker")" 409
ask '   and the other one confirms' -X POST "$url/api/organizations/$fund/proposals/$proposal/confirm" -H "$approver"

say '4. the maker sends a list of 6,000 francs'
run=$((RANDOM % 400 + 100))
printf 'type_id,valeur_id,devise,montant\nMSISDN,22890%03d001,XOF,2500\nMSISDN,22890%03d002,XOF,3500\n' "$run" "$run" >"$work/list.csv"
ask '   it waits' -X POST "$url/api/bulk-transfers" -H "$maker" -F "file=@$work/list.csv" -F "payer_account=$PAYER"
id=$(member bulkTransferId)
same awaiting_approval "$(member awaiting_approval)" true
ask '   the approver reads it' "$url/api/bulk-transfers/$id/status" -H "$approver"
list_hash=$(member list_hash)
approval='{"list_hash": "'$list_hash'"}'
same 'the maker approves' "$(status_of -X POST "$url/api/bulk-transfers/$id/approve" -H "$maker" -H "$JSON" -d "$approval")" 403
ask '   and approves' -X POST "$url/api/bulk-transfers/$id/approve" -H "$approver" -H "$JSON" -d "$approval"
ask '   it is paid' "$url/api/bulk-transfers/$id/wait?timeout=60" -H "$maker"
same state "$(member state)" COMPLETED

say '5. a program gets a key of its own'
answer=$(curl -sS --fail-with-body -X POST "$url/api/api-keys" -H "$maker" -H "$JSON" -d '{
    "service_account": "paie",
    "scopes": ["bulk.create", "bulk.read"],
    "addresses": ["127.0.0.0/8"]
  }') || fail "refused: $answer"
secret=$(member secret)
say "   ${secret:0:12}… may ${answer#*scopes}" | cut -c1-100
key="Authorization: Bearer $secret"
printf 'type_id,valeur_id,devise,montant\nMSISDN,22890%03d003,XOF,1000\n' "$run" >"$work/small.csv"
ask '   and pays with it' -X POST "$url/api/bulk-transfers" -H "$key" -F "file=@$work/small.csv" -F "payer_account=$PAYER"
ask '   it is paid' "$url/api/bulk-transfers/$(member bulkTransferId)/wait?timeout=60" -H "$key"
same state "$(member state)" COMPLETED
same 'a scope that it lacks' "$(status_of "$url/api/accounts" -H "$key")" 403
same 'the members, with a key' "$(status_of "$url/api/organizations/$fund/members" -H "$key")" 403

stop
say "organisation-workflow: passed (batch $id approved by another than its maker, one key)"
