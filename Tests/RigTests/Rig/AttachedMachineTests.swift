import Bitcoin
import Firmware
import Hardware
import Rig
import SansIO
import Stratum
import Testing

/// The firmware with its hardware outside: here the test is the hardware.
@Suite struct AttachedMachineTests {
    private struct Bench: ~Copyable {
        var machine: AttachedMachine
        var pool: ScriptedV1Pool
        var now = Instant.start
        var commands: [HashboardCommand] = []
        var observations: [MinerObservation] = []
        private var connection: ConnectionID?
        private var effects = EffectBuffer<MinerObservation>()

        init(hashes: Double) {
            pool = ScriptedV1Pool(difficulty: TestRigs.target(hashes: hashes).difficulty)
            let settings = FirmwareSettings(
                identity: DeviceIdentity(vendor: "v", hardwareVersion: "h", firmware: "f", deviceID: "d"),
                pools: [PoolURL(scheme: .stratumV1, endpoint: Endpoint(host: "pool", port: 3_333))],
                userIdentity: "lab.worker", announcedHashRate: HashRate(1_000), expectedChips: 4,
                frequency: Megahertz(100), voltage: Volts(1))
            machine = AttachedMachine(
                MinerFirmware(
                    settings: settings, wallClock: TestRigs.wallClock,
                    secrets: SecretGenerator(seed: [1]), seed: PRNG(seed: 1)))
        }

        mutating func command(_ command: AttachedMachine.Command) throws {
            machine.handle(command, at: now, into: &effects)
            try drain()
            while let due = machine.nextDeadline, due <= now {
                machine.deadlineReached(at: now, into: &effects)
                try drain()
            }
        }

        private mutating func drain() throws {
            while !effects.isEmpty {
                let batch = effects.effects
                let sent = batch.map { effect -> [UInt8] in
                    if case .send(_, let range) = effect { effects.bytes(range) } else { [] }
                }
                effects.reset()
                for (effect, bytes) in zip(batch, sent) { try carryOut(effect, bytes) }
                let answer = pool.takeOutput()
                if let connection, !answer.isEmpty {
                    machine.bytesReceived(answer.span.bytes, on: connection, at: now, into: &effects)
                }
            }
        }

        private mutating func carryOut(_ effect: Effect<MinerObservation>, _ bytes: [UInt8]) throws {
            switch effect {
            case .observe(.commanded(let command)): commands.append(command)
            case .observe(let what): observations.append(what)
            case .send: try pool.receive(bytes)
            case .dial(let dial, _):
                let id = ConnectionID(1)
                connection = id
                pool.opened()
                machine.connectionOpened(id, origin: .dialed(dial), at: now, into: &effects)
            case .close(let id, _):
                connection = nil
                machine.connectionClosed(id, reason: .closed("by the machine"), at: now, into: &effects)
            case .store, .restart, .pauseReads: break
            }
        }

        var work: MiningWork? {
            commands.reduce(nil) { last, command in
                if case .load(let work) = command { work } else { last }
            }
        }
    }

    @Test func `commands come out in order, and a nonce from outside becomes an accepted share`() throws {
        var bench = Bench(hashes: 200)
        try bench.command(.powerOn)
        var commands = bench.commands
        let power = try #require(commands.firstIndex(of: .setPower(true)))
        let count = try #require(commands.firstIndex(of: .enumerate))
        #expect(power < count)
        var loaded = bench.work
        #expect(loaded == nil, "nothing is hashed before the chips have answered")
        try bench.command(.hardware(.enumerated(chips: 4)))
        loaded = bench.work
        let work = try #require(loaded)
        let nonce = try #require(
            HeaderScanner(header: work.header).find(target: work.target, nonces: 0..<1_000_000))
        let report = NonceReport(
            work: work.id, nonce: nonce, version: work.header.version, board: 0, chip: 2)
        try bench.command(.hardware(.nonce(report)))
        var accepted = bench.pool.accepted
        #expect(accepted.map(\.nonce) == [nonce])
        let counted = bench.machine.snapshot.counters.accepted
        #expect(counted == 1)
        // The same once more proves nothing new, and a wrong one nothing at all.
        try bench.command(.hardware(.nonce(report)))
        let observations = bench.observations
        #expect(observations.contains(.duplicateNonce(board: 0, chip: 2)))
        accepted = bench.pool.accepted
        #expect(accepted.count == 1)
        try bench.command(.hardware(.exhausted(work.id)))
        loaded = bench.work
        let next = try #require(loaded)
        #expect(next.id != work.id && next.header.merkleRoot != work.header.merkleRoot)
        try bench.command(.powerOff)
        commands = bench.commands
        #expect(commands.last == .setPower(false))
        let phase = bench.machine.snapshot.phase
        #expect(phase == .off)
    }
}
