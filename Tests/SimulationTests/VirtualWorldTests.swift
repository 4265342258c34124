import SansIO
import Testing

@testable import Simulation

@Suite("Virtual world")
struct VirtualWorldTests {
    static let port = Endpoint(host: "echo", port: 7)

    struct Outcome: Equatable {
        var digest: UInt64
        var events: UInt64
        var log: [String]
    }

    private func run(seed: UInt64, link: LinkProfile, seconds: UInt64 = 30, clients: Int = 3) -> Outcome {
        let world = VirtualWorld(seed: seed)
        var log: [String] = []
        _ = world.add(EchoMachine(dials: nil, echoes: true), listening: [(ListenerID(0), Self.port)]) {
            observation, now in
            log.append("\(now.nanoseconds) server \(observation)")
        }
        for client in 0..<clients {
            _ = world.add(EchoMachine(dials: Self.port), link: link) { observation, now in
                log.append("\(now.nanoseconds) client \(client) \(observation)")
            }
        }
        world.run(until: .start + .seconds(seconds))
        return Outcome(digest: world.digest, events: world.eventCount, log: log)
    }

    @Test("the same seed gives the same world, another seed another")
    func determinism() {
        let link = LinkProfile(
            delay: .milliseconds(5), jitterMean: .milliseconds(20), lossPerMillion: 50_000,
            fragmentationPerMillion: 200_000)
        let first = run(seed: 1, link: link)
        #expect(first == run(seed: 1, link: link))
        #expect(first.digest != run(seed: 2, link: link).digest)
        #expect(first.log.count > 100)
    }

    @Test("bytes arrive whole and in order through jitter, loss and fragmentation")
    func order() {
        let link = LinkProfile(
            delay: .milliseconds(5), jitterMean: .seconds(2), lossPerMillion: 300_000,
            fragmentationPerMillion: 500_000)
        let world = VirtualWorld(seed: 9)
        var echoed: [UInt8] = []
        _ = world.add(EchoMachine(dials: nil, echoes: true), listening: [(ListenerID(0), Self.port)]) {
            _, _ in
        }
        _ = world.add(EchoMachine(dials: Self.port), link: link) { observation, _ in
            if case .received(let bytes) = observation { echoed += bytes }
        }
        world.run(until: .start + .seconds(400))
        #expect(echoed == (1...200).flatMap { [UInt8($0), 0, 0, 0] })
    }

    @Test("nothing arrives before the link's least delay, nor faster than its rate")
    func delayAndRate() {
        let world = VirtualWorld(seed: 3)
        let link = LinkProfile(delay: .milliseconds(100), bytesPerSecond: 4)
        var arrivals: [Instant] = []
        _ = world.add(EchoMachine(dials: nil), listening: [(ListenerID(0), Self.port)]) { observation, now in
            if case .received = observation { arrivals.append(now) }
        }
        _ = world.add(EchoMachine(dials: Self.port), link: link) { _, _ in }
        world.run(until: .start + .seconds(5))
        // Connected after 200 ms; each 4-byte segment needs one second on the wire and 100 ms to cross.
        #expect(arrivals.first == .start + .milliseconds(1_300))
        #expect(zip(arrivals, arrivals.dropFirst()).allSatisfy { $1 - $0 >= .seconds(1) })
    }

    @Test("dialing where nobody listens fails after a round trip")
    func refusal() {
        let world = VirtualWorld(seed: 3)
        var failures: [Instant] = []
        let link = LinkProfile(delay: .milliseconds(40))
        _ = world.add(EchoMachine(dials: Self.port), link: link) { observation, now in
            if observation == .dialFailed { failures.append(now) }
        }
        world.run(until: .start + .seconds(1))
        #expect(failures == [.start + .milliseconds(80)])
    }

    @Test("each side hears once of the end, the closing side its own reason")
    func closing() {
        let world = VirtualWorld(seed: 3)
        var ends: [String] = []
        _ = world.add(EchoMachine(dials: nil, echoes: true), listening: [(ListenerID(0), Self.port)]) {
            observation, _ in
            if case .closed(let reason) = observation { ends.append("server \(reason)") }
        }
        let client = world.add(EchoMachine(dials: Self.port), link: .lan) { observation, _ in
            if case .closed(let reason) = observation { ends.append("client \(reason)") }
        }
        world.schedule(at: .start + .seconds(2)) { $0.send(.hangUp, to: client, as: EchoMachine.self) }
        world.run(until: .start + .seconds(10))
        #expect(ends == ["client hang up", "server peer closed"])
    }

    @Test("the heap pops in order of time and then of scheduling", arguments: [1, 2, 3] as [UInt64])
    func heapOrder(seed: UInt64) {
        var random = PRNG(seed: seed)
        var heap = EventHeap()
        var expected: [(UInt64, Int32)] = []
        for i in 0..<5_000 {
            let time = random.below(500)
            heap.push(.script(index: Int32(i)), at: Instant(nanoseconds: time))
            expected.append((time, Int32(i)))
        }
        expected.sort { $0 < $1 }
        for (time, index) in expected {
            let entry = heap.pop()
            guard let entry, case .script(let found) = entry.event else {
                Issue.record("the heap ended early")
                return
            }
            #expect(entry.at == time && found == index, "seed \(seed)")
        }
        #expect(heap.count == 0)
    }
}
