import SansIO
import Stratum

/// A clause put to the test: a script that a ``ProberMachine`` plays against the peer.
public struct Check: Sendable {
    /// The clause's number, with a letter when several checks test one clause.
    public let id: String
    /// What is done, and what must come of it.
    public let title: String
    public let roles: Set<ConformanceRole>
    let script: Script

    enum Script: Sendable {
        case steps([Step])
        /// Looks at every frame that the peer sent in all other checks.
        case survey(@Sendable (V2Frame) -> Finding)
    }

    init(_ id: String, _ title: String, _ roles: Set<ConformanceRole> = [.pool], _ steps: [Step]...) {
        self.id = id
        self.title = title
        self.roles = roles
        script = .steps(steps.flatMap { $0 })
    }

    init(
        _ id: String, _ title: String, _ roles: Set<ConformanceRole>,
        survey: @escaping @Sendable (V2Frame) -> Finding
    ) {
        self.id = id
        self.title = title
        self.roles = roles
        script = .survey(survey)
    }

    var isSurvey: Bool {
        if case .survey = script { true } else { false }
    }
}

/// What a survey says of one frame.
enum Finding: Sendable, Equatable {
    case irrelevant
    case good
    case bad(String)
}

/// What a connection of a check speaks.
enum ProbeWire: Sendable, Equatable {
    /// Noise, without looking at the certificate; the step waits for the handshake.
    case noise
    /// Noise, without looking at the certificate; the step does not wait.
    case handshake
    /// Noise, certificate checked against the address's key; the step does not wait.
    case certified
    /// Bytes only.
    case raw
    /// Stratum V1 lines.
    case lines
}

/// One step of a check's script.
enum Step: Sendable {
    /// Opens the connection of a slot; the check ends as unknown when that fails.
    case connect(Int, ProbeWire)
    /// Sends what the closure makes; it may also note things, and an empty list is fine.
    case send(@Sendable (inout ProbeNotes) -> [Outgoing])
    case wait(Wait)
    /// Hears for so long and goes on.
    case rest(Interval)
    /// Ends the check, or goes on when it answers nil.
    case judge(@Sendable (inout ProbeNotes) -> Verdict?)
}

struct Wait: Sendable {
    /// The connection that it listens to; what others say waits for their own waits.
    var slot = 0
    /// Nil for the settings' patience.
    var patience: Interval?
    /// Told of everything that came on the slot since its last wait was satisfied, in order.
    var hear: @Sendable (Heard, inout ProbeNotes) -> Reaction
    /// Nil: the script goes on.
    var timeout: Verdict?
}

enum Reaction: Sendable {
    case ignore
    case next
    case end(Verdict)
}

/// Something to put on a slot's connection.
struct Outgoing: Sendable {
    enum Form: Sendable {
        case frame(V2Frame)
        /// Frames as one run of bytes, in pieces of so many bytes; 0 for all at once.
        case pieces([V2Frame], Int)
        /// Only the first bytes of a frame, as it travels.
        case beginning(V2Frame, Int)
        /// The frame with its last byte changed after encryption.
        case corrupted(V2Frame)
        case raw([UInt8])
        case line(String)
        case close
    }

    var slot: Int
    var form: Form

    init(_ slot: Int = 0, _ form: Form) {
        self.slot = slot
        self.form = form
    }

    static func message(_ message: some V2Message, on slot: Int = 0) -> Outgoing {
        Outgoing(slot, .frame(V2Frame(message)))
    }
}

/// Something that a check heard.
struct Heard: Sendable {
    enum Event: Sendable {
        case frame(V2Frame)
        case line([UInt8])
        case bytes([UInt8])
        /// The handshake is complete.
        case established
        /// The handshake or the decryption failed on our side.
        case failed(V2ConnectionError)
        case closed(CloseReason)
    }

    var slot: Int
    var at: Instant
    var event: Event

    var frame: V2Frame? {
        if case .frame(let frame) = event { frame } else { nil }
    }

    var isEnd: Bool {
        switch event {
        case .closed, .failed: true
        case .frame, .line, .bytes, .established: false
        }
    }

    var endText: String {
        switch event {
        case .closed(let reason): "the connection was closed (\(reason))"
        case .failed(let error): "the connection failed: \(error)"
        case .frame, .line, .bytes, .established: ""
        }
    }
}
