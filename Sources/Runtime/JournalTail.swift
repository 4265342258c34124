import Glibc
import SansIO

/// Reads a journal that another thread or process appends to: whole records only, each once.
///
/// A journal that was begun anew is another file by the same name; it is read from its start.
public struct JournalTail: Sendable {
    public let path: String
    private var offset = 0
    private var inode: UInt64 = 0

    public init(path: String) { self.path = path }

    /// Hands over the records that were not taken yet, oldest first, while `body` takes them; one for which it answers
    /// false is offered again. Nothing happens when there is no such file.
    public mutating func read<E: Error>(_ body: (RawSpan) throws(E) -> Bool) throws(E) {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { Glibc.close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return }
        if UInt64(status.st_ino) != inode || Int(status.st_size) < offset {
            inode = UInt64(status.st_ino)
            offset = 0
        }
        while Int(status.st_size) > offset {
            let chunk = Self.bytes(of: descriptor, from: offset)
            var done = 0
            var isWanted = true
            while isWanted {
                let record = chunk.withUnsafeBytes { raw in
                    Journal.record(in: raw, at: done).map { done + 8..<done + 8 + $0.bytes.count }
                }
                guard let record else { break }
                isWanted = try body(chunk.span.bytes.extracting(record))
                if isWanted { done = record.upperBound }
            }
            offset += done
            guard isWanted, done > 0 else { return }
        }
    }

    private static func bytes(of descriptor: Int32, from offset: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: RuntimeLimits.tailBytes) { buffer, filled in
            filled = max(0, pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset)))
        }
    }
}
