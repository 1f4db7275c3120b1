// A judge: the JavaScript of docs/VERIFYING.md, which stands before this text when it runs, and beside it consistency,
// range and batch proofs, written as the recursions of RFC 6962 and not as the loops of RFC 9162.
import { createInterface } from "node:readline";

const decode = (text) => Buffer.from(text, "base64");
const decodeAll = (text) => text.split(".").slice(1).map(decode);
const joined = (left, right) => sha256(byte(1), left, right);
const half = (size) => 1n << BigInt((size - 1n).toString(2).length - 1);

function allHashes(...hashes) {
  need(hashes.flat().every((hash) => hash.length === 32), "a hash has 32 bytes");
}

function checkConsistency(old, size, oldRoot, newRoot, proof) {
  allHashes(oldRoot, newRoot, proof);
  need(old <= size, "a tree cannot shrink");
  for (const [count, root] of [[old, oldRoot], [size, newRoot]]) {
    need(count > 0n || root.equals(sha256()), "not the empty tree");
  }
  if (old === 0n || old === size) {
    need(proof.length === 0 && (old === 0n || oldRoot.equals(newRoot)), "not the same tree");
    return;
  }
  const rest = [...proof];
  // SUBPROOF from the top down; the last hash of the proof belongs to the first split.
  const walk = (m, n, whole) => {
    if (m === n) {
      if (whole) return [oldRoot, oldRoot];
      need(rest.length === 1, "another length");
      return [rest[0], rest[0]];
    }
    need(rest.length > 0, "too short");
    const sibling = rest.pop();
    const k = half(n);
    if (m <= k) {
      const [before, now] = walk(m, k, whole);
      return [before, joined(now, sibling)];
    }
    const [before, now] = walk(m - k, n - k, false);
    return [joined(sibling, before), joined(sibling, now)];
  };
  const whole = (old & (old - 1n)) === 0n;
  const [before, now] = walk(old, size, true);
  need(rest.length === (whole ? 0 : 1), "too long");
  need(before.equals(oldRoot) && now.equals(newRoot), "other roots");
}

function checkRange(begin, end, size, root, leaves, proof) {
  allHashes(root, leaves, proof);
  need(begin < end && end <= size && end - begin === BigInt(leaves.length), "no such run");
  const [inside, outside] = [[...leaves], [...proof]];
  const walk = (low, high) => {
    const count = high - low;
    const isOutside = high <= begin || low >= end;
    if (count === 1n || (isOutside && (count & (count - 1n)) === 0n)) {
      const list = isOutside ? outside : inside;
      need(list.length > 0, "too short");
      return list.shift();
    }
    const split = low + half(count);
    const left = walk(low, split);
    return joined(left, walk(split, high));
  };
  const computed = walk(0n, size);
  need(outside.length === 0 && computed.equals(root), "another root, or too long");
}

// BLAKE3 of one block of 32 bytes, as many bytes as are asked for.
const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const MIXES = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15], [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]];
const ORDER = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];

function blake3(seed, size) {
  const out = Buffer.alloc(64 * Math.ceil(size / 64));
  for (let counter = 0; 64 * counter < size; counter++) {
    let words = Array.from({ length: 16 }, (_, at) => (at < 8 ? seed.readUInt32LE(4 * at) : 0));
    const v = [...IV, ...IV.slice(0, 4), counter, 0, 32, 1 | 2 | 8];
    const turn = (value, by) => (value >>> by) | (value << (32 - by));
    for (let round = 0; round < 7; round++) {
      MIXES.forEach(([a, b, c, d], at) => {
        for (const [word, first, second] of [[words[2 * at], 16, 12], [words[2 * at + 1], 8, 7]]) {
          v[a] = (v[a] + v[b] + word) | 0;
          v[d] = turn(v[d] ^ v[a], first);
          v[c] = (v[c] + v[d]) | 0;
          v[b] = turn(v[b] ^ v[c], second);
        }
      });
      words = ORDER.map((from) => words[from]);
    }
    for (let at = 0; at < 8; at++) {
      out.writeUInt32LE((v[at] ^ v[at + 8]) >>> 0, 64 * counter + 4 * at);
      out.writeUInt32LE((v[at + 8] ^ IV[at]) >>> 0, 64 * counter + 32 + 4 * at);
    }
  }
  return out.subarray(0, size);
}

function checkBatch(data, key) {
  const types = { 1: 2, 2: 0, 3: 0, 4: 0, 5: 0, 6: 2, 7: 2, 8: 2, 9: 2, 10: 2, 15: 2 };
  const empty = Buffer.alloc(0);
  const fields = readMessage(data, types, [9, 15]);
  need(parseText(fields[1] ?? empty) === "counterfoil/batch-receipt@v1", "not a batch receipt");
  const { size, root } = openCheckpoint(parseText(fields[10] ?? empty), key);
  const [records, seed] = [fields[15] ?? [], fields[7] ?? empty];
  let [salts, node] = [fields[8] ?? empty, fields[6] ?? empty];
  need(records.length > 0 && BigInt(records.length) === (fields[3] ?? 0n), "the records are missing");
  if (seed.length) {
    need(seed.length === 32 && salts.length === 0, "a seed or salts, not both");
    salts = blake3(seed, 16 * records.length);
  }
  need(salts.length === 16 * records.length && node.length === 32, "salts or previous of another size");
  const [kind, timeUs, first] = [fields[4] ?? 0n, fields[5] ?? 0n, fields[2] ?? 0n];
  need(kind > 0n && kind < 256n && timeUs <= 253402300800n * 1000000n, "a bad kind or time");
  const head = Buffer.alloc(10);
  head.writeUInt8(1, 0);
  head.writeUInt8(Number(kind), 1);
  head.writeBigUInt64BE(timeUs, 2);
  const leaves = records.map((record, at) => {
    const commitment = sha256(byte(2), salts.subarray(16 * at, 16 * at + 16), record);
    node = sha256(byte(0), head, node, commitment);
    return node;
  });
  checkRange(first, first + BigInt(records.length), size, root, leaves, fields[9] ?? []);
}

const CHECKS = {
  inclusion([index, size, leaf, root, proof]) {
    const hashes = [decode(leaf), decode(root)];
    allHashes(hashes);
    const computed = rootAbove(parseDecimal(index), parseDecimal(size), hashes[0], decodeAll(proof));
    need(computed.equals(hashes[1]), "another root");
  },
  consistency([old, size, oldRoot, newRoot, proof]) {
    checkConsistency(parseDecimal(old), parseDecimal(size), decode(oldRoot), decode(newRoot), decodeAll(proof));
  },
  range([begin, end, size, root, leaves, proof]) {
    const numbers = [begin, end, size].map(parseDecimal);
    checkRange(...numbers, decode(root), decodeAll(leaves), decodeAll(proof));
  },
  note([vkey, note]) {
    openCheckpoint(parseText(decode(note)), parseVkey(decode(vkey).toString()));
  },
  receipt([vkey, data]) {
    verifyReceipt(decode(data), parseVkey(decode(vkey).toString()));
  },
  batch([vkey, data]) {
    checkBatch(decode(data), parseVkey(decode(vkey).toString()));
  },
};

function judge(line) {
  const [kind, ...fields] = line.split("\t");
  try {
    CHECKS[kind](fields);
    return "1";
  } catch {
    return "0";
  }
}

console.log("JavaScript of docs/VERIFYING.md, Node");
let verdicts = [];
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (line) verdicts.push(judge(line));
  else {
    process.stdout.write(`${verdicts.join("")}\n`);
    verdicts = [];
  }
}
