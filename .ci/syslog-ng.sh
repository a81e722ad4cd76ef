#!/usr/bin/env bash
# Real syslog-ng against `xuedun serve`: RFC 5424 over TCP and TLS, RFC 3164 over UDP. Debian lets
# syslog-ng and rsyslog not be installed together, so its packages are unpacked into a folder.
# Packages: (downloaded and unpacked here) syslog-ng-core libivykis0 libnet1 libwrap0; openssl jq
PORT_BASE=24800
. "$(dirname "$0")/lib.sh"
LINES=400

(
    cd "$WORK"
    apt-get download -qq syslog-ng-core libivykis0 libnet1 libwrap0 libpcre3 >/dev/null 2>&1
    for deb in *.deb; do dpkg -x "$deb" sng; done
) || { echo "syslog-ng cannot be downloaded"; exit 1; }
LIB=$(echo "$WORK"/sng/usr/lib/syslog-ng/*/)
export LD_LIBRARY_PATH="$WORK/sng/usr/lib/syslog-ng:$WORK/sng/usr/lib/$(uname -m)-linux-gnu:$WORK/sng/lib/$(uname -m)-linux-gnu"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=localhost" \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" \
    -keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>/dev/null
node_init
node_sensor ci-tcp "type = \"syslog-tcp\", listen = \"127.0.0.1:$(port 1)\""
node_sensor ci-udp "type = \"syslog-udp\", listen = \"127.0.0.1:$(port 2)\""
node_sensor ci-tls "type = \"syslog-tls\", listen = \"127.0.0.1:$(port 3)\", cert = \"$WORK/cert.pem\", key = \"$WORK/key.pem\""
node_start

for i in $(seq "$LINES"); do
    echo "<38>$(date -u +'%b %e %H:%M:%S') ci sshd[$i]: Failed password for user$i from 203.0.113.9 port $((40000 + i)) ssh2"
done >"$WORK/lines"
VERSION=$(basename "$LIB")
cat >"$WORK/sng.conf" <<CONF
@version: $VERSION
options { keep-hostname(yes); stats-freq(0); };
source s { file("$WORK/lines" flags(syslog-protocol-compat) follow-freq(0) default-facility(auth)); };
source t { file("$WORK/lines"); };
destination tcp { syslog("127.0.0.1" port($(port 1)) transport("tcp")); };
destination udp { network("127.0.0.1" port($(port 2)) transport("udp")); };
destination tls { syslog("127.0.0.1" port($(port 3)) transport("tls") tls(ca-file("$WORK/cert.pem") peer-verify(required-trusted))); };
log { source(t); destination(tcp); destination(udp); destination(tls); flags(flow-control); };
CONF
sed -i '/^source s /d' "$WORK/sng.conf"
"$WORK/sng/usr/sbin/syslog-ng" --module-path="$LIB" -F -f "$WORK/sng.conf" \
    -R "$WORK/sng.persist" -p "$WORK/sng.pid" -c "$WORK/sng.ctl" --no-caps >"$WORK/sng.out" 2>&1 &
SNG=$!
for sensor in ci-tcp ci-udp ci-tls; do
    within 30 has_records "$sensor" "$LINES" || true
    search '' | jq -c "select(.sensor == \"$sensor\")" >"$WORK/found"
    equal "$sensor holds every line once" "$LINES" "$(wc -l <"$WORK/found")"
    equal "$sensor: every line decoded" "$LINES" \
        "$(jq -r '.fields["source.port"] // empty' "$WORK/found" | sort -u | wc -l)"
done
[ "$FAILED" -eq 0 ] || tail -n 5 "$WORK/sng.out"
kill "$SNG" 2>/dev/null || true
node_stop
finish
