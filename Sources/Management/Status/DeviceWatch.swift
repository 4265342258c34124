import Firmware
import Hardware
import Rig
import SansIO

/// What the interfaces know of a rig beyond its snapshot: averages over time, errors by board, faults.
struct DeviceWatch: Sendable {
    let labels: DeviceLabels
    var wallClock: WallClock
    /// One for each board: they waver by themselves.
    private var meters: [HashRateMeter]
    /// At which the chips hash since the last event, by board.
    private var boardRates: [HashRate]
    private var boardErrors: [UInt64]
    private var hasLostFan = false
    private var hasLostSupply = false
    private var isTooHot = false

    init(labels: DeviceLabels, wallClock: WallClock, seed: PRNG, at now: Instant) {
        self.labels = labels
        self.wallClock = wallClock
        let ticket: Double? =
            switch labels.dialect {
            case .axeOS, .cgminer: nil
            case .cgminerGekko: 16
            default: 256
            }
        var seed = seed
        let boards = min(labels.boards, Limits.boards)
        meters = (0..<boards).map { _ in
            HashRateMeter(ticketDifficulty: ticket, seed: PRNG(seed: seed.next()), at: now)
        }
        boardRates = Array(repeating: .zero, count: boards)
        boardErrors = Array(repeating: 0, count: boards)
    }

    mutating func advance(to now: Instant) {
        for index in meters.indices { meters[index].advance(at: boardRates[index], to: now) }
    }

    /// After each event of the rig.
    mutating func settle(_ snapshot: RigSnapshot) {
        let rate = snapshot.hashRate.hashesPerSecond
        let found = Double(max(1, snapshot.miner.chips))
        for index in boardRates.indices {
            boardRates[index] = HashRate(rate * Double(chips(on: index, of: snapshot.miner.chips)) / found)
        }
    }

    /// The count is the device's; what is missing is missing at the end of the last chain.
    private func chips(on board: Int, of found: Int) -> Int {
        min(labels.chipsPerBoard, max(0, found - board * labels.chipsPerBoard))
    }

    mutating func reset(at now: Instant) {
        for index in meters.indices { meters[index].reset(at: now) }
        boardErrors = boardErrors.map { _ in 0 }
    }

    mutating func note(_ fact: MinerObservation, at now: Instant) {
        switch fact {
        case .hardwareError(let board, _), .duplicateNonce(let board, _):
            if boardErrors.indices.contains(Int(board)) { boardErrors[Int(board)] += 1 }
        case .fanFailed: hasLostFan = true
        case .supplyLost: hasLostSupply = true
        case .supplyReturned: hasLostSupply = false
        case .overheated: isTooHot = true
        case .cooledDown:
            isTooHot = false
            hasLostFan = false
        case .phaseChanged(.off):
            isTooHot = false
            hasLostFan = false
            hasLostSupply = false
            reset(at: now)
        default: break
        }
    }

    // MARK: Status

    func status(_ snapshot: RigSnapshot, at now: Instant) -> DeviceStatus {
        let miner = snapshot.miner
        let rates = meters.map(\.rates)
        let boards = boards(snapshot, rates)
        return DeviceStatus(
            phase: miner.phase, uptime: snapshot.uptime(at: now), time: wallClock.unixSeconds(at: now),
            rates: HashRates(sum: rates),
            boards: boards, fans: fans(snapshot), fanDuty: snapshot.fanDuty, manualFan: miner.manualFan,
            power: snapshot.inputPower, ambient: snapshot.ambient,
            regulatorTemperature: miner.telemetry?.regulatorTemperature, frequency: miner.frequency,
            configuredFrequency: miner.configuredFrequency, voltage: miner.voltage,
            targetTemperature: miner.targetTemperature, pools: pools(miner), activePool: miner.pool,
            counters: miner.counters, bestDifficulty: miner.bestDifficulty,
            jobDifficulty: miner.jobDifficulty,
            reconnects: miner.reconnects, isIdentifying: miner.isIdentifying,
            faults: faults(miner, boards), tuning: miner.tuning)
    }

    private func pools(_ miner: MinerSnapshot) -> [PoolStatus] {
        miner.accounts.indices.map { index in
            let counters = miner.pools.indices.contains(index) ? miner.pools[index] : PoolCounters()
            return PoolStatus(
                account: miner.accounts[index], counters: counters,
                lastShareTime: counters.lastShare.map { wallClock.unixSeconds(at: $0) } ?? 0)
        }
    }

    private func boards(_ snapshot: RigSnapshot, _ rates: [HashRates]) -> [BoardStatus] {
        let miner = snapshot.miner
        return (0..<labels.boards).map { index in
            let chips = chips(on: index, of: miner.chips)
            let chip =
                snapshot.boardTemperatures.indices.contains(index)
                ? snapshot.boardTemperatures[index].degrees : snapshot.chipTemperature.degrees
            let (inlet, board) = air(chip, snapshot.ambient.degrees, offset: miner.chipTemperatureOffset)
            let ideal = miner.configuredFrequency.megahertz * 1e6 * labels.coresPerChip
            return BoardStatus(
                serial: labels.boardSerials.indices.contains(index) ? labels.boardSerials[index] : "",
                rates: rates.indices.contains(index) ? rates[index] : HashRates(),
                idealHashRate: HashRate(ideal * Double(labels.chipsPerBoard)), chips: chips,
                expectedChips: labels.chipsPerBoard, inletTemperature: Celsius(inlet),
                outletTemperature: Celsius(board), boardTemperature: Celsius(board),
                chipTemperature: Celsius(chip),
                frequency: miner.frequency, voltage: miner.voltage,
                hardwareErrors: boardErrors.indices.contains(index) ? boardErrors[index] : 0)
        }
    }

    /// The board's sensors beside the chips: where the firmware takes the chip for the board and a fixed difference,
    /// that much cooler; elsewhere a fifth of the way to the room's air. At the inlet another quarter.
    private func air(_ chip: Double, _ ambient: Double, offset: Double) -> (inlet: Double, board: Double) {
        let rise = max(0, chip - ambient)
        let board = offset > 0 ? max(ambient, chip - offset) : ambient + rise * 0.8
        return (ambient + (board - ambient) * 0.75, board)
    }

    /// Fans of one kind do not turn alike to the revolution; tachometers count in steps of 30.
    private func fans(_ snapshot: RigSnapshot) -> [RPM] {
        (0..<labels.fans).map { index in
            let speed = snapshot.fanSpeed.revolutionsPerMinute * (1 + Double((index * 5 + 3) % 7 - 3) * 0.004)
            return RPM((speed / 30).rounded() * 30)
        }
    }

    private func faults(_ miner: MinerSnapshot, _ boards: [BoardStatus]) -> [DeviceFault] {
        var faults: [DeviceFault] = []
        if hasLostFan { faults.append(.fanLost) }
        if hasLostSupply { faults.append(.supplyLost) }
        if isTooHot { faults.append(.overheated) }
        if let telemetry = miner.telemetry, telemetry.chipTemperature == nil { faults.append(.sensorLost) }
        if !hasLostSupply, miner.chips > 0 || miner.phase == .faulty {
            for (index, board) in boards.enumerated() where board.chips < board.expectedChips {
                faults.append(.chipsMissing(board: index, found: board.chips, expected: board.expectedChips))
            }
        }
        if miner.phase == .backingOff || miner.phase == .connecting { faults.append(.noPool) }
        return faults
    }
}
