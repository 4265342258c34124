import Glibc
import NIOCore
import SansIO

/// A port that cannot be listened on, in the words that an operator needs.
public struct ListenError: Error, CustomStringConvertible {
    public let endpoint: Endpoint
    public let isBusy: Bool
    /// The system keeps the port for privileged programs.
    public let isDenied: Bool
    /// What to do about a port in use.
    private let remedy: String
    private let owner: String
    private let reason: String

    init(endpoint: Endpoint, error: any Error) {
        self.endpoint = endpoint
        let code = (error as? IOError)?.errnoCode
        isBusy = code == EADDRINUSE
        isDenied = code == EACCES
        remedy = "choose another or --ports auto"
        owner = isBusy ? PortOwner.find(port: endpoint.port).map { " by \($0)" } ?? "" : ""
        reason = describe(error)
    }

    private init(_ other: ListenError, remedy: String) {
        endpoint = other.endpoint
        isBusy = other.isBusy
        isDenied = other.isDenied
        owner = other.owner
        reason = other.reason
        self.remedy = remedy
    }

    /// The same with another advice for a port in use.
    public func advising(_ remedy: String) -> ListenError { ListenError(self, remedy: remedy) }

    public var description: String {
        if isBusy {
            return "port \(endpoint.port) on \(endpoint.host) is in use\(owner); \(remedy)"
        }
        if isDenied {
            return
                "port \(endpoint.port) on \(endpoint.host) is for privileged programs only; run as root, grant "
                + "CAP_NET_BIND_SERVICE, or set the system's net.ipv4.ip_unprivileged_port_start to \(endpoint.port)"
        }
        return "cannot listen on \(endpoint): \(reason)"
    }
}

/// Who listens on a TCP port of this machine, as /proc tells it.
enum PortOwner {
    /// For example `process 4711 (bitcoind)`; nil when it cannot be seen.
    static func find(port: UInt16) -> String? {
        let inodes = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { listening(in: lines(of: $0), port: port) }
        guard !inodes.isEmpty else { return nil }
        for process in entries(of: "/proc") where process.allSatisfy(\.isNumber) {
            for descriptor in entries(of: "/proc/\(process)/fd") {
                let link = readLink("/proc/\(process)/fd/\(descriptor)")
                if inodes.contains(where: { link == "socket:[\($0)]" }) {
                    let name = lines(of: "/proc/\(process)/comm").first ?? "unknown"
                    return "process \(process) (\(name))"
                }
            }
        }
        return nil
    }

    private static func listening(in lines: [String], port: UInt16) -> [String] {
        lines.dropFirst().compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 9, fields[3] == "0A",
                let text = fields[1].split(separator: ":").last, UInt16(text, radix: 16) == port
            else { return nil }
            return String(fields[9])
        }
    }

    private static func lines(of path: String) -> [String] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        // Bounded: a machine with a million sockets must not cost more than a glance.
        while bytes.count < 8 << 20 {
            let count = read(file, &chunk, chunk.count)
            guard count > 0 else { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private static func entries(of path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    private static func readLink(_ path: String) -> String {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = readlink(path, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
