"""Tampered copies of a bundle, each with SHA256SUMS made to fit: tamper.py BUNDLE OTHER FOLDER

OTHER is an earlier bundle of the same log. Prints a line a copy: number, who must find it, the check
of ours that must fail (- for any but the sums), the steps of VERIFY.md that must fail (- for any), name.
Who: `both` is ours and Go's sumdb, `ours` is ours and VERIFY.md. A signature over the sums finds every
one of these; what is asked here is that the part that was changed is found by its own check.
"""
import base64, glob, hashlib, os, shutil, sys
src, other, out = sys.argv[1:4]
leaves = sorted(glob.glob(src + "/leaves/*")); proofs = sorted(glob.glob(src + "/proofs/*"))
rel = lambda p: os.path.relpath(p, src)
def sums(d):
    names = sorted(os.path.relpath(os.path.join(r, f), d) for r, _, fs in os.walk(d) for f in fs if f not in ("SHA256SUMS", "SHA256SUMS.sig"))
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
def everywhere(f):
    """Changes the checkpoint and every proof that holds it, so that nothing but its lines differs."""
    def go(d):
        p = os.path.join(d, "checkpoint"); old = open(p, "rb").read(); new = f(old); assert old != new
        for n in ["checkpoint"] + P + H:
            q = os.path.join(d, n); b = open(q, "rb").read(); assert old in b, n; open(q, "wb").write(b.replace(old, new))
    return go
def blob(l): return base64.b64decode(l.split(b" ")[2])
def lines_of(b, name): return [l for l in b.split(b"\n") if l.startswith("\u2014 ".encode()) and l.split(b" ")[1] == name]
note = open(src + "/checkpoint", "rb").read()
policy = open(src + "/keys/policy", "rb").read()
witnesses = [l.split()[2] for l in policy.split(b"\n") if l.startswith(b"witness ")]
first = lines_of(note, witnesses[0].split(b"+")[0])[0]
sm2_id = bytes.fromhex(open(src + "/keys/sm2.vkey").read().split("+")[1])
sm2 = [l for l in note.split(b"\n") if l.startswith("\u2014 ".encode()) and blob(l)[:4] == sm2_id][0]
def bent(l):
    b = bytearray(blob(l)); b[-5] ^= 1; return b" ".join(l.split(b" ")[:2] + [base64.b64encode(bytes(b))])
def older(l):
    b = bytearray(blob(l)); b[11] ^= 1; return b" ".join(l.split(b" ")[:2] + [base64.b64encode(bytes(b))])
H = [rel(x) for x in sorted(glob.glob(src + "/handover/*.tlog-proof"))]
S = [rel(x) for x in sorted(glob.glob(src + "/since/*.checkpoint"))]
C = [rel(x) for x in sorted(glob.glob(src + "/since/*.consistency"))]
hand = H[0].replace(".tlog-proof", ".json")
def foreign(name): return lambda d: shutil.copy(os.path.join(other, name), os.path.join(d, name))
# What stands beside the log's own signature: the check of ours, the steps of VERIFY.md.
beside = [
 ("ours", "sm2", "3", "SM2 line bent", everywhere(swap(sm2, bent(sm2)))),
 ("ours", "sm2", "3", "SM2 line gone", everywhere(swap(sm2 + b"\n", b""))),
 ("ours", "sm2", "3", "SM2 key another", edit("keys/sm2.vkey", lambda b: b[:-9] + (b"AAAAAAA=\n" if b[-9:] != b"AAAAAAA=\n" else b"BBBBBBB=\n"))),
 ("both", "witnesses", "5", "cosignature bent", everywhere(swap(first, bent(first)))),
 ("both", "witnesses", "5", "cosignature of another time", everywhere(swap(first, older(first)))),
 ("both", "witnesses", "5", "cosignature gone", everywhere(swap(first + b"\n", b""))),
 ("ours", "witnesses", "-", "policy asks for fewer", edit("keys/policy", lambda b: b.replace(b"group g 2", b"group g 1"))),
 ("ours", "witnesses", "-", "policy without witnesses", edit("keys/policy", lambda b: b.split(b"witness")[0] + b"quorum none\n")),
 ("ours", "timestamp", "4", "timestamp bent", edit("checkpoint.tsr", lambda b: flip(len(b) - 20)(b))),
 ("ours", "timestamp", "4", "timestamp of another checkpoint", foreign("checkpoint.tsr")),
 ("ours", "timestamp", "-", "timestamp gone", remove("checkpoint.tsr")),
 ("ours", "timestamp", "4", "root of the authority another", edit("keys/tsa.pem", lambda b: open(out + "/../tsa/other.pem", "rb").read())),
 ("ours", "sums-signature", "0", "signature of the sums bent", edit("SHA256SUMS.sig", lambda b: b[:200] + (b"A" if b[200:201] != b"A" else b"B") + b[201:])),
 ("ours", "file-names", "0", "signature of the sums gone", remove("SHA256SUMS.sig")),
 ("ours", "sums-signature", "0", "signature of other sums", foreign("SHA256SUMS.sig")),
 ("ours", "key-handover", "6", "handover to another key", edit(hand, swap(b"xuedun/key-handover@v1", b"xuedun/key-handover@v2"))),
 ("ours", "key", "-", "handover gone", lambda d: [os.remove(os.path.join(d, n)) for n in (hand, H[0])]),
 ("ours", "key-handover", "2", "handover proven elsewhere", edit(H[0], line(1, lambda l: b"index 0"))),
 ("ours", "history", "2", "earlier checkpoint another", edit(S[0], line(2, lambda l: base64.b64encode(b"w" * 32)))),
 ("ours", "history", "2", "earlier checkpoint not continued", edit(C[-1], line(3, lambda l: base64.b64encode(b"v" * 32)))),
]
cases = [(who, "-", "-", name, change) for who, name, change in cases] + beside
for i, (who, check, steps, name, change) in enumerate(cases):
    d = f"{out}/{i:02}"; shutil.copytree(src, d); change(d); sums(d)
    print(f"{i:02}\t{who}\t{check}\t{steps}\t{name}")
