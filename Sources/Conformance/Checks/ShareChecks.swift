import Bitcoin
import SansIO
import Stratum
import Tap

/// Chapters 5.3.11 to 5.3.14 and 10: what becomes of shares.
enum ShareChecks {
    static let all: [Check] = accepted + rejected

    private static let accepted: [Check] = [
        Check(
            "SV2-5.3.13-01", "A valid share of a standard channel is acknowledged", [.pool], Opening.setup(),
            Opening.standard(), [Opening.work(), mine { $0 }, acknowledged]),
        Check(
            "SV2-5.3.13-02", "A valid share of an extended channel is acknowledged", [.pool], Opening.setup(),
            Opening.extended(), [Opening.work(), mine { $0 }, acknowledged]),
        Check(
            "SV2-5.3.13-03",
            "An acknowledgement counts its batch: its number of shares, the sum of their difficulties",
            [.pool], Opening.setup(), Opening.extended(),
            [
                Opening.work(),
                .send { notes in
                    guard let channel = notes.channels().first else { return [] }
                    var outgoing: [Outgoing] = []
                    for counter in 1...UInt64(3) {
                        guard let work = notes.work(on: channel, counter: counter),
                            let nonce = work.nonce()
                        else { return [] }
                        outgoing.append(Outgoing(0, .frame(notes.share(work, nonce: nonce))))
                    }
                    notes.numbers["sent"] = 3
                    return outgoing
                },
                tooHard,
                .answer(patience: .seconds(20), timeout: .fail("three shares were not acknowledged")) {
                    frame, notes in
                    if let error = try? Mining.SubmitSharesError(frame: frame) {
                        return .end(judge(error, notes))
                    }
                    guard (try? Mining.SubmitSharesSuccess(frame: frame)) != nil else { return .ignore }
                    let all = notes.all(Mining.SubmitSharesSuccess.self)
                    let count = all.reduce(0) { $0 + UInt64($1.newSubmitsAcceptedCount) }
                    if count > 3 { return .end(.fail("\(count) of 3 shares were acknowledged")) }
                    guard count == 3 else { return .ignore }
                    guard all.last?.lastSequenceNumber == 3 else {
                        return .end(.fail("the last sequence number is \(all.last?.lastSequenceNumber ?? 0)"))
                    }
                    let sum = all.reduce(0) { $0 + Double($1.newSharesSum) }
                    let due = 3 * (notes.channels().first?.target.difficulty ?? 0)
                    return .end(
                        abs(sum - due) <= max(3, due * 0.05)
                            ? .pass("3 shares, sum \(Int(sum)) where \(due) are due")
                            : .fail("the sum is \(Int(sum)) where \(due) are due"))
                },
            ]),
        Check(
            "SV2-5.1.1-01", "Rolled BIP323 version bits are accepted where the job allows it", [.pool],
            Opening.setup(), Opening.extended(),
            [
                Opening.work(),
                .judge { notes in
                    notes.all(Mining.NewExtendedMiningJob.self).last?.versionRollingAllowed == true
                        ? nil : .skip("the job does not allow version rolling")
                },
                mine { work in
                    var work = work
                    work.header.version ^= 0x0000_2020
                    return work
                }, acknowledged,
            ]),
        Check(
            "SV2-10-01", "nTime rolled one second per second is accepted", [.pool], Opening.setup(),
            Opening.extended(),
            [
                Opening.work(), .rest(.seconds(2)),
                mine { work in
                    var work = work
                    work.header.time += 1
                    return work
                }, acknowledged,
            ]),
        Check(
            "SV2-10-02", "nTime within the limits of consensus is accepted: ten minutes ahead", [.pool],
            Opening.setup(), Opening.extended(),
            [
                Opening.work(),
                mine { work in
                    var work = work
                    work.header.time += 600
                    return work
                }, acknowledged,
            ]),
    ]

    private static let rejected: [Check] = [
        Check(
            "SV2-5.3.14-01", "A hash above the target is an error at once", [.pool], Opening.setup(),
            Opening.standard(),
            [
                Opening.work(),
                .send { notes in
                    guard let channel = notes.channels().first, let work = notes.work(on: channel),
                        let nonce = work.missingNonce()
                    else { return [] }
                    notes.numbers["sent"] = 1
                    return [Outgoing(0, .frame(notes.share(work, nonce: nonce)))]
                }, tooEasy, refused,
            ]),
        Check(
            "SV2-5.3.14-02", "A share of a job that there is not is an error", [.pool], Opening.setup(),
            Opening.standard(),
            [
                Opening.work(),
                mine { work in
                    var work = work
                    work.jobID ^= 0x4000_0000
                    return work
                }, refused,
            ]),
        Check(
            "SV2-5.3.14-03", "A share of a channel that there is not is an error", [.pool], Opening.setup(),
            Opening.standard(),
            [
                Opening.work(),
                mine { work in
                    var work = work
                    work.channel.id = 0x00ff_fff1
                    return work
                }, refused,
            ]),
        Check(
            "SV2-5.3.12-01", "An extranonce of another size than the channel's is an error", [.pool],
            Opening.setup(), Opening.extended(),
            [
                Opening.work(),
                mine { work in
                    var work = work
                    work.extranonce.removeLast()
                    return work
                }, refused,
            ]),
        Check(
            "SV2-5.3.11-01", "nTime before the minimum is an error", [.pool], Opening.setup(),
            Opening.extended(),
            [
                Opening.work(),
                mine { work in
                    var work = work
                    work.header.time -= 1
                    return work
                }, refused,
            ]),
        Check(
            "SV2-10-03", "nTime beyond the limits of consensus is an error: three hours ahead", [.pool],
            Opening.setup(), Opening.extended(),
            [
                Opening.work(),
                .judge { notes in
                    notes.numbers["limit"] = UInt64(notes.unixTime) + 3 * 3_600
                    return nil
                },
                .send { notes in
                    guard let channel = notes.channels().first, var work = notes.work(on: channel) else {
                        return []
                    }
                    work.header.time = UInt32(clamping: notes.numbers["limit"] ?? 0)
                    guard let nonce = work.nonce() else { return [] }
                    notes.numbers["sent"] = 1
                    return [Outgoing(0, .frame(notes.share(work, nonce: nonce)))]
                }, tooHard, refused,
            ]),
        Check(
            "SV2-5.1.1-02", "Version bits outside of BIP323's are an error", [.pool], Opening.setup(),
            Opening.extended(),
            [
                Opening.work(),
                mine { work in
                    var work = work
                    work.header.version ^= 0x0000_0001
                    return work
                }, refused,
            ]),
        Check(
            "LAB-SHARE-01", "The same share twice is an error the second time", [.pool], Opening.setup(),
            Opening.extended(),
            [
                Opening.work(),
                .send { notes in
                    guard let channel = notes.channels().first, let work = notes.work(on: channel),
                        let nonce = work.nonce()
                    else { return [] }
                    notes.numbers["sent"] = 2
                    return [
                        Outgoing(0, .frame(notes.share(work, nonce: nonce))),
                        Outgoing(0, .frame(notes.share(work, nonce: nonce))),
                    ]
                }, tooHard, refused,
            ]),
        Check(
            "LAB-SHARE-02", "A standard share on an extended channel does not end the service", [.pool],
            Opening.setup(), Opening.extended(),
            [
                .send { notes in
                    [
                        .message(
                            Mining.SubmitSharesStandard(
                                channelID: notes.channels().first?.id ?? 0, sequenceNumber: 1, jobID: 1,
                                nonce: 0, nTime: 0, version: 0))
                    ]
                }
            ], ConnectionChecks.alive("after a standard share on an extended channel")),
    ]

    /// Finds a share of the first channel's newest work, as `change` made it, and submits it.
    private static func mine(_ change: @escaping @Sendable (Work) -> Work) -> Step {
        .send { notes in
            guard let channel = notes.channels().first, let fresh = notes.work(on: channel) else { return [] }
            let work = change(fresh)
            guard let nonce = work.nonce() else { return [] }
            notes.numbers["sent"] = 1
            return [Outgoing(0, .frame(notes.share(work, nonce: nonce)))]
        }
    }

    private static let tooHard = Step.judge { notes in
        notes.numbers["sent"] == nil
            ? .skip(
                "the target is too hard for a search: difficulty "
                    + "\(notes.channels().first?.target.difficulty ?? 0)")
            : nil
    }

    private static let tooEasy = Step.judge { notes in
        notes.numbers["sent"] == nil ? .skip("every hash meets the target") : nil
    }

    /// The share was counted.
    private static let acknowledged = Step.answer(
        patience: .seconds(20), timeout: .fail("the share was not answered in 20 s")
    ) { frame, notes in
        guard notes.numbers["sent"] != nil else {
            return .end(.skip("the target is too hard for a search"))
        }
        if let error = try? Mining.SubmitSharesError(frame: frame) { return .end(judge(error, notes)) }
        guard let success = try? Mining.SubmitSharesSuccess(frame: frame) else { return .ignore }
        guard success.lastSequenceNumber == notes.sequence, success.newSubmitsAcceptedCount == 1 else {
            return .end(
                .fail(
                    "share \(notes.sequence) was sent; acknowledged are \(success.newSubmitsAcceptedCount) "
                        + "up to \(success.lastSequenceNumber)"))
        }
        return .end(.pass("sequence number \(success.lastSequenceNumber), count 1"))
    }

    /// A refusal of what should be good; a block in between is nobody's fault.
    private static func judge(_ error: Mining.SubmitSharesError, _ notes: ProbeNotes) -> Verdict {
        error.errorCode.contains("stale")
            ? .unknown("a block came in between: \(error.errorCode)")
            : .fail("share \(error.sequenceNumber) was refused: \(error.errorCode)")
    }

    /// The last share that was sent is an error.
    private static let refused = Step.answer(
        patience: .seconds(20), timeout: .fail("no SubmitShares.Error came"),
        ended: .fail("the connection was closed instead of an error")
    ) { frame, notes in
        guard notes.numbers["sent"] != nil else {
            return .end(.skip("the target is too hard for a search"))
        }
        if let success = try? Mining.SubmitSharesSuccess(frame: frame) {
            return UInt64(success.newSubmitsAcceptedCount) >= notes.numbers["sent"] ?? 1
                ? .end(.fail("the share was accepted")) : .ignore
        }
        guard let error = try? Mining.SubmitSharesError(frame: frame) else { return .ignore }
        guard error.sequenceNumber == notes.sequence else {
            return .end(
                .fail("the error names share \(error.sequenceNumber) instead of \(notes.sequence)"))
        }
        return .end(.pass("\(error.errorCode)"))
    }
}
