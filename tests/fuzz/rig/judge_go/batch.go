package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

type batch struct {
	first, count, kind, timeUs            uint64
	previous, seed, salts, signed, format []byte
	proof, records                        [][]byte
}

func parseBatch(data []byte) (b batch) {
	types := map[int]uint64{1: 2, 2: 0, 3: 0, 4: 0, 5: 0, 6: 2, 7: 2, 8: 2, 9: 2, 10: 2, 15: 2}
	for _, one := range fields(data, types, " 9  15 ", "") {
		switch one.number {
		case 1:
			b.format = one.data
		case 2:
			b.first = one.value
		case 3:
			b.count = one.value
		case 4:
			b.kind = one.value
		case 5:
			b.timeUs = one.value
		case 6:
			b.previous = one.data
		case 7:
			b.seed = one.data
		case 8:
			b.salts = one.data
		case 9:
			b.proof = append(b.proof, one.data)
		case 10:
			b.signed = one.data
		case 15:
			b.records = append(b.records, one.data)
		}
	}
	need(string(b.format) == batchFormat, "not a batch receipt")
	return b
}

func checkBatch(data []byte, vkey string) {
	b := parseBatch(data)
	tree := openCheckpoint(b.signed, vkey)
	count := len(b.records)
	need(count > 0 && uint64(count) == b.count, "the records are missing")
	if len(b.seed) > 0 {
		need(len(b.seed) == 32 && len(b.salts) == 0, "a seed or salts, not both")
		b.salts = blake3(b.seed, 16*count)
	}
	need(len(b.salts) == 16*count && len(b.previous) == 32, "salts or previous of another size")
	need(b.kind > 0 && b.kind < 256 && b.timeUs <= timeMax, "a bad kind or time")
	need(b.first < 1<<63 && b.first+uint64(count) < 1<<63, "first index too large")
	head := binary.BigEndian.AppendUint64([]byte{0, 1, byte(b.kind)}, b.timeUs)
	node := b.previous
	var leaves []tlog.Hash
	for at, record := range b.records {
		commitment := sha256.Sum256(bytes.Join([][]byte{{2}, b.salts[16*at : 16*at+16], record}, nil))
		leaf := sha256.Sum256(bytes.Join([][]byte{head, node, commitment[:]}, nil))
		node = leaf[:]
		leaves = append(leaves, leaf)
	}
	first := int64(b.first)
	checkRange(first, first+int64(count), tree.size, tree.root, leaves, asHashes(b.proof))
}

var initial = [8]uint32{
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}
var mixes = [8][4]int{
	{0, 4, 8, 12}, {1, 5, 9, 13}, {2, 6, 10, 14}, {3, 7, 11, 15},
	{0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13}, {3, 4, 9, 14},
}
var order = [16]int{2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8}

// blake3 is the extended output of BLAKE3 over one block of 32 bytes.
func blake3(seed []byte, size int) (out []byte) {
	for counter := uint32(0); len(out) < size; counter++ {
		var words [16]uint32
		for at := range 8 {
			words[at] = binary.LittleEndian.Uint32(seed[4*at:])
		}
		var v [16]uint32
		copy(v[:], initial[:])
		copy(v[8:], initial[:4])
		v[12], v[14], v[15] = counter, 32, 1|2|8
		for range 7 {
			for at, m := range mixes {
				a, b, c, d := m[0], m[1], m[2], m[3]
				for half, turns := range [2][2]int{{16, 12}, {8, 7}} {
					v[a] += v[b] + words[2*at+half]
					v[d] = bits.RotateLeft32(v[d]^v[a], -turns[0])
					v[c] += v[d]
					v[b] = bits.RotateLeft32(v[b]^v[c], -turns[1])
				}
			}
			var moved [16]uint32
			for to, from := range order {
				moved[to] = words[from]
			}
			words = moved
		}
		for at := range 8 {
			out = binary.LittleEndian.AppendUint32(out, v[at]^v[at+8])
		}
		for at := range 8 {
			out = binary.LittleEndian.AppendUint32(out, v[at+8]^initial[at])
		}
	}
	return out[:size]
}
