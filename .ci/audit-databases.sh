# Databases that refuse the login, lie about the time, or say nothing: each its own trouble, and nothing is
# met. And PostgreSQL as a TLS endpoint that is asked to go over to TLS. Sourced by audit.sh, whose servers
# it starts again. Packages: faketime.

of_kind() { jq -r '[.troubles[].kind] | join(" ")' "$1"; }
met() { jq '[.items[] | select(.verdict.verdict == "conform" or .verdict.verdict == "partial")] | length' "$1"; }
ask() { # FILE KIND OPTIONS...
  "$XUEDUN" audit run --data "$WORK/data-trouble" --kind "$2" "${@:3}" --json > "$1" || [ $? = 1 ]
}
# What a clock decides is an error, whatever the server says.
distrusted() { jq '[.troubles[] | select(.kind == "clock_target") | .checks[]] as $c | [.results[] | select(.check as $k | $c | index($k)) | select(.verdict.verdict != "error")] | length' "$1"; }

pg_at=(--address "$WORK/pg" --port 25432 --user xuedun --database postgres)
echo "*:*:*:xuedun:wrong" > "$WORK/pgpass-wrong"; chmod 600 "$WORK/pgpass-wrong"
pg -o "-c listen_addresses=127.0.0.1" start
ask "$WORK/pg-refused.json" postgresql "${pg_at[@]}" --secret "$WORK/pgpass-wrong"
equal "PostgreSQL, a wrong password" refused "$(of_kind "$WORK/pg-refused.json")"
equal "PostgreSQL, a wrong password: met" 0 "$(met "$WORK/pg-refused.json")"
ask "$WORK/pg-nobody.json" postgresql --address "$WORK/pg" --port 25432 --user stranger --database postgres --secret "$WORK/pgpass"
equal "PostgreSQL, an account it does not know" refused "$(of_kind "$WORK/pg-nobody.json")"
ask "$WORK/pg-nodb.json" postgresql --address "$WORK/pg" --port 25432 --user xuedun --database none --secret "$WORK/pgpass"
equal "PostgreSQL, a database that is not there" not_opened "$(of_kind "$WORK/pg-nodb.json")"
ask "$WORK/pg-tls.json" tls --address 127.0.0.1 --port 25432 --starttls postgresql --server-name localhost --authorities "$WORK/c.pem"
equal "PostgreSQL as a TLS endpoint" "" "$(of_kind "$WORK/pg-tls.json")"
for check in protocols suites; do equal "PostgreSQL over TLS: $check" conform "$(verdict "$WORK/pg-tls.json" "endpoint.$check")"; done
ask "$WORK/pg-silent.json" tls --address 127.0.0.1 --port 25432 --server-name localhost
equal "without being asked it does not speak TLS: met" 0 "$(met "$WORK/pg-silent.json")"
postmaster=$(head -n 1 "$WORK/pg/data/postmaster.pid")
kill -STOP "$postmaster"
ask "$WORK/pg-mute.json" postgresql "${pg_at[@]}" --secret "$WORK/pgpass"
kill -CONT "$postmaster"
equal "PostgreSQL that says nothing" unreachable "$(of_kind "$WORK/pg-mute.json")"
equal "PostgreSQL that says nothing: met" 0 "$(met "$WORK/pg-mute.json")"
pg stop
# faketime waits for whatever it started.
runuser -u postgres -- faketime -f +1h "$pgbin/postgres" -D "$WORK/pg/data" > "$WORK/pg-clock.log" 2>&1 &
within 30 sql "SELECT 1" 2> /dev/null
ask "$WORK/pg-clock.json" postgresql "${pg_at[@]}" --secret "$WORK/pgpass"
equal "PostgreSQL an hour ahead" clock_target "$(of_kind "$WORK/pg-clock.json")"
equal "and what its clock decides" 0 "$(distrusted "$WORK/pg-clock.json")"
pg stop
wait || true
pg -o "-c listen_addresses=127.0.0.1 -c ssl=off" start
ask "$WORK/pg-plain.json" tls --address 127.0.0.1 --port 25432 --starttls postgresql --server-name localhost
equal "PostgreSQL that does not offer TLS" not_opened "$(of_kind "$WORK/pg-plain.json")"
equal "PostgreSQL that does not offer TLS: met" 0 "$(met "$WORK/pg-plain.json")"
pg stop

my_at=(--address "$WORK/my/s" --user xuedun --database mysql)
printf '[client]\npassword=wrong\n' > "$WORK/my-wrong.cnf"; chmod 600 "$WORK/my-wrong.cnf"
maria_start
ask "$WORK/my-refused.json" mysql "${my_at[@]}" --secret "$WORK/my-wrong.cnf"
equal "MariaDB, a wrong password" refused "$(of_kind "$WORK/my-refused.json")"
equal "MariaDB, a wrong password: met" 0 "$(met "$WORK/my-refused.json")"
ask "$WORK/my-nodb.json" mysql --address "$WORK/my/s" --user xuedun --database none --secret "$WORK/my.cnf"
equal "MariaDB, a database that is not there" refused "$(of_kind "$WORK/my-nodb.json")"
msql "ALTER USER xuedun@localhost ACCOUNT LOCK"
ask "$WORK/my-locked.json" mysql "${my_at[@]}" --secret "$WORK/my.cnf"
equal "MariaDB, a locked account" refused "$(of_kind "$WORK/my-locked.json")"
msql "ALTER USER xuedun@localhost ACCOUNT UNLOCK"
maria_stop
faketime -f +1h mariadbd "${maria[@]}" > "$WORK/my.log" 2>&1 &
within 20 mariadb-admin --no-defaults --socket="$WORK/my/s" ping > /dev/null 2>&1
ask "$WORK/my-clock.json" mysql "${my_at[@]}" --secret "$WORK/my.cnf"
equal "MariaDB an hour ahead" clock_target "$(of_kind "$WORK/my-clock.json")"
equal "and what its clock decides" 0 "$(distrusted "$WORK/my-clock.json")"
maria_stop
