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
/// system when `append` returns, so it survives the process, and on the disk when `sync` returns, so it survives a
/// power cut. What was torn is cut off when the file is opened again.
///
/// The length's highest bit marks the first record after a sync. So a record that cannot be read was torn by a power
/// cut only if no marked record follows it; otherwise the file was damaged later, and that is an error.
final class Journal {
    private static let firstAfterSync: UInt32 = 1 << 31

    private var descriptor: Int32
    /// The file that is going to be replaced, while the new one is written beside it.
    private var replaced: Int32?
    private var isSynced = true
    private let path: String
    private var frame: [UInt8] = []
    /// Records that ``append(_:)`` or ``writeBuffered()`` will hand over.
    private var buffered: [UInt8] = []

    init(path: String, _ restore: (RawSpan) -> Void) throws {
        self.path = path
        // What was left of a replacement that did not come to its end.
        unlink(path + ".new")
        descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreError("cannot open", path: path) }
        let end = try Journal.read(descriptor, path: path, restore)
        guard ftruncate(descriptor, off_t(end)) == 0, lseek(descriptor, off_t(end), SEEK_SET) >= 0 else {
            throw StoreError("cannot cut the torn end of", path: path)
        }
    }

    deinit { close() }

    func append(_ record: UnsafeRawBufferPointer) throws(StorageFault) {
        try writeBuffered()
        frame.removeAll(keepingCapacity: true)
        encode(record, into: &frame)
        try write(frame)
    }

    /// Takes a record that is handed to the operating system by the next ``writeBuffered()``, so that many records
    /// cost one system call.
    func buffer(_ record: UnsafeRawBufferPointer) { encode(record, into: &buffered) }

    func writeBuffered() throws(StorageFault) {
        guard !buffered.isEmpty else { return }
        defer { buffered.removeAll(keepingCapacity: buffered.count < 1 << 20) }
        try write(buffered)
    }

    private func encode(_ record: UnsafeRawBufferPointer, into frame: inout [UInt8]) {
        precondition(record.count <= RuntimeLimits.recordBytes, "a journal record of \(record.count) bytes")
        let length = UInt32(record.count) | (isSynced ? Self.firstAfterSync : 0)
        isSynced = false
        withUnsafeBytes(of: length.littleEndian) { frame.append(contentsOf: $0) }
        withUnsafeBytes(of: CRC32C.checksum(record).littleEndian) { frame.append(contentsOf: $0) }
        frame.append(contentsOf: record)
    }

    private func write(_ bytes: [UInt8]) throws(StorageFault) {
        var offset = 0
        while offset < bytes.count {
            let written = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + offset, bytes.count - offset)
            }
            if written < 0, errno == EINTR { continue }
            // A store that cannot store must not acknowledge: stopping is the only honest answer.
            guard written > 0 else { throw fault("cannot be written") }
            offset += written
        }
    }

    /// Forces everything to the disk itself.
    func sync() throws(StorageFault) {
        try writeBuffered()
        guard !isSynced || replaced != nil else { return }
        guard fdatasync(descriptor) == 0 else { throw fault("cannot be synced") }
        isSynced = true
        guard let old = replaced else { return }
        guard rename(freshPath, path) == 0 else { throw fault("cannot be replaced") }
        try DataDirectory.sync(path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ".")
        // Nothing of the old file's bytes stays behind, not even for somebody who holds it open.
        _ = ftruncate(old, 0)
        _ = Glibc.close(old)
        replaced = nil
    }

    private var freshPath: String { path + ".new" }

    /// Begins anew: what is appended from now on takes the place of everything earlier at the next `sync`.
    func restart() throws(StorageFault) {
        if replaced != nil {
            guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
                throw fault("cannot be begun anew")
            }
        } else {
            let fresh = Glibc.open(freshPath, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
            guard fresh >= 0 else { throw fault("cannot be begun anew") }
            replaced = descriptor
            descriptor = fresh
        }
        isSynced = true
        buffered.removeAll()
    }

    private func fault(_ what: String) -> StorageFault {
        StorageFault(.system, path, "\(what): \(String(cString: strerror(errno)))")
    }

    func close() {
        guard descriptor >= 0 else { return }
        try? writeBuffered()
        if let replaced { _ = Glibc.close(replaced) }
        replaced = nil
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
        while let record = record(in: bytes, at: offset) {
            restore(RawSpan(_unsafeBytes: record.bytes))
            offset += 8 + record.bytes.count
        }
        var later = offset + 1
        while later < size {
            if record(in: bytes, at: later, bytesMax: 1 << 16)?.isFirstAfterSync ?? false {
                throw StoreError(
                    message: "\(path) is damaged: bytes \(offset) to \(later) are not what was written; "
                        + "restore the file from a copy, or move it away to start without it")
            }
            later += 1
        }
        return offset
    }

    /// The whole record that begins at `offset`; nil when there is none.
    static func record(
        in bytes: UnsafeRawBufferPointer, at offset: Int, bytesMax: Int = RuntimeLimits.recordBytes
    ) -> (bytes: UnsafeRawBufferPointer, isFirstAfterSync: Bool)? {
        guard bytes.count - offset > 8 else { return nil }
        let head = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        let length = Int(head & ~firstAfterSync)
        guard length > 0, length <= bytesMax, bytes.count - offset - 8 >= length else { return nil }
        let checksum = UInt32(
            littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
        let record = UnsafeRawBufferPointer(rebasing: bytes[offset + 8..<offset + 8 + length])
        guard CRC32C.checksum(record) == checksum else { return nil }
        return (record, head & firstAfterSync != 0)
    }

    /// Hands over every whole record of a file that is not written any more.
    static func records(of path: String, _ body: (RawSpan) -> Void) throws {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw StoreError("cannot open", path: path) }
        defer { Glibc.close(descriptor) }
        _ = try read(descriptor, path: path, body)
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

    deinit {
        guard lock >= 0 else { return }
        // Closing alone does not let go of it while a child that is just being started still has the descriptor.
        flock(lock, LOCK_UN)
        Glibc.close(lock)
    }

    public func path(_ name: String) -> String { root + "/" + name }

    /// Writes a file whole: under a temporary name, then renamed.
    public static func write(
        _ bytes: [UInt8], to path: String, mode: mode_t = 0o600, temporary: String? = nil
    ) throws {
        let temporary = temporary ?? "\(path).tmp-\(getpid())"
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
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        do throws(StorageFault) { try sync(folder.isEmpty ? "/" : folder) } catch {
            throw StoreError(message: error.description)
        }
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

    /// Forces the names in a directory to the disk.
    static func sync(_ directory: String) throws(StorageFault) {
        let descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { if descriptor >= 0 { Glibc.close(descriptor) } }
        guard descriptor >= 0, fsync(descriptor) == 0 else {
            throw StorageFault(.system, directory, "cannot be synced: \(String(cString: strerror(errno)))")
        }
    }

    /// Creates a directory and what is missing above it.
    static func create(_ path: String) throws {
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

extension DataDirectory {
    /// Every whole record of a journal that nobody writes any more, oldest first; nil when there is no such file.
    public func records(of name: String) throws -> [[UInt8]]? {
        guard access(path(name), F_OK) == 0 else { return nil }
        var records: [[UInt8]] = []
        try Journal.records(of: path(name)) { record in records.append(record.withUnsafeBytes { Array($0) }) }
        return records
    }
}
