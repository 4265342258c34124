import Glibc
import SansIO

/// What can go wrong with files, said so that an operator knows what to do.
public struct StoreError: Error, CustomStringConvertible {
    public let description: String
    init(_ what: String, path: String, code: Int32 = errno) {
        description = "\(what) \(path): \(String(cString: strerror(code)))"
    }
    init(message: String) { description = message }
}

/// An append-only file of records: length u32, CRC-32C u32, bytes; little-endian. A record is with the operating
/// system when `append` returns, so it survives the process; a torn last record is cut off when the file is
/// opened again.
final class Journal {
    private var descriptor: Int32
    private let path: String
    private var frame: [UInt8] = []

    init(path: String, _ restore: (RawSpan) -> Void) throws {
        self.path = path
        descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreError("cannot open", path: path) }
        let end = try Journal.read(descriptor, path: path, restore)
        guard ftruncate(descriptor, off_t(end)) == 0, lseek(descriptor, off_t(end), SEEK_SET) >= 0 else {
            throw StoreError("cannot cut the torn end of", path: path)
        }
    }

    deinit { close() }

    func append(_ record: UnsafeRawBufferPointer) {
        precondition(record.count <= RuntimeLimits.recordBytes, "a journal record of \(record.count) bytes")
        frame.removeAll(keepingCapacity: true)
        withUnsafeBytes(of: UInt32(record.count).littleEndian) { frame.append(contentsOf: $0) }
        withUnsafeBytes(of: CRC32C.checksum(record).littleEndian) { frame.append(contentsOf: $0) }
        frame.append(contentsOf: record)
        var offset = 0
        while offset < frame.count {
            let written = frame.withUnsafeBytes {
                write(descriptor, $0.baseAddress! + offset, frame.count - offset)
            }
            if written < 0, errno == EINTR { continue }
            // A store that cannot store must not acknowledge: stopping is the only honest answer.
            guard written > 0 else { fatalError("\(StoreError("cannot write to", path: path))") }
            offset += written
        }
    }

    func close() {
        guard descriptor >= 0 else { return }
        _ = fsync(descriptor)
        _ = Glibc.close(descriptor)
        descriptor = -1
    }

    /// Reads whole records from the start and answers where the last one ends.
    private static func read(_ descriptor: Int32, path: String, _ restore: (RawSpan) -> Void) throws -> Int {
        let size = Int(lseek(descriptor, 0, SEEK_END))
        guard size > 0 else { return 0 }
        guard let map = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), map != MAP_FAILED else {
            throw StoreError("cannot read", path: path)
        }
        defer { munmap(map, size) }
        let bytes = UnsafeRawBufferPointer(start: map, count: size)
        var offset = 0
        while size - offset >= 8 {
            let length = Int(
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
            let checksum = UInt32(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
            guard length <= RuntimeLimits.recordBytes, size - offset - 8 >= length else { break }
            let record = UnsafeRawBufferPointer(rebasing: bytes[offset + 8..<offset + 8 + length])
            guard CRC32C.checksum(record) == checksum else { break }
            restore(RawSpan(_unsafeBytes: record))
            offset += 8 + length
        }
        return offset
    }
}

/// CRC-32C (Castagnoli), table-driven: the check of iSCSI and of most journals.
enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { index in
        var value = UInt32(index)
        for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
        return value
    }

    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var value: UInt32 = 0xffff_ffff
        table.withUnsafeBufferPointer { table in
            for byte in bytes { value = table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] ^ value >> 8 }
        }
        return value ^ 0xffff_ffff
    }
}

/// A directory that one process at a time may use.
public final class DataDirectory: @unchecked Sendable {
    public let root: String
    private var lock: Int32

    /// Creates the directory if needed and locks it; throws, naming the holder, when another process has it.
    public init(_ root: String) throws {
        self.root = root
        try DataDirectory.create(root)
        let path = root + "/.lock"
        lock = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw StoreError("cannot open", path: path) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let holder = DataDirectory.text(of: lock)
            Glibc.close(lock)
            lock = -1
            let who = holder.isEmpty ? "another process" : "process \(holder)"
            throw StoreError(
                message: "data directory \(root) is in use by \(who); stop it or choose another with --data")
        }
        let pid = Array("\(getpid())".utf8)
        _ = ftruncate(lock, 0)
        _ = pid.withUnsafeBytes { pwrite(lock, $0.baseAddress, $0.count, 0) }
    }

    deinit { if lock >= 0 { Glibc.close(lock) } }

    public func path(_ name: String) -> String { root + "/" + name }

    /// Writes a file whole: under a temporary name, then renamed.
    public static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600) throws {
        let temporary = "\(path).tmp-\(getpid())"
        let file = Glibc.open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard file >= 0 else { throw StoreError("cannot write", path: temporary) }
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(file, $0.baseAddress! + offset, bytes.count - offset)
            }
            guard count > 0 else {
                Glibc.close(file)
                unlink(temporary)
                throw StoreError("cannot write", path: temporary)
            }
            offset += count
        }
        _ = fsync(file)
        Glibc.close(file)
        guard rename(temporary, path) == 0 else { throw StoreError("cannot rename to", path: path) }
    }

    /// The bytes of a file of this directory that is made by `make` the first time: keys and seeds.
    public func secret(_ name: String, make: () -> [UInt8]) throws -> [UInt8] {
        let path = path(name)
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        if file >= 0 {
            defer { Glibc.close(file) }
            var bytes = [UInt8](repeating: 0, count: 4_096)
            let count = Glibc.read(file, &bytes, bytes.count)
            if count > 0 { return Array(bytes[..<count]) }
        }
        let bytes = make()
        try DataDirectory.write(bytes, to: path)
        return bytes
    }

    private static func create(_ path: String) throws {
        var prefix = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            prefix += "/" + part
            guard mkdir(prefix, 0o755) == 0 || errno == EEXIST else {
                throw StoreError("cannot create", path: path)
            }
        }
    }

    private static func text(of descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
