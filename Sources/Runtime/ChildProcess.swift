public import Foundation
import Glibc
import Synchronization

/// A program of this machine that was started and can be waited for. Foundation's `Process` is not used: it reads
/// beyond the end of a directory listing when it looks for open descriptors, which now and then ends the caller.
///
/// The child gets the descriptors 0, 1 and 2 and no other. A child that nobody waited for is not ended with the value;
/// see ``signal(_:)``.
public final class ChildProcess: Sendable {
    /// What a standard descriptor of the child is.
    public enum Stream: Sendable {
        case null
        case inherited
        /// The other end is ``ChildProcess/input``, ``ChildProcess/output`` or ``ChildProcess/errors``.
        case pipe
    }

    /// The system could not start it.
    public struct Fault: Error, CustomStringConvertible {
        public let description: String
    }

    public let identifier: Int32
    /// Writes to the child's standard input.
    public let input: FileHandle?
    /// Reads the child's standard output.
    public let output: FileHandle?
    /// Reads the child's standard error.
    public let errors: FileHandle?
    private let status = Mutex<Int32?>(nil)

    /// - Parameters:
    ///   - executable: a path; the search path is not consulted.
    ///   - environment: nil for this process's own.
    public init(
        _ executable: String, _ arguments: [String], environment: [String: String]? = nil,
        input: Stream = .null, output: Stream = .inherited, errors: Stream = .inherited
    ) throws(Fault) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var childEnds: [Int32] = []
        defer { for end in childEnds { close(end) } }
        var ours: [FileHandle?] = []
        for (number, stream) in [input, output, errors].enumerated() {
            let ends = try Self.prepare(stream, as: Int32(number), in: &actions)
            if let ends { childEnds.append(ends.child) }
            ours.append(ends.map { FileHandle(fileDescriptor: $0.parent, closeOnDealloc: true) })
        }
        for number in Self.openDescriptors() where number > 2 {
            posix_spawn_file_actions_addclose(&actions, number)
        }
        (self.input, self.output, self.errors) = (ours[0], ours[1], ours[2])
        identifier = try Self.spawn(executable, arguments, environment, &actions)
    }

    /// The pipe's two ends; nil where there is none.
    private static func prepare(
        _ stream: Stream, as number: Int32, in actions: inout posix_spawn_file_actions_t
    ) throws(Fault) -> (parent: Int32, child: Int32)? {
        switch stream {
        case .inherited: return nil
        case .null:
            posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDWR, 0)
            return nil
        case .pipe:
            var ends: [Int32] = [0, 0]
            guard Glibc.pipe(&ends) == 0 else {
                throw Fault(description: "no pipe: \(errorText(errno))")
            }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            let (parent, child) = number == 0 ? (ends[1], ends[0]) : (ends[0], ends[1])
            posix_spawn_file_actions_adddup2(&actions, child, number)
            return (parent, child)
        }
    }

    /// What this process has open now. Closing one that has gone since is no error to the system.
    private static func openDescriptors() -> [Int32] {
        guard let directory = opendir("/proc/self/fd") else { return Array(3..<1_024) }
        defer { closedir(directory) }
        var found: [Int32] = []
        // The name is read in place: an entry is shorter than its type says.
        while let entry = readdir(directory), let offset = MemoryLayout<dirent>.offset(of: \.d_name) {
            let name = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self)
            if let number = Int32(String(cString: name)) { found.append(number) }
        }
        return found
    }

    private static func spawn(
        _ executable: String, _ arguments: [String], _ environment: [String: String]?,
        _ actions: inout posix_spawn_file_actions_t
    ) throws(Fault) -> Int32 {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Signals that this process ignores or holds back are the child's to decide.
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        let variables = (environment ?? ProcessInfo.processInfo.environment).map { "\($0.key)=\($0.value)" }
        var argv = ([executable] + arguments).map { strdup($0) } + [nil]
        var envp = variables.sorted().map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var identifier = pid_t()
        let code = posix_spawn(&identifier, executable, &actions, &attributes, &argv, &envp)
        guard code == 0 else {
            throw Fault(description: "\(executable) cannot be started: \(errorText(code))")
        }
        return identifier
    }

    private static func errorText(_ code: Int32) -> String { String(cString: strerror(code)) }

    // MARK: Its end

    public var isRunning: Bool { reap(WNOHANG) == nil }

    /// Waits for its end and answers the exit status, or 128 and the signal's number as a shell does.
    @discardableResult
    public func wait() -> Int32 { reap(0) ?? 0 }

    /// The exit status as ``wait()`` has it; nil while it runs.
    public var exitStatus: Int32? { reap(WNOHANG) }

    private func reap(_ options: Int32) -> Int32? {
        status.withLock { status in
            guard status == nil else { return status }
            var word: Int32 = 0
            var answer: pid_t
            repeat { answer = waitpid(identifier, &word, options) } while answer < 0 && errno == EINTR
            if answer == identifier { status = word & 0x7f == 0 ? word >> 8 & 0xff : 128 + (word & 0x7f) }
            if answer < 0 { status = 127 }
            return status
        }
    }

    /// Sends a signal unless it has ended.
    public func signal(_ number: Int32) {
        guard isRunning else { return }
        kill(identifier, number)
    }
}
