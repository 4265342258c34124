import Bitcoin
import SansIO

/// BIP324's packet cipher: both directions of one session.
struct V2Cipher: Sendable {
    /// Three bytes of length, one of flags, sixteen of tag.
    static let overhead = 20

    let sessionID: Hash256
    let sendTerminator: [UInt8]
    let receiveTerminator: [UInt8]
    private var sendLength: ForwardSecureStream
    private var receiveLength: ForwardSecureStream
    private var sendPacket: ForwardSecureAEAD
    private var receivePacket: ForwardSecureAEAD

    /// From both sides' encoded keys and our secret.
    init(secret: SecretKey, ours: [UInt8], theirs: [UInt8], isInitiator: Bool, magic: [UInt8]) {
        let shared = ElligatorSwift.Peer(theirs).sharedSecret(
            ours: ours, secret: secret, isInitiator: isInitiator)
        let salt = Array("bitcoin_v2_shared_secret".utf8) + magic
        let pseudorandom = hmacSHA256(key: salt, message: shared.bytes).bytes
        // HKDF's first and only block of 32 bytes for each purpose.
        func expand(_ purpose: String) -> [UInt8] {
            hmacSHA256(key: pseudorandom, message: Array(purpose.utf8) + [1]).bytes
        }
        let (own, other) = isInitiator ? ("initiator", "responder") : ("responder", "initiator")
        sendLength = ForwardSecureStream(key: expand(own + "_L"))
        sendPacket = ForwardSecureAEAD(key: expand(own + "_P"))
        receiveLength = ForwardSecureStream(key: expand(other + "_L"))
        receivePacket = ForwardSecureAEAD(key: expand(other + "_P"))
        let terminators = expand("garbage_terminators")
        let halves = [Array(terminators[..<16]), Array(terminators[16...])]
        sendTerminator = halves[isInitiator ? 0 : 1]
        receiveTerminator = halves[isInitiator ? 1 : 0]
        sessionID = Hash256(bytes: expand("session_id")) ?? .zero
    }

    /// Appends one packet whose contents `body` writes. A decoy is thrown away by the receiver.
    mutating func seal(
        into writer: inout ByteWriter, associated: [UInt8] = [], isDecoy: Bool = false,
        _ body: (inout ByteWriter) -> Void
    ) {
        let start = writer.count
        writer.write(u24: 0)
        writer.write(u8: isDecoy ? 0x80 : 0)
        body(&writer)
        let length = writer.count - start - 4
        let plain = (0..<3).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
        let hidden = sendLength.crypt(plain)
        for (offset, byte) in hidden.enumerated() { writer.bytes[start + offset] = byte }
        let tag = writer.withMutableBytes(from: start + 3) { sendPacket.seal($0, associated: associated) }
        writer.write(tag)
    }

    /// The length of a packet's contents from its first three bytes; once for each packet.
    mutating func length(_ bytes: [UInt8]) -> Int {
        let plain = receiveLength.crypt(bytes)
        return Int(plain[0]) | Int(plain[1]) << 8 | Int(plain[2]) << 16
    }

    /// A packet's contents and whether it is a decoy; nil when it was not sealed by the other side. `bytes` are
    /// what follows the length.
    mutating func open(_ bytes: [UInt8], associated: [UInt8]) -> (contents: [UInt8], isDecoy: Bool)? {
        var packet = Array(bytes.dropLast(16))
        let tag = Array(bytes.suffix(16))
        let isFine = packet.withUnsafeMutableBytes {
            receivePacket.open($0, tag: tag, associated: associated)
        }
        guard isFine, let flags = packet.first else { return nil }
        return (Array(packet.dropFirst()), flags & 0x80 != 0)
    }
}
