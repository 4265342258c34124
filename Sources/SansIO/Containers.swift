/// A first-in-first-out queue that never grows past its bound; the caller decides what a full queue means.
public struct BoundedQueue<Element: Sendable>: Sendable {
    private var storage: [Element?]
    private var head = 0
    public private(set) var count = 0

    /// `capacity` must be positive.
    public init(capacity: Int) {
        precondition(capacity > 0, "a queue of no capacity")
        storage = Array(repeating: nil, count: capacity)
    }

    public var capacity: Int { storage.count }
    public var isEmpty: Bool { count == 0 }
    public var isFull: Bool { count == storage.count }
    public var first: Element? { isEmpty ? nil : storage[head] }

    /// False, and nothing changes, when full.
    public mutating func append(_ element: Element) -> Bool {
        guard !isFull else { return false }
        storage[(head + count) % storage.count] = element
        count += 1
        return true
    }

    /// Appends and returns the oldest element if it had to make room.
    public mutating func appendDroppingOldest(_ element: Element) -> Element? {
        let dropped = isFull ? popFirst() : nil
        _ = append(element)
        return dropped
    }

    public mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = storage[head]
        storage[head] = nil
        head = (head + 1) % storage.count
        count -= 1
        return element
    }

    public mutating func removeAll() {
        while popFirst() != nil {}
        head = 0
    }
}

/// A dense table whose ids carry a generation: an id that outlived its element finds nothing.
public struct Slab<Element: Sendable>: Sendable {
    public struct ID: Hashable, Sendable {
        public var index: UInt32
        public var generation: UInt32
        public init(index: UInt32, generation: UInt32) {
            self.index = index
            self.generation = generation
        }
    }

    private struct Slot {
        var generation: UInt32
        var element: Element?
    }

    private var slots: [Slot] = []
    private var free: [UInt32] = []

    public init() {}

    public var count: Int { slots.count - free.count }

    public mutating func insert(_ element: Element) -> ID {
        if let index = free.popLast() {
            slots[Int(index)].element = element
            return ID(index: index, generation: slots[Int(index)].generation)
        }
        slots.append(Slot(generation: 0, element: element))
        return ID(index: UInt32(slots.count - 1), generation: 0)
    }

    /// Reading gives nil for a dead id; writing to a dead id is a bug of the caller and traps.
    public subscript(id: ID) -> Element? {
        get { isLive(id) ? slots[Int(id.index)].element : nil }
        _modify {
            precondition(isLive(id), "slab id \(id.index)/\(id.generation) is dead")
            yield &slots[Int(id.index)].element
        }
    }

    @discardableResult
    public mutating func remove(_ id: ID) -> Element? {
        guard isLive(id) else { return nil }
        let element = slots[Int(id.index)].element
        slots[Int(id.index)].element = nil
        slots[Int(id.index)].generation &+= 1
        free.append(id.index)
        return element
    }

    /// Live ids in index order.
    public var ids: [ID] {
        slots.indices.compactMap {
            slots[$0].element == nil ? nil : ID(index: UInt32($0), generation: slots[$0].generation)
        }
    }

    private func isLive(_ id: ID) -> Bool {
        id.index < slots.count && slots[Int(id.index)].generation == id.generation
            && slots[Int(id.index)].element != nil
    }
}
