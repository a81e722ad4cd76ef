#!/usr/bin/env bash
# Real softflowd replays captures as NetFlow v5, v9 and IPFIX, once to nfcapd and once to
# `xuedun serve`. Both must count the same flows, and every field is compared with what tshark reads in the
# same packets. What nfcapd recorded is then sent again by nfreplay,
# and every field compared with what nfdump reads in the same files. nfreplay speaks versions 5 and 9
# alone; 5 has no IPv6, so that those flows are left out of it. Softflowd's IPFIX has flows that end before
# they begin: they have no duration here, and count as -1 on both sides. Version 5 counts time in 32 bits
# of milliseconds, and nfreplay puts flows of many weeks into one packet: ends are compared by these bits.
# Packages: softflowd nfdump tshark python3 jq
PORT_BASE=24200
. "$(dirname "$0")/lib.sh"
CAPTURES=10

mapfile -t captures < <(find "$CORPORA/zeek" -name '*.pcap' -size +3k -size -400k | LC_ALL=C sort | head -n "$CAPTURES")
[ "${#captures[@]}" -gt 0 ] || { echo "no captures under $CORPORA/zeek"; exit 1; }

# replay VERSION PORT: softflowd reads each capture, sends all its flows at the end and exits.
replay() {
    local capture
    for capture in "${captures[@]}"; do
        timeout 20 softflowd -r "$capture" -v "$1" -n "127.0.0.1:$2" -m 100000 -c none \
            -p "$WORK/sf.pid" >"$WORK/sf.out" 2>&1 || true
    done
}

node_init
for version in 5 9 10; do
    node_sensor "ci-flow-$version" "type = \"netflow\", listen = \"127.0.0.1:$(port "$version")\""
done
for version in 5 9; do
    for recorded in 5 9 10; do
        node_sensor "ci-replay-$version-$recorded" "type = \"netflow\", listen = \"127.0.0.1:$(port $((100 + 10 * version + recorded)))\""
    done
done
node_start

# columns: of our records addresses, ports, protocol, packets, bytes and flags, as .ci/cflow.py has tshark's.
columns() {
    jq -r '{tcp: 6, udp: 17, icmp: 1, igmp: 2, gre: 47, esp: 50, "ipv6-icmp": 58, ospf: 89, sctp: 132} as $numbers | .fields |
        (.["network.transport"] | . == "tcp" or . == "udp") as $ports |
        [.["source.ip"], .["destination.ip"], if $ports then .["source.port"], .["destination.port"] else 0, 0 end,
         (.["network.transport"] | $numbers[.] // tonumber), .["network.packets"], .["network.bytes"],
         (.["netflow.tcp_flags"] // 0 | tonumber)] | join(" ")'
}

for version in 5 9 10; do
    mkdir "$WORK/nf$version"
    : >"$WORK/nfcapd.out"
    nfcapd -w "$WORK/nf$version" -b 127.0.0.1 -p "$(port 50)" -t 3600 -S 0 >"$WORK/nfcapd.out" 2>&1 &
    nfcapd=$!
    within 5 grep -q Startup "$WORK/nfcapd.out" || sleep 1
    replay "$version" "$(port 50)"
    sleep 1
    kill "$nfcapd"
    wait "$nfcapd" || true
    expected=$(sed -n 's/.*Flows: \([0-9]*\),.*/\1/p' "$WORK/nfcapd.out" | awk '{ n += $1 } END { print n + 0 }')
    # The bytes as nfdump reads them back, so that not only the count is compared.
    bytes=$(nfdump -R "$WORK/nf$version" -q -N -o 'fmt:%byt' </dev/null | awk '{ n += $1 } END { print n + 0 }')

    if [ "$expected" -gt 0 ]; then pass "version $version: there are flows"; else fail "version $version: there are flows"; fi
    # On the way to the sensor the packets are kept, for tshark to read the same.
    python3 "$ROOT/.ci/cflow.py" relay "$WORK/flows$version.pcap" "$(port $((50 + version)))" "$(port "$version")" &
    relay=$!
    within 10 test -s "$WORK/flows$version.pcap"
    replay "$version" "$(port $((50 + version)))"
    within 30 has_records "ci-flow-$version" "$expected" || true
    kill "$relay"
    search '' | jq -c "select(.sensor == \"ci-flow-$version\")" >"$WORK/found"
    equal "version $version: flows as nfcapd counts them" "$expected" "$(wc -l <"$WORK/found")"
    found=$(jq -r '.fields["network.bytes"] // 0' "$WORK/found" | awk '{ n += $1 } END { print n + 0 }')
    equal "version $version: bytes as nfdump sums them" "$bytes" "$found"
    python3 "$ROOT/.ci/cflow.py" read "$WORK/flows$version.pcap" "$(port "$version")" | LC_ALL=C sort >"$WORK/theirs"
    columns <"$WORK/found" | LC_ALL=C sort >"$WORK/ours"
    equal "version $version: flows as tshark counts them" "$(wc -l <"$WORK/theirs")" "$(wc -l <"$WORK/ours")"
    differ=$(LC_ALL=C comm -3 "$WORK/theirs" "$WORK/ours")
    equal "version $version: fields that differ from tshark's" 0 "$(grep -c . <<<"$differ" || true)"
    [ -z "$differ" ] || head -n 6 <<<"$differ"
done

# recording VERSION [FILTER]: what nfdump reads: addresses, ports, protocol, packets, bytes, flags, end, duration.
recording() {
    { echo '['; TZ=UTC nfdump -R "$WORK/nf$1" -q -N -o json "${2:-any}" </dev/null; echo ']'; } | jq -r '
        def at: (.[0:19] + "Z" | fromdate) * 1000 + (.[20:23] | tonumber);
        def bits: [explode[] | if . == 46 then 0 else 1 end] | reduce .[] as $b (0; 2 * . + $b);
        .[] | (.proto | . == 6 or . == 17) as $ports |
        [.src4_addr // .src6_addr, .dst4_addr // .dst6_addr, if $ports then .src_port, .dst_port else 0, 0 end,
         .proto, .in_packets, .in_bytes, (.tcp_flags | bits), (.last | at), ((.last | at) - (.first | at) | if . < 0 then -1 else . end)]
        | join(" ")' | LC_ALL=C sort
}
# replayed SENSOR: the same of our records.
replayed() {
    search "sensor:$1" | jq -r '
        def at: (.[0:19] + "Z" | fromdate) * 1000 + (.[19:] | rtrimstr("Z") | ltrimstr(".") | (. + "000")[0:3] | tonumber);
        {tcp: 6, udp: 17, icmp: 1, igmp: 2, gre: 47, esp: 50, "ipv6-icmp": 58, ospf: 89, sctp: 132} as $numbers | .time as $time | .fields |
        (.["network.transport"] | . == "tcp" or . == "udp") as $ports |
        [.["source.ip"], .["destination.ip"], if $ports then .["source.port"], .["destination.port"] else 0, 0 end,
         (.["network.transport"] | $numbers[.] // tonumber), .["network.packets"], .["network.bytes"],
         (.["netflow.tcp_flags"] // 0 | tonumber), ($time | at), ((.["event.duration"] // "-1000000" | tonumber) / 1000000)]
        | join(" ")' | LC_ALL=C sort
}
for version in 5 9; do
    for recorded in 5 9 10; do
        sensor=ci-replay-$version-$recorded
        recording "$recorded" "$([ "$version" = 9 ] || echo ipv4)" >"$WORK/theirs"
        for file in "$WORK/nf$recorded"/nfcapd.*; do
            nfreplay -r "$file" -H 127.0.0.1 -p "$(port $((100 + 10 * version + recorded)))" -v "$version" -d 1000 </dev/null >"$WORK/nfreplay.out" 2>&1
        done
        within 30 has_records "$sensor" "$(wc -l <"$WORK/theirs")" || true
        replayed "$sensor" >"$WORK/ours"
        equal "nfreplay of recording $recorded as version $version: flows as nfdump counts them" \
            "$(wc -l <"$WORK/theirs")" "$(wc -l <"$WORK/ours")"
        if [ "$version" = 5 ]; then
            for side in theirs ours; do
                awk '{ $9 %= 4294967296; print }' "$WORK/$side" | LC_ALL=C sort >"$WORK/$side.bits"
                mv "$WORK/$side.bits" "$WORK/$side"
            done
        fi
        differ=$(LC_ALL=C comm -3 "$WORK/theirs" "$WORK/ours")
        equal "nfreplay of recording $recorded as version $version: fields that differ from nfdump's" 0 "$(grep -c . <<<"$differ" || true)"
        [ -z "$differ" ] || head -n 6 <<<"$differ"
    done
done
node_stop
finish
