#!/usr/bin/env bash
# kill -9 fifty times during a stream of acknowledged records. Every record that was answered
# with success must be found once, and no alert may appear twice.
PORT_BASE=24300
. "$(dirname "$0")/lib.sh"
ROUNDS=${KILL9_ROUNDS:-50}
BATCH=20

node_init
node_sensor ci-http "type = \"http\", listen = \"127.0.0.1:$(port 1)\", token = \"$TOKEN\""
: >"$WORK/acknowledged"

# One batch: JSON lines of failed VPN logons by many accounts from one address per round, so
# that a correlation runs across the kill. Only a 2xx answer counts as acknowledged.
batch() {
    local round=$1 n=$2 body="" i id at
    at=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
    for i in $(seq "$BATCH"); do
        id="r${round}b${n}i${i}"
        body+="{\"@timestamp\":\"$at\",\"message\":\"ack-$id\",\"event\":{\"action\":\"login\",\"outcome\":\"failure\"},\
\"user\":{\"name\":\"u${n}x${i}\"},\"source\":{\"ip\":\"203.0.113.$round\"},\
\"logsource\":{\"product\":\"sangfor\",\"category\":\"vpn\"}}"$'\n'
    done
    local status
    status=$(curl -s -m 10 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $TOKEN" \
        -H 'Content-Type: application/x-ndjson' --data-binary @- \
        "http://127.0.0.1:$(port 1)/ingest" <<<"${body%$'\n'}" || true)
    case $status in
        2??) for i in $(seq "$BATCH"); do echo "ack-r${round}b${n}i${i}"; done >>"$WORK/acknowledged" ;;
    esac
}

stream() {
    local n=0
    while :; do
        n=$((n + 1))
        batch "$1" "$n"
    done
}

for round in $(seq "$ROUNDS"); do
    node_start
    before=$(wc -l <"$WORK/acknowledged")
    stream "$round" &
    sender=$!
    more() { [ "$(wc -l <"$WORK/acknowledged")" -gt $((before + BATCH)) ]; }
    within 20 more || fail "round $round: something is acknowledged"
    # Another moment each time: between 0 and 190 ms after the second batch.
    sleep "0.$(printf '%02d' $((round * 7 % 20)))"
    node_stop KILL
    kill "$sender" 2>/dev/null || true
    wait "$sender" 2>/dev/null || true
done
pass "killed $ROUNDS times"

# The last start recovers; the searches go to the running node.
node_start
total=$(wc -l <"$WORK/acknowledged")
for round in $(seq "$ROUNDS"); do
    search "source.ip:203.0.113.$round" | jq -r '.raw' | grep -o "ack-r${round}b[0-9]*i[0-9]*" || true
done >"$WORK/found"
missing=$(LC_ALL=C comm -23 <(LC_ALL=C sort "$WORK/acknowledged") <(LC_ALL=C sort -u "$WORK/found") | wc -l)
equal "acknowledged records missing, of $total" 0 "$missing"
# A batch that was stored but whose answer was lost is sent under another number, so nothing at
# all may be there twice.
equal "records stored twice" 0 "$(LC_ALL=C sort "$WORK/found" | uniq -d | wc -l)"

# Alerts: nobody closes any here, so a rule has one group for each address.
"$XUEDUN" alerts --config "$CONFIG" --json >"$WORK/alerts"
sprayed=$(jq -r 'select(.rule_id == "vpn-password-spraying") | .key[0][1]' "$WORK/alerts")
equal "addresses with a spraying alert" "$ROUNDS" "$(sort -u <<<"$sprayed" | grep -c . || true)"
equal "alerts that appear twice" 0 "$(sort <<<"$sprayed" | uniq -d | grep -c . || true)"
node_stop
finish
