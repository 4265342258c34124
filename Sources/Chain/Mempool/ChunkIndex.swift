/// A chunk of the pool as the index knows it: what decides its place, and what a template needs to know of it.
struct ChunkKey: Equatable, Sendable {
    /// Modified fee over sigop-adjusted weight.
    var rate: FeeFraction
    /// Size of the chunks of the same cluster and rate up to and with this one; keeps a cluster's order.
    var prefix: Int32
    /// Number of its cluster, and its place there.
    var cluster: Int32
    var position: Int32
    var count: Int32
    /// The largest head of a txid in it: decides between equals as Core does.
    var tie: UInt64
    /// What miners really get, without operators' deltas.
    var baseFee: Int64
    var weight: Int32
    var sigOps: Int32

    func comes(before other: ChunkKey) -> Bool {
        let order = rate.compareRate(other.rate)
        if order != 0 { return order > 0 }
        if prefix != other.prefix { return prefix < other.prefix }
        if tie != other.tie { return tie < other.tie }
        return (cluster, position) < (other.cluster, other.position)
    }
}

/// All chunks of the pool, best first: sorted blocks with sums, so that one more or less costs a search and a
/// short move, and so that a template is summed up by blocks and not by transactions.
struct ChunkIndex: Sendable {
    struct Block: Sendable {
        var keys: [ChunkKey] = []
        var baseFee: Int64 = 0
        var weight = 0
        var sigOps = 0
        var count = 0

        mutating func add(_ key: ChunkKey, sign: Int) {
            baseFee += key.baseFee * Int64(sign)
            weight += Int(key.weight) * sign
            sigOps += Int(key.sigOps) * sign
            count += Int(key.count) * sign
        }
    }

    private(set) var blocks: [Block] = []
    private(set) var count = 0

    /// The chunk that would be evicted first.
    var worst: ChunkKey? { blocks.last?.keys.last }

    mutating func insert(_ key: ChunkKey) {
        count += 1
        guard !blocks.isEmpty else {
            var block = Block(keys: [key])
            block.add(key, sign: 1)
            blocks.append(block)
            return
        }
        let at = blockIndex(for: key)
        let place = blocks[at].keys.firstIndex(notBefore: key)
        blocks[at].keys.insert(key, at: place)
        blocks[at].add(key, sign: 1)
        if blocks[at].keys.count > ChainLimits.chunkIndexBlock { split(at) }
    }

    /// Traps if it is not there.
    mutating func remove(_ key: ChunkKey) {
        let at = blockIndex(for: key)
        let place = blocks[at].keys.firstIndex(notBefore: key)
        precondition(
            place < blocks[at].keys.count && blocks[at].keys[place] == key, "no such chunk in the index")
        blocks[at].keys.remove(at: place)
        blocks[at].add(key, sign: -1)
        count -= 1
        if blocks[at].keys.isEmpty { blocks.remove(at: at) }
    }

    /// The first block whose last key is not before this one; the last block if there is none.
    private func blockIndex(for key: ChunkKey) -> Int {
        var low = 0
        var high = blocks.count - 1
        while low < high {
            let middle = (low + high) / 2
            if blocks[middle].keys[blocks[middle].keys.count - 1].comes(before: key) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private mutating func split(_ at: Int) {
        let half = blocks[at].keys.count / 2
        var later = Block(keys: Array(blocks[at].keys[half...]))
        for key in later.keys {
            later.add(key, sign: 1)
            blocks[at].add(key, sign: -1)
        }
        blocks[at].keys.removeSubrange(half...)
        blocks.insert(later, at: at + 1)
    }
}

extension [ChunkKey] {
    fileprivate func firstIndex(notBefore key: ChunkKey) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].comes(before: key) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// What a block of given room would take from the pool.
struct TemplateSelection: Sendable, Equatable {
    /// Chunks in block order, as places of the index: whole blocks and, near the end, single chunks.
    fileprivate(set) var pieces: [Piece] = []
    /// Satoshi, really paid.
    fileprivate(set) var fees: Int64 = 0
    fileprivate(set) var weight = 0
    fileprivate(set) var sigOps = 0
    fileprivate(set) var count = 0

    enum Piece: Sendable, Equatable {
        case block(Int)
        case chunk(block: Int, place: Int)
    }
}

extension ChunkIndex {
    /// Core's addChunks: best first, what would reach a limit is skipped with the rest of
    /// its cluster, and the search ends after many
    /// failures near a full block. Costs a look at each block of the index, and one at each chunk around the
    /// boundary.
    func select(weight weightLimit: Int, sigOps sigOpsLimit: Int, feeRateMin: Int64) -> TemplateSelection {
        let least = FeeFraction(fee: feeRateMin, size: 1_000)
        var chosen = TemplateSelection()
        guard weightLimit > 0, sigOpsLimit > 0 else { return chosen }
        var failures = 0
        // What was left out may be what later chunks of the same cluster spend from.
        var skipped = Set<Int32>()
        for (at, block) in blocks.enumerated() {
            if skipped.isEmpty, chosen.weight + block.weight < weightLimit,
                chosen.sigOps + block.sigOps < sigOpsLimit,
                let last = block.keys.last, Self.isWorthMining(last, least)
            {
                chosen.pieces.append(.block(at))
                chosen.fees += block.baseFee
                chosen.weight += block.weight
                chosen.sigOps += block.sigOps
                chosen.count += block.count
                failures = 0
                continue
            }
            for (place, key) in block.keys.enumerated() where !skipped.contains(key.cluster) {
                guard Self.isWorthMining(key, least) else { return chosen }
                guard chosen.weight + Int(key.weight) < weightLimit,
                    chosen.sigOps + Int(key.sigOps) < sigOpsLimit
                else {
                    skipped.insert(key.cluster)
                    failures += 1
                    if failures > ChainLimits.templateFailures, chosen.weight + 4_000 > weightLimit {
                        return chosen
                    }
                    continue
                }
                failures = 0
                chosen.pieces.append(.chunk(block: at, place: place))
                chosen.fees += key.baseFee
                chosen.weight += Int(key.weight)
                chosen.sigOps += Int(key.sigOps)
                chosen.count += Int(key.count)
            }
        }
        return chosen
    }

    /// Whether it pays Core's -blockmintxfee, which counts in whole virtual bytes.
    private static func isWorthMining(_ key: ChunkKey, _ least: FeeFraction) -> Bool {
        FeeFraction(fee: key.rate.fee, size: (key.rate.size + 3) / 4).compareRate(least) >= 0
    }

    /// The chosen chunks, in block order.
    func keys(of selection: TemplateSelection) -> [ChunkKey] {
        var keys: [ChunkKey] = []
        for piece in selection.pieces {
            switch piece {
            case .block(let at): keys += blocks[at].keys
            case .chunk(let at, let place): keys.append(blocks[at].keys[place])
            }
        }
        return keys
    }

    /// Every chunk, best first.
    var keys: [ChunkKey] { blocks.flatMap(\.keys) }
}
