#!/usr/bin/env bash
# Floods and full disks, whole program: one sensor's flood does not starve another, a sensor's own limit
# is told to its senders and counted, and an archive without room loses nothing and goes on by itself.
# The last part mounts a small tmpfs; where that is not allowed it says so and fails.
# Packages: python3 jq curl
PORT_BASE=25000
. "$(dirname "$0")/lib.sh"

before_cleanup() { ! mountpoint -q "$WORK/node/data/archive" || umount -l "$WORK/node/data/archive"; }
status() { "$XUEDUN" status --config "$CONFIG" --json || true; }
counter() { status | jq -r ".sensors[] | select(.name == \"$1\") | .$2"; }
post() { curl -s -m 30 -o "$WORK/answer" -w '%{http_code}' -H "Authorization: Bearer $TOKEN" --data-binary @- "http://127.0.0.1:$(port "$1")/$2" || true; }

node_init
node_sensor flood "type = \"http\", listen = \"127.0.0.1:$(port 1)\", token = \"$TOKEN\""
node_sensor quiet "type = \"http\", listen = \"127.0.0.1:$(port 2)\", token = \"$TOKEN\""
node_sensor limited "type = \"http\", listen = \"127.0.0.1:$(port 3)\", token = \"$TOKEN\""
sed -i 's/^name = "limited"/&\nevents_per_second_max = 1000/' "$CONFIG"
node_sensor limited-udp "type = \"syslog-udp\", listen = \"127.0.0.1:$(port 4)\""
sed -i 's/^name = "limited-udp"/&\nevents_per_second_max = 100/' "$CONFIG"
node_sensor templates "type = \"netflow\", listen = \"127.0.0.1:$(port 5)\""
node_sensor gbk "type = \"syslog-tcp\", listen = \"127.0.0.1:$(port 6)\", encoding = \"gb18030\""
node_start

# --- Eight senders without pause to one sensor; the other must be answered all the same.
seq 5000 | sed 's/.*/{"message":"flood &"}/' >"$WORK/body"
flooder() { while [ ! -e "$WORK/enough" ]; do curl -s -m 30 -o /dev/null -H "Authorization: Bearer $TOKEN" --data-binary @"$WORK/body" "http://127.0.0.1:$(port 1)/ingest" || true; done; }
floods=()
for _ in 1 2 3 4 5 6 7 8; do flooder & floods+=($!); done
taken() { [ "$(counter flood received)" -gt 50000 ]; }
within 60 taken || fail "the flood arrives"
answered=0
for i in $(seq 20); do
    [ "$(echo "{\"message\":\"quiet $i\"}" | post 2 ingest)" != 200 ] || answered=$((answered + 1))
done
flooded=$(counter flood received)
touch "$WORK/enough"
wait "${floods[@]}"
equal "records of a quiet sensor answered during a flood of $flooded elsewhere" 20 "$answered"
equal "and found" 20 "$(search 'sensor:quiet' | grep -c . || true)"

# --- A sensor's own limit: per item in _bulk, and what is answered 429 is not stored.
for i in $(seq 6000); do printf '{"create":{}}\n{"message":"limited %s"}\n' "$i"; done >"$WORK/bulk"
equal "_bulk over the limit is answered" 200 "$(post 3 _bulk <"$WORK/bulk")"
jq -r '.items[].create.status' "$WORK/answer" | sort | uniq -c | awk '{ print $2, $1 }' >"$WORK/items"
created=$(awk '$1 == 201 { print $2 }' "$WORK/items")
later=$(awk '$1 == 429 { print $2 }' "$WORK/items")
equal "its items are taken (201) or to be sent again (429)" 6000 "$((${created:-0} + ${later:-0}))"
if [ "${created:-0}" -gt 0 ] && [ "${later:-0}" -gt 0 ]; then pass "some of each ($created, $later)"; else fail "some of each" "$(cat "$WORK/items")"; fi
equal "stored are those taken" "${created:-0}" "$(search_all 'sensor:limited' | grep -c . || true)"

# --- Datagrams over the limit are dropped and counted: nothing is lost without a count.
python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(5000): s.sendto(b"<13>1 2026-11-27T00:00:00Z h app - - - limited-udp %d" % i, ("127.0.0.1", int(sys.argv[1])))' "$(port 4)"
dropped() { counter limited-udp 'dropped | map(.[1]) | add // 0'; }
reconciled() { [ "$(($(search 'sensor:limited-udp' | grep -c . || true) + $(dropped)))" -eq 5000 ]; }
if within 20 reconciled; then pass "5000 datagrams over the limit: stored and dropped add up ($(dropped) dropped)"; else fail "datagrams over the limit add up" "$(status | jq -c '.sensors[] | select(.name == "limited-udp")')"; fi

# --- A template's id used again with another layout; GBK inside UTF-8.
python3 - "$(port 5)" "$(port 6)" <<'PY'
import socket, struct, sys
flows, lines = int(sys.argv[1]), int(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def packet(n, *sets):
    body = b"".join(struct.pack("!HH", i, len(b) + 4) + b for i, b in sets)
    return struct.pack("!HHIIII", 9, len(sets), 1000, 1795737600, n, 7) + body
a, b = socket.inet_aton("203.0.113.1"), socket.inet_aton("203.0.113.2")
first = struct.pack("!HHHHHHHH", 256, 3, 8, 4, 12, 4, 1, 4)
again = struct.pack("!HHHHHHHH", 256, 3, 1, 4, 12, 4, 8, 4)
s.sendto(packet(1, (0, first), (256, a + b + struct.pack("!I", 111))), ("127.0.0.1", flows))
s.sendto(packet(2, (0, again), (256, struct.pack("!I", 222) + b + a)), ("127.0.0.1", flows))
t = socket.create_connection(("127.0.0.1", lines))
t.sendall("<13>1 2026-11-27T00:00:00Z h app - - - 用户=李娜 结果=".encode() + "登录失败".encode("gbk") + b"\n")
t.close()
PY
flows_in() { [ "$(search 'sensor:templates' | grep -c . || true)" -ge 2 ]; }
within 15 flows_in || true
equal "flows by a template's id used again" "203.0.113.1 203.0.113.2 111,203.0.113.1 203.0.113.2 222" \
    "$(search 'sensor:templates' | jq -r '.fields | [.["source.ip"], .["destination.ip"], .["network.bytes"]] | join(" ")' | sort | paste -sd,)"
line_in() { [ "$(search 'sensor:gbk' | grep -c . || true)" -ge 1 ]; }
within 15 line_in || true
equal "GBK inside UTF-8 is read" "用户=李娜 结果=登录失败" "$(search 'sensor:gbk' | jq -r .fields.message)"
node_stop

# --- An archive without room: the journal keeps what it cannot seal, an alarm says so, and room heals it.
rm -rf "$WORK/node"
node_init
node_sensor quiet "type = \"http\", listen = \"127.0.0.1:$(port 2)\", token = \"$TOKEN\""
mkdir -p "$WORK/node/data/archive"
if ! mount -t tmpfs -o size=256k tmpfs "$WORK/node/data/archive"; then
    fail "a small file system can be mounted"
    finish
fi
export XUEDUN_STORE__ARCHIVE_AFTER_SECS=1
node_start
kept() {
    python3 -c 'import base64, os
for i in range(2000): print("{\"message\":\"kept%d %s\"}" % (i, base64.b64encode(os.urandom(300)).decode()))' | post 2 ingest
}
equal "records are taken while the archive has no room" 200 "$(kept)"
alarmed() { status | jq -r '.alarms[].en' | grep -ci archive >/dev/null; }
if within 30 alarmed; then pass "an alarm names the archive: $(status | jq -r '.alarms[].en' | grep -i archive | head -n 1)"; else fail "an alarm names the archive" "$(status | jq -c .alarms)"; fi
equal "and they are found" 2000 "$(search_all 'sensor:quiet AND kept*' | grep -c . || true)"
mount -o remount,size=64m "$WORK/node/data/archive"
healed() { ! alarmed; }
if within 60 healed; then pass "with room the alarm goes by itself"; else fail "with room the alarm goes by itself" "$(status | jq -c .alarms)"; fi
sealed() { [ "$("$XUEDUN" archive list --config "$CONFIG" --json | wc -l)" -ge 1 ]; }
if within 30 sealed; then pass "and the archive seals"; else fail "and the archive seals"; fi
node_stop KILL
node_start
equal "found after a kill too" 2000 "$(search_all 'sensor:quiet AND kept*' | grep -c . || true)"
node_stop
finish
