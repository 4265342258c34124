import Bitcoin

/// Names one piece of work between firmware and chips. Numbered upward by the firmware; a chip's answer carries
/// it back, and an answer to work the firmware has forgotten is a late one.
public struct WorkID: Hashable, Comparable, Sendable {
    public var raw: UInt32
    @inlinable
    public init(_ raw: UInt32) { self.raw = raw }
    @inlinable
    public static func < (a: WorkID, b: WorkID) -> Bool { a.raw < b.raw }
}

/// What chips are given to search: a header without its nonce, and how far they may vary it.
///
/// The byte protocol of a chip family carries the same things: full header (BM1362 and later) or midstates
/// (BM1397), ticket mask and version mask registers. It goes beneath this contract, not beside it.
public struct MiningWork: Equatable, Sendable {
    public var id: WorkID
    /// The header with nonce 0, the job's version, and the time of this work.
    public var header: BlockHeader
    /// Chips report only nonces whose hash is at most this.
    public var target: Target
    /// The version bits that chips may change (BIP320, BIP323); zero forbids version rolling.
    public var versionMask: UInt32

    public init(id: WorkID, header: BlockHeader, target: Target, versionMask: UInt32) {
        self.id = id
        self.header = header
        self.target = target
        self.versionMask = versionMask
    }
}

/// A nonce that a chip claims to have found. Chips err: the firmware hashes it again before it believes it.
public struct NonceReport: Equatable, Sendable {
    public var work: WorkID
    public var nonce: UInt32
    /// The whole header version that was hashed, rolled bits included.
    public var version: UInt32
    /// Counted from 0 within the device.
    public var board: UInt16
    /// Counted from 0 within the board.
    public var chip: UInt16

    public init(work: WorkID, nonce: UInt32, version: UInt32, board: UInt16, chip: UInt16) {
        self.work = work
        self.nonce = nonce
        self.version = version
        self.board = board
        self.chip = chip
    }
}

/// Rolled version bits as a counter: chips count, the mask scatters the count.
public enum VersionCounter {
    /// The `counter`'s low bits, put at the set bits of `mask` from the lowest up and exclusive-ored into
    /// `version`. Counter 0 leaves the version as the job has it; different counters give different versions.
    public static func roll(_ version: UInt32, mask: UInt32, counter: UInt32) -> UInt32 {
        guard counter != 0, mask != 0 else { return version }
        var result: UInt32 = 0
        var bits = mask
        var rest = counter
        while bits != 0 && rest != 0 {
            let lowest = bits & (~bits &+ 1)
            if rest & 1 == 1 { result |= lowest }
            rest >>= 1
            bits &= bits &- 1
        }
        return version ^ result
    }

    /// How many versions a mask allows, at most 2^32.
    public static func count(mask: UInt32) -> UInt64 { 1 << UInt64(mask.nonzeroBitCount) }
}
