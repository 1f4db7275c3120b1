// A judge: golang.org/x/mod/sumdb, the reference implementation of signed notes and tree proofs, and around it the
// forms of receipts, written from docs/SPEC.md.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// The root of size 0: SHA-256 of nothing.
var emptyRoot = sha256.Sum256(nil)

const (
	good   = '1'
	bad    = '0'
	cannot = '-'
)

// need ends a check; judge turns it into a verdict.
type refusal struct{ why string }

// sumdb/tlog looks for the power of two below a size by shifting, and beyond 2^62 it looks for ever.
type abstention struct{}

func readable(size int64) int64 {
	if size > 1<<62 {
		panic(abstention{})
	}
	return size
}

func need(condition bool, why string) {
	if !condition {
		panic(refusal{why})
	}
}

func needNil(err error) {
	if err != nil {
		panic(refusal{err.Error()})
	}
}

func decode(text string) []byte {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}

func decodeAll(text string) (items [][]byte) {
	for _, item := range strings.Split(text, ".")[1:] {
		items = append(items, decode(item))
	}
	return items
}

func number(text string) int64 {
	value, err := strconv.ParseInt(text, 10, 64)
	needNil(err)
	need(value >= 0, "negative")
	return value
}

func asHash(data []byte) (hash tlog.Hash) {
	need(len(data) == tlog.HashSize, "a hash has 32 bytes")
	copy(hash[:], data)
	return hash
}

func asHashes(items [][]byte) (hashes []tlog.Hash) {
	for _, item := range items {
		hashes = append(hashes, asHash(item))
	}
	return hashes
}

func judge(line string) (verdict byte) {
	defer func() {
		switch reason := recover().(type) {
		case nil:
		case refusal:
			verdict = bad
		case abstention:
			verdict = cannot
		default:
			panic(reason)
		}
	}()
	parts := strings.Split(line, "\t")
	fields := parts[1:]
	switch parts[0] {
	case "inclusion":
		proof := tlog.RecordProof(asHashes(decodeAll(fields[4])))
		leaf, root := asHash(decode(fields[2])), asHash(decode(fields[3]))
		needNil(tlog.CheckRecord(proof, readable(number(fields[1])), root, number(fields[0]), leaf))
	case "consistency":
		old, size := number(fields[0]), readable(number(fields[1]))
		if old == 0 {
			return cannot
		}
		proof := tlog.TreeProof(asHashes(decodeAll(fields[4])))
		oldRoot, newRoot := asHash(decode(fields[2])), asHash(decode(fields[3]))
		needNil(tlog.CheckTree(proof, size, newRoot, old, oldRoot))
	case "range":
		leaves, proof := asHashes(decodeAll(fields[4])), asHashes(decodeAll(fields[5]))
		root := asHash(decode(fields[3]))
		checkRange(number(fields[0]), number(fields[1]), number(fields[2]), root, leaves, proof)
	case "note":
		openCheckpoint(decode(fields[1]), string(decode(fields[0])))
	case "receipt":
		verifyReceipt(decode(fields[1]), string(decode(fields[0])))
	case "batch":
		checkBatch(decode(fields[1]), string(decode(fields[0])))
	default:
		panic("unknown kind " + parts[0])
	}
	return good
}

type checkpoint struct {
	size int64
	root tlog.Hash
}

func openCheckpoint(signed []byte, vkey string) checkpoint {
	verifier, err := note.NewVerifier(vkey)
	needNil(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	needNil(err)
	lines := strings.Split(opened.Text, "\n")
	need(len(lines) == 4 && lines[0] == verifier.Name() && lines[3] == "", "not a checkpoint of this log")
	size := number(lines[1])
	need(strconv.FormatInt(size, 10) == lines[1], "a size in another spelling")
	root := parseBase64(lines[2])
	need(size > 0 || bytes.Equal(root, emptyRoot[:]), "not the empty tree")
	return checkpoint{size, asHash(root)}
}

func parseBase64(text string) []byte {
	data, err := base64.StdEncoding.DecodeString(text)
	needNil(err)
	need(base64.StdEncoding.EncodeToString(data) == text, "base64 in another spelling")
	return data
}

// checkRange folds the tree by the recursion of RFC 6962 section 2.1.
func checkRange(begin, end, size int64, root tlog.Hash, leaves, proof []tlog.Hash) {
	need(begin < end && end <= size && end-begin == int64(len(leaves)), "no such run")
	take := func(list *[]tlog.Hash) tlog.Hash {
		need(len(*list) > 0, "too short")
		first := (*list)[0]
		*list = (*list)[1:]
		return first
	}
	var walk func(low, high int64) tlog.Hash
	walk = func(low, high int64) tlog.Hash {
		count := high - low
		if outside := high <= begin || low >= end; outside && count&(count-1) == 0 {
			return take(&proof)
		} else if count == 1 {
			return take(&leaves)
		}
		split := int64(1)
		for split < count-split {
			split *= 2
		}
		left := walk(low, low+split)
		return tlog.NodeHash(left, walk(low+split, high))
	}
	computed := walk(0, size)
	need(len(proof) == 0 && computed == root, "another root, or too long")
}

func main() {
	fmt.Println("golang.org/x/mod/sumdb, Go")
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	var verdicts []byte
	for {
		line, err := input.ReadString('\n')
		if err == io.EOF {
			return
		}
		if line != "\n" {
			verdicts = append(verdicts, judge(strings.TrimSuffix(line, "\n")))
			continue
		}
		os.Stdout.Write(append(verdicts, '\n'))
		verdicts = verdicts[:0]
	}
}
