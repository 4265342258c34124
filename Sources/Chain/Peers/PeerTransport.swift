import Bitcoin
import SansIO

/// Frames and unframes one peer's messages: version 1, or version 2 of BIP324.
struct PeerTransport: Sendable {
    enum Fault: Error, Equatable {
        case framing(PeerMessageDecoder.Fault)
    }

    private enum State: Sendable {
        case v1(PeerMessageDecoder)
    }

    private let magic: [UInt8]
    private var state: State

    /// Version 1 from the first byte.
    init(magic: [UInt8]) {
        self.magic = magic
        state = .v1(PeerMessageDecoder(magic: magic))
    }

    /// As getpeerinfo's `transport_protocol_type` says it.
    var name: String { "v1" }
    /// BIP324's session id in hex; empty for version 1.
    var sessionID: String { "" }
    /// Whether messages may be written now.
    var isReady: Bool { true }

    mutating func receive(_ bytes: RawSpan) {
        switch state {
        case .v1(var decoder):
            state = .v1(PeerMessageDecoder(magic: magic))
            decoder.append(bytes)
            state = .v1(decoder)
        }
    }

    /// The next whole message and the bytes that it took on the wire.
    mutating func next() throws(Fault) -> (message: PeerMessage, size: Int)? {
        switch state {
        case .v1(var decoder):
            state = .v1(PeerMessageDecoder(magic: magic))
            defer { state = .v1(decoder) }
            do throws(PeerMessageDecoder.Fault) {
                return try decoder.next().map { ($0, $0.payload.count + 24) }
            } catch {
                throw .framing(error)
            }
        }
    }

    mutating func write(_ command: String, into writer: inout ByteWriter, _ body: (inout ByteWriter) -> Void)
    {
        PeerMessage.write(command, magic: magic, into: &writer, body)
    }
}
