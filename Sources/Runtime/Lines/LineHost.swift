import Glibc
import SansIO
import Synchronization

/// Runs one ``LineDevice`` on a thread of its own: real time, one peer, no other work. A chain that hashes fills a core;
/// it must not hold up an event loop.
public final class LineHost: Sendable {
    private let wake: (read: Int32, write: Int32)
    private let isStopping = Atomic(false)

    /// - Throws: when the system has no more descriptors.
    public init() throws(LineEndpoint.Fault) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw LineEndpoint.Fault("cannot make a pipe") }
        for end in ends { LineEndpoint.prepare(end) }
        wake = (ends[0], ends[1])
    }

    deinit {
        close(wake.read)
        close(wake.write)
    }

    /// Ends ``run(_:on:baud:log:)``.
    public func stop() {
        isStopping.store(true, ordering: .relaxed)
        var byte: UInt8 = 0
        _ = write(wake.write, &byte, 1)
    }

    /// Serves peers until ``stop()``. Blocks its thread.
    ///
    /// - Parameters:
    ///   - baud: the peer's speed where the endpoint does not tell one.
    ///   - log: gets lines as they come.
    public func run<Device: LineDevice>(
        _ device: consuming Device, on endpoint: LineEndpoint, baud: Double?, log: (String) -> Void
    ) {
        let started = Self.monotonic()
        var session = LineSession(device: device, endpoint: endpoint, baud: baud)
        if case .terminal = endpoint.kind { session.open(endpoint.descriptor, at: .start) }
        while !isStopping.load(ordering: .relaxed) {
            let now = Instant(nanoseconds: Self.monotonic() - started)
            session.turn(at: now)
            for line in session.takeLog() { log(line) }
            session.wait(at: now, wake: wake.read)
        }
        session.close()
    }

    private static func monotonic() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// The loop's state: a peer or none, what is to be written and when.
private struct LineSession<Device: LineDevice> {
    var device: Device
    let endpoint: LineEndpoint
    let baud: Double?
    private var peer: Int32?
    private var waiting: [TimedBytes] = []
    private var outgoing: [UInt8] = []
    private var remarks: [String] = []

    init(device: Device, endpoint: LineEndpoint, baud: Double?) {
        self.device = device
        self.endpoint = endpoint
        self.baud = baud
    }

    private var isTerminal: Bool {
        if case .terminal = endpoint.kind { true } else { false }
    }

    mutating func open(_ descriptor: Int32, at now: Instant) {
        peer = descriptor
        device.connected(at: now, into: &waiting)
    }

    mutating func close() {
        if let peer, !isTerminal { _ = Glibc.close(peer) }
        peer = nil
        waiting = []
        outgoing = []
    }

    mutating func takeLog() -> [String] {
        let lines = device.takeLog() + remarks
        remarks = []
        return lines
    }

    mutating func turn(at now: Instant) {
        if peer == nil { accept(at: now) }
        if let next = device.nextDeadline, next <= now { device.deadlineReached(at: now, into: &waiting) }
        if device.isBusyUntil <= now { read(at: now) }
        let ready = waiting.prefix { $0.due <= now }.count
        for item in waiting[..<ready] { outgoing += item.bytes }
        waiting.removeFirst(ready)
        write()
        if let fault = device.fault, peer != nil {
            remarks.append("connection closed: \(fault)")
            close()
        }
    }

    private mutating func accept(at now: Instant) {
        let descriptor = Glibc.accept(endpoint.descriptor, nil, nil)
        guard descriptor >= 0 else { return }
        LineEndpoint.prepare(descriptor)
        var yes: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        remarks.append("connected")
        open(descriptor, at: now)
    }

    private mutating func read(at now: Instant) {
        guard let peer else { return }
        var bytes = [UInt8](repeating: 0, count: RuntimeLimits.lineReadBytes)
        let count = Glibc.read(peer, &bytes, bytes.count)
        if count > 0 {
            device.receive(
                Array(bytes[..<count]), baud: baud ?? endpoint.baud, at: now, into: &waiting)
        } else if !isTerminal, count == 0 || (errno != EAGAIN && errno != EINTR) {
            remarks.append("disconnected")
            close()
        }
    }

    private mutating func write() {
        guard let peer, !outgoing.isEmpty else { return }
        // MSG_NOSIGNAL is for sockets; a terminal's other side is never gone.
        let count =
            isTerminal
            ? Glibc.write(peer, outgoing, outgoing.count)
            : send(peer, outgoing, outgoing.count, Int32(MSG_NOSIGNAL))
        if count > 0 { outgoing.removeFirst(count) }
        guard outgoing.count > RuntimeLimits.lineUnreadBytes else { return }
        if isTerminal {
            // A real line does not wait for its reader either.
            outgoing.removeFirst(outgoing.count - RuntimeLimits.lineUnreadBytes)
        } else {
            remarks.append("disconnected: the peer does not read")
            close()
        }
    }

    /// Sleeps until something happens or is due.
    mutating func wait(at now: Instant, wake: Int32) {
        var until = now + .seconds(1)
        if let next = device.nextDeadline { until = min(until, next) }
        if let first = waiting.first { until = min(until, first.due) }
        let isBusy = device.isBusyUntil > now
        if isBusy { until = min(until, device.isBusyUntil) }
        var polled = [pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
        if let peer {
            var events = isBusy ? 0 : POLLIN
            if !outgoing.isEmpty { events |= POLLOUT }
            if events != 0 { polled.append(pollfd(fd: peer, events: Int16(events), revents: 0)) }
        } else {
            polled.append(pollfd(fd: endpoint.descriptor, events: Int16(POLLIN), revents: 0))
        }
        // poll counts in milliseconds, a reply on a fast line in tens of microseconds.
        let rest = (until - now).nanoseconds
        if rest > 0, rest < 1_000_000 {
            var time = timespec(tv_sec: 0, tv_nsec: Int(rest))
            nanosleep(&time, nil)
        }
        poll(&polled, nfds_t(polled.count), Int32(rest / 1_000_000))
    }
}
