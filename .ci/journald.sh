#!/usr/bin/env bash
# The machine-independent part of systemd's journal: a journal made by systemd-journal-remote is
# followed by `journalctl` under `xuedun serve`, through a restart of the node.
# Packages: systemd systemd-journal-remote jq
PORT_BASE=24700
. "$(dirname "$0")/lib.sh"
REMOTE=$(command -v systemd-journal-remote || echo /lib/systemd/systemd-journal-remote)
LINES=200

mkdir "$WORK/journal"
# entries FROM TO: in the journal's export format.
entries() {
    local i
    for i in $(seq "$1" "$2"); do
        printf '__REALTIME_TIMESTAMP=%s\n_BOOT_ID=00000000000000000000000000000001\n_HOSTNAME=ci\nSYSLOG_IDENTIFIER=sshd\n_PID=%s\nPRIORITY=6\nMESSAGE=%s\n\n' \
            "$((1795406706000000 + i))" "$i" \
            "Failed password for user$i from 203.0.113.9 port $((40000 + i)) ssh2"
    done | "$REMOTE" -o "$WORK/journal/$3.journal" - >"$WORK/remote.out" 2>&1
}
entries 1 "$LINES" one

node_init
node_sensor ci-journal "type = \"journald\", directory = \"$WORK/journal\""
node_start
within 30 has_records ci-journal "$LINES" || true
node_stop
entries $((LINES + 1)) $((2 * LINES)) two
node_start
within 30 has_records ci-journal $((2 * LINES)) || true
search '' | jq -c 'select(.sensor == "ci-journal")' >"$WORK/found"
equal "every entry once, through a restart" $((2 * LINES)) "$(wc -l <"$WORK/found")"
equal "entries decoded as sshd's" $((2 * LINES)) \
    "$(jq -r '.fields["source.port"] // empty' "$WORK/found" | sort -u | wc -l)"
node_stop
finish
