import Firmware
import HTTPText
import JSONText
import SansIO

/// All interfaces of one device, and the connections to them: an inner machine. Its owner hands it bytes, and carries
/// out what it wants of the device before it sends the answer.
public struct ManagementInterfaces: Sendable {
    /// What the owner does for one connection.
    public enum Step: Equatable {
        case send([UInt8])
        case close(String)
        /// A request is whole: ``respond(on:_:at:)`` answers it.
        case request
    }

    /// An answer and what it asks of the device first.
    public struct Outcome: Equatable {
        public var bytes: [UInt8]
        /// In this order, up to the first that is refused.
        public var commands: [OperatorCommand] = []
        /// In place of ``bytes`` when one was refused.
        public var refused: [UInt8]?
        public var closes = false
    }

    private enum Door: Sendable {
        case api([UInt8])
        case v3([UInt8])
        case web(HTTPRequestParser, HTTPRequest?)
        case log(WebSocket.Reader)
        /// Answered for the last time; what still comes is not heard.
        case closed
    }

    private struct Connection: Sendable {
        let id: ConnectionID
        var door: Door
        var deadline: Instant
        /// The deadline is for the rest of a request.
        var isImpatient = false
    }

    public let labels: DeviceLabels
    private var api: CgminerAPI
    private let v3: WhatsminerV3
    private var antminer: AntminerWeb
    private var axeOS: AxeOSWeb
    private var history = AxeOSStatistics()
    private var connections: [Connection] = []
    private var logLines: [String] = []

    public init(labels: DeviceLabels, settings: ManagementSettings, seed: PRNG) {
        var seed = seed
        self.labels = labels
        api = CgminerAPI(labels: labels, access: settings.access, seed: PRNG(seed: seed.next()))
        v3 = WhatsminerV3(labels: labels, access: settings.access)
        antminer = AntminerWeb(
            labels: labels, credentials: settings.credentials ?? .delivered(labels.dialect),
            seed: PRNG(seed: seed.next()))
        axeOS = AxeOSWeb(labels: labels)
    }

    // MARK: Connections

    public func owns(_ id: ConnectionID) -> Bool { connections.contains { $0.id == id } }

    /// False when there are too many already, or the listener is none of ours.
    public mutating func open(_ id: ConnectionID, on listener: ListenerID, at now: Instant) -> Bool {
        guard connections.count < Limits.connections, let port = ManagementPort(listener) else {
            return false
        }
        let door: Door =
            switch port {
            case .web:
                .web(HTTPRequestParser(headLimit: Limits.httpHead, bodyLimit: Limits.httpBody), nil)
            case .api: .api([])
            case .apiV3: .v3([])
            }
        connections.append(Connection(id: id, door: door, deadline: now + Limits.idle))
        return true
    }

    /// The connection is gone.
    public mutating func close(_ id: ConnectionID) { connections.removeAll { $0.id == id } }

    /// Nothing on the connection is heard any more; it is being closed.
    public mutating func shut(_ id: ConnectionID) {
        if let index = connections.firstIndex(where: { $0.id == id }) { shut(at: index) }
    }

    private mutating func shut(at index: Int) {
        connections[index].door = .closed
        connections[index].deadline = .distantFuture
    }

    public mutating func receive(_ bytes: RawSpan, on id: ConnectionID, at now: Instant) {
        guard let index = connections.firstIndex(where: { $0.id == id }) else { return }
        switch connections[index].door {
        case .api(var buffer):
            connections[index].door = .closed
            bytes.withUnsafeBytes {
                buffer += $0.prefix(Limits.apiRequest + 1 - min(buffer.count, Limits.apiRequest + 1))
            }
            connections[index].door = .api(buffer)
            // The patience is for the whole request, however slowly it trickles in.
            guard !connections[index].isImpatient else { return }
            connections[index].deadline = now + Limits.apiPatience
            connections[index].isImpatient = true
        case .v3(var buffer):
            connections[index].door = .closed
            bytes.withUnsafeBytes { buffer += $0 }
            connections[index].door = .v3(buffer)
            connections[index].deadline = now + Limits.idle
        case .web(var parser, let request):
            connections[index].door = .closed
            parser.append(bytes)
            connections[index].door = .web(parser, request)
            connections[index].deadline = now + Limits.idle
        case .log(var reader):
            reader.append(bytes.withUnsafeBytes { Array($0) })
            connections[index].door = .log(reader)
        case .closed: break
        }
    }

    /// What is to be done for the connection now; nil until more comes.
    public mutating func next(on id: ConnectionID, at now: Instant) -> Step? {
        guard let index = connections.firstIndex(where: { $0.id == id }) else { return nil }
        switch connections[index].door {
        case .closed: return nil
        case .api(let buffer):
            let isWhole = APIRequest.isWhole(buffer) || buffer.count > Limits.apiRequest
            return isWhole || !buffer.isEmpty && now >= connections[index].deadline ? .request : nil
        case .v3(let buffer):
            guard let length = Self.length(buffer) else { return nil }
            guard length > 0, length <= Limits.lengthPrefixedRequest else {
                shut(at: index)
                return .close("a request of \(length) bytes")
            }
            return buffer.count >= 4 + length ? .request : nil
        case .web(var parser, _):
            connections[index].door = .closed
            let step = parser.next()
            connections[index].door = .web(parser, nil)
            switch step {
            case .needsMore: return nil
            case .expectsContinue: return .send(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
            case .failed(let status):
                connections[index].door = .web(parser, Self.unreadable(status))
                return .request
            case .request(let request):
                connections[index].door = .web(parser, request)
                return .request
            }
        case .log(var reader):
            let event = reader.next()
            connections[index].door = .log(reader)
            switch event {
            case nil: return nil
            case .ping(let payload): return .send(WebSocket.frame(0x8a, payload))
            case .other: return next(on: id, at: now)
            case .close, .violation:
                shut(at: index)
                return .close("the log's reader left")
            }
        }
    }

    /// Answers the request that ``next(on:at:)`` told of.
    public mutating func respond(on id: ConnectionID, _ status: DeviceStatus, at now: Instant) -> Outcome {
        guard let index = connections.firstIndex(where: { $0.id == id }) else { return Outcome(bytes: []) }
        switch connections[index].door {
        case .closed, .log, .web(_, nil): return Outcome(bytes: [])
        case .api(let buffer):
            shut(at: index)
            let outcome = api.respond(to: buffer, status, at: now)
            return Outcome(
                bytes: outcome.bytes, commands: outcome.commands, refused: outcome.refused, closes: true)
        case .v3(let buffer):
            let end = 4 + (Self.length(buffer) ?? 0)
            connections[index].door = .v3(Array(buffer[end...]))
            let outcome = v3.respond(to: Array(buffer[4..<end]), api.whatsminer, status)
            return Outcome(
                bytes: Self.lengthPrefixed(outcome.reply), commands: outcome.commands,
                refused: outcome.refused.map(Self.lengthPrefixed))
        case .web(let parser, let request?):
            connections[index].door = .web(parser, nil)
            return respond(request, index, status, at: now)
        }
    }

    // MARK: Web

    private mutating func respond(
        _ request: HTTPRequest, _ index: Int, _ status: DeviceStatus, at now: Instant
    ) -> Outcome {
        let isFailure = request.method.isEmpty
        let answer = isFailure ? Self.failure(request.path) : page(request, status, at: now)
        let keepsAlive = request.keepsAlive && !isFailure
        func render(_ status: Int, _ body: [UInt8]) -> [UInt8] {
            var writer = ByteWriter()
            let isHead = request.method == "HEAD"
            HTTPReply.write(
                status, type: answer.type, headers: answer.headers, body: isHead ? [] : body,
                keepsAlive: keepsAlive,
                into: &writer)
            return writer.bytes
        }
        var outcome = Outcome(bytes: render(answer.status, answer.body), commands: answer.commands)
        outcome.refused = answer.refused.map { render(answer.refusedStatus, $0) }
        if answer.opensLog {
            connections[index].door = .log(WebSocket.Reader())
            connections[index].deadline = .distantFuture
            for line in logLines { outcome.bytes += WebSocket.text(line) }
        } else if !keepsAlive {
            shut(at: index)
            outcome.closes = true
        }
        return outcome
    }

    private mutating func page(_ request: HTTPRequest, _ status: DeviceStatus, at now: Instant) -> WebAnswer {
        switch labels.dialect {
        case .antminer: return antminer.answer(request, status, at: now)
        case .axeOS: return axeOS.answer(request, status, history)
        case .whatsminer:
            // Everything is served under TLS; the open port only shows the way.
            return WebAnswer(
                307, type: "text/html", body: "",
                headers: [("Location", "https://\(request.header("host") ?? labels.address)/cgi-bin/luci")])
        case .avalon:
            guard request.method == "GET", request.path == "/" || request.path.hasPrefix("/index") else {
                return .notFound
            }
            return WebAnswer(
                200, type: "text/html",
                body: "<html><head><title>Avalon Device</title></head><body>\(labels.model)</body></html>")
        case .braiins, .cgminerGekko, .cgminer: return .notFound
        }
    }

    /// A request that could not be read, as the reader's status.
    private static func unreadable(_ status: Int) -> HTTPRequest {
        HTTPRequest(method: "", path: String(status), headers: [], keepsAlive: false, body: [])
    }

    private static func failure(_ status: String) -> WebAnswer {
        WebAnswer(
            Int(status) ?? 400, type: "text/html",
            body: status == "413" ? "Content length is too large" : "Bad Request")
    }

    // MARK: Lengths

    private static func length(_ buffer: [UInt8]) -> Int? {
        guard buffer.count >= 4 else { return nil }
        return Int(buffer[0]) | Int(buffer[1]) << 8 | Int(buffer[2]) << 16 | Int(buffer[3]) << 24
    }

    private static func lengthPrefixed(_ json: JSON) -> [UInt8] {
        var writer = ByteWriter()
        let body = Array(json.text.utf8)
        writer.write(u32: UInt32(body.count))
        writer.write(body)
        return writer.bytes
    }

    // MARK: Time and log

    public var nextDeadline: Instant? {
        var earliest = labels.dialect == .axeOS ? history.due : Instant.distantFuture
        for connection in connections where connection.deadline < earliest { earliest = connection.deadline }
        return earliest == .distantFuture ? nil : earliest
    }

    /// Connections whose time is over: those with half a request are answered, the others closed.
    public mutating func overdue(at now: Instant) -> [(id: ConnectionID, isImpatient: Bool)] {
        connections.filter { $0.deadline <= now }.map { ($0.id, $0.isImpatient) }
    }

    /// A point for the charts, when it is time.
    public mutating func record(_ status: DeviceStatus, at now: Instant) {
        if labels.dialect == .axeOS { history.record(status, at: now) }
    }

    public func wantsRecord(at now: Instant) -> Bool { labels.dialect == .axeOS && now >= history.due }

    /// A line of the device's log; answers who reads it, with the frame.
    public mutating func log(_ line: String) -> (readers: [ConnectionID], frame: [UInt8]) {
        guard labels.dialect == .axeOS else { return ([], []) }
        if logLines.count >= Limits.logLines { logLines.removeFirst() }
        logLines.append(line)
        let readers = connections.compactMap { connection -> ConnectionID? in
            if case .log = connection.door { connection.id } else { nil }
        }
        return (readers, readers.isEmpty ? [] : WebSocket.text(line))
    }
}
