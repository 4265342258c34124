import JSONText
import Measurement
import SansIO
import Simulation
import Testing

@testable import Coordination

/// A coordinator with workers in virtual time.
private final class World {
    let world = VirtualWorld(seed: 7)
    let place = Endpoint(host: "coordinator", port: 7_000)
    private(set) var coordinator: NodeID!
    var heard: [CoordinatorObservation] = []
    var told: [Int: [WorkerObservation]] = [:]
    private(set) var workers: [NodeID] = []

    init(shards: Int, seconds: Int = 3) {
        let configuration = CoordinatorConfiguration(
            run: "storm", token: "secret", shardCount: shards,
            plan: .object(["experiment": .string("hello")]),
            fleetCount: 1, secondCount: seconds, clock: WallClock(unixSecondsAtStart: 1_000))
        coordinator = world.add(
            CoordinatorMachine(configuration), listening: [(.coordination, place)]
        ) { [unowned self] observation, _ in heard.append(observation) }
    }

    @discardableResult
    func worker(index: Int? = nil, run: String = "storm", token: String = "secret") -> NodeID {
        let number = workers.count
        let greeting = WorkerGreeting(run: run, token: token, index: index, descriptors: 20_000, cores: 2)
        let id = world.add(
            WorkerMachine(WorkerConfiguration(coordinator: place, greeting: greeting), at: world.now)
        ) { [unowned self] observation, _ in told[number, default: []].append(observation) }
        workers.append(id)
        return id
    }

    func run(_ seconds: UInt64) { world.run(until: world.now + .seconds(seconds)) }

    func tell(_ worker: NodeID, _ command: WorkerMachine.Command) {
        world.send(command, to: worker, as: WorkerMachine.self)
    }

    /// A second with so many accepted shares.
    func second(_ index: Int, accepted: UInt64) -> Second {
        var second = Second(index: index, fleetCount: 1)
        second.fleets[0][.sharesAccepted] = accepted
        return second
    }

    var seconds: [Second] {
        heard.compactMap { if case .second(let second) = $0 { second } else { nil } }
    }

    func ended(_ worker: Int) -> (String, Bool)? {
        for case .ended(let reason, let isOrderly) in told[worker] ?? [] { return (reason, isOrderly) }
        return nil
    }
}

@Suite("Coordination")
struct CoordinationTests {
    private func running(shards: Int, seconds: Int = 3) -> World {
        let world = World(shards: shards, seconds: seconds)
        for index in 0..<shards { world.worker(index: index) }
        world.run(1)
        for worker in world.workers { world.tell(worker, .ready(devices: 10)) }
        world.run(1)
        return world
    }

    @Test("All shards are told one time to begin, when the last of them is ready, and not before")
    func barrier() {
        let world = World(shards: 2)
        let (a, b) = (world.worker(index: 0), world.worker(index: 1))
        world.run(1)
        #expect(
            world.told[0]?.first
                == .assigned(index: 0, count: 2, plan: .object(["experiment": .string("hello")])))
        #expect(
            world.told[1]?.first
                == .assigned(index: 1, count: 2, plan: .object(["experiment": .string("hello")])))
        world.tell(a, .ready(devices: 10))
        world.run(5)
        #expect(world.told[0]?.count == 1, "it waits for the other")
        world.tell(b, .ready(devices: 10))
        world.run(1)
        let began = world.heard.compactMap { if case .began(let time) = $0 { time } else { nil } }
        let time = try? #require(began.first)
        #expect(world.told[0]?.last == .begin(time ?? 0))
        #expect(world.told[1]?.last == .begin(time ?? 0))
        #expect((time ?? 0) > 1_006_000_000_000, "a time that is still to come when the word goes out")
    }

    @Test("Shards' seconds add up, each is given out once, and the run ends when all have sent their last")
    func secondsAddUp() {
        let world = running(shards: 2)
        for index in 0..<3 {
            world.tell(world.workers[0], .second(world.second(index, accepted: 5)))
            world.run(1)
            #expect(world.seconds.count == index, "the other shard's is missing")
            world.tell(world.workers[1], .second(world.second(index, accepted: 7)))
            world.run(1)
        }
        for worker in world.workers { world.tell(worker, .done) }
        world.run(1)
        #expect(world.seconds.map(\.index) == [0, 1, 2])
        #expect(world.seconds.map { $0.total[.sharesAccepted] } == [12, 12, 12])
        #expect(world.heard.last == .ended)
        #expect(world.ended(0)?.1 == true)
    }

    @Test("A worker that cannot hold its slice refuses, and the run does not begin")
    func refusal() {
        let world = World(shards: 2)
        let (a, b) = (world.worker(index: 0), world.worker(index: 1))
        world.run(1)
        world.tell(a, .ready(devices: 10))
        world.tell(b, .refuse("10000 devices need 10128 file descriptors and it may hold 1024"))
        world.run(1)
        #expect(
            world.heard.last
                == .failed("shard 1: 10000 devices need 10128 file descriptors and it may hold 1024"))
        #expect(world.ended(0)?.1 == false)
        #expect(!world.heard.contains { if case .began = $0 { true } else { false } })
    }

    @Test("When a shard dies, the run is told so and goes on with the rest")
    func lostShard() {
        let world = running(shards: 2)
        world.tell(world.workers[0], .second(world.second(0, accepted: 1)))
        world.tell(world.workers[1], .second(world.second(0, accepted: 1)))
        world.run(1)
        world.tell(world.workers[0], .second(world.second(1, accepted: 1)))
        world.run(1)
        world.world.kill(world.workers[1])
        world.run(1)
        let lost = world.heard.filter { if case .shardLost(1, _) = $0 { true } else { false } }
        #expect(lost.count == 1)
        #expect(world.seconds.map { $0.total[.sharesAccepted] } == [2, 1])
        world.tell(world.workers[0], .second(world.second(2, accepted: 1)))
        world.tell(world.workers[0], .done)
        world.run(1)
        #expect(world.seconds.count == 3)
        #expect(world.heard.last == .ended)
    }

    @Test("A shard that is silent for a quarter of a minute is lost; its seconds do not hold up the others")
    func slowWorker() {
        let world = running(shards: 2, seconds: 40)
        for index in 0..<20 {
            world.tell(world.workers[0], .second(world.second(index, accepted: 1)))
            world.run(1)
        }
        #expect(world.heard.contains(.shardLost(1, reason: "silent for 15 s")))
        #expect(world.seconds.count == 20)
    }

    @Test("A wrong token or another run's worker is turned away, and its shard stays free")
    func wrongToken() {
        let world = World(shards: 1)
        world.worker(index: 0, token: "secreT")
        world.worker(index: 0, token: "")
        world.worker(index: 0, run: "calm")
        world.run(1)
        #expect(
            world.heard.allSatisfy { if case .strangerTurnedAway = $0 { true } else { false } },
            "\(world.heard)")
        #expect(world.heard.count == 3)
        for number in 0..<3 { #expect(world.ended(number)?.1 == false) }
        world.worker()
        world.run(1)
        #expect(world.heard.last == .shardJoined(0, descriptors: 20_000, cores: 2))
    }

    @Test("A second claimant of a shard is fenced; when the first one dies before the start, it may have it")
    func fencing() {
        let world = World(shards: 1)
        let first = world.worker(index: 0)
        world.run(1)
        world.worker(index: 0)
        world.run(1)
        #expect(world.heard.last == .strangerTurnedAway("shard 0 is taken"))
        world.world.kill(first)
        world.run(1)
        world.worker(index: 0)
        world.run(1)
        #expect(world.told[2]?.count == 1)
    }

    @Test("A run whose shards do not all come ends with the names of the missing ones")
    func patience() {
        let world = World(shards: 3)
        let first = world.worker(index: 1)
        world.run(1)
        world.tell(first, .ready(devices: 1))
        world.run(200)
        #expect(world.heard.last == .failed("not ready in time: shard 0, 2 of 3"))
    }

    @Test("A second that is not the shard's next loses the shard")
    func outOfOrder() {
        let world = running(shards: 2)
        world.tell(world.workers[0], .second(world.second(1, accepted: 1)))
        world.run(1)
        #expect(world.heard.contains(.shardLost(0, reason: "sent a second that is not its next")))
    }

    @Test("Every shard lost is a failure, not an end")
    func allLost() {
        let world = running(shards: 1)
        world.world.kill(world.workers[0])
        world.run(1)
        #expect(world.heard.last == .failed("every shard is lost"))
    }

    @Test(
        "Garbage ends its connection and nothing else",
        arguments: [
            "\n", "{\n", "[1]\n", "{\"hello\":1}\n", "{\"second\":{\"second\":-1}}\n", "{\"ready\":5}\n",
            "a line that is longer than a greeting may be",
        ])
    func garbage(text: String) {
        var machine = CoordinatorMachine(
            CoordinatorConfiguration(
                run: "storm", token: "secret", shardCount: 1, plan: .null, fleetCount: 1, secondCount: 1,
                clock: WallClock(unixSecondsAtStart: 0)))
        var effects = EffectBuffer<CoordinatorObservation>()
        let id = ConnectionID(1)
        machine.connectionOpened(
            id, origin: .accepted(on: .coordination, from: "x"), at: .start, into: &effects)
        let isLong = !text.hasSuffix("\n")
        let bytes = Array((isLong ? String(repeating: text, count: 200) : text).utf8)
        machine.bytesReceived(bytes.span.bytes, on: id, at: .start, into: &effects)
        let closes = effects.effects.filter { if case .close(id, _) = $0 { true } else { false } }
        #expect(closes.count == 1)
        #expect(!effects.effects.contains { if case .observe(.failed) = $0 { true } else { false } })
    }

    @Test("A connection that says nothing is closed")
    func silentStranger() {
        var machine = CoordinatorMachine(
            CoordinatorConfiguration(
                run: "storm", token: "secret", shardCount: 1, plan: .null, fleetCount: 1, secondCount: 1,
                clock: WallClock(unixSecondsAtStart: 0)))
        var effects = EffectBuffer<CoordinatorObservation>()
        machine.connectionOpened(
            ConnectionID(1), origin: .accepted(on: .coordination, from: "x"), at: .start, into: &effects)
        let deadline = machine.nextDeadline
        #expect(deadline == .start + .seconds(5))
        machine.deadlineReached(at: .start + .seconds(5), into: &effects)
        #expect(effects.effects.contains { if case .close(ConnectionID(1), _) = $0 { true } else { false } })
    }

    @Test("A worker whose coordinator is not there yet dials again, and gives up in the end")
    func nobodyThere() {
        let world = VirtualWorld(seed: 1)
        var heard: [WorkerObservation] = []
        let greeting = WorkerGreeting(run: "r", token: "t", index: nil, descriptors: 1, cores: 1)
        _ = world.add(
            WorkerMachine(
                WorkerConfiguration(coordinator: Endpoint(host: "nowhere", port: 1), greeting: greeting))
        ) { observation, _ in heard.append(observation) }
        world.run(until: .start + .seconds(30))
        #expect(heard.isEmpty)
        world.run(until: .start + .seconds(90))
        #expect(heard.count == 1)
    }

    @Test("A token is compared whole: neither a part of it nor it and more is it")
    func tokens() {
        #expect(CoordinatorMachine.isSame("secret", "secret"))
        for guess in ["", "s", "secre", "secrets", "secretsecret", "SECRET"] {
            #expect(!CoordinatorMachine.isSame(guess, "secret"), "\(guess)")
        }
        #expect(!CoordinatorMachine.isSame("", ""), "no token lets nobody in")
    }
}
