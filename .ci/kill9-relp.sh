#!/usr/bin/env bash
# kill -9 at random points while rsyslogd sends by RELP. rsyslogd forgets a record once it is
# answered, so every line it was given must be found, whatever was killed when. A record stored but
# not yet answered is sent again: repeats are counted and shown, not refused.
# Packages: rsyslog rsyslog-relp bsdutils jq
PORT_BASE=24500
. "$(dirname "$0")/lib.sh"
ROUNDS=${KILL9_ROUNDS:-50}
BATCH=40

node_init
node_sensor ci-relp "type = \"relp\", listen = \"127.0.0.1:$(port 1)\""
cat >"$WORK/rsyslog.conf" <<CONF
global(workDirectory="$WORK")
module(load="imuxsock" SysSock.Use="off")
module(load="omrelp")
input(type="imuxsock" Socket="$WORK/log.sock" RateLimit.Interval="0")
action(type="omrelp" target="127.0.0.1" port="$(port 1)" action.resumeRetryCount="-1"
       action.resumeInterval="1" Template="RSYSLOG_SyslogProtocol23Format" queue.type="LinkedList"
       queue.size="100000" queue.timeoutenqueue="-1")
CONF
rsyslogd -n -f "$WORK/rsyslog.conf" -i "$WORK/rsyslog.pid" >"$WORK/rsyslog.out" 2>&1 &
RSYSLOG=$!
within 20 test -S "$WORK/log.sock" || { cat "$WORK/rsyslog.out"; exit 1; }

for round in $(seq "$ROUNDS"); do
    node_start
    for i in $(seq "$BATCH"); do echo "kill9 relp r${round}i$i"; done >"$WORK/lines"
    logger -u "$WORK/log.sock" -t ci -f "$WORK/lines" &
    sender=$!
    # Another moment each time, up to half a second after the first record.
    sleep "0.$(printf '%03d' $((round * 137 % 500)))"
    node_stop KILL
    wait "$sender"
done
pass "killed $ROUNDS times"

node_start
total=$((ROUNDS * BATCH))
found() { search '' | jq -r .raw | grep -o 'r[0-9]*i[0-9]*$' || true; }
all() { [ "$(found | sort -u | wc -l)" -eq "$total" ]; }
within 120 all || true
found >"$WORK/found"
equal "lines that rsyslogd was given and are found" "$total" "$(sort -u "$WORK/found" | wc -l)"
echo "     sent again after a kill: $(($(wc -l <"$WORK/found") - $(sort -u "$WORK/found" | wc -l)))"
kill "$RSYSLOG"
node_stop
finish
