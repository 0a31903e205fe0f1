// Checks a directory of tiles, and the proofs claimed over it, with Go's golang.org/x/mod/sumdb.
//
//	sumdb DIRECTORY CLAIMS
//
// Exit code 0: all of it holds; 10: something does not, and the last line says what; else it did
// not run as it should.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8 // tlog-tiles fixes it, and leaves it out of a tile's path

type claims struct {
	Key       string
	Inclusion []struct {
		Index  int64
		Hashes []tlog.Hash
	}
	Consistency []struct {
		Size   int64
		Root   tlog.Hash
		Hashes []tlog.Hash
	}
}

// directory is a tlog.TileReader of a static directory.
type directory string

func (d directory) Height() int { return height }

func (d directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
		read, err := os.ReadFile(filepath.Join(string(d), path))
		if err != nil {
			return nil, err
		}
		data[i] = read
	}
	return data, nil
}

func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}

// entries are those of all bundles, in order.
func (d directory) entries(size int64) ([][]byte, error) {
	var all [][]byte
	for int64(len(all)) < size {
		first := int64(len(all))
		tile := tlog.Tile{H: height, L: 0, N: first >> height, W: 1 << height}
		if size-first < 1<<height {
			tile.W = int(size - first)
		}
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/0/", height), "tile/entries/", 1)
		bundle, err := os.ReadFile(filepath.Join(string(d), path))
		if err != nil {
			return nil, err
		}
		for i := 0; i < tile.W; i++ {
			if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
				return nil, fmt.Errorf("%s is cut short", path)
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			all, bundle = append(all, bundle[2:end]), bundle[end:]
		}
		if len(bundle) > 0 {
			return nil, fmt.Errorf("%s goes on after its entries", path)
		}
	}
	return all, nil
}

// open gives the tree of the signed checkpoint. tlog.ParseTree reads the one origin of Go's own log.
func (d directory) open(key string) (tree tlog.Tree, err error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tree, err
	}
	text, err := os.ReadFile(filepath.Join(string(d), "checkpoint"))
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tree, errors.New("not a checkpoint of the log that the key names")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

// rebuild makes the tree anew from the entries, and holds root and tiles against it.
//
// tlog.TileHashReader would authenticate tiles as it reads them, but the one of x/mod 0.7 leaves
// some out: where several subtrees of the root lie in one tile, its loop over the others starts
// too late.
func (d directory) rebuild(tree tlog.Tree, entries [][]byte) error {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			hashes[i] = stored[index]
		}
		return hashes, nil
	})
	for i, entry := range entries {
		hashes, err := tlog.StoredHashes(int64(i), entry, reader)
		if err != nil {
			return err
		}
		stored = append(stored, hashes...)
	}
	if root, err := tlog.TreeHash(tree.N, reader); err != nil || root != tree.Hash {
		return fmt.Errorf("the entries give the root %v, %v", root, err)
	}
	for _, tile := range tilesOf(tree.N) {
		want, err := tlog.ReadTileData(tile, reader)
		if err != nil {
			return err
		}
		read, err := d.ReadTiles([]tlog.Tile{tile})
		if err != nil {
			return err
		}
		if !bytes.Equal(read[0], want) {
			return fmt.Errorf("%s is not the tile of these entries", tile.Path())
		}
	}
	tiles := tlog.TileHashReader(tree, d)
	if root, err := tlog.TreeHash(tree.N, tiles); err != nil || root != tree.Hash {
		return fmt.Errorf("the tiles give the root %v, %v", root, err)
	}
	return nil
}

// tilesOf are the tiles of a tree: those to publish for it, without the narrower ones of the same.
func tilesOf(size int64) []tlog.Tile {
	var widest []tlog.Tile
	for _, tile := range tlog.NewTiles(height, 0, size) {
		last := len(widest) - 1
		if last >= 0 && widest[last].L == tile.L && widest[last].N == tile.N {
			widest[last] = tile
		} else {
			widest = append(widest, tile)
		}
	}
	return widest
}

// check is where everything is held against golang.org/x/mod/sumdb/tlog.
func check(d directory, claimed claims) error {
	tree, err := d.open(claimed.Key)
	if err != nil {
		return err
	}
	entries, err := d.entries(tree.N)
	if err != nil {
		return err
	}
	if err := d.rebuild(tree, entries); err != nil {
		return err
	}
	for _, one := range claimed.Inclusion {
		leaf := tlog.RecordHash(entries[one.Index])
		if err := tlog.CheckRecord(one.Hashes, tree.N, tree.Hash, one.Index, leaf); err != nil {
			return fmt.Errorf("inclusion of %d: %w", one.Index, err)
		}
	}
	for _, one := range claimed.Consistency {
		if err := tlog.CheckTree(one.Hashes, tree.N, tree.Hash, one.Size, one.Root); err != nil {
			return fmt.Errorf("consistency from %d: %w", one.Size, err)
		}
	}
	return nil
}

func main() {
	text, err := os.ReadFile(os.Args[2])
	var claimed claims
	if err == nil {
		err = json.Unmarshal(text, &claimed)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	if err := check(directory(os.Args[1]), claimed); err != nil {
		fmt.Println(err)
		os.Exit(10)
	}
	fmt.Println("holds")
}
