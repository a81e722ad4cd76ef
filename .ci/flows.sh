#!/usr/bin/env bash
# Real peers of the flow inputs that softflowd.sh does not have: pmacctd samples captures and sends
# sFlow, to sfcapd and to `xuedun serve`; the capture sensor reads the same captures, and its
# Community IDs are compared with those of tshark.
# Packages: pmacct nfdump nfdump-sflow tshark python3 jq
PORT_BASE=24600
. "$(dirname "$0")/lib.sh"
CAPTURES=8

# ethernet FILE: whether a pcap file is of Ethernet (link type 1), which is all that pmacctd reads right.
ethernet() { [ "$(od -An -tu4 -j20 -N4 "$1" | tr -d ' ')" = 1 ]; }
# Of captures without tunnels: of those, tshark names the inner connection and Xuedun the outer.
captures=()
while read -r capture; do
    [ "${#captures[@]}" -eq "$CAPTURES" ] || ! ethernet "$capture" || captures+=("$capture")
done < <(find "$CORPORA"/zeek/{core.tcp,core.local,scripts.base.protocols}* -name '*.pcap' -size -400k | LC_ALL=C sort)
[ "${#captures[@]}" -gt 0 ] || { echo "no captures under $CORPORA/zeek"; exit 1; }

# sample: every packet of the captures as sFlow. pmacctd ends when it has read a capture.
sample() {
    local capture
    for capture in "${captures[@]}"; do
        cat >"$WORK/pm.conf" <<CONF
daemonize: false
pcap_savefile: $capture
plugins: sfprobe
sfprobe_receiver: 127.0.0.1:$(port 3)
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

touch "$WORK/sfcapd.out"
sfcapd -w "$WORK/sf" -b 127.0.0.1 -p "$(port 2)" -t 3600 >"$WORK/sfcapd.out" 2>&1 &
sfcapd=$!
within 5 grep -q Startup "$WORK/sfcapd.out" || sleep 1
# Both get the same datagrams: pmacctd on a loaded machine does not sample the same twice.
python3 -c 'import socket, sys
own, *peers = map(int, sys.argv[1:])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", own))
while True:
    data = s.recv(65535)
    for peer in peers: s.sendto(data, ("127.0.0.1", peer))' "$(port 3)" "$(port 1)" "$(port 2)" &
sleep 1
sample
sleep 2
kill "$sfcapd"
wait "$sfcapd" || true
# Samples of ARP and the like are flows to sfcapd only.
nfdump -R "$WORK/sf" -q -N -o 'fmt:%sa %da %sp %dp %byt' </dev/null |
    awk '!($1 == "0.0.0.0" || $1 == "::" && $2 == "::") { print $1, $2, $3, $4, $5 }' | sed 's/\.[0-9]* \([0-9]*\)$/ \1/' |
    LC_ALL=C sort >"$WORK/theirs"
expected=$(wc -l <"$WORK/theirs")
if [ "$expected" -gt 0 ]; then pass "there are samples"; else fail "there are samples"; fi
within 30 has_records ci-sflow "$expected" || true
search '' | jq -r 'select(.sensor == "ci-sflow") | .fields |
    [.["source.ip"], .["destination.ip"], .["source.port"] // 0, .["destination.port"] // 0,
     .["network.bytes"]] | join(" ")' | LC_ALL=C sort >"$WORK/ours"
equal "samples as sfcapd counts them" "$expected" "$(wc -l <"$WORK/ours")"
tcp_udp() { awk '$3 > 255 || $4 > 255' "$1"; }
equal "samples that differ in an address, port or byte count" 0 \
    "$(LC_ALL=C comm -3 <(tcp_udp "$WORK/theirs") <(tcp_udp "$WORK/ours") | wc -l)"

# The same packets behind other link layers: PPP, PPPoE and 802.11, as tshark reads those.
mkdir "$WORK/links"
whole=${captures[1]:-${captures[0]}}
for layer in ppp ppp-hdlc cisco-hdlc ppp-dir pppoe wlan radiotap; do
    relinked=$WORK/links/$layer.pcap
    python3 "$ROOT/.ci/relink.py" "$whole" "$relinked" "$layer"
    theirs=$(tshark -r "$relinked" -T fields -e ip.src -e ipv6.src 2>/dev/null | grep -c '[0-9a-f]') || true
    equal "packets that tshark reads of $layer" "$(tshark -r "$whole" -Y 'ip || ipv6' 2>/dev/null | wc -l)" "$theirs"
    captures+=("$relinked")
done
n=0
for capture in "${captures[@]}"; do
    n=$((n + 1))
    cp "$capture" "$WORK/captures/$n.pcap"
done
# Community IDs as tshark computes them; each capture is a flow or more.
for capture in "${captures[@]}"; do
    tshark -r "$capture" --enable-protocol communityid -T fields -e communityid 2>/dev/null
done | tr ',' '\n' | grep '^1:' | LC_ALL=C sort -u >"$WORK/theirs"
community() { search '' | jq -r 'select(.sensor == "ci-capture") | .fields["network.community_id"] // empty' | LC_ALL=C sort -u; }
all_of_them() { community >"$WORK/ours"; [ -z "$(LC_ALL=C comm -23 "$WORK/theirs" "$WORK/ours")" ]; }
within 20 all_of_them || true
if [ -s "$WORK/theirs" ]; then pass "tshark has Community IDs ($(wc -l <"$WORK/theirs"))"; else fail "tshark has Community IDs"; fi
equal "Community IDs that only tshark or only the sensor has" 0 "$(LC_ALL=C comm -3 "$WORK/theirs" "$WORK/ours" | wc -l)"

# What tshark reads of the same packets: bytes of IP by direction, packets by pair, of TCP and UDP.
for capture in "${captures[@]}"; do
    tshark -r "$capture" -o ip.defragment:FALSE -Y '(tcp || udp) && !icmp && !icmpv6' -E occurrence=f -T fields \
        -e tcp.srcport -e udp.srcport -e ip.src -e ipv6.src -e tcp.dstport -e udp.dstport -e ip.dst -e ipv6.dst \
        -e ip.len -e ipv6.plen 2>/dev/null
done | awk -F'\t' '{ print ($1 != "" ? "tcp" : "udp"), $3 $4, $1 $2, $7 $8, $5 $6, ($9 != "" ? $9 : $10 + 40) }' >"$WORK/packets"
by_direction() { awk '{ n[$1 " " $2 " " $3 " " $4 " " $5] += $6 } END { for (k in n) if (n[k] > 0) print k, n[k] }' | LC_ALL=C sort; }
by_pair() { awk '{ a = $2 " " $3; b = $4 " " $5; k = a < b ? a " " b : b " " a; n[$1 " " k] += $6 } END { for (k in n) print k, n[k] }' | LC_ALL=C sort; }
flows() { search '' | jq -r "select(.sensor == \"ci-capture\") | .fields | select(.[\"network.transport\"] | IN(\"tcp\", \"udp\")) |
    [.[\"network.transport\"], .[\"source.ip\"], .[\"source.port\"], .[\"destination.ip\"], .[\"destination.port\"]] as \$to |
    [\$to[0], \$to[3], \$to[4], \$to[1], \$to[2]] as \$back | $1 | map(tostring) | join(\" \")"; }
by_direction <"$WORK/packets" >"$WORK/theirs"
flows '($to + [.["source.bytes"]]), ($back + [.["destination.bytes"] // 0])' | by_direction >"$WORK/ours"
if [ -s "$WORK/theirs" ]; then pass "tshark has directions with bytes ($(wc -l <"$WORK/theirs"))"; else fail "tshark has directions with bytes"; fi
equal "directions whose bytes differ from tshark's" 0 "$(LC_ALL=C comm -3 "$WORK/theirs" "$WORK/ours" | wc -l)"
sed 's/ [0-9]*$/ 1/' "$WORK/packets" | by_pair >"$WORK/theirs"
flows '$to + [.["network.packets"]]' | by_pair >"$WORK/ours"
equal "pairs whose packets differ from tshark's" 0 "$(LC_ALL=C comm -3 "$WORK/theirs" "$WORK/ours" | wc -l)"
node_stop
finish
