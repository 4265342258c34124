import Bitcoin
import JSONText
import SansIO
import Stratum
import Testing

/// Every message against bytes that another encoder wrote.
@Suite struct V2MessageVectorTests {
    @Test("every message of the catalogue decodes to its fields and encodes to its bytes")
    func catalogue() throws {
        let vectors = try #require(try VectorFile.json("stratum/messages.json")["messages"]?.arrayValue)
        #expect(vectors.count == 46)
        for vector in vectors {
            let name = try vector.text("name")
            let bytes = try vector.bytes("frame")
            let (protocolName, frame) = (try vector.text("protocol"), try frame(of: bytes))
            let decoded = try #require(try decode(frame, as: protocolName), "\(name) was not recognised")
            #expect(decoded.name == name)
            #expect(decoded.encoded == bytes, "\(name) does not encode to its bytes")
            for field in vector["fields"]?.arrayValue ?? [] {
                let key = Self.plain(try field.text("name"))
                let found = decoded.fields.first { Self.plain($0.label) == key }?.value
                if key == "tlvs" {
                    var writer = ByteWriter()
                    for tlv in (found as? [TLV]) ?? [] { Self.write(tlv, into: &writer) }
                    #expect(.string(writer.bytes.hex) == field["value"])
                } else {
                    #expect(found.flatMap { Self.json($0) } == field["value"], "\(name).\(key)")
                }
            }
        }
    }

    @Test("every prefix of every payload is refused, and every byte behind it")
    func strictness() throws {
        let vectors = try #require(try VectorFile.json("stratum/messages.json")["messages"]?.arrayValue)
        for vector in vectors {
            let whole = try frame(of: try vector.bytes("frame"))
            let protocolName = try vector.text("protocol")
            let name = try vector.text("name")
            let isLengthened = whole.messageType == 0x1b && protocolName == "mining"
            for count in 0..<whole.payload.count {
                // What ends inside a TLV is covered by the TLV tests; before it, nothing may pass.
                if isLengthened, count >= 33 { continue }
                var short = whole
                short.payload = Array(whole.payload[..<count])
                #expect(throws: V2DecodeError.self, "\(name) cut at \(count)") {
                    try decode(short, as: protocolName)
                }
            }
            var long = whole
            long.payload.append(0)
            let error: V2DecodeError = isLengthened ? .malformedTLV : .trailingBytes(1)
            #expect(throws: error) { try decode(long, as: protocolName) }
        }
    }

    @Test("bytes published by other implementations decode and encode again")
    func published() throws {
        let vectors = try #require(try VectorFile.json("stratum/published.json")["messages"]?.arrayValue)
        #expect(vectors.count == 9)
        for vector in vectors {
            let type = UInt8(try vector.number("message_type"))
            let payload = try vector.bytes("payload")
            let name = try vector.text("name")
            let frame = V2Frame(extensionType: 0, messageType: type, payload: payload)
            let decoded = try #require(try decode(frame, as: try vector.text("protocol")), "\(name)")
            #expect(Array(decoded.encoded[6...]) == payload, "\(name)")
            if let whole = vector["frame"]?.stringValue { #expect(decoded.encoded.hex == whole) }
        }
    }

    @Test("the reference implementation's values come out of its bytes")
    func publishedValues() throws {
        let vectors = try #require(try VectorFile.json("stratum/published.json")["messages"]?.arrayValue)
        func payload(_ name: String) throws -> [UInt8] {
            try #require(vectors.first { $0["name"] == .string(name) }).bytes("payload")
        }
        let setup = try Common.SetupConnection(payload: payload("SetupConnection"))
        #expect(setup.protocol == .templateDistribution)
        #expect(setup.endpointHost == "0.0.0.0")
        #expect(setup.endpointPort == 8545)
        #expect(setup.firmware == "braiins-os-2018-09-22-1-hash")
        let template = try TemplateDistribution.NewTemplate(payload: payload("NewTemplate, three outputs"))
        #expect(template.coinbaseTxValueRemaining == 2_100_000_000_000_000)
        #expect(template.coinbaseTxOutputsCount == 3)
        #expect(template.coinbaseTxLocktime == 903_387)
        let previous = try TemplateDistribution.SetNewPrevHash(
            payload: payload("SetNewPrevHash (template distribution)"))
        #expect(previous.nBits == 0x037f_ffff)
        #expect(previous.target == Target(UInt256(0x7fffff)))
        #expect(CompactTarget(bits: previous.nBits).target == previous.target)
        let solution = try TemplateDistribution.SubmitSolution(payload: payload("SubmitSolution"))
        #expect(solution.headerNonce == 58_720_255)
        let job = try Mining.NewMiningJob(payload: payload("NewMiningJob"))
        #expect(job.channelID == 0x0403_0201)
        #expect(job.minNTime == 0x0c0b_0a09)
    }

    private func frame(of bytes: [UInt8]) throws -> V2Frame {
        var connection = V2Connection.plain()
        var out = ByteWriter()
        try connection.receive(bytes.span.bytes, unixTime: 0, into: &out)
        return try #require(try connection.nextFrame())
    }

    private struct Decoded {
        var name: String
        var encoded: [UInt8]
        var fields: [(label: String, value: Any)]
    }

    private func decode(_ frame: V2Frame, as name: String) throws -> Decoded? {
        func reflect(_ message: Any, _ name: String, _ encode: (inout ByteWriter) -> Void) -> Decoded {
            var writer = ByteWriter()
            encode(&writer)
            let bodies = Mirror(reflecting: message).children
            let fields = bodies.flatMap { Mirror(reflecting: $0.value).children }.map {
                (label: $0.label ?? "", value: $0.value)
            }
            return Decoded(name: name, encoded: writer.bytes, fields: fields)
        }
        switch name {
        case "common":
            return try Common.Message(frame: frame).map { m in reflect(m, m.name) { m.encodeFrame(into: &$0) }
            }
        case "mining":
            return try Mining.Message(frame: frame).map { m in reflect(m, m.name) { m.encodeFrame(into: &$0) }
            }
        case "job declaration":
            return try JobDeclaration.Message(frame: frame)
                .map { m in reflect(m, m.name) { m.encodeFrame(into: &$0) } }
        case "template distribution":
            return try TemplateDistribution.Message(frame: frame)
                .map { m in reflect(m, m.name) { m.encodeFrame(into: &$0) } }
        default:
            return try ExtensionsNegotiation.Message(frame: frame)
                .map { m in reflect(m, m.name) { m.encodeFrame(into: &$0) } }
        }
    }

    /// Names compare without case and underscores: `min_ntime` is `minNTime`.
    private static func plain(_ name: String) -> String { name.lowercased().filter { $0 != "_" } }

    private static func write(_ tlv: TLV, into writer: inout ByteWriter) {
        writer.write(u16: tlv.extensionType)
        writer.write(u8: tlv.fieldType)
        writer.write(u16: UInt16(tlv.value.count))
        writer.write(tlv.value)
    }

    private static func json(_ value: Any) -> JSON? {
        switch value {
        case let value as UInt8: .int(value)
        case let value as UInt16: .int(value)
        case let value as UInt32: .int(value)
        case let value as UInt64: .int(value)
        case let value as Bool: .bool(value)
        case let value as Float: .number("\(Double(value))")
        case let value as String: .string(value)
        case let value as V2Protocol: .int(value.rawValue)
        case let value as [UInt8]: .string(value.hex)
        case let value as Hash256: .string(value.hex)
        case let value as Target: .string(value.littleEndianHash.hex)
        case let value as [Hash256]: .array(value.map { .string($0.hex) })
        case let value as [UInt16]: .array(value.map { .int($0) })
        case let value as [UInt32]: .array(value.map { .int($0) })
        case let value as [[UInt8]]: .array(value.map { .string($0.hex) })
        case let value as UInt32?: value.map { .int($0) } ?? .null
        default: nil
        }
    }
}
