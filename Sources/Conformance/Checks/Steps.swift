import Bitcoin
import SansIO
import Stratum
import Tap

// What scripts are made of.

extension Step {
    /// Waits for a message. Others pass; the end of the connection ends the check.
    static func expect<M: V2Message>(
        _ type: M.Type, slot: Int = 0, patience: Interval? = nil, missing: Verdict? = nil,
        ended: Verdict? = nil, then: @escaping @Sendable (M, inout ProbeNotes) -> Verdict? = { _, _ in nil },
        where matches: @escaping @Sendable (M, ProbeNotes) -> Bool = { _, _ in true }
    ) -> Step {
        let name =
            MessageCatalog.entries.first {
                $0.messageType == M.messageType && $0.extensionType == M.extensionType
            }?.name ?? "\(type)"
        return .wait(
            Wait(
                slot: slot, patience: patience,
                hear: { heard, notes in
                    if heard.isEnd {
                        return .end(ended ?? .fail("no \(name) came: \(heard.endText)"))
                    }
                    guard let frame = heard.frame, frame.messageType == M.messageType,
                        frame.extensionNumber == M.extensionType
                    else { return .ignore }
                    guard let message = try? M(frame: frame) else {
                        return .end(.fail("\(name) cannot be read: \(MessageText(frame).line)"))
                    }
                    guard matches(message, notes) else { return .ignore }
                    return then(message, &notes).map { .end($0) } ?? .next
                },
                timeout: missing ?? .fail("no \(name) came in time")))
    }

    /// Waits for one of several answers; the closure decides about each frame of the slot.
    static func answer(
        slot: Int = 0, patience: Interval? = nil, timeout: Verdict?, ended: Verdict? = nil,
        _ decide: @escaping @Sendable (V2Frame, inout ProbeNotes) -> Reaction
    ) -> Step {
        .wait(
            Wait(
                slot: slot, patience: patience,
                hear: { heard, notes in
                    if heard.isEnd { return .end(ended ?? .fail(heard.endText)) }
                    guard let frame = heard.frame else { return .ignore }
                    return decide(frame, &notes)
                }, timeout: timeout))
    }

    /// Waits for the peer to close.
    static func closes(_ slot: Int = 0, patience: Interval? = nil, otherwise: Verdict) -> Step {
        .wait(
            Wait(
                slot: slot, patience: patience,
                hear: { heard, _ in heard.isEnd ? .next : .ignore },
                timeout: otherwise))
    }

    static func say(_ message: some V2Message, on slot: Int = 0) -> Step {
        .send { _ in [.message(message, on: slot)] }
    }

    static func end(_ verdict: Verdict) -> Step { .judge { _ in verdict } }
}

/// Beginnings that many scripts share.
enum Opening {
    static func message(
        _ protocol: V2Protocol, flags: UInt32 = 0, versions: ClosedRange<UInt16> = 2...2
    ) -> Common.SetupConnection {
        Common.SetupConnection(
            protocol: `protocol`, minVersion: versions.lowerBound, maxVersion: versions.upperBound,
            flags: flags, endpointHost: "127.0.0.1", endpointPort: 34_254, vendor: "mining-lab conformance",
            hardwareVersion: "probe", firmware: "probe", deviceID: "")
    }

    /// Connects and sets up; a refusal leaves what the check wanted unknown.
    static func setup(_ protocol: V2Protocol = .mining, flags: UInt32 = 0, slot: Int = 0) -> [Step] {
        [
            .connect(slot, .noise), .say(message(`protocol`, flags: flags), on: slot),
            .answer(
                slot: slot, timeout: .unknown("SetupConnection was not answered"),
                ended: .unknown("the connection ended before SetupConnection was answered")
            ) { frame, notes in
                if let success = try? Common.SetupConnectionSuccess(frame: frame) {
                    notes.numbers["server flags"] = UInt64(success.flags)
                    return .next
                }
                if let error = try? Common.SetupConnectionError(frame: frame) {
                    return .end(.skip("the peer refuses this SetupConnection: \(error.errorCode)"))
                }
                return .ignore
            },
        ]
    }

    /// Set up for the role of the run: any protocol will do.
    static func setupAny(slot: Int = 0) -> [Step] {
        [
            .connect(slot, .noise),
            .send { notes in
                let role = notes.settings.role.v2Protocol ?? .mining
                return [.message(message(role, flags: role == .jobDeclaration ? 1 : 0), on: slot)]
            },
            .expect(
                Common.SetupConnectionSuccess.self, slot: slot,
                missing: .unknown("SetupConnection was not answered")),
        ]
    }

    static func standard(
        request: UInt32 = 1, slot: Int = 0, hashRate: Float = 1, maxTarget: Target = .max
    ) -> [Step] {
        [
            .send { notes in
                [
                    .message(
                        Mining.OpenStandardMiningChannel(
                            requestID: request, userIdentity: notes.settings.identity,
                            nominalHashRate: hashRate, maxTarget: maxTarget), on: slot)
                ]
            },
            opened(request, slot) { frame in
                (try? Mining.OpenStandardMiningChannelSuccess(frame: frame))?.requestID == request
            },
        ]
    }

    static func extended(
        request: UInt32 = 1, slot: Int = 0, hashRate: Float = 1, maxTarget: Target = .max, size: UInt16 = 4
    ) -> [Step] {
        [
            .send { notes in
                [
                    .message(
                        Mining.OpenExtendedMiningChannel(
                            requestID: request, userIdentity: notes.settings.identity,
                            nominalHashRate: hashRate, maxTarget: maxTarget, minExtranonceSize: size),
                        on: slot)
                ]
            },
            opened(request, slot) { frame in
                (try? Mining.OpenExtendedMiningChannelSuccess(frame: frame))?.requestID == request
            },
        ]
    }

    private static func opened(
        _ request: UInt32, _ slot: Int, _ isSuccess: @escaping @Sendable (V2Frame) -> Bool
    ) -> Step {
        .answer(
            slot: slot, timeout: .unknown("the channel was not opened in time"),
            ended: .unknown("the connection ended before the channel was open")
        ) { frame, _ in
            if isSuccess(frame) { return .next }
            if let error = try? Mining.OpenMiningChannelError(frame: frame), error.requestID == request {
                return .end(.unknown("the channel was refused: \(error.errorCode)"))
            }
            return .ignore
        }
    }

    /// Until the channel has work: a job and the previous hash that it builds on.
    static func work(slot: Int = 0) -> Step {
        .wait(
            Wait(
                slot: slot,
                hear: { heard, notes in
                    if heard.isEnd { return .end(.unknown(heard.endText)) }
                    return notes.channels(slot).last.flatMap { notes.work(on: $0, slot: slot) } == nil
                        ? .ignore : .next
                }, timeout: .unknown("no work came: no job with its SetNewPrevHash")))
    }
}
