#!/usr/bin/env bash
# kill -9 fifty times while every input that answers its sender, or keeps its place in what it reads, is
# being sent to: each kill meets all of them. Everything that was answered must be found; what was not sent
# twice must not be stored twice where the sender alone decides (HTTP), and no alert may appear twice.
#
# Syslog over TCP has no answer (RFC 6587), but is promised to be durable within 200 ms: what was sent a second
# before a kill must be found (a second, for a loaded machine; how much of what was sent 200 ms before is found
# is told). UDP promises nothing: what the node has not read when it is killed is the sender's loss. NetFlow and
# sFlow are UDP too.
# Packages: rsyslog rsyslog-relp systemd systemd-journal-remote python3 jq
PORT_BASE=24300
. "$(dirname "$0")/lib.sh"
ROUNDS=${KILL9_ROUNDS:-50}
RANDOM=${KILL9_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
SEED=$RANDOM
RANDOM=$SEED
REMOTE=$(command -v systemd-journal-remote || echo /lib/systemd/systemd-journal-remote)

# What answers its sender (`tcp` by what was promised), and what is read or sent again from a place that is kept:
# `relayed` are lines of an rsyslogd by RELP, which tries again when it thinks fit.
answered=(jsonl bulk hec otlp relp tcp)
kept=(relayed file copied journald)

node_init
n=0
declare -A target
for input in "${answered[@]}"; do
    n=$((n + 1))
    target[$input]=127.0.0.1:$(port "$n")
    case $input in
        relp) kind='type = "relp"' ;;
        tcp) kind='type = "syslog-tcp"' ;;
        *) kind="type = \"http\", token = \"$TOKEN\"" ;;
    esac
    node_sensor "k9-$input" "$kind, listen = \"${target[$input]}\""
done
target[relayed]=$WORK/log.sock
node_sensor k9-relayed "type = \"relp\", listen = \"127.0.0.1:$(port 9)\""
mkdir "$WORK/file" "$WORK/copied" "$WORK/journal"
for input in file copied; do
    target[$input]=$WORK/$input/app.log
    node_sensor "k9-$input" "type = \"file\", paths = [\"$WORK/$input/app.log*\"]"
done
target[journald]=$WORK/journal.pipe
node_sensor k9-journald "type = \"journald\", directory = \"$WORK/journal\""

mkfifo "$WORK/journal.pipe"
"$REMOTE" -o "$WORK/journal/ci.journal" - <"$WORK/journal.pipe" >"$WORK/remote.out" 2>&1 &
cat >"$WORK/rsyslog.conf" <<CONF
global(workDirectory="$WORK")
module(load="imuxsock" SysSock.Use="off")
module(load="omrelp")
input(type="imuxsock" Socket="$WORK/log.sock" RateLimit.Interval="0")
action(type="omrelp" target="127.0.0.1" port="$(port 9)" action.resumeRetryCount="-1"
       action.resumeInterval="1" Template="RSYSLOG_SyslogProtocol23Format" queue.type="LinkedList"
       queue.size="100000" queue.timeoutenqueue="-1")
CONF
rsyslogd -n -f "$WORK/rsyslog.conf" -i "$WORK/rsyslog.pid" >"$WORK/rsyslog.out" 2>&1 &
RSYSLOG=$!
within 20 test -S "$WORK/log.sock" || { cat "$WORK/rsyslog.out"; exit 1; }

echo 0 >"$WORK/round"
clients=()
for input in "${answered[@]}" "${kept[@]}"; do
    : >"$WORK/acknowledged.$input"
    python3 "$(dirname "$0")/kill9.py" "$WORK" "$input" "${target[$input]}" "$TOKEN" 2>>"$WORK/clients.err" &
    clients+=($!)
done

lines() { wc -l <"$WORK/acknowledged.$1"; }
# going: whether every input that answers has answered in this round.
going() {
    local input
    for input in "${answered[@]}"; do
        [ "$(lines "$input")" -gt "${before[$input]}" ] || return 1
    done
}
declare -A before
for round in $(seq "$ROUNDS"); do
    for input in "${answered[@]}"; do before[$input]=$(lines "$input"); done
    echo "$round" >"$WORK/round"
    node_start
    within 30 going || fail "round $round: every input is answered"
    sleep "0.$(printf '%03d' $((RANDOM % 400)))"
    node_stop KILL
done
pass "killed $ROUNDS times while ${#clients[@]} inputs were sent to (KILL9_SEED=$SEED)"

# The last start recovers; then the senders stop, and what is on its way arrives.
node_start
touch "$WORK/stop"
wait "${clients[@]}" || fail "the clients end well" "$(tail -n 3 "$WORK/clients.err")"
found() { search_all "sensor:k9-$1" | jq -r ".raw | match(\"k9-$1-r\\\\d+b\\\\d+i\\\\d+\").string" | LC_ALL=C sort >"$WORK/found.$1" || true; }
missing() { LC_ALL=C comm -23 <(LC_ALL=C sort -u "$WORK/acknowledged.$1") "$WORK/found.$1" | wc -l; }
arrived() { found "$1" && [ "$(missing "$1")" -eq 0 ]; }
rounds() { sed -n "s/^k9-$1-r\([0-9]*\)b.*/\1/p" "$WORK/acknowledged.$1" | sort -u | grep -vcx 0 || true; }
for input in "${answered[@]}" "${kept[@]}"; do
    within 60 arrived "$input" || true
    twice=$(uniq -d "$WORK/found.$input" | wc -l)
    equal "$input: of $(wc -l <"$WORK/sent.$input") sent and $(lines "$input") acknowledged, missing" 0 "$(missing "$input")"
    case " ${answered[*]} " in
        *" $input "*)
            equal "$input: stored twice" 0 "$twice"
            equal "$input: kills that met it answering" "$ROUNDS" "$(rounds "$input")"
            ;;
        *) echo "     $input: stored twice, read or sent again after a kill: $twice" ;;
    esac
done
prompt=$(LC_ALL=C comm -23 <(LC_ALL=C sort -u "$WORK/prompt.tcp") "$WORK/found.tcp" | wc -l)
echo "     tcp: of $(wc -l <"$WORK/prompt.tcp") lines sent 200 ms before a kill or longer, missing: $prompt"

# Alerts: nobody closes any here, so a rule has one group for each address.
"$XUEDUN" alerts --config "$CONFIG" --json >"$WORK/alerts"
sprayed=$(jq -r 'select(.rule_id == "vpn-password-spraying") | .key[0][1]' "$WORK/alerts" | grep -v '\.0$' || true)
equal "addresses with a spraying alert" "$ROUNDS" "$(sort -u <<<"$sprayed" | grep -c . || true)"
equal "alerts that appear twice" 0 "$(sort <<<"$sprayed" | uniq -d | grep -c . || true)"
kill "$RSYSLOG"
node_stop
finish
