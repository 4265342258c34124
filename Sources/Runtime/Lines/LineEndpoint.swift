import Glibc
import SansIO

/// Where peers of a ``LineDevice`` come from: a pseudo terminal, a TCP port or a Unix socket. One peer at a time.
public final class LineEndpoint: Sendable {
    /// The system refused something.
    public struct Fault: Error, CustomStringConvertible {
        public let description: String

        init(_ what: String, _ code: Int32 = errno) {
            description = "\(what): \(String(cString: strerror(code)))"
        }
    }

    enum Kind: Sendable {
        /// The terminal's own side stays open here too, so that the line lives on when a program closes it.
        case terminal(slave: Int32)
        case listener(unlink: String?)
    }

    /// What a peer opens or connects to.
    public let name: String
    let descriptor: Int32
    let kind: Kind

    private init(_ name: String, _ descriptor: Int32, _ kind: Kind) {
        self.name = name
        self.descriptor = descriptor
        self.kind = kind
    }

    deinit {
        close(descriptor)
        switch kind {
        case .terminal(let slave): close(slave)
        case .listener(let path): if let path { unlink(path) }
        }
    }

    /// A pseudo terminal in raw mode, at 115,200 baud until a program sets another speed.
    public static func pseudoTerminal() throws(Fault) -> LineEndpoint {
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
        guard master >= 0 else { throw Fault("cannot open a pseudo terminal") }
        var locked: Int32 = 0
        var number: Int32 = 0
        guard ioctl(master, unlockTerminal, &locked) == 0, ioctl(master, terminalNumber, &number) == 0 else {
            defer { close(master) }
            throw Fault("cannot unlock the pseudo terminal")
        }
        let path = "/dev/pts/\(number)"
        let slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard slave >= 0 else {
            defer { close(master) }
            throw Fault("cannot open \(path)")
        }
        var mode = termios()
        tcgetattr(slave, &mode)
        cfmakeraw(&mode)
        cfsetspeed(&mode, speed_t(B115200))
        tcsetattr(slave, TCSANOW, &mode)
        return LineEndpoint(path, master, .terminal(slave: slave))
    }

    /// Linux's TIOCSPTLCK and TIOCGPTN, which unlockpt and ptsname are made of.
    private static let unlockTerminal: UInt = 0x4004_5431
    private static let terminalNumber: UInt = 0x8004_5430

    /// A TCP listener; port 0 takes a free one, which ``name`` tells.
    public static func tcp(_ endpoint: Endpoint) throws(Fault) -> LineEndpoint {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(endpoint.host, String(endpoint.port), &hints, &list)
        guard code == 0, let info = list else {
            throw Fault("\(endpoint): \(String(cString: gai_strerror(code)))", EADDRNOTAVAIL)
        }
        defer { freeaddrinfo(list) }
        let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(info.pointee.ai_family, flags, 0)
        guard descriptor >= 0 else { throw Fault("\(endpoint)") }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard bind(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0, listen(descriptor, 1) == 0
        else {
            defer { close(descriptor) }
            throw Fault("cannot listen on \(endpoint)")
        }
        let port = boundPort(descriptor) ?? endpoint.port
        return LineEndpoint(
            "\(Endpoint(host: endpoint.host, port: port))", descriptor, .listener(unlink: nil))
    }

    private static func boundPort(_ descriptor: Int32) -> UInt16? {
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &address) { bytes in
            let found = bytes.withMemoryRebound(to: sockaddr.self) {
                getsockname(descriptor, $0.baseAddress!, &size)
            }
            // The port is behind the family in both forms of an address.
            return found == 0 ? UInt16(bytes[2]) << 8 | UInt16(bytes[3]) : nil
        }
    }

    /// A Unix socket. One that nobody listens on any more is replaced; any other file is left alone.
    public static func unix(_ path: String) throws(Fault) -> LineEndpoint {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Fault("\(path)", ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, flags, 0)
        guard descriptor >= 0 else { throw Fault(path) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        func call(_ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ on: Int32) -> Int32 {
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { function(on, $0, size) }
            }
        }
        if call(bind, descriptor) != 0, errno == EADDRINUSE {
            let probe = socket(AF_UNIX, flags, 0)
            let isDead = call(connect, probe) != 0 && errno == ECONNREFUSED
            close(probe)
            if isDead { unlink(path) }
            if !isDead || call(bind, descriptor) != 0 {
                defer { close(descriptor) }
                throw Fault("cannot listen on \(path)", EADDRINUSE)
            }
        }
        guard listen(descriptor, 1) == 0 else {
            defer { close(descriptor) }
            throw Fault("cannot listen on \(path)")
        }
        return LineEndpoint(path, descriptor, .listener(unlink: path))
    }

    /// Not waited for, and not handed to children.
    static func prepare(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    /// The speed that a program set on a terminal, as far as it has a number.
    var baud: Double? {
        guard case .terminal(let slave) = kind else { return nil }
        var mode = termios()
        guard tcgetattr(slave, &mode) == 0 else { return nil }
        return Self.speeds[cfgetospeed(&mode)]
    }

    private static let speeds: [speed_t: Double] = [
        speed_t(B9600): 9_600, speed_t(B19200): 19_200, speed_t(B38400): 38_400, speed_t(B57600): 57_600,
        speed_t(B115200): 115_200, speed_t(B230400): 230_400, speed_t(B460800): 460_800,
        speed_t(B500000): 500_000, speed_t(B576000): 576_000, speed_t(B921600): 921_600,
        speed_t(B1000000): 1_000_000, speed_t(B1152000): 1_152_000, speed_t(B1500000): 1_500_000,
        speed_t(B2000000): 2_000_000, speed_t(B2500000): 2_500_000, speed_t(B3000000): 3_000_000,
        speed_t(B3500000): 3_500_000, speed_t(B4000000): 4_000_000,
    ]
}
