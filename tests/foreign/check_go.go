// Checks with golang.org/x/mod/sumdb what `cargo run --example emit -- DIR` wrote: go run check_go.go DIR
// Also writes vectors of its own making: go run check_go.go DIR VECTORS.json
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error, what string) {
	if err != nil {
		fmt.Println("FAIL", what, err)
		os.Exit(1)
	}
}

type vector struct {
	Index       int64    `json:"index"`
	Size        int64    `json:"size"`
	Roots       []string `json:"roots"`
	Inclusion   []string `json:"inclusion"`
	Consistency []string `json:"consistency"`
}

func hashes(hexes []string) (out []tlog.Hash) {
	for _, h := range hexes {
		b, err := hex.DecodeString(h)
		must(err, "hex")
		var hash tlog.Hash
		copy(hash[:], b)
		out = append(out, hash)
	}
	return
}

// tileReader reads our tiles by the C2SP names, which differ from sumdb's own by the height in the path.
type tileReader struct{ dir string }

func (r tileReader) Height() int { return 8 }
func (r tileReader) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, t := range tiles {
		name := strings.Replace(t.Path(), "tile/8/", "tile/", 1)
		b, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			return nil, err
		}
		data = append(data, b)
	}
	return data, nil
}
func (r tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

func main() {
	dir := os.Args[1]
	var keys map[string]string
	raw, err := os.ReadFile(filepath.Join(dir, "keys.json"))
	must(err, "keys")
	must(json.Unmarshal(raw, &keys), "keys")
	log, err := note.NewVerifier(keys["log"])
	must(err, "log key")
	next, err := note.NewVerifier(keys["next"])
	must(err, "next key")

	raw, _ = os.ReadFile(filepath.Join(dir, "checkpoint"))
	opened, err := note.Open(raw, note.VerifierList(log))
	must(err, "checkpoint")
	lines := strings.Split(opened.Text, "\n")
	size, _ := strconv.ParseInt(lines[1], 10, 64)
	root, err := tlog.ParseHash(lines[2])
	must(err, "root")
	fmt.Println("checkpoint ok: size", size, "verified", len(opened.Sigs), "unverified", len(opened.UnverifiedSigs))

	raw, _ = os.ReadFile(filepath.Join(dir, "rotated"))
	opened, err = note.Open(raw, note.VerifierList(log, next))
	must(err, "rotated")
	fmt.Println("rotated ok: verified", len(opened.Sigs))

	tree := tlog.Tree{N: size, Hash: root}
	reader := tlog.TileHashReader(tree, tileReader{dir})
	for index := int64(0); index < size; index += 7777 {
		proof, err := tlog.ProveRecord(size, index, reader)
		must(err, "prove from our tiles")
		must(tlog.CheckRecord(proof, size, root, index, tlog.RecordHash([]byte(strconv.FormatInt(index, 10)))), "record")
	}
	fmt.Println("tiles ok: Go proves from them and checks each tile against the root")

	var vectors []vector
	raw, _ = os.ReadFile(filepath.Join(dir, "proofs.json"))
	must(json.Unmarshal(raw, &vectors), "vectors")
	consistency := 0
	for _, v := range vectors {
		roots := hashes(v.Roots)
		leaf := tlog.RecordHash([]byte(strconv.FormatInt(v.Index, 10)))
		must(tlog.CheckRecord(hashes(v.Inclusion), v.Size, roots[1], v.Index, leaf), "inclusion")
		if v.Index > 0 {
			must(tlog.CheckTree(hashes(v.Consistency), v.Size, roots[1], v.Index, roots[0]), "consistency")
			consistency++
		}
	}
	fmt.Println("proofs ok:", len(vectors), "inclusion,", consistency, "consistency")
	if len(os.Args) > 2 {
		write(os.Args[2])
	}
}

type storage []tlog.Hash

func (s storage) ReadHashes(indexes []int64) (out []tlog.Hash, err error) {
	for _, i := range indexes {
		out = append(out, s[i])
	}
	return
}

func hexes(hashes []tlog.Hash) []string {
	out := []string{}
	for _, h := range hashes {
		out = append(out, hex.EncodeToString(h[:]))
	}
	return out
}

type fixed struct{}

func (fixed) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 7
	}
	return len(p), nil
}

func write(path string) {
	const n = 600
	var stored storage
	for i := int64(0); i < n; i++ {
		more, err := tlog.StoredHashes(i, []byte(strconv.FormatInt(i, 10)), stored)
		must(err, "store")
		stored = append(stored, more...)
	}
	root := func(n int64) tlog.Hash {
		h, err := tlog.TreeHash(n, stored)
		must(err, "root")
		return h
	}
	var vectors []vector
	for _, size := range []int64{1, 2, 3, 7, 8, 13, 100, 255, 256, 257, 600} {
		for _, index := range []int64{0, 1, 5, 99, 255, 256, size - 1} {
			if index >= size {
				continue
			}
			inclusion, err := tlog.ProveRecord(size, index, stored)
			must(err, "prove")
			v := vector{index, size, hexes([]tlog.Hash{root(index), root(size)}), hexes(inclusion), []string{}}
			if index > 0 {
				consistency, err := tlog.ProveTree(size, index, stored)
				must(err, "prove")
				v.Consistency = hexes(consistency)
			}
			vectors = append(vectors, v)
		}
	}
	skey, vkey, err := note.GenerateKey(fixed{}, "go.example/log")
	must(err, "key")
	signer, err := note.NewSigner(skey)
	must(err, "signer")
	text := fmt.Sprintf("go.example/log\n%d\n%v\n", n, root(n))
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	must(err, "sign")
	tiles := []string{}
	for _, t := range tlog.NewTiles(8, 0, n) {
		tiles = append(tiles, strings.Replace(t.Path(), "tile/8/", "tile/", 1))
	}
	grown := []string{}
	for _, t := range tlog.NewTiles(8, 256, n) {
		grown = append(grown, strings.Replace(t.Path(), "tile/8/", "tile/", 1))
	}
	big := tlog.Tile{H: 8, L: 1, N: 1234067, W: 17}.Path()
	out, err := json.MarshalIndent(map[string]any{"vkey": vkey, "checkpoint": string(signed), "proofs": vectors, "tiles": tiles,
		"grown": grown, "big": strings.Replace(big, "tile/8/", "tile/", 1)}, "", " ")
	must(err, "json")
	must(os.WriteFile(path, append(out, '\n'), 0o644), "write")
}
