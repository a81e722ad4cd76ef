#!/bin/bash
# The audit against real services and real reports: the same host secured and weakened gives other
# verdicts, outputs are valid by tools that are not ours and the same bytes twice, and Lynis agrees
# where both look. Packages: nginx postgresql mariadb-server lynis openssh-server python3 python3-venv jq; PyPI: compliance-trestle jsonschema-rs
# openpyxl python-docx.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(readlink -f "${XUEDUN_BIN:-${CARGO_TARGET_DIR:-target}/release/xuedun}")
corpora=${XUEDUN_CORPORA:-../shared/corpora}
dir=$(mktemp -d)
stop_all() { jobs -p | xargs -r kill 2> /dev/null || true; if declare -F stop_sshd > /dev/null; then stop_sshd; fi; rm -rf "$dir"; }
trap stop_all EXIT
failed=0
say() { if [ "$1" = ok ]; then echo "PASS $2"; else echo "FAIL $2"; failed=$((failed + 1)); fi; }
is() { if [ "$2" = "$3" ]; then say ok "$1 ($3)"; else say no "$1: wanted $2, found $3"; fi; }

audit() { # DATA ROOT -> run as JSON
  "$bin" audit run --data "$1" --root "$2" --json || [ $? = 1 ]
}
verdict() { jq -r --arg c "$2" '.results[] | select(.check == $c) | .verdict.verdict' "$1"; }

# 1. nginx, configured so that nginx itself accepts it, secured and weakened.
mkdir -p "$dir/good/etc/nginx" "$dir/bad/etc/nginx"
openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=localhost -keyout "$dir/k.pem" -out "$dir/c.pem" 2> /dev/null
cat > "$dir/good/etc/nginx/nginx.conf" <<C
user www-data;
error_log /var/log/nginx/error.log;
events {}
http {
  server_tokens off;
  keepalive_timeout 65;
  client_max_body_size 8m;
  limit_req_zone \$binary_remote_addr zone=a:1m rate=10r/s;
  limit_req zone=a burst=5;
  access_log /var/log/nginx/access.log;
  ssl_protocols TLSv1.2 TLSv1.3;
  server { listen 127.0.0.1:18443 ssl; server_name localhost; ssl_certificate $dir/c.pem; ssl_certificate_key $dir/k.pem; }
  server { listen 18080; server_name localhost; return 301 https://\$host\$request_uri; }
}
C
cat > "$dir/bad/etc/nginx/nginx.conf" <<C
user root;
error_log /dev/null crit;
events {}
http {
  access_log off;
  keepalive_timeout 3600;
  ssl_protocols TLSv1 TLSv1.1 TLSv1.2;
  server { listen 18080; server_name localhost; location / { autoindex on; } }
}
C
for which in good bad; do
  nginx -t -q -c "$dir/$which/etc/nginx/nginx.conf" || say no "nginx refuses the $which configuration"
  audit "$dir/data-$which" "$dir/$which" > "$dir/$which.json"
done
for check in tls-protocols tls-only version-hidden listing-off user access-log error-log limits timeouts; do
  is "nginx secured: $check" conform "$(verdict "$dir/good.json" nginx.$check)"
  is "nginx weakened: $check" non_conform "$(verdict "$dir/bad.json" nginx.$check)"
done

# 2. Outputs: twice the same bytes, valid by others.
python3 -m venv "$dir/v"
"$dir/v/bin/pip" -q install compliance-trestle jsonschema-rs openpyxl python-docx
for format in oscal-catalog oscal-plan oscal-results oscal-poam xlsx docx html csv; do
  "$bin" --lang zh audit export --data "$dir/data-bad" --format $format -o "$dir/$format.1"
  "$bin" --lang zh audit export --data "$dir/data-bad" --format $format -o "$dir/$format.2"
  if cmp -s "$dir/$format.1" "$dir/$format.2"; then say ok "$format: same bytes"; else say no "$format: same bytes"; fi
done
cat > "$dir/schema.py" <<'P'
import json, sys, jsonschema_rs
schema = json.load(open(sys.argv[1]))
check = jsonschema_rs.validator_for(schema)
for f in sys.argv[2:]:
    errors = [f"{e.instance_path}: {e.message[:200]}" for e in check.iter_errors(json.load(open(f)))]
    print(("PASS" if not errors else "FAIL"), "schema", f.rsplit("/", 1)[1], *errors[:5])
P
schema=$corpora/schemas/oscal/oscal_complete_schema_1.2.3.json
if [ -f "$schema" ]; then
  "$dir/v/bin/python" "$dir/schema.py" "$schema" "$dir"/oscal-*.1 | tee "$dir/schema.txt"
  failed=$((failed + $(grep -c ^FAIL "$dir/schema.txt" || true)))
elif [ -n "${XUEDUN_REQUIRE_CORPORA:-}" ]; then say no "OSCAL schema is missing"; else echo "SKIP: no OSCAL schema"; fi
mkdir "$dir/trestle"
(
  cd "$dir/trestle"
  "$dir/v/bin/trestle" init --local > /dev/null 2>&1
  for pair in catalogs:catalog assessment-plans:plan assessment-results:results plan-of-action-and-milestones:poam; do
    folder=${pair%%:*} name=${pair##*:}
    case $folder in catalogs) file=catalog ;; assessment-plans) file=assessment-plan ;; *) file=$folder ;; esac
    mkdir -p "$folder/a"
    cp "$dir/oscal-$name.1" "$folder/a/$file.json"
    "$dir/v/bin/trestle" validate -t "$file" -n a > "$dir/trestle-$name.txt" 2>&1 && echo "PASS trestle $file" || { echo "FAIL trestle $file"; tail -3 "$dir/trestle-$name.txt"; exit 1; }
  done
) || failed=$((failed + 1))
"$dir/v/bin/python" - "$dir/xlsx.1" "$dir/docx.1" <<'P' || failed=$((failed + 1))
import shutil, sys, warnings, openpyxl, docx
warnings.simplefilter("error")
for i, end in ((1, "xlsx"), (2, "docx")): shutil.copy(sys.argv[i], sys.argv[i] + "." + end)
sheet = openpyxl.load_workbook(sys.argv[1] + ".xlsx").active
rows = list(sheet.iter_rows(values_only=True))
items = {r[2] for r in rows[1:]}
assert len(items) == 211, len(items)
doc = docx.Document(sys.argv[2] + ".docx")
heads = [p.text for p in doc.paragraphs if p.style.name == "Heading 1"]
cover = [p.text for p in doc.paragraphs if p.style.name == "Title"]
chapters = ["范围", "方法", "各安全类结果", "问题、风险与建议", "整改", "证据摘要"]
assert len(cover) == 1 and len(heads) == 6, (cover, heads)
assert all(want in head for want, head in zip(chapters, heads)), heads
assert [len(t.rows) > 1 for t in doc.tables] == [True] * 4, [len(t.rows) for t in doc.tables]
print(f"PASS xlsx {len(rows)} rows of 211 items, docx {len(heads)} headings {len(doc.tables)} tables")
P

# 3. Statements, waivers, tickets.
"$bin" audit attest --data "$dir/data-bad" 8.1.1.1.b --verdict conform --owner li --note seen
if "$bin" audit waive --data "$dir/data-bad" 8.1.4.8.a --owner li --approver li --reason x 2> /dev/null; then say no "one person waives alone"; else say ok "a waiver needs two people"; fi
echo 'photo of the room' > "$dir/photo.txt"
"$bin" audit attest --data "$dir/data-bad" 8.1.1.2.a --verdict conform --owner li --note door --attach "$dir/photo.txt"
unmet=$("$bin" audit show --data "$dir/data-bad" --json | jq -r '[.items[] | select(.verdict.verdict == "non_conform")][0].item' || true)
"$bin" audit compensate --data "$dir/data-bad" "$unmet" --measure "host firewall" --owner li
"$bin" audit show --data "$dir/data-bad" --json > "$dir/settled.json" || [ $? = 1 ]
is "compensated" "$unmet host firewall" "$(jq -r '.items[] | select(.compensation) | .item + " " + .compensation.measure' "$dir/settled.json")"
"$bin" audit export --data "$dir/data-bad" --format bundle -o "$dir/with.zip"
digest=$(sha256sum "$dir/photo.txt" | cut -d' ' -f1)
is "the attachment is in the bundle" 1 "$(python3 -m zipfile -l "$dir/with.zip" | grep -c "attachments/$digest")"
if "$bin" evidence verify "$dir/with.zip" > /dev/null; then say ok "the bundle with an attachment verifies"; else say no "the bundle with an attachment verifies"; fi
head -c 20000 "$dir/with.zip" > "$dir/half.zip"
if "$bin" evidence verify "$dir/half.zip" > /dev/null; then say no "half a bundle verifies"; else say ok "half a bundle is refused"; fi
"$bin" audit run --data "$dir/data-cloud" --root "$dir/good" --extension cloud --extension mobile --json > "$dir/cloud.json" || [ $? = 1 ]
is "items with both extensions" 276 "$(jq '.items | length' "$dir/cloud.json")"
is "attested" conform "$(jq -r '.items[] | select(.item == "8.1.1.1.b") | .verdict.verdict' "$dir/settled.json")"
finding=$("$bin" --lang en audit show --data "$dir/data-bad" | awk -F'[ \t]' '/^✗/ && /listing|Listing|directory/ {print $2; exit}' || true)
if [ -n "$finding" ]; then
  "$bin" audit remediate --data "$dir/data-bad" "$finding" --owner wang --days 7
  "$bin" audit remediate --data "$dir/data-bad" "$finding" --done
  sed -i 's/autoindex on/autoindex off/' "$dir/bad/etc/nginx/nginx.conf"
  audit "$dir/data-bad" "$dir/bad" > /dev/null
  is "retest closes the ticket" closed "$("$bin" audit remediate --data "$dir/data-bad" --json | jq -r '.[0].state')"
else say no "no finding for the directory listing"; fi

# 4. Databases: real servers, weakened and secured.
flips() { # NAME KIND CHECKS... ; $db holds the target's arguments
  local name=$1 kind=$2
  shift 2
  weaken_"$kind"
  "$bin" audit run --data "$dir/data-$kind" --kind "$kind" "${db[@]}" --json > "$dir/$kind-bad.json" || [ $? = 1 ]
  secure_"$kind"
  "$bin" audit run --data "$dir/data-$kind" --kind "$kind" "${db[@]}" --json > "$dir/$kind-good.json" || [ $? = 1 ]
  for check in "$@"; do
    is "$name weakened: $check" non_conform "$(verdict "$dir/$kind-bad.json" "$kind.$check")"
    is "$name secured: $check" conform "$(verdict "$dir/$kind-good.json" "$kind.$check")"
  done
}

pgbin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
mkdir "$dir/pg"
chown postgres "$dir" "$dir/pg"
chmod 755 "$dir"
pg() { runuser -u postgres -- "$pgbin/pg_ctl" -s -w -D "$dir/pg/data" -l "$dir/pg/log" "$@"; }
sql() { runuser -u postgres -- psql -qAtX -h "$dir/pg" -p 25432 -d postgres -c "$1" > /dev/null; }
runuser -u postgres -- "$pgbin/initdb" -D "$dir/pg/data" -A trust -k > /dev/null
cp "$dir/c.pem" "$dir/pg/server.crt"; cp "$dir/k.pem" "$dir/pg/server.key"
chown postgres "$dir"/pg/server.*; chmod 600 "$dir/pg/server.key"
cat >> "$dir/pg/data/postgresql.conf" <<C
port = 25432
unix_socket_directories = '$dir/pg'
listen_addresses = ''
ssl_cert_file = '$dir/pg/server.crt'
ssl_key_file = '$dir/pg/server.key'
C
pg start
sql "CREATE ROLE xuedun LOGIN PASSWORD 'x' VALID UNTIL 'tomorrow'"
sql "GRANT pg_read_all_settings, pg_monitor TO xuedun; GRANT SELECT ON pg_hba_file_rules TO xuedun; GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO xuedun"
sql "CREATE TABLE xsjbxx (xm text)"
weaken_postgresql() {
  printf 'local all all trust\nhost all all 0.0.0.0/0 md5\n' > "$dir/pg/data/pg_hba.conf"
  for s in "password_encryption='md5'" "ssl=off" "log_statement='none'" "log_connections=off" "log_line_prefix='%m '"; do sql "ALTER SYSTEM SET $s"; done
  sql "CREATE ROLE app LOGIN"
  sql "GRANT SELECT ON xsjbxx TO PUBLIC"
  sql "GRANT CREATE ON SCHEMA public TO PUBLIC"
  pg restart
}
secure_postgresql() {
  printf 'local all postgres peer\nlocal all xuedun scram-sha-256\nhostssl app app 10.0.0.0/8 scram-sha-256\n' > "$dir/pg/data/pg_hba.conf"
  for s in "password_encryption='scram-sha-256'" "ssl=on" "log_statement='ddl'" "log_connections=on" "log_line_prefix='%m [%p] %u@%d %r '"; do sql "ALTER SYSTEM SET $s"; done
  sql "SET password_encryption='scram-sha-256'; ALTER ROLE xuedun PASSWORD 'x'"
  sql "DROP ROLE app; REVOKE SELECT ON xsjbxx FROM PUBLIC; ALTER TABLE xsjbxx ENABLE ROW LEVEL SECURITY"
  sql "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
  sql "ALTER SYSTEM SET archive_mode=on"
  pg restart
}
echo "*:*:*:xuedun:x" > "$dir/pgpass"; chmod 600 "$dir/pgpass"
db=(--address "$dir/pg" --port 25432 --user xuedun --database postgres --secret "$dir/pgpass")
flips PostgreSQL postgresql password-storage authentication-rules remote-encryption tls-version password-expiry default-database-account public-schema public-grants row-security audit audit-fields
pg stop

mkdir "$dir/my"
chown mysql "$dir/my"
maria=(--no-defaults --datadir="$dir/my/data" --socket="$dir/my/s" --skip-networking --user=mysql --skip-log-error)
mariadb-install-db --no-defaults --datadir="$dir/my/data" --user=mysql --auth-root-authentication-method=socket > /dev/null 2>&1
maria_start() {
  mariadbd "${maria[@]}" "$@" > "$dir/my.log" 2>&1 &
  for _ in $(seq 100); do mariadb-admin --no-defaults --socket="$dir/my/s" ping > /dev/null 2>&1 && return; sleep 0.2; done
  tail -3 "$dir/my.log"; return 1
}
maria_stop() { mariadb-admin --no-defaults --socket="$dir/my/s" shutdown; wait; }
msql() { mariadb --no-defaults --socket="$dir/my/s" -e "$1"; }
maria_start
msql "CREATE USER xuedun@localhost IDENTIFIED BY 'x'; GRANT SELECT ON mysql.* TO xuedun@localhost; GRANT PROCESS ON *.* TO xuedun@localhost"
maria_stop
weaken_mysql() {
  maria_start --local-infile=1 --default-password-lifetime=0
  msql "CREATE USER test@'%' IDENTIFIED BY ''; CREATE DATABASE IF NOT EXISTS test; CREATE USER root@'%' IDENTIFIED BY 'r'; CREATE USER app@'%' IDENTIFIED BY 'a'; GRANT INSERT, FILE ON *.* TO app@'%'"
}
secure_mysql() {
  msql "DROP USER test@'%', root@'%', app@'%'; DROP DATABASE test; DELETE FROM mysql.global_priv WHERE User = ''; FLUSH PRIVILEGES"
  maria_stop
  maria_start --local-infile=0 --secure-file-priv="$dir/my" --default-password-lifetime=90 --wait-timeout=900 --max-password-errors=5 --require-secure-transport=1 --log-bin --general-log=1 --plugin-load-add=simple_password_check
}
printf '[client]\npassword=x\n' > "$dir/my.cnf"; chmod 600 "$dir/my.cnf"
db=(--address "$dir/my/s" --user xuedun --database mysql --secret "$dir/my.cnf")
flips MariaDB mysql accounts password-quality password-lifetime session-limits root-remote spare-accounts scoped-grants audit file-access binary-log secure-transport
maria_stop

# 5. Lynis on this host, where both look: sshd and login.defs.
if command -v lynis > /dev/null; then
  audit "$dir/data-host" / > "$dir/host.json"
  lynis audit system --quick --no-colors --tests-from-group authentication --report-file "$dir/lynis.dat" > /dev/null 2>&1 || true
  for t in AUTH-9286 AUTH-9328; do grep -q "^tests_executed=.*$t" "$dir/lynis.dat" || say no "Lynis did not run $t"; done
  age=$(verdict "$dir/host.json" accounts.password-age)
  if grep -qE '^(suggestion|warning)\[\]=AUTH-9286' "$dir/lynis.dat"; then lynis_age=unmet; else lynis_age=met; fi
  case $age in conform) ours=met ;; *) ours=unmet ;; esac
  is "Lynis on password age" "$lynis_age" "$ours"
  mask=$(verdict "$dir/host.json" accounts.umask)
  if grep -qE '^(suggestion|warning)\[\]=AUTH-9328' "$dir/lynis.dat"; then lynis_mask=unmet; else lynis_mask=met; fi
  case $mask in conform) ours=met ;; *) ours=unmet ;; esac
  is "Lynis on umask" "$lynis_mask" "$ours"
else say no "lynis is not installed"; fi

# 6. Remote targets: SSH, TLS, nobody there.
. .ci/audit-targets.sh
[ "$failed" = 0 ]
