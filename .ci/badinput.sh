#!/usr/bin/env bash
# Hostile and broken input to a real node: each is a coded error or a counted, visible record,
# none stops the node or loses the record that comes after it. The disk-full part mounts a small
# tmpfs; where that is not allowed it says so and fails.
PORT_BASE=24500
. "$(dirname "$0")/lib.sh"

before_cleanup() { ! mountpoint -q "$WORK/small" || umount -l "$WORK/small"; }

raws() { search "$1" 2>>"$WORK/search.err" | jq -r .raw; }
# Reads to the end: a grep that stops early would break the pipe.
has_raw() { raws "$1" | grep -F -- "$2" >/dev/null; }
status() { "$XUEDUN" status --config "$CONFIG" --json || true; }
counter() { status | jq -r ".sensors[] | select(.name == \"$1\") | .$2"; }
alive() { kill -0 "$NODE" 2>/dev/null; }

node_init
node_sensor bad-udp "type = \"syslog-udp\", listen = \"127.0.0.1:$(port 1)\""
node_sensor bad-tcp "type = \"syslog-tcp\", listen = \"127.0.0.1:$(port 2)\""
node_sensor bad-http "type = \"http\", listen = \"127.0.0.1:$(port 3)\", token = \"$TOKEN\""
node_sensor bad-flow "type = \"netflow\", listen = \"127.0.0.1:$(port 4)\""
mkdir "$WORK/node/rules"
cat >"$WORK/node/rules/broken.yml" <<'YAML'
title: broken on purpose
logsource: {product: linux}
detection:
  a: {CommandLine|contians: x}
  condition: a and b
YAML
"$XUEDUN" --lang en rules check "$WORK/node/rules" >"$WORK/check.out" 2>&1 && rc=0 || rc=$?
equal "rules check: a broken rule is a finding" 1 "$rc"
if grep -q 'contians' "$WORK/check.out" && grep -q '\^' "$WORK/check.out"; then
    pass "rules check: the place is shown with a caret"
else
    fail "rules check: the place is shown with a caret" "$(head -c 300 "$WORK/check.out")"
fi
sed -i 's/^paths = \[\]/paths = ["rules"]/' "$CONFIG"
node_start
pass "the node starts beside a broken rule"

# --- syslog: malformed, empty, over-long, not UTF-8; a good line after each on the same way.
python3 - "$(port 1)" "$(port 2)" <<'PY'
import socket, sys
udp_port, tcp_port = int(sys.argv[1]), int(sys.argv[2])
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
bad = [b"<999>garbage-priority", b"<13", b"", b"\x00\x01\x02", b"<13>1 not-a-time - - - - - bad-time",
       b"<13>1 2026-11-27T00:00:00Z h app - - [unclosed sd", b"\xff\xfe\xfd not-utf8 \x80"]
for n, line in enumerate(bad):
    udp.sendto(line, ("127.0.0.1", udp_port))
    udp.sendto(b"<13>1 2026-11-27T00:00:00Z h app - - - good-udp-%d" % n, ("127.0.0.1", udp_port))
tcp = socket.create_connection(("127.0.0.1", tcp_port))
for n, line in enumerate(bad):
    tcp.sendall(line.replace(b"\n", b"") + b"\n")
    tcp.sendall(b"<13>1 2026-11-27T00:00:00Z h app - - - good-tcp-%d\n" % n)
tcp.sendall(b"<13>1 2026-11-27T00:00:00Z h app - - - two-megabytes " + b"A" * (2 << 20) + b"\n")
tcp.sendall(b"<13>1 2026-11-27T00:00:00Z h app - - - good-after-2mb\n")
# Octet counting that lies: the connection may be given up, the node not.
lie = socket.create_connection(("127.0.0.1", tcp_port))
lie.sendall(b"99999999999999999999 <13>x")
lie.close()
tcp.close()
PY
for n in 0 1 2 3 4 5 6; do
    within 15 has_raw "good-udp-$n" "good-udp-$n" || fail "UDP: the good line after bad line $n is kept"
    within 15 has_raw "good-tcp-$n" "good-tcp-$n" || fail "TCP: the good line after bad line $n is kept"
done
pass "syslog: every good line after a bad one was looked for"
if within 15 has_raw good-after-2mb good-after-2mb; then pass "TCP: the line after a 2 MB line is kept"; else fail "TCP: the line after a 2 MB line is kept"; fi
if has_raw two-megabytes two-megabytes; then pass "TCP: the 2 MB line is kept, cut"; else fail "TCP: the 2 MB line is kept, cut"; fi
for needle in garbage-priority bad-time unclosed not-utf8; do
    if has_raw "$needle" "$needle"; then pass "a malformed line is visible: $needle"; else fail "a malformed line is visible: $needle"; fi
done
if [ "$(search 'event.kind:pipeline_error' | jq -r '.fields["error.code"]' | grep -c .)" -gt 0 ]; then
    pass "what could not be decoded carries a code"
else
    fail "what could not be decoded carries a code"
fi

# --- NetFlow: a truncated template, then real flows through softflowd's own version 9.
python3 - "$(port 4)" <<'PY'
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
to = ("127.0.0.1", int(sys.argv[1]))
header = struct.pack("!HHIIII", 9, 1, 1000, 1790000000, 1, 7)
whole = struct.pack("!HHHH", 0, 20, 256, 3) + struct.pack("!HHHHHH", 8, 4, 12, 4, 1, 4)
for cut in range(len(header) + len(whole)):
    s.sendto((header + whole)[:cut], to)
s.sendto(b"\x00\x63" + b"\x00" * 30, to)
data = struct.pack("!HH", 256, 16) + socket.inet_aton("203.0.113.77") + socket.inet_aton("10.9.9.9") + struct.pack("!I", 4242)
s.sendto(header + whole + data, to)
PY
flow() { [ "$(search 'source.ip:203.0.113.77' | jq -r '.fields["network.bytes"] // .fields["source.bytes"]')" = 4242 ]; }
if within 15 flow; then pass "NetFlow: the flow after truncated templates is decoded"; else fail "NetFlow: the flow after truncated templates is decoded"; fi

# --- HTTP: a broken document in a batch is answered by its own status.
status=$(curl -s -m 10 -o "$WORK/http.out" -w '%{http_code}' -H "Authorization: Bearer $TOKEN" --data-binary $'{"message":"good-http-1"}\n{"message": broken\n{"message":"good-http-2"}' \
    "http://127.0.0.1:$(port 3)/ingest")
echo "HTTP answers $status: $(head -c 200 "$WORK/http.out")"
for n in 1 2; do
    if within 15 has_raw "good-http-$n" "good-http-$n"; then pass "HTTP: good document $n of a batch with a broken one"; else fail "HTTP: good document $n of a batch with a broken one"; fi
done
status=$(curl -s -m 10 -o /dev/null -w '%{http_code}' --data-binary '{}' "http://127.0.0.1:$(port 3)/ingest")
equal "HTTP: no token, no entry" 401 "$status"
alive && pass "the node runs on" || fail "the node runs on"
for sensor in bad-udp bad-tcp bad-flow; do
    failed=$(counter "$sensor" undecoded)
    if [ "${failed:-0}" -gt 0 ]; then pass "$sensor counts what it could not decode ($failed)"; else fail "$sensor counts what it could not decode"; fi
done

# --- A journal whose tail was torn, and one with a flipped bit.
node_stop KILL
last=$(find "$WORK/node" -path '*journal*' -name '*.xj' -size +0 | LC_ALL=C sort | tail -n 1)
printf 'torn tail \x00\x01\x02' >>"$last"
node_start
if within 15 has_raw good-http-2 good-http-2; then pass "a torn journal tail loses no record"; else fail "a torn journal tail loses no record"; fi
curl -s -m 10 -o /dev/null -H "Authorization: Bearer $TOKEN" --data-binary '{"message":"after-the-tear"}' "http://127.0.0.1:$(port 3)/ingest"
if within 15 has_raw after-the-tear after-the-tear; then pass "and takes new ones"; else fail "and takes new ones"; fi
node_stop

# --- The archive: a flipped bit and a missing file are found; a backup brings them back.
export XUEDUN_STORE__ARCHIVE_AFTER_SECS=1
node_start
sealed() { [ "$("$XUEDUN" archive list --config "$CONFIG" --json | wc -l)" -ge 2 ]; }
within 30 sealed || fail "the archive seals files"
archive() { "$XUEDUN" archive "$@" --config "$CONFIG" --json >"$WORK/archive.out" 2>"$WORK/archive.err" && rc=0 || rc=$?; }
archive verify
equal "archive verify: whole" 0 "$rc"
archive backup --to "$WORK/backup"
mapfile -t parquet < <(find "$WORK/node/data/archive" -name '*.parquet' | LC_ALL=C sort)
printf '\x41' | dd of="${parquet[0]}" bs=1 seek=200 conv=notrunc 2>/dev/null
rm "${parquet[1]}"
archive verify
equal "archive verify: damage is a finding" 1 "$rc"
equal "archive verify: a flipped bit and a missing file are named" 2 "$(jq '.faults | length' "$WORK/archive.out")"
archive restore --from "$WORK/backup"
equal "archive restore: both come back" 2 "$(jq length "$WORK/archive.out")"
archive verify
equal "archive verify: whole again" 0 "$rc"
node_stop
unset XUEDUN_STORE__ARCHIVE_AFTER_SECS

# --- Records files: ragged rows, GBK.
printf '姓名,身份证号,手机\n张伟,110101200803070011\n李娜,,13800138000,多余\n"未闭合,1,2\n' >"$WORK/ragged.csv"
"$XUEDUN" --lang en classify "$WORK/ragged.csv" --json >"$WORK/ragged.out" 2>"$WORK/ragged.err" && rc=0 || rc=$?
if [ "$rc" -le 1 ] && [ -s "$WORK/ragged.out" ]; then pass "classify reads ragged rows (exit $rc)"; else fail "classify reads ragged rows" "exit $rc: $(cat "$WORK/ragged.err")"; fi
printf '姓名,手机\n张伟,13800138000\n李娜,13900139000\n' | iconv -f UTF-8 -t GB18030 >"$WORK/gbk.csv"
names=$("$XUEDUN" classify "$WORK/gbk.csv" --json | jq -r .column | tr '\n' ' ') || true
equal "classify reads GB18030 headers" "姓名 手机 " "$names"

# --- A full disk: acknowledged records stay, the sender is told, and room heals it without a hand.
mkdir "$WORK/small"
if ! mount -t tmpfs -o size=48m tmpfs "$WORK/small"; then
    fail "a small file system can be mounted"
    finish
fi
mv "$WORK/node/"* "$WORK/small/"
CONFIG=$WORK/small/xuedun.toml
export XUEDUN_STORE__DISK_RESERVE_MIB=2 XUEDUN_STORE__SEGMENT_MIB=4
node_start
dd if=/dev/zero of="$WORK/small/filler" bs=1M count=30 2>/dev/null || true
: >"$WORK/kept"
post() {
    # Random text, so that nothing compresses it away.
    python3 -c 'import base64, os, sys
for i in range(1, 201):
    print("{\"message\":\"full-b%si%d %s\"}" % (sys.argv[1], i, base64.b64encode(os.urandom(675)).decode()))' "$1" |
    curl -s -m 20 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $TOKEN" \
        --data-binary @- "http://127.0.0.1:$(port 3)/ingest" || true
}
refused=
for n in $(seq 300); do
    status=$(post "$n")
    case $status in
        2??) for i in $(seq 200); do echo "full-b${n}i${i}"; done >>"$WORK/kept" ;;
        *) refused=$status; break ;;
    esac
done
case $refused in
    429 | 503) pass "a full disk is answered with $refused after $(wc -l <"$WORK/kept") records" ;;
    *) fail "a full disk is answered with 429 or 503" "${refused:-never refused}" ;;
esac
alive && pass "the node lives on a full disk" || fail "the node lives on a full disk"
equal "the alarm names the full disk" 1 "$(status | jq -r '.alarms[].en' | grep -c 'disk is full' || true)"
rm "$WORK/small/filler"
again() { case $(post 401) in 2??) return 0 ;; *) return 1 ;; esac; }
if within 30 again; then pass "with room again, records are taken without a hand"; else fail "with room again, records are taken without a hand"; fi
equal "and the alarm is gone" 0 "$(status | jq -r '.alarms[].en' | grep -c 'disk is full' || true)"
node_stop KILL
node_start
"$XUEDUN" search --config "$CONFIG" --from 1900-01-01T00:00:00Z --to 2200-01-01T00:00:00Z --limit 0 --json 'sensor:bad-http AND full-b*' |
    jq -r .raw | grep -o 'full-b[0-9]*i[0-9]*' | LC_ALL=C sort -u >"$WORK/found"
missing=$(LC_ALL=C comm -23 <(LC_ALL=C sort -u "$WORK/kept") "$WORK/found" | wc -l)
equal "acknowledged records missing after the full disk, of $(wc -l <"$WORK/kept")" 0 "$missing"
node_stop
finish
