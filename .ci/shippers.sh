#!/usr/bin/env bash
# Real shippers that are acknowledged, against `xuedun serve`: rsyslog by RELP and by
# omelasticsearch, the official Elasticsearch, OpenTelemetry and Splunk clients of PyPI. Every line
# once, and decoded the same by whichever way it came.
# Packages: rsyslog rsyslog-relp rsyslog-elasticsearch bsdutils jq python3-venv
PORT_BASE=24400
. "$(dirname "$0")/lib.sh"
LINES=500
PYTHON=${CI_PYTHON:-}

node_init
node_sensor ci-relp "type = \"relp\", listen = \"127.0.0.1:$(port 1)\""
for sensor in ci-omes ci-elastic ci-otlp ci-hec ci-kinds; do
    n=$((${n:-1} + 1))
    declare "url_${sensor#ci-}=127.0.0.1:$(port "$n")"
    node_sensor "$sensor" "type = \"http\", listen = \"127.0.0.1:$(port "$n")\", token = \"$TOKEN\""
done
node_start

# shellcheck disable=SC2154  # url_* are declared above
cat >"$WORK/rsyslog.conf" <<CONF
global(workDirectory="$WORK")
module(load="imuxsock" SysSock.Use="off")
module(load="omrelp")
module(load="omelasticsearch")
input(type="imuxsock" Socket="$WORK/log.sock" RateLimit.Interval="0")
template(name="ecs" type="list" option.jsonf="on") {
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="host.name" name="hostname" format="jsonf")
  property(outname="process.name" name="programname" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}
action(type="omrelp" target="127.0.0.1" port="$(port 1)" action.resumeRetryCount="-1" action.resumeInterval="1"
       Template="RSYSLOG_SyslogProtocol23Format" queue.type="LinkedList")
action(type="omelasticsearch" server="127.0.0.1" serverport="${url_omes#*:}" template="ecs" action.resumeInterval="1"
       searchIndex="ci" searchType="" bulkmode="on" uid="ci" pwd="$TOKEN" queue.type="LinkedList"
       queue.dequeuebatchsize="100" action.resumeRetryCount="-1")
CONF
rsyslogd -n -f "$WORK/rsyslog.conf" -i "$WORK/rsyslog.pid" >"$WORK/rsyslog.out" 2>&1 &
RSYSLOG=$!
within 20 test -S "$WORK/log.sock" || { cat "$WORK/rsyslog.out"; exit 1; }

# The lines: a failed logon each, as sshd writes it.
line() { echo "Failed password for user$1 from 203.0.113.$(($1 % 250 + 1)) port $((40000 + $1)) ssh2"; }
for i in $(seq "$LINES"); do line "$i"; done >"$WORK/lines"
logger -u "$WORK/log.sock" -t sshd -f "$WORK/lines"

if [ -z "$PYTHON" ]; then
    python3 -m venv "$WORK/venv"
    PYTHON=$WORK/venv/bin/python
    "$PYTHON" -m pip install -q --disable-pip-version-check elasticsearch opentelemetry-sdk \
        opentelemetry-exporter-otlp-proto-http splunk-handler
fi

cat >"$WORK/elastic.py" <<'PY'
import sys
from elasticsearch import Elasticsearch, helpers
url, token, path = sys.argv[1:]
client = Elasticsearch(url, basic_auth=("ci", token), http_compress=True)
print(client.info()["version"]["number"])
client.indices.put_index_template(name="ci", index_patterns=["ci*"])
assert client.indices.exists_index_template(name="ci")
lines = open(path).read().splitlines()
actions = ({"_op_type": "create", "_index": "ci", "process": {"name": "sshd"}, "message": m} for m in lines)
done, errors = helpers.bulk(client, actions, chunk_size=77)
assert (done, errors) == (len(lines), []), errors
PY
cat >"$WORK/otlp.py" <<'PY'
import logging, sys
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
import time
url, token, path = sys.argv[1:]
provider = LoggerProvider(resource=Resource.create({"host.name": "ci-otlp", "process.name": "sshd"}))
exporter = OTLPLogExporter(endpoint=url + "/v1/logs", headers={"authorization": "Bearer " + token}, compression=Compression.Gzip)
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
logger = provider.get_logger("ci")
for line in open(path).read().splitlines():
    logger.emit(LogRecord(timestamp=time.time_ns(), severity_number=SeverityNumber.WARN, body=line))
provider.shutdown()
PY
# Records of every kind that OpenTelemetry has: a text, a map, a list, a number, nothing but attributes.
cat >"$WORK/kinds.py" <<'PY'
import sys
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
url, token = sys.argv[1:3]
at = 1795406706123456789
provider = LoggerProvider(resource=Resource({"host.name": "h1", "tags": ["a", "b"]}))
exporter = OTLPLogExporter(endpoint=url + "/v1/logs", headers={"authorization": "Bearer " + token})
provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
logger = provider.get_logger("scope", attributes={"of": "scope"})
logger.emit(LogRecord(timestamp=at, severity_number=SeverityNumber.ERROR, body="登录 failed", event_name="login", attributes={
    "source.ip": "203.0.113.9", "source.port": 4022, "ratio": 0.5, "ok": True, "list": ["x", "y"], "map": {"a": {"b": 1}}}))
logger.emit(LogRecord(timestamp=at, severity_text="Notice", body={"user": {"name": "li"}, "n": [1, 2]}))
logger.emit(LogRecord(observed_timestamp=at, body=["l", 1]))
logger.emit(LogRecord(timestamp=at, body=7))
logger.emit(LogRecord(timestamp=at, attributes={"only": "attributes"}))
provider.shutdown()
PY
cat >"$WORK/kinds.json" <<'JSON'
{"fields":{"event.name":"login","list":["x","y"],"log.level":"error","map.a.b":1,"message":"登录 failed","ok":true,"ratio":0.5,"source.ip":"203.0.113.9","source.port":4022},"raw":"登录 failed"}
{"fields":{"log.level":"notice","n":[1,2],"user.name":"li"},"raw":"{\"user\":{\"name\":\"li\"},\"n\":[1,2]}"}
{"fields":{"message":"7"},"raw":"7"}
{"fields":{"message":"[\"l\",1]"},"raw":"[\"l\",1]"}
{"fields":{"only":"attributes"},"raw":"{\"only\":\"attributes\"}"}
JSON
cat >"$WORK/hec.py" <<'PY'
import logging, sys
from splunk_handler import SplunkHandler
host, port, token, path = sys.argv[1:]
handler = SplunkHandler(host=host, port=port, token=token, index="ci", protocol="http", verify=False,
                        hostname="ci-hec", source="ci", sourcetype="linux_secure", flush_interval=0.2)
log = logging.getLogger("ci")
log.setLevel(logging.INFO)
log.addHandler(handler)
for line in open(path).read().splitlines():
    log.info("sshd[1]: " + line)
handler.force_flush()
handler.shutdown()
PY
# shellcheck disable=SC2154
for client in elastic otlp kinds; do
    url=url_$client
    if "$PYTHON" "$WORK/$client.py" "http://${!url}" "$TOKEN" "$WORK/lines" >"$WORK/$client.out" 2>&1; then
        pass "the $client client is content"
    else
        fail "the $client client is content" "$(tail -n 3 "$WORK/$client.out")"
    fi
done
# shellcheck disable=SC2154
if "$PYTHON" "$WORK/hec.py" "${url_hec%:*}" "${url_hec#*:}" "$TOKEN" "$WORK/lines" >"$WORK/hec.out" 2>&1; then
    pass "the hec client is content"
else
    fail "the hec client is content" "$(tail -n 3 "$WORK/hec.out")"
fi

for sensor in ci-relp ci-omes ci-elastic ci-otlp ci-hec; do
    within 60 has_records "$sensor" "$LINES" || true
    search '' | jq -c "select(.sensor == \"$sensor\")" >"$WORK/found"
    equal "$sensor holds every line once" "$LINES" "$(wc -l <"$WORK/found")"
    ports=$(jq -r '.fields["source.port"]' "$WORK/found" | sort -un | awk '{ n++; s += $1 } END { print n, s }')
    equal "$sensor: every line decoded as sshd's" \
        "$LINES $((LINES * 40000 + LINES * (LINES + 1) / 2))" "$ports"
done

within 30 has_records ci-kinds 5 || true
search 'sensor:ci-kinds' >"$WORK/found"
shared='{"host.name": "h1", "tags": ["a", "b"], "log.logger": "scope", "of": "scope"}'
equal "ci-kinds: records with resource, scope and time" 5 "$(jq -c "select(.time == \"2026-11-23T04:05:06.123456789Z\" and
    (.fields | contains($shared))) | .id" "$WORK/found" | wc -l)"
jq -cS '{fields: (.fields | del(.["host.name"], .tags, .["log.logger"], .of)), raw}' "$WORK/found" | LC_ALL=C sort >"$WORK/ours"
differ=$(diff <(LC_ALL=C sort "$WORK/kinds.json") "$WORK/ours" || true)
equal "ci-kinds: what differs from what was sent" "" "$differ"

# rsyslogd outlives the node; what was sent while it was away arrives once it is back. omrelp sends
# into a closed connection once without noticing, keeps the record, and sends it again with the next.
node_stop KILL
logger -u "$WORK/log.sock" -t sshd "$(line 900)"
node_start
logger -u "$WORK/log.sock" -t sshd "$(line 901)"
found() {
    search '' | jq -r '.sensor + " " + (.fields["user.name"] // "")' | grep -E ' user90[01]$' | sort -u | paste -sd,
}
AWAY="ci-omes user900,ci-omes user901,ci-relp user900,ci-relp user901"
again() { [ "$(found)" = "$AWAY" ]; }
within 90 again || true
equal "what was sent while the node was away arrives" "$AWAY" "$(found)"
kill "$RSYSLOG"
node_stop
finish
