# What the examples have in common: a Cauri of their own on free ports, unless CAURI_URL names one that runs; assertions.
# Sourced by them, from the root of the repository.

node=node_modules/.bin/node
[ -x "$node" ] || node=node
work=$(mktemp -d)
chmod 711 "$work" # started by root, the database runs as another user, who must be able to enter
cauri=''

stop() {
  [ -n "$cauri" ] || return 0
  kill -TERM "$cauri" 2>/dev/null || true
  for _ in $(seq 100); do
    kill -0 "$cauri" 2>/dev/null || break
    sleep 0.2
  done
  kill -0 "$cauri" 2>/dev/null && { kill -KILL "$cauri"; echo 'Cauri did not stop on SIGTERM'; }
  cauri=''
}
finish() {
  local status=$?
  stop
  if [ "$status" -ne 0 ]; then
    [ ! -s "$work/cauri.log" ] || { echo '--- the end of its log'; tail -n 30 "$work/cauri.log"; }
    echo "$(basename "$0" .sh): FAILED"
  fi
  rm -rf "$work"
}
trap finish EXIT

say() { printf '%s\n' "$*"; }
fail() {
  say "not so: $*"
  exit 1
}
same() { [ "$2" = "$3" ] || fail "$1 is “$2”, expected “$3”"; }

# field NAME < JSON: one member of an object.
field() {
  if command -v jq >/dev/null; then jq -r ".$1"; else
    "$node" -e 'let t="";process.stdin.on("data",d=>t+=d).on("end",()=>{const v=JSON.parse(t)[process.argv[1]];console.log(typeof v==="object"?JSON.stringify(v):String(v))})' "$1"
  fi
}
pretty() { if command -v jq >/dev/null; then jq .; else "$node" -e 'let t="";process.stdin.on("data",d=>t+=d).on("end",()=>console.log(JSON.stringify(JSON.parse(t),undefined,2)))'; fi; }

start() {
  say 'starting Cauri on free ports …'
  CAURI_HOME="$work/home" PORT=0 SDK_PORT=0 HUB_PORT=0 SIMULATOR_PORT=0 \
    "$node" src/main.ts >"$work/out.log" 2>"$work/cauri.log" &
  cauri=$!
  for _ in $(seq 300); do
    url=$(sed -n '/^ready http/{s/^ready \([^ ]*\).*$/\1/p;q;}' "$work/out.log")
    [ -z "$url" ] || return 0
    kill -0 "$cauri" 2>/dev/null || fail 'Cauri ended before it was ready'
    sleep 0.2
  done
  fail 'Cauri was not ready within 60 s'
}

# Uses the Cauri that CAURI_URL names, or starts one; $url is where it is.
open_cauri() {
  url=${CAURI_URL:-}
  [ -n "$url" ] || start
  say "Cauri is at $url"
}

JSON='Content-Type: application/json'
# ask WHAT CURL-ARGUMENTS…: calls, shows the answer in one line and leaves it in $answer.
ask() {
  say "$1"
  shift
  answer=$(curl -sS --fail-with-body "$@") || fail "refused: $answer"
  say "   ${answer:0:300}"
}
member() { field "$1" <<<"$answer"; }

# inner A B < JSON: the member B of the member A.
inner() { field "$1" | field "$2"; }
