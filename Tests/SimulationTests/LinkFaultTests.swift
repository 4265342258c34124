import SansIO
import Testing

@testable import Simulation

@Suite("Faults of the virtual world")
struct LinkFaultTests {
    /// An echo server and a client that sends a number a second, and what each heard.
    private final class Pair {
        let world = VirtualWorld(seed: 4)
        var heard: [String] = []
        var server = NodeID(index: 0)
        var client = NodeID(index: 0)

        init(delay: Interval = .milliseconds(10)) {
            server = world.add(
                EchoMachine(dials: nil, echoes: true), listening: [(ListenerID(0), VirtualWorldTests.port)],
                observer: observer("server"))
            client = world.add(
                EchoMachine(dials: VirtualWorldTests.port), link: LinkProfile(delay: delay),
                observer: observer("client"))
            world.run(until: .start + .seconds(3))
        }

        func observer(_ name: String) -> (EchoMachine.Observation, Instant) -> Void {
            { [unowned self] observation, _ in
                if case .received = observation { return }
                heard.append("\(name) \(observation)")
            }
        }

        func closings() -> [String] { heard.filter { $0.contains("closed") } }
    }

    @Test("a reset ends a connection for both sides at once")
    func reset() {
        let pair = Pair()
        pair.world.reset(connectionsOf: pair.client)
        pair.world.run(until: pair.world.now + .milliseconds(1))
        #expect(pair.closings().count == 2)
        #expect(pair.closings().allSatisfy { $0.contains("reset") })
    }

    @Test("a path that forgot a connection tells nobody, until the sender's kernel gives up")
    func sever() {
        let pair = Pair()
        pair.world.sever(connectionsOf: pair.client)
        pair.world.run(until: pair.world.now + .minutes(14))
        #expect(pair.closings().isEmpty)
        pair.world.run(until: pair.world.now + .minutes(3))
        #expect(pair.closings().count == 1)
        #expect(pair.closings().allSatisfy { $0.hasPrefix("client") && $0.contains("timed out") })
    }

    @Test("a stalled connection delivers everything in order when it moves again")
    func stall() {
        let world = VirtualWorld(seed: 9)
        var echoed: [UInt8] = []
        _ = world.add(
            EchoMachine(dials: nil, echoes: true), listening: [(ListenerID(0), VirtualWorldTests.port)]
        ) { _, _ in }
        let client = world.add(
            EchoMachine(dials: VirtualWorldTests.port),
            link: LinkProfile(delay: .milliseconds(5), jitterMean: .seconds(1), lossPerMillion: 200_000)
        ) { observation, _ in if case .received(let bytes) = observation { echoed += bytes } }
        for second in [20, 30, 31, 90] as [UInt64] {
            world.schedule(at: .start + .seconds(second)) {
                $0.stall(connectionsOf: client, until: $0.now + .seconds(15))
            }
        }
        world.run(until: .start + .seconds(34))
        let before = echoed.count
        world.run(until: .start + .seconds(45))
        #expect(echoed.count == before)
        world.run(until: .start + .seconds(400))
        #expect(echoed == (1...200).flatMap { [UInt8($0), 0, 0, 0] })
    }

    @Test(
        "a killed process is reset and refuses dials; a dark host does neither, and its machine starts anew")
    func kill() {
        for takesPower in [false, true] {
            let pair = Pair()
            pair.world.kill(pair.server, takesPower: takesPower)
            pair.world.run(until: pair.world.now + .seconds(5))
            #expect(pair.closings().count == (takesPower ? 0 : 1))
            #expect(!pair.world.isUp(pair.server))
            pair.world.start(
                EchoMachine(dials: nil, echoes: true), as: pair.server, observer: pair.observer("server"))
            pair.world.run(until: pair.world.now + .minutes(1))
            #expect(pair.closings().count == 1 && pair.closings()[0].contains("reset"))
            let late = pair.world.add(
                EchoMachine(dials: VirtualWorldTests.port), observer: pair.observer("late"))
            let before = pair.heard.count
            pair.world.run(until: pair.world.now + .seconds(2))
            #expect(pair.heard.count > before && pair.world.isUp(late))
        }
    }

    @Test("dials into a partition wait for its end, or go unanswered")
    func partition() {
        for (seconds, fails) in [(5, false), (60, true)] as [(UInt64, Bool)] {
            let pair = Pair()
            pair.world.partition(pair.server, until: pair.world.now + .seconds(seconds))
            var failed = false
            _ = pair.world.add(EchoMachine(dials: VirtualWorldTests.port)) { observation, _ in
                if observation == .dialFailed { failed = true }
            }
            pair.world.run(until: pair.world.now + .seconds(20))
            #expect(failed == fails)
        }
    }
}
