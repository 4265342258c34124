import Bitcoin
import SansIO
import Stratum
import Tap

/// What a run wants of its driver.
enum ProbeAction: Sendable {
    case dial(slot: Int)
    case send(slot: Int, [UInt8])
    case close(slot: Int)
}

/// One check while it is played: the place in its script, its connections, what it heard.
struct CheckRun: Sendable {
    private enum SlotState: Sendable {
        case unused
        case dialing(ProbeWire)
        case frames(V2Connection)
        case bytes
        case lines(V1LineDecoder)
        case closed
    }

    let check: Check
    private let steps: [Step]
    private var place = 0
    private var notes: ProbeNotes
    private var slots: [SlotState]
    /// For each slot, what has been looked at by waits.
    private var cursors = Array(repeating: 0, count: ConformanceLimits.slots)
    private let began: Instant
    private(set) var deadline: Instant?
    private var pieces: [(slot: Int, bytes: [UInt8])] = []
    private(set) var evidence: [Exchange] = []
    private(set) var verdict: Verdict?
    private var secrets: SecretGenerator
    private(set) var actions: [ProbeAction] = []

    init(_ check: Check, settings: ProbeSettings, secrets: SecretGenerator, at now: Instant) {
        self.check = check
        if case .steps(let steps) = check.script { self.steps = steps } else { steps = [] }
        notes = ProbeNotes(settings)
        notes.now = now
        slots = Array(repeating: .unused, count: ConformanceLimits.slots)
        began = now
        self.secrets = secrets
    }

    func result(at now: Instant) -> CheckResult {
        CheckResult(
            id: check.id, verdict: verdict ?? .unknown("not finished"), evidence: evidence,
            duration: now - began)
    }

    mutating func takeActions() -> [ProbeAction] {
        defer { actions = [] }
        return actions
    }

    // MARK: events

    mutating func opened(_ slot: Int, at now: Instant) {
        guard case .dialing(let wire) = slots[slot] else { return }
        notes.now = now
        switch wire {
        case .raw:
            slots[slot] = .bytes
            hear(slot, .established)
        case .lines:
            slots[slot] = .lines(V1LineDecoder(lineMax: V1Limits.lineFromServerMax))
            hear(slot, .established)
        case .noise, .handshake, .certified:
            let expected = wire == .certified ? notes.settings.authority : nil
            var link = V2Connection.initiator(expecting: expected, secrets: &secrets)
            var out = ByteWriter()
            link.start(into: &out)
            slots[slot] = .frames(link)
            note(slot, .sent, "act 1", out.bytes)
            actions.append(.send(slot: slot, out.bytes))
        }
        play()
    }

    mutating func received(_ bytes: [UInt8], _ slot: Int, at now: Instant) {
        notes.now = now
        switch slots[slot] {
        case .frames(var link):
            let wasEstablished = link.isEstablished
            var out = ByteWriter()
            do throws(V2ConnectionError) {
                try link.receive(bytes.span.bytes, unixTime: notes.unixTime, into: &out)
                if !wasEstablished, link.isEstablished { hear(slot, .established) }
                while let frame = try link.nextFrame() { hear(slot, .frame(frame)) }
                slots[slot] = .frames(link)
            } catch {
                slots[slot] = .closed
                actions.append(.close(slot: slot))
                hear(slot, .failed(error))
            }
        case .bytes: hear(slot, .bytes(bytes))
        case .lines(var decoder):
            decoder.receive(bytes.span.bytes)
            while let line = try? decoder.nextLine() { hear(slot, .line(line)) }
            slots[slot] = .lines(decoder)
        case .unused, .dialing, .closed: return
        }
        play()
    }

    mutating func closed(_ slot: Int, _ reason: CloseReason, at now: Instant) {
        notes.now = now
        if case .dialing = slots[slot] {
            slots[slot] = .closed
            return finish(.unknown("\(notes.settings.target) cannot be reached: \(reason)"))
        }
        if case .closed = slots[slot] { return }
        slots[slot] = .closed
        hear(slot, .closed(reason))
        play()
    }

    mutating func deadlineReached(at now: Instant) {
        notes.now = now
        guard let due = deadline, due <= now else { return }
        deadline = nil
        if !pieces.isEmpty {
            let (slot, bytes) = pieces.removeFirst()
            actions.append(.send(slot: slot, bytes))
            if !pieces.isEmpty { deadline = now + ConformanceLimits.piecePause } else { place += 1 }
            return play()
        }
        guard place < steps.count else { return }
        switch steps[place] {
        case .connect(_, _): finish(.unknown("no connection or no handshake in time"))
        case .wait(let wait):
            if let verdict = wait.timeout { return finish(verdict) }
            place += 1
        case .rest: place += 1
        case .send, .judge: break
        }
        play()
    }

    // MARK: the script

    /// Plays the script up to its first wait.
    mutating func begin() { play() }

    private mutating func play() {
        while verdict == nil {
            guard pieces.isEmpty else { return }
            guard place < steps.count else { return finish(.unknown("the script ended without a verdict")) }
            guard notes.heard.count < ConformanceLimits.heard else {
                return finish(.unknown("the peer sent over \(ConformanceLimits.heard) messages"))
            }
            guard perform(steps[place]) else { return }
        }
    }

    /// False when the step waits for something.
    private mutating func perform(_ step: Step) -> Bool {
        switch step {
        case .connect(let slot, let wire): return connect(slot, wire)
        case .send(let make):
            let list = make(&notes)
            deadline = nil
            for item in list { send(item) }
            if pieces.isEmpty { place += 1 }
            return pieces.isEmpty
        case .wait(let wait): return hearOut(wait)
        case .rest(let interval):
            if deadline == nil { deadline = notes.now + interval }
            return false
        case .judge(let body):
            if let verdict = body(&notes) {
                finish(verdict)
                return false
            }
            place += 1
            return true
        }
    }

    private mutating func connect(_ slot: Int, _ wire: ProbeWire) -> Bool {
        switch slots[slot] {
        case .unused:
            slots[slot] = .dialing(wire)
            deadline = notes.now + ConformanceLimits.connectPatience
            actions.append(.dial(slot: slot))
            return false
        case .dialing: return false
        case .frames(let link) where wire == .noise && !link.isEstablished: return false
        case .closed where wire == .noise:
            finish(.unknown("the handshake failed: " + (notes.heard.last { $0.isEnd }?.endText ?? "")))
            return false
        case .frames, .bytes, .lines, .closed:
            deadline = nil
            place += 1
            return true
        }
    }

    private mutating func hearOut(_ wait: Wait) -> Bool {
        while cursors[wait.slot] < notes.heard.count {
            let heard = notes.heard[cursors[wait.slot]]
            cursors[wait.slot] += 1
            guard heard.slot == wait.slot else { continue }
            switch wait.hear(heard, &notes) {
            case .ignore: continue
            case .next:
                deadline = nil
                place += 1
                return true
            case .end(let verdict):
                finish(verdict)
                return false
            }
        }
        if deadline == nil { deadline = notes.now + (wait.patience ?? notes.settings.patience) }
        return false
    }

    private mutating func finish(_ verdict: Verdict) {
        guard self.verdict == nil else { return }
        self.verdict = verdict
        deadline = nil
        pieces = []
        for slot in slots.indices {
            switch slots[slot] {
            case .unused, .closed: continue
            case .dialing, .frames, .bytes, .lines: actions.append(.close(slot: slot))
            }
        }
    }

    // MARK: sending and noting

    private mutating func send(_ item: Outgoing) {
        let slot = item.slot
        switch (item.form, slots[slot]) {
        case (.frame(let frame), .frames(var link)) where link.isEstablished:
            var out = ByteWriter()
            link.send(frame: frame, into: &out)
            slots[slot] = .frames(link)
            note(slot, .sent, MessageText(frame).line, frame.bytes)
            actions.append(.send(slot: slot, out.bytes))
        case (.pieces(let frames, let size), .frames(var link)) where link.isEstablished:
            var out = ByteWriter()
            for frame in frames {
                link.send(frame: frame, into: &out)
                note(slot, .sent, MessageText(frame).line, frame.bytes)
            }
            slots[slot] = .frames(link)
            cut(out.bytes, size, slot)
        case (.beginning(let frame, let count), .frames(var link)) where link.isEstablished:
            var out = ByteWriter()
            link.send(frame: frame, into: &out)
            slots[slot] = .frames(link)
            note(
                slot, .sent, "the first \(count) bytes of a frame of \(frame.payload.count) bytes of payload",
                Array(frame.bytes.prefix(6)))
            actions.append(.send(slot: slot, Array(out.bytes.prefix(count))))
        case (.corrupted(let frame), .frames(var link)) where link.isEstablished:
            var out = ByteWriter()
            link.send(frame: frame, into: &out)
            slots[slot] = .frames(link)
            note(slot, .sent, "with a damaged tag: " + MessageText(frame).line, frame.bytes)
            out.bytes[out.count - 1] ^= 0x01
            actions.append(.send(slot: slot, out.bytes))
        case (.raw(let bytes), .bytes):
            note(slot, .sent, "\(bytes.count) bytes", bytes)
            actions.append(.send(slot: slot, bytes))
        case (.line(let text), .lines):
            note(slot, .sent, text, [])
            actions.append(.send(slot: slot, Array(text.utf8) + [0x0a]))
        case (.close, .frames), (.close, .bytes), (.close, .lines):
            slots[slot] = .closed
            note(slot, .event, "closed by the check", [])
            actions.append(.close(slot: slot))
        default: note(slot, .event, "nothing was sent: the connection is not open", [])
        }
    }

    /// Bytes in pieces: the first at once, the others one by one.
    private mutating func cut(_ bytes: [UInt8], _ size: Int, _ slot: Int) {
        guard size > 0, size < bytes.count else { return actions.append(.send(slot: slot, bytes)) }
        var start = 0
        while start < bytes.count {
            let end = min(start + size, bytes.count)
            pieces.append((slot, Array(bytes[start..<end])))
            start = end
        }
        deadline = notes.now + ConformanceLimits.piecePause
    }

    private mutating func hear(_ slot: Int, _ event: Heard.Event) {
        notes.heard.append(Heard(slot: slot, at: notes.now, event: event))
        switch event {
        case .frame(let frame): note(slot, .received, MessageText(frame).line, frame.bytes)
        case .line(let line): note(slot, .received, String(decoding: line, as: UTF8.self), [])
        case .bytes(let bytes): note(slot, .received, "\(bytes.count) bytes", bytes)
        case .established: note(slot, .event, "connected", [])
        case .failed(let error): note(slot, .event, "failed: \(error)", [])
        case .closed(let reason): note(slot, .event, "closed: \(reason)", [])
        }
    }

    private mutating func note(_ slot: Int, _ direction: Exchange.Direction, _ text: String, _ bytes: [UInt8])
    {
        guard evidence.count < ConformanceLimits.evidence else { return }
        let shown = Array(bytes.prefix(ConformanceLimits.evidenceBytes))
        evidence.append(
            Exchange(
                at: notes.now - began, slot: slot, direction: direction, text: text,
                hex: shown.hex + (shown.count < bytes.count ? "…" : "")))
    }

    /// Frames that came since the last call, for the surveys.
    private var surveyed = 0
    mutating func newFrames() -> [V2Frame] {
        defer { surveyed = notes.heard.count }
        return notes.heard[surveyed...].compactMap(\.frame)
    }
}
