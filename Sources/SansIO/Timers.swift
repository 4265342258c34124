/// A machine's few named timers: a fixed table with one next deadline. Setting replaces, stopping forgets; there
/// are no tokens and nothing can fire late.
public struct TimerTable<Timer: RawRepresentable & CaseIterable & Sendable>: Sendable
where Timer.RawValue == Int {
    private var slots: [Instant]

    public init() { slots = Array(repeating: .distantFuture, count: Timer.allCases.count) }

    public mutating func set(_ timer: Timer, _ deadline: Instant) { slots[timer.rawValue] = deadline }
    public mutating func stop(_ timer: Timer) { slots[timer.rawValue] = .distantFuture }
    public func deadline(of timer: Timer) -> Instant? {
        slots[timer.rawValue] == .distantFuture ? nil : slots[timer.rawValue]
    }

    /// True, and the timer stops, if it is due.
    public mutating func fire(_ timer: Timer, at now: Instant) -> Bool {
        guard slots[timer.rawValue] <= now, slots[timer.rawValue] != .distantFuture else { return false }
        slots[timer.rawValue] = .distantFuture
        return true
    }

    public var next: Instant? {
        var least = Instant.distantFuture
        for slot in slots where slot < least { least = slot }
        return least == .distantFuture ? nil : least
    }
}

/// Deadlines of many things (a server's connections, a world's nodes): a binary heap ordered by time and then by
/// the order of setting, so ties are deterministic. Setting a key again leaves a stale entry behind, which is
/// skipped; stale entries are swept when they outnumber the live ones.
public struct TimerQueue<Key: Hashable & Sendable>: Sendable {
    private struct Entry {
        var deadline: Instant
        var sequence: UInt64
        var key: Key
        func isBefore(_ other: Entry) -> Bool {
            deadline != other.deadline ? deadline < other.deadline : sequence < other.sequence
        }
    }

    private var heap: [Entry] = []
    private var live: [Key: UInt64] = [:]
    private var sequence: UInt64 = 0

    public init() {}

    public var count: Int { live.count }

    public mutating func set(_ key: Key, _ deadline: Instant) {
        sequence += 1
        live[key] = sequence
        push(Entry(deadline: deadline, sequence: sequence, key: key))
        if heap.count > 64, heap.count > 4 * live.count { sweep() }
        dropStale()
    }

    public mutating func stop(_ key: Key) {
        guard live.removeValue(forKey: key) != nil else { return }
        dropStale()
    }

    public var next: Instant? { heap.first?.deadline }

    public func isSet(_ key: Key) -> Bool { live[key] != nil }

    /// The next key that is due, forgotten by this call; nil when none is.
    public mutating func popDue(at now: Instant) -> Key? {
        guard let first = heap.first, first.deadline <= now else { return nil }
        _ = pop()
        live.removeValue(forKey: first.key)
        dropStale()
        return first.key
    }

    /// Keeps the heap's first entry live, so that `next` is exact.
    private mutating func dropStale() {
        while let first = heap.first, live[first.key] != first.sequence { _ = pop() }
    }

    private mutating func sweep() {
        let kept = heap.filter { live[$0.key] == $0.sequence }
        heap.removeAll(keepingCapacity: true)
        for entry in kept { push(entry) }
    }

    private mutating func push(_ entry: Entry) {
        heap.append(entry)
        var i = heap.count - 1
        while i > 0 {
            let parent = (i - 1) / 2
            guard heap[i].isBefore(heap[parent]) else { break }
            heap.swapAt(i, parent)
            i = parent
        }
    }

    private mutating func pop() -> Entry {
        let first = heap[0]
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var i = 0
        while true {
            var least = i
            for child in [2 * i + 1, 2 * i + 2]
            where child < heap.count && heap[child].isBefore(heap[least]) { least = child }
            guard least != i else { break }
            heap.swapAt(i, least)
            i = least
        }
        return first
    }
}
