#!/bin/sh
# One turn with curl: make a thread, start a turn, follow its events to the end.
# Needs CODEWHALE_URL (like http://127.0.0.1:7878) and CODEWHALE_TOKEN.
set -eu
prompt=${1:-Say hello.}
auth="Authorization: Bearer $CODEWHALE_TOKEN"
json='Content-Type: application/json'

post() { # path, body, idempotency key: sending it again does not do it again
  curl -sS --fail-with-body --retry 3 -H "$auth" -H "$json" -H "Idempotency-Key: $3" -d "$2" "$CODEWHALE_URL$1"
}

key=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
thread=$(post /v1/threads '{}' "$key-thread" | sed 's/.*"id":"\([^"]*\)".*/\1/')
post "/v1/threads/$thread/turns" "{\"prompt\":\"$prompt\"}" "$key-turn" >/dev/null
curl -sN -H "$auth" "$CODEWHALE_URL/v1/threads/$thread/events?since_seq=0" | while IFS= read -r line; do
  case $line in
    'data: '*) printf '%s\n' "${line#data: }" ;;
    'event: turn.completed') read -r id && read -r data && printf '%s\n' "${data#data: }" && break ;;
  esac
done
