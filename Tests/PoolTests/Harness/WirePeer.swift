import Bitcoin
import SansIO
import Stratum

/// The other end of one connection in a test: real Noise, real frames, kept in arrays.
final class WirePeer {
    var link: V2Connection
    var frames: [V2Frame] = []
    var outgoing = ByteWriter()
    var closed: CloseReason?
    var raw: [UInt8] = []
    /// Called for each frame as it arrives; what it sends is delivered after it.
    var onFrame: ((WirePeer, V2Frame) -> Void)?
    /// False: bytes are collected in ``raw`` and not understood.
    var speaksNoise = true

    init(_ link: V2Connection) { self.link = link }

    func start() { link.start(into: &outgoing) }

    func receive(_ bytes: [UInt8], unixTime: UInt32) throws {
        guard speaksNoise else {
            raw += bytes
            return
        }
        try link.receive(bytes.span.bytes, unixTime: unixTime, into: &outgoing)
        while let frame = try link.nextFrame() {
            frames.append(frame)
            onFrame?(self, frame)
        }
    }

    func send(_ message: some V2Message) { link.send(message, into: &outgoing) }

    /// The messages of one type that came, in order.
    func all<M: V2Message>(_ type: M.Type) throws -> [M] {
        try frames.filter { $0.messageType == M.messageType && $0.extensionNumber == M.extensionType }
            .map { try M(frame: $0) }
    }

    func last<M: V2Message>(_ type: M.Type) throws -> M? { try all(type).last }

    /// The message types that came, in order.
    var types: [UInt8] { frames.map(\.messageType) }
}
