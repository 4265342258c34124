import Bitcoin
import Hardware
import SansIO

/// A stick on the device side of the usbredir protocol (version 0.7): QEMU's `usb-redir` connects, and its guest sees the
/// stick that ``StickIdentity`` names, with a chain of chips behind its bridge.
///
/// A value: bytes in and out with instants, no socket. Bulk transfers complete when the bridge would complete them.
public struct UsbRedirStick: Sendable {
    public let identity: StickIdentity
    public internal(set) var chain: WireChain
    public private(set) var trace: WireTrace
    /// Lines of the chips' traffic and of control requests since the last ``takeLog()``; bounded.
    private var log: [String] = []
    public var keepsLog = false

    private var buffer: [UInt8] = []
    private var peer = Capabilities()
    private var isGreeted = false
    var bridge = BridgeState()
    private var configuration: UInt8 = 0
    private var isGone = false

    /// From the chips, in the bridge's memory for the host.
    private var received: [UInt8] = []
    /// From the chips, still on their line.
    private var onLine: [LineOutput] = []
    private var reads: [Read] = []
    private var writes: [Write] = []
    private var lastPacket = Instant.start
    private var telemetry = TelemetryPort()
    private var sentFault: String?

    private struct Read {
        var id: UInt64
        var endpoint: UInt8
        var length: Int
    }

    private struct Write {
        var id: UInt64
        var endpoint: UInt8
        var length: Int
        var due: Instant
    }

    /// What the other side can do; what both can is used.
    private struct Capabilities {
        var bits: UInt32 = 0
        func has(_ bit: UInt32) -> Bool { bits >> bit & 1 == 1 }
        /// Connect with a device version, packet sizes, 64-bit ids, 32-bit bulk lengths.
        static let ours: UInt32 = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6
    }

    /// - Parameter settings: how fast and how true the chips are; family and number come from the stick.
    public init(_ identity: StickIdentity, _ settings: WireChainSettings? = nil) {
        var settings = settings ?? WireChainSettings(family: identity.family, chips: identity.chips)
        settings.family = identity.family
        settings.chips = identity.chips
        settings.unitsPerChip = identity.unitsPerChip
        self.identity = identity
        chain = WireChain(settings)
        trace = WireTrace(identity.family)
    }

    /// Why the connection must end; nil while all is well.
    public var fault: String? { sentFault }

    public mutating func takeLog() -> [String] {
        defer { log.removeAll() }
        return log
    }

    private mutating func note(_ text: @autoclosure () -> String) {
        guard keepsLog, log.count < Limits.usbLogLines else { return }
        let text = text()
        log.append(text)
    }

    // MARK: Connection

    /// Somebody connected: the greeting.
    public mutating func connected(at now: Instant, into output: inout [UInt8]) {
        buffer = []
        peer = Capabilities()
        isGreeted = false
        sentFault = nil
        forget()
        bridge = BridgeState()
        chain.setReset(true, at: now)
        chain.setReset(false, at: now)
        let name = Array("mining-lab stick".utf8)
        put(
            .hello, 0, name + [UInt8](repeating: 0, count: 64 - name.count) + Capabilities.ours.bytes, &output
        )
    }

    private mutating func forget() {
        received = []
        onLine = []
        reads = []
        writes = []
        telemetry = TelemetryPort()
    }

    public mutating func receive(_ bytes: [UInt8], at now: Instant, into output: inout [UInt8]) {
        guard sentFault == nil else { return }
        buffer += bytes
        var start = 0
        while sentFault == nil {
            let wide = isGreeted && peer.has(5)
            let header = wide ? 16 : 12
            guard buffer.count - start >= header else { break }
            let type = number(start)
            let length = Int(number(start + 4))
            guard length <= Limits.usbPacketMax else {
                sentFault = "a packet of \(length) bytes"
                break
            }
            guard buffer.count - start >= header + length else { break }
            let id = UInt64(number(start + 8)) | (wide ? UInt64(number(start + 12)) << 32 : 0)
            let body = Array(buffer[start + header..<start + header + length])
            start += header + length
            take(PacketType(rawValue: type), id, body, at: now, &output)
        }
        buffer.removeFirst(start)
        deliver(at: now, &output)
    }

    private func number(_ at: Int) -> UInt32 { Self.number(buffer, at) }

    private static func number(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) }
    }

    private mutating func put(_ type: PacketType, _ id: UInt64, _ body: [UInt8], _ output: inout [UInt8]) {
        output += type.rawValue.bytes + UInt32(body.count).bytes + UInt32(truncatingIfNeeded: id).bytes
        if isGreeted, peer.has(5) { output += UInt32(truncatingIfNeeded: id >> 32).bytes }
        output += body
    }

    // MARK: Packets

    private mutating func take(
        _ type: PacketType?, _ id: UInt64, _ body: [UInt8], at now: Instant, _ output: inout [UInt8]
    ) {
        guard isGreeted || type == .hello else {
            sentFault = "no greeting"
            return
        }
        switch (type, body.count) {
        case (.hello, 64...): greet(body, &output)
        case (.reset, _):
            forget()
            configuration = 0
        case (.setConfiguration, 1...):
            configuration = body[0]
            put(.configurationStatus, id, [0, configuration], &output)
        case (.getConfiguration, _): put(.configurationStatus, id, [0, configuration], &output)
        case (.setAlternate, 2...): put(.alternateStatus, id, [0, body[0], body[1]], &output)
        case (.getAlternate, 1...): put(.alternateStatus, id, [0, body[0], 0], &output)
        case (.startInterrupt, 1...), (.stopInterrupt, 1...):
            put(.interruptStatus, id, [0, body[0]], &output)
        case (.cancel, _): cancel(id, &output)
        case (.control, 10...): control(id, body, at: now, &output)
        case (.bulk, 8...): bulk(id, body, at: now, &output)
        default:
            note("usb packet \(type.map { "\($0)" } ?? "of an unknown type"), \(body.count) bytes, ignored")
        }
    }

    private mutating func greet(_ body: [UInt8], _ output: inout [UInt8]) {
        guard !isGreeted else { return }
        if body.count >= 68 { peer.bits = Self.number(body, 64) & Capabilities.ours }
        isGreeted = true
        let interfaces = identity.bridge.endpoints
        var numbers = [UInt8](repeating: 0, count: 32)
        var classes = [UInt8](repeating: 0, count: 32)
        for index in interfaces.indices {
            numbers[index] = UInt8(index)
            classes[index] = 0xff
        }
        put(.interfaces, 0, UInt32(interfaces.count).bytes + numbers + classes + classes + classes, &output)
        var types = [UInt8](repeating: 0xff, count: 32)
        var owners = [UInt8](repeating: 0, count: 32)
        var sizes = [UInt16](repeating: 0, count: 32)
        (types[0], types[16], sizes[0], sizes[16]) = (0, 0, 64, 64)
        for (number, endpoints) in interfaces.enumerated() {
            for endpoint in endpoints {
                let index = Int(endpoint.address & 0x0f) + (endpoint.address & 0x80 != 0 ? 16 : 0)
                types[index] = endpoint.isInterrupt ? 3 : 2
                owners[index] = UInt8(number)
                sizes[index] = UInt16(endpoint.packet)
            }
        }
        let intervals = types.map { $0 == 3 ? UInt8(1) : 0 }
        put(.endpoints, 0, types + intervals + owners + (peer.has(4) ? sizes.flatMap(\.bytes) : []), &output)
        // Full speed, class told by the interfaces.
        let device: [UInt8] = [1, 0, 0, 0] + identity.vendor.bytes + identity.product.bytes
        put(.connect, 0, device + (peer.has(1) ? identity.release.bytes : []), &output)
    }

    // MARK: Control

    private mutating func control(_ id: UInt64, _ body: [UInt8], at now: Instant, _ output: inout [UInt8]) {
        let word = { (at: Int) in UInt16(body[at]) | UInt16(body[at + 1]) << 8 }
        let request = ControlRequest(
            type: body[2], request: body[1], value: word(4), index: word(6), length: word(8),
            data: Array(body[10...]))
        let answer: [UInt8]?
        if request.type & 0x60 == 0 {
            answer = standard(request)
        } else {
            let before = bridge
            answer = bridge.answer(request, identity.bridge)
            if bridge.holdsReset != before.holdsReset { chain.setReset(bridge.holdsReset, at: now) }
            if bridge.baud != before.baud { chain.setHostBaud(bridge.baud) }
            if bridge.purges { received = [] }
            bridge.purges = false
            note("control \(Self.words(request))\(answer == nil ? " stalled" : "")")
        }
        let isRead = request.type & 0x80 != 0
        let data = isRead ? Array((answer ?? []).prefix(Int(request.length))) : []
        let length = isRead ? UInt16(data.count) : answer == nil ? 0 : request.length
        put(
            .control, id,
            [body[0], body[1], body[2], answer == nil ? Status.stall : Status.success] + Array(body[4..<8])
                + length.bytes + data, &output)
    }

    private static func words(_ request: ControlRequest) -> String {
        let parts =
            [[request.type], [request.request], Array(request.value.bytes.reversed())]
            + [Array(request.index.bytes.reversed()), request.data]
        return parts.map(\.hex).joined(separator: " ")
    }

    private mutating func standard(_ request: ControlRequest) -> [UInt8]? {
        switch (request.type, request.request) {
        case (0x80, 6):
            switch request.value >> 8 {
            case 1: return identity.deviceDescriptor
            case 2: return request.value & 0xff == 0 ? identity.configurationDescriptor : nil
            case 3: return identity.stringDescriptor(UInt8(request.value & 0xff))
            default: return nil
            }
        case (0x80, 0), (0x81, 0), (0x82, 0): return [0, 0]
        case (0x80, 8): return [configuration]
        case (0x81, 10): return [0]
        // Features are set and cleared without effect: nothing here wakes the host, and no endpoint stalls.
        case (0x00, 1), (0x00, 3), (0x01, 1), (0x02, 1), (0x02, 3): return []
        case (0x00, 9):
            configuration = UInt8(request.value & 0xff)
            return []
        case (0x01, 11): return []
        default: return nil
        }
    }

    // MARK: Bulk

    private mutating func bulk(_ id: UInt64, _ body: [UInt8], at now: Instant, _ output: inout [UInt8]) {
        let wide = peer.has(6)
        let header = wide ? 10 : 8
        guard body.count >= header else { return }
        var length = Int(body[2]) | Int(body[3]) << 8
        if wide { length |= Int(body[8]) << 16 | Int(body[9]) << 24 }
        let endpoint = body[0]
        let interface = identity.bridge.endpoints.firstIndex { $0.contains { $0.address == endpoint } }
        guard let interface, length <= Limits.usbPacketMax else {
            return finish(id, endpoint, Status.stall, length: 0, [], &output)
        }
        if endpoint & 0x80 != 0 {
            guard reads.count < Limits.usbReadsMax else {
                return finish(id, endpoint, Status.stall, length: 0, [], &output)
            }
            reads.append(Read(id: id, endpoint: endpoint, length: length))
            return
        }
        let data = Array(body[header...])
        guard interface == 0 else {
            telemetry.take(data)
            return finish(id, endpoint, Status.success, length: data.count, [], &output)
        }
        if keepsLog {
            let lines = trace.toChips(data, at: now)
            for line in lines { note(line.description) }
        }
        chain.receive(data, baud: bridge.baud, at: now, into: &onLine)
        // The bridge takes a transfer when what is ahead of it fits in its memory.
        let room = Interval(seconds: Double(Limits.bridgeMemory) * 10 / bridge.baud)
        let full = chain.inputBusyUntil
        let due = full > now + room ? Instant(nanoseconds: full.nanoseconds - room.nanoseconds) : now
        writes.append(Write(id: id, endpoint: endpoint, length: data.count, due: due))
    }

    private mutating func finish(
        _ id: UInt64, _ endpoint: UInt8, _ status: UInt8, length: Int, _ data: [UInt8],
        _ output: inout [UInt8]
    ) {
        var body: [UInt8] = [endpoint, status] + UInt16(truncatingIfNeeded: length).bytes + UInt32(0).bytes
        if peer.has(6) { body += UInt16(truncatingIfNeeded: length >> 16).bytes }
        put(.bulk, id, body + data, &output)
    }

    private mutating func cancel(_ id: UInt64, _ output: inout [UInt8]) {
        if let index = reads.firstIndex(where: { $0.id == id }) {
            finish(id, reads[index].endpoint, Status.cancelled, length: 0, [], &output)
            reads.remove(at: index)
        } else if let index = writes.firstIndex(where: { $0.id == id }) {
            finish(id, writes[index].endpoint, Status.cancelled, length: 0, [], &output)
            writes.remove(at: index)
        }
    }

    // MARK: Time

    public var nextDeadline: Instant? {
        var next = chain.nextDeadline
        func consider(_ instant: Instant) { next = min(next ?? instant, instant) }
        if let first = onLine.first { consider(first.due) }
        if let first = writes.first { consider(first.due) }
        if identity.bridge == .ft230x, !reads.isEmpty { consider(packetDue) }
        return next
    }

    private var packetDue: Instant { lastPacket + .milliseconds(UInt64(bridge.latency)) }

    public mutating func deadlineReached(at now: Instant, into output: inout [UInt8]) {
        chain.deadlineReached(at: now, into: &onLine)
        deliver(at: now, &output)
    }

    /// What is due goes to the host.
    private mutating func deliver(at now: Instant, _ output: inout [UInt8]) {
        while let first = onLine.first, first.due <= now {
            onLine.removeFirst()
            if keepsLog {
                let line = trace.fromChips(first).description
                note(line)
            }
            if received.count + first.bytes.count <= Limits.bridgeMemory { received += first.bytes }
        }
        while let first = writes.first, first.due <= now {
            writes.removeFirst()
            finish(first.id, first.endpoint, Status.success, length: first.length, [], &output)
        }
        var index = 0
        while index < reads.count {
            guard let data = packets(for: reads[index], at: now) else {
                index += 1
                continue
            }
            let read = reads.remove(at: index)
            finish(read.id, read.endpoint, Status.success, length: data.count, data, &output)
        }
    }

    /// What a read gets now; nil while it waits.
    private mutating func packets(for read: Read, at now: Instant) -> [UInt8]? {
        if read.endpoint == 0x82, identity.bridge == .cp2105 { return telemetry.give(read.length) }
        guard identity.bridge == .ft230x else {
            guard !received.isEmpty else { return nil }
            let data = Array(received.prefix(read.length))
            received.removeFirst(data.count)
            return data
        }
        // A packet goes when it is full or when the latency timer has run out, data or not.
        guard received.count >= 62 || now >= packetDue, read.length >= 2 else { return nil }
        lastPacket = now
        var data: [UInt8] = []
        repeat {
            let count = min(62, received.count, read.length - data.count - 2)
            data += [0x01, 0x60] + received.prefix(count)
            received.removeFirst(count)
            if count < 62 { break }
        } while !received.isEmpty && read.length - data.count > 2
        return data
    }
}

/// usbredirproto.h.
private enum PacketType: UInt32 {
    case hello = 0
    case connect = 1
    case disconnect = 2
    case reset = 3
    case interfaces = 4
    case endpoints = 5
    case setConfiguration = 6
    case getConfiguration = 7
    case configurationStatus = 8
    case setAlternate = 9
    case getAlternate = 10
    case alternateStatus = 11
    case startInterrupt = 15
    case stopInterrupt = 16
    case interruptStatus = 17
    case cancel = 21
    case filterReject = 22
    case filter = 23
    case control = 100
    case bulk = 101
}

private enum Status {
    static let success: UInt8 = 0
    static let cancelled: UInt8 = 1
    static let stall: UInt8 = 4
}

/// The controller behind the second interface of a Compac A1: requests of two bytes.
private struct TelemetryPort {
    private var held: [UInt8] = []
    private var answers: [UInt8] = []

    mutating func take(_ bytes: [UInt8]) {
        held += bytes
        while held.count >= 2 {
            switch (held[0], held[1]) {
            case (UInt8(ascii: "?"), UInt8(ascii: "v")): answers.append(0x20)
            case (UInt8(ascii: "G"), UInt8(ascii: ".")):
                // vin 12 V, iin, vout, iout, two temperatures of about 45 degrees, fan 3000 rpm.
                answers += [124, 80, 75, 120, 118, 118, 100]
            default: break
            }
            held.removeFirst(2)
        }
        if answers.count > 64 { answers.removeFirst(answers.count - 64) }
    }

    mutating func give(_ count: Int) -> [UInt8]? {
        guard !answers.isEmpty else { return nil }
        defer { answers.removeFirst(min(count, answers.count)) }
        return Array(answers.prefix(count))
    }
}
