import Bitcoin

/// Remembers the last so many hashes and forgets the oldest.
struct RecentHashes: Sendable {
    private var known = Set<Hash256>()
    private var order: [Hash256] = []
    private var next = 0
    private let capacity: Int

    init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
    }

    func contains(_ hash: Hash256) -> Bool { known.contains(hash) }

    mutating func insert(_ hash: Hash256) {
        guard known.insert(hash).inserted else { return }
        if order.count < capacity {
            order.append(hash)
        } else {
            known.remove(order[next])
            order[next] = hash
            next = (next + 1) % capacity
        }
    }

    mutating func removeAll() {
        known = []
        order = []
        next = 0
    }
}
