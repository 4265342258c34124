import Bitcoin
import SansIO
import Stratum
import Tap

/// Extensions 0x0001 and 0x0002, and custom jobs on a mining connection.
enum ExtensionChecks {
    static let all: [Check] = [
        Check(
            "EXT1-4-01", "Extensions that the server does not have are answered by RequestExtensions.Error",
            .v2,
            Opening.setupAny(), request(21, [0x7abc]),
            [
                answered { frame, _ in
                    if let error = try? ExtensionsNegotiation.RequestExtensionsError(frame: frame) {
                        guard error.requestID == 21 else {
                            return .fail("the error names request \(error.requestID) instead of 21")
                        }
                        return error.unsupportedExtensions == [0x7abc]
                            ? .pass("unsupported [0x7abc], required \(error.requiredExtensions)")
                            : .fail("unsupported extensions are \(error.unsupportedExtensions)")
                    }
                    return (try? ExtensionsNegotiation.RequestExtensionsSuccess(frame: frame)).map { _ in
                        .fail("an extension that there is not was accepted")
                    }
                }
            ]),
        Check(
            "EXT1-2-01",
            "RequestExtensions is answered with its request id, and only with what was asked for",
            .v2, Opening.setupAny(), request(22, [0x0002, 0x7abc]),
            [
                answered { frame, _ in
                    if let success = try? ExtensionsNegotiation.RequestExtensionsSuccess(frame: frame) {
                        guard success.requestID == 22 else {
                            return .fail("the answer names request \(success.requestID) instead of 22")
                        }
                        return success.supportedExtensions == [0x0002]
                            ? .pass("supported [0x0002]")
                            : .fail("supported extensions are \(success.supportedExtensions)")
                    }
                    return (try? ExtensionsNegotiation.RequestExtensionsError(frame: frame)).map { error in
                        error.requestID == 22
                            ? .pass("unsupported \(error.unsupportedExtensions)")
                            : .fail("the error names request \(error.requestID) instead of 22")
                    }
                }
            ]),
        Check(
            "EXT2-1.3-01", "Once 0x0002 is negotiated, a share with a worker's name is accepted", [.pool],
            Opening.setup(), request(23, [0x0002]), [negotiated()], Opening.extended(),
            [Opening.work(), share([.userIdentity("worker_001")]), accepted]),
        Check(
            "EXT2-1.3-02", "Without negotiation the server ignores the worker's name", [.pool],
            Opening.setup(),
            Opening.extended(), [Opening.work(), share([.userIdentity("worker_001")]), accepted]),
        Check(
            "SV2-3.4.3-01", "A TLV longer than its extension allows is rejected", [.pool], Opening.setup(),
            request(24, [0x0002]), [negotiated()], Opening.extended(),
            [
                Opening.work(),
                share([
                    TLV(extensionType: 2, fieldType: 1, value: [UInt8](repeating: 0x61, count: 33))
                ]),
                .answer(
                    patience: .seconds(20), timeout: .fail("no answer came"),
                    ended: .pass("the connection was closed")
                ) { frame, notes in
                    if notes.numbers["sent"] == nil { return .end(.skip("the target is too hard")) }
                    if let error = try? Mining.SubmitSharesError(frame: frame) {
                        return .end(.pass(error.errorCode))
                    }
                    return (try? Mining.SubmitSharesSuccess(frame: frame)) == nil
                        ? .ignore : .end(.fail("the share was accepted"))
                },
            ]),
        Check(
            "SV2-3.6.4-02",
            "After ChannelEndpointChanged a worker's name is not read until 0x0002 is negotiated anew",
            [.pool],
            // A name that is too long shows whether names are read: such a share is refused.
            [Opening.setup(slot: 1), Opening.extended(slot: 1), [Opening.work(slot: 1)]].flatMap { $0 },
            [
                share([longName], slot: 1),
                answer(slot: 1, refused: "it reads names that were not negotiated"),
            ],
            negotiatedChannel(slot: 2),
            [share([longName], slot: 2), answer(slot: 2, accepted: "it takes any name")],
            negotiatedChannel(slot: 3),
            [
                .send { notes in
                    notes.channels(3).first.map {
                        [.message(Common.ChannelEndpointChanged(channelID: $0.id), on: 3)]
                    } ?? []
                },
                share([longName], slot: 3),
                .answer(
                    slot: 3, patience: .seconds(20), timeout: .fail("the share was not answered"),
                    ended: .fail("the connection was closed")
                ) { frame, _ in
                    if let error = try? Mining.SubmitSharesError(frame: frame) {
                        return .end(
                            error.errorCode.contains("stale")
                                ? .unknown("a block came in between")
                                : .fail("the extension still holds: \(error.errorCode)"))
                    }
                    return (try? Mining.SubmitSharesSuccess(frame: frame)) == nil
                        ? .ignore : .end(.pass("the name was not read"))
                },
            ]),
        Check(
            "SV2-5.3.18-01", "A custom job without REQUIRES_WORK_SELECTION is refused", [.pool],
            Opening.setup(),
            Opening.extended(), [customJob, customRefused]),
        Check(
            "SV2-5.3.20-01", "A custom job with a token that nobody gave is refused, with its request's id",
            [.pool],
            Opening.setup(flags: 2), Opening.extended(), [customJob, customRefused]),
        Check(
            "LAB-WORK-01", "A message of another protocol on a mining connection does not harm others",
            [.pool],
            Opening.setup(),
            [
                .say(TemplateDistribution.RequestTransactionData(templateID: 1)),
                .say(JobDeclaration.AllocateMiningJobToken(userIdentifier: "x", requestID: 1)),
                .say(Mining.SetTarget(channelID: 2, maximumTarget: .max)),
            ], Opening.setup(slot: 1), [.end(.pass("another connection is served"))]),
    ]

    private static func request(_ id: UInt16, _ extensions: [UInt16]) -> [Step] {
        [.say(ExtensionsNegotiation.RequestExtensions(requestID: id, requestedExtensions: extensions))]
    }

    private static let longName = TLV(
        extensionType: 2, fieldType: 1, value: [UInt8](repeating: 0x61, count: 33))

    /// A channel with work, on a connection that negotiated 0x0002.
    private static func negotiatedChannel(slot: Int) -> [Step] {
        Opening.setup(slot: slot)
            + [
                .say(
                    ExtensionsNegotiation.RequestExtensions(
                        requestID: UInt16(30 + slot), requestedExtensions: [2]),
                    on: slot), negotiated(slot: slot),
            ] + Opening.extended(slot: slot) + [Opening.work(slot: slot)]
    }

    /// Goes on with the answer that the rest of the check builds on; the other one leaves the clause open.
    private static func answer(slot: Int, refused: String? = nil, accepted: String? = nil) -> Step {
        .answer(
            slot: slot, patience: .seconds(20), timeout: .unknown("a share was not answered"),
            ended: refused.map { .skip($0) }
        ) { frame, notes in
            if notes.numbers["sent"] == nil { return .end(.skip("the target is too hard for a search")) }
            if let error = try? Mining.SubmitSharesError(frame: frame) {
                if error.errorCode.contains("stale") { return .end(.unknown("a block came in between")) }
                return refused.map { .end(.skip($0)) } ?? .next
            }
            guard (try? Mining.SubmitSharesSuccess(frame: frame)) != nil else { return .ignore }
            return accepted.map { .end(.skip($0)) } ?? .next
        }
    }

    private static func answered(
        _ judge: @escaping @Sendable (V2Frame, ProbeNotes) -> Verdict?
    ) -> Step {
        .answer(timeout: .skip("no answer: the server does not implement extension 0x0001")) { frame, notes in
            judge(frame, notes).map { .end($0) } ?? .ignore
        }
    }

    private static func negotiated(slot: Int = 0) -> Step {
        .answer(slot: slot, timeout: .skip("the server does not implement extension 0x0001")) { frame, _ in
            if let success = try? ExtensionsNegotiation.RequestExtensionsSuccess(frame: frame) {
                return success.supportedExtensions.contains(0x0002)
                    ? .next : .end(.skip("extension 0x0002 is not supported"))
            }
            return (try? ExtensionsNegotiation.RequestExtensionsError(frame: frame)) == nil
                ? .ignore : .end(.skip("extension 0x0002 is not supported"))
        }
    }

    private static func share(_ tlvs: [TLV], slot: Int = 0) -> Step {
        .send { notes in
            guard let channel = notes.channels(slot).first, let work = notes.work(on: channel, slot: slot),
                let nonce = work.nonce()
            else { return [] }
            notes.numbers["sent"] = 1
            return [Outgoing(slot, .frame(notes.share(work, nonce: nonce, tlvs: tlvs)))]
        }
    }

    private static let accepted = Step.answer(
        patience: .seconds(20), timeout: .fail("the share was not answered")
    ) { frame, notes in
        if notes.numbers["sent"] == nil { return .end(.skip("the target is too hard for a search")) }
        if let error = try? Mining.SubmitSharesError(frame: frame) {
            return .end(
                error.errorCode.contains("stale")
                    ? .unknown("a block came in between") : .fail("refused: \(error.errorCode)"))
        }
        return (try? Mining.SubmitSharesSuccess(frame: frame)) == nil ? .ignore : .end(.pass("accepted"))
    }

    private static let customJob = Step.send { notes in
        [
            .message(
                Mining.SetCustomMiningJob(
                    channelID: notes.channels().first?.id ?? 0, requestID: 99, miningJobToken: [1, 2, 3],
                    version: 0x2000_0000, prevHash: .zero, minNTime: notes.unixTime, nBits: 0x207f_ffff,
                    coinbaseTxVersion: 2, coinbasePrefix: [1, 1], coinbaseTxInputNSequence: .max,
                    coinbaseTxOutputs: [0], coinbaseTxLocktime: 0, merklePath: []))
        ]
    }

    private static let customRefused = Step.answer(
        timeout: .fail("no SetCustomMiningJob.Error came"), ended: .pass("the connection was closed")
    ) { frame, notes in
        if (try? Mining.SetCustomMiningJobSuccess(frame: frame)) != nil {
            return .end(.fail("the custom job was accepted"))
        }
        guard let error = try? Mining.SetCustomMiningJobError(frame: frame) else { return .ignore }
        guard error.requestID == 99, error.channelID == notes.channels().first?.id else {
            return .end(.fail("it names channel \(error.channelID), request \(error.requestID)"))
        }
        return .end(.pass(error.errorCode))
    }
}
