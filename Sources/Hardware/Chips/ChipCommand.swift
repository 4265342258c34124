/// A frame to the chips that is not a job.
public enum ChipCommand: Equatable, Sendable {
    /// All chips forget their addresses and forward what comes.
    case chainInactive
    /// The first chip without an address takes it; nobody behind it hears of it.
    case setAddress(UInt8)
    case read(register: UInt8, of: ChipAddress)
    case write(register: UInt8, value: UInt32, to: ChipAddress)
    /// BM1384 only: the clock code of `PLLSetting`'s old form.
    case setClock(UInt16, to: ChipAddress)
}

/// One chip of a chain, or all.
public enum ChipAddress: Hashable, Sendable {
    case all
    case one(UInt8)

    var byte: UInt8 {
        switch self {
        case .all: 0
        case .one(let address): address
        }
    }
}

extension ChipCommand {
    /// The bytes on the line.
    ///
    /// - Returns: nil where the family has no such frame.
    public func frame(for family: ChipFamily) -> [UInt8]? {
        switch family.framing {
        case .icarus: nil
        case .short: shortFrame
        case .bare: longFrame(header: bareHeader)
        case .preamble: longFrame(header: preambleHeader).map { [0x55, 0xaa] + $0 }
        }
    }

    /// Header, two bytes, and CRC5 over the first 27 bits in the low bits of the last.
    private var shortFrame: [UInt8]? {
        var bytes: [UInt8]
        switch self {
        case .chainInactive: bytes = [0x85, 0, 0]
        case .setAddress(let address): bytes = [0x01, address, 0]
        case .read(let register, .all): bytes = [0x84, 0, register]
        case .read(let register, .one(let address)): bytes = [0x04, address, register]
        case .setClock(let code, let to):
            bytes = [to == .all ? 0x82 : 0x02, UInt8(code >> 8), UInt8(code & 0xff)]
        case .write: return nil
        }
        return bytes + [Self.shortChecksum(bytes)]
    }

    static func shortChecksum(_ bytes: [UInt8]) -> UInt8 {
        var crc = CRC5()
        for byte in bytes.prefix(3) { crc.add(byte) }
        crc.add(0, bits: 3)
        return crc.value
    }

    /// BM1387: 1 set address, 4 read, 5 inactive, 8 write; 0x10 for all.
    private var bareHeader: UInt8? {
        switch self {
        case .setAddress: 0x41
        case .read(_, let of): of == .all ? 0x54 : 0x44
        case .chainInactive: 0x55
        case .write(_, _, let to): to == .all ? 0x58 : 0x48
        case .setClock: nil
        }
    }

    /// BM1397 and later: 0 set address, 1 write, 2 read, 3 inactive; 0x10 for all.
    private var preambleHeader: UInt8? {
        switch self {
        case .setAddress: 0x40
        case .read(_, let of): of == .all ? 0x52 : 0x42
        case .chainInactive: 0x53
        case .write(_, _, let to): to == .all ? 0x51 : 0x41
        case .setClock: nil
        }
    }

    private func longFrame(header: UInt8?) -> [UInt8]? {
        guard let header else { return nil }
        var bytes: [UInt8]
        switch self {
        case .chainInactive: bytes = [header, 5, 0, 0]
        case .setAddress(let address): bytes = [header, 5, address, 0]
        case .read(let register, let of): bytes = [header, 5, of.byte, register]
        case .write(let register, let value, let to):
            bytes = [header, 9, to.byte, register] + value.bigEndianBytes
        case .setClock: return nil
        }
        bytes.append(CRC5.of(bytes))
        return bytes
    }
}

extension UInt32 {
    /// Most significant first, as registers travel.
    var bigEndianBytes: [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: self >> UInt32($0)) } }

    var littleEndianBytes: [UInt8] { bigEndianBytes.reversed() }

    /// Four bytes, most significant first.
    init(bigEndianBytes bytes: some Sequence<UInt8>) { self = bytes.reduce(0) { $0 << 8 | UInt32($1) } }

    init(littleEndianBytes bytes: some BidirectionalCollection<UInt8>) {
        self.init(bigEndianBytes: bytes.reversed())
    }
}
