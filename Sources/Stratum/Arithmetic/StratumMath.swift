import Bitcoin

/// Targets, hash rates and share rates. Floating point with + - x / alone, so every machine computes the same
/// bits.
public enum StratumMath {
    /// The target at which `hashRate` (hashes per second) finds `sharesPerMinute` shares in the mean: one
    /// hash in h s meets it, with s = 60 / sharesPerMinute seconds per share, so it is 2^256 / (h s) - 1.
    ///
    /// The reference implementation divides by h s + 1, one hash per share too many. At real rates nobody
    /// sees that; at an experiment's scaled-down rates, where a share costs a hundred hashes, it would be a
    /// percent.
    ///
    /// A rate that is not positive, or so low that every hash is a share, gives the easiest target.
    public static func target(hashRate: Double, sharesPerMinute: Double) -> Target {
        guard hashRate > 0, sharesPerMinute > 0, hashRate.isFinite else { return .max }
        let hashes = hashRate * 60 / sharesPerMinute
        guard hashes > 1 else { return .max }
        let value = UInt256(clamping: 0x1p256 / hashes - 1)
        return value.isZero ? Target(.one) : Target(value)
    }

    /// The hash rate (hashes per second) that finds `sharesPerMinute` shares at this target in the mean; the
    /// inverse of ``target(hashRate:sharesPerMinute:)``.
    public static func hashRate(target: Target, sharesPerMinute: Double) -> Double {
        guard sharesPerMinute > 0 else { return 0 }
        return target.expectedHashes * sharesPerMinute / 60
    }

    /// The merkle root of an extended job: the coinbase is prefix, full extranonce, suffix without witness
    /// data; its txid is then hashed with each sibling, from the leaves up (SV2 section 5.3.16).
    public static func extendedMerkleRoot(
        prefix: [UInt8], extranonce: [UInt8], suffix: [UInt8], path: [Hash256]
    ) -> Hash256 {
        var stream = SHA256Stream()
        stream.update(prefix)
        stream.update(extranonce)
        stream.update(suffix)
        return root(of: stream.finalizeDouble(), path: path)
    }

    /// The same with the prefix hashed before: keep one stream per job and finish it per share.
    public static func extendedMerkleRoot(
        hashedPrefix: SHA256Stream, extranonce: [UInt8], suffix: [UInt8], path: [Hash256]
    ) -> Hash256 {
        var stream = hashedPrefix
        stream.update(extranonce)
        stream.update(suffix)
        return root(of: stream.finalizeDouble(), path: path)
    }

    private static func root(of txid: Hash256, path: [Hash256]) -> Hash256 {
        var hash = txid
        for sibling in path { hash = SHA256.doublePair(hash, sibling) }
        return hash
    }
}

/// Version rolling: which header version bits a miner may change.
public enum VersionRolling {
    /// BIP323's 24 bits, 5 to 28, which Stratum V2 uses (SV2 section 5.1, since August 2026).
    public static let bip323Mask: UInt32 = 0x1fff_ffe0
    /// BIP320's 16 bits, 13 to 28, which Stratum V1 miners ask for.
    public static let bip320Mask: UInt32 = 0x1fff_e000

    /// The version of a share made from a job's version and the bits a V1 miner reports for its mask
    /// (BIP310).
    public static func version(job: UInt32, bits: UInt32, mask: UInt32) -> UInt32 {
        (job & ~mask) | (bits & mask)
    }

    /// Whether a share's version differs from the job's in rollable bits only.
    public static func isAllowed(_ version: UInt32, job: UInt32, mask: UInt32 = bip323Mask) -> Bool {
        (version ^ job) & ~mask == 0
    }
}

/// Stratum V1's difficulty: a number, fractional for small miners, of which 1 is Bitcoin's difficulty 1.
public struct V1Difficulty: Hashable, Sendable, Comparable {
    public var value: Double

    public init(_ value: Double) { self.value = value }
    public init(_ target: Target) { value = target.difficulty }

    /// 0xffff * 2^208 divided by the difficulty.
    public var target: Target { Target(difficulty: value) }

    /// The greatest power of two not above this; miners' displays and cgminer's logs like them. Difficulties
    /// below 1 give a power below 1.
    public var roundedDownToPowerOfTwo: V1Difficulty {
        guard value > 0, value.isFinite else { return self }
        return V1Difficulty(Double(sign: .plus, exponent: Int(value.exponent), significand: 1))
    }

    public static func < (a: V1Difficulty, b: V1Difficulty) -> Bool { a.value < b.value }
}
