public import Bitcoin

/// Names a block of one ``BlockTree``: its place in the order of arrival, the genesis being 0.
public typealias BlockID = Int

/// What is known of one block.
public struct BlockEntry: Sendable {
    public let hash: Hash256
    public let header: BlockHeader
    /// -1 for the genesis.
    public let previous: BlockID
    public let height: Int
    /// Expected hashes of the whole chain up to here.
    public let chainWork: UInt256
    /// Median of the last eleven times, this block's included.
    public let medianTime: UInt32
    /// The count of version bits up to here.
    public let versionBits: VersionBitsCount
    /// Among blocks of equal work the one whose chain was complete first wins: lower is earlier, and
    /// `notLinked` while an ancestor's body is missing.
    public internal(set) var precedence: Int64
    public internal(set) var status: Status = .headerOnly
    /// The block as bytes with witnesses; empty while only the header is known.
    public internal(set) var body: [UInt8] = []
    /// What the block spent, in order of its inputs; needed to undo it.
    var undo: [Coin] = []
    public internal(set) var transactionCount = 0
    public internal(set) var weight = 0
    public internal(set) var strippedSize = 0
    /// Whether its scripts were verified in this or an earlier life.
    var isVerified = false

    public enum Status: UInt8, Sendable {
        /// Only the header is here.
        case headerOnly
        /// The body is here and stands by itself; it was never connected.
        case stored
        /// Was connected once, so all rules were checked.
        case connected
        /// Breaks a rule, or an operator said so.
        case invalid
        /// Descends from an invalid block.
        case descendsFromInvalid
    }

    static let notLinked = Int64.max

    public var isInvalid: Bool { status == .invalid || status == .descendsFromInvalid }
    public var hasBody: Bool { !body.isEmpty }
}

/// All known headers as a tree, dense and in order of arrival.
public struct BlockTree: Sendable {
    public internal(set) var entries: [BlockEntry] = []
    private var ids: [Hash256: BlockID] = [:]
    private let deployment: VersionBitsDeployment

    public init(genesis: Block, deployment: VersionBitsDeployment) {
        self.deployment = deployment
        var count = VersionBitsCount(deployment)
        count.append(
            height: 0, version: genesis.header.version, medianTime: genesis.header.time, deployment)
        let entry = BlockEntry(
            hash: genesis.hash, header: genesis.header, previous: -1, height: 0,
            chainWork: genesis.header.bits.target?.work ?? .zero, medianTime: genesis.header.time,
            versionBits: count, precedence: 0)
        ids[entry.hash] = 0
        entries.append(entry)
    }

    public subscript(id: BlockID) -> BlockEntry {
        get { entries[id] }
        _modify { yield &entries[id] }
    }

    public func id(of hash: Hash256) -> BlockID? { ids[hash] }

    mutating func insert(_ header: BlockHeader, hash: Hash256, after previous: BlockID) -> BlockID {
        let id = entries.count
        let work = header.bits.target?.work ?? .zero
        let height = entries[previous].height + 1
        let medianTime = medianTime(endingWith: header.time, after: previous)
        var count = entries[previous].versionBits
        count.append(height: height, version: header.version, medianTime: medianTime, deployment)
        entries.append(
            BlockEntry(
                hash: hash, header: header, previous: previous, height: height,
                chainWork: entries[previous].chainWork + work, medianTime: medianTime, versionBits: count,
                precedence: BlockEntry.notLinked))
        ids[hash] = id
        return id
    }

    /// The ancestor of `id` at `height`; traps when `height` is above it.
    public func ancestor(of id: BlockID, at height: Int) -> BlockID {
        precondition(height >= 0 && height <= entries[id].height)
        var at = id
        while entries[at].height > height { at = entries[at].previous }
        return at
    }

    private func medianTime(endingWith time: UInt32, after previous: BlockID) -> UInt32 {
        var times = [time]
        times.reserveCapacity(ChainLimits.medianTimeSpan)
        var at = previous
        while at >= 0, times.count < ChainLimits.medianTimeSpan {
            times.append(entries[at].header.time)
            at = entries[at].previous
        }
        times.sort()
        return times[times.count / 2]
    }
}
