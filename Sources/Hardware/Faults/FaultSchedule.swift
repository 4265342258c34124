import SansIO

/// Which of a device's faults are active, and when that changes next. A seeded value: the same faults, seed and start
/// give the same history, however often it is asked.
public struct FaultSchedule: Sendable {
    private struct Entry: Sendable {
        let fault: DeviceFault
        var isActive = false
        /// Begins if inactive, ends if active.
        var nextChange: Instant
    }

    private var entries: [Entry] = []
    private var random: PRNG
    /// When a fault begins or ends; nil when nothing more will.
    public private(set) var nextChange: Instant?

    /// - Parameter start: when the device was plugged in; faults `at` zero are active from then on.
    public init(_ faults: [DeviceFault], seed: PRNG, from start: Instant) {
        random = seed
        for fault in faults { add(fault, at: start) }
    }

    public var isEmpty: Bool { entries.isEmpty }

    /// Schedules one more fault, its onset counted from `now`.
    public mutating func add(_ fault: DeviceFault, at now: Instant) {
        entries.append(Entry(fault: fault, nextChange: onset(of: fault, after: now)))
        updateNextChange()
    }

    /// Ends and forgets every fault of this name; see ``DeviceFault/Kind/name``.
    public mutating func remove(named name: String) {
        entries.removeAll { $0.fault.kind.name == name }
        updateNextChange()
    }

    /// Carries out what is due. True when something began or ended.
    public mutating func advance(to now: Instant) -> Bool {
        guard let due = nextChange, due <= now else { return false }
        for index in entries.indices {
            while entries[index].nextChange <= now { turn(index) }
        }
        updateNextChange()
        return true
    }

    /// The active faults in the order in which they were written down.
    public var active: [DeviceFault.Kind] { entries.compactMap { $0.isActive ? $0.fault.kind : nil } }

    private mutating func turn(_ index: Int) {
        let entry = entries[index]
        if entry.isActive {
            entries[index].isActive = false
            switch entry.fault.onset {
            case .at: entries[index].nextChange = .distantFuture
            case .perHour: entries[index].nextChange = onset(of: entry.fault, after: entry.nextChange)
            }
        } else {
            entries[index].isActive = true
            // An end in the very instant of the beginning would never be seen, and could come back without end.
            let length = entry.fault.duration.map { max($0, Limits.faultDurationMin) }
            entries[index].nextChange = length.map { entry.nextChange + $0 } ?? .distantFuture
        }
    }

    private mutating func onset(of fault: DeviceFault, after now: Instant) -> Instant {
        switch fault.onset {
        case .at(let delay): return now + delay
        case .perHour(let rate):
            guard rate > 0 else { return .distantFuture }
            return now + random.exponential(mean: Interval(seconds: 3_600 / rate))
        }
    }

    private mutating func updateNextChange() {
        var earliest = Instant.distantFuture
        for entry in entries where entry.nextChange < earliest { earliest = entry.nextChange }
        nextChange = earliest == .distantFuture ? nil : earliest
    }
}
