import Glibc
import SansIO

/// An append-only log as a row of files `<name>00000.dat`, `<name>00001.dat`, ... in one directory.
final class LogFiles {
    let id: LogID
    /// The length of each file.
    private(set) var lengths: [Int] = []
    /// Files that hold bytes which are not synced.
    private(set) var unsynced: [Int] = []
    private let directory: String
    private let name: String
    private let bytesPerFile: Int
    /// Open files, the least recently opened first.
    private var open: [(file: Int, descriptor: Int32)] = []
    private var isNewInDirectory = false

    /// Finds the files as they lie on disk.
    init(_ id: LogID, directory: String, name: String, bytesPerFile: Int) throws(StorageFault) {
        self.id = id
        self.directory = directory
        self.name = name
        self.bytesPerFile = bytesPerFile
        var status = stat()
        while stat(path(lengths.count), &status) == 0 { lengths.append(Int(status.st_size)) }
    }

    deinit { close() }

    func path(_ file: Int) -> String {
        let digits = String(file)
        return "\(directory)/\(name)\(String(repeating: "0", count: max(0, 5 - digits.count)))\(digits).dat"
    }

    /// Brings the files to the lengths of the last commit: cuts what was appended after it. Throws when a file is
    /// shorter than what was committed.
    func restore(lengths committed: [Int]) throws(StorageFault) {
        for (file, length) in committed.enumerated() {
            guard lengths.indices.contains(file) else {
                throw StorageFault(.damaged, path(file), "is missing")
            }
            guard lengths[file] >= length else {
                throw StorageFault(
                    .damaged, path(file), "has \(lengths[file]) bytes where \(length) were committed")
            }
            if lengths[file] > length {
                guard ftruncate(try descriptor(file), off_t(length)) == 0 else {
                    throw system("cannot be cut to \(length) bytes", file)
                }
                lengths[file] = length
            }
        }
        while lengths.count > committed.count { try removeLast() }
    }

    func removeAll() throws(StorageFault) { while !lengths.isEmpty { try removeLast() } }

    func append(_ bytes: RawSpan) throws(StorageFault) -> LogPosition {
        if lengths.isEmpty
            || (lengths[lengths.count - 1] > 0 && lengths[lengths.count - 1] + bytes.byteCount > bytesPerFile)
        {
            lengths.append(0)
            isNewInDirectory = true
        }
        let file = lengths.count - 1
        let start = lengths[file]
        let descriptor = try descriptor(file)
        let isWritten = bytes.withUnsafeBytes { raw in
            var done = 0
            while done < raw.count {
                let count = pwrite(descriptor, raw.baseAddress! + done, raw.count - done, off_t(start + done))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                done += count
            }
            return true
        }
        guard isWritten else { throw system("cannot be written", file) }
        lengths[file] = start + bytes.byteCount
        if unsynced.last != file { unsynced.append(file) }
        return LogPosition(file: UInt32(file), offset: UInt32(start))
    }

    /// Nil when the log does not hold them. The file is opened by its name each time, so that one which somebody took
    /// away is missed, and found again when it is back.
    func read(at position: LogPosition, count: Int) throws(StorageFault) -> [UInt8]? {
        let file = Int(position.file)
        guard count >= 0, lengths.indices.contains(file), Int(position.offset) + count <= lengths[file] else {
            return nil
        }
        let descriptor = Glibc.open(path(file), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw system("cannot be opened", file)
        }
        defer { _ = Glibc.close(descriptor) }
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = pread(
                    descriptor, buffer.baseAddress! + filled, count - filled,
                    off_t(Int(position.offset) + filled))
                if got < 0, errno == EINTR { continue }
                guard got > 0 else { return failed = true }
                filled += got
            }
        }
        return failed ? nil : bytes
    }

    /// Brings everything to the disk itself: the files' bytes, and the names of new files.
    func sync() throws(StorageFault) {
        for file in unsynced {
            guard fdatasync(try descriptor(file)) == 0 else { throw system("cannot be synced", file) }
        }
        unsynced.removeAll(keepingCapacity: true)
        guard isNewInDirectory else { return }
        try DataDirectory.sync(directory)
        isNewInDirectory = false
    }

    func close() {
        for one in open { _ = Glibc.close(one.descriptor) }
        open.removeAll()
    }

    private func descriptor(_ file: Int) throws(StorageFault) -> Int32 {
        if let place = open.lastIndex(where: { $0.file == file }) { return open[place].descriptor }
        if open.count >= RuntimeLimits.openLogFiles { _ = Glibc.close(open.removeFirst().descriptor) }
        let descriptor = Glibc.open(path(file), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw system("cannot be opened", file) }
        open.append((file, descriptor))
        return descriptor
    }

    private func removeLast() throws(StorageFault) {
        let file = lengths.count - 1
        if let place = open.firstIndex(where: { $0.file == file }) {
            _ = Glibc.close(open.remove(at: place).descriptor)
        }
        guard unlink(path(file)) == 0 else { throw system("cannot be removed", file) }
        lengths.removeLast()
        unsynced.removeAll { $0 == file }
    }

    private func system(_ what: String, _ file: Int) -> StorageFault {
        StorageFault(.system, path(file), "\(what): \(String(cString: strerror(errno)))")
    }
}
