#!/usr/bin/env bash
# Real syslog-ng against `xuedun serve`: the same lines by TCP with newlines (RFC 3164), by TCP with
# counted octets (RFC 5424, RFC 6587) and by TLS (RFC 5425), structured data and all. Every way must
# hold every line once, whole.
# The package conflicts with rsyslog, so Debian's file is unpacked here and not installed.
# Packages: those that syslog-ng-core needs, openssl bsdutils jq
PORT_BASE=25200
. "$(dirname "$0")/lib.sh"
LINES=400

(cd "$WORK" && apt-get download -qq syslog-ng-core 2>"$WORK/apt.err" && dpkg -x syslog-ng-core_*.deb syslog-ng) || {
    cat "$WORK/apt.err"
    echo "FAIL syslog-ng-core cannot be had from the Debian archive"
    exit 1
}
export LD_LIBRARY_PATH=$WORK/syslog-ng/usr/lib/syslog-ng
modules=$(echo "$LD_LIBRARY_PATH"/[0-9]*)
syslogng() { "$WORK/syslog-ng/usr/sbin/syslog-ng" --module-path "$modules" --no-caps "$@"; }
version=$(syslogng --version | sed -n 's/^Config version: //p')
echo "$(syslogng --version | head -n 1), configuration $version"

certificate 127.0.0.1 IP:127.0.0.1
node_init
node_sensor ci-line "type = \"syslog-tcp\", listen = \"127.0.0.1:$(port 1)\""
node_sensor ci-counted "type = \"syslog-tcp\", listen = \"127.0.0.1:$(port 2)\""
node_sensor ci-tls "type = \"syslog-tls\", listen = \"127.0.0.1:$(port 3)\", \
cert = \"$WORK/node.pem\", key = \"$WORK/node.key\""
node_start

cat >"$WORK/syslog-ng.conf" <<CONF
@version: $version
options { stats-freq(0); keep-hostname(yes); chain-hostnames(no); use-dns(no); flush-lines(1); };
source s_in { unix-dgram("$WORK/log.sock"); };
rewrite r_sd { set("\${PROGRAM}" value(".SDATA.ci@32473.way")); };
destination d_line { network("127.0.0.1" port($(port 1)) transport("tcp")); };
destination d_counted { syslog("127.0.0.1" port($(port 2)) transport("tcp")); };
destination d_tls {
    syslog("127.0.0.1" port($(port 3)) transport("tls")
           tls(ca-file("$WORK/ca.pem") peer-verify(required-trusted)));
};
log { source(s_in); rewrite(r_sd); destination(d_line); destination(d_counted); destination(d_tls); };
CONF
syslogng -F -f "$WORK/syslog-ng.conf" --persist-file "$WORK/persist" --pidfile "$WORK/pid" \
    --control "$WORK/control" >"$WORK/syslog-ng.out" 2>&1 &
peer=$!
within 20 test -S "$WORK/log.sock" || { cat "$WORK/syslog-ng.out"; exit 1; }

# Quotes, brackets, Chinese and a backslash: what framing or escaping could break.
seq 1 "$LINES" | sed 's/.*/ci line number=& "quoted" [brackets] 登录失败 \\end/' >"$WORK/lines"
logger -u "$WORK/log.sock" -t ci-syslogng -p auth.warning -f "$WORK/lines"

LC_ALL=C sort "$WORK/lines" >"$WORK/sent"
for sensor in ci-line ci-counted ci-tls; do
    within 30 has_records "$sensor" "$LINES" || true
    search "sensor:$sensor" >"$WORK/found"
    equal "$sensor holds as many records as were sent" "$LINES" "$(wc -l <"$WORK/found")"
    jq -r .raw "$WORK/found" | grep -o 'ci line number=.*' | LC_ALL=C sort >"$WORK/held"
    equal "$sensor: lines that differ from those sent" 0 "$(LC_ALL=C comm -3 "$WORK/sent" "$WORK/held" | wc -l)"
    equal "$sensor: records that were not decoded" 0 "$(jq -r 'select(.undecoded) | .id' "$WORK/found" | wc -l)"
    equal "$sensor: program and severity are read" "ci-syslogng warning" \
        "$(jq -r '.fields | [.["process.name"], .["log.level"]] | join(" ")' "$WORK/found" | sort -u)"
done
search 'sensor:ci-tls' | jq -r '.raw' | grep -c 'ci@32473 way="ci-syslogng"' >"$WORK/sd" || true
equal "ci-tls: records with structured data" "$LINES" "$(cat "$WORK/sd")"

kill "$peer"
node_stop
finish
