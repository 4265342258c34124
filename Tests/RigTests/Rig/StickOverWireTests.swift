import ASICSim
import Bitcoin
import Firmware
import Hardware
import Rig
import SansIO
import Stratum
import Testing

/// One stick machine, the chips that it believes in, and a pool, in virtual time.
struct StickWorld: ~Copyable {
    var stick: StickMachine
    var chain: WireChain
    var pool: ScriptedV1Pool
    var now = Instant.start
    var isPlugged = false
    private(set) var observations: [MinerObservation] = []
    private(set) var orders: [LineOrder] = []
    private var hostBaud = 115_200.0
    private var turns = 0
    /// More turns than this of one world are a deadline that is never served.
    private static let turnsMax = 5_000_000
    private struct Endless: Error {}
    private var replies: [LineOutput] = []
    private var connection: ConnectionID?
    private var nextConnection: UInt64 = 1
    private var effects = EffectBuffer<StickMachine.Observation>()

    /// The chips hash at a laboratory's rate and report 2^16 times as easily; the driver is told so.
    init(_ family: ChipFamily, chips: Int = 1, baud: UInt32? = nil, faults: [ChipFault] = []) {
        var setup = ChainSetup(family: family, chips: chips, baud: baud, ticketMax: 4)
        setup.zeroBits = 32 - Self.shift
        var configuration = StickConfiguration(
            name: "Stick", label: "stick-1", setup: setup,
            clock: Megahertz(200), clockRange: Megahertz(50)...Megahertz(600), voltage: Volts(0.4),
            pools: [PoolURL("stratum+tcp://pool:3333")!], userIdentity: "lab.stick",
            wallClock: WallClock(unixSecondsAtStart: 1_700_000_000),
            secretSeed: [UInt8](repeating: 7, count: 32))
        configuration.suggestedSharesPerMinute = nil
        stick = StickMachine(configuration)
        chain = WireChain(
            WireChainSettings(
                family: family, chips: chips, pace: .rate(HashRate(500_000)), difficultyShift: Self.shift,
                faults: faults))
        pool = ScriptedV1Pool(difficulty: Double(sign: .plus, exponent: -Self.shift, significand: 1))
    }

    static let shift = 16

    mutating func plug() throws {
        isPlugged = true
        stick.handle(.lineOpened, at: now, into: &effects)
        try drain()
    }

    mutating func unplug() throws {
        isPlugged = false
        replies.removeAll()
        stick.handle(.lineClosed("unplugged"), at: now, into: &effects)
        try drain()
    }

    mutating func run(for length: Interval) throws {
        let end = now + length
        while true {
            let next = min(
                stick.nextDeadline ?? .distantFuture,
                isPlugged ? chain.nextDeadline ?? .distantFuture : .distantFuture,
                replies.map(\.due).min() ?? .distantFuture)
            guard next <= end else { break }
            turns += 1
            guard turns < Self.turnsMax else { throw Endless() }
            now = max(now, next)
            if isPlugged, let due = chain.nextDeadline, due <= now {
                chain.deadlineReached(at: now, into: &replies)
            }
            while let place = replies.firstIndex(where: { $0.due <= now }) {
                let bytes = replies.remove(at: place).bytes
                stick.handle(.lineReceived(bytes), at: now, into: &effects)
                try drain()
            }
            if let due = stick.nextDeadline, due <= now {
                stick.deadlineReached(at: now, into: &effects)
                try drain()
            }
        }
        now = end
    }

    private mutating func drain() throws {
        while !effects.isEmpty {
            let batch = effects.effects
            var sends: [[UInt8]] = []
            for effect in batch {
                if case .send(_, let range) = effect { sends.append(effects.bytes(range)) }
            }
            effects.reset()
            for effect in batch { try carryOut(effect, &sends) }
            let bytes = pool.takeOutput()
            if !bytes.isEmpty, let connection {
                stick.bytesReceived(bytes.span.bytes, on: connection, at: now, into: &effects)
            }
        }
    }

    private mutating func carryOut(_ effect: Effect<StickMachine.Observation>, _ sends: inout [[UInt8]])
        throws
    {
        switch effect {
        case .send: try pool.receive(sends.removeFirst())
        case .close(let id, let reason):
            connection = nil
            stick.connectionClosed(id, reason: reason, at: now, into: &effects)
        case .dial(let dial, _):
            let id = ConnectionID(nextConnection)
            nextConnection += 1
            connection = id
            pool.opened()
            stick.connectionOpened(id, origin: .dialed(dial), at: now, into: &effects)
        case .observe(.miner(let observation)): observations.append(observation)
        case .observe(.line(let new)):
            orders += new
            guard isPlugged else { return }
            for order in new { obey(order) }
        case .store, .restart, .pauseReads: break
        }
    }

    private mutating func obey(_ order: LineOrder) {
        switch order {
        case .write(let bytes): chain.receive(bytes, baud: hostBaud, at: now, into: &replies)
        case .setBaud(let baud):
            hostBaud = Double(baud)
            chain.setHostBaud(hostBaud)
        case .setReset(let held): chain.setReset(held, at: now)
        case .purge: replies.removeAll()
        case .writeAside, .restart: break
        }
    }
}

@Suite("A stick's driver on chips of the wire model") struct StickOverWireTests {
    static let sticks: [(ChipFamily, Int, UInt32?)] = [
        (.icarus, 1, nil), (.antminerU, 1, nil), (.bm1384, 2, nil), (.bm1387, 2, 1_500_000),
        (.bm1397, 1, 1_500_000), (.bm1397, 6, nil),
        (.bm1362, 1, nil), (.bm1366, 1, 1_000_000), (.bm1368, 1, 1_000_000), (.bm1370, 1, 1_000_000),
        (.bm1370, 4, nil),
    ]

    @Test(
        "every family is counted, mines, and each of its nonces stands the firmware's and the pool's test",
        arguments: sticks)
    func mines(family: ChipFamily, chips: Int, baud: UInt32?) throws {
        var world = StickWorld(family, chips: chips, baud: baud)
        try world.plug()
        try world.run(for: .seconds(30))
        let snapshot = world.stick.snapshot
        #expect(snapshot.phase == .mining)
        #expect(snapshot.chips == chips)
        #expect(world.pool.accepted.count > 10)
        #expect(world.pool.rejected.isEmpty)
        #expect(snapshot.miner.counters.hardwareErrors == 0)
        #expect(snapshot.chain.invalidNonces == 0)
        #expect(snapshot.chain.restarts == 0)
        #expect(world.chain.statistics.malformed == 0)
    }

    @Test("a stick that is pulled out is off; when it comes back it is counted again and mines on")
    func replugged() throws {
        var world = StickWorld(.bm1397, baud: 1_500_000)
        try world.plug()
        try world.run(for: .seconds(20))
        let before = world.pool.accepted.count
        #expect(before > 0)
        try world.unplug()
        try world.run(for: .seconds(10))
        #expect(world.stick.snapshot.phase == .off)
        #expect(!world.stick.snapshot.isAttached)
        #expect(world.stick.snapshot.lastFault == "unplugged")
        try world.plug()
        try world.run(for: .seconds(20))
        #expect(world.stick.snapshot.phase == .mining)
        #expect(world.pool.accepted.count > before)
        #expect(world.pool.connections == 2)
    }

    @Test("wrong nonces of the chips are the firmware's hardware errors, and none reaches the pool")
    func hardwareErrors() throws {
        var world = StickWorld(.bm1370, faults: [ChipFault(.wrongNonce, .rate(0.3))])
        try world.plug()
        try world.run(for: .seconds(30))
        let snapshot = world.stick.snapshot
        #expect(snapshot.miner.counters.hardwareErrors > 0)
        #expect(snapshot.miner.counters.hardwareErrors == snapshot.chain.invalidNonces)
        #expect(world.pool.rejected.isEmpty)
        #expect(world.pool.accepted.count > 10)
    }

    @Test("broken checksums cost their reply and nothing else")
    func checksums() throws {
        var world = StickWorld(.bm1387, chips: 2, faults: [ChipFault(.checksum, .rate(0.2))])
        try world.plug()
        try world.run(for: .seconds(60))
        #expect(world.stick.snapshot.chain.garbage > 0)
        #expect(world.pool.accepted.count > 10)
        #expect(world.pool.rejected.isEmpty)
    }
}
