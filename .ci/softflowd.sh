#!/usr/bin/env bash
# Real softflowd replays captures as NetFlow v5, v9 and IPFIX, once to nfcapd and once to
# `xuedun serve`. Both must count the same flows.
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
node_start

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
    replay "$version" "$(port "$version")"
    within 30 has_records "ci-flow-$version" "$expected" || true
    search '' | jq -c "select(.sensor == \"ci-flow-$version\")" >"$WORK/found"
    equal "version $version: flows as nfcapd counts them" "$expected" "$(wc -l <"$WORK/found")"
    found=$(jq -r '.fields["network.bytes"] // 0' "$WORK/found" | awk '{ n += $1 } END { print n + 0 }')
    equal "version $version: bytes as nfdump sums them" "$bytes" "$found"
done
node_stop
finish
