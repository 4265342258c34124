import Bitcoin
import Foundation
import JSONText
import Runtime
import SansIO
import Testing

@testable import Chain

/// A node under test whose peers are real sockets on loopback, driven by one thread.
final class SocketNode {
    var node: NodeUnderTest
    private let listener: Int32
    private var sockets: [(id: ConnectionID, file: Int32, unsent: [UInt8])] = []
    private let began = DispatchTime.now().uptimeNanoseconds

    init(port: UInt16, _ change: (inout NodeConfiguration) -> Void) throws {
        var configuration = NodeUnderTest.configuration(time: UInt32(Date().timeIntervalSince1970))
        change(&configuration)
        node = NodeUnderTest(configuration)
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
        var address = Self.loopback(port)
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, 16) }
        }
        try #require(isBound == 0 && listen(listener, 8) == 0, "port \(port) is taken")
    }

    static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    var tip: String { node.machine.chain.tip.hash.displayHex }

    /// Serves until the condition holds; false when that takes longer than `seconds`.
    func run(until condition: () throws -> Bool, for seconds: Double) rethrows -> Bool {
        let end = Date().addingTimeInterval(seconds)
        repeat {
            for _ in 0..<20 { step() }
            if try condition() { return true }
        } while Date() < end
        return false
    }

    func close() {
        for socket in sockets { Foundation.close(socket.file) }
        Foundation.close(listener)
    }

    private func step() {
        let now = Instant(nanoseconds: DispatchTime.now().uptimeNanoseconds - began)
        node.wait(now - node.now)
        dial()
        var files = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        for socket in sockets {
            files.append(
                pollfd(
                    fd: socket.file, events: Int16(POLLIN | (socket.unsent.isEmpty ? 0 : POLLOUT)), revents: 0
                ))
        }
        poll(&files, nfds_t(files.count), 2)
        if files[0].revents != 0 { accept() }
        for index in sockets.indices.prefix(files.count - 1)
        where files[index + 1].revents & Int16(POLLIN | POLLHUP) != 0 {
            read(index)
        }
        write()
    }

    private func accept() {
        let file = Foundation.accept(listener, nil, nil)
        guard file >= 0 else { return }
        sockets.append((node.open(.peerToPeer, from: "127.0.0.1:\(file)"), file, []))
    }

    private func dial() {
        let dials = node.dials
        node.dials = []
        for (dial, endpoint) in dials {
            let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = Self.loopback(endpoint.port)
            let isOpen = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(file, $0, 16) }
            }
            if isOpen == 0 {
                sockets.append((node.open(.dialed(dial)), file, []))
            } else {
                Foundation.close(file)
                node.fail(dial)
            }
        }
    }

    private func read(_ index: Int) {
        var bytes = [UInt8](repeating: 0, count: 1 << 18)
        let count = recv(sockets[index].file, &bytes, bytes.count, 0)
        if count > 0 {
            node.receive(Array(bytes[..<count]), on: sockets[index].id)
        } else if node.closed[sockets[index].id.raw] == nil {
            node.closed[sockets[index].id.raw] = .peerClosed
        }
    }

    private func write() {
        for index in sockets.indices {
            sockets[index].unsent += node.take(sockets[index].id)
            guard !sockets[index].unsent.isEmpty else { continue }
            let sent = send(
                sockets[index].file, sockets[index].unsent, sockets[index].unsent.count,
                Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
            if sent > 0 { sockets[index].unsent.removeFirst(sent) }
        }
        for index in sockets.indices.reversed() where node.closed[sockets[index].id.raw] != nil {
            Foundation.close(sockets[index].file)
            node.disconnect(sockets[index].id)
            sockets.remove(at: index)
        }
    }
}

/// A bitcoind on regtest with a fresh directory.
final class CoreProcess {
    private let process: ChildProcess
    private let directory: URL
    let port: UInt16
    /// Where the node under test listens.
    var otherPort: UInt16 { port + 2 }

    init(isV2: Bool) throws {
        let base = UInt16.random(in: 20_000..<30_000)
        port = base
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("core-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let arguments = [
            "-regtest", "-datadir=\(directory.path)", "-port=\(base)", "-bind=127.0.0.1:\(base)",
            "-rpcport=\(base + 1)", "-rpcuser=u", "-rpcpassword=p", "-dnsseed=0", "-fixedseeds=0",
            "-natpmp=0",
            "-discover=0", "-listenonion=0", "-fallbackfee=0.0001", "-listen=1", "-debug=net",
            "-v2transport=\(isV2 ? 1 : 0)", "-connect=0",
        ]
        process = try ChildProcess(
            ProcessInfo.processInfo.environment["LAB_BITCOIND"] ?? "", arguments, output: .null)
        let end = Date().addingTimeInterval(60)
        while (try? call("getblockcount")) == nil {
            try #require(process.isRunning && Date() < end, "bitcoind does not answer")
            usleep(100_000)
        }
    }

    var tip: String { get throws { try call("getbestblockhash").stringValue ?? "" } }

    func stop() {
        _ = try? call("stop")
        process.wait()
        if ProcessInfo.processInfo.environment["LAB_KEEP"] == nil {
            try? FileManager.default.removeItem(at: directory)
        }
    }

    /// One JSON-RPC call over a socket of its own.
    func call(_ method: String, _ params: JSON = []) throws -> JSON {
        let request: JSON = ["jsonrpc": "2.0", "id": 1, "method": .string(method), "params": params]
        let body = request.text
        let head =
            "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic dTpw\r\n"
            + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { Foundation.close(file) }
        var address = SocketNode.loopback(port + 1)
        let isOpen = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(file, $0, 16) }
        }
        guard isOpen == 0 else { throw Refusal(text: "no RPC") }
        let text = Array((head + body).utf8)
        _ = send(file, text, text.count, Int32(MSG_NOSIGNAL))
        var answer: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = recv(file, &piece, piece.count, 0)
            if count <= 0 { break }
            answer += piece[..<count]
        }
        let parsed = try JSON.parse(NodeUnderTest.split(answer).body)
        guard let result = parsed["result"] else { throw Refusal(text: "\(method): \(parsed.text)") }
        return result
    }

    struct Refusal: Error {
        var text: String
    }
}
