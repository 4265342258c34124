import Bitcoin
import SansIO
import Stratum

/// A server of a few lines that does what a test wants, right or wrong.
struct FakeServer: Machine {
    enum Kind: Sendable {
        /// Accepts and never says a word.
        case silent
        /// Completes the handshake and never says another word, nor closes.
        case deaf
        /// Answers the same 234 bytes to everybody.
        case constant
        /// Answers every line with the same line.
        case lines(String)
        /// A job declaration server without a mempool: tokens, and no to every declaration.
        case declarator(Fault)
    }

    enum Fault: Sendable {
        case none
        case sameToken
        case paidOutput
        case acceptsAll
        case wrongRequest
    }

    enum Command: Sendable {}
    enum Observation: Sendable, Equatable {}

    static let listener = ListenerID(1)
    let kind: Kind
    private var secrets = SecretGenerator(seed: [5])
    private let credentials: NoiseCredentials
    private var links: [ConnectionID: V2Connection] = [:]
    private var tokens: UInt8 = 0
    var nextDeadline: Instant? { nil }

    init(_ kind: Kind, unixTime: UInt32) {
        self.kind = kind
        var keys = SecretGenerator(seed: [6])
        credentials = NoiseCredentials.issue(
            authority: AuthoritySecretKey(keys.secretKey()), staticKey: keys.secretKey(),
            validFrom: unixTime, notValidAfter: unixTime + 1_000_000)
    }

    mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) { links[id] = .responder(credentials: credentials, secrets: &secrets) }

    mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        switch kind {
        case .silent: break
        case .constant: effects.send(on: id) { $0.write(repeating: 9, count: 234) }
        case .lines(let line): effects.send(on: id) { $0.write(utf8: line + "\n") }
        case .deaf, .declarator:
            guard var link = links[id] else { return }
            var out = ByteWriter()
            do throws(V2ConnectionError) {
                try link.receive(bytes, unixTime: 0, into: &out)
                while let frame = try link.nextFrame() { answer(frame, on: &link, into: &out) }
            } catch {
                if case .declarator = kind { effects.close(id, .closed("\(error)")) }
            }
            links[id] = link
            if out.count > 0 { effects.send(on: id) { $0.write(out.bytes) } }
        }
    }

    private mutating func answer(_ frame: V2Frame, on link: inout V2Connection, into out: inout ByteWriter) {
        guard case .declarator(let fault) = kind else { return }
        if (try? Common.SetupConnection(frame: frame)) != nil {
            link.send(Common.SetupConnectionSuccess(usedVersion: 2, flags: 0), into: &out)
        } else if let request = try? JobDeclaration.AllocateMiningJobToken(frame: frame) {
            tokens += fault == .sameToken ? 0 : 1
            let value: UInt8 = fault == .paidOutput ? 7 : 0
            link.send(
                JobDeclaration.AllocateMiningJobTokenSuccess(
                    requestID: request.requestID, miningJobToken: [tokens, 1],
                    coinbaseTxOutputs: [1, value, 0, 0, 0, 0, 0, 0, 0, 1, 0x51]), into: &out)
        } else if let job = try? JobDeclaration.DeclareMiningJob(frame: frame) {
            if fault == .acceptsAll {
                link.send(
                    JobDeclaration.DeclareMiningJobSuccess(requestID: job.requestID, newMiningJobToken: [1]),
                    into: &out)
            } else {
                link.send(
                    JobDeclaration.DeclareMiningJobError(
                        requestID: job.requestID + (fault == .wrongRequest ? 1 : 0),
                        errorCode: "invalid-mining-job-token", errorDetails: []), into: &out)
            }
        }
    }

    mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) { links[id] = nil }

    mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {}

    mutating func handle(
        _ command: consuming Command, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {}

    mutating func deadlineReached(at now: Instant, into effects: inout EffectBuffer<Observation>) {}
}
