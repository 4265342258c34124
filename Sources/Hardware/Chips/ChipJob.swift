import Bitcoin

/// A job as it travels to the chips.
public struct ChipJob: Equatable, Sendable {
    /// As on the wire; which bits of it come back depends on the family (``ChipReply``).
    public var id: UInt8
    public var startNonce: UInt32
    public var content: Content
    /// BM1384 only: the ticket mask and the length of a sweep travel with each job.
    public var ticketMask: UInt8 = 0
    public var hashCount: UInt32 = 0

    public enum Content: Equatable, Sendable {
        /// All but the nonce; the chip rolls the version itself.
        case header(BlockHeader)
        /// One to four states after the first 64 bytes, one for each version, and the rest of the header.
        case midstates([SHA256Midstate], tail: HeaderTail)
    }

    public init(id: UInt8, startNonce: UInt32 = 0, content: Content) {
        self.id = id
        self.startNonce = startNonce
        self.content = content
    }
}

/// Bytes 64 to 75 of a header.
public struct HeaderTail: Hashable, Sendable {
    /// The last four bytes of the merkle root, as they are in the header.
    public var merkle: [UInt8]
    public var time: UInt32
    public var bits: UInt32

    public init(merkle: [UInt8], time: UInt32, bits: UInt32) {
        precondition(merkle.count == 4)
        self.merkle = merkle
        self.time = time
        self.bits = bits
    }

    public init(_ header: BlockHeader) {
        self.init(
            merkle: Array(header.bytes[64..<68]), time: header.time, bits: header.bits.bits)
    }

    /// With a nonce: what a midstate needs to become a hash.
    public func bytes(nonce: UInt32) -> [UInt8] {
        merkle + time.littleEndianBytes + bits.littleEndianBytes + nonce.littleEndianBytes
    }
}

extension ChipJob {
    /// The bytes on the line.
    ///
    /// - Returns: nil where the content does not fit the family: a whole header for a midstate chip, a number of
    ///   midstates that it does not take.
    public func frame(for family: ChipFamily) -> [UInt8]? {
        switch (family.framing, content) {
        case (.preamble, .header(let header)) where family.takesWholeHeader: headerFrame(header)
        case (.preamble, .midstates(let states, let tail)) where !family.takesWholeHeader:
            midstateFrame(states, tail, order: [startNonce.bigEndianBytes, tail.bits.littleEndianBytes])
                .map { [0x55, 0xaa] + $0 }
        case (.bare, .midstates(let states, let tail)):
            midstateFrame(states, tail, order: [startNonce.bigEndianBytes, tail.bits.littleEndianBytes])
        case (.short, .midstates(let states, let tail)) where states.count == 1:
            blockFrame(
                states[0], tail,
                gap: [UInt8](repeating: 0, count: 7) + [ticketMask] + hashCount.bigEndianBytes
                    + [UInt8](repeating: 0, count: 7) + [id])
        case (.icarus, .midstates(let states, let tail)) where states.count == 1:
            blockFrame(states[0], tail, gap: [UInt8](repeating: 0, count: 19) + [id])
        default: nil
        }
    }

    /// 88 bytes with preamble; roots and hashes go word by word from their end, bytes within a word in header order.
    private func headerFrame(_ header: BlockHeader) -> [UInt8] {
        let raw = header.bytes
        var bytes: [UInt8] = [0x21, 0x56, id, 1]
        bytes += startNonce.bigEndianBytes
        bytes += raw[72..<76]
        bytes += raw[68..<72]
        bytes += Self.wordsReversed(raw[36..<68])
        bytes += Self.wordsReversed(raw[4..<36])
        bytes += raw[0..<4]
        let crc = CRC16.of(bytes)
        return [0x55, 0xaa] + bytes + [UInt8(crc >> 8), UInt8(crc & 0xff)]
    }

    private func midstateFrame(_ states: [SHA256Midstate], _ tail: HeaderTail, order: [[UInt8]]) -> [UInt8]? {
        guard [1, 2, 4].contains(states.count) else { return nil }
        var bytes: [UInt8] = [0x21, UInt8(22 + 32 * states.count), id, UInt8(states.count)]
        for part in order { bytes += part }
        bytes += tail.time.littleEndianBytes
        bytes += tail.merkle
        for state in states { bytes += state.wireBytes }
        let crc = CRC16.of(bytes)
        return bytes + [UInt8(crc >> 8), UInt8(crc & 0xff)]
    }

    /// 64 bytes: state, 20 bytes in which only the id means something, and the tail's words from its end.
    private func blockFrame(_ state: SHA256Midstate, _ tail: HeaderTail, gap: [UInt8]) -> [UInt8] {
        state.wireBytes + gap + tail.bits.littleEndianBytes + tail.time.littleEndianBytes + tail.merkle
    }

    /// Reads a frame; checksums of job frames are checked, lengths not, as the chips do (`REFERENCE.md`).
    ///
    /// - Parameter bytes: without a preamble.
    public init?(frame bytes: [UInt8], of family: ChipFamily) {
        switch family.framing {
        case .icarus, .short: self.init(block: bytes, of: family)
        case .bare, .preamble:
            guard bytes.count > 22, bytes[0] == 0x21, CRC16.of(bytes) == 0 else { return nil }
            if family.takesWholeHeader { self.init(header: bytes) } else { self.init(midstates: bytes) }
        }
    }

    private init?(header bytes: [UInt8]) {
        guard bytes.count == 86 else { return nil }
        var raw = Array(bytes[80..<84])
        raw += Self.wordsReversed(bytes[48..<80])
        raw += Self.wordsReversed(bytes[16..<48])
        raw += bytes[12..<16]
        raw += bytes[8..<12]
        raw += [0, 0, 0, 0]
        guard let header = try? BlockHeader(bytes: raw) else { return nil }
        self.init(
            id: bytes[2], startNonce: UInt32(bigEndianBytes: bytes[4..<8]), content: .header(header))
    }

    private init?(midstates bytes: [UInt8]) {
        let count = (bytes.count - 22) / 32
        guard [1, 2, 4].contains(count), bytes.count == 22 + 32 * count else { return nil }
        let tail = HeaderTail(
            merkle: Array(bytes[16..<20]), time: UInt32(littleEndianBytes: bytes[12..<16]),
            bits: UInt32(littleEndianBytes: bytes[8..<12]))
        let states = (0..<count).map { SHA256Midstate(wireBytes: bytes[20 + 32 * $0..<52 + 32 * $0]) }
        self.init(
            id: bytes[2], startNonce: UInt32(bigEndianBytes: bytes[4..<8]),
            content: .midstates(states, tail: tail))
    }

    private init?(block bytes: [UInt8], of family: ChipFamily) {
        guard bytes.count == 64 else { return nil }
        let tail = HeaderTail(
            merkle: Array(bytes[60..<64]), time: UInt32(littleEndianBytes: bytes[56..<60]),
            bits: UInt32(littleEndianBytes: bytes[52..<56]))
        self.init(
            id: bytes[51], content: .midstates([SHA256Midstate(wireBytes: bytes[0..<32])], tail: tail))
        if family == .bm1384 {
            ticketMask = bytes[39]
            hashCount = UInt32(bigEndianBytes: bytes[40..<44])
        }
    }

    static func wordsReversed(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for start in stride(from: bytes.endIndex - 4, through: bytes.startIndex, by: -4) {
            result += bytes[start..<start + 4]
        }
        return result
    }
}

extension SHA256Midstate {
    /// The last word first, each most significant byte first.
    var wireBytes: [UInt8] { words.reversed().flatMap(\.bigEndianBytes) }

    init(wireBytes: ArraySlice<UInt8>) {
        self.init(
            words: (0..<8).map { word in
                let start = wireBytes.endIndex - 4 * (word + 1)
                return UInt32(bigEndianBytes: wireBytes[start..<start + 4])
            })
    }
}
