import Bitcoin
import Hardware
import SansIO

/// Every frame on a chain's line in words: what a driver's author reads.
///
/// Listens on the line beside the chain with decoders of its own, so that it shows what was sent, malformed or not.
public struct WireTrace: Sendable {
    public struct Line: Sendable, Equatable, CustomStringConvertible {
        public enum Direction: Sendable, Equatable { case toChips, fromChips }
        public var at: Instant
        public var direction: Direction
        public var bytes: [UInt8]
        public var meaning: String

        /// Seconds, direction, bytes, meaning.
        public var description: String {
            let micros = at.nanoseconds / 1_000
            let fraction = String(micros % 1_000_000)
            let zeros = String(repeating: "0", count: 6 - fraction.count)
            let arrow = direction == .toChips ? ">" : "<"
            return "\(micros / 1_000_000).\(zeros)\(fraction) \(arrow) \(bytes.hex)  \(meaning)"
        }
    }

    private let family: ChipFamily
    private var commands: ChipFrameDecoder
    private var held: [UInt8] = []

    public init(_ family: ChipFamily) {
        self.family = family
        commands = ChipFrameDecoder(family: family)
    }

    /// What the host sent; a frame shows when its last byte is there.
    public mutating func toChips(_ bytes: [UInt8], at now: Instant) -> [Line] {
        held += bytes
        commands.append(bytes)
        var lines: [Line] = []
        var before = commands.consumed
        while let frame = commands.next() {
            let count = Int(commands.consumed - before)
            before = commands.consumed
            lines.append(
                Line(
                    at: now, direction: .toChips, bytes: Array(held.prefix(count)), meaning: Self.words(frame)
                ))
            held.removeFirst(min(count, held.count))
        }
        return lines
    }

    /// What the host hears. One call for each frame, as the chain gives them out.
    public func fromChips(_ output: LineOutput) -> Line {
        var meaning = "garbage"
        for isShort in [output.bytes.count == 9, false] {
            var decoder = ChipReplyDecoder(family: family)
            decoder.isShort = isShort
            decoder.append(output.bytes)
            guard let reply = decoder.next() else { continue }
            meaning = words(reply)
            break
        }
        return Line(at: output.due, direction: .fromChips, bytes: output.bytes, meaning: meaning)
    }

    static func words(_ frame: ChipFrame) -> String {
        switch frame {
        case .malformed(let bytes): return "no frame, \(bytes.count) bytes dropped"
        case .job(let job):
            let content =
                switch job.content {
                case .header(let header): "version \(hex(header.version)) time \(header.time)"
                case .midstates(let states, let tail): "\(states.count) midstates time \(tail.time)"
                }
            return "job \(job.id) \(content)"
        case .command(let command):
            switch command {
            case .chainInactive: return "chain inactive"
            case .setAddress(let address): return "set address \(address)"
            case .read(let register, let of): return "read \(name(register)) of \(words(of))"
            case .write(let register, let value, let to):
                return "write \(name(register)) = \(hex(value)) to \(words(to))"
            case .setClock(let code, let to):
                return
                    "clock code \(hex(UInt32(code))) (\(ChipClock.frequency(code: code).megahertz) MHz) to \(words(to))"
            }
        }
    }

    private func words(_ reply: ChipReply) -> String {
        switch reply {
        case .register(let register):
            let from =
                family.framing == .preamble
                ? "\(Self.name(register.register)) of chip \(register.address)" : "register"
            return "\(from) = \(Self.hex(register.value))"
        case .nonce(let nonce):
            let (id, part) = nonce.jobID(family)
            var text = "nonce \(Self.hex(nonce.nonce)) of job \(id)"
            if family.subcores > 1 { text += " part \(part)" }
            if family.takesWholeHeader { text += " version \(Self.hex(UInt32(nonce.version)))" }
            let layout = NonceLayout(family)
            if let address = layout.address(ofWireNonce: nonce.nonce) { text += " chip \(address)" }
            if let core = layout.core(ofWireNonce: nonce.nonce) { text += " core \(core)" }
            return text
        }
    }

    private static func words(_ address: ChipAddress) -> String {
        switch address {
        case .all: "all"
        case .one(let address): "chip \(address)"
        }
    }

    private static func name(_ register: UInt8) -> String { "register " + [register].hex }

    private static func hex(_ value: UInt32) -> String {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }.hex
    }
}
