/// A family of mining chips, as far as the serial line shows it. Numbers and their sources: `REFERENCE.md`.
public enum ChipFamily: String, Sendable, Hashable, CaseIterable {
    case bm1384 = "BM1384"
    case bm1387 = "BM1387"
    case bm1397 = "BM1397"
    case bm1362 = "BM1362"
    case bm1366 = "BM1366"
    case bm1368 = "BM1368"
    case bm1370 = "BM1370"
    /// Block Erupter (one chip behind an Icarus front): 64 bytes in, 4 bytes out, no registers.
    case icarus = "Icarus"
    /// Antminer U1 to U3: Icarus with a work id, 5 bytes out.
    case antminerU = "AntminerU"

    /// How frames are put on the line.
    public enum Framing: Sendable, Hashable {
        /// Bare jobs and nonces.
        case icarus
        /// Commands of four bytes; jobs of 64 bytes without a checksum.
        case short
        /// Length byte and checksums, but no preamble.
        case bare
        /// `55 AA` before what goes to the chips, `AA 55` before what comes from them.
        case preamble
    }

    public var framing: Framing {
        switch self {
        case .icarus, .antminerU: .icarus
        case .bm1384: .short
        case .bm1387: .bare
        case .bm1397, .bm1362, .bm1366, .bm1368, .bm1370: .preamble
        }
    }

    /// Jobs carry the whole header; otherwise midstates.
    public var takesWholeHeader: Bool {
        switch self {
        case .bm1362, .bm1366, .bm1368, .bm1370: true
        default: false
        }
    }

    /// Bytes of a reply, preamble included. The full-header chips answer with 9 until register A4 was written.
    public var replyBytes: Int {
        switch self {
        case .icarus: 4
        case .antminerU, .bm1384: 5
        case .bm1387: 7
        case .bm1397: 9
        case .bm1362, .bm1366, .bm1368, .bm1370: 11
        }
    }

    /// What register 0 says of the chip: its number in the upper half; the rest by family.
    public var chipID: UInt32 {
        switch self {
        case .bm1384: 0x1384_0000
        case .bm1387: 0x1387_9000
        case .bm1397: 0x1397_1800
        case .bm1362: 0x1362_0300
        case .bm1366: 0x1366_0000
        case .bm1368: 0x1368_0000
        case .bm1370: 0x1370_0000
        case .icarus, .antminerU: 0
        }
    }

    /// Cores that take part of the nonce space each.
    public var cores: Int {
        switch self {
        case .icarus, .antminerU: 1
        case .bm1384: 55
        case .bm1387: 114
        case .bm1397: 168
        case .bm1362: 65
        case .bm1366: 112
        case .bm1368: 80
        case .bm1370: 128
        }
    }

    /// Versions that a core hashes at the same time (midstates on BM1397).
    public var subcores: Int {
        switch self {
        case .bm1397: 4
        case .bm1362, .bm1366: 8
        case .bm1368, .bm1370: 16
        default: 1
        }
    }

    /// Hashes per clock cycle of a healthy chip: its small cores, dead ones taken off.
    public var units: Int {
        switch self {
        case .icarus, .antminerU: 1
        case .bm1384: 55
        case .bm1387: 114
        case .bm1397: 672
        case .bm1362: 514
        case .bm1366: 894
        case .bm1368: 1_276
        case .bm1370: 2_040
        }
    }

    /// The version bits that register A4 lets the chip count in: BIP320's sixteen.
    public static let versionShift: UInt32 = 13

    /// Job ids: the smallest step that keeps the bits free in which the chip answers which sub-core it was.
    public var jobIDStep: UInt8 {
        switch self {
        case .icarus, .antminerU, .bm1384, .bm1387: 1
        case .bm1397: 4
        case .bm1362, .bm1366: 8
        case .bm1368, .bm1370: 24
        }
    }
}
