#!/bin/bash
# A bundle verified by tools that are not ours, following VERIFY.md word by word, and by Go's
# x/mod/sumdb. Then kinds of tampering: ours must find each, theirs where they look.
# Packages: golang-go golang-golang-x-mod-dev openssl python3 unzip zip
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${XUEDUN_BIN:-${CARGO_TARGET_DIR:-target}/release/xuedun}
bin=$(readlink -f "$bin")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/root/etc/ssh"
echo 'PermitRootLogin no' > "$dir/root/etc/ssh/sshd_config"

"$bin" audit run --data "$dir/data" --root "$dir/root" > "$dir/run.txt" || [ $? = 1 ]
echo 'door log' > "$dir/door.txt"
"$bin" audit attest --data "$dir/data" 8.1.1.2.a --verdict conform --owner li --note door --attach "$dir/door.txt"
"$bin" audit run --data "$dir/data" --root "$dir/root" > "$dir/run.txt" || [ $? = 1 ]
"$bin" evidence bundle --data "$dir/data" -o "$dir/b.zip" > /dev/null
key=$("$bin" evidence key --data "$dir/data")
"$bin" evidence verify "$dir/b.zip" --key "$key" > "$dir/ours.txt" || { cat "$dir/ours.txt"; exit 1; }

mkdir "$dir/b"
unzip -q "$dir/b.zip" -d "$dir/b"
[ "$(cat "$dir/b/keys/log.vkey")" = "$key" ]

# Each fenced block of VERIFY.md, as it stands, in the unpacked bundle.
cat > "$dir/blocks.py" <<'P'
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
for i, (kind, body) in enumerate(re.findall(r"```(sh|python)\n(.*?)```", text, re.S)):
    open(f"{sys.argv[2]}/{i}.{kind}", "w", encoding="utf-8").write(body)
P
mkdir "$dir/steps"
python3 "$dir/blocks.py" "$dir/b/VERIFY.md" "$dir/steps"
follow() { # in the current folder
  for step in "$dir"/steps/*; do
    case $step in
      *.sh) bash -eu -o pipefail "$step" ;;
      *.python) python3 "$step" ;;
    esac || return 1
  done
}
steps=$(ls "$dir/steps" | wc -l)
[ "$steps" -ge 3 ] || { echo "VERIFY.md has only $steps blocks"; exit 1; }
(cd "$dir/b" && follow) > "$dir/steps.txt"
grep -q '^ok ' "$dir/steps.txt"
echo "VERIFY.md followed: $steps blocks"

cat > "$dir/verify.go" <<'G'
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Println("FAIL", err)
		os.Exit(1)
	}
}

func head(file string, v note.Verifier) tlog.Tree {
	raw, err := os.ReadFile(file)
	must(err)
	n, err := note.Open(raw, note.VerifierList(v))
	must(err)
	lines := strings.Split(n.Text, "\n")
	if lines[0] != v.Name() {
		must(fmt.Errorf("origin %s", lines[0]))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	hash, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: hash}
}

func hashes(lines []string) (out []tlog.Hash) {
	for _, l := range lines {
		if l == "" {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(l)
		must(err)
		var h tlog.Hash
		copy(h[:], raw)
		out = append(out, h)
	}
	return
}

func main() {
	v, err := note.NewVerifier(os.Args[1])
	must(err)
	old, now := head("checkpoint.prev", v), head("checkpoint", v)
	raw, err := os.ReadFile("consistency")
	must(err)
	lines := strings.Split(string(raw), "\n")
	if old.N > 0 {
		must(tlog.CheckTree(tlog.TreeProof(hashes(lines[3:])), now.N, now.Hash, old.N, old.Hash))
	}
	files, _ := filepath.Glob("leaves/*.json")
	sort.Strings(files)
	if int64(len(files)) != now.N-old.N {
		must(fmt.Errorf("%d leaves, wanted %d", len(files), now.N-old.N))
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		index, err := strconv.ParseInt(name, 10, 64)
		must(err)
		leaf, err := os.ReadFile(f)
		must(err)
		proof, err := os.ReadFile("proofs/" + name + ".tlog-proof")
		must(err)
		part := strings.Split(strings.SplitN(string(proof), "\n\n", 2)[0], "\n")
		if part[0] != "c2sp.org/tlog-proof@v1" || part[1] != fmt.Sprint("index ", index) {
			must(fmt.Errorf("proof of %d says %s", index, part[1]))
		}
		must(tlog.CheckRecord(tlog.RecordProof(hashes(part[2:])), now.N, now.Hash, index, tlog.RecordHash(leaf)))
	}
	fmt.Println("ok", len(files), "leaves of", now.N)
}
G
(cd "$dir" && GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$dir/gocache" go build -o "$dir/goverify" verify.go)
(cd "$dir/b" && "$dir/goverify" "$key")

# Tampering, with SHA256SUMS made to fit. `both`: ours and Go; `ours`: only a reader of the run can see it.
cat > "$dir/tamper.py" <<'P'
import base64, glob, hashlib, os, shutil, sys
src, out = sys.argv[1:3]
leaves = sorted(glob.glob(src + "/leaves/*")); proofs = sorted(glob.glob(src + "/proofs/*"))
rel = lambda p: os.path.relpath(p, src)
def sums(d):
    names = sorted(os.path.relpath(os.path.join(r, f), d) for r, _, fs in os.walk(d) for f in fs if f != "SHA256SUMS")
    with open(d + "/SHA256SUMS", "w") as o:
        for n in names: o.write(hashlib.sha256(open(os.path.join(d, n), "rb").read()).hexdigest() + "  " + n + "\n")
def edit(name, f):
    def go(d):
        p = os.path.join(d, name); b = open(p, "rb").read(); c = f(b); assert c != b, name; open(p, "wb").write(c)
    return go
flip = lambda at: lambda b: b[:at] + bytes([b[at] ^ 1]) + b[at + 1:]
swap = lambda a, b: lambda x: x.replace(a, b, 1)
def remove(name): return lambda d: os.remove(os.path.join(d, name))
def copy(a, b): return lambda d: shutil.copy(os.path.join(d, a), os.path.join(d, b))
def exchange(a, b):
    def go(d):
        x, y = os.path.join(d, a), os.path.join(d, b); s, t = open(x, "rb").read(), open(y, "rb").read()
        open(x, "wb").write(t); open(y, "wb").write(s)
    return go
L, P = [rel(x) for x in leaves], [rel(x) for x in proofs]
line = lambda n, f: lambda b: b"\n".join(f(l) if i == n else l for i, l in enumerate(b.split(b"\n")))
up = lambda l: str(int(l) + 1).encode()
cases = [
 ("both", "first leaf flipped", edit(L[0], flip(5))), ("both", "middle leaf flipped", edit(L[len(L)//2], flip(9))),
 ("both", "last leaf flipped", edit(L[-1], flip(7))), ("both", "leaf gone", remove(L[2])), ("both", "last leaf gone", remove(L[-1])),
 ("both", "leaves exchanged", exchange(L[1], L[2])), ("both", "leaf doubled", copy(L[1], L[2])), ("both", "leaf emptied", edit(L[3], lambda b: b"")),
 ("both", "leaf grown", edit(L[4], lambda b: b + b" ")), ("both", "proof flipped", edit(P[1], line(2, lambda l: base64.b64encode(hashlib.sha256(l).digest())))),
 ("both", "proof shortened", edit(P[1], lambda b: b.replace(b.split(b"\n")[2] + b"\n", b"", 1))), ("both", "proof gone", remove(P[3])), ("both", "proofs exchanged", exchange(P[1], P[2])),
 ("both", "index of proof", edit(P[5], line(1, lambda l: b"index 0"))),
 ("both", "size of checkpoint", edit("checkpoint", line(1, up))), ("both", "root of checkpoint", edit("checkpoint", line(2, lambda l: base64.b64encode(b"x" * 32)))),
 ("both", "origin of checkpoint", edit("checkpoint", line(0, lambda l: l + b"x"))), ("both", "signature of checkpoint", edit("checkpoint", line(4, lambda l: l[:-12] + b"AAAAAAAAAAA="))),
 ("both", "no signature", edit("checkpoint", lambda b: b.split(b"\n\n")[0] + b"\n\n")), ("both", "checkpoint gone", remove("checkpoint")),
 ("both", "size of checkpoint.prev", edit("checkpoint.prev", line(1, up))), ("both", "root of checkpoint.prev", edit("checkpoint.prev", line(2, lambda l: base64.b64encode(b"y" * 32)))),
 ("both", "checkpoints exchanged", exchange("checkpoint", "checkpoint.prev")), ("both", "rolled back", copy("checkpoint.prev", "checkpoint")),
 ("both", "consistency flipped", edit("consistency", line(3, lambda l: base64.b64encode(b"z" * 32)))), ("both", "consistency gone", remove("consistency")),
 ("ours", "run.json verdict", edit("run.json", swap(b"non_conform", b"conform"))), ("ours", "report.html", edit("report.html", lambda b: b + b"<!-- -->")),
 ("ours", "items.csv", edit("items.csv", lambda b: b + b"x")), ("ours", "oscal", edit("oscal/assessment-results.json", lambda b: b + b" ")),
 ("ours", "plan", edit("oscal/assessment-plan.json", lambda b: b + b" ")), ("ours", "poam gone", remove("oscal/poam.json")),
 ("ours", "items.xlsx", edit("items.xlsx", flip(100))), ("ours", "report.docx", edit("report.docx", flip(100))),
 ("ours", "VERIFY.md", edit("VERIFY.md", lambda b: b + b"\n")), ("ours", "stray attachment", lambda d: (os.makedirs(d + "/attachments", exist_ok=True), open(d + "/attachments/x.txt", "w").write("x"))),
 ("ours", "stray file", lambda d: open(d + "/extra.txt", "w").write("x")), ("ours", "document gone", remove("report.html")),
]
for i, (who, name, change) in enumerate(cases):
    d = f"{out}/{i:02}"; shutil.copytree(src, d); change(d); sums(d)
    print(f"{i:02}\t{who}\t{name}")
P
mkdir "$dir/t"
rm -f "$dir"/b/{body,sig,key.der}
# Packed again without a change it must still verify, or what follows would show nothing.
(cd "$dir/b" && zip -q -0 -X -D -r "$dir/again.zip" .)
"$bin" evidence verify "$dir/again.zip" --key "$key" > "$dir/ours.txt" || { cat "$dir/ours.txt"; exit 1; }
python3 "$dir/tamper.py" "$dir/b" "$dir/t" > "$dir/cases.txt"
found=0 steps_found=0
while IFS=$'\t' read -r n who name; do
  (cd "$dir/t/$n" && zip -q -0 -X -D -r "../$n.zip" .)
  if "$bin" evidence verify "$dir/t/$n.zip" --key "$key" > /dev/null; then echo "MISSED by ours: $name"; exit 1; fi
  if [ "$who" = both ]; then
    if (cd "$dir/t/$n" && "$dir/goverify" "$key") > /dev/null 2>&1; then echo "MISSED by Go: $name"; exit 1; fi
  fi
  if ! (cd "$dir/t/$n" && follow) > /dev/null 2>&1; then steps_found=$((steps_found + 1)); fi
  found=$((found + 1))
done < "$dir/cases.txt"
[ "$found" -ge 30 ]
echo "tampering: $found kinds found by ours, $(grep -c $'\tboth\t' "$dir/cases.txt") of them by Go's sumdb, $steps_found by the steps of VERIFY.md"
