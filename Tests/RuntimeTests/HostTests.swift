import Foundation
import NIOCore
import NIOPosix
import SansIO
import Synchronization
import Testing

@testable import Runtime

/// Stores what it is sent, answers each message with how many bytes it holds, counts from a restart on.
struct LedgerMachine: ~Copyable, DurableMachine {
    enum Command: Sendable { case dial(Endpoint), flood(Int) }
    enum Observation: Sendable, Equatable {
        case opened, closed(CloseReason), ticked, dialFailed(String), answered(String)
    }

    static let store = StoreID(0)
    private(set) var held = 0
    private var connections: [ConnectionID] = []
    var nextDeadline: Instant?

    mutating func restore(_ record: RawSpan, from store: StoreID) { held += record.byteCount }

    mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        connections.append(id)
        effects.observe(.opened)
        if case .dialed = origin { effects.send(on: id) { $0.write(utf8: "hello") } }
        nextDeadline = now + .milliseconds(20)
    }

    mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        let text = bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        guard !text.hasPrefix("=") else { return effects.observe(.answered(text)) }
        held += bytes.byteCount
        let copy = bytes.withUnsafeBytes { Array($0) }
        effects.store(in: Self.store) { $0.write(copy) }
        let answer = "=\(held)"
        effects.send(on: id) { $0.write(utf8: answer) }
        if text == "quit" { effects.close(id, .closed("asked")) }
    }

    mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        connections.removeAll { $0 == id }
        effects.observe(.closed(reason))
    }

    mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) { effects.observe(.dialFailed("\(reason)")) }

    mutating func handle(
        _ command: consuming Command, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        switch command {
        case .dial(let endpoint): effects.emit(.dial(DialID(1), endpoint))
        case .flood(let count):
            for id in connections { effects.send(on: id) { $0.write(repeating: 0x20, count: count) } }
        }
    }

    mutating func deadlineReached(at now: Instant, into effects: inout EffectBuffer<Observation>) {
        guard let deadline = nextDeadline, deadline <= now else { return }
        nextDeadline = nil
        effects.observe(.ticked)
    }
}

final class Log<T: Sendable>: Sendable {
    private let entries = Mutex<[T]>([])
    func append(_ entry: T) { entries.withLock { $0.append(entry) } }
    var all: [T] { entries.withLock { $0 } }
}

/// Polls until `condition` holds or a minute passed.
func eventually(_ what: Comment, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
        if try await condition() { return }
        try await MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: .milliseconds(5)) {}
            .futureResult.get()
    }
    // A busy machine may have let more than the minute pass since the last look.
    if try await condition() { return }
    Issue.record(what)
}

@Suite("Machine host")
struct HostTests {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let loopback = Endpoint(host: "127.0.0.1", port: 0)

    private func host(_ log: Log<LedgerMachine.Observation>) -> MachineHost<LedgerMachine> {
        MachineHost(LedgerMachine(), loop: loop, world: LiveWorld()) { observation, _ in
            log.append(observation)
        }
    }

    private func temporaryDirectory() -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent("lab-runtime-\(UUID().uuidString)").path
    }

    @Test("two machines talk over a real socket, and the one timer fires")
    func talk() async throws {
        let serverLog = Log<LedgerMachine.Observation>()
        let clientLog = Log<LedgerMachine.Observation>()
        let server = host(serverLog)
        let client = host(clientLog)
        let bound = try await server.listen(ListenerID(0), on: loopback)
        #expect(bound.port != 0)
        client.send(.dial(bound))
        try await eventually("no answer: \(clientLog.all)") { clientLog.all.contains(.answered("=5")) }
        try await eventually("no tick") { clientLog.all.contains(.ticked) && serverLog.all.contains(.ticked) }
        await client.stop()
        try await eventually("the server did not see the end") {
            serverLog.all.contains(.closed(.peerClosed))
        }
        await server.stop()
    }

    @Test("a dial that is refused is told to the machine")
    func refusal() async throws {
        let log = Log<LedgerMachine.Observation>()
        let client = host(log)
        client.send(.dial(Endpoint(host: "127.0.0.1", port: 1)))
        try await eventually("\(log.all)") {
            log.all.contains {
                if case .dialFailed(let text) = $0 { text.contains("refused") } else { false }
            }
        }
        await client.stop()
    }

    @Test("a busy port names the port and the process that has it")
    func busyPort() async throws {
        let log = Log<LedgerMachine.Observation>()
        let first = host(log)
        let second = host(log)
        let bound = try await first.listen(ListenerID(0), on: loopback)
        let error = await #expect(throws: ListenError.self) {
            try await second.listen(ListenerID(0), on: bound)
        }
        #expect(error?.isBusy == true)
        #expect(error?.description.contains("port \(bound.port)") == true)
        #expect(error?.description.contains("process \(getpid())") == true)
        #expect(error?.description.contains("--ports auto") == true)
        await first.stop()
        await second.stop()
    }

    @Test("a peer that does not read is closed as a slow consumer, and others are served on")
    func slowConsumer() async throws {
        let log = Log<LedgerMachine.Observation>()
        let server = host(log)
        let bound = try await server.listen(ListenerID(0), on: loopback)
        let deaf = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(deaf) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = bound.port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(deaf, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        #expect(connected == 0)
        try await eventually("not accepted") { log.all.contains(.opened) }
        for _ in 0..<40 { server.send(.flood(1 << 20)) }
        try await eventually("not closed: \(log.all)") { log.all.contains(.closed(.slowConsumer)) }
        let client = host(Log())
        client.send(.dial(bound))
        try await eventually("others are not served") { try await server.query { $0.held } == 5 }
        await client.stop()
        await server.stop()
    }

    @Test("stored records survive a stop, and a torn last record is cut off")
    func journal() async throws {
        let directory = temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        for round in 1...2 {
            let data = try DataDirectory(directory)
            let log = Log<LedgerMachine.Observation>()
            let server = host(log)
            let records = try await server.open(stores: [(LedgerMachine.store, "ledger")], under: data)
            #expect(records == round - 1)
            let bound = try await server.listen(ListenerID(0), on: loopback)
            let client = host(Log())
            client.send(.dial(bound))
            try await eventually("round \(round)") { try await server.query { $0.held } == 5 * round }
            await client.stop()
            await server.stop()
            let file = try #require(FileHandle(forUpdatingAtPath: directory + "/ledger"))
            try file.seekToEnd()
            file.write(Data([9, 0, 0, 0, 1, 2, 3]))
            try file.close()
        }
    }

    @Test("a data directory has one user at a time")
    func lock() throws {
        let directory = temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let first = try DataDirectory(directory)
        let error = #expect(throws: StoreError.self) { try DataDirectory(directory) }
        #expect(error?.description.contains("process \(getpid())") == true)
        #expect(error?.description.contains(first.root) == true)
    }

    @Test("CRC-32C gives the check value of its definition")
    func checksum() {
        let digits = Array("123456789".utf8)
        #expect(digits.withUnsafeBytes { CRC32C.checksum($0) } == 0xe306_9283)
    }
}
