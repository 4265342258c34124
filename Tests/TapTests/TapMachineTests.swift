import Bitcoin
import SansIO
import Stratum
import Testing

@testable import Tap

/// The machine by hand: events in, effects out.
@Suite("Tap: V1 lines and bounds")
struct TapMachineTests {
    private static let up = ConnectionID(2)
    private static let down = ConnectionID(1)

    private func machine(_ wire: TapConfiguration.Wire) -> TapMachine {
        var secrets = SecretGenerator(seed: [4])
        return TapMachine(
            TapConfiguration(
                upstream: Endpoint(host: "pool", port: 3_333), wire: wire,
                authority: AuthoritySecretKey(secrets.secretKey()), staticKey: secrets.secretKey(),
                clock: WallClock(unixSecondsAtStart: 1_795_000_000), secretSeed: [5]))
    }

    private struct Outcome {
        var sent: [(ConnectionID, [UInt8])] = []
        var closed: [ConnectionID] = []
        var records: [TapRecord] = []
        var dials = 0
    }

    private func drain(_ effects: inout EffectBuffer<TapRecord>) -> Outcome {
        var outcome = Outcome()
        for effect in effects.effects {
            switch effect {
            case .send(let id, let range): outcome.sent.append((id, effects.bytes(range)))
            case .close(let id, _): outcome.closed.append(id)
            case .observe(let record): outcome.records.append(record)
            case .dial: outcome.dials += 1
            case .store, .restart, .pauseReads: break
            }
        }
        effects.reset()
        return outcome
    }

    @Test("V1 lines pass both ways; what came before the upstream stood is not lost")
    func lines() {
        var tap = machine(.lines)
        var effects = EffectBuffer<TapRecord>()
        let subscribe = Array(#"{"id":1,"method":"mining.subscribe","params":[]}"#.utf8)
        tap.connectionOpened(
            Self.down, origin: .accepted(on: .tap, from: "m"), at: .start, into: &effects)
        tap.bytesReceived((subscribe + [0x0a]).span.bytes, on: Self.down, at: .start, into: &effects)
        var outcome = drain(&effects)
        #expect(outcome.dials == 1 && outcome.sent.isEmpty)
        tap.connectionOpened(Self.up, origin: .dialed(DialID(1)), at: .start, into: &effects)
        outcome = drain(&effects)
        #expect(outcome.sent.map(\.0) == [Self.up])
        #expect(outcome.sent.first?.1 == subscribe + [0x0a])
        #expect(outcome.records.first?.name == "mining.subscribe")
        let answer = Array(#"{"id":1,"result":[[],"08",4],"error":null}"#.utf8)
        tap.bytesReceived((answer + [0x0d, 0x0a]).span.bytes, on: Self.up, at: .start, into: &effects)
        outcome = drain(&effects)
        #expect(outcome.sent.first?.1 == answer + [0x0a])
        #expect(outcome.records.first?.name == "result")
    }

    @Test("a session ends on both sides when one side ends, and when the upstream never answers")
    func ends() {
        var tap = machine(.plain)
        var effects = EffectBuffer<TapRecord>()
        tap.connectionOpened(
            Self.down, origin: .accepted(on: .tap, from: "m"), at: .start, into: &effects)
        tap.connectionOpened(Self.up, origin: .dialed(DialID(1)), at: .start, into: &effects)
        _ = drain(&effects)
        tap.connectionClosed(Self.up, reason: .peerClosed, at: .start, into: &effects)
        var outcome = drain(&effects)
        #expect(outcome.closed == [Self.down])
        #expect(tap.sessionCount == 0)

        tap.connectionOpened(
            ConnectionID(3), origin: .accepted(on: .tap, from: "m"), at: .start, into: &effects)
        _ = drain(&effects)
        let late = Instant.start + .seconds(TapLimits.handshakeSeconds)
        #expect(tap.nextDeadline == late)
        tap.deadlineReached(at: late, into: &effects)
        outcome = drain(&effects)
        #expect(outcome.closed == [ConnectionID(3)])
        tap.connectionOpened(ConnectionID(4), origin: .dialed(DialID(2)), at: late, into: &effects)
        #expect(drain(&effects).closed == [ConnectionID(4)])
    }

    @Test("a client that says more than may wait is closed")
    func bounded() {
        var tap = machine(.plain)
        var effects = EffectBuffer<TapRecord>()
        tap.connectionOpened(
            Self.down, origin: .accepted(on: .tap, from: "m"), at: .start, into: &effects)
        let frame = V2Frame(extensionType: 0, messageType: 0x1a, payload: []).bytes
        for _ in 0...TapLimits.waitingFrames {
            tap.bytesReceived(frame.span.bytes, on: Self.down, at: .start, into: &effects)
        }
        #expect(drain(&effects).closed == [Self.down])
    }
}
