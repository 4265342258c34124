import Glibc
import SansIO

/// An append-only log as a row of files `<name>00000.dat`, `<name>00001.dat`, ... in one directory.
final class LogFiles {
    let id: LogID
    /// The length of each file; 0 for one that was discarded.
    private(set) var lengths: [Int] = []
    /// Files that hold bytes which are not synced.
    private(set) var unsynced: [Int] = []
    private let directory: String
    private let name: String
    private let bytesPerFile: Int
    /// Open files, the least recently opened first.
    private var open: [(file: Int, descriptor: Int32)] = []
    private var isNewInDirectory = false
    private var beginsFile = false
    /// Files that were discarded, whether or not they left the disk.
    private(set) var discarded: Set<Int> = []
    /// Discarded files that are still on disk.
    private var doomed: [Int] = []

    /// Finds the files as they lie on disk, up to the first that is missing.
    init(_ id: LogID, directory: String, name: String, bytesPerFile: Int) throws(StorageFault) {
        self.id = id
        self.directory = directory
        self.name = name
        self.bytesPerFile = bytesPerFile
        while let size = size(lengths.count) { lengths.append(size) }
    }

    deinit { close() }

    func path(_ file: Int) -> String {
        let digits = String(file)
        return "\(directory)/\(name)\(String(repeating: "0", count: max(0, 5 - digits.count)))\(digits).dat"
    }

    /// Bytes of a file on disk; nil when it is not there.
    private func size(_ file: Int) -> Int? {
        var status = stat()
        return stat(path(file), &status) == 0 ? Int(status.st_size) : nil
    }

    /// Brings the files to the lengths of the last commit, nil being one that was discarded: cuts what was appended
    /// after it, and takes away what was discarded and stayed. Throws when a file is shorter than what was committed.
    func restore(lengths committed: [Int?]) throws(StorageFault) {
        lengths = []
        for (file, length) in committed.enumerated() {
            guard let length else {
                discarded.insert(file)
                doomed.append(file)
                lengths.append(0)
                continue
            }
            guard let size = size(file) else { throw StorageFault(.damaged, path(file), "is missing") }
            guard size >= length else {
                throw StorageFault(.damaged, path(file), "has \(size) bytes where \(length) were committed")
            }
            if size > length, ftruncate(try descriptor(file), off_t(length)) != 0 {
                throw system("cannot be cut to \(length) bytes", file)
            }
            lengths.append(length)
        }
        while let size = size(lengths.count) { lengths.append(size) }
        while lengths.count > committed.count { try removeLast() }
        removeDoomed()
    }

    /// Files on disk that follow a missing one: nothing in them can be reached from the first on.
    func unreachable() -> [String] {
        guard let listing = opendir(directory) else { return [] }
        defer { closedir(listing) }
        var names: [String] = []
        // The name is read in place: an entry is shorter than its type says.
        while let entry = readdir(listing), let offset = MemoryLayout<dirent>.offset(of: \.d_name) {
            let text = String(
                cString: UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self))
            guard text.hasPrefix(name), text.hasSuffix(".dat"),
                let number = Int(text.dropFirst(name.count).dropLast(4)), number > lengths.count
            else { continue }
            names.append("\(directory)/\(text)")
        }
        return names.sorted()
    }

    /// The next bytes begin a new file.
    func beginFile() { beginsFile = true }

    /// Forgets a file; it leaves the disk with ``removeDoomed()``.
    func discard(_ file: Int) {
        precondition(file + 1 < lengths.count, "the last file of a log stays")
        guard discarded.insert(file).inserted else { return }
        doomed.append(file)
        unsynced.removeAll { $0 == file }
        lengths[file] = 0
    }

    /// Takes discarded files off the disk. One that cannot be removed is tried again at the next start.
    func removeDoomed() {
        for file in doomed {
            if let place = open.firstIndex(where: { $0.file == file }) {
                _ = Glibc.close(open.remove(at: place).descriptor)
            }
            unlink(path(file))
        }
        doomed = []
    }

    func removeAll() throws(StorageFault) { while !lengths.isEmpty { try removeLast() } }

    func append(_ bytes: RawSpan) throws(StorageFault) -> LogPosition {
        let last = lengths.last ?? 0
        if lengths.isEmpty || (last > 0 && (beginsFile || last + bytes.byteCount > bytesPerFile)) {
            lengths.append(0)
            isNewInDirectory = true
        }
        beginsFile = false
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
        if count == 0 { return [] }
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
