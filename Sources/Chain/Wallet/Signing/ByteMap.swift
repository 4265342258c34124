/// A map from bytes, kept in the order of its keys, so that what is written from it is the same in every run.
struct ByteMap<Value: Sendable & Equatable>: Sendable, Equatable {
    private(set) var keys: [[UInt8]] = []
    private(set) var values: [Value] = []

    static func == (a: ByteMap, b: ByteMap) -> Bool { a.keys == b.keys && a.values == b.values }

    var isEmpty: Bool { keys.isEmpty }
    var count: Int { keys.count }
    var entries: [(key: [UInt8], value: Value)] { zip(keys, values).map { ($0, $1) } }

    subscript(key: [UInt8]) -> Value? {
        get {
            let (at, isHere) = place(key)
            return isHere ? values[at] : nil
        }
        set {
            let (at, isHere) = place(key)
            if let newValue {
                if isHere {
                    values[at] = newValue
                } else {
                    keys.insert(key, at: at)
                    values.insert(newValue, at: at)
                }
            } else if isHere {
                keys.remove(at: at)
                values.remove(at: at)
            }
        }
    }

    /// Takes an entry whose key is not there yet; false if it is.
    @discardableResult
    mutating func insert(_ key: [UInt8], _ value: Value) -> Bool {
        let (at, isHere) = place(key)
        guard !isHere else { return false }
        keys.insert(key, at: at)
        values.insert(value, at: at)
        return true
    }

    mutating func merge(_ other: ByteMap) {
        for (key, value) in other.entries { insert(key, value) }
    }

    mutating func removeAll() { self = ByteMap() }

    private func place(_ key: [UInt8]) -> (index: Int, isHere: Bool) {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle].lexicographicallyPrecedes(key) { low = middle + 1 } else { high = middle }
        }
        return (low, low < keys.count && keys[low] == key)
    }
}
