public import Bitcoin

/// Names a block of one ``BlockTree``: its place in the order of arrival, the genesis being 0.
public typealias BlockID = Int

/// What is known of one block; about 250 bytes in memory. Body and undo data lie in the storage:
/// ``Chainstate/body(_:)`` and ``Chainstate/undo(_:)`` read them.
public struct BlockEntry: Sendable {
    public let hash: Hash256
    public let header: BlockHeader
    /// Expected hashes of the whole chain up to here.
    public let chainWork: UInt256
    fileprivate let parent: Int32
    /// An ancestor further down: see ``BlockTree/ancestor(of:at:)``.
    fileprivate let jump: Int32
    private let level: Int32
    /// Median of the last eleven times, this block's included.
    public let medianTime: UInt32
    /// The count of version bits up to here.
    public let versionBits: VersionBitsCount
    /// Among blocks of equal work the one whose chain was complete first wins: lower is earlier, and
    /// `notLinked` while an ancestor's body is missing.
    public internal(set) var precedence: Int64
    public internal(set) var status: Status = .headerOnly
    var flags: Flags = []
    /// The block's bytes with witnesses; none while only the header is known.
    var body = StoredBytes()
    /// What the block spent, in order of its inputs; needed to undo it. None for a block that spent nothing.
    var undo = StoredBytes()
    private var counts: (transactions: UInt32, weight: UInt32, strippedSize: UInt32) = (0, 0, 0)

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

    struct Flags: OptionSet, Sendable {
        let rawValue: UInt8
        /// Its scripts were verified in this or an earlier life.
        static let verified = Flags(rawValue: 1)
        /// Its body and every ancestor's are here.
        static let linked = Flags(rawValue: 2)
        /// Its row in the storage is out of date.
        static let changed = Flags(rawValue: 4)
        /// It was connected, so that its undo data was written if it spent anything.
        static let undoable = Flags(rawValue: 8)
    }

    fileprivate init(
        _ header: BlockHeader, hash: Hash256, parent: Int32, jump: Int32, height: Int, chainWork: UInt256,
        medianTime: UInt32, versionBits: VersionBitsCount
    ) {
        self.hash = hash
        self.header = header
        self.parent = parent
        self.jump = jump
        self.level = Int32(height)
        self.chainWork = chainWork
        self.medianTime = medianTime
        self.versionBits = versionBits
        precedence = Self.notLinked
    }

    /// -1 for the genesis.
    public var previous: BlockID { BlockID(parent) }
    public var height: Int { Int(level) }
    public var isInvalid: Bool { status == .invalid || status == .descendsFromInvalid }
    public var hasBody: Bool { body.count > 0 }
    /// Bytes of the block with witnesses; 0 while only the header is known.
    public var size: Int { Int(body.count) }

    public internal(set) var transactionCount: Int {
        get { Int(counts.transactions) }
        set { counts.transactions = UInt32(newValue) }
    }
    public internal(set) var weight: Int {
        get { Int(counts.weight) }
        set { counts.weight = UInt32(newValue) }
    }
    public internal(set) var strippedSize: Int {
        get { Int(counts.strippedSize) }
        set { counts.strippedSize = UInt32(newValue) }
    }

    var isVerified: Bool {
        get { flags.contains(.verified) }
        set { if newValue { flags.insert(.verified) } else { flags.remove(.verified) } }
    }
    /// Whether its body and every ancestor's are here.
    public internal(set) var isLinked: Bool {
        get { flags.contains(.linked) }
        set { if newValue { flags.insert(.linked) } else { flags.remove(.linked) } }
    }
}

/// All known headers as a tree, dense and in order of arrival.
public struct BlockTree: Sendable {
    public internal(set) var entries: [BlockEntry] = []
    private var ids: [Hash256: Int32] = [:]
    private let deployment: VersionBitsDeployment
    /// Blocks without a child, in order of arrival.
    private(set) var leaves: [BlockID] = []
    /// Blocks whose row in the storage is out of date.
    private(set) var changed: [BlockID] = []
    /// Work of one block by its bits: on these networks hardly ever another than the last one's.
    private var lastWork: (bits: CompactTarget, work: UInt256)?

    public init(genesis: Block, deployment: VersionBitsDeployment) {
        self.deployment = deployment
        _ = insert(genesis.header, hash: genesis.hash, after: -1)
        entries[0].precedence = 0
    }

    /// Reading is for everybody; writing notes that the block's row must be stored again.
    public subscript(id: BlockID) -> BlockEntry {
        get { entries[id] }
        _modify {
            note(id)
            yield &entries[id]
        }
    }

    public var count: Int { entries.count }

    public func id(of hash: Hash256) -> BlockID? { ids[hash].map { BlockID($0) } }

    mutating func reserveCapacity(_ count: Int) {
        entries.reserveCapacity(count)
        ids.reserveCapacity(count)
    }

    mutating func insert(_ header: BlockHeader, hash: Hash256, after previous: BlockID) -> BlockID {
        let id = entries.count
        var work = work(of: header.bits)
        var height = 0
        var versionBits = VersionBitsCount(deployment)
        if previous >= 0 {
            work = entries[previous].chainWork + work
            height = entries[previous].height + 1
            versionBits = entries[previous].versionBits
        }
        let medianTime = medianTime(endingWith: header.time, after: previous)
        versionBits.append(height: height, version: header.version, medianTime: medianTime, deployment)
        entries.append(
            BlockEntry(
                header, hash: hash, parent: Int32(previous), jump: jump(above: previous), height: height,
                chainWork: work, medianTime: medianTime, versionBits: versionBits))
        ids[hash] = Int32(id)
        if let leaf = leaves.last, leaf == previous {
            leaves[leaves.count - 1] = id
        } else {
            if let place = leaves.firstIndex(of: previous) { leaves.remove(at: place) }
            leaves.append(id)
        }
        note(id)
        return id
    }

    /// The ancestor of `id` at `height`, in a number of steps that grows with the logarithm of the distance; traps
    /// when `height` is above it.
    public func ancestor(of id: BlockID, at height: Int) -> BlockID {
        precondition(height >= 0 && height <= entries[id].height)
        var at = id
        while entries[at].height > height {
            let jump = Int(entries[at].jump)
            at = entries[jump].height >= height ? jump : entries[at].previous
        }
        return at
    }

    /// Forgets which rows are out of date; the caller has written them.
    mutating func takeChanged() -> [BlockID] {
        for id in changed { entries[id].flags.remove(.changed) }
        defer { changed.removeAll(keepingCapacity: changed.count < 1_024) }
        return changed
    }

    private mutating func note(_ id: BlockID) {
        guard !entries[id].flags.contains(.changed) else { return }
        entries[id].flags.insert(.changed)
        changed.append(id)
    }

    /// Where a child of `previous` jumps to: two jumps of equal length in a row are joined to one of twice the
    /// length, which makes the lengths those of skew-binary numbers (Myers, "An applicative random-access stack").
    private func jump(above previous: BlockID) -> Int32 {
        guard previous >= 0 else { return 0 }
        let first = Int(entries[previous].jump)
        let second = Int(entries[first].jump)
        let height = entries[previous].height
        let isEqual = height - entries[first].height == entries[first].height - entries[second].height
        return isEqual ? Int32(second) : Int32(previous)
    }

    private mutating func work(of bits: CompactTarget) -> UInt256 {
        if let lastWork, lastWork.bits == bits { return lastWork.work }
        let work = bits.target?.work ?? .zero
        lastWork = (bits, work)
        return work
    }

    private func medianTime(endingWith time: UInt32, after previous: BlockID) -> UInt32 {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: ChainLimits.medianTimeSpan) { times in
            var count = 0
            var next = time
            var at = previous
            // Insertion keeps the few times in order.
            while true {
                var place = count
                while place > 0, times[place - 1] > next {
                    times[place] = times[place - 1]
                    place -= 1
                }
                times[place] = next
                count += 1
                guard count < ChainLimits.medianTimeSpan, at >= 0 else { return times[count / 2] }
                next = entries[at].header.time
                at = entries[at].previous
            }
        }
    }
}
