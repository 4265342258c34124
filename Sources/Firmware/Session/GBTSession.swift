import Bitcoin
import JSONText
import SansIO

/// What a getblocktemplate session needs of the firmware's settings.
struct GBTSessionSettings: Sendable {
    var endpoint: Endpoint
    var path: String
    /// `user:password`.
    var credentials: String
    var userAgent: String
    /// Who is paid by the blocks. Without one no template is mined.
    var payout: Script?
    /// The miner's own bytes in the coinbase script.
    var signature: [UInt8]
    var versionMask: UInt32
}

/// Which of a node's two connections.
enum GBTLane: Equatable, Sendable {
    /// Templates and blocks, one call at a time.
    case calls
    /// The long poll (BIP22), which is answered when there is something new.
    case poll
}

/// A solo miner's side of a node's RPC: getblocktemplate and submitblock over HTTP.
///
/// It has a connection for its calls and, once a template names a `longpollid`, a second one for the long poll. Both
/// may be closed by the node between two calls, as HTTP servers do; whoever owns the session dials anew and says so.
/// What was not answered is then asked again, blocks first of all.
struct GBTSession: Sendable {
    private enum Call: Sendable {
        case template
        case submit(sequence: UInt32, body: [UInt8], attempts: Int)
    }

    private let settings: GBTSessionSettings
    private let head: [UInt8]

    private var reader = HTTPResponseReader()
    private var isConnected = false
    /// The first is on its way while ``isInFlight``.
    private var queue: [Call] = []
    private var isInFlight = false
    /// The node was too busy for a block; it is sent again when the wait is over.
    private var isHeld = false
    /// This connection has brought an answer.
    private(set) var hasAnswered = false
    /// Attempts since the last connection that could not be made.
    private var failedDials = 0

    private var pollReader = HTTPResponseReader()
    private var isPollConnected = false
    private var isPolling = false

    /// Newest last; the last is the one to mine on.
    private var templates: [GBTTemplate] = []
    private var nextNumber: UInt32 = 1
    private var counter: UInt64 = 0
    private var sequence: UInt32 = 0
    /// A block on this one is on its way to the node.
    private var foundOn: Hash256?
    private(set) var isOpen = false

    init(settings: GBTSessionSettings) {
        self.settings = settings
        head = Array(
            """
            Host: \(settings.endpoint)\r
            User-Agent: \(settings.userAgent)\r
            Authorization: Basic \(Self.base64(Array(settings.credentials.utf8)))\r
            Content-Type: application/json\r

            """.utf8)
    }

    /// It waits for an answer or wants to call.
    var hasCalls: Bool { !queue.isEmpty }

    /// Whether a further attempt to reach the node makes sense: a block waits for it, and not for too long.
    mutating func insistsAfterFailedDial() -> Bool {
        failedDials += 1
        return foundOn != nil && failedDials < Limits.blockAttemptsMax
    }

    // MARK: Connections

    /// A connection for calls stands.
    mutating func connected(into out: inout ByteWriter) {
        reader = HTTPResponseReader()
        isConnected = true
        isInFlight = false
        isHeld = false
        hasAnswered = false
        failedDials = 0
        if queue.isEmpty, templates.isEmpty { queue.append(.template) }
        pump(into: &out)
    }

    /// A connection for the long poll stands.
    mutating func pollConnected(into out: inout ByteWriter) {
        pollReader = HTTPResponseReader()
        isPollConnected = true
        isPolling = false
        _ = poll(into: &out)
    }

    /// A connection is gone. An answer that ended with it still counts.
    mutating func closed(
        _ lane: GBTLane, events: inout [SessionEvent]
    ) throws(SessionFailure) {
        switch lane {
        case .calls:
            isConnected = false
            if let response = reader.closed(), isInFlight {
                try answered(response, events: &events)
            }
            isInFlight = false
        case .poll:
            isPollConnected = false
            let wasPolling = isPolling
            isPolling = false
            if let response = pollReader.closed(), wasPolling {
                pollAnswered(response, events: &events)
            } else {
                events.append(.pollWanted(after: wasPolling ? Limits.pollRetry : Limits.pollPause))
            }
        }
    }

    mutating func receive(
        _ bytes: RawSpan, into out: inout ByteWriter, events: inout [SessionEvent]
    ) throws(SessionFailure) {
        reader.append(bytes)
        while let response = try nextResponse() {
            guard isInFlight else { throw .failed("the node answers what was not asked") }
            hasAnswered = true
            try answered(response, events: &events)
            if !response.keepsAlive {
                isConnected = false
                events.append(.connectionSpent)
                return
            }
        }
        pump(into: &out)
    }

    private mutating func nextResponse() throws(SessionFailure) -> HTTPResponse? {
        do throws(HTTPReadError) { return try reader.next() } catch {
            throw .failed("the node's answer cannot be read: \(error)")
        }
    }

    /// Bytes of the long poll. False when its connection is of no more use.
    mutating func receivePoll(_ bytes: RawSpan, events: inout [SessionEvent]) -> Bool {
        pollReader.append(bytes)
        do throws(HTTPReadError) {
            while let response = try pollReader.next() {
                guard isPolling else { return false }
                isPolling = false
                pollAnswered(response, events: &events)
                if !response.keepsAlive {
                    isPollConnected = false
                    return false
                }
            }
            return true
        } catch {
            events.append(.pollWanted(after: Limits.pollRetry))
            return false
        }
    }

    // MARK: Time

    /// It is time for another template, or for the block that the node was too busy for.
    mutating func wake(into out: inout ByteWriter) {
        isHeld = false
        if !wantsTemplate { queue.append(.template) }
        pump(into: &out)
    }

    /// It is time for the next long poll. False when it needs a connection first.
    mutating func poll(into out: inout ByteWriter) -> Bool {
        guard isPollConnected, let template = templates.last, let id = template.longPollID else {
            return isPollConnected
        }
        guard !isPolling else { return true }
        isPolling = true
        write(Self.templateCall(longPollID: id), to: template.longPollPath ?? settings.path, into: &out)
        return true
    }

    // MARK: Work

    /// A block is on its way: until the node has said what it thinks of it, more work on the same tip is for nothing.
    var isPaused: Bool { foundOn != nil && templates.last?.previousBlockHash == foundOn }

    mutating func nextWork(elapsed: Interval) -> SessionWork? {
        guard isOpen, !isPaused, let template = templates.last else { return nil }
        let passed = UInt32(min(elapsed.seconds, 7_200))
        let time = max(template.time, min(template.time &+ passed, template.timeMax))
        counter &+= 1
        let ticket = ShareTicket(job: template.number, extranonce: counter, version: template.version)
        return SessionWork(
            header: template.header(counter: counter, time: time), target: template.target,
            versionMask: settings.versionMask, ticket: ticket)
    }

    /// Sends a block and asks for the next template right after it. Nil for a block of a tip that is gone, or when
    /// another block of the same tip is still on its way.
    mutating func submit(
        _ ticket: ShareTicket, nonce: UInt32, version: UInt32, time: UInt32, into out: inout ByteWriter
    ) -> UInt32? {
        guard let template = templates.last(where: { $0.number == ticket.job }),
            template.previousBlockHash != foundOn, queue.count < Limits.blocksWaitingMax
        else { return nil }
        var header = template.header(counter: ticket.extranonce, time: time)
        header.version = version
        header.nonce = nonce
        var parameters: [JSON] = [.string(template.block(header, counter: ticket.extranonce).hex)]
        if let workID = template.workID { parameters.append(["workid": .string(workID)]) }
        let body = Self.call("submitblock", parameters)
        let number = sequence
        sequence &+= 1
        foundOn = template.previousBlockHash
        // A template that was asked for before may still be of the old tip.
        if let last = queue.indices.last, last > 0 || !isInFlight, case .template = queue[last] {
            queue.removeLast()
        }
        queue.append(.submit(sequence: number, body: body, attempts: 0))
        queue.append(.template)
        pump(into: &out)
        return number
    }

    // MARK: Calls

    private var wantsTemplate: Bool {
        queue.contains { if case .template = $0 { true } else { false } }
    }

    private mutating func pump(into out: inout ByteWriter) {
        guard isConnected, !isInFlight, !isHeld, let first = queue.first else { return }
        isInFlight = true
        switch first {
        case .template: write(Self.templateCall(longPollID: nil), to: settings.path, into: &out)
        case .submit(let sequence, let body, let attempts):
            queue[0] = .submit(sequence: sequence, body: body, attempts: attempts + 1)
            write(body, to: settings.path, into: &out)
        }
    }

    private func write(_ body: [UInt8], to path: String, into out: inout ByteWriter) {
        out.write(utf8: "POST \(path) HTTP/1.1\r\n")
        out.write(head)
        out.write(utf8: "Content-Length: \(body.count)\r\n\r\n")
        out.write(body)
    }

    private static func templateCall(longPollID: String?) -> [UInt8] {
        var request: JSONObject = [
            "capabilities": ["coinbasevalue", "longpoll", "workid"], "rules": ["segwit"],
        ]
        if let longPollID { request["longpollid"] = .string(longPollID) }
        return call("getblocktemplate", [.object(request)])
    }

    private static func call(_ method: String, _ parameters: [JSON]) -> [UInt8] {
        let call: JSON = ["id": 1, "method": .string(method), "params": .array(parameters)]
        var bytes: [UInt8] = []
        call.write(into: &bytes)
        bytes.append(0x0a)
        return bytes
    }

    // MARK: Answers

    private mutating func answered(
        _ response: HTTPResponse, events: inout [SessionEvent]
    ) throws(SessionFailure) {
        isInFlight = false
        guard let call = queue.first else { return }
        let answer = NodeAnswer(response)
        switch (call, answer) {
        case (_, .forbidden(let text)): throw .failed(text)
        case (.template, .result(let object)):
            queue.removeFirst()
            try adopt(object, events: &events)
            if !wantsTemplate { events.append(.callWanted(after: Limits.templateRefresh)) }
        case (.template, .notYet(let reason, let wait)):
            queue.removeFirst()
            events.append(.notReady(reason))
            events.append(.callWanted(after: wait))
        case (.template, .error(_, let text)): throw .failed("getblocktemplate: \(text)")
        case (.submit(let number, _, let attempts), .notYet(let reason, let wait)):
            guard attempts < Limits.blockAttemptsMax else {
                return settle(number, "the node was too busy: \(reason)", attempts, events: &events)
            }
            isHeld = true
            events.append(.notReady(reason))
            events.append(.callWanted(after: wait))
        case (.submit(let number, _, let attempts), .result(let verdict)):
            settle(
                number, verdict.isNull ? nil : verdict.stringValue ?? verdict.text, attempts, events: &events)
        case (.submit(let number, _, let attempts), .error(_, let text)):
            settle(number, text, attempts, events: &events)
        }
    }

    /// The node has said what it thinks of a block.
    private mutating func settle(
        _ number: UInt32, _ verdict: String?, _ attempts: Int, events: inout [SessionEvent]
    ) {
        queue.removeFirst()
        foundOn = nil
        // A block that was sent twice because a connection broke is known the second time.
        if verdict == nil || (attempts > 1 && verdict == "duplicate") {
            events.append(.accepted(count: 1, last: number))
        } else {
            let word = String((verdict ?? "").prefix(Limits.refusalTextMax))
            events.append(.rejected(sequence: number, reason: ShareRejection(code: word)))
        }
    }

    private mutating func pollAnswered(_ response: HTTPResponse, events: inout [SessionEvent]) {
        guard case .result(let object) = NodeAnswer(response), !object.isNull else {
            return events.append(.pollWanted(after: Limits.pollRetry))
        }
        do throws(SessionFailure) { try adopt(object, events: &events) } catch {
            events.append(.pollWanted(after: Limits.pollRetry))
        }
    }

    /// A template has come, by whichever connection.
    private mutating func adopt(_ object: JSON, events: inout [SessionEvent]) throws(SessionFailure) {
        guard let payout = settings.payout else { throw .failed("nobody is named whom a block would pay") }
        let template: GBTTemplate
        do throws(GBTTemplateError) {
            template = try GBTTemplate(
                object, number: nextNumber, paying: payout, signature: settings.signature)
        } catch { throw .failed(error.text) }
        nextNumber &+= 1
        let isClean = templates.last?.previousBlockHash != template.previousBlockHash
        let targetBefore = templates.last?.target
        if isClean { templates.removeAll(keepingCapacity: true) }
        if templates.count >= Limits.templatesKept { templates.removeFirst() }
        templates.append(template)
        if !isOpen {
            isOpen = true
            events.append(.opened(channel: 0, target: template.target))
        } else if targetBefore != template.target {
            events.append(.targetChanged(template.target))
        }
        events.append(.work(clean: isClean))
        if template.longPollID != nil, !isPolling { events.append(.pollWanted(after: Limits.pollPause)) }
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                let digit = alphabet[Int(bits >> UInt32(18 - 6 * place) & 63)]
                text.append(place <= group.count ? digit : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
