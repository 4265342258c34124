import Bitcoin
import Firmware
import Hardware
import Measurement
import SansIO
import Stratum

/// Turns what devices observe into seconds. One for each shard; both worlds use it.
public struct FleetObserver: Sendable {
    private struct Device: Sendable {
        var fleet: UInt16
        var phase = MinerPhase.off
        /// Since when it dials; the distant future when it does not.
        var dialing = Instant.distantFuture
        var connected = Instant.start
        /// When its connection was lost, until it mines again.
        var lost = Instant.distantFuture
        var tip: UInt64 = 0
        var job: UInt64 = .max
        var hashRate = 0.0
        var power: Float = 0
        /// Of its hottest chip as last measured, °C; below everything while it is off.
        var celsius = -Float.infinity
        /// In the mean for a share at its present target.
        var shareHashes = 0.0
    }

    private var devices: [Device]
    private var second: Second
    /// Levels as they are now; the second takes them when it ends.
    private var levels: [FleetSecond]
    private let firstDevice: Int
    private let creditsAcceptance: Bool

    /// - Parameters:
    ///   - fleets: the fleet of each device of this shard, in the order of their numbers.
    ///   - creditsAcceptance: an acknowledged share proves as many hashes as the device's present target takes. For
    ///     pools that are not ours; a share that was found before the target's last change is credited a little wrong.
    public init(fleets: [Int], fleetCount: Int, firstDevice: Int = 0, creditsAcceptance: Bool = false) {
        self.creditsAcceptance = creditsAcceptance
        devices = fleets.map { Device(fleet: UInt16($0)) }
        second = Second(index: 0, fleetCount: fleetCount)
        levels = Array(repeating: FleetSecond(), count: fleetCount)
        self.firstDevice = firstDevice
    }

    /// Ends the present second.
    public mutating func close() -> Second {
        var closed = second
        measureHeat()
        for fleet in levels.indices {
            for level in Level.allCases { closed.fleets[fleet][level] = levels[fleet][level] }
        }
        second = Second(index: closed.index + 1, fleetCount: levels.count)
        return closed
    }

    /// The hottest chip of each fleet as its devices stand; zero while none has been measured.
    private mutating func measureHeat() {
        for fleet in levels.indices { levels[fleet][.temperatureMax] = 0 }
        for device in devices where device.celsius > -.infinity {
            let fleet = Int(device.fleet)
            levels[fleet][.temperatureMax] = max(levels[fleet][.temperatureMax], Double(device.celsius))
        }
    }

    /// - Parameter number: of all devices of the experiment.
    public mutating func note(_ number: Int, _ observation: MinerObservation, at now: Instant) {
        let index = number - firstDevice
        let fleet = Int(devices[index].fleet)
        switch observation {
        case .phaseChanged(let phase): enter(phase, index, fleet, at: now)
        case .connected: connected(index, fleet, at: now)
        case .channelOpened(_, let target):
            devices[index].shareHashes = target.expectedHashes
            second.fleets[fleet][.channels] += 1
            if devices[index].connected > .start {
                let since = now - devices[index].connected
                second.fleets[fleet].change(.handshake) { $0.record(since) }
            }
        case .disconnected:
            second.fleets[fleet][.disconnections] += 1
            devices[index].tip = 0
            if devices[index].lost == .distantFuture { devices[index].lost = now }
        case .tipChanged(let tip):
            // A device's first tip on a connection is no news that went out to all.
            if devices[index].tip != 0 { second.hear(.prevhash, key: tip, at: now) }
            devices[index].tip = tip
        case .workLoaded(let job, let target, _):
            devices[index].shareHashes = target.expectedHashes
            loaded(job, index, fleet, at: now)
        case .measured(let rate, let chip, let power):
            levels[fleet][.hashrateExpected] += rate.hashesPerSecond - devices[index].hashRate
            levels[fleet][.power] += power.watts - Double(devices[index].power)
            devices[index].hashRate = rate.hashesPerSecond
            devices[index].power = Float(power.watts)
            devices[index].celsius = Float(chip.degrees)
        case .sharesAccepted(let count, let latency):
            second.fleets[fleet][.sharesAccepted] += UInt64(count)
            second.fleets[fleet].change(.submit) { $0.record(latency) }
            if creditsAcceptance {
                credited(hashes: devices[index].shareHashes * Double(count), fleet: fleet)
            }
        case .shareRejected(_, let reason): refused(reason, fleet)
        case .shareSubmitted: second.fleets[fleet][.sharesSubmitted] += 1
        case .shareFound: second.fleets[fleet][.sharesFound] += 1
        case .shareDiscarded: second.fleets[fleet][.sharesDiscarded] += 1
        case .hardwareError: second.fleets[fleet][.hardwareErrors] += 1
        case .targetChanged(let target):
            devices[index].shareHashes = target.expectedHashes
            second.fleets[fleet][.targetChanges] += 1
        case .throttled: second.fleets[fleet][.throttles] += 1
        case .overheated: second.fleets[fleet][.overheats] += 1
        case .watchdogFired: second.fleets[fleet][.watchdogs] += 1
        default: break
        }
    }

    /// What the pool credited, where the pool is ours; devices learn only that shares were taken.
    public mutating func credited(hashes: Double, fleet: Int) {
        second.fleets[fleet][.workAccepted] += UInt64(hashes.rounded())
    }

    public mutating func blockFound(fleet: Int) { second.fleets[fleet][.blocksFound] += 1 }

    /// How long the pool's work on a new tip had no transactions; of the whole stack, kept with the first fleet.
    public mutating func worked(emptyFor interval: Interval) {
        second.fleets[0].change(.emptyWork) { $0.record(interval) }
    }

    public mutating func carried(up: UInt64, down: UInt64, fleet: Int) {
        second.fleets[fleet][.bytesUp] += up
        second.fleets[fleet][.bytesDown] += down
    }

    public mutating func note(_ health: GeneratorHealth) { second.health = health }

    private mutating func enter(_ phase: MinerPhase, _ index: Int, _ fleet: Int, at now: Instant) {
        count(devices[index].phase, fleet, -1)
        count(phase, fleet, 1)
        if phase == .connecting { devices[index].dialing = now }
        if phase == .off || phase == .backingOff { devices[index].dialing = .distantFuture }
        if phase == .mining, devices[index].lost < .distantFuture {
            let since = now - devices[index].lost
            second.fleets[fleet].change(.reconnect) { $0.record(since) }
            devices[index].lost = .distantFuture
        }
        if phase == .off {
            // A device without power sees nothing; its connection is no longer its own.
            devices[index].lost = .distantFuture
            devices[index].celsius = -.infinity
        }
        devices[index].phase = phase
    }

    private mutating func count(_ phase: MinerPhase, _ fleet: Int, _ change: Double) {
        switch phase {
        case .off: return
        case .mining: levels[fleet][.mining] += change
        case .throttled:
            // It mines, below its clock.
            levels[fleet][.mining] += change
            levels[fleet][.throttled] += change
        case .connecting, .handshaking, .waiting: levels[fleet][.connecting] += change
        case .backingOff: levels[fleet][.backingOff] += change
        case .booting, .coolingDown, .sleeping, .faulty: levels[fleet][.down] += change
        }
        levels[fleet][.devices] += change
    }

    private mutating func connected(_ index: Int, _ fleet: Int, at now: Instant) {
        second.fleets[fleet][.connections] += 1
        devices[index].connected = now
        // One that cools down while it dials says only how it is.
        guard devices[index].dialing < .distantFuture else { return }
        let since = now - devices[index].dialing
        devices[index].dialing = .distantFuture
        second.fleets[fleet].change(.connect) { $0.record(since) }
    }

    private mutating func loaded(_ job: UInt32, _ index: Int, _ fleet: Int, at now: Instant) {
        let key = devices[index].tip ^ UInt64(job)
        guard key != devices[index].job else { return }
        devices[index].job = key
        second.fleets[fleet][.jobs] += 1
    }

    private mutating func refused(_ reason: ShareRejection, _ fleet: Int) {
        second.fleets[fleet][.sharesRejected] += 1
        if reason == .stale { second.fleets[fleet][.sharesStale] += 1 }
        if reason == .duplicate { second.fleets[fleet][.sharesDuplicate] += 1 }
        second.fleets[fleet].refused(reason.name)
    }
}
