/// A frame from a chip.
public enum ChipReply: Equatable, Sendable {
    case register(RegisterReply)
    case nonce(NonceReply)
}

/// The answer to a read. BM1384 and BM1387 do not say which register or chip it is of: the asker goes by the order.
public struct RegisterReply: Equatable, Sendable {
    public var value: UInt32
    public var address: UInt8
    public var register: UInt8

    public init(value: UInt32, address: UInt8, register: UInt8) {
        self.value = value
        self.address = address
        self.register = register
    }
}

/// A nonce that a chip claims.
public struct NonceReply: Equatable, Sendable {
    /// The four bytes as they came, read most significant first. They go into the header as they are, so the header's
    /// number is ``headerNonce``.
    public var nonce: UInt32
    /// The job byte as it came: id and, on most families, a midstate's or a sub-core's number.
    public var job: UInt8
    /// BM1387: which solution; BM1397: which midstate; later: how many zero bits more than asked for, doubled.
    public var extra: UInt8
    /// The version counter, which goes into the header shifted by ``ChipFamily/versionShift``.
    public var version: UInt16

    public init(nonce: UInt32, job: UInt8, extra: UInt8 = 0, version: UInt16 = 0) {
        self.nonce = nonce
        self.job = job
        self.extra = extra
        self.version = version
    }

    public var headerNonce: UInt32 { nonce.byteSwapped }

    /// The id that the host gave to the job, and the midstate's or sub-core's number.
    public func jobID(_ family: ChipFamily) -> (id: UInt8, part: UInt8) {
        switch family {
        case .icarus: (0, 0)
        case .antminerU: (job & 0x1f, 0)
        case .bm1384: (job & 0x7f, 0)
        case .bm1387, .bm1397: (job & 0xfc, job & 3)
        case .bm1362, .bm1366: (job & 0xf8, job & 7)
        case .bm1368, .bm1370: ((job & 0xf0) >> 1, job & 0x0f)
        }
    }

    /// The job byte that a chip answers with for a job of this id.
    public static func jobByte(id: UInt8, part: UInt8, _ family: ChipFamily) -> UInt8 {
        switch family {
        case .icarus: 0
        case .antminerU: id & 0x1f
        case .bm1384: id & 0x7f
        case .bm1387: id & 0x7f | part & 3
        case .bm1397: id & 0xfc | part & 3
        case .bm1362, .bm1366: id & 0xf8 | part & 7
        case .bm1368, .bm1370: id << 1 & 0xf0 | part & 0x0f
        }
    }
}

extension ChipReply {
    /// The bytes on the line.
    ///
    /// - Parameter isShort: a full-header chip before register A4 was written answers with 9 bytes.
    public func frame(for family: ChipFamily, isShort: Bool = false) -> [UInt8] {
        switch family.framing {
        case .icarus, .short: briefFrame(family)
        case .bare: bareFrame
        case .preamble: preambleFrame(count: isShort ? 9 : family.replyBytes)
        }
    }

    private func briefFrame(_ family: ChipFamily) -> [UInt8] {
        switch self {
        case .nonce(let reply):
            switch family {
            case .icarus: return reply.nonce.bigEndianBytes
            case .antminerU: return reply.nonce.bigEndianBytes + [reply.job]
            default: return reply.nonce.bigEndianBytes + [0x80 | reply.job]
            }
        case .register(let reply):
            let bytes = reply.value.bigEndianBytes
            return bytes + [Self.closing(bytes, type: 0)]
        }
    }

    private var bareFrame: [UInt8] {
        switch self {
        case .nonce(let reply):
            let bytes = reply.nonce.bigEndianBytes + [reply.extra, reply.job]
            return bytes + [Self.closing(bytes, type: 4)]
        case .register(let reply):
            let bytes = reply.value.bigEndianBytes + [0, 0]
            return bytes + [Self.closing(bytes, type: 0)]
        }
    }

    private func preambleFrame(count: Int) -> [UInt8] {
        var bytes: [UInt8]
        let type: UInt8
        switch self {
        case .nonce(let reply):
            bytes = reply.nonce.bigEndianBytes + [reply.extra, reply.job]
            if count == 11 { bytes += [UInt8(reply.version >> 8), UInt8(reply.version & 0xff)] }
            type = 4
        case .register(let reply):
            bytes = reply.value.bigEndianBytes + [reply.address, reply.register]
            if count == 11 { bytes += [0, 0] }
            type = 0
        }
        bytes.append(Self.closing(bytes, type: type))
        return [0xaa, 0x55] + bytes
    }

    /// The last byte: three bits of type, five of CRC over all before it and the type.
    private static func closing(_ bytes: [UInt8], type: UInt8) -> UInt8 {
        var crc = CRC5()
        for byte in bytes { crc.add(byte) }
        crc.add(type << 5, bits: 3)
        return type << 5 | crc.value
    }
}

/// The host's side of the line: replies out of bytes. What does not check is passed over, a byte at a time, until
/// something does; how firmwares differ in that is theirs (ESP-Miner throws away all it has).
public struct ChipReplyDecoder: Sendable {
    public let family: ChipFamily
    /// Before register A4 was written, the full-header chips answer with 9 bytes.
    public var isShort = false
    /// Bytes passed over.
    public private(set) var garbage = 0
    private var buffer: [UInt8] = []

    public init(family: ChipFamily) { self.family = family }

    public mutating func append(_ bytes: some Sequence<UInt8>) { buffer.append(contentsOf: bytes) }

    public mutating func reset() { buffer.removeAll(keepingCapacity: true) }

    private var length: Int { isShort && family.framing == .preamble ? 9 : family.replyBytes }

    /// The next reply; nil when more bytes are needed.
    public mutating func next() -> ChipReply? {
        let length = length
        while buffer.count >= length {
            if let reply = read(buffer[..<length]) {
                buffer.removeFirst(length)
                return reply
            }
            buffer.removeFirst()
            garbage += 1
        }
        return nil
    }

    private func read(_ bytes: ArraySlice<UInt8>) -> ChipReply? {
        let value = { (from: Int) in UInt32(bigEndianBytes: bytes[from..<from + 4]) }
        switch family.framing {
        case .icarus:
            return .nonce(NonceReply(nonce: value(0), job: family == .antminerU ? bytes[4] : 0))
        case .short:
            if bytes[4] & 0x80 != 0 { return .nonce(NonceReply(nonce: value(0), job: bytes[4] & 0x7f)) }
            guard CRC5.of(bytes) == 0 else { return nil }
            return .register(RegisterReply(value: value(0), address: 0, register: 0))
        case .bare:
            guard CRC5.of(bytes) == 0 else { return nil }
            if bytes[6] & 0x80 == 0 {
                return .register(RegisterReply(value: value(0), address: 0, register: 0))
            }
            return .nonce(NonceReply(nonce: value(0), job: bytes[5], extra: bytes[4]))
        case .preamble:
            guard bytes[0] == 0xaa, bytes[1] == 0x55, CRC5.of(bytes.dropFirst(2)) == 0 else { return nil }
            guard let last = bytes.last, last & 0x80 != 0 else {
                return .register(RegisterReply(value: value(2), address: bytes[6], register: bytes[7]))
            }
            let version = bytes.count == 11 ? UInt16(bytes[8]) << 8 | UInt16(bytes[9]) : 0
            return .nonce(NonceReply(nonce: value(2), job: bytes[7], extra: bytes[6], version: version))
        }
    }
}
