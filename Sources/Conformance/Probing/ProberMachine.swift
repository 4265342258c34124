import Bitcoin
import SansIO
import Stratum
import Tap

/// Plays checks against one peer, a few at the same time, each on connections of its own. A machine like the roles:
/// `lab conform` runs it on sockets, tests in virtual time.
public struct ProberMachine: Machine {
    public enum Command: Sendable {
        /// Ends every check that runs and starts no more.
        case stop
    }

    public enum Observation: Sendable, Equatable {
        case started(String)
        case finished(CheckResult)
        /// Every check has its result.
        case done
    }

    private struct Place: Sendable {
        var run: Int
        var slot: Int
    }

    private struct Survey: Sendable {
        var check: Check
        var seen = 0
        var violations: [(frame: V2Frame, text: String)] = []
    }

    private let settings: ProbeSettings
    private var waiting: [Check]
    /// By number; looked up, never walked.
    private var runs: [Int: CheckRun] = [:]
    private var running = 0
    private var lastRun = 0
    private var lastDial: UInt32 = 0
    private var dials: [UInt32: Place] = [:]
    private var places: [ConnectionID: Place] = [:]
    /// The connection of a run's slot.
    private var connections: [Int: [ConnectionID?]] = [:]
    private var surveys: [Survey]
    private var timers = TimerQueue<Int>()
    private var secrets: SecretGenerator
    private var isDone = false

    /// - Parameter checks: in the order in which they begin; those for other roles are left out.
    public init(_ settings: ProbeSettings, checks: [Check]) {
        self.settings = settings
        let wanted = checks.filter { $0.roles.contains(settings.role) }
        waiting = wanted.filter { !$0.isSurvey }.reversed()
        surveys = wanted.filter(\.isSurvey).map { Survey(check: $0) }
        secrets = SecretGenerator(seed: settings.secretSeed)
        timers.set(0, .start)
    }

    public var nextDeadline: Instant? { timers.next }

    // MARK: events

    public mutating func deadlineReached(at now: Instant, into effects: inout EffectBuffer<Observation>) {
        while let number = timers.popDue(at: now) {
            if number == 0 {
                fillLanes(at: now, into: &effects)
            } else {
                runs[number]?.deadlineReached(at: now)
                settle(number, at: now, into: &effects)
            }
        }
    }

    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        guard case .dialed(let dial) = origin, let place = dials.removeValue(forKey: dial.raw),
            runs[place.run] != nil
        else {
            effects.close(id, .closed("not wanted any more"))
            return
        }
        places[id] = place
        connections[place.run]?[place.slot] = id
        runs[place.run]?.opened(place.slot, at: now)
        settle(place.run, at: now, into: &effects)
    }

    public mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        guard let place = places[id] else { return }
        let copy = bytes.withUnsafeBytes { Array($0) }
        runs[place.run]?.received(copy, place.slot, at: now)
        settle(place.run, at: now, into: &effects)
    }

    public mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        guard let place = places.removeValue(forKey: id) else { return }
        connections[place.run]?[place.slot] = nil
        runs[place.run]?.closed(place.slot, reason, at: now)
        settle(place.run, at: now, into: &effects)
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        guard let place = dials.removeValue(forKey: dial.raw) else { return }
        runs[place.run]?.closed(place.slot, reason, at: now)
        settle(place.run, at: now, into: &effects)
    }

    public mutating func handle(
        _ command: consuming Command, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        switch command {
        case .stop: waiting = []
        }
    }

    // MARK: lanes

    private mutating func fillLanes(at now: Instant, into effects: inout EffectBuffer<Observation>) {
        while running < max(1, settings.lanes), let check = waiting.popLast() {
            lastRun += 1
            running += 1
            let number = lastRun
            runs[number] = CheckRun(check, settings: settings, secrets: secrets.fork(), at: now)
            connections[number] = Array(repeating: nil, count: ConformanceLimits.slots)
            effects.observe(.started(check.id))
            runs[number]?.begin()
            settle(number, at: now, into: &effects)
        }
        guard running == 0, waiting.isEmpty, !isDone else { return }
        isDone = true
        for survey in surveys { effects.observe(.finished(ProberMachine.result(of: survey))) }
        effects.observe(.done)
    }

    /// Carries out what a run wants, keeps its deadline, and ends it once it has a verdict.
    private mutating func settle(
        _ number: Int, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        guard let actions = runs[number]?.takeActions() else { return }
        for frame in runs[number]?.newFrames() ?? [] { survey(frame) }
        for action in actions {
            switch action {
            case .dial(let slot):
                lastDial += 1
                dials[lastDial] = Place(run: number, slot: slot)
                effects.emit(.dial(DialID(lastDial), settings.target))
            case .send(let slot, let bytes):
                guard let id = connections[number]?[slot] else { continue }
                effects.send(on: id) { $0.write(bytes) }
            case .close(let slot):
                guard let id = connections[number]?[slot] else { continue }
                effects.close(id, .closed("the check is done with it"))
            }
        }
        guard let run = runs[number] else { return }
        guard run.verdict == nil else {
            timers.stop(number)
            runs[number] = nil
            connections[number] = nil
            running -= 1
            effects.observe(.finished(run.result(at: now)))
            timers.set(0, now)
            return
        }
        if let deadline = run.deadline { timers.set(number, deadline) } else { timers.stop(number) }
    }

    private mutating func survey(_ frame: V2Frame) {
        for index in surveys.indices {
            guard case .survey(let look) = surveys[index].check.script else { continue }
            switch look(frame) {
            case .irrelevant: break
            case .good: surveys[index].seen += 1
            case .bad(let text):
                surveys[index].seen += 1
                if surveys[index].violations.count < ConformanceLimits.violations {
                    surveys[index].violations.append((frame, text))
                }
            }
        }
    }

    private static func result(of survey: Survey) -> CheckResult {
        let verdict: Verdict
        if let first = survey.violations.first {
            verdict = .fail(first.text)
        } else if survey.seen == 0 {
            verdict = .skip("the peer sent nothing that this clause speaks of")
        } else {
            verdict = .pass("holds for \(survey.seen) messages")
        }
        let evidence = survey.violations.map { violation in
            let bytes = Array(violation.frame.bytes.prefix(ConformanceLimits.evidenceBytes))
            return Exchange(
                at: .zero, slot: 0, direction: .received, text: MessageText(violation.frame).line,
                hex: bytes.hex)
        }
        return CheckResult(id: survey.check.id, verdict: verdict, evidence: evidence, duration: .zero)
    }
}
