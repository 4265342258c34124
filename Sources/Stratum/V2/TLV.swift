import SansIO

/// An extension's field behind a core message's payload (SV2 section 3.4.3): extension type, field type,
/// length, value. Written little-endian like everything else and like the reference implementation; extension
/// 0x0002's example bytes are big-endian, so both orders are read when only one of them fits.
public struct TLV: Hashable, Sendable {
    public var extensionType: UInt16
    public var fieldType: UInt8
    public var value: [UInt8]

    public init(extensionType: UInt16, fieldType: UInt8, value: [UInt8]) {
        self.extensionType = extensionType
        self.fieldType = fieldType
        self.value = value
    }

    /// Extension 0x0002, field 0x01: who found the share; at most 32 bytes, a longer name is cut.
    public static func userIdentity(_ name: String) -> TLV {
        var bytes = Array(name.utf8.prefix(V2Limits.tlvUserIdentityMax + 1))
        if bytes.count > V2Limits.tlvUserIdentityMax {
            var end = V2Limits.tlvUserIdentityMax
            while end > 0, UTF8.isContinuation(bytes[end]) { end -= 1 }
            bytes.removeSubrange(end...)
        }
        return TLV(extensionType: V2Extension.workerHashrateTracking, fieldType: 0x01, value: bytes)
    }

    /// The worker's name if this is extension 0x0002's user identity of legal length.
    public var userIdentity: String? {
        guard extensionType == V2Extension.workerHashrateTracking, fieldType == 0x01,
            value.count <= V2Limits.tlvUserIdentityMax
        else { return nil }
        return String(decoding: value, as: UTF8.self)
    }

    /// Everything up to the reader's end. When both byte orders fit, the one that names only known extensions
    /// wins, then little-endian.
    static func readAll(from reader: inout ByteReader) throws(V2DecodeError) -> [TLV] {
        if reader.isAtEnd { return [] }
        let rest = try reader.readRaw(reader.remaining)
        switch (parse(rest, bigEndian: false), parse(rest, bigEndian: true)) {
        case (let list?, nil), (nil, let list?): return list
        case (let little?, let big?):
            let isKnown = { (tlv: TLV) in tlv.extensionType == V2Extension.workerHashrateTracking }
            return !little.allSatisfy(isKnown) && big.allSatisfy(isKnown) ? big : little
        case (nil, nil): throw .malformedTLV
        }
    }

    /// Sorted by extension type, as SV2 section 3.4.3 asks.
    static func write(_ list: [TLV], into writer: inout ByteWriter) {
        guard !list.isEmpty else { return }
        for tlv in list.sorted(by: { ($0.extensionType, $0.fieldType) < ($1.extensionType, $1.fieldType) }) {
            precondition(tlv.value.count <= 0xffff, "TLV of \(tlv.value.count) bytes")
            writer.write(u16: tlv.extensionType)
            writer.write(u8: tlv.fieldType)
            writer.write(u16: UInt16(tlv.value.count))
            writer.write(tlv.value)
        }
    }

    private static func parse(_ bytes: [UInt8], bigEndian: Bool) -> [TLV]? {
        var reader = ByteReader(bytes.span.bytes)
        var list: [TLV] = []
        do throws(ByteReaderError) {
            while !reader.isAtEnd {
                guard list.count < V2Limits.tlvCountMax else { return nil }
                let type = bigEndian ? try reader.bigEndian16() : try reader.u16()
                let field = try reader.u8()
                let length = bigEndian ? try reader.bigEndian16() : try reader.u16()
                let value = length == 0 ? [] : try reader.bytes(Int(length))
                list.append(TLV(extensionType: type, fieldType: field, value: value))
            }
        } catch { return nil }
        return list
    }
}

/// Extensions by number (SV2 extensions registry).
public enum V2Extension {
    /// Asking for extensions.
    public static let negotiation: UInt16 = 0x0001
    /// Worker-specific hash rate tracking: a TLV on every SubmitSharesExtended.
    public static let workerHashrateTracking: UInt16 = 0x0002
}
