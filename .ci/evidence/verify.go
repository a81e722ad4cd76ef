// A bundle by Go's x/mod/sumdb alone: verify LOGKEY [WITNESSKEY...], in the unpacked bundle. Each witness
// named must have signed (c2sp.org/tlog-cosignature, which sumdb/note takes as a Verifier of ours).
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
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

type witness struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.id }
func (w witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	head := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(sig[:8]))
	return ed25519.Verify(w.key, append([]byte(head), msg...), sig[8:])
}

func witnessOf(vkey string) note.Verifier {
	part := strings.SplitN(vkey, "+", 3)
	id, err := strconv.ParseUint(part[1], 16, 32)
	must(err)
	key, err := base64.StdEncoding.DecodeString(part[2])
	must(err)
	if len(key) != 33 || key[0] != 4 {
		must(fmt.Errorf("%s is not the key of a witness", part[0]))
	}
	return witness{part[0], uint32(id), ed25519.PublicKey(key[1:])}
}

func signedBy(file string, verifiers []note.Verifier) {
	raw, err := os.ReadFile(file)
	must(err)
	n, err := note.Open(raw, note.VerifierList(verifiers...))
	must(err)
	if len(n.Sigs) != len(verifiers) {
		must(fmt.Errorf("%d of %d signed %s", len(n.Sigs), len(verifiers), file))
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

func consistency(file string) tlog.TreeProof {
	raw, err := os.ReadFile(file)
	must(err)
	return tlog.TreeProof(hashes(strings.Split(string(raw), "\n")[3:]))
}

func main() {
	v, err := note.NewVerifier(os.Args[1])
	must(err)
	all := []note.Verifier{v}
	for _, vkey := range os.Args[2:] {
		all = append(all, witnessOf(vkey))
	}
	signedBy("checkpoint", all)
	old, now := head("checkpoint.prev", v), head("checkpoint", v)
	if old.N > 0 {
		must(tlog.CheckTree(consistency("consistency"), now.N, now.Hash, old.N, old.Hash))
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
