import Bitcoin

/// The hashes of the shares one channel was credited for on one tip: exact, bounded, and empty until needed.
///
/// An open-addressing table that starts with no storage, because most channels of a large pool hold a few dozen
/// hashes between two blocks.
public struct SeenShares: Sendable {
    private var table: [Hash256] = []
    public private(set) var count = 0
    /// The zero hash marks a free place; a share of that hash would be the find of all time and is kept apart.
    private var hasZero = false

    public enum Outcome: Equatable, Sendable { case new, duplicate, full }

    public init() {}

    /// Remembers `hash` unless it is there or `limit` hashes are.
    public mutating func insert(_ hash: Hash256, limit: Int) -> Outcome {
        if hash == .zero {
            defer { hasZero = true }
            return hasZero ? .duplicate : .new
        }
        if !table.isEmpty, table[place(of: hash)] == hash { return .duplicate }
        guard count < limit else { return .full }
        if 4 * (count + 1) > 3 * table.count { grow(to: max(8, table.count * 2)) }
        table[place(of: hash)] = hash
        count += 1
        return .new
    }

    /// Forgets the hashes that do not meet `target`.
    mutating func removeAll(above target: Target) {
        let kept = table.filter { $0 != .zero && target.isMet(by: $0) }
        removeAll()
        for hash in kept { _ = insert(hash, limit: .max) }
    }

    /// Forgets everything; a small table is kept for the next tip.
    public mutating func removeAll() {
        count = 0
        hasZero = false
        if table.count > 128 {
            table = []
        } else {
            for index in table.indices { table[index] = .zero }
        }
    }

    private mutating func grow(to capacity: Int) {
        let old = table
        table = Array(repeating: .zero, count: capacity)
        for hash in old where hash != .zero { table[place(of: hash)] = hash }
    }

    /// Where `hash` lies, or the free place where it belongs. A share's low bytes are uniform.
    private func place(of hash: Hash256) -> Int {
        let mask = table.count - 1
        var index = Int(truncatingIfNeeded: hash.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }) & mask
        while table[index] != .zero, table[index] != hash { index = (index + 1) & mask }
        return index
    }
}
