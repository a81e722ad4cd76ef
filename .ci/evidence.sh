#!/bin/bash
# Evidence among strangers: independent witnesses and a timestamp authority countersign the log, and a
# bundle is verified by tools that are not ours, following VERIFY.md word by word, and by Go's
# x/mod/sumdb. The key is changed; the log is rolled back and forked; peers fall silent. Then kinds of
# tampering: ours must find each by the right check, theirs where they look.
# Packages: golang-go golang-golang-x-mod-dev openssl openssh-client python3 unzip zip jq curl; Python 3.12 or
# later with PyPI: aics-tlog aics-witness.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
PORT_BASE=21700
parts=$ROOT/.ci/evidence

# 1. The peers: two witnesses of another maker, an authority by openssl.
newer_python() {
  local root
  root=$(pyenv root 2> /dev/null || true)
  for p in python3.14 python3.13 python3.12 python3 "$root"/versions/*/bin/python3; do
    if "$p" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2> /dev/null; then echo "$p"; return; fi
  done
  echo "no Python of 3.12 or later" >&2; return 1
}
"$(newer_python)" -m venv "$WORK/aics"
"$WORK/aics/bin/pip" install -q --disable-pip-version-check aics-tlog==0.2.1 aics-witness==0.1.0
PATH=$PATH:$WORK/aics/bin
mkdir "$WORK/tsa"
for ca in ca other; do
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$ca" -keyout "$WORK/tsa/$ca.key" -out "$WORK/tsa/$ca.pem" 2> /dev/null
done
openssl req -new -newkey rsa:2048 -nodes -subj /CN=tsa -keyout "$WORK/tsa/tsa.key" -out "$WORK/tsa/tsa.csr" 2> /dev/null
openssl x509 -req -days 30 -in "$WORK/tsa/tsa.csr" -CA "$WORK/tsa/ca.pem" -CAkey "$WORK/tsa/ca.key" -CAcreateserial \
  -extfile <(echo 'extendedKeyUsage = critical,timeStamping') -out "$WORK/tsa/tsa.pem" 2> /dev/null
echo 01 > "$WORK/tsa/serial"
cat > "$WORK/tsa/tsa.cnf" <<C
[ tsa ]
default_tsa = t
[ t ]
serial = $WORK/tsa/serial
signer_cert = $WORK/tsa/tsa.pem
signer_key = $WORK/tsa/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
C
python3 "$parts/tsa.py" "$(port 3)" "$WORK/tsa/tsa.cnf" "$WORK/tsa" 2> "$WORK/tsa/err" &

mkdir -p "$WORK/n" "$WORK/root/etc/ssh"
echo 'PermitRootLogin no' > "$WORK/root/etc/ssh/sshd_config"
CONFIG=$WORK/n/xuedun.toml
cat > "$CONFIG" <<C
[node]
data_dir = "data"
[console]
listen = "127.0.0.1:$(port 0)"
[rules]
library = false
[audit]
schedule = ""
root = "$WORK/root"
[evidence]
schedule = "* * * * *"
sm2 = true
C
evidence() { "$XUEDUN" --lang en evidence "$1" --config "$CONFIG" "${@:2}"; }
verify() { "$XUEDUN" --lang en evidence verify "$@"; }
seal() { # BUNDLE: audits, seals, hands out
  "$XUEDUN" audit run --config "$CONFIG" --root "$WORK/root" > "$WORK/run.txt" || [ $? = 1 ]
  evidence bundle -o "$1" > /dev/null
}
first_key=$(evidence key)
name=${first_key%%+*}
witness() { # N: makes a witness that knows the log
  aics-witness init -c "$WORK/w$1/witness.json" --name "w$1.example/1" --listen "127.0.0.1:$(port "$1")" > "$WORK/w$1.vkey" 2> "$WORK/w$1/made"
  aics-witness add-log -c "$WORK/w$1/witness.json" --origin "$name" --vkey "$first_key" > /dev/null 2>&1
}
serve() { # N
  aics-witness serve -c "$WORK/w$1/witness.json" --log-level ERROR > "$WORK/w$1/log" 2>&1 &
  witness_pid[$1]=$!
  within 20 curl -s -o /dev/null "http://127.0.0.1:$(port "$1")/"
}
declare -A witness_pid
vkey_of() { grep -o 'w[0-9].example/1+[0-9a-f]*+[A-Za-z0-9+/=]*' "$WORK/w$1.vkey" | head -n 1; }
for n in 1 2; do mkdir "$WORK/w$n"; witness $n; serve $n; done
for n in 1 2; do echo "witness w$n $(vkey_of $n) http://127.0.0.1:$(port $n)"; done > "$WORK/n/witnesses"
printf 'group all 2 w1 w2\nquorum all\n' >> "$WORK/n/witnesses"
cp "$WORK/tsa/ca.pem" "$WORK/n/tsa.pem"
cat >> "$CONFIG" <<C
policy = "witnesses"
tsa_url = "http://127.0.0.1:$(port 3)/"
tsa_ca = "tsa.pem"
tsa_policy = "1.2.3.4.1"
C
"$XUEDUN" config check --config "$CONFIG" > /dev/null && pass "the configuration can be used"

# 2. Two bundles, one with an attachment, verified by ours with everything a verifier may bring along.
seal "$WORK/first.zip"
echo 'door log' > "$WORK/door.txt"
"$XUEDUN" audit attest --config "$CONFIG" 8.1.1.2.a --verdict conform --owner li --note door --attach "$WORK/door.txt"
seal "$WORK/b.zip"
evidence policy > "$WORK/policy"
strict=(--policy "$WORK/policy" --tsa-ca "$WORK/tsa/ca.pem" --tsa-policy 1.2.3.4.1)
if verify "$WORK/b.zip" --key "$first_key" "${strict[@]}" > "$WORK/ours.txt"; then
  pass "two witnesses of another maker and the authority countersigned ($(grep -c '^✓' "$WORK/ours.txt") checks hold)"
else
  fail "the bundle verifies" "$(cat "$WORK/ours.txt")"
fi
unpack() { mkdir "$2"; unzip -q "$1" -d "$2"; }
unpack "$WORK/first.zip" "$WORK/first"
unpack "$WORK/b.zip" "$WORK/b"
equal "the bundle's key" "$first_key" "$(cat "$WORK/b/keys/log.vkey")"

# 3. Each fenced block of VERIFY.md, as it stands, in the unpacked bundle.
mkdir "$WORK/steps"
python3 "$parts/steps.py" "$WORK/b/VERIFY.md" "$WORK/steps"
step() { # N, in the current folder
  case $(echo "$WORK/steps/$1".*) in
    *.sh) TMPDIR=$WORK bash -eu -o pipefail "$WORK/steps/$1.sh" ;;
    *.python) python3 "$WORK/steps/$1.python" ;;
  esac
}
steps=$(ls "$WORK/steps" | wc -l)
follow() { # BUNDLE -> the numbers of the steps that fail
  for n in $(seq 0 $((steps - 1))); do
    (cd "$1" && step "$n") > "$WORK/step.out" 2>&1 || { cp "$WORK/step.out" "$WORK/step.$n.failed"; echo -n "$n "; }
  done
}
GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$WORK/gocache go build -o "$WORK/goverify" "$parts/verify.go"
go_verify() { (cd "$1" && "$WORK/goverify" "$2" "$(vkey_of 1)" "$(vkey_of 2)"); }
equal "steps of VERIFY.md" 7 "$steps"
equal "steps that fail" "" "$(follow "$WORK/b")"
(cd "$WORK/b" && for n in $(seq 0 $((steps - 1))); do step "$n"; done) > "$WORK/steps.txt" 2>&1
for said in 'Good "xuedun-evidence" signature' 'Signature Verified Successfully' 'Verification: OK' '"ok": true'; do
  if grep -qF "$said" "$WORK/steps.txt"; then pass "a tool said: $said"; else fail "no tool said $said" "$(cat "$WORK/steps.txt")"; fi
done
if out=$(go_verify "$WORK/b" "$first_key"); then pass "Go's sumdb with both witnesses: $out"; else fail "Go's sumdb" "$out"; fi
# The log itself by aics-tlog: tiles, checkpoint, witnesses.
if aics-tlog verify-checkpoint --tiles "$WORK/n/data/compliance/evidence/log" --log-key "$first_key" --origin "$name" \
  --witness-key "$(vkey_of 1)" --witness-key "$(vkey_of 2)" --quorum 2 --max-age 3600 > "$WORK/aics.out" 2>&1; then
  pass "aics-tlog reads the log's tiles"
else
  fail "aics-tlog on the tiles" "$(cat "$WORK/aics.out")"
fi

# 4. What was seen before: continued, rolled back, forked, not shown.
outcome() { verify "$@" --json --key "$first_key" | jq -r .outcome; }
equal "a checkpoint seen before is continued" verified "$(outcome "$WORK/b.zip" --against "$WORK/first/checkpoint")"
equal "a longer one was seen" rolled_back "$(outcome "$WORK/first.zip" --against "$WORK/b/checkpoint")"
equal "the first time nothing is known" verified "$(outcome "$WORK/first.zip" --seen "$WORK/seen")"
equal "the next time it is" verified "$(outcome "$WORK/b.zip" --seen "$WORK/seen")"
equal "and an older bundle is told" rolled_back "$(outcome "$WORK/first.zip" --seen "$WORK/seen")"
note() { "$XUEDUN" audit attest --config "$CONFIG" 8.1.1.2.a --verdict conform --owner li --note "$1"; }
note between
evidence checkpoint > "$WORK/between" 2> /dev/null # that no bundle carries
note after
evidence checkpoint > /dev/null 2>&1
seal "$WORK/c.zip"
equal "nothing shows how a checkpoint between is continued" unshown "$(outcome "$WORK/c.zip" --against "$WORK/between")"
evidence prove --from "$(sed -n 2p "$WORK/between")" > "$WORK/proof"
equal "a proof from the log does" verified "$(outcome "$WORK/c.zip" --against "$WORK/between" --proof "$WORK/proof")"

# 5. The key is changed; verifiers of the old key follow, and so do the witnesses once they are told.
rotated=$(evidence rotate --json)
key=$(jq -r .new <<< "$rotated")
equal "the old key is the one that was" "$first_key" "$(jq -r .old <<< "$rotated")"
equal "the new key signs" "$key" "$(evidence key)"
note door
codes() { jq -r '[(.assured.witnesses[] | .code // "signed"), (.assured.stamp.code // "stamped")] | join(" ")'; }
equal "witnesses that know the old key only" "V052 V052 stamped" "$(evidence checkpoint --json | codes)"
for n in 1 2; do aics-witness add-log -c "$WORK/w$n/witness.json" --origin "$name" --vkey "$key" > /dev/null 2>&1; done
for n in 1 2; do kill "${witness_pid[$n]}"; wait "${witness_pid[$n]}" || true; serve $n; done
equal "and after they are told the new one" "signed signed stamped" "$(evidence checkpoint --json | codes)"
seal "$WORK/new.zip"
unpack "$WORK/new.zip" "$WORK/new"
evidence policy > "$WORK/policy.new"
for by in "new.zip $key policy.new" "new.zip $first_key policy" "b.zip $first_key policy"; do
  read -r bundle k p <<< "$by"
  if verify "$WORK/$bundle" --key "$k" --policy "$WORK/$p" --tsa-ca "$WORK/tsa/ca.pem" > "$WORK/ours.txt"; then
    pass "$bundle by ${k:0:30}"
  else
    fail "$bundle by $k" "$(cat "$WORK/ours.txt")"
  fi
done
equal "steps that fail after the change" "" "$(follow "$WORK/new")"
if out=$(go_verify "$WORK/new" "$key"); then pass "Go's sumdb by the new key: $out"; else fail "Go's sumdb by the new key" "$out"; fi
if out=$(cd "$WORK/new" && step 6 | grep -F "$first_key"); then pass "the statement names the old key"; else fail "the statement" "$out"; fi

# 6. A log that was rolled back is refused by us and told by the witness; then put back.
log=$WORK/n/data/compliance/evidence/log
seen=$WORK/n/data/compliance/evidence.seen
cp -a "$log" "$WORK/old-log"
seal "$WORK/later.zip"
mv "$log" "$WORK/new-log"; cp -a "$WORK/old-log" "$log"; cp "$seen" "$WORK/kept-seen"
refused() { evidence checkpoint --json 2>&1 > /dev/null | grep -o '\[V0[0-9]*\]' || true; }
equal "a log that was rolled back is refused" "[V022]" "$(refused)"
rm "$seen"; rm -r "$log/witness"
note other
equal "without our memory the witnesses tell" "V054 V054 stamped" "$(evidence checkpoint --json | codes)"
seal "$WORK/forked.zip"
seal "$WORK/forked.zip"
equal "and the longer fork too" "V053 V053 stamped" "$(evidence checkpoint --json | codes)"
unpack "$WORK/later.zip" "$WORK/later"
key_then=$key
outcome_new() { verify "$@" --json --key "$key_then" | jq -r .outcome; }
equal "a verifier who saw the lost checkpoint" forked "$(outcome_new "$WORK/forked.zip" --against "$WORK/later/checkpoint" --proof "$WORK/later/consistency")"
cp "$WORK/kept-seen" "$seen"
equal "our memory against the fork" "[V023]" "$(refused)"
rm -r "$log"; mv "$WORK/new-log" "$log"
equal "put back, all sign again" "signed signed stamped" "$(evidence checkpoint --json | codes)"

# 7. Peers that fail: sealing goes on, the bundle says what it lacks.
missing() { verify "$1" --json --key "$key" | jq -r '[.checks[] | select(.ok | not) | .name] | join(" ")'; }
touch "$WORK/tsa/down"; kill "${witness_pid[2]}"; wait "${witness_pid[2]}" || true
seal "$WORK/lacking.zip"
equal "a bundle without a witness and the authority" "witnesses timestamp" "$(missing "$WORK/lacking.zip")"
equal "who did not answer" "signed V050 V060" "$(evidence checkpoint --json | codes)"
rm "$WORK/tsa/down"; touch "$WORK/tsa/replay"
equal "an old answer played again" "signed V050 V063" "$(evidence checkpoint --json | codes)"
rm "$WORK/tsa/replay"
serve 2
equal "all are back" "signed signed stamped" "$(evidence checkpoint --json | codes)"

# 8. Tampering, with SHA256SUMS made to fit. Packed again without a change it must still verify, or what
# follows would show nothing.
mkdir "$WORK/t"
(cd "$WORK/new" && zip -q -0 -X -D -r "$WORK/again.zip" .)
if verify "$WORK/again.zip" --key "$first_key" > "$WORK/ours.txt"; then pass "packed again"; else fail "packed again" "$(cat "$WORK/ours.txt")"; fi
python3 "$parts/tamper.py" "$WORK/new" "$WORK/b" "$WORK/t" > "$WORK/cases.txt"
ours=0 theirs=0 steps_found=0 kinds=0
while IFS=$'\t' read -r n who check wanted what; do
  kinds=$((kinds + 1))
  (cd "$WORK/t/$n" && zip -q -0 -X -D -r "../$n.zip" .)
  found=$(verify "$WORK/t/$n.zip" --key "$first_key" --json | jq -r '.checks[] | select(.ok | not) | .name' || true)
  own=$(grep -vx 'sha256sums\|sums-signature' <<< "$found" || true)
  if { [ "$check" = - ] && [ -n "$own" ]; } || grep -qFx -- "$check" <<< "$found"; then ours=$((ours + 1)); else
    fail "ours on: $what" "wanted $check, found ${found//$'\n'/ }"
  fi
  if [ "$who" = both ]; then
    if go_verify "$WORK/t/$n" "$key" > /dev/null 2>&1; then fail "Go on: $what"; else theirs=$((theirs + 1)); fi
  fi
  failing=$(follow "$WORK/t/$n")
  if [ -n "$failing" ] && { [ "$wanted" = - ] || [[ " $failing" = *" $wanted "* ]]; }; then steps_found=$((steps_found + 1)); else
    fail "VERIFY.md on: $what" "wanted step $wanted, failing: $failing"
  fi
done < "$WORK/cases.txt"
equal "kinds of tampering found by ours, each by its own check" "$kinds" "$ours"
equal "of them by Go's sumdb" "$(grep -c $'\tboth\t' "$WORK/cases.txt")" "$theirs"
equal "by the steps of VERIFY.md, each by its own step" "$kinds" "$steps_found"
[ "$kinds" -ge 46 ] || fail "kinds of tampering" "$kinds"

# 9. A node on its schedule: it asks, counts who is silent, raises an alarm, and goes on.
node_start
peer() { "$XUEDUN" status --config "$CONFIG" --json | jq -r --arg w "$1" ".evidence.peers[\$w].$2 // 0"; } 2> /dev/null
asked() { [ "$(peer w1.example/1 asked)" -ge "$1" ]; }
if within 80 asked 1; then pass "the node asks on its schedule"; else fail "the node asks on its schedule"; fi
kill "${witness_pid[2]}"; wait "${witness_pid[2]}" || true
silent() { [ "$(peer w2.example/1 failed)" -ge 1 ]; }
note door 2> /dev/null || true
if within 80 silent; then pass "a silent witness is counted"; else fail "a silent witness is counted"; fi
equal "and an alarm" 1 "$("$XUEDUN" status --config "$CONFIG" --json | jq '[.alarms[].en | select(contains("w2.example/1") and contains("V050"))] | length')"
seal "$WORK/live.zip"
equal "while the node runs a bundle is sealed" "witnesses" "$(missing "$WORK/live.zip")"
node_stop
finish
