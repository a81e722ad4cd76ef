#!/usr/bin/env bash
# A node as its users meet it: an export of more records than one page holds, one whose reader goes
# away, the archive with a flipped bit and a missing file, and its backup. Packages: curl jq python3.
PORT_BASE=25300
. "$(dirname "$0")/lib.sh"
LINES=25000

feed() { # FROM TO: lines by TCP, with the time that the clock of this process shows
    python3 - "$(port 1)" "$1" "$2" <<'PY'
import datetime, socket, sys
port, first, last = map(int, sys.argv[1:])
now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
with socket.create_connection(("127.0.0.1", port)) as to:
    to.sendall(b"".join(b"<13>1 %s h app - - - number=%d %s\n" % (now.encode(), n, b"x" * 150) for n in range(first, last + 1)))
PY
}
count() { "$XUEDUN" search --config "$CONFIG" --from 1990-01-01T00:00:00Z --csv "$1 | count" 2>>"$WORK/search.err" | tail -n 1 | tr -dc 0-9; }
holds() { [ "$(count "$1")" -ge "$2" ]; }
archived() { [ "$(archive list --json | jq -s 'map(.rows) | add // 0')" -ge "$1" ]; }
logged() { archive verify >"$WORK/verify.out" 2>&1; }
archive() { "$XUEDUN" --lang en archive "$1" --config "$CONFIG" "${@:2}"; }

node_init
sed -i 's/^archive_after_secs.*//; s/^\[store\]/[store]\narchive_after_secs = 1/' "$CONFIG"
node_sensor ci-tcp "type = \"syslog-tcp\", listen = \"127.0.0.1:$(port 1)\""

node_start

# 1. The export goes beyond a page of 10,000 and holds every record once.
feed 1 "$LINES"
within 120 holds sensor:ci-tcp "$LINES" || true
base="https://127.0.0.1:$(port 0)"
link=$("$XUEDUN" account link analyst --config "$CONFIG")
jar=$WORK/jar
csrf=$(curl -sk -c "$jar" "$link" | grep -o 'name="_csrf" value="[^"]*"' | head -n 1 | sed 's/.*value="//; s/"$//')
curl -sk -b "$jar" -c "$jar" -o /dev/null --data-urlencode "_csrf=$csrf" --data-urlencode "token=${link##*token=}" "$base/login/once"
export_of() { curl -sk -b "$jar" -G --data-urlencode "q=$1" --data-urlencode "format=$2" -d range=24h "$base/search/export" "${@:3}"; }
export_of 'sensor:ci-tcp' jsonl >"$WORK/export.jsonl"
equal "an export as JSON lines holds every record" "$LINES" "$(jq -r '.raw // "partial"' "$WORK/export.jsonl" | grep -o 'number=[0-9]*' | sort -u | wc -l)"
equal "and no line more" "$LINES" "$(wc -l <"$WORK/export.jsonl")"
export_of 'sensor:ci-tcp' csv >"$WORK/export.csv"
equal "an export as CSV holds every record" "$LINES" "$(python3 -c '
import csv, sys
rows = list(csv.reader(open(sys.argv[1], encoding="utf-8-sig", newline="")))
raw = rows[0].index("raw")
print(len({row[raw] for row in rows[1:]}))' "$WORK/export.csv")"
status=$(export_of '(a AND' csv -o "$WORK/bad.html" -w '%{http_code}')
equal "a query that cannot be read is told, not written into a file" 422 "$status"
# A reader that goes away after the first piece: the node notices, and notes what was given.
before=$(count 'event.action:search.exported event.outcome:failure')
export_of 'sensor:ci-tcp' jsonl --limit-rate 20k --max-time 2 >/dev/null 2>&1 || true
noted() { [ "$(count 'event.action:search.exported event.outcome:failure')" -gt "$before" ]; }
if within 120 noted; then pass "an export that nobody reads on is ended and noted"; else fail "an export that nobody reads on is ended and noted"; fi

# 2. A flipped bit and a missing file are named, and come back from the backup.
within 60 archived "$LINES" || fail "the archive takes the records"
quiet() { # nothing is merged any more
    local one
    one=$(archive list --json | jq -r .name | sort | sha256sum)
    sleep 2
    [ "$one" = "$(archive list --json | jq -r .name | sort | sha256sum)" ]
}
within 60 quiet || true
archive backup --to "$WORK/backup" >"$WORK/backup.out"
within 60 logged || fail "the archive is whole" "$(cat "$WORK/verify.out")"
mapfile -t files < <(archive list --json | jq -r .name | sort)
folder=$WORK/node/data/archive
python3 - "$folder/${files[0]}" <<'PY'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(100); byte = file.read(1)[0]
    file.seek(100); file.write(bytes([byte ^ 1]))
PY
rm "$folder/${files[1]}"
code=0
archive verify >"$WORK/verify.out" 2>&1 || code=$?
equal "verify finds fault" 1 "$code"
grep -qF "${files[0]}" "$WORK/verify.out" && pass "the flipped bit is named" || fail "the flipped bit is named" "$(cat "$WORK/verify.out")"
grep -qF "${files[1]}" "$WORK/verify.out" && pass "the missing file is named" || fail "the missing file is named" "$(cat "$WORK/verify.out")"
equal "nothing else is named" 2 "$(grep -c '^!' "$WORK/verify.out")"
mkdir "$WORK/empty"
code=0
archive restore --from "$WORK/empty" >"$WORK/restore.out" 2>&1 || code=$?
equal "a folder without a backup is refused" "4 [T014]" "$code $(grep -o '\[T014\]' "$WORK/restore.out" | head -n 1)"
archive restore --from "$WORK/backup" >"$WORK/restore.out"
equal "both come back" "files restored: 2" "$(cat "$WORK/restore.out")"
if logged; then pass "the archive is whole again"; else fail "the archive is whole again" "$(cat "$WORK/verify.out")"; fi
equal "every record is found" "$LINES" "$(count 'sensor:ci-tcp number')"
# The whole folder is lost: a new one from the backup alone.
node_stop
mv "$folder" "$WORK/lost"
cp -r "$WORK/backup" "$folder"
node_start
equal "every record is found in a folder made of the backup" "$LINES" "$(count 'sensor:ci-tcp number')"
within 60 logged && pass "and the evidence log knows every file of it" || fail "the evidence log knows the backup" "$(cat "$WORK/verify.out")"
finish
