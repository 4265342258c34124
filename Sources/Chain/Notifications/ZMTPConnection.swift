import SansIO

/// One subscriber's side of ZMTP 3.0 with the NULL mechanism, as RFC 23 of the ZeroMQ project has it. Takes what a
/// SUB socket of any 3.x library sends: its greeting, READY, and subscriptions as messages or as commands.
struct ZMTPConnection: Sendable {
    enum Step: Equatable, Sendable {
        case needsMore
        /// Bytes to send.
        case reply([UInt8])
        case changed
        /// The peer breaks the protocol.
        case failed(String)
    }

    private enum Phase: Sendable {
        case greeting
        case handshake
        case ready
    }

    private var phase = Phase.greeting
    private var buffer: [UInt8] = []
    /// Prefixes of topics, each as often as it was subscribed to.
    private(set) var subscriptions: [[UInt8]] = []

    var isReady: Bool { if case .ready = phase { true } else { false } }

    /// What a PUB socket says first.
    static let greeting: [UInt8] =
        [0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0] + Array("NULL".utf8)
        + [UInt8](repeating: 0, count: 16 + 1 + 31)

    static let ready = command("READY", [11] + Array("Socket-Type".utf8) + [0, 0, 0, 3] + Array("PUB".utf8))

    static func command(_ name: String, _ data: [UInt8]) -> [UInt8] {
        let body = [UInt8(name.utf8.count)] + Array(name.utf8) + data
        return [0x04, UInt8(body.count)] + body
    }

    /// One part of a message.
    static func write(_ part: some Collection<UInt8>, more: Bool, into writer: inout ByteWriter) {
        let flag: UInt8 = more ? 1 : 0
        if part.count <= 255 {
            writer.write(u8: flag)
            writer.write(u8: UInt8(part.count))
        } else {
            writer.write(u8: flag | 2)
            for shift in stride(from: 56, through: 0, by: -8) {
                writer.write(u8: UInt8(UInt64(part.count) >> UInt64(shift) & 0xff))
            }
        }
        writer.write(Array(part))
    }

    func wants(_ topic: [UInt8]) -> Bool { subscriptions.contains { topic.starts(with: $0) } }

    mutating func append(_ bytes: RawSpan) { bytes.withUnsafeBytes { buffer.append(contentsOf: $0) } }

    mutating func next() -> Step {
        if case .greeting = phase {
            guard buffer.count >= 64 else {
                let isSignature = buffer.isEmpty || buffer[0] == 0xff
                return isSignature ? .needsMore : .failed("no ZMTP greeting")
            }
            guard buffer[0] == 0xff, buffer[9] & 1 == 1, buffer[10] >= 3 else {
                return .failed("ZMTP older than 3.0")
            }
            guard buffer[12..<16].elementsEqual(Array("NULL".utf8)), buffer[16] == 0 else {
                return .failed("a ZMTP mechanism other than NULL")
            }
            buffer.removeFirst(64)
            phase = .handshake
            return .reply(Self.ready)
        }
        guard let head = frameHead() else { return .needsMore }
        guard head.size <= UInt64(ChainLimits.publisherFrame) else { return .failed("ZMTP frame too long") }
        let range = head.count..<head.count + Int(head.size)
        guard buffer.count >= range.upperBound else { return .needsMore }
        let flags = head.flags
        let body = Array(buffer[range])
        buffer.removeFirst(range.upperBound)
        return flags & 4 != 0 ? take(command: body) : take(message: body)
    }

    /// What the next frame says of itself; nil while that is not here whole. A size that is too large is told at
    /// once, before its bytes come.
    private func frameHead() -> (flags: UInt8, count: Int, size: UInt64)? {
        guard let flags = buffer.first else { return nil }
        let count = flags & 2 != 0 ? 9 : 2
        guard buffer.count >= count else { return nil }
        return (flags, count, buffer[1..<count].reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }

    private mutating func take(command: [UInt8]) -> Step {
        guard let length = command.first, command.count > Int(length) else {
            return .failed("an empty command")
        }
        let name = String(decoding: command[1...Int(length)], as: UTF8.self)
        let data = Array(command[(Int(length) + 1)...])
        switch (phase, name) {
        case (.handshake, "READY"):
            phase = .ready
            return .changed
        case (.ready, "SUBSCRIBE"): return subscribe(data)
        case (.ready, "CANCEL"): return cancel(data)
        case (.ready, "PING"): return .reply(Self.command("PONG", Array(data.dropFirst(2).prefix(16))))
        case (.ready, _): return .changed
        default: return .failed("\(name) before READY")
        }
    }

    private mutating func take(message: [UInt8]) -> Step {
        guard isReady else { return .failed("a message before READY") }
        switch message.first {
        case 1: return subscribe(Array(message.dropFirst()))
        case 0: return cancel(Array(message.dropFirst()))
        default: return .changed
        }
    }

    private mutating func subscribe(_ prefix: [UInt8]) -> Step {
        guard subscriptions.count < ChainLimits.publisherSubscriptions else {
            return .failed("too many subscriptions")
        }
        subscriptions.append(prefix)
        return .changed
    }

    private mutating func cancel(_ prefix: [UInt8]) -> Step {
        if let index = subscriptions.firstIndex(of: prefix) { subscriptions.remove(at: index) }
        return .changed
    }
}
