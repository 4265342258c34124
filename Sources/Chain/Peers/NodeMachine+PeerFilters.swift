import Bitcoin
import SansIO

/// Hashes and headers of the compact filters of the active chain, by height (BIP157).
struct FilterChain: Sendable {
    struct Entry: Sendable {
        let block: BlockID
        let filterHash: Hash256
        let header: Hash256
    }

    private(set) var entries: [Entry] = []

    /// Follows the active chain: forgets what left it and adds what is new. The first call works through the
    /// whole chain.
    mutating func catchUp(_ chain: Chainstate) {
        while let last = entries.last, !chain.isActive(last.block) { entries.removeLast() }
        while entries.count <= chain.height {
            let id = chain.active[entries.count]
            guard let filter = Self.filter(of: id, in: chain) else { return }
            let header = filter.header(previous: entries.last?.header ?? .zero)
            entries.append(Entry(block: id, filterHash: filter.filterHash, header: header))
        }
    }

    static func filter(of id: BlockID, in chain: Chainstate) -> BlockFilter? {
        guard let block = chain.block(id), let spent = chain.undo(id) else { return nil }
        return BlockFilter(block: block, spentScripts: spent.map(\.scriptPubKey))
    }
}

/// Answers of BIP157 to light clients.
extension NodeMachine {
    /// The basic filter, the only type there is.
    private static let basic: UInt8 = 0

    mutating func serveFilters(
        _ command: PeerCommand, _ reader: inout ByteReader, _ index: Int, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(ByteReaderError) {
        let type = try reader.u8()
        let start = command == .getcfcheckpt ? 0 : Int(try reader.u32())
        let stop = try reader.hash256()
        guard configuration.peerBlockFilters, type == Self.basic else {
            peers.drop(index, "requested unsupported block filter type \(type)")
            return
        }
        guard let last = chain.tree.id(of: stop), mayServe(last) else {
            peers.drop(index, "requested invalid block hash")
            return
        }
        let height = chain.tree[last].height
        let limit =
            switch command {
            case .getcfilters: ChainLimits.peerFilters
            case .getcfheaders: ChainLimits.peerFilterHeaders
            default: Int.max
            }
        guard start <= height, height - start < limit else {
            peers.drop(index, "requested too many filters or start after stop")
            return
        }
        peers.filters.catchUp(chain)
        // A side chain's filter headers are not kept.
        guard chain.isActive(last), peers.filters.entries.count > height else { return }
        switch command {
        case .getcfilters: sendFilters(index, start...height, at: time, into: &effects)
        case .getcfheaders: sendFilterHeaders(index, start...height, stop, at: time, into: &effects)
        default: sendFilterCheckpoints(index, height, stop, at: time, into: &effects)
        }
    }

    private mutating func sendFilters(
        _ index: Int, _ heights: ClosedRange<Int>, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        for height in heights {
            let id = chain.active[height]
            guard let filter = FilterChain.filter(of: id, in: chain) else { return }
            peers.say(.cfilter, to: index, at: time, into: &effects) { writer in
                writer.write(u8: Self.basic)
                writer.write(hash: filter.blockHash)
                writer.write(compactSize: UInt64(filter.bytes.count))
                writer.write(filter.bytes)
            }
        }
    }

    private mutating func sendFilterHeaders(
        _ index: Int, _ heights: ClosedRange<Int>, _ stop: Hash256, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let entries = peers.filters.entries
        let previous = heights.lowerBound > 0 ? entries[heights.lowerBound - 1].header : .zero
        peers.say(.cfheaders, to: index, at: time, into: &effects) { writer in
            writer.write(u8: Self.basic)
            writer.write(hash: stop)
            writer.write(hash: previous)
            writer.write(compactSize: UInt64(heights.count))
            for height in heights { writer.write(hash: entries[height].filterHash) }
        }
    }

    private mutating func sendFilterCheckpoints(
        _ index: Int, _ height: Int, _ stop: Hash256, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let entries = peers.filters.entries
        let checkpoints = stride(from: 1_000, through: height, by: 1_000).map { entries[$0].header }
        peers.say(.cfcheckpt, to: index, at: time, into: &effects) { writer in
            writer.write(u8: Self.basic)
            writer.write(hash: stop)
            writer.write(compactSize: UInt64(checkpoints.count))
            for header in checkpoints { writer.write(hash: header) }
        }
    }
}
