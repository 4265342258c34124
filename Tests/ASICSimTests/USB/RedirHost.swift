import ASICSim
import SansIO

/// QEMU's side of usbredir in virtual time: greets, asks, and reads what comes.
final class RedirHost {
    struct Packet: Equatable {
        var type: UInt32
        var id: UInt64
        var body: [UInt8]
    }

    var stick: UsbRedirStick
    var now = Instant.start
    /// Capability bits of its greeting: QEMU's are all of the device's.
    let capabilities: UInt32
    private var received: [UInt8] = []
    private var packets: [Packet] = []
    private var nextID: UInt64 = 1 << 33

    init(_ stick: UsbRedirStick, capabilities: UInt32 = 0x72) {
        self.stick = stick
        self.capabilities = capabilities
        var out: [UInt8] = []
        self.stick.connected(at: now, into: &out)
        received += out
    }

    private var isWide: Bool { capabilities >> 5 & 1 == 1 }

    func greet() {
        let name = Array("qemu usb-redir guest".utf8)
        let body = name + [UInt8](repeating: 0, count: 64 - name.count) + little(UInt64(capabilities), 4)
        send(little(0, 4) + little(UInt64(body.count), 4) + little(0, 4) + body)
        // The device's greeting still had short ids.
        take(width: 4, atMost: 1)
        take(width: isWide ? 8 : 4)
    }

    func send(_ bytes: [UInt8]) {
        var out: [UInt8] = []
        stick.receive(bytes, at: now, into: &out)
        received += out
    }

    @discardableResult
    func send(_ type: UInt32, _ body: [UInt8]) -> UInt64 {
        nextID += 1
        let id = isWide ? nextID : nextID & 0xffff
        send(little(UInt64(type), 4) + little(UInt64(body.count), 4) + little(id, isWide ? 8 : 4) + body)
        take(width: isWide ? 8 : 4)
        return id
    }

    func run(for interval: Interval) {
        let end = now + interval
        while let next = stick.nextDeadline, next <= end {
            now = max(now, next)
            var out: [UInt8] = []
            stick.deadlineReached(at: now, into: &out)
            received += out
        }
        now = end
        take(width: isWide ? 8 : 4)
    }

    private func take(width: Int, atMost: Int = .max) {
        var taken = 0
        while taken < atMost, received.count >= 8 + width {
            let length = Int(number(4, 4))
            guard received.count >= 8 + width + length else { return }
            packets.append(
                Packet(
                    type: UInt32(number(0, 4)), id: number(8, width),
                    body: Array(received[(8 + width)..<(8 + width + length)])))
            received.removeFirst(8 + width + length)
            taken += 1
        }
    }

    private func number(_ at: Int, _ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(received[at + $1]) << (8 * UInt64($1)) }
    }

    /// The first packet of a type, taken out.
    func packet(_ type: UInt32, id: UInt64? = nil) -> Packet? {
        guard let index = packets.firstIndex(where: { $0.type == type && (id == nil || $0.id == id) }) else {
            return nil
        }
        return packets.remove(at: index)
    }

    /// Status and data of a control transfer.
    func control(
        _ type: UInt8, _ request: UInt8, _ value: UInt16, _ index: UInt16 = 0, length: UInt16 = 0,
        data: [UInt8] = []
    ) -> (status: UInt8, data: [UInt8])? {
        let size = data.isEmpty ? length : UInt16(data.count)
        let head: [UInt8] = [type & 0x80, request, type, 0]
        let id = send(
            100, head + little(UInt64(value), 2) + little(UInt64(index), 2) + little(UInt64(size), 2) + data)
        guard let answer = packet(100, id: id), answer.body.count >= 10 else { return nil }
        return (answer.body[3], Array(answer.body[10...]))
    }

    @discardableResult
    func bulkOut(_ endpoint: UInt8, _ data: [UInt8]) -> UInt64 {
        send(101, [endpoint, 0] + little(UInt64(data.count), 2) + little(0, 4) + little(0, 2) + data)
    }

    @discardableResult
    func bulkIn(_ endpoint: UInt8, _ length: Int) -> UInt64 {
        send(101, [endpoint, 0] + little(UInt64(length), 2) + little(0, 4) + little(0, 2))
    }

    /// Status and data of a bulk transfer that came back.
    func bulk(id: UInt64) -> (status: UInt8, length: Int, data: [UInt8])? {
        guard let body = packet(101, id: id)?.body else { return nil }
        return (body[1], Int(body[2]) | Int(body[3]) << 8, Array(body[10...]))
    }

    /// Reads for a while as a serial driver does, one transfer after another; status bytes stripped packet by packet.
    func read(_ endpoint: UInt8, for interval: Interval, isFTDI: Bool) -> [UInt8] {
        var result: [UInt8] = []
        let end = now + interval
        var id = bulkIn(endpoint, 512)
        while now < end {
            run(for: .milliseconds(1))
            guard let answer = bulk(id: id) else { continue }
            if isFTDI {
                for start in stride(from: 0, to: answer.data.count, by: 64) {
                    result += answer.data[start..<min(start + 64, answer.data.count)].dropFirst(2)
                }
            } else {
                result += answer.data
            }
            id = bulkIn(endpoint, 512)
        }
        return result
    }
}

func little(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
}
