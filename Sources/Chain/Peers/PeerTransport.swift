import Bitcoin
import SansIO

/// Frames and unframes one peer's messages: version 1, or version 2 (BIP324). Which one an incoming peer speaks
/// shows in its first 16 bytes.
struct PeerTransport: Sendable {
    enum Fault: Error, Equatable {
        case framing(PeerMessageDecoder.Fault)
        case encryption(V2Transport.Fault)
    }

    private enum State: Sendable {
        case v1(PeerMessageDecoder)
        /// Bytes that could still begin a version 1 `version` message.
        case undecided([UInt8], SecretGenerator)
        case v2(V2Transport)
    }

    /// The command field of a version 1 `version` message.
    static let versionName = Array("version".utf8) + [0, 0, 0, 0, 0]

    private let magic: [UInt8]
    private var state: State

    /// Version 1 from the first byte.
    init(magic: [UInt8]) {
        self.magic = magic
        state = .v1(PeerMessageDecoder(magic: magic))
    }

    /// Takes either version from an incoming peer.
    init(magic: [UInt8], accepting secrets: SecretGenerator) {
        self.magic = magic
        state = .undecided([], secrets)
    }

    /// Begins version 2 with the other side.
    init(magic: [UInt8], initiating secrets: SecretGenerator) {
        self.magic = magic
        var secrets = secrets
        state = .v2(V2Transport(isInitiator: true, magic: magic, secrets: &secrets))
    }

    /// As getpeerinfo's `transport_protocol_type` says it.
    var name: String {
        switch state {
        case .v1: "v1"
        case .undecided: "detecting"
        case .v2: "v2"
        }
    }

    /// BIP324's session id in hex; empty for version 1.
    var sessionID: String {
        if case .v2(let transport) = state, let id = transport.sessionID { return id.hex }
        return ""
    }

    /// Whether messages may be written now.
    var isReady: Bool {
        switch state {
        case .v1: true
        case .undecided: false
        case .v2(let transport): transport.isReady
        }
    }

    /// Version 2 was begun and nothing came back: the other side may speak version 1 only.
    var isUnanswered: Bool {
        if case .v2(let transport) = state { return transport.isUnanswered }
        return false
    }

    /// What the handshake of version 2 has to send.
    mutating func takeHandshake() -> [UInt8] {
        guard case .v2(var transport) = state else { return [] }
        let bytes = transport.takeOutbox()
        if !bytes.isEmpty { state = .v2(transport) }
        return bytes
    }

    mutating func receive(_ bytes: RawSpan) {
        switch state {
        case .v1(var decoder):
            state = .undecided([], Self.none)
            decoder.append(bytes)
            state = .v1(decoder)
        case .v2(var transport):
            state = .undecided([], Self.none)
            bytes.withUnsafeBytes { transport.append($0) }
            state = .v2(transport)
        case .undecided(var seen, var secrets):
            bytes.withUnsafeBytes { seen.append(contentsOf: $0) }
            let begin = magic + Self.versionName
            if !seen.prefix(begin.count).elementsEqual(begin.prefix(seen.count)) {
                var transport = V2Transport(isInitiator: false, magic: magic, secrets: &secrets)
                seen.withUnsafeBytes { transport.append($0) }
                state = .v2(transport)
            } else if seen.count >= begin.count {
                var decoder = PeerMessageDecoder(magic: magic)
                decoder.append(seen.span.bytes)
                state = .v1(decoder)
            } else {
                state = .undecided(seen, secrets)
            }
        }
    }

    /// The next whole message and the bytes that it took on the wire.
    mutating func next() throws(Fault) -> (message: PeerMessage, size: Int)? {
        switch state {
        case .undecided: return nil
        case .v1(var decoder):
            state = .undecided([], Self.none)
            defer { state = .v1(decoder) }
            do throws(PeerMessageDecoder.Fault) {
                return try decoder.next().map { ($0, $0.payload.count + 24) }
            } catch {
                throw .framing(error)
            }
        case .v2(var transport):
            state = .undecided([], Self.none)
            defer { state = .v2(transport) }
            do throws(V2Transport.Fault) { return try transport.next() } catch { throw .encryption(error) }
        }
    }

    /// Messages that could not be read since the last look.
    mutating func takeLost() -> LostMessages {
        switch state {
        case .undecided: return LostMessages()
        case .v1(var decoder):
            guard decoder.lost.bytes > 0 else { return LostMessages() }
            let lost = decoder.lost.take()
            state = .v1(decoder)
            return lost
        case .v2(var transport):
            guard transport.lost.bytes > 0 else { return LostMessages() }
            let lost = transport.lost.take()
            state = .v2(transport)
            return lost
        }
    }

    /// Stands in while the state is worked on in place.
    private static let none = SecretGenerator(seed: [])

    mutating func write(_ command: String, into writer: inout ByteWriter, _ body: (inout ByteWriter) -> Void)
    {
        switch state {
        case .v1, .undecided: PeerMessage.write(command, magic: magic, into: &writer, body)
        case .v2(var transport):
            state = .undecided([], Self.none)
            transport.write(command, into: &writer, body)
            state = .v2(transport)
        }
    }
}
