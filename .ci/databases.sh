#!/usr/bin/env bash
# Student records in live databases, a real PostgreSQL and a real MariaDB: every table found and
# graded, read-only, by samples, at a pace, over TLS, going on after a kill; refusals by their codes;
# a masked copy that is there whole or not at all. Packages: postgresql mariadb-server openssl jq python3.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
PORT_BASE=24800
PGPORT=$(port 0) MYPORT=$(port 1)
PGBIN=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -1)
PG=$WORK/pg MY=$WORK/my
X=("$XUEDUN" --lang en)
unset XUEDUN_DATABASE_PASSWORD

before_cleanup() {
    [ ! -f "$PG/data/postmaster.pid" ] || pg stop -m immediate >/dev/null 2>&1
    mariadb-admin --no-defaults --socket="$MY/s" shutdown >/dev/null 2>&1
}
pg() { runuser -u postgres -- "$PGBIN/pg_ctl" -s -w -D "$PG/data" -l "$PG/log" "$@"; }
sql() { runuser -u postgres -- psql -qAtX -h "$PG" -p "$PGPORT" -d "$1" -c "$2"; }
msql() { mariadb --no-defaults --socket="$MY/s" "$@"; }
# code NAME CODE EXIT COMMAND...: the command ends with EXIT and tells CODE.
code() {
    local name=$1 code=$2 exit=$3 rc=0
    shift 3
    "$@" </dev/null >"$WORK/out" 2>"$WORK/err" || rc=$?
    if [ "$rc" = "$exit" ] && grep -q "$code" "$WORK/err"; then pass "$name ($code)"; else
        fail "$name" "exit $rc, $(head -c 300 "$WORK/err")"
    fi
}

# alike NAME A B: two texts too long to print.
alike() { if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "$(diff <(echo "$2") <(echo "$3") | head -n 5)"; fi; }

# --- a school's tables: pupils, their scores by student number, a large log, a table of secrets
python3 - "$WORK" <<'P'
import random, sys
r = random.Random(7)
W, C = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), '10X98765432'
def ident(i):
    body = f"330106{r.randint(2008, 2016)}{r.randint(1, 12):02}{r.randint(1, 28):02}{i % 1000:03}"
    return body + C[sum(int(d) * w for d, w in zip(body, W)) % 11]
sur, given = '王李张刘陈杨黄赵吴周', '伟芳娜敏静强磊洋艳勇杰涛明超霞平'
students, scores, log = open(sys.argv[1] + '/student.csv', 'w'), open(sys.argv[1] + '/score.csv', 'w'), open(sys.argv[1] + '/visit.csv', 'w')
ids = []
for i in range(2000):
    n = ident(i)
    ids.append('G' + n)
    name = r.choice(sur) + r.choice(given) + r.choice(given)
    students.write(f"{i},{name},{n},G{n},138{r.randint(0, 10**8 - 1):08},浙江省杭州市西湖区文三路{r.randint(1, 300)}号,{r.randint(1, 9)}班,\\x0102\n")
for i in range(4000):
    scores.write(f"{i},{r.choice(ids)},{r.randint(40, 100)}\n")
for i in range(60000):
    log.write(f"{i},{r.choice(ids)},图书馆借阅登记第{r.randint(1, 99999)}次\n")
P

# --- PostgreSQL with TLS under an authority of its own
mkdir -p "$PG/data" "$MY/data"
chmod 755 "$WORK"
chown -R postgres "$PG"
runuser -u postgres -- "$PGBIN/initdb" -D "$PG/data" -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
ELSEWHERE=$(hostname -I | tr ' ' '\n' | grep -m1 -F . || true)
openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj "/CN=authority" -keyout "$WORK/ca.key" -out "$WORK/ca.pem" 2>/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj "/CN=other" -keyout "$WORK/other.key" -out "$WORK/other.pem" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj "/CN=db" -keyout "$PG/server.key" -out "$WORK/db.csr" 2>/dev/null
openssl x509 -req -in "$WORK/db.csr" -CA "$WORK/ca.pem" -CAkey "$WORK/ca.key" -days 9 -out "$PG/server.pem" \
    -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1${ELSEWHERE:+,IP:$ELSEWHERE}") 2>/dev/null
chown postgres "$PG"/server.*
chmod 600 "$PG/server.key"
cat >>"$PG/data/postgresql.conf" <<C
listen_addresses = '*'
port = $PGPORT
unix_socket_directories = '$PG'
ssl = on
ssl_cert_file = '$PG/server.pem'
ssl_key_file = '$PG/server.key'
log_statement = all
log_line_prefix = '%u@%d '
autovacuum = off
C
printf 'local all postgres trust\nlocal all reader scram-sha-256\nhost all reader 127.0.0.1/32 scram-sha-256\nhostssl all reader all scram-sha-256\nhostssl all writer all scram-sha-256\n' >"$PG/data/pg_hba.conf"
pg start
sql postgres "CREATE DATABASE school"
sql postgres "CREATE DATABASE copy"
sql postgres "CREATE ROLE reader LOGIN PASSWORD 'r-p4ss'; CREATE ROLE writer LOGIN PASSWORD 'w-p4ss'; GRANT CREATE ON DATABASE copy TO writer"
sql copy "GRANT CREATE ON SCHEMA public TO writer"
sql school 'CREATE TABLE student (id int PRIMARY KEY, 姓名 text, 身份证件号 varchar(18), 学籍号 text, 手机号 text, 家庭住址 text, 班级 text, 照片 bytea)'
sql school 'CREATE TABLE score (id int PRIMARY KEY, 学籍号 text, 语文 int)'
sql school 'CREATE SCHEMA "Lib; x"' && sql school 'CREATE TABLE "Lib; x"."visit ""log" (n bigint, 学籍号 text, 备注 text)'
sql school 'CREATE TABLE secret (手机号 text); CREATE VIEW v AS SELECT * FROM student'
chmod 644 "$WORK"/*.csv
sql school "COPY student FROM '$WORK/student.csv' (FORMAT csv)"
sql school "COPY score FROM '$WORK/score.csv' (FORMAT csv)"
sql school "COPY \"Lib; x\".\"visit \"\"log\" FROM '$WORK/visit.csv' (FORMAT csv)"
sql school 'ANALYZE; GRANT USAGE ON SCHEMA "Lib; x" TO reader; GRANT SELECT ON student, score, "Lib; x"."visit ""log" TO reader'
echo r-p4ss >"$WORK/reader" && echo w-p4ss >"$WORK/writer" && echo wrong >"$WORK/wrong"
DB=postgresql://reader@127.0.0.1:$PGPORT/school
pgx=("${X[@]}" classify --database "$DB" --password-file "$WORK/reader")
elements() { jq -r '.column + " " + (.element // "-")' "$1" | sort; }

# 1. Every table the account may read is found and graded; the one it may not is told, at the end too.
: >"$PG/log"
code "a table without the right to read" 42501 4 "${pgx[@]}" --json
cp "$WORK/out" "$WORK/pg.json"
for wanted in 'public.student.身份证件号 id_number' 'public.student.学籍号 student_no' 'public.student.家庭住址 address' 'public.score.学籍号 student_no' 'Lib; x.visit "log.学籍号 student_no'; do
    if elements "$WORK/pg.json" | grep -qxF "$wanted"; then pass "found: $wanted"; else fail "found: $wanted"; fi
done
equal "rows of the large table" 60000 "$(jq -r 'select(.column == "Lib; x.visit \"log.n") | .rows' "$WORK/pg.json")"
equal "views are not read twice" 0 "$(jq -r .column "$WORK/pg.json" | grep -c '^public.v' || true)"
equal "values in the output" 0 "$(grep -cE '33010620|1380|1381' "$WORK/pg.json" "$WORK/err" | grep -vc ':0$' || true)"
equal "statements that could write" 0 "$(grep -E '^reader@' "$PG/log" | grep -ciwE 'insert|update|delete|create|drop|alter|truncate|stdin' || true)"
equal "every reading session was read-only" "$(grep -c 'reader@school.*COPY (' "$PG/log")" "$(( $(grep -c 'reader@school.*READ ONLY' "$PG/log") - 1 ))"
"${pgx[@]}" --table student >"$WORK/student.txt"
if grep -q 'not looked into: 照片' "$WORK/student.txt"; then pass "binary columns are said"; else fail "binary columns are said"; fi
"${pgx[@]}" --table student --cells --json >"$WORK/cells.json"
if [ "$(jq -r 'select(.type == "CN_ID") | .row' "$WORK/cells.json" | wc -l)" -ge 2000 ]; then pass "every id by its cell"; else fail "every id by its cell"; fi

# 2. A sample is one, and from all over the table.
"${pgx[@]}" --table 'visit "log' --sample 500 --json >"$WORK/sample.json"
equal "rows of a sample" 500 "$(jq -r 'select(.column | endswith(".n")) | .rows' "$WORK/sample.json")"
if grep -q 'TABLESAMPLE SYSTEM' "$PG/log"; then pass "drawn from pages"; else fail "drawn from pages"; fi

# 3. Passwords: by file, environment or not at all; never in an address, never repeated.
code "a wrong password" 28P01 4 "${X[@]}" classify --database "$DB" --password-file "$WORK/wrong"
XUEDUN_DATABASE_PASSWORD=r-p4ss "${X[@]}" classify --database "$DB" --table score >/dev/null && pass "password from the environment"
code "a password in the address" C050 4 "${X[@]}" classify --database "postgresql://reader:r-p4ss@127.0.0.1:$PGPORT/school"
equal "the password is not repeated" 0 "$(grep -c r-p4ss "$WORK/err" "$WORK/out" | grep -vc ':0$' || true)"

# 4. TLS: none needed here, needed elsewhere, and only by the authority that was named.
"${pgx[@]}" --table score --ca "$WORK/ca.pem" >/dev/null && pass "TLS by its authority"
code "another authority" C051 4 "${pgx[@]}" --table score --ca "$WORK/other.pem"
code "a server elsewhere without TLS" C052 4 "${X[@]}" classify --database postgresql://reader@db.example/school --password-file "$WORK/reader"
code "MySQL elsewhere without TLS" C052 4 "${X[@]}" classify --database mysql://reader@db.example/school --password-file "$WORK/reader"
if [ -n "$ELSEWHERE" ]; then
    "${X[@]}" classify --database "postgresql://reader@$ELSEWHERE:$PGPORT/school" --table score --ca "$WORK/ca.pem" --password-file "$WORK/reader" >/dev/null && pass "TLS to this machine's own address"
else echo "SKIP TLS over an outer address: this machine has none"; fi

# 5. At a pace (a lower bound: load only makes it slower), killed, and gone on.
from=$(date +%s%N)
"${pgx[@]}" --table 'visit "log' --rate 1 >/dev/null
if [ $((($(date +%s%N) - from) / 1000000)) -ge 2000 ]; then pass "held to 1 MB a second"; else fail "held to 1 MB a second"; fi
"${pgx[@]}" --rate 1 --table score --table student --table 'visit "log' --resume "$WORK/scan" >/dev/null 2>&1 &
scan=$!
within 30 grep -qs public.student "$WORK/scan" || fail "the scan did not get that far"
kill -9 $scan && wait $scan 2>/dev/null || true
: >"$PG/log"
"${pgx[@]}" --json --table score --table student --table 'visit "log' --resume "$WORK/scan" >"$WORK/resumed.json"
equal "finished tables are not read again" 0 "$(grep -c 'COPY (.*"score"\|COPY (.*"student"' "$PG/log" || true)"
alike "a resumed scan says the same" "$(elements "$WORK/pg.json")" "$(elements "$WORK/resumed.json")"
code "another scan's progress" C054 4 "${pgx[@]}" --sample 5 --resume "$WORK/scan"

# 6. A table locked or dropped under it does not stop the others; a server that stops is told.
sql school 'BEGIN; LOCK TABLE score IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(12); COMMIT' >/dev/null &
locker=$!
within 10 sh -c "[ \"\$(runuser -u postgres -- psql -qAtX -h $PG -p $PGPORT -d school -c \"SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'\")\" -ge 1 ]"
code "a locked table" 55P03 4 "${pgx[@]}" --json --table score --table student
equal "and the one after it" 8 "$(jq -r .column "$WORK/out" | grep -c ^public.student)"
wait $locker
# Dropped between the list of tables and its turn: the one before and the one after stand.
saw() { grep -q "$1" "$PG/log"; }
for mode in --json --cells; do
    sql school "CREATE TABLE gone AS SELECT * FROM score; GRANT SELECT ON gone TO reader"
    : >"$PG/log"
    "${pgx[@]}" $mode --rate 1 --table 'visit "log' --table gone --table score >"$WORK/out" 2>"$WORK/err" &
    scan=$!
    within 20 saw 'COPY (.*visit' || fail "the scan did not begin"
    sql school "DROP TABLE gone"
    rc=0; wait $scan || rc=$?
    if [ $rc = 4 ] && grep -q 'C053.*gone.*42P01' "$WORK/err" && grep -q score "$WORK/out"; then pass "a table dropped while another is read, $mode (42P01)"; else
        fail "a table dropped while another is read, $mode" "exit $rc $(cat "$WORK/err")"; fi
done
# Larger than what lies in socket buffers when the server stops.
sql school "CREATE TABLE big AS SELECT g AS n, repeat('x', 200) AS t FROM generate_series(1, 200000) g; GRANT SELECT ON big TO reader"
"${pgx[@]}" --rate 1 --table big >"$WORK/out" 2>"$WORK/err" &
scan=$!
"${X[@]}" mask --database "$DB" --password-file "$WORK/reader" --rate 1 --table big --policy inter-agency --key "$WORK/mask.key" --out "$WORK/cut.csv" >"$WORK/out2" 2>"$WORK/err2" &
masking=$!
sleep 1
pg stop -m immediate
rc=0; wait $scan || rc=$?
if [ $rc = 4 ] && grep -q C053 "$WORK/err"; then pass "a server that stops (C053)"; else fail "a server that stops" "exit $rc $(cat "$WORK/err")"; fi
rc=0; wait $masking || rc=$?
if [ $rc = 4 ] && grep -q C053 "$WORK/err2" && [ -z "$(compgen -G "$WORK/cut.csv*")" ]; then pass "a masked copy cut short leaves no file (C053)"; else fail "a masked copy cut short leaves no file" "exit $rc $(cat "$WORK/err2") $(compgen -G "$WORK/cut.csv*")"; fi
pg start

# 7. A masked copy: whole, nobody in it, joins intact, untouched types kept; or nothing at all.
mask=("${X[@]}" mask --database "$DB" --password-file "$WORK/reader" --policy inter-agency --key "$WORK/mask.key" --data "$WORK/log")
to=(--to "postgresql://writer@127.0.0.1:$PGPORT/copy" --to-password-file "$WORK/writer" --ca "$WORK/ca.pem")
"${mask[@]}" "${to[@]}" --table student --table score >"$WORK/out" 2>"$WORK/err" || fail "masked copy" "$(cat "$WORK/err")"
equal "rows of the copy" "2000 4000" "$(sql copy 'SELECT (SELECT count(*) FROM student), (SELECT count(*) FROM score)' | tr '|' ' ')"
equal "joins give what they gave" "$(sql school 'SELECT count(*) FROM score JOIN student USING (学籍号)')" "$(sql copy 'SELECT count(*) FROM score JOIN student USING (学籍号)')"
equal "an untouched column keeps its type" integer "$(sql copy "SELECT data_type FROM information_schema.columns WHERE table_name = 'student' AND column_name = 'id'")"
runuser -u postgres -- "$PGBIN/pg_dump" -h "$PG" -p "$PGPORT" copy >"$WORK/copy.sql"
equal "ids left in a dump of the copy" 0 "$(cut -d, -f3 "$WORK/student.csv" | grep -cFf - "$WORK/copy.sql" || true)"
equal "telephones left" 0 "$(cut -d, -f5 "$WORK/student.csv" | grep -cFf - "$WORK/copy.sql" || true)"
equal "persons found in the copy by a scan" 0 "$("${X[@]}" classify "$WORK/copy.sql" --json | jq -r 'select(.element == "id_number" or .element == "mobile") | .hits' | paste -sd+ | sed 's/^$/0/' | bc)"
before=$(sql copy 'SELECT md5(string_agg(s::text, chr(10) ORDER BY id)) FROM student s')
code "a copy that is there already" 42P07 4 "${mask[@]}" "${to[@]}" --table student
equal "which stays as it was" "$before" "$(sql copy 'SELECT md5(string_agg(s::text, chr(10) ORDER BY id)) FROM student s')"
sql copy 'DROP TABLE student'
code "the second table is there" 42P07 4 "${mask[@]}" "${to[@]}" --table student --table score
equal "so the first is not made either" 0 "$(sql copy "SELECT count(*) FROM pg_class WHERE relname = 'student'")"
sql copy 'DROP TABLE IF EXISTS score' && sql school "CREATE TABLE gone AS SELECT * FROM score; GRANT SELECT ON gone TO reader"
: >"$PG/log"
"${mask[@]}" "${to[@]}" --rate 1 --table 'visit "log' --table gone >"$WORK/out" 2>"$WORK/err" &
masking=$!
within 20 saw 'COPY (.*visit' || fail "the copy did not begin"
sql school "DROP TABLE gone"
rc=0; wait $masking || rc=$?
if [ $rc = 4 ] && grep -q 'C053.*42P01' "$WORK/err"; then pass "a table dropped before its copy (42P01)"; else fail "a table dropped before its copy" "exit $rc $(cat "$WORK/err")"; fi
equal "so nothing is copied" 0 "$(sql copy "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname IN ('visit \"log', 'gone', 'score')")"
equal "no masked file stays behind" 0 "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'xuedun-mask-*' -newer "$WORK/reader" | wc -l)"
if grep -rqa records.masked "$WORK/log"; then pass "copies are in the evidence log"; else fail "copies are in the evidence log"; fi

# 8. MariaDB: the same tables, the same findings.
chown -R mysql "$MY"
mariadb-install-db --no-defaults --datadir="$MY/data" --user=mysql --auth-root-authentication-method=socket >/dev/null 2>&1
cp "$PG"/server.pem "$PG"/server.key "$MY/" && chown mysql "$MY"/server.*
mariadbd --no-defaults --datadir="$MY/data" --user=mysql --socket="$MY/s" --port="$MYPORT" --bind-address=0.0.0.0 \
    --ssl-cert="$MY/server.pem" --ssl-key="$MY/server.key" \
    --general-log --general-log-file="$MY/general.log" --secure-file-priv= >"$WORK/my.log" 2>&1 &
within 60 mariadb-admin --no-defaults --socket="$MY/s" ping >/dev/null 2>&1
msql -e "CREATE DATABASE school CHARACTER SET gbk; CREATE USER reader@localhost IDENTIFIED BY 'r-p4ss'; GRANT SELECT ON school.* TO reader@localhost; CREATE USER far@'%' IDENTIFIED BY 'r-p4ss' REQUIRE SSL; GRANT SELECT ON school.* TO far@'%'"
# The anonymous account of a fresh server stands before far@'%' for whoever comes from this machine.
msql -e "CREATE USER far@localhost IDENTIFIED BY 'r-p4ss' REQUIRE SSL; GRANT SELECT ON school.* TO far@localhost"
msql school --default-character-set=utf8mb4 <<Q
CREATE TABLE student (id int PRIMARY KEY, 姓名 varchar(20), 身份证件号 varchar(18), 学籍号 varchar(19), 手机号 varchar(11), 家庭住址 varchar(200), 班级 varchar(20), 照片 blob);
CREATE TABLE score (id int PRIMARY KEY, 学籍号 varchar(19), 语文 int);
LOAD DATA INFILE '$WORK/student.csv' INTO TABLE student CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',';
LOAD DATA INFILE '$WORK/score.csv' INTO TABLE score CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',';
CREATE TABLE visit (n bigint, 学籍号 varchar(19), 备注 text);
LOAD DATA INFILE '$WORK/visit.csv' INTO TABLE visit CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',';
Q
: >"$MY/general.log"
myx=("${X[@]}" classify --json --password-file "$WORK/reader")
"${myx[@]}" --database "mysql://reader@127.0.0.1:$MYPORT/school" >"$WORK/my.json"
"${myx[@]}" --database "mysql://reader@${MY//\//%2F}%2Fs/school" >"$WORK/my-socket.json"
alike "socket and port say the same" "$(cat "$WORK/my.json")" "$(cat "$WORK/my-socket.json")"
same() { jq -c 'select(.column | test("score|student")) | [(.column | sub("^[^.]*."; "")), .element, .grade, .rows, .hits]' "$1" | sort; }
alike "MariaDB (in GBK) and PostgreSQL give the same elements, grades, rows and hits" "$(same "$WORK/pg.json")" "$(same "$WORK/my.json")"
equal "statements that could write" 0 "$(grep -ciwE 'insert|update|delete|create|drop|alter|truncate' "$MY/general.log" || true)"
far=("${X[@]}" classify --json --password-file "$WORK/reader" --database)
"${far[@]}" "mysql://far@127.0.0.1:$MYPORT/school" --ca "$WORK/ca.pem" >"$WORK/my-tls.json"
alike "the same over TLS by its authority" "$(cat "$WORK/my.json")" "$(cat "$WORK/my-tls.json")"
code "an account that needs TLS, without" 28000 4 "${far[@]}" "mysql://far@127.0.0.1:$MYPORT/school"
code "another authority" C051 4 "${far[@]}" "mysql://far@127.0.0.1:$MYPORT/school" --ca "$WORK/other.pem"
code "a name that the certificate does not bear" C051 4 "${far[@]}" "mysql://far@127.0.0.2:$MYPORT/school" --ca "$WORK/ca.pem"
code "a file of authorities without one" C051 4 "${far[@]}" "mysql://far@127.0.0.1:$MYPORT/school" --ca "$WORK/reader"
equal "the server saw TLS, and turned away what came without" "$(grep -c 'far@.*using TCP/IP' "$MY/general.log")" "$(grep -c "Access denied for user 'far'" "$MY/general.log")"
if [ -n "$ELSEWHERE" ]; then
    "${far[@]}" "mysql://far@$ELSEWHERE:$MYPORT/school" --table score --ca "$WORK/ca.pem" >/dev/null && pass "TLS to this machine's own address"
    code "there, without TLS" C052 4 "${far[@]}" "mysql://far@$ELSEWHERE:$MYPORT/school" --table score
else echo "SKIP TLS over an outer address: this machine has none"; fi
code "a wrong password" 28000 4 "${X[@]}" classify --database "mysql://reader@127.0.0.1:$MYPORT/school" --password-file "$WORK/wrong"
equal "rows of a sample" 100 "$("${myx[@]}" --database "mysql://reader@127.0.0.1:$MYPORT/school" --table score --sample 100 | jq -r 'select(.column == "school.score.id") | .rows')"
"${X[@]}" mask --database "mysql://reader@127.0.0.1:$MYPORT/school" --password-file "$WORK/reader" --table student --policy inter-agency --key "$WORK/mask.key" --out "$WORK/my-masked.csv" >/dev/null
equal "a masked file of a MariaDB table" "2001 0" "$(wc -l <"$WORK/my-masked.csv") $(cut -d, -f3 "$WORK/student.csv" | grep -cFf - "$WORK/my-masked.csv" || true)"
msql school -e "CREATE TABLE gone SELECT * FROM score"
: >"$MY/general.log"
"${myx[@]}" --database "mysql://reader@127.0.0.1:$MYPORT/school" --rate 1 --table visit --table gone --table score >"$WORK/out" 2>"$WORK/err" &
scan=$!
within 20 grep -q 'SELECT .*`visit`' "$MY/general.log" || fail "the scan did not begin"
msql school -e "DROP TABLE gone"
rc=0; wait $scan || rc=$?
if [ $rc = 4 ] && grep -q 'C053.*gone.*42S02' "$WORK/err" && grep -q school.score "$WORK/out"; then pass "a table dropped while another is read (42S02)"; else
    fail "a table dropped while another is read" "exit $rc $(cat "$WORK/err")"; fi
# Larger than what lies in socket buffers when the connection ends.
msql school -e "CREATE TABLE big AS SELECT seq AS n, REPEAT('x', 200) AS t FROM seq_1_to_200000"
: >"$MY/general.log"
"${myx[@]}" --database "mysql://reader@127.0.0.1:$MYPORT/school" --rate 1 --table big >"$WORK/out" 2>"$WORK/err" &
scan=$!
within 20 grep -q 'SELECT .*`big`' "$MY/general.log" || fail "the scan did not begin"
mariadb-admin --no-defaults --socket="$MY/s" kill "$(msql -N -e "SELECT GROUP_CONCAT(id) FROM information_schema.PROCESSLIST WHERE user = 'reader'")"
rc=0; wait $scan || rc=$?
if [ $rc = 4 ] && grep -q 'C053' "$WORK/err"; then pass "a connection that the server ends (C053)"; else fail "a connection that the server ends" "exit $rc $(cat "$WORK/err")"; fi

# 9. 核心数据加密率 of live columns: nothing sealed, a table's columns sealed, and some of them open again.
# What should be sealed is counted by the engine itself, over the columns that protect took.
keys=(--keys "$WORK/k.json" --root-key "$WORK/k.root" --data "$WORK/log")
(echo 'id,姓名,身份证件号,学籍号,手机号,家庭住址,班级'; cut -d, -f1-7 "$WORK/student.csv") >"$WORK/open.csv"
"${X[@]}" protect "$WORK/open.csv" --out "$WORK/sealed.csv" --dataset student --subject 学籍号 --row-key id --json "${keys[@]}" >"$WORK/protect.json"
mapfile -t taken < <(jq -r '.columns[]' "$WORK/protect.json")
cells=$((2000 * ${#taken[@]}))
chmod 644 "$WORK/sealed.csv"
# rate NAME EXPECTED ARGUMENTS...
rate() {
    local name=$1 expected=$2
    shift 2
    equal "$name" "$expected" "$("${X[@]}" classify --coverage --json --password-file "$WORK/reader" "$@" | jq -r '"\(.coverage.cells_sealed)/\(.coverage.cells) \(.coverage.columns_sealed)/\(.coverage.columns) \(.share * 100 | round)%"')"
}
n=${#taken[@]}
sql school 'CREATE TABLE pupil (id int, 姓名 text, 身份证件号 text, 学籍号 char(200), 手机号 text, 家庭住址 text, 班级 text); GRANT SELECT ON pupil TO reader'
sql school "COPY pupil FROM '$WORK/open.csv' (FORMAT csv, HEADER)"
rate "PostgreSQL: nothing sealed" "0/$cells 0/$n 0%" --database "$DB" --table pupil
sql school "TRUNCATE pupil; COPY pupil FROM '$WORK/sealed.csv' (FORMAT csv, HEADER)"
rate "the columns sealed" "$cells/$cells $n/$n 100%" --database "$DB" --table pupil
sql school "UPDATE pupil SET 手机号 = s.手机号 FROM student s WHERE s.id = pupil.id AND s.id < 500"
rate "500 cells open again" "$((cells - 500))/$cells $((n - 1))/$n $(python3 -c "print(round(($cells - 500) / $cells * 100))")%" --database "$DB" --table pupil
sql school "UPDATE pupil SET 手机号 = NULL WHERE id < 500"
rate "empty cells are in neither number" "$((cells - 500))/$((cells - 500)) $n/$n 100%" --database "$DB" --table pupil
MYDB=mysql://reader@127.0.0.1:$MYPORT/school
msql school --default-character-set=utf8mb4 -e "CREATE TABLE pupil (id int, 姓名 text, 身份证件号 text, 学籍号 text, 手机号 text, 家庭住址 text, 班级 text); LOAD DATA INFILE '$WORK/open.csv' INTO TABLE pupil CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' IGNORE 1 LINES"
rate "MariaDB: nothing sealed" "0/$cells 0/$n 0%" --database "$MYDB" --table pupil
msql school --default-character-set=utf8mb4 -e "TRUNCATE pupil; LOAD DATA INFILE '$WORK/sealed.csv' INTO TABLE pupil CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' IGNORE 1 LINES"
rate "the columns sealed" "$cells/$cells $n/$n 100%" --database "$MYDB" --table pupil
msql school --default-character-set=utf8mb4 -e "UPDATE pupil p JOIN student s USING (id) SET p.手机号 = s.手机号 WHERE id < 500"
rate "500 cells open again" "$((cells - 500))/$cells $((n - 1))/$n $(python3 -c "print(round(($cells - 500) / $cells * 100))")%" --database "$MYDB" --table pupil
# What lies in the tables opens again, blanks of a char column and all.
sql school "COPY (SELECT id, 姓名, 身份证件号, 学籍号, 手机号, 家庭住址, 班级 FROM pupil WHERE id >= 500 ORDER BY id) TO '$PG/back.csv' (FORMAT csv, HEADER)"
"${X[@]}" reveal "$PG/back.csv" --out "$WORK/back.csv" --dataset student --row-key id --purpose drill "${keys[@]}" >/dev/null
alike "what lies in the table opens" "$(tail -n +2 "$WORK/open.csv" | sed -n '501,$p' | sha256sum)" "$(tail -n +2 "$WORK/back.csv" | sha256sum)"

# 10. Dumps that the engines write themselves say what the live tables say.
runuser -u postgres -- "$PGBIN/pg_dump" -h "$PG" -p "$PGPORT" -t student -t score school >"$WORK/pg-copy.sql"
runuser -u postgres -- "$PGBIN/pg_dump" -h "$PG" -p "$PGPORT" --inserts -t student -t score school >"$WORK/pg-insert.sql"
runuser -u postgres -- "$PGBIN/pg_dump" -h "$PG" -p "$PGPORT" --column-inserts --rows-per-insert=50 -t student -t score school >"$WORK/pg-rows.sql"
mariadb-dump --no-defaults --socket="$MY/s" school student score >"$WORK/my-dump.sql"
mariadb-dump --no-defaults --socket="$MY/s" --skip-extended-insert --complete-insert --hex-blob school student score >"$WORK/my-lines.sql"
mariadb-dump --no-defaults --socket="$MY/s" --skip-quote-names --default-character-set=gbk school student score >"$WORK/my-gbk.sql"
# The column of bytes is text in a dump.
for dump in pg-copy pg-insert pg-rows my-dump my-lines; do
    "${X[@]}" classify "$WORK/$dump.sql" --json >"$WORK/dump.json" || fail "$dump is read"
    jq -c '[(.column | sub("^[^.]*[.](?=[^.]*[.])"; "")), .element, .grade, .rows, .hits]' "$WORK/dump.json" | grep -v 照片 | sort >"$WORK/dump.txt"
    alike "$dump says what the live tables say" "$(jq -c 'select(.column | test("^public.(score|student)")) | [(.column | sub("^[^.]*."; "")), .element, .grade, .rows, .hits]' "$WORK/pg.json" | grep -v 照片 | sort)" "$(cat "$WORK/dump.txt")"
done
finish
