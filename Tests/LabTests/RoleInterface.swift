import Foundation
import Testing

/// A role's HTTP interface as a script uses it: one connection for each request.
struct RoleInterface {
    let port: UInt16
    let token: String

    /// Of a process that printed `api http://127.0.0.1:PORT/…`.
    init(_ process: LabProcess, token: String = "secret") async throws {
        var found: UInt16?
        _ = try await Poll.until(seconds: 60) {
            let match = process.output.firstMatch(of: /api http:\/\/127\.0\.0\.1:([0-9]+)\//)
            found = match.flatMap { UInt16($0.1) }
            return found != nil || !process.isRunning
        }
        port = try #require(found, "no interface in \(process.output)\(process.fault)")
        self.token = token
    }

    struct Answer {
        var status: Int
        var body: String

        var object: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:]
        }
        /// The objects of a page.
        var items: [[String: Any]] { object["items"] as? [[String: Any]] ?? [] }
    }

    func get(_ path: String) async throws -> Answer { try await ask("GET", path, "", authorized: false) }

    func post(_ path: String, _ body: String = "", authorized: Bool = true) async throws -> Answer {
        try await ask("POST", path, body, authorized: authorized)
    }

    private func ask(
        _ method: String, _ path: String, _ body: String, authorized: Bool
    ) async throws -> Answer {
        let login = authorized ? "Authorization: Bearer \(token)\r\n" : ""
        let text = try await exchange(
            "\(method) \(path) HTTP/1.1\r\nHost: lab\r\n\(login)Content-Length: \(body.utf8.count)\r\n"
                + "Connection: close\r\n\r\n\(body)", until: { _ in false })
        let status = try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) }, "\(text)")
        let start = try #require(text.range(of: "\r\n\r\n")?.upperBound)
        return Answer(status: status, body: String(text[start...]))
    }

    /// What comes until `isEnough` or the end of the connection.
    func exchange(
        _ request: String, until isEnough: @escaping @Sendable (String) -> Bool
    ) async throws -> String {
        let port = port
        return try await Task.detached {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var wait = timeval(tv_sec: 10, tv_usec: 0)
            setsockopt(
                descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            let connected = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            try #require(connected == 0, "port \(port) does not answer")
            _ = request.withCString { send(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while !isEnough(String(decoding: bytes, as: UTF8.self)) {
                let count = recv(descriptor, &chunk, chunk.count, 0)
                guard count > 0 else { break }
                bytes += chunk[..<count]
            }
            return String(decoding: bytes, as: UTF8.self)
        }.value
    }
}
