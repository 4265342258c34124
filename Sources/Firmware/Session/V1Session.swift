import Bitcoin
import JSONText
import SansIO
import Stratum

/// A mining device's side of Stratum V1: configure, subscribe, authorize, then jobs and shares.
struct V1Session: Sendable {
    private enum Stage: Sendable {
        case subscribing
        case authorizing
        case open
    }

    /// Ids of the requests at the beginning; shares are numbered from ``firstShare`` up.
    private enum RequestID {
        static let configure: UInt64 = 1
        static let subscribe: UInt64 = 2
        static let authorize: UInt64 = 3
        static let suggestDifficulty: UInt64 = 4
        static let extranonceSubscribe: UInt64 = 5
        static let firstShare: UInt64 = 16
    }

    private let settings: V1SessionSettings
    private var decoder = V1LineDecoder(lineMax: V1Limits.lineFromServerMax)
    private var stage = Stage.subscribing
    /// What the pool calls this session.
    private(set) var sessionID = ""
    private var hasBegunAnew = false
    private var extranonce1: [UInt8] = []
    private var extranonce2Size = 0
    /// Granted by the pool; zero until then.
    private var versionMask: UInt32 = 0
    /// For jobs that come from now on. Difficulty 1 until the pool says otherwise.
    private var target = Target.difficultyOne
    private var active: V1Job?
    /// What submitting needs of jobs by our number, newest last.
    private var known: [KnownJob] = []
    private var nextJob: UInt32 = 1
    private var sequence: UInt32 = 0
    private var protocolErrors = 0

    /// The job being mined.
    private struct V1Job: Sendable {
        var number: UInt32
        var notify: V1.Notify
        var target: Target
        var extranonce1: [UInt8]
        var parts: UInt64 = 0
    }

    private struct KnownJob: Sendable {
        var number: UInt32
        var text: String
        var extranonce2Size: Int
        var versionMask: UInt32
    }

    init(settings: V1SessionSettings) { self.settings = settings }

    var isOpen: Bool { stage == .open }

    mutating func start(into out: inout ByteWriter) {
        if settings.dialect.configuresFirst { configure(into: &out) }
        subscribe(settings.session, into: &out)
        if settings.dialect.authorizesAtOnce { authorize(into: &out) }
    }

    private func subscribe(_ session: String?, into out: inout ByteWriter) {
        let request = V1.Subscribe(userAgent: settings.userAgent, sessionID: session)
        call(.subscribe(request), RequestID.subscribe, into: &out)
    }

    private func configure(into out: inout ByteWriter) {
        let rolling = V1.Configure.VersionRolling(mask: settings.versionMask)
        call(.configure(V1.Configure(versionRolling: rolling)), RequestID.configure, into: &out)
    }

    private func authorize(into out: inout ByteWriter) {
        call(
            .authorize(V1.Authorize(user: settings.userIdentity, password: settings.password)),
            RequestID.authorize, into: &out)
        if settings.dialect.suggestsDifficulty, let difficulty = settings.suggestedDifficulty {
            call(.suggestDifficulty(difficulty), RequestID.suggestDifficulty, into: &out)
        }
        if settings.dialect.subscribesExtranonce {
            call(.extranonceSubscribe, RequestID.extranonceSubscribe, into: &out)
        }
    }

    mutating func receive(
        _ bytes: RawSpan, into out: inout ByteWriter, events: inout [SessionEvent]
    ) throws(SessionFailure) {
        decoder.receive(bytes)
        while true {
            let line: [UInt8]?
            do throws(V1Error) { line = try decoder.nextLine() } catch {
                throw .failed("pool's line: \(error)")
            }
            guard let line else { return }
            if stage == .open, let number = V1AcceptedLine.shareNumber(line, first: RequestID.firstShare),
                number < sequence
            {
                events.append(.accepted(count: 1, last: number))
                continue
            }
            let message: V1.Message
            do throws(V1Error) { message = try V1.Message(line: line) } catch {
                try misplaced("\(error)")
                continue
            }
            switch message {
            case .response(let response): try answered(response, into: &out, events: &events)
            case .notification(let notice):
                do throws(V1Error) {
                    handle(try V1.ServerCall(notice), into: &out, id: nil, events: &events)
                } catch {
                    try misplaced("\(notice.method): \(error)")
                }
            case .request(let request):
                do throws(V1Error) {
                    handle(try V1.ServerCall(request), into: &out, id: request.id, events: &events)
                } catch { try misplaced("\(request.method): \(error)") }
            }
        }
    }

    /// The job with the next extranonce2; when those are all used, with the next second once it has passed.
    mutating func nextWork(elapsed: Interval) -> SessionWork? {
        guard stage == .open, let job = active else { return nil }
        let bits = UInt64(8 * min(extranonce2Size(of: job.number), Limits.extranonceCounterBytesMax))
        let extranonce2 = bits == 64 ? job.parts : job.parts & ((1 << bits) - 1)
        let seconds = bits == 64 ? 0 : job.parts >> bits
        guard Double(seconds) <= elapsed.seconds else { return nil }
        active?.parts += 1
        let notify = job.notify
        let root = StratumMath.extendedMerkleRoot(
            prefix: notify.coinbase1,
            extranonce: job.extranonce1 + self.extranonce2(extranonce2, of: job.number),
            suffix: notify.coinbase2, path: notify.merkleBranch)
        let header = BlockHeader(
            version: notify.version, previousBlockHash: notify.prevHash, merkleRoot: root,
            time: notify.nTime &+ UInt32(truncatingIfNeeded: seconds),
            bits: CompactTarget(bits: notify.nBits),
            nonce: 0)
        let ticket = ShareTicket(job: job.number, extranonce: extranonce2, version: notify.version)
        return SessionWork(
            header: header, target: job.target, versionMask: mask(of: job.number), ticket: ticket)
    }

    mutating func submit(
        _ ticket: ShareTicket, nonce: UInt32, version: UInt32, time: UInt32, into out: inout ByteWriter
    ) -> UInt32? {
        guard stage == .open, let job = known.last(where: { $0.number == ticket.job }) else { return nil }
        let number = sequence
        sequence &+= 1
        let share = V1.Submit(
            worker: settings.userIdentity, jobID: job.text,
            extranonce2: extranonce2(ticket.extranonce, of: ticket.job), nTime: time, nonce: nonce,
            versionBits: job.versionMask == 0 ? nil : version & job.versionMask)
        share.encodeCall(id: RequestID.firstShare + UInt64(number), into: &out)
        return number
    }

    // MARK: Answers

    private mutating func answered(
        _ response: V1.Response, into out: inout ByteWriter, events: inout [SessionEvent]
    ) throws(SessionFailure) {
        guard let id = response.id.uint64 else { return try misplaced("answer to \(response.id.text)") }
        switch id {
        case RequestID.configure:
            // A pool that does not know the call answers with an error: no version rolling then.
            guard response.isAccepted else { return }
            versionMask = (V1.ConfigureResult(response.result).versionMask ?? 0) & settings.versionMask
        case RequestID.subscribe:
            guard stage == .subscribing else { return try misplaced("answer to mining.subscribe") }
            try subscribed(response, into: &out)
        case RequestID.authorize:
            guard stage == .authorizing else { return try misplaced("answer to mining.authorize") }
            guard response.isAccepted else {
                throw .failed("not authorized: \(response.error?.text ?? "the pool gave no reason")")
            }
            stage = .open
            events.append(.opened(channel: 0, target: target))
            if active != nil { events.append(.work(clean: true)) }
        case RequestID.suggestDifficulty, RequestID.extranonceSubscribe: break
        case RequestID.firstShare...(RequestID.firstShare + UInt64(UInt32.max)):
            let number = UInt32(truncatingIfNeeded: id - RequestID.firstShare)
            guard number < sequence else { return try misplaced("answer to a share that was not sent") }
            if response.isAccepted {
                events.append(.accepted(count: 1, last: number))
            } else {
                events.append(.rejected(sequence: number, reason: ShareRejection(response.error)))
            }
        default: try misplaced("answer to \(id)")
        }
    }

    private mutating func subscribed(
        _ response: V1.Response, into out: inout ByteWriter
    ) throws(SessionFailure) {
        guard response.isAccepted else {
            if settings.session != nil, !hasBegunAnew {
                // A session that the pool does not know any more: without it, then.
                hasBegunAnew = true
                return subscribe(nil, into: &out)
            }
            throw .failed("subscription refused: \(response.error?.text ?? "the pool gave no reason")")
        }
        let result: V1.SubscribeResult
        do throws(V1Error) { result = try V1.SubscribeResult(response.result) } catch {
            throw .failed("subscription: \(error)")
        }
        extranonce1 = result.extranonce1
        extranonce2Size = result.extranonce2Size
        stage = .authorizing
        sessionID = result.sessionID
        if !settings.dialect.configuresFirst { configure(into: &out) }
        if !settings.dialect.authorizesAtOnce { authorize(into: &out) }
    }

    // MARK: Calls

    private mutating func handle(
        _ serverCall: V1.ServerCall, into out: inout ByteWriter, id: JSON?, events: inout [SessionEvent]
    ) {
        switch serverCall {
        case .notify(let notify):
            add(notify)
            if stage == .open { events.append(.work(clean: notify.cleanJobs)) }
        case .setDifficulty(let change):
            target = V1Difficulty(change.difficulty).target
            if stage == .open { events.append(.targetChanged(target)) }
        case .setExtranonce(let change):
            extranonce1 = change.extranonce1
            extranonce2Size = change.extranonce2Size
        case .setVersionMask(let mask): versionMask = mask & settings.versionMask
        case .reconnect(let move):
            let host = move.host ?? settings.endpoint.host
            let target = Endpoint(host: host, port: move.port ?? settings.endpoint.port)
            events.append(
                .moved(to: target == settings.endpoint ? nil : target, after: .seconds(UInt64(move.wait))))
        case .getVersion:
            if let id { V1.Response.ok(id, .string(settings.userAgent)).encode(into: &out) }
        case .ping: if let id { V1.Response.ok(id, "pong").encode(into: &out) }
        case .showMessage, .unknown: break
        }
    }

    private mutating func add(_ notify: V1.Notify) {
        let number = nextJob
        nextJob &+= 1
        if notify.cleanJobs { known.removeAll(keepingCapacity: true) }
        if known.count >= Limits.v1JobsMax { known.removeFirst() }
        known.append(
            KnownJob(
                number: number, text: notify.jobID, extranonce2Size: extranonce2Size, versionMask: versionMask
            ))
        active = V1Job(number: number, notify: notify, target: target, extranonce1: extranonce1)
    }

    private func extranonce2Size(of job: UInt32) -> Int {
        known.last { $0.number == job }?.extranonce2Size ?? 0
    }

    private func mask(of job: UInt32) -> UInt32 { known.last { $0.number == job }?.versionMask ?? 0 }

    private func extranonce2(_ counter: UInt64, of job: UInt32) -> [UInt8] {
        let count = extranonce2Size(of: job)
        return (0..<count).map { index in
            let shift = 8 * (count - 1 - index)
            return shift < 64 ? UInt8(truncatingIfNeeded: counter >> UInt64(shift)) : 0
        }
    }

    private func call(_ call: V1.ClientCall, _ id: UInt64, into out: inout ByteWriter) {
        call.request(id: .int(id)).encode(into: &out)
    }

    private mutating func misplaced(_ what: String) throws(SessionFailure) {
        protocolErrors += 1
        guard protocolErrors <= Limits.protocolErrorsMax else {
            throw .failed("too many senseless lines: \(what)")
        }
    }
}

/// What a V1 session needs of the firmware's settings.
struct V1SessionSettings: Sendable {
    var endpoint: Endpoint
    var userAgent: String
    var userIdentity: String
    var password: String
    var versionMask: UInt32
    /// Suggested to the pool; nil suggests nothing.
    var suggestedDifficulty: Double?
    var dialect = V1Dialect()
    /// The last session at this pool, to be taken up again.
    var session: String?
}

extension ShareRejection {
    /// V1 pools have one number, 21, for late shares and for jobs that never were. Those that tell them apart do
    /// so by the text; for the others a late share is what 21 means.
    init(_ refusal: V1.Refusal?) {
        switch refusal?.code {
        case 21: self = ShareRejection(code: refusal?.text ?? "") == .unknownJob ? .unknownJob : .stale
        case 22: self = .duplicate
        case 23: self = .lowDifficulty
        case 24, 25: self = .unauthorized
        default: self = ShareRejection(code: refusal?.text ?? "refused without a reason")
        }
    }
}
