import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let proofs: [RPCMethod] = [
        RPCMethod(
            "gettxoutproof", "txids:arr blockhash:hex?", in: "Blockchain",
            "A proof, in hex, that transactions are in a block."
        ) { node, call, _ throws(RPCError) in try node.makeProof(call) },
        RPCMethod(
            "verifytxoutproof", "proof:hex", in: "Blockchain",
            "The transactions that a proof commits to; none when the proof does not hold."
        ) { node, call, _ throws(RPCError) in try node.checkProof(call) },
    ]
}

extension NodeMachine {
    fileprivate func makeProof(_ call: RPCArguments) throws(RPCError) -> JSON {
        var wanted: [Hash256] = []
        for value in try call.array(0) ?? [] {
            guard let text = value.stringValue else {
                throw .type("JSON value of type \(value.typeName) is not of expected type string")
            }
            let txid = try hash(text, name: "txid")
            guard !wanted.contains(txid) else {
                throw .parameter("Invalid parameter, duplicated txid: \(text)")
            }
            wanted.append(txid)
        }
        guard let first = wanted.first else { throw .parameter("Parameter 'txids' cannot be empty") }
        let id: BlockID
        if call[1] != nil {
            id = try blockID(call, 1)
        } else {
            guard let place = place(of: wanted, first) else {
                throw .notFound("Transaction not yet in block")
            }
            id = place
        }
        let block = try storedBlock(id)
        let txids = block.transactions.map(\.txid)
        guard wanted.allSatisfy(txids.contains) else {
            throw .notFound("Not all transactions found in specified or retrieved block")
        }
        let tree = PartialMerkleTree(txids, proving: txids.map(wanted.contains))
        var writer = ByteWriter()
        writer.write(block.header.bytes)
        tree.write(into: &writer)
        return .string(writer.bytes.hex)
    }

    /// The block of the first of them that has an unspent output, or that the index knows.
    private func place(of wanted: [Hash256], _ first: Hash256) -> BlockID? {
        for txid in wanted {
            for index in 0..<UInt32(64) {
                if let coin = chain.coins[OutPoint(txid: txid, index: index)] {
                    return chain.active[Int(coin.height)]
                }
            }
        }
        guard configuration.chain.transactionIndex, let place = transactionPlace(first) else { return nil }
        return place.block
    }

    fileprivate func checkProof(_ call: RPCArguments) throws(RPCError) -> JSON {
        guard let bytes = [UInt8](hex: try call.string(0)) else {
            throw .parameter("proof must be hexadecimal string (not '\(try call.string(0))')")
        }
        var reader = ByteReader(bytes.span.bytes)
        guard let header = try? BlockHeader(from: &reader), let tree = try? PartialMerkleTree(from: &reader)
        else { throw .decode("Proof decode failed") }
        guard let (root, matches) = tree.matches(), root == header.merkleRoot else { return [] }
        guard let id = chain.tree.id(of: header.hash), chain.isActive(id),
            chain.tree[id].transactionCount > 0
        else { throw .notFound("Block not found in chain") }
        guard chain.tree[id].transactionCount == tree.count else { return [] }
        return .array(matches.map { .string($0.displayHex) })
    }
}

/// BIP37's partial merkle tree: the hashes and bits that lead from chosen leaves to the root.
struct PartialMerkleTree {
    let count: Int
    private var bits: [Bool] = []
    private var hashes: [Hash256] = []

    init(_ leaves: [Hash256], proving matches: [Bool]) {
        count = leaves.count
        var levels = [leaves]
        while let last = levels.last, last.count > 1 {
            levels.append(
                stride(from: 0, to: last.count, by: 2).map { index in
                    SHA256.doublePair(last[index], last[min(index + 1, last.count - 1)])
                })
        }
        build(levels, matches, level: levels.count - 1, position: 0)
    }

    private mutating func build(_ levels: [[Hash256]], _ matches: [Bool], level: Int, position: Int) {
        let leaves = position << level..<min((position + 1) << level, count)
        let leads = matches[leaves].contains(true)
        bits.append(leads)
        guard level > 0, leads else {
            hashes.append(levels[level][position])
            return
        }
        build(levels, matches, level: level - 1, position: position * 2)
        if position * 2 + 1 < levels[level - 1].count {
            build(levels, matches, level: level - 1, position: position * 2 + 1)
        }
    }

    init(from reader: inout ByteReader) throws(ByteReaderError) {
        count = Int(try reader.u32())
        let hashCount = try reader.compactSize(limit: UInt64(reader.remaining / 32))
        for _ in 0..<hashCount { hashes.append(try reader.hash256()) }
        let size = try reader.compactSize(limit: UInt64(reader.remaining))
        for byte in try reader.bytes(Int(size)) {
            for bit in 0..<8 { bits.append(byte >> UInt8(bit) & 1 == 1) }
        }
        try reader.end()
    }

    func write(into writer: inout ByteWriter) {
        writer.write(u32: UInt32(count))
        writer.write(compactSize: UInt64(hashes.count))
        for hash in hashes { writer.write(hash: hash) }
        var packed = [UInt8](repeating: 0, count: (bits.count + 7) / 8)
        for (index, bit) in bits.enumerated() where bit { packed[index / 8] |= 1 << UInt8(index % 8) }
        writer.write(compactSize: UInt64(packed.count))
        writer.write(packed)
    }

    /// The root and the chosen leaves; nil for a tree that is not well formed.
    func matches() -> (root: Hash256, matches: [Hash256])? {
        // No block holds more transactions than fit with 60 bytes each.
        guard count > 0, count <= ChainLimits.blockWeight / 240, hashes.count <= count,
            bits.count >= hashes.count
        else { return nil }
        var height = 0
        while (count + (1 << height) - 1) >> height > 1 { height += 1 }
        var walk = Walk(tree: self)
        guard let root = walk.visit(level: height, position: 0),
            (walk.nextBit + 7) / 8 == (bits.count + 7) / 8,
            walk.nextHash == hashes.count
        else { return nil }
        return (root, walk.matches)
    }

    private struct Walk {
        let tree: PartialMerkleTree
        var nextBit = 0
        var nextHash = 0
        var matches: [Hash256] = []

        mutating func visit(level: Int, position: Int) -> Hash256? {
            guard nextBit < tree.bits.count else { return nil }
            let leads = tree.bits[nextBit]
            nextBit += 1
            guard level > 0, leads else {
                guard nextHash < tree.hashes.count else { return nil }
                let hash = tree.hashes[nextHash]
                nextHash += 1
                if level == 0, leads { matches.append(hash) }
                return hash
            }
            guard let left = visit(level: level - 1, position: position * 2) else { return nil }
            var right = left
            let width = (tree.count + (1 << (level - 1)) - 1) >> (level - 1)
            if position * 2 + 1 < width {
                guard let other = visit(level: level - 1, position: position * 2 + 1), other != left else {
                    return nil
                }
                right = other
            }
            return SHA256.doublePair(left, right)
        }
    }
}
