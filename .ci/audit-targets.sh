#!/bin/bash
# The audit of remote targets, against a real sshd, a real TLS server and ports where nobody answers:
# what keeps a run from seeing has its own name, is never "met", and the run goes on. Sourced by
# audit.sh after lib.sh, whose Python has aiosmtpd. Packages: openssh-server openssl dovecot-imapd jq.

sshd=$(command -v sshd || echo /usr/sbin/sshd)
mkdir -p "$WORK/ssh" /run/sshd
for key in host other client stranger; do ssh-keygen -q -t ed25519 -N '' -f "$WORK/ssh/$key"; done
cp "$WORK/ssh/client.pub" "$WORK/ssh/authorized"
chmod 755 "$WORK/ssh"; chmod 600 "$WORK/ssh/authorized"
# One command hangs for good; an account held to file transfer, read-only, comes on another port.
cat > "$WORK/ssh/forced" <<'C'
#!/bin/sh
case "$SSH_ORIGINAL_COMMAND" in
  *sftp*) exec /usr/lib/openssh/sftp-server -R ;;
  *sshd*-T*) exec sleep 600 ;;
  *) exec sh -c "$SSH_ORIGINAL_COMMAND" ;;
esac
C
# The same, with a clock that is an hour ahead.
sed 's|^  \*) exec.*|  *date*%s*) printf "xuedun:\\n"; echo $(( $(date +%s) + 3600 )) ;;\n&|' "$WORK/ssh/forced" > "$WORK/ssh/forced-clock"
chmod 755 "$WORK"/ssh/forced*
serve() { # PORT FORCED
  cat > "$WORK/ssh/config-$1" <<C
Port $1
ListenAddress 127.0.0.1
HostKey $WORK/ssh/host
AuthorizedKeysFile $WORK/ssh/authorized
PidFile $WORK/ssh/pid-$1
PasswordAuthentication no
PermitRootLogin yes
StrictModes no
UsePAM no
LogLevel ERROR
Subsystem sftp internal-sftp
ForceCommand $2
C
  "$sshd" -f "$WORK/ssh/config-$1"
}
serve 25022 "$WORK/ssh/forced"
serve 25023 "internal-sftp -R"
serve 25024 "$WORK/ssh/forced-clock"
stop_sshd() { for pid in "$WORK"/ssh/pid-*; do [ -f "$pid" ] && kill "$(cat "$pid")" 2> /dev/null; done; true; }
for port in 25022 25023 25024; do echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$WORK/ssh/host.pub")"; done > "$WORK/ssh/known"
echo "[127.0.0.1]:25022 $(cut -d' ' -f1,2 "$WORK/ssh/other.pub")" > "$WORK/ssh/known-wrong"
: > "$WORK/ssh/known-none"
# A port that takes the connection and never says a word.
python3 -c 'import socket,time
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1",25025)); s.listen(8); time.sleep(600)' &
mute=$!
openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=authority -keyout "$WORK/ssh/ca.key" -out "$WORK/ssh/ca.pem" 2> /dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$WORK/ssh/t.key" -out "$WORK/ssh/t.csr" 2> /dev/null
openssl x509 -req -in "$WORK/ssh/t.csr" -CA "$WORK/ssh/ca.pem" -CAkey "$WORK/ssh/ca.key" -CAcreateserial -days 90 -extfile <(echo subjectAltName=DNS:localhost) -out "$WORK/ssh/t.pem" 2> /dev/null
openssl req -x509 -newkey rsa:1024 -nodes -days 5 -sha1 -subj /CN=old -keyout "$WORK/ssh/o.key" -out "$WORK/ssh/o.pem" 2> /dev/null
openssl s_server -quiet -accept 127.0.0.1:25443 -key "$WORK/ssh/t.key" -cert "$WORK/ssh/t.pem" > /dev/null 2>&1 &
good_tls=$!
openssl s_server -quiet -accept 127.0.0.1:25444 -key "$WORK/ssh/o.key" -cert "$WORK/ssh/o.pem" -min_protocol TLSv1 -max_protocol TLSv1.2 -cipher 'ALL:@SECLEVEL=0' > /dev/null 2>&1 &
bad_tls=$!
# Mail that goes over to TLS when asked, and mail that does not.
"$WORK/v/bin/python" -m aiosmtpd -n -c aiosmtpd.handlers.Sink -l 127.0.0.1:25587 --tlscert "$WORK/ssh/t.pem" --tlskey "$WORK/ssh/t.key" --no-requiretls > "$WORK/ssh/smtp" 2>&1 &
smtp=$!
"$WORK/v/bin/python" -m aiosmtpd -n -c aiosmtpd.handlers.Sink -l 127.0.0.1:25588 > "$WORK/ssh/smtp-plain" 2>&1 &
plain=$!
mkdir "$WORK/imap"
cat > "$WORK/imap/conf" <<C
base_dir = $WORK/imap/run
log_path = $WORK/imap/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <$WORK/ssh/t.pem
ssl_key = <$WORK/ssh/t.key
ssl_min_protocol = TLSv1.2
mail_location = maildir:~/Maildir
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=$WORK/imap
}
service imap-login {
  inet_listener imap {
    port = 25143
  }
  inet_listener imaps {
    port = 0
  }
}
C
dovecot -F -c "$WORK/imap/conf" > "$WORK/imap/out" 2>&1 &
imap=$!
sleep 2
cat > "$WORK/ssh/targets.toml" <<C
concurrency = 6

[defaults]
user = "root"
key = "client"
known_hosts = "known"

[[target]]
name = "good"
kind = "ssh"
address = "127.0.0.1"
port = 25022
school = "3310000001"
group = "servers"
tags = ["reachable"]

[[target]]
name = "files-only"
kind = "ssh"
address = "127.0.0.1"
port = 25023
school = "3310000001"
tags = ["reachable"]

[[target]]
name = "wrong-clock"
kind = "ssh"
address = "127.0.0.1"
port = 25024
school = "3310000002"

[[target]]
name = "wrong-host-key"
kind = "ssh"
address = "127.0.0.1"
port = 25022
known_hosts = "known-wrong"

[[target]]
name = "unknown-host-key"
kind = "ssh"
address = "127.0.0.1"
port = 25022
known_hosts = "known-none"

[[target]]
name = "refused-key"
kind = "ssh"
address = "127.0.0.1"
port = 25022
key = "stranger"

[[target]]
name = "nobody"
kind = "ssh"
address = "127.0.0.1"
port = 1

[[target]]
name = "mute"
kind = "ssh"
address = "127.0.0.1"
port = 25025
C
for name in good:25443:ca.pem:localhost old:25444:ca.pem:old.edu.cn; do
  IFS=: read -r what port ca server <<< "$name"
  printf '\n[[target]]\nname = "tls-%s"\nkind = "tls"\naddress = "127.0.0.1"\nport = %s\nauthorities = "%s"\nserver_name = "%s"\n' "$what" "$port" "$ca" "$server" >> "$WORK/ssh/targets.toml"
done
for name in smtp:25587:smtp plain:25588:smtp imap:25143:imap other:25143:smtp; do
  IFS=: read -r what port protocol <<< "$name"
  printf '\n[[target]]\nname = "mail-%s"\nkind = "tls"\naddress = "127.0.0.1"\nport = %s\nstarttls = "%s"\nauthorities = "ca.pem"\nserver_name = "localhost"\n' "$what" "$port" "$protocol" >> "$WORK/ssh/targets.toml"
done

"$XUEDUN" audit run --data "$WORK/data-fleet" --targets "$WORK/ssh/targets.toml" --json > "$WORK/fleet.json" || [ $? = 1 ]
troubles() { jq -r --arg t "$1" '.runs[] | select(.target == $t) | [.troubles[].kind] | join(" ")' "$WORK/fleet.json"; }
equal "every target has its run" 14 "$(jq '.runs | length' "$WORK/fleet.json")"
equal "a host with a hung probe" timed_out "$(troubles good)"
equal "an account held to files" "" "$(troubles files-only)"
equal "a clock an hour ahead" "timed_out clock_target" "$(troubles wrong-clock)"
equal "another host key" host_key_changed "$(troubles wrong-host-key)"
equal "an unknown host key" host_key_unknown "$(troubles unknown-host-key)"
equal "a refused key" refused "$(troubles refused-key)"
equal "nobody there" unreachable "$(troubles nobody)"
equal "a port that says nothing" timed_out "$(troubles mute)"
equal "a TLS endpoint" "" "$(troubles tls-good)"
equal "SMTP that goes over to TLS" "" "$(troubles mail-smtp)"
equal "IMAP that goes over to TLS" "" "$(troubles mail-imap)"
equal "SMTP without TLS" not_opened "$(troubles mail-plain)"
equal "IMAP taken for SMTP" not_opened "$(troubles mail-other)"
for target in wrong-host-key unknown-host-key refused-key nobody mute mail-plain mail-other; do
  equal "$target: nothing is met" 0 "$(jq --arg t "$target" '[.runs[] | select(.target == $t) | .items.conform // 0] | add' "$WORK/fleet.json")"
done
run_of() { jq -r --arg t "$1" '.runs[] | select(.target == $t) | .run' "$WORK/fleet.json"; }
shown() { "$XUEDUN" audit show --data "$WORK/data-fleet" "$(run_of "$1")" --json > "$WORK/shown-$1.json" || [ $? = 1 ]; }
for target in good files-only wrong-clock tls-good tls-old mail-smtp mail-imap; do shown "$target"; done
equal "the run of a hung probe is complete" true "$(jq '.planned == .executed' "$WORK/shown-good.json")"
equal "a hung probe is an error by its name" A104 "$(jq -r '[.results[] | select(.cause == "A104") | .cause] | unique[]' "$WORK/shown-good.json")"
equal "what a clock decides is an error" 0 "$(jq '[.troubles[] | select(.kind == "clock_target") | .checks[]] as $c | [.results[] | select(.check as $k | $c | index($k)) | select(.verdict.verdict != "error")] | length' "$WORK/shown-wrong-clock.json")"
# The same machine, seen from here and from there, is judged alike.
"$XUEDUN" audit run --data "$WORK/data-near" --root / --json > "$WORK/near.json" || [ $? = 1 ]
jq -r '.results[] | select(.check | test("^(accounts|files|kernel|software|storage)\\.")) | .check + " " + .verdict.verdict' "$WORK/near.json" | sort > "$WORK/near.txt"
jq -r '.results[] | select(.check | test("^(accounts|files|kernel|software|storage)\\.")) | .check + " " + .verdict.verdict' "$WORK/shown-files-only.json" | sort > "$WORK/far.txt"
equal "judged alike from here and over SSH" "" "$(diff "$WORK/near.txt" "$WORK/far.txt" || true)"
tls() { verdict "$WORK/shown-tls-$1.json" endpoint."$2"; }
for check in protocols certificate key suites; do equal "TLS good: $check" conform "$(tls good $check)"; done
for check in protocols certificate key; do equal "TLS old: $check" non_conform "$(tls old $check)"; done
for mail in smtp imap; do
  for check in protocols certificate key suites; do equal "$mail over TLS: $check" conform "$(verdict "$WORK/shown-mail-$mail.json" "endpoint.$check")"; done
done
# Choosing.
"$XUEDUN" audit run --data "$WORK/data-some" --targets "$WORK/ssh/targets.toml" --tag reachable --group servers --json > "$WORK/some.json" || [ $? = 1 ]
equal "chosen by tag and group" good "$(jq -r '[.runs[].target] | join(" ")' "$WORK/some.json")"
if "$XUEDUN" audit run --data "$WORK/data-some" --targets "$WORK/ssh/targets.toml" --school 3319999999 2> /dev/null; then fail "no target chosen"; else equal "no target chosen is wrong use" 2 $?; fi
# Databases by a way that does not answer.
"$XUEDUN" audit run --data "$WORK/data-nodb" --kind postgresql --address 127.0.0.1 --port 1 --json > "$WORK/nodb.json" || [ $? = 1 ]
equal "no database there" unreachable "$(jq -r '[.troubles[].kind] | join(" ")' "$WORK/nodb.json")"
stop_sshd; kill "$mute" "$good_tls" "$bad_tls" "$smtp" "$plain" "$imap" 2> /dev/null || true
