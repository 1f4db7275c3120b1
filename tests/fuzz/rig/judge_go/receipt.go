package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	receiptFormat = "counterfoil/receipt@v1"
	batchFormat   = "counterfoil/batch-receipt@v1"
	timeMax       = 253402300800 * 1000000
)

type receipt struct {
	index              uint64
	leaf, salt, record []byte
	proof              [][]byte
	checkpoint         []byte
}

// A told receipt: what its leaf says.
type told struct {
	timeUs uint64
	leaf   tlog.Hash
}

func verifyReceipt(data []byte, vkey string) {
	jwt := bytes.Trim(data, " \t\n\r\v\f")
	switch {
	case bytes.HasPrefix(data, []byte("\x0a\x16"+receiptFormat)):
		checkReceipt(parseBinary(data), vkey)
	case bytes.HasPrefix(jwt, []byte("eyJ")):
		checkJWT(jwt, vkey)
	case bytes.HasPrefix(bytes.TrimLeft(data, " \t\n\r"), []byte("{")):
		checkReceipt(parseJSON(data), vkey)
	default:
		checkReceipt(parseTlogProof(data), vkey)
	}
}

func checkReceipt(r receipt, vkey string) told {
	tree := openCheckpoint(r.checkpoint, vkey)
	need(len(r.leaf) == 74 && r.leaf[0] == 1 && r.leaf[1] > 0, "not a leaf of version 1")
	timeUs := binary.BigEndian.Uint64(r.leaf[2:])
	need(timeUs <= timeMax, "a time after the year 9999")
	if len(r.salt) > 0 || len(r.record) > 0 {
		need(len(r.salt) == 16, "a salt has 16 bytes")
		checkRecord(r.record)
		opened := sha256.Sum256(bytes.Join([][]byte{{2}, r.salt, r.record}, nil))
		need(bytes.Equal(opened[:], r.leaf[42:]), "not the record of this leaf")
	}
	need(r.index < 1<<63, "index too large")
	leaf := tlog.RecordHash(r.leaf)
	needNil(tlog.CheckRecord(asHashes(r.proof), readable(tree.size), tree.root, int64(r.index), leaf))
	return told{timeUs, leaf}
}

// A field of a message: its number, and a number or bytes.
type field struct {
	number int
	value  uint64
	data   []byte
}

func varint(data []byte, at *int) (value uint64) {
	read := data[*at:]
	value, size := binary.Uvarint(read)
	need(size > 0 && (size == 1 || read[size-1] != 0), "a number is cut off, too long, or not in its shortest form")
	*at += size
	return value
}

// fields reads a message in the one form that the log writes: rising numbers, no defaults, known types only.
func fields(data []byte, types map[int]uint64, repeated, always string) (found []field) {
	last := 0
	for at := 0; at < len(data); {
		tag := varint(data, &at)
		need(tag>>3 < 64, "an unknown field")
		number := int(tag >> 3)
		kind, known := types[number]
		name := fmt.Sprintf(" %d ", number)
		again := strings.Contains(repeated, name)
		need(known && kind == tag&7, "an unknown field, or one of another type")
		need(number > last || (number == last && again), "a field out of order")
		one := field{number: number, value: varint(data, &at)}
		if kind == 2 {
			need(one.value <= uint64(len(data)-at), "a field is cut off")
			one.data = data[at : at+int(one.value)]
			at += int(one.value)
		}
		need(one.value > 0 || strings.Contains(repeated, name) || strings.Contains(always, name), "an empty field is not written")
		found, last = append(found, one), number
	}
	return found
}

func checkRecord(record []byte) {
	body := false
	for _, one := range fields(record, map[int]uint64{1: 2, 2: 0, 3: 2, 4: 0, 15: 2}, "", " 15 ") {
		need((one.number != 1 && one.number != 3) || utf8.Valid(one.data), "not UTF-8")
		need(one.number != 4 || one.value == 1, "backfill is one or left out")
		body = body || one.number == 15
	}
	need(body, "a record has a body")
}

func parseBinary(data []byte) (r receipt) {
	format := ""
	for _, one := range fields(data, map[int]uint64{1: 2, 2: 0, 3: 2, 4: 2, 5: 2, 6: 2, 7: 2}, " 6 ", "") {
		switch one.number {
		case 1:
			format = string(one.data)
		case 2:
			r.index = one.value
		case 3:
			r.leaf = one.data
		case 4:
			r.salt = one.data
		case 5:
			r.record = one.data
		case 6:
			r.proof = append(r.proof, one.data)
		case 7:
			r.checkpoint = one.data
		}
	}
	need(format == receiptFormat, "not a receipt")
	return r
}

func parseTlogProof(data []byte) (r receipt) {
	head, signed, found := bytes.Cut(data, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	need(found && len(lines) >= 3 && lines[0] == "c2sp.org/tlog-proof@v1", "not a tlog-proof")
	extra, isExtra := strings.CutPrefix(lines[1], "extra ")
	index, isIndex := strings.CutPrefix(lines[2], "index ")
	need(isExtra && isIndex, "not from this log")
	opened := parseBase64(extra)
	cut := func(size int) (part []byte) {
		size = min(size, len(opened))
		part, opened = opened[:size], opened[size:]
		return part
	}
	r.index = uint64(number(index))
	need(strconv.FormatUint(r.index, 10) == index, "an index in another spelling")
	r.leaf, r.salt, r.record = cut(74), cut(16), cut(len(opened))
	for _, line := range lines[3:] {
		r.proof = append(r.proof, parseBase64(line))
	}
	r.checkpoint = signed
	return r
}

// object reads one JSON object; a name that is repeated, and bytes that are not UTF-8, are refused.
func object(data []byte) map[string]json.RawMessage {
	need(utf8.Valid(data) && json.Valid(data) && !hasLoneSurrogate(data), "not JSON")
	checkNames(json.NewDecoder(bytes.NewReader(data)))
	var found map[string]json.RawMessage
	needNil(json.Unmarshal(data, &found))
	need(found != nil, "not an object")
	return found
}

// checkNames walks one value and refuses an object at any depth that has a name twice.
func checkNames(decoder *json.Decoder) {
	decoder.UseNumber()
	token, err := decoder.Token()
	needNil(err)
	delimiter, opens := token.(json.Delim)
	if !opens {
		need(token != json.Number("-0"), "a number is -0")
		return
	}
	names := map[string]bool{}
	for decoder.More() {
		if delimiter == '{' {
			name, err := decoder.Token()
			needNil(err)
			need(!names[name.(string)], "a name is repeated")
			names[name.(string)] = true
		}
		checkNames(decoder)
	}
	_, err = decoder.Token()
	needNil(err)
}

// hasLoneSurrogate finds escapes of half a character, which Go would replace without a word.
func hasLoneSurrogate(data []byte) bool {
	var value any
	return json.Unmarshal(data, &value) != nil || strings.Contains(fmt.Sprint(value), "\uFFFD")
}

func text(raw json.RawMessage) (value string) {
	need(len(raw) > 0 && raw[0] == '"', "not text")
	needNil(json.Unmarshal(raw, &value))
	return value
}

func whole(raw json.RawMessage) uint64 {
	value, err := strconv.ParseUint(string(raw), 10, 63)
	needNil(err)
	need(strconv.FormatUint(value, 10) == string(raw), "a number in another spelling")
	return value
}

func hasNames(found map[string]json.RawMessage, names ...string) bool {
	for _, name := range names {
		if _, ok := found[name]; !ok {
			return false
		}
	}
	return len(found) == len(names)
}

func parseJSON(data []byte) (r receipt) {
	found := object(data)
	need(hasNames(found, "format", "index", "leaf", "salt", "record", "proof", "checkpoint"), "other fields")
	need(text(found["format"]) == receiptFormat, "not a receipt")
	r.index = whole(found["index"])
	r.leaf, r.salt = parseBase64(text(found["leaf"])), parseBase64(text(found["salt"]))
	r.record = parseBase64(text(found["record"]))
	r.checkpoint = []byte(text(found["checkpoint"]))
	need(found["proof"][0] == '[', "not a list")
	var steps []json.RawMessage
	needNil(json.Unmarshal(found["proof"], &steps))
	for _, step := range steps {
		r.proof = append(r.proof, parseBase64(text(step)))
	}
	return r
}

func parseBase64url(part string) []byte {
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	needNil(err)
	need(base64.RawURLEncoding.EncodeToString(data) == part, "base64url in another spelling")
	return data
}

func checkJWT(data []byte, vkey string) {
	parts := strings.Split(string(data), ".")
	need(len(parts) == 3, "a JWT has three parts")
	header, claims := object(parseBase64url(parts[0])), object(parseBase64url(parts[1]))
	halves := strings.SplitN(vkey, "+", 3)
	need(len(halves) == 3, "not a verifier key")
	material := parseBase64(halves[2])
	need(len(material) == 33, "not a verifier key")
	x := base64.RawURLEncoding.EncodeToString(material[1:])
	thumb := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`))
	need(hasNames(header, "alg", "kid", "typ"), "another header")
	alg := text(header["alg"])
	need(alg == "EdDSA" || alg == "Ed25519", "another algorithm")
	need(text(header["kid"]) == base64.RawURLEncoding.EncodeToString(thumb[:]), "another key")
	need(text(header["typ"]) == "counterfoil-receipt+jwt", "another type")
	signature := parseBase64url(parts[2])
	need(len(signature) == ed25519.SignatureSize, "a signature has 64 bytes")
	message := []byte(parts[0] + "." + parts[1])
	need(ed25519.Verify(material[1:], message, signature), "a signature does not verify")
	need(signature[0] != 1 || !bytes.Equal(signature[1:32], make([]byte, 31)), "of small order")
	delete(claims, "exp")
	need(hasNames(claims, "iss", "sub", "iat", "index", "payload", "receipt"), "other claims")
	inside := parseBinary(parseBase64url(text(claims["receipt"])))
	says := checkReceipt(inside, vkey)
	need(text(claims["iss"]) == halves[0], "another log")
	need(whole(claims["index"]) == inside.index && whole(claims["iat"]) == says.timeUs/1000000, "claims differ")
	ends := fmt.Sprintf("_%d_%x", inside.index, says.leaf[:4])
	need(strings.HasSuffix(text(claims["sub"]), ends), "about another entry")
}
