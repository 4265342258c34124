import Foundation
import Glibc
import SansIO
import Testing

@testable import Runtime

@Suite struct LiveStorageTests {
    private let blocks = LogID(0)
    private let undo = LogID(1)
    private let table = TableID(0)

    private func open(_ directory: String, rebuilding: Bool = false) throws -> LiveStorage {
        try LiveStorage(
            directory: directory, name: "chain",
            logs: [
                .init(blocks, name: "blk", isSource: true), .init(undo, name: "rev", isSource: false),
            ], tables: [table, TableID(1)], rebuilding: rebuilding, bytesPerFile: 100)
    }

    private func temporaryDirectory() -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent("lab-storage-\(UUID().uuidString)").path
    }

    private func withDirectory(_ body: (String) throws -> Void) throws {
        let directory = temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try body(directory)
    }

    private func entries(_ storage: any DurableStorage) -> [[UInt8]] {
        var entries: [[UInt8]] = []
        storage.scan(table) { key, value in
            entries.append(key.withUnsafeBytes { Array($0) } + value.withUnsafeBytes { Array($0) })
            return true
        }
        return entries
    }

    @Test("Random work leaves the same in SQLite and files as in memory, over crashes", arguments: [1, 2, 3])
    func sameAsMemory(seed: UInt64) throws {
        try withDirectory { directory in
            var random = PRNG(seed: seed)
            var live = try open(directory)
            var memory = MemoryStorage(bytesPerFile: 100)
            live.commit()
            for _ in 0..<600 {
                let key = [UInt8](repeating: UInt8(random.below(20)), count: Int(random.below(3)))
                let bytes = (0..<random.below(60)).map { _ in UInt8(random.below(256)) }
                switch random.below(12) {
                case 0...3:
                    live.set(table, key, bytes)
                    memory.set(table, key, bytes)
                case 4, 5:
                    live.remove(table, key)
                    memory.remove(table, key)
                case 6, 7:
                    let log = random.below(2) == 0 ? blocks : undo
                    #expect(live.append(bytes, to: log) == memory.append(bytes, to: log))
                case 8:
                    live.commit()
                    memory.commit()
                case 9:
                    live.beginFile(of: undo)
                    memory.beginFile(of: undo)
                case 10:
                    let files = memory.lengths(of: blocks).count
                    guard files > 1 else { break }
                    let file = UInt32(random.below(UInt64(files - 1)))
                    live.discard(blocks, file: file)
                    memory.discard(blocks, file: file)
                default:
                    live.close()
                    live = try open(directory)
                    memory = memory.recovered()
                }
                #expect(live.value(table, key) == memory.value(table, key))
            }
            #expect(live.fault == nil)
            #expect(entries(live) == entries(memory))
            for log in [blocks, undo] {
                #expect(live.lengths(of: log) == memory.lengths(of: log))
                for (file, length) in memory.lengths(of: log).enumerated() {
                    let start = LogPosition(file: UInt32(file), offset: 0)
                    #expect(
                        live.read(log, at: start, count: length) == memory.read(log, at: start, count: length)
                    )
                }
            }
        }
    }

    @Test("A scan visits keys between two bounds, forwards and backwards, and may be nested")
    func scans() throws {
        try withDirectory { directory in
            let storage = try open(directory)
            for key in 0..<UInt8(10) { storage.set(table, [key], [key]) }
            var seen: [UInt8] = []
            storage.scan(table, from: [3], to: [6], backwards: true) { key, _ in
                seen.append(key.unsafeLoad(as: UInt8.self))
                storage.scan(table, from: [3], to: [6], backwards: true) { inner, _ in
                    seen.append(inner.unsafeLoad(as: UInt8.self))
                    return false
                }
                return true
            }
            #expect(seen == [5, 5, 4, 5, 3, 5])
        }
    }

    @Test("A log file that lost bytes is named")
    func shortFile() throws {
        try withDirectory { directory in
            let storage = try open(directory)
            _ = storage.append([UInt8](repeating: 7, count: 80), to: blocks)
            storage.set(table, [1], [1])
            storage.commit()
            storage.close()
            #expect(truncate(directory + "/blocks/blk00000.dat", 79) == 0)
            let fault = #expect(throws: StorageFault.self) { try open(directory) }
            #expect(fault?.kind == .damaged)
            #expect(
                fault?.description.contains("blocks/blk00000.dat: has 79 bytes where 80 were committed")
                    == true)
            #expect(unlink(directory + "/blocks/blk00000.dat") == 0)
            #expect(throws: StorageFault.self) { try open(directory) }
        }
    }

    @Test(
        "A changed value in the database is found when it is read, and no file that is no database is opened")
    func changedDatabase() throws {
        try withDirectory { directory in
            let path = directory + "/chain.sqlite"
            let storage = try open(directory)
            storage.set(table, [1], [UInt8](repeating: 0xab, count: 300))
            storage.commit()
            storage.close()
            var bytes = try Array(Data(contentsOf: URL(fileURLWithPath: path)))
            let place = try #require(bytes.firstRange(of: [UInt8](repeating: 0xab, count: 300)))
            bytes[place.lowerBound + 150] ^= 1
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let again = try open(directory)
            #expect(again.value(table, [1]) == nil)
            #expect(again.fault?.kind == .damaged)
            #expect(again.fault?.place == path)
            again.commit()
            again.close()
            try Data([UInt8](repeating: 0x33, count: 9_000)).write(to: URL(fileURLWithPath: path))
            let fault = #expect(throws: StorageFault.self) { try open(directory) }
            #expect(fault?.kind == .damaged)
            #expect(fault?.place == path)
            let rebuilt = try open(directory, rebuilding: true)
            #expect(rebuilt.value(table, [1]) == nil)
            #expect(rebuilt.fault == nil)
        }
    }

    @Test("Rebuilding keeps the source's files as they lie, and drops the others")
    func rebuilding() throws {
        try withDirectory { directory in
            let storage = try open(directory)
            _ = storage.append([1, 2, 3], to: blocks)
            _ = storage.append([4], to: undo)
            storage.commit()
            _ = storage.append([5, 6], to: blocks)
            storage.close()
            let again = try open(directory, rebuilding: true)
            #expect(again.lengths(of: blocks) == [5])
            #expect(again.lengths(of: undo).isEmpty)
        }
    }

    @Test("A journal's torn end is cut off, and damage before later records is an error that names the file")
    func journalDamage() throws {
        try withDirectory { directory in
            mkdir(directory, 0o755)
            let path = directory + "/wallet"
            var journal: Journal? = try Journal(path: path) { _ in }
            for record in [[UInt8](repeating: 1, count: 9), [UInt8](repeating: 2, count: 9)] {
                try record.withUnsafeBytes { bytes throws(StorageFault) in try journal?.append(bytes) }
                try journal?.sync()
            }
            journal = nil
            var bytes = try Array(Data(contentsOf: URL(fileURLWithPath: path)))
            try Data(bytes.dropLast(3)).write(to: URL(fileURLWithPath: path))
            var count = 0
            journal = try Journal(path: path) { _ in count += 1 }
            #expect(count == 1)
            journal = nil
            bytes[10] ^= 1
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let error = #expect(throws: StoreError.self) { try Journal(path: path) { _ in } }
            #expect(error?.description.contains("\(path) is damaged") == true)
        }
    }

    @Test("A journal that is begun anew leaves no byte of its earlier records in any file")
    func journalRestart() throws {
        try withDirectory { directory in
            mkdir(directory, 0o755)
            let path = directory + "/wallet"
            func append(_ record: [UInt8], to journal: Journal) throws {
                var fault: StorageFault?
                record.withUnsafeBytes { bytes in
                    do throws(StorageFault) { try journal.append(bytes) } catch { fault = error }
                }
                if let fault { throw fault }
            }
            func records() throws -> [[UInt8]] {
                var records: [[UInt8]] = []
                try Journal.records(of: path) { record in records.append(record.withUnsafeBytes { Array($0) })
                }
                return records
            }
            let secret = Array("a key in the clear".utf8)
            let journal = try Journal(path: path) { _ in }
            try append(secret, to: journal)
            try journal.sync()
            try journal.restart()
            try append([1, 2], to: journal)
            // Until the sync a crash would bring the earlier records back.
            #expect(try records() == [secret])
            try journal.sync()
            try append([3], to: journal)
            try journal.sync()
            #expect(try records() == [[1, 2], [3]])
            for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
                let bytes = try Data(contentsOf: URL(fileURLWithPath: directory + "/" + name))
                #expect(bytes.range(of: Data(secret)) == nil, "\(name)")
            }
        }
    }

    @Test(
        "A discarded file leaves the disk with the commit, and a rebuild keeps nothing that lies behind a gap"
    )
    func discarded() throws {
        try withDirectory { directory in
            var storage = try open(directory)
            for _ in 0..<5 { _ = storage.append([UInt8](repeating: 1, count: 90), to: blocks) }
            storage.commit()
            let files = (0..<5).map { storage.name(of: blocks, file: UInt32($0)) }
            storage.discard(blocks, file: 1)
            #expect(FileManager.default.fileExists(atPath: files[1]))
            storage.close()
            storage = try open(directory)
            #expect(storage.lengths(of: blocks) == [90, 90, 90, 90, 90])
            storage.discard(blocks, file: 1)
            storage.commit()
            #expect(!FileManager.default.fileExists(atPath: files[1]))
            #expect(storage.lengths(of: blocks) == [90, 0, 90, 90, 90])
            #expect(storage.read(blocks, at: LogPosition(file: 1, offset: 0), count: 1) == nil)
            storage.close()
            // A crash between the commit and the removal leaves the file, which goes at the next start.
            try Data([1, 2, 3]).write(to: URL(fileURLWithPath: files[1]))
            storage = try open(directory)
            #expect(storage.lengths(of: blocks) == [90, 0, 90, 90, 90])
            #expect(!FileManager.default.fileExists(atPath: files[1]))
            #expect(storage.append([1], to: blocks) == LogPosition(file: 4, offset: 90))
            storage.commit()
            storage.close()
            for suffix in ["", "-wal", "-shm"] {
                try? FileManager.default.removeItem(atPath: directory + "/chain.sqlite" + suffix)
            }
            let fault = #expect(throws: StorageFault.self) { try open(directory) }
            #expect(fault?.place == files[1])
            #expect(fault?.kind == .damaged)
            storage = try open(directory, rebuilding: true)
            #expect(storage.lengths(of: blocks) == [90])
            #expect(!FileManager.default.fileExists(atPath: files[4]))
            storage.close()
        }
    }
}
