#!/usr/bin/env bash
# A person's first day, as a client does it: register, prove the phone by SMS, sign in, show documents, be verified; and what an
# administrator sees and decides. The calls are those of the old system's README, as written there.
#
#   bash examples/identity-workflow.sh                                   starts its own Cauri on free ports
#   CAURI_URL=http://127.0.0.1:8000 bash examples/identity-workflow.sh   uses one that runs (a sandbox, once)
#
# Needs curl and node; uses jq where it is installed. Ends in assertions: exit code 0 means that all of them hold.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. examples/common.sh

PHONE=+237612345678
PASSWORD='SecurePassword123!'

# A photograph of that many pixels, of nobody and of no document.
photograph() {
  "$node" --input-type=module -e '
    import sharp from "sharp"
    const [file, width, height] = process.argv.slice(1)
    const noise = { type: "gaussian", mean: 128, sigma: 60 }
    const create = { width: Number(width), height: Number(height), channels: 3, noise }
    await sharp({ create }).jpeg({ quality: 90 }).toFile(file)
  ' "$1" "$2" "$3"
}

open_cauri

ask '1. register' -X POST "$url/api/auth/register/" -H "$JSON" -d '{
    "phone_number": "'$PHONE'",
    "first_name": "John",
    "last_name": "Doe",
    "password": "'$PASSWORD'",
    "password_confirmation": "'$PASSWORD'",
    "role": "BUYER"
  }'
same 'the phone' "$(inner user phone_number <<<"$answer")" "$PHONE"
person=$(inner user id <<<"$answer")

say '2. the code comes by SMS: read it on the simulated phone'
for _ in $(seq 100); do
  text=$(curl -sS "$url/_sim/inbox?kind=sms&to=%2B${PHONE#+}" | "$node" -e '
    let t = ""
    process.stdin.on("data", (d) => (t += d)).on("end", () => console.log(JSON.parse(t).messages[0]?.text ?? ""))')
  [ -z "$text" ] || break
  sleep 0.2
done
say "   $text"
code=$(grep -oE '[0-9]{6}' <<<"$text" | head -n 1) || fail 'no code came'

ask '3. sign in' -X POST "$url/api/auth/login/" -H "$JSON" -d '{
    "phone_number": "'$PHONE'",
    "password": "'$PASSWORD'"
  }'
access=$(member access)
bearer="Authorization: Bearer $access"

ask '4. prove the phone' -X POST "$url/api/auth/verify-phone/" -H "$JSON" -H "$bearer" -d '{
    "verification_code": "'"$code"'"
  }'
ask '   who am I' "$url/api/auth/profile/" -H "$bearer"
same 'phone_verified' "$(member phone_verified)" true

say '5. show documents'
photograph "$work/id_front.jpg" 1600 1010
photograph "$work/id_back.jpg" 1600 1010
photograph "$work/selfie.jpg" 1200 1600
ask '   ID_FRONT' -X POST "$url/api/auth/kyc/upload/" -H "$bearer" \
  -F "document_type=ID_FRONT" -F "file=@$work/id_front.jpg"
ask '   status' -X GET "$url/api/auth/kyc/status/" -H "$bearer"
for kind in ID_BACK SELFIE; do
  file=$work/$(tr '[:upper:]' '[:lower:]' <<<"$kind").jpg
  ask "   $kind" -X POST "$url/api/auth/kyc/upload/" -H "$bearer" -F "document_type=$kind" -F "file=@$file"
done

say '6. an administrator looks and decides'
ask '   sign in' -X POST "$url/api/auth/login/" -H "$JSON" -d '{"phone_number": "+237600000000", "password": "TestPassword123!"}'
admin="Authorization: Bearer $(member access)"
ask '   statistics' -X GET "$url/api/auth/admin/statistics/" -H "$admin"
[ "$(member total_users)" -ge 5 ] || fail 'the person is not counted'
ask '   approve' -X POST "$url/api/auth/admin/kyc/$person/approve/" -H "$JSON" -H "$admin" -d '{
    "action": "approve"
  }'
ask '7. the person is verified' -X GET "$url/api/auth/kyc/status/" -H "$bearer"
same 'kyc_status' "$(member kyc_status)" VERIFIED

refused=$(curl -sS -o "$work/refused" -w '%{http_code}' "$url/api/auth/admin/statistics/" -H "$bearer")
same 'what he may not see' "$refused" 403
stop
say "identity-workflow: passed (person $person registered, proven, verified)"
