import SansIO
import Testing

/// What ``DurableStorage`` promises, as a disk in memory keeps it; the live world's keeps it in RuntimeTests.
@Suite struct MemoryStorageTests {
    private let log = LogID(0)
    private let table = TableID(0)

    @Test("Reads see every change at once, in the order of the keys' bytes")
    func reads() {
        let storage = MemoryStorage()
        storage.set(table, [2], [20])
        storage.set(table, [1, 5], [15])
        storage.set(table, [1], [10])
        storage.commit()
        storage.remove(table, [1])
        storage.set(table, [1, 9], [19])
        #expect(storage.value(table, [1]) == nil)
        #expect(storage.value(table, [1, 9]) == [19])
        #expect(Self.keys(storage) == [[1, 5], [1, 9], [2]])
        var found: [[UInt8]] = []
        storage.scan(table, prefix: [1], backwards: true) { key, _ in
            found.append(key.withUnsafeBytes { Array($0) })
            return true
        }
        #expect(found == [[1, 9], [1, 5]])
    }

    @Test("A crash leaves the last commit, whole")
    func crash() {
        let storage = MemoryStorage(bytesPerFile: 4)
        let first = storage.append([1, 2, 3], to: log)
        storage.set(table, [1], [1])
        storage.commit()
        let second = storage.append([4, 5], to: log)
        storage.set(table, [2], [2])
        storage.remove(table, [1])
        #expect(second == LogPosition(file: 1, offset: 0))
        let again = storage.recovered()
        #expect(again.read(log, at: first, count: 3) == [1, 2, 3])
        #expect(again.lengths(of: log) == [3])
        #expect(Self.keys(again) == [[1]])
        #expect(again.read(log, at: second, count: 2) == nil)
        #expect(again.takeDamage().count == 1)
    }

    @Test("Whichever operation is the last, all or nothing of a commit is there", arguments: 0...5)
    func everyOperation(last: Int) {
        let storage = MemoryStorage()
        storage.set(table, [0], [0])
        storage.commit()
        storage.crash(afterOperations: last)
        _ = storage.append([1, 2, 3], to: log)
        storage.set(table, [1], [1])
        storage.set(table, [0], [9])
        storage.commit()
        #expect((storage.fault == nil) == (last == 5))
        let again = storage.recovered()
        #expect(Self.keys(again) == (last == 5 ? [[0], [1]] : [[0]]))
        #expect(again.lengths(of: log).first ?? 0 == (last == 5 ? 3 : 0))
    }

    private static func keys(_ storage: MemoryStorage) -> [[UInt8]] {
        var keys: [[UInt8]] = []
        storage.scan(TableID(0)) { key, _ in
            keys.append(key.withUnsafeBytes { Array($0) })
            return true
        }
        return keys
    }
}
