#!/usr/bin/env bash
# Real rsyslogd and logger against `xuedun serve`: the same lines by UDP, TCP, TLS and a tailed
# file that is rotated half-way. Every way must hold every line once.
PORT_BASE=24100
. "$(dirname "$0")/lib.sh"
LINES=400

certificate node.example DNS:node.example
node_init
node_sensor ci-udp "type = \"syslog-udp\", listen = \"127.0.0.1:$(port 1)\""
node_sensor ci-tcp "type = \"syslog-tcp\", listen = \"127.0.0.1:$(port 2)\""
node_sensor ci-tls "type = \"syslog-tls\", listen = \"127.0.0.1:$(port 3)\", \
cert = \"$WORK/node.pem\", key = \"$WORK/node.key\""
node_sensor ci-file "type = \"file\", paths = [\"$WORK/tail.log\"]"
node_start

cat >"$WORK/rsyslog.conf" <<CONF
global(workDirectory="$WORK" defaultNetstreamDriverCAFile="$WORK/ca.pem")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="$WORK/log.sock" RateLimit.Interval="0")
template(name="file" type="string" string="%TIMESTAMP:::date-rfc3339% %HOSTNAME% %syslogtag%%msg%\n")
action(type="omfwd" Target="127.0.0.1" Port="$(port 1)" Protocol="udp"
       Template="RSYSLOG_SyslogProtocol23Format")
action(type="omfwd" Target="127.0.0.1" Port="$(port 2)" Protocol="tcp"
       TCP_Framing="octet-counted" Template="RSYSLOG_SyslogProtocol23Format")
action(type="omfwd" Target="127.0.0.1" Port="$(port 3)" Protocol="tcp"
       StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name"
       StreamDriverPermittedPeers="node.example" Template="RSYSLOG_SyslogProtocol23Format")
action(type="omfile" File="$WORK/tail.log" Template="file" asyncWriting="off" flushOnTXEnd="on")
CONF
rsyslogd -n -f "$WORK/rsyslog.conf" -i "$WORK/rsyslog.pid" >"$WORK/rsyslog.out" 2>&1 &
RSYSLOG=$!
within 20 test -S "$WORK/log.sock" || { cat "$WORK/rsyslog.out"; exit 1; }

half() { seq "$1" "$2" | sed 's/^/ci line number=/' >"$WORK/lines"; logger -u "$WORK/log.sock" -t ci-rsyslog -f "$WORK/lines"; }
file_lines() { [ "$(cat "$WORK"/tail.log* 2>/dev/null | wc -l)" -ge "$1" ]; }
half 1 $((LINES / 2))
within 20 file_lines $((LINES / 2)) || fail "rsyslogd writes its file"
mv "$WORK/tail.log" "$WORK/tail.log.1"
kill -HUP "$RSYSLOG"
half $((LINES / 2 + 1)) "$LINES"
within 20 file_lines "$LINES" || fail "rsyslogd writes its file after the rotation"

for sensor in ci-udp ci-tcp ci-tls ci-file; do
    within 30 has_records "$sensor" "$LINES" || true
    search '' >"$WORK/found"
    found=$(jq -r "select(.sensor == \"$sensor\") | .raw" "$WORK/found" | grep -o 'number=[0-9]*' || true)
    equal "$sensor holds every line" "$LINES" "$(sort -u <<<"$found" | grep -c number= || true)"
    equal "$sensor holds no line twice" "$LINES" "$(grep -c number= <<<"$found" || true)"
done

# The way of a real sshd: logger with its tag, by RFC 3164 and RFC 5424.
logger --rfc3164 -n 127.0.0.1 -P "$(port 1)" -d -t sshd \
    'Failed password for root from 203.0.113.9 port 40022 ssh2'
logger --rfc5424 -n 127.0.0.1 -P "$(port 2)" -T --octet-count -t sshd \
    'Failed password for root from 203.0.113.9 port 40023 ssh2'
decoded() { [ "$(search 'source.ip:203.0.113.9 AND event.outcome:failure' | wc -l)" -eq 2 ]; }
if within 30 decoded; then pass "logger's sshd lines are decoded"; else fail "logger's sshd lines are decoded"; fi

# Every form that logger has, by each way: what it sent is there once, whole and read the same.
n=0
for form in "--rfc3164" "--rfc5424" "--rfc5424=notime" "--rfc5424=notime,notq" "--rfc5424=nohost"; do
    for way in "$(port 1) -d" "$(port 2) -T" "$(port 2) -T --octet-count"; do
        n=$((n + 1))
        # shellcheck disable=SC2086  # words apart
        logger "$form" -n 127.0.0.1 -P $way -t ci-form -p auth.err "form $n [brackets] \"quoted\" 登录 \\end"
    done
done
forms() { search 'process.name:ci-form'; }
all_forms() { [ "$(forms | wc -l)" -ge "$n" ]; }
within 30 all_forms || true
forms >"$WORK/forms"
for i in $(seq "$n"); do echo "ci-form error form $i [brackets] \"quoted\" 登录 \\end"; done | LC_ALL=C sort >"$WORK/theirs"
jq -r '.fields | [.["process.name"], .["log.level"], .message] | join(" ")' "$WORK/forms" | LC_ALL=C sort >"$WORK/ours"
equal "logger's forms by UDP, by lines and by octet count" "$n" "$(wc -l <"$WORK/ours")"
differ=$(diff "$WORK/theirs" "$WORK/ours" || true)
equal "of those, what was not read as it was sent" "" "$differ"

kill "$RSYSLOG"
node_stop
finish
