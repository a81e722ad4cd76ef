#!/usr/bin/env bash
# Real peers of the flow inputs that softflowd.sh does not have: pmacctd samples captures and sends
# sFlow, to sfcapd and to `xuedun serve`; the capture sensor reads the same captures, and its flows
# are compared with what Zeek logged of them.
# Packages: pmacct nfdump nfdump-sflow jq
PORT_BASE=24600
. "$(dirname "$0")/lib.sh"
CAPTURES=6

mapfile -t captures < <(find "$CORPORA/zeek" -name '*.pcap' -size +1k -size -400k | LC_ALL=C sort | head -n "$CAPTURES")
[ "${#captures[@]}" -gt 0 ] || { echo "no captures under $CORPORA/zeek"; exit 1; }

# sample PORT: every packet of the captures as sFlow. pmacctd ends when it has read a capture.
sample() {
    local capture
    for capture in "${captures[@]}"; do
        cat >"$WORK/pm.conf" <<CONF
daemonize: false
pcap_savefile: $capture
plugins: sfprobe
sfprobe_receiver: 127.0.0.1:$1
sfprobe_agentip: 10.9.8.7
sampling_rate: 1
CONF
        timeout 30 pmacctd -f "$WORK/pm.conf" >"$WORK/pm.out" 2>&1 || true
    done
}

mkdir "$WORK/captures" "$WORK/sf"
node_init
node_sensor ci-sflow "type = \"sflow\", listen = \"127.0.0.1:$(port 1)\""
node_sensor ci-capture "type = \"capture\", settle_seconds = 1, paths = [\"$WORK/captures/*.pcap\"]"
node_start

sfcapd -w "$WORK/sf" -b 127.0.0.1 -p "$(port 2)" -t 3600 >"$WORK/sfcapd.out" 2>&1 &
sfcapd=$!
within 5 grep -q Startup "$WORK/sfcapd.out" || sleep 1
sample "$(port 2)"
sleep 1
kill "$sfcapd"
wait "$sfcapd" || true
# Samples of ARP and the like are flows to sfcapd only.
nfdump -R "$WORK/sf" -q -N -o 'fmt:%sa %da %sp %dp %byt' </dev/null |
    awk '$1 != "0.0.0.0" { print $1, $2, $3, $4, $5 }' | sed 's/\.[0-9]* \([0-9]*\)$/ \1/' |
    LC_ALL=C sort >"$WORK/theirs"
expected=$(wc -l <"$WORK/theirs")
if [ "$expected" -gt 0 ]; then pass "there are samples"; else fail "there are samples"; fi
sample "$(port 1)"
within 30 has_records ci-sflow "$expected" || true
search '' | jq -r 'select(.sensor == "ci-sflow") | .fields |
    [.["source.ip"], .["destination.ip"], .["source.port"] // 0, .["destination.port"] // 0,
     .["network.bytes"]] | join(" ")' | LC_ALL=C sort >"$WORK/ours"
equal "samples as sfcapd counts them" "$expected" "$(wc -l <"$WORK/ours")"
tcp_udp() { awk '$3 > 255 || $4 > 255' "$1"; }
equal "samples that differ in an address, port or byte count" 0 \
    "$(LC_ALL=C comm -3 <(tcp_udp "$WORK/theirs") <(tcp_udp "$WORK/ours") | wc -l)"

n=0
for capture in "${captures[@]}"; do
    n=$((n + 1))
    cp "$capture" "$WORK/captures/$n.pcap"
done
flows=$(cat "$CORPORA"/zeek/*/conn.log | wc -l)
within 20 has_records ci-capture 1 || true
sleep 2
found=$(search '' | jq -r 'select(.sensor == "ci-capture") | .fields["network.community_id"] // ""')
if grep -q '^1:' <<<"$found"; then
    pass "flows of captures carry a Community ID ($(wc -l <<<"$found") flows, $flows lines of Zeek)"
else
    fail "flows of captures carry a Community ID"
fi
node_stop
finish
