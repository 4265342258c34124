public import Bitcoin

/// Follows the fate of the pool's own blocks by the tips that its template provider builds on. It sees one chain's tip
/// at a time: a block whose height passed while nobody looked keeps the fate that it has, and only a node can say more.
public struct BlockWatch: Sendable {
    private struct Entry: Sendable {
        var hash: Hash256
        var height: UInt32
        var fate: BlockFate
    }

    /// In the order of finding.
    private var entries: [Entry] = []

    public init() {}

    public init(_ undecided: [(hash: Hash256, height: UInt32, fate: BlockFate)]) {
        entries = undecided.map { Entry(hash: $0.hash, height: $0.height, fate: $0.fate) }
    }

    public mutating func found(_ hash: Hash256, height: UInt32) {
        entries.append(Entry(hash: hash, height: height, fate: .found))
        if entries.count > LedgerLimits.undecidedBlocks { entries.removeFirst() }
    }

    /// The provider builds a block of `height` on `previous`. Answers the fates that changed.
    public mutating func tip(_ previous: Hash256, height: UInt32) -> [(hash: Hash256, fate: BlockFate)] {
        var changes: [(hash: Hash256, fate: BlockFate)] = []
        for index in entries.indices {
            let entry = entries[index]
            let fate: BlockFate
            if entry.hash == previous {
                fate = .accepted
            } else if entry.height &+ 1 >= height {
                fate = entry.height &+ 1 == height || entry.fate == .accepted ? .orphaned : entry.fate
            } else if entry.fate == .accepted, height >= entry.height &+ LedgerLimits.coinbaseMaturity {
                fate = .matured
            } else {
                fate = entry.fate
            }
            guard fate != entry.fate else { continue }
            entries[index].fate = fate
            changes.append((entry.hash, fate))
        }
        // An orphan may come back for as long as a reorganisation is thinkable.
        entries.removeAll {
            $0.fate == .matured || height > $0.height &+ 2 * LedgerLimits.coinbaseMaturity
        }
        return changes
    }
}
