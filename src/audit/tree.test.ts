import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { sha256 } from '../platform/ids.ts'
import {
  append,
  consistencyRanges,
  emptyRoot,
  inclusionRanges,
  leafHash,
  newEdge,
  nodeHash,
  nodesOf,
  rootOf,
  verifyConsistency,
  verifyInclusion,
  type Range,
} from './tree.ts'

/** The test data of the Certificate Transparency project for RFC 6962: eight leaves, and the root after each. */
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
]
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

/** The definition of RFC 6962 §2.1, word for word: slow, and another way than the product's. */
function defined(leaves: readonly Buffer[]): Buffer {
  const [first, second] = leaves
  if (first === undefined) return sha256('')
  if (second === undefined) return first
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return nodeHash(defined(leaves.slice(0, k)), defined(leaves.slice(k)))
}

const leaves = Array.from({ length: 70 }, (_, i) => leafHash(`act ${i}`))
const rootAt = (size: number): Buffer => defined(leaves.slice(0, size))
const over = (ranges: readonly Range[]): Buffer[] =>
  ranges.map(({ from, to }) => defined(leaves.slice(from, to)))
const flipped = (hash: Buffer): Buffer => {
  const other = Buffer.from(hash)
  other.writeUInt8(other.readUInt8(7) ^ 1, 7)
  return other
}
/** Every proof that differs from this one in one place. */
const mutants = (hashes: readonly Buffer[]): Buffer[][] => [
  ...hashes.map((hash, i) => hashes.with(i, flipped(hash))),
  ...hashes.map((_, i) => hashes.toSpliced(i, 1)),
  ...Array.from({ length: hashes.length + 1 }, (_, i) => hashes.toSpliced(i, 0, randomBytes(32))),
  ...hashes
    .slice(1)
    .map((_, i) => hashes.toSpliced(i, 2, hashes[i + 1] ?? emptyRoot, hashes[i] ?? emptyRoot)),
]

describe('the hash tree of RFC 6962', () => {
  test('gives the published roots, leaf by leaf', () => {
    const edge = newEdge()
    const roots = [rootOf(edge.hashes)]
    for (const leaf of LEAVES) {
      append(edge, leafHash(Buffer.from(leaf, 'hex')))
      roots.push(rootOf(edge.hashes))
    }
    expect(roots.map((root) => root.toString('hex'))).toEqual(ROOTS)
  })

  test('the nodes that it makes are the complete subtrees, each once, and any aligned range is put together of them', () => {
    const edge = newEdge()
    const stored = new Map(leaves.map((hash, i) => [`0/${i}`, hash]))
    for (const leaf of leaves)
      for (const { level, index, hash } of append(edge, leaf)) {
        expect(stored.has(`${level}/${index}`)).toBe(false)
        expect(hash).toEqual(defined(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)))
        stored.set(`${level}/${index}`, hash)
      }
    for (let size = 0; size <= leaves.length; size++) {
      const parts = nodesOf({ from: 0, to: size }).map(({ level, index }) => stored.get(`${level}/${index}`))
      expect(rootOf(parts.filter((hash) => hash !== undefined))).toEqual(rootAt(size))
    }
  })

  test('every inclusion proof up to 70 leaves verifies, and no mutated one does', () => {
    for (let size = 1; size <= leaves.length; size += size < 20 ? 1 : 7)
      for (const [index, leaf_hash] of leaves.slice(0, size).entries()) {
        const ranges = inclusionRanges(index, size)
        for (const { from, to } of ranges) expect(from % 2 ** Math.floor(Math.log2(to - from))).toBe(0)
        const proof = { index, size, leaf_hash, root: rootAt(size), hashes: over(ranges) }
        expect(verifyInclusion(proof)).toBe(true)
        expect(verifyInclusion({ ...proof, leaf_hash: flipped(leaf_hash) })).toBe(false)
        expect(verifyInclusion({ ...proof, root: flipped(proof.root) })).toBe(false)
        expect(verifyInclusion({ ...proof, index: size })).toBe(false)
        for (let other = 0; other < size; other++)
          expect(verifyInclusion({ ...proof, index: other })).toBe(other === index)
        for (const hashes of mutants(proof.hashes)) expect(verifyInclusion({ ...proof, hashes })).toBe(false)
      }
  })

  test('every consistency proof up to 70 leaves verifies, and no mutated one does', () => {
    for (let size = 1; size <= leaves.length; size += size < 20 ? 1 : 7)
      for (let first = 1; first <= size; first++) {
        const hashes = over(consistencyRanges(first, size))
        const proof = { first, first_root: rootAt(first), size, root: rootAt(size), hashes }
        expect(verifyConsistency(proof)).toBe(true)
        expect(verifyConsistency({ ...proof, first_root: flipped(proof.first_root) })).toBe(false)
        expect(verifyConsistency({ ...proof, root: flipped(proof.root) })).toBe(false)
        expect(verifyConsistency({ ...proof, first: size + 1 })).toBe(false)
        for (const mutant of mutants(hashes))
          expect(verifyConsistency({ ...proof, hashes: mutant })).toBe(false)
      }
  })

  test('a proof about a tree that does not exist is a bug, not an answer', () => {
    for (const [index, size] of [
      [1, 1],
      [-1, 4],
      [0, 0],
      [0.5, 2],
    ] as const)
      expect(() => inclusionRanges(index, size)).toThrow('no such tree')
    expect(() => consistencyRanges(0, 3)).toThrow('no such tree')
    expect(() => consistencyRanges(4, 3)).toThrow('no such tree')
  })
})
