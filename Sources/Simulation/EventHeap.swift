import SansIO

/// What happens at an instant of the virtual world.
enum Event {
    case deadline(node: Int32)
    /// The next segment of a connection's direction arrives.
    case segment(connection: Int32, toDialer: Bool)
    /// The connection attempt arrives at the listener.
    case arrival(connection: Int32)
    /// The dialer learns that it is connected.
    case established(connection: Int32)
    case refused(node: Int32, life: UInt32, dial: UInt32, LinkFailure)
    /// One side learns that the other ended the connection.
    case closed(connection: Int32, toDialer: Bool)
    /// One side learns that the network or the other's host ended it.
    case broken(connection: Int32, toDialer: Bool, LinkFailure)
    case script(index: Int32)
}

/// A 4-ary heap keyed by (time, order of scheduling): a total order, so that ties are the same on every run.
struct EventHeap {
    struct Entry {
        var at: UInt64
        var sequence: UInt64
        var event: Event

        @inline(__always)
        func isBefore(_ other: Entry) -> Bool { at != other.at ? at < other.at : sequence < other.sequence }
    }

    private var entries: [Entry] = []
    private var sequence: UInt64 = 0

    var count: Int { entries.count }
    var nextTime: UInt64? { entries.first?.at }

    mutating func push(_ event: Event, at time: Instant) {
        sequence += 1
        let entry = Entry(at: time.nanoseconds, sequence: sequence, event: event)
        entries.append(entry)
        var i = entries.count - 1
        entries.withUnsafeMutableBufferPointer { heap in
            while i > 0 {
                let parent = (i - 1) >> 2
                guard entry.isBefore(heap[parent]) else { break }
                heap[i] = heap[parent]
                i = parent
            }
            heap[i] = entry
        }
    }

    mutating func pop() -> Entry? {
        guard let first = entries.first else { return nil }
        let last = entries.removeLast()
        guard !entries.isEmpty else { return first }
        entries.withUnsafeMutableBufferPointer { heap in
            var i = 0
            while true {
                let child = 4 * i + 1
                guard child < heap.count else { break }
                var least = child
                var candidate = child + 1
                let end = min(child + 4, heap.count)
                while candidate < end {
                    if heap[candidate].isBefore(heap[least]) { least = candidate }
                    candidate += 1
                }
                guard heap[least].isBefore(last) else { break }
                heap[i] = heap[least]
                i = least
            }
            heap[i] = last
        }
        return first
    }
}
