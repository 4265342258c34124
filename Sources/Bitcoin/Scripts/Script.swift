import SansIO

/// The bytes of a locking or unlocking script. Reading and building only: the interpreter lives in the node.
public struct Script: Hashable, Sendable {
    public var bytes: [UInt8]

    public init() { bytes = [] }
    public init(_ bytes: [UInt8]) { self.bytes = bytes }
    public init(bytes: [UInt8]) { self.bytes = bytes }
    public init?(hex: String) {
        guard let bytes = [UInt8](hex: hex) else { return nil }
        self.bytes = bytes
    }

    public var count: Int { bytes.count }
    public var isEmpty: Bool { bytes.isEmpty }
    public var hex: String { bytes.hex }

    /// With its length in front, as in a transaction.
    public func encode(into writer: inout ByteWriter) {
        writer.write(compactSize: UInt64(bytes.count))
        writer.write(bytes)
    }

    public init(from reader: inout ByteReader) throws(ByteReaderError) {
        bytes = try reader.bytes(Int(try reader.compactSize()))
    }

    /// An output with such a script can never be spent, so the node does not keep it (Core: `IsUnspendable`).
    public var isUnspendable: Bool {
        bytes.first == Opcode.return.rawValue || bytes.count > Limits.scriptBytesMax
    }
}

extension Script: CustomStringConvertible {
    public var description: String { hex }
}

// MARK: - Building

extension Script {
    public mutating func append(op: Opcode) { bytes.append(op.rawValue) }

    /// The shortest push opcode by length (not by value: one byte 0x05 stays a push of one byte).
    public mutating func append(push data: [UInt8]) {
        switch data.count {
        case ..<0x4c: bytes.append(UInt8(data.count))
        case ...0xff:
            bytes.append(Opcode.pushData1.rawValue)
            bytes.append(UInt8(data.count))
        case ...0xffff:
            bytes.append(Opcode.pushData2.rawValue)
            bytes.append(UInt8(truncatingIfNeeded: data.count))
            bytes.append(UInt8(truncatingIfNeeded: data.count >> 8))
        default:
            precondition(data.count <= 0xffff_ffff, "a push has at most 2^32 - 1 bytes")
            bytes.append(Opcode.pushData4.rawValue)
            for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: data.count >> shift)) }
        }
        bytes.append(contentsOf: data)
    }

    /// A number as Core's `CScript << int64_t`: OP_0, OP_1NEGATE, OP_1 to OP_16, or a push of the number's
    /// bytes.
    public mutating func append(number: Int64) {
        switch number {
        case 0: append(op: .zero)
        case -1: append(op: .negativeOne)
        case 1...16: bytes.append(Opcode.one.rawValue - 1 + UInt8(number))
        default: append(push: Self.numberBytes(number))
        }
    }

    /// A script number: little-endian magnitude, the top bit of the last byte is the sign.
    public static func numberBytes(_ number: Int64) -> [UInt8] {
        var bytes: [UInt8] = []
        var magnitude = number.magnitude
        while magnitude > 0 {
            bytes.append(UInt8(truncatingIfNeeded: magnitude))
            magnitude >>= 8
        }
        guard let last = bytes.last else { return [] }
        if last & 0x80 != 0 {
            bytes.append(number < 0 ? 0x80 : 0)
        } else if number < 0 {
            bytes[bytes.count - 1] |= 0x80
        }
        return bytes
    }

    /// What a coinbase script must begin with at a height (BIP34), as Core writes and checks it: `CScript()
    /// << height`.
    public static func heightPush(_ height: Int) -> [UInt8] {
        precondition(height >= 0, "a height is not negative")
        var script = Script()
        script.append(number: Int64(height))
        return script.bytes
    }

    public static func p2pk(_ key: PublicKey) -> Script {
        var script = Script()
        script.append(push: key.bytes)
        script.append(op: .checkSig)
        return script
    }

    public static func p2pkh(_ hash: Hash160) -> Script {
        Script([0x76, 0xa9, 0x14] + hash.bytes + [0x88, 0xac])
    }

    public static func p2sh(_ hash: Hash160) -> Script { Script([0xa9, 0x14] + hash.bytes + [0x87]) }

    public static func p2wpkh(_ hash: Hash160) -> Script { Script([0x00, 0x14] + hash.bytes) }

    public static func p2wsh(_ hash: Hash256) -> Script { Script([0x00, 0x20] + hash.bytes) }

    /// Pays to the output key itself; tweaking an internal key is `XOnlyPublicKey.taprootOutputKey`.
    public static func p2tr(_ outputKey: XOnlyPublicKey) -> Script { Script([0x51, 0x20] + outputKey.bytes) }

    /// A witness program of any version 0...16, with 2...40 bytes.
    public static func witness(version: Int, program: [UInt8]) -> Script {
        precondition((0...16).contains(version) && Limits.witnessProgramBytes.contains(program.count))
        var script = Script()
        script.append(number: Int64(version))
        script.append(push: program)
        return script
    }

    /// An output that carries data and can never be spent.
    public static func opReturn(_ data: [UInt8]) -> Script {
        var script = Script([Opcode.return.rawValue])
        script.append(push: data)
        return script
    }
}
