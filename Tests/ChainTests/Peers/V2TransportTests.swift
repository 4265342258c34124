import Bitcoin
import SansIO
import Testing

@testable import Chain

@Suite struct V2TransportTests {
    @Test(
        "Every packet of BIP324's vectors is sealed to the same bytes",
        .enabled(
            if: Vectors.exists("vectors/bips/bip-0324/packet_encoding_test_vectors.csv"),
            "needs the BIP324 vectors; set LAB_SHARED to the folder that holds vectors/"))
    func vectors() throws {
        let text = String(
            decoding: try Vectors.bytes("vectors/bips/bip-0324/packet_encoding_test_vectors.csv"),
            as: UTF8.self)
        var count = 0
        for line in text.split(whereSeparator: \.isNewline).dropFirst() {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false).map {
                String($0.filter { !$0.isWhitespace })
            }
            let secret = try #require([UInt8](hex: fields[1]).flatMap { SecretKey(bytes: $0) })
            let ours = try #require([UInt8](hex: fields[2]))
            let theirs = try #require([UInt8](hex: fields[3]))
            var cipher = V2Cipher(
                secret: secret, ours: ours, theirs: theirs, isInitiator: fields[4] == "1",
                magic: [0xf9, 0xbe, 0xb4, 0xd9])
            #expect(cipher.sendTerminator.hex == fields[17])
            #expect(cipher.receiveTerminator.hex == fields[18])
            #expect(cipher.sessionID.hex == fields[19])
            for _ in 0..<(Int(fields[0]) ?? 0) {
                var skipped = ByteWriter()
                cipher.seal(into: &skipped) { _ in }
            }
            let one = [UInt8](hex: fields[5]) ?? []
            var contents: [UInt8] = []
            for _ in 0..<(Int(fields[6]) ?? 0) { contents += one }
            var writer = ByteWriter()
            let associated = [UInt8](hex: fields[7]) ?? []
            cipher.seal(into: &writer, associated: associated, isDecoy: fields[8] == "1") {
                $0.write(contents)
            }
            if !fields[20].isEmpty { #expect(writer.bytes.hex == fields[20]) }
            if !fields[21].isEmpty { #expect(writer.bytes.hex.hasSuffix(fields[21])) }
            count += 1
        }
        #expect(count >= 7)
    }

    /// Two ends of one connection.
    struct Pair {
        var a: PeerTransport
        var b: PeerTransport

        init() {
            let magic = NetworkParameters.regtest.magic
            a = PeerTransport(magic: magic, initiating: SecretGenerator(seed: [1]))
            b = PeerTransport(magic: magic, accepting: SecretGenerator(seed: [2]))
        }
    }

    @Test("A session survives bytes that come one by one, a thousand messages and the changes of keys")
    func session() throws {
        var pair = Pair()
        var toB = pair.a.takeHandshake()
        for byte in toB { pair.b.receive([byte].span.bytes) }
        #expect(try pair.b.next() == nil)
        let toA = pair.b.takeHandshake()
        for byte in toA {
            pair.a.receive([byte].span.bytes)
            let nothing = try pair.a.next() == nil
            #expect(nothing)
        }
        #expect(pair.a.isReady)
        toB = pair.a.takeHandshake()
        pair.b.receive(toB.span.bytes)
        for round in 0..<1_000 {
            var writer = ByteWriter()
            let command = round % 3 == 0 ? "ping" : round % 3 == 1 ? "wtxidrelay" : "unheardof"
            let payload = [UInt8](repeating: UInt8(round % 251), count: round)
            pair.a.write(command, into: &writer) { $0.write(payload) }
            pair.b.receive(writer.bytes.span.bytes)
            let next = try pair.b.next()
            let (message, size) = try #require(next)
            #expect(message == PeerMessage(command: command, payload: payload))
            #expect(size == writer.count)
        }
        #expect(pair.a.sessionID == pair.b.sessionID)
        #expect(pair.a.sessionID.count == 64)
    }

    @Test("A changed byte ends the session")
    func forged() throws {
        var pair = Pair()
        pair.b.receive(pair.a.takeHandshake().span.bytes)
        _ = try pair.b.next()
        pair.a.receive(pair.b.takeHandshake().span.bytes)
        _ = try pair.a.next()
        pair.b.receive(pair.a.takeHandshake().span.bytes)
        var writer = ByteWriter()
        pair.a.write("ping", into: &writer) { $0.write(u64: 1) }
        writer.bytes[8] ^= 1
        pair.b.receive(writer.bytes.span.bytes)
        #expect(throws: PeerTransport.Fault.encryption(.forgedPacket)) { try pair.b.next() }
    }

    @Test("A version 1 peer of another network and garbage without end are refused")
    func refused() throws {
        var pair = Pair()
        var writer = ByteWriter()
        PeerMessage.write("version", magic: [1, 2, 3, 4], into: &writer) { $0.write(repeating: 0, count: 90) }
        pair.b.receive(writer.bytes.span.bytes)
        #expect(throws: PeerTransport.Fault.encryption(.foreignMagic)) { try pair.b.next() }
        var other = Pair()
        other.b.receive([UInt8](repeating: 7, count: 64 + 4_095 + 16).span.bytes)
        #expect(throws: PeerTransport.Fault.encryption(.garbageTooLong)) { try other.b.next() }
    }
}
