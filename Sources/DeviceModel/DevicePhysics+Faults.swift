import Hardware
import SansIO

/// Faults: from the profile, or added while the device runs.
extension DevicePhysics {
    /// When a fault begins or ends next: whoever drives the device should advance it then, and look at
    /// ``chipFaults`` and ``hashRate``.
    public var nextFaultChange: Instant? { schedule.nextChange }

    /// The faults that are active as of the last advance.
    public var activeFaults: [DeviceFault.Kind] { schedule.active }

    /// Schedules a fault; its onset counts from `now`. A board or domain that the device has not does nothing.
    public mutating func add(_ fault: DeviceFault, at now: Instant) {
        advance(to: now)
        schedule.add(fault, at: now)
        advance(to: now)
    }

    /// Ends every fault of this name, see ``Hardware/DeviceFault/Kind/name``.
    public mutating func removeFaults(named name: String, at now: Instant) {
        advance(to: now)
        schedule.remove(named: name)
        applyFaults()
    }

    mutating func applyFaults() {
        var next = Condition()
        var chips = ChipFaults(
            boards: chipFaults.boards, chipsPerBoard: chipFaults.chipsPerBoard, domains: chipFaults.domains)
        for fault in schedule.active {
            switch fault {
            case .overheating(let kelvin): next.inletKelvin += kelvin
            case .fanLoss(let fans): next.lostFans += fans ?? constants.fanCount
            case .supplyDrop: next.isSupplyDown = true
            case .voltageSag(let share): next.voltsShare *= max(0, 1 - share)
            case .sensorFailure(let failure): next.sensor = failure
            case .ageing(let years): next.extraYears += years
            case .missingChips, .stuckDomain, .silentChain, .duplicateNonces, .checksumErrors, .wrongIDs:
                chips.apply(fault)
            }
        }
        condition = next
        if next.isSupplyDown {
            isPowered = false
            loseClock()
        }
        // Age and lost fans change the cooling whatever the fans' speed.
        cooling.share = -1
        cool()
        guard chips != chipFaults else { return }
        chipFaults = chips
        hashingShare = Double(chips.hashingChips) / Double(chips.boards * chips.chipsPerBoard)
        for index in boards.indices {
            boards[index].poweredShare =
                Double(chips.poweredChips(board: index)) / Double(chips.chipsPerBoard)
        }
    }
}
