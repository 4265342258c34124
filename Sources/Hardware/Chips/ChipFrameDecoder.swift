/// What a chip makes of the bytes that reach it.
public enum ChipFrame: Equatable, Sendable {
    case command(ChipCommand)
    case job(ChipJob)
    /// Bytes that are no frame, or whose checksum is wrong: dropped without an answer.
    case malformed([UInt8])
}

/// The chips' side of the line: frames out of bytes, resynchronised after anything that is none. Holds no more than what
/// was last appended and one frame.
public struct ChipFrameDecoder: Sendable {
    public let family: ChipFamily
    /// Bytes that went into frames or were dropped, since the beginning: where on the line a frame ended.
    public private(set) var consumed: UInt64 = 0
    private var buffer: [UInt8] = []
    private var head = 0

    public init(family: ChipFamily) { self.family = family }

    public mutating func append(_ bytes: some Sequence<UInt8>) {
        if head > 0 {
            buffer.removeFirst(head)
            head = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// Bytes that wait for the rest of their frame.
    public var pending: ArraySlice<UInt8> { buffer[head...] }

    /// Forgets a frame that has begun: reset, or a change of the line's speed.
    public mutating func reset() {
        consumed += UInt64(buffer.count - head)
        buffer.removeAll(keepingCapacity: true)
        head = 0
    }

    /// The next frame; nil when more bytes are needed.
    public mutating func next() -> ChipFrame? {
        switch family.framing {
        // The U1 to U3 take the commands of four bytes of their time.
        case .icarus: family == .antminerU ? nextShort() : nextBlock()
        case .short: nextShort()
        case .bare: nextLong(preamble: 0)
        case .preamble: nextAfterPreamble()
        }
    }

    private var available: Int { buffer.count - head }

    private mutating func take(_ count: Int) -> [UInt8] {
        let bytes = Array(buffer[head..<head + count])
        head += count
        consumed += UInt64(count)
        return bytes
    }

    /// A job of 64 bytes, which nothing marks as one.
    private mutating func nextBlock() -> ChipFrame? {
        guard available >= 64 else { return nil }
        let bytes = take(64)
        return ChipJob(frame: bytes, of: family).map { .job($0) } ?? .malformed(bytes)
    }

    /// A command shows itself by a right checksum in its fourth byte; everything else begins a job.
    private mutating func nextShort() -> ChipFrame? {
        guard available >= 4 else { return nil }
        if let command = Self.shortCommand(Array(buffer[head..<head + 4])) {
            _ = take(4)
            return .command(command)
        }
        return nextBlock()
    }

    private static func shortCommand(_ bytes: [UInt8]) -> ChipCommand? {
        guard ChipCommand.shortChecksum(bytes) == bytes[3] else { return nil }
        // Nothing but these bytes tells a command from a job's state, so all that is fixed is asked for.
        return switch (bytes[0], bytes[1], bytes[2]) {
        case (0x01, let address, 0): .setAddress(address)
        case (0x82, let high, let low): .setClock(UInt16(high) << 8 | UInt16(low), to: .all)
        case (0x84, 0, let register): .read(register: register, of: .all)
        case (0x04, let address, let register): .read(register: register, of: .one(address))
        case (0x85, 0, 0): .chainInactive
        default: nil
        }
    }

    private mutating func nextAfterPreamble() -> ChipFrame? {
        var skipped = 0
        while skipped < available {
            let at = head + skipped
            if buffer[at] == 0x55, at + 1 == buffer.count || buffer[at + 1] == 0xaa { break }
            skipped += 1
        }
        return skipped > 0 ? .malformed(take(skipped)) : nextLong(preamble: 2)
    }

    private mutating func nextLong(preamble: Int) -> ChipFrame? {
        guard available >= preamble + 2 else { return nil }
        let header = buffer[head + preamble]
        let length = Int(buffer[head + preamble + 1])
        // The chips do not look at a job's length byte (factory 0x36, ESP-Miner 0x56, cgminer 0xff); midstate
        // chips need it, since it says how many midstates come.
        let isJob = header == 0x21
        let count = isJob && family.takesWholeHeader ? 86 : length
        guard isJob ? [54, 86, 150].contains(count) : count == 5 || count == 9 else {
            return .malformed(take(max(1, preamble)))
        }
        guard available >= preamble + count else { return nil }
        let bytes = Array(buffer[head + preamble..<head + preamble + count])
        let frame: ChipFrame? =
            isJob
            ? ChipJob(frame: bytes, of: family).map { .job($0) } : longCommand(bytes).map { .command($0) }
        // Passes over one preamble, or one byte where there is none, and looks for the next frame from there.
        _ = take(frame == nil ? max(1, preamble) : preamble + count)
        return frame ?? .malformed(Array(buffer[head - max(1, preamble)..<head]))
    }

    private func longCommand(_ bytes: [UInt8]) -> ChipCommand? {
        guard bytes.last == CRC5.of(bytes.dropLast()) else { return nil }
        let to = bytes[0] & 0x10 != 0 ? ChipAddress.all : .one(bytes[2])
        let bare = family.framing == .bare
        switch (bytes[0] & 0x6f, bytes.count) {
        case (bare ? 0x41 : 0x40, 5): return .setAddress(bytes[2])
        case (bare ? 0x44 : 0x42, 5): return .read(register: bytes[3], of: to)
        case (bare ? 0x45 : 0x43, 5): return .chainInactive
        case (bare ? 0x48 : 0x41, 9):
            return .write(register: bytes[3], value: UInt32(bigEndianBytes: bytes[4..<8]), to: to)
        default: return nil
        }
    }
}
