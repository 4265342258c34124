import Bitcoin
import SansIO
import Testing

@testable import Stratum

/// Two connections and the bytes between them.
struct ConnectionPair {
    var client: V2Connection
    var server: V2Connection
    let now: UInt32 = 1_700_000_000

    static func noise(maximumPayload: Int = V2Limits.payloadMax, seed: UInt8 = 1) throws -> ConnectionPair {
        var secrets = SecretGenerator(seed: [seed])
        let authority = AuthoritySecretKey(secrets.secretKey())
        let credentials = NoiseCredentials.issue(
            authority: authority, staticKey: secrets.secretKey(), validFrom: 1_699_999_000,
            notValidAfter: 1_700_003_600)
        return ConnectionPair(
            client: .initiator(
                expecting: authority.publicKey, secrets: &secrets, maximumPayload: maximumPayload),
            server: .responder(
                credentials: credentials, secrets: &secrets, maximumPayload: maximumPayload))
    }

    static func established(maximumPayload: Int = V2Limits.payloadMax) throws -> ConnectionPair {
        var pair = try noise(maximumPayload: maximumPayload)
        var act1 = ByteWriter()
        pair.client.start(into: &act1)
        let act2 = try pair.server.take(act1.bytes)
        _ = try pair.client.take(act2)
        return pair
    }
}

extension V2Connection {
    /// Feeds bytes and returns what was answered.
    mutating func take(_ bytes: [UInt8], unixTime: UInt32 = 1_700_000_000) throws(V2ConnectionError)
        -> [UInt8]
    {
        var out = ByteWriter()
        try receive(bytes.span.bytes, unixTime: unixTime, into: &out)
        return out.bytes
    }

    mutating func frames() throws(V2ConnectionError) -> [V2Frame] {
        var list: [V2Frame] = []
        while let frame = try nextFrame() { list.append(frame) }
        return list
    }

    mutating func sealed(_ frame: V2Frame) -> [UInt8] {
        var out = ByteWriter()
        send(frame: frame, into: &out)
        return out.bytes
    }
}

@Suite struct V2ConnectionTests {
    static let messages = [
        V2Frame(Mining.SetTarget(channelID: 7, maximumTarget: .max)),
        V2Frame(extensionType: 0x4001, messageType: 9, payload: []),
        V2Frame(extensionType: 0, messageType: 0x74, payload: (0..<70_000).map { UInt8($0 % 251) }),
        V2Frame(Common.SetupConnectionSuccess(usedVersion: 2, flags: 0)),
    ]

    @Test("the acts have 64 and 234 bytes and establish both sides")
    func acts() throws {
        var pair = try ConnectionPair.noise()
        #expect(!pair.client.isEstablished && !pair.server.isEstablished)
        var act1 = ByteWriter()
        pair.client.start(into: &act1)
        #expect(act1.count == 64)
        let act2 = try pair.server.take(act1.bytes)
        #expect(act2.count == 234)
        #expect(try pair.client.take(act2).isEmpty)
        #expect(pair.client.isEstablished && pair.server.isEstablished)
    }

    @Test("the handshake and the first message survive a cut at every byte")
    func everySplit() throws {
        let whole = try ConnectionPair.noise()
        var act1 = ByteWriter()
        var reference = whole
        reference.client.start(into: &act1)
        for cut in stride(from: 0, through: 64, by: 8) {
            var pair = whole
            #expect(try pair.server.take(Array(act1.bytes[..<cut])).count == (cut == 64 ? 234 : 0))
        }
        let act2 = try reference.server.take(act1.bytes)
        let message = Self.messages[0]
        let stream = act2 + reference.server.sealed(message)
        for cut in 0...stream.count {
            // Only the cuts around the acts repeat the costly handshake.
            if cut < 225, cut % 15 != 0 { continue }
            var client = whole.client
            var frames: [V2Frame] = []
            for part in [stream[..<cut], stream[cut...]] {
                _ = try client.take(Array(part))
                frames += try client.frames()
            }
            #expect(frames == [message], "cut at \(cut)")
        }
    }

    @Test("frames survive a cut at every byte, byte by byte, and glued", arguments: [true, false])
    func everyFrameSplit(isEncrypted: Bool) throws {
        let start =
            try isEncrypted
            ? ConnectionPair.established() : ConnectionPair(client: .plain(), server: .plain())
        let small = [Self.messages[0], Self.messages[1], Self.messages[3], Self.messages[1]]
        var sender = start.client
        let stream = small.flatMap { sender.sealed($0) }
        for cut in 0...stream.count {
            var receiver = start.server
            _ = try receiver.take(Array(stream[..<cut]))
            var frames = try receiver.frames()
            _ = try receiver.take(Array(stream[cut...]))
            frames += try receiver.frames()
            #expect(frames == small, "cut at \(cut)")
        }
        var receiver = start.server
        var frames: [V2Frame] = []
        for byte in stream {
            _ = try receiver.take([byte])
            frames += try receiver.frames()
        }
        #expect(frames == small)
        receiver = start.server
        _ = try receiver.take(stream)
        #expect(try receiver.frames() == small)
    }

    @Test("large payloads travel in several blocks, in uneven pieces", arguments: [true, false])
    func large(isEncrypted: Bool) throws {
        var pair =
            try isEncrypted
            ? ConnectionPair.established() : ConnectionPair(client: .plain(), server: .plain())
        let lengths = [65_518, 65_519, 65_520, 131_038, 131_039, 200_000]
        let frames = lengths.map {
            V2Frame(extensionType: 0, messageType: 0x74, payload: (0..<$0).map { UInt8($0 % 253) })
        }
        var received: [V2Frame] = []
        for (length, frame) in zip(lengths, frames) {
            let bytes = pair.server.sealed(frame)
            let overhead = isEncrypted ? 22 + 16 * ((length + 65_518) / 65_519) : 6
            #expect(bytes.count == length + overhead)
            for start in stride(from: 0, to: bytes.count, by: 9_973) {
                _ = try pair.client.take(Array(bytes[start..<min(bytes.count, start + 9_973)]))
                received += try pair.client.frames()
            }
        }
        #expect(received == frames)
    }

    @Test("a message sent and its frame broadcast give the same plain text")
    func broadcast() throws {
        var pair = try ConnectionPair.established()
        let message = Mining.SetTarget(channelID: 3, maximumTarget: .difficultyOne)
        var out = ByteWriter()
        pair.server.send(message, into: &out)
        pair.server.send(encodedFrame: V2Framing.frame(message), into: &out)
        #expect(out.count == 2 * 74)
        _ = try pair.client.take(out.bytes)
        #expect(try pair.client.frames() == [V2Frame(message), V2Frame(message)])
    }

    @Test("an oversize payload is refused at its header", arguments: [true, false])
    func oversize(isEncrypted: Bool) throws {
        var pair =
            try isEncrypted
            ? ConnectionPair.established(maximumPayload: 100)
            : ConnectionPair(client: .plain(maximumPayload: 100), server: .plain(maximumPayload: 100))
        let fits = V2Frame(extensionType: 0, messageType: 1, payload: [UInt8](repeating: 1, count: 100))
        _ = try pair.server.take(pair.client.sealed(fits))
        #expect(try pair.server.frames() == [fits])
        let long = V2Frame(extensionType: 0, messageType: 1, payload: [UInt8](repeating: 1, count: 101))
        let header = Array(pair.client.sealed(long)[..<(isEncrypted ? 22 : 6)])
        _ = try pair.server.take(header)
        let error = V2ConnectionError.payloadTooLarge(101, limit: 100)
        #expect(throws: error) { try pair.server.nextFrame() }
        #expect(throws: error) { try pair.server.take([0]) }
        #expect(!pair.server.isEstablished)
    }

    @Test("input that is never pulled is refused before it grows")
    func overflow() throws {
        var connection = V2Connection.plain(maximumPayload: 100)
        _ = try connection.take([UInt8](repeating: 0, count: 1000))
        #expect(throws: V2ConnectionError.inputOverflow(1000)) { try connection.take([0]) }
    }

    @Test("a changed byte anywhere ends the connection")
    func tampered() throws {
        let start = try ConnectionPair.established()
        var sender = start.client
        let bytes = sender.sealed(Self.messages[0])
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0x10
            var server = start.server
            _ = try server.take(changed)
            #expect(throws: V2ConnectionError.decryptionFailed) { try server.frames() }
        }
    }

    @Test("a changed byte of act 2 fails the handshake")
    func tamperedAct2() throws {
        var pair = try ConnectionPair.noise()
        var act1 = ByteWriter()
        pair.client.start(into: &act1)
        let act2 = try pair.server.take(act1.bytes)
        for index in stride(from: 0, to: act2.count, by: 13) {
            var changed = act2
            changed[index] ^= 1
            var client = pair.client
            #expect(throws: V2ConnectionError.handshake(.authenticationFailed)) { try client.take(changed) }
        }
    }

    @Test("garbage never traps", arguments: 0..<64)
    func garbage(seed: UInt64) throws {
        var random = PRNG(seed: seed)
        let bytes = (0..<4000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        var connections = [try ConnectionPair.noise().client, try ConnectionPair.established().client]
        connections.append(.plain(maximumPayload: 1000))
        if seed % 8 == 0 { connections.append(try ConnectionPair.noise().server) }
        for var connection in connections {
            do throws(V2ConnectionError) {
                for start in stride(from: 0, to: bytes.count, by: 500) {
                    _ = try connection.take(Array(bytes[start..<start + 500]))
                    for frame in try connection.frames() {
                        _ = try? Common.Message(frame: frame)
                        _ = try? Mining.Message(frame: frame)
                    }
                }
            } catch {}
        }
        // Every message type on random payloads.
        for type in UInt8.min...UInt8.max {
            let length = Int(random.below(120))
            let frame = V2Frame(extensionType: 0, messageType: type, payload: Array(bytes[..<length]))
            _ = try? Common.Message(frame: frame)
            _ = try? Mining.Message(frame: frame)
            _ = try? JobDeclaration.Message(frame: frame)
            _ = try? TemplateDistribution.Message(frame: frame)
        }
    }

    @Test("an idle connection stays below 500 bytes")
    func memory() throws {
        #expect(MemoryLayout<V2Connection>.size + 32 + V2Limits.idleInputCapacity < 500)
        #expect(MemoryLayout<V2Connection>.size <= 136)
    }

    @Test("the client's way in: acts, SetupConnection, answer, and what came behind it")
    func clientHandshake() throws {
        var pair = try ConnectionPair.noise()
        let setup = Common.SetupConnection(
            protocol: .mining, minVersion: 2, maxVersion: 2, flags: 0, endpointHost: "h", endpointPort: 1,
            vendor: "v", hardwareVersion: "", firmware: "", deviceID: "")
        var client = V2ClientHandshake(connection: pair.client, setup: setup)
        var out = ByteWriter()
        client.start(into: &out)
        let act2 = try pair.server.take(out.bytes)
        out.removeAll()
        #expect(try client.receive(act2.span.bytes, unixTime: pair.now, into: &out) == .pending)
        _ = try pair.server.take(out.bytes)
        #expect(try pair.server.frames() == [V2Frame(setup)])
        let success = Common.SetupConnectionSuccess(usedVersion: 2, flags: 1)
        let answer = pair.server.sealed(V2Frame(success)) + pair.server.sealed(Self.messages[0])
        out.removeAll()
        #expect(try client.receive(answer.span.bytes, unixTime: pair.now, into: &out) == .accepted(success))
        #expect(try client.connection.frames() == [Self.messages[0]])
        #expect(out.count == 0)
    }

    @Test("the client's way in refuses what is no answer")
    func clientHandshakeRefusals() throws {
        let setup = Common.SetupConnection(
            protocol: .mining, minVersion: 2, maxVersion: 2, flags: 0, endpointHost: "h", endpointPort: 1,
            vendor: "v", hardwareVersion: "", firmware: "", deviceID: "")
        func answer(_ frame: V2Frame) throws -> V2ClientHandshake.Progress {
            var client = V2ClientHandshake(connection: .plain(), setup: setup)
            var out = ByteWriter()
            client.start(into: &out)
            #expect(out.bytes == V2Framing.frame(setup))
            return try client.receive(frame.bytes.span.bytes, unixTime: 0, into: &out)
        }
        let refusal = Common.SetupConnectionError(flags: 2, errorCode: "unsupported-feature-flags")
        #expect(try answer(V2Frame(refusal)) == .refused(refusal))
        #expect(throws: V2ClientHandshakeError.versionNotOffered(3)) {
            try answer(V2Frame(Common.SetupConnectionSuccess(usedVersion: 3, flags: 0)))
        }
        #expect(throws: V2ClientHandshakeError.unexpectedMessage(extensionType: 0x8000, messageType: 0x21)) {
            try answer(Self.messages[0])
        }
    }
}
