import Bitcoin
import SansIO

/// Version 2 of the transport (BIP324): key exchange, garbage, then encrypted packets.
struct V2Transport: Sendable {
    enum Fault: Error, Equatable {
        /// A version 1 peer of another network.
        case foreignMagic
        case garbageTooLong
        /// A packet that the other side did not seal.
        case forgedPacket
        case tooLong(Int)
    }

    private enum Phase: Sendable {
        /// The other side's 64-byte key is awaited.
        case key
        /// Its garbage, up to the terminator.
        case garbage(V2Cipher)
        /// Its first packet that is no decoy: BIP324's version packet, whose contents are ignored.
        case version(V2Cipher)
        case open(V2Cipher)
    }

    private let isInitiator: Bool
    private let magic: [UInt8]
    private let secret: SecretKey
    private let ours: [UInt8]
    private let ourGarbage: [UInt8]
    private var phase = Phase.key
    private var buffer: [UInt8] = []
    private var start = 0
    /// The contents' length of the packet that is being read.
    private var length: Int?
    /// Authenticated with the first packet.
    private var theirGarbage: [UInt8] = []
    private var outbox: [UInt8]
    /// Messages whose name is none.
    var lost = LostMessages()

    /// - Parameter secrets: key and garbage are drawn from it.
    init(isInitiator: Bool, magic: [UInt8], secrets: inout SecretGenerator) {
        self.isInitiator = isInitiator
        self.magic = magic
        secret = secrets.secretKey()
        ours = ElligatorSwift.encode(secret: secret, randomness: secrets.bytes(32))
        let size = secrets.bytes(2)
        let count = (Int(size[0]) << 8 | Int(size[1])) % (Self.garbageMax + 1)
        ourGarbage = secrets.bytes(count)
        outbox = ours + ourGarbage
    }

    /// BIP324's limit.
    private static let garbageMax = 4_095

    /// Nothing came from the other side yet.
    var isUnanswered: Bool {
        if case .key = phase { return buffer.isEmpty }
        return false
    }

    var sessionID: Hash256? {
        switch phase {
        case .key: nil
        case .garbage(let cipher), .version(let cipher), .open(let cipher): cipher.sessionID
        }
    }

    var isReady: Bool { sessionID != nil }

    /// What the handshake has to send.
    mutating func takeOutbox() -> [UInt8] {
        let bytes = outbox
        outbox = []
        return bytes
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if start > 0 {
            buffer.removeSubrange(..<start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next whole message and the bytes that it took; nil when more bytes are needed.
    mutating func next() throws(Fault) -> (message: PeerMessage, size: Int)? {
        while true {
            switch phase {
            case .key: guard try readKey() else { return nil }
            case .garbage(let cipher): guard try readGarbage(cipher) else { return nil }
            case .version(var cipher):
                phase = .key
                let packet: (contents: [UInt8], isDecoy: Bool)?
                do throws(Fault) { packet = try readPacket(&cipher) } catch {
                    phase = .version(cipher)
                    throw error
                }
                phase = packet.map { !$0.isDecoy } ?? false ? .open(cipher) : .version(cipher)
                if packet == nil { return nil }
            case .open(var cipher):
                phase = .key
                defer { phase = .open(cipher) }
                guard let packet = try readPacket(&cipher) else { return nil }
                if packet.isDecoy { continue }
                if let message = Self.message(packet.contents) {
                    return (message, packet.contents.count + V2Cipher.overhead)
                }
                lost.add(packet.contents.count + V2Cipher.overhead, isDamaged: false)
            }
        }
    }

    private mutating func readKey() throws(Fault) -> Bool {
        if !isInitiator, buffer.count >= 16, buffer[4..<16].elementsEqual(PeerTransport.versionName) {
            throw .foreignMagic
        }
        guard buffer.count >= ElligatorSwift.byteCount else { return false }
        let theirs = Array(buffer[..<ElligatorSwift.byteCount])
        start = ElligatorSwift.byteCount
        var cipher = V2Cipher(
            secret: secret, ours: ours, theirs: theirs, isInitiator: isInitiator, magic: magic)
        var writer = ByteWriter()
        writer.write(cipher.sendTerminator)
        cipher.seal(into: &writer, associated: ourGarbage) { _ in }
        outbox += writer.bytes
        phase = .garbage(cipher)
        return true
    }

    private mutating func readGarbage(_ cipher: V2Cipher) throws(Fault) -> Bool {
        let wanted = cipher.receiveTerminator
        var at = start
        while at + wanted.count <= buffer.count, at - start <= Self.garbageMax {
            if buffer[at..<at + wanted.count].elementsEqual(wanted) {
                theirGarbage = Array(buffer[start..<at])
                start = at + wanted.count
                phase = .version(cipher)
                return true
            }
            at += 1
        }
        if at - start > Self.garbageMax { throw .garbageTooLong }
        return false
    }

    private mutating func readPacket(
        _ cipher: inout V2Cipher
    ) throws(Fault) -> (contents: [UInt8], isDecoy: Bool)? {
        let known: Int
        if let length {
            known = length
        } else {
            guard buffer.count - start >= 3 else { return nil }
            known = cipher.length(Array(buffer[start..<start + 3]))
            start += 3
            guard known <= ChainLimits.peerMessage + 13 else { throw .tooLong(known) }
            length = known
        }
        guard buffer.count - start >= known + 17 else { return nil }
        let bytes = Array(buffer[start..<start + known + 17])
        start += known + 17
        length = nil
        guard let packet = cipher.open(bytes, associated: theirGarbage) else { throw .forgedPacket }
        theirGarbage = []
        return packet
    }

    /// Seals one message; only when ``isReady``.
    mutating func write(_ command: String, into writer: inout ByteWriter, _ body: (inout ByteWriter) -> Void)
    {
        seal(into: &writer) { writer in
            if let id = Self.shortIDs[command] {
                writer.write(u8: id)
            } else {
                writer.write(u8: 0)
                let name = Array(command.utf8)
                precondition(name.count <= 12, "command \(command)")
                writer.write(name)
                writer.write(repeating: 0, count: 12 - name.count)
            }
            body(&writer)
        }
    }

    /// A packet that the receiver throws away.
    mutating func writeDecoy(_ count: Int, into writer: inout ByteWriter) {
        seal(into: &writer, isDecoy: true) { $0.write(repeating: 0, count: count) }
    }

    private mutating func seal(
        into writer: inout ByteWriter, isDecoy: Bool = false, _ body: (inout ByteWriter) -> Void
    ) {
        switch phase {
        case .key: preconditionFailure("a message before the keys are agreed")
        case .garbage(var cipher):
            cipher.seal(into: &writer, isDecoy: isDecoy, body)
            phase = .garbage(cipher)
        case .version(var cipher):
            cipher.seal(into: &writer, isDecoy: isDecoy, body)
            phase = .version(cipher)
        case .open(var cipher):
            cipher.seal(into: &writer, isDecoy: isDecoy, body)
            phase = .open(cipher)
        }
    }

    // MARK: Names

    private static func message(_ contents: [UInt8]) -> PeerMessage? {
        guard let id = contents.first else { return nil }
        if id != 0 {
            guard let name = names[id] else { return nil }
            return PeerMessage(command: name, payload: Array(contents.dropFirst()))
        }
        guard contents.count >= 13 else { return nil }
        let name = contents[1..<13].prefix { $0 != 0 }
        guard name.allSatisfy({ (0x20...0x7e).contains($0) }),
            contents[(1 + name.count)..<13].allSatisfy({ $0 == 0 })
        else { return nil }
        return PeerMessage(command: String(decoding: name, as: UTF8.self), payload: Array(contents[13...]))
    }

    /// BIP324's table of one-byte message types.
    private static let table: [(UInt8, PeerCommand)] = [
        (1, .addr), (2, .block), (3, .blocktxn), (4, .cmpctblock), (5, .feefilter), (6, .filteradd),
        (7, .filterclear), (8, .filterload), (9, .getblocks), (10, .getblocktxn), (11, .getdata),
        (12, .getheaders), (13, .headers), (14, .inv), (15, .mempool), (16, .merkleblock), (17, .notfound),
        (18, .ping), (19, .pong), (20, .sendcmpct), (21, .tx), (22, .getcfilters), (23, .cfilter),
        (24, .getcfheaders), (25, .cfheaders), (26, .getcfcheckpt), (27, .cfcheckpt), (28, .addrv2),
    ]
    private static let names = Dictionary(uniqueKeysWithValues: table.map { ($0.0, $0.1.rawValue) })
    private static let shortIDs = Dictionary(uniqueKeysWithValues: table.map { ($0.1.rawValue, $0.0) })
}
