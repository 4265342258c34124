import Bitcoin
import SansIO
import Stratum
import Tap

extension Set<ConformanceRole> {
    /// Whoever speaks Stratum V2.
    static var v2: Set<ConformanceRole> { [.pool, .jds, .tp] }
}

/// Chapter 4: handshake, certificate, encrypted frames.
enum ConnectionChecks {
    static let all: [Check] = [
        Check(
            "SV2-4.5-01", "Act 1 is answered by an act 2 that completes the handshake", .v2,
            [
                .connect(0, .handshake),
                .wait(
                    Wait(
                        hear: { heard, _ in
                            if heard.isEnd { return .end(.fail(heard.endText)) }
                            guard case .established = heard.event else { return .ignore }
                            return .end(.pass("act 2 decrypts, with the server's static key and certificate"))
                        }, timeout: .fail("no act 2 came"))),
            ]),
        Check(
            "SV2-4.5-02", "Act 1 in pieces of one byte is answered by the 234 bytes of act 2", .v2,
            [.connect(0, .raw)]
                + (0..<64).map { index in .send { _ in [Outgoing(0, .raw([UInt8(index * 3)]))] } }
                + [act2(0)]),
        Check(
            "SV2-4.3-01", "Any 64 bytes are an ElligatorSwift encoding: all zero is answered too", .v2,
            [
                .connect(0, .raw), .send { _ in [Outgoing(0, .raw([UInt8](repeating: 0, count: 64)))] },
                act2(0),
            ]),
        Check(
            "SV2-4.3-02", "Any 64 bytes are an ElligatorSwift encoding: all ones is answered too", .v2,
            [
                .connect(0, .raw), .send { _ in [Outgoing(0, .raw([UInt8](repeating: 0xff, count: 64)))] },
                act2(0),
            ]),
        Check(
            "SV2-4.5-03", "Two handshakes with the same act 1 get different ephemeral keys", .v2,
            [.connect(0, .raw), .connect(1, .raw)],
            (0...1).map { slot in
                .send { _ in [Outgoing(slot, .raw([UInt8](repeating: 7, count: 64)))] }
            },
            [act2(0, ends: false), act2(1, ends: false)],
            [
                .judge { notes in
                    notes.bytes(0).prefix(64) == notes.bytes(1).prefix(64)
                        ? .fail("both act 2 begin with the same ephemeral key")
                        : .pass("the ephemeral keys differ")
                }
            ]),
        Check(
            "SV2-4.5-04", "The certificate is of version 0, valid now, and signed by the address's key", .v2,
            [
                .judge { notes in
                    notes.settings.authority == nil
                        ? .skip("the address names no authority key") : nil
                },
                .connect(0, .certified),
                .wait(
                    Wait(
                        hear: { heard, _ in
                            switch heard.event {
                            case .established: .end(.pass("the certificate is good"))
                            case .failed(.handshake(.certificate(let error))):
                                .end(.fail("the certificate is refused: \(error)"))
                            case .failed, .closed: .end(.fail(heard.endText))
                            case .frame, .line, .bytes: .ignore
                            }
                        }, timeout: .fail("no act 2 came"))),
            ]),
        Check(
            "SV2-4.4-01", "A frame whose authentication fails ends the session", .v2,
            [
                .connect(0, .noise),
                .send { _ in [Outgoing(0, .corrupted(V2Frame(Opening.message(.mining))))] },
                .wait(
                    Wait(
                        hear: { heard, _ in
                            if heard.isEnd { return .end(.pass(heard.endText)) }
                            return heard.frame == nil
                                ? .ignore : .end(.fail("a message with a damaged tag was answered"))
                        }, timeout: .fail("the connection is still open"))),
            ]),
        Check(
            "SV2-4.4-02", "Plain text after the handshake ends the session", .v2,
            [
                .connect(0, .raw), .send { _ in [Outgoing(0, .raw([UInt8](repeating: 1, count: 64)))] },
                act2(0, ends: false),
                .send { _ in [Outgoing(0, .raw(V2Frame(Opening.message(.mining)).bytes))] },
                .closes(otherwise: .fail("the connection is still open")), .end(.pass("closed")),
            ]),
        Check(
            "SV2-4.6-01", "A message in pieces of one byte is understood", .v2,
            [
                .connect(0, .noise),
                .send { notes in [Outgoing(0, .pieces([setup(notes)], 1))] },
                .expect(Common.SetupConnectionSuccess.self), .end(.pass("answered")),
            ]),
        Check(
            "SV2-4.6-02", "Two messages in one segment are both understood", .v2,
            [
                .connect(0, .noise),
                .send { notes in
                    let second = V2Frame(
                        ExtensionsNegotiation.RequestExtensions(
                            requestID: 9, requestedExtensions: [0x0002]))
                    let probe: V2Frame =
                        switch notes.settings.role {
                        case .jds:
                            V2Frame(
                                JobDeclaration.AllocateMiningJobToken(
                                    userIdentifier: notes.settings.identity, requestID: 9))
                        case .tp:
                            V2Frame(
                                TemplateDistribution.CoinbaseOutputConstraints(
                                    coinbaseOutputMaxAdditionalSize: 100,
                                    coinbaseOutputMaxAdditionalSigops: 4))
                        case .pool, .translator: second
                        }
                    return [Outgoing(0, .pieces([setup(notes), probe], 0))]
                },
                .expect(Common.SetupConnectionSuccess.self),
                .answer(timeout: .fail("the second message was not answered")) { frame, _ in
                    .end(.pass("answered by \(MessageCatalog.name(of: frame))"))
                },
            ]),
        Check(
            "SV2-4.6-03", "A message of two encrypted blocks (over 65,519 bytes) keeps the stream in step",
            .v2,
            [
                .connect(0, .noise),
                .send { notes in
                    // On a mining connection only a client that selects its work has messages of such length.
                    let role = notes.settings.role.v2Protocol ?? .mining
                    let flags: UInt32 = role == .mining ? 2 : role == .jobDeclaration ? 1 : 0
                    return [.message(Opening.message(role, flags: flags))]
                },
                .answer(timeout: .unknown("SetupConnection was not answered")) { frame, _ in
                    if (try? Common.SetupConnectionSuccess(frame: frame)) != nil { return .next }
                    return (try? Common.SetupConnectionError(frame: frame)) == nil
                        ? .ignore : .end(.skip("the peer takes no client with long messages"))
                },
                .send { _ in
                    let long = V2Frame(
                        extensionType: 0x7abc, messageType: 0x01,
                        payload: [UInt8](repeating: 0x55, count: 69_000))
                    return [Outgoing(0, .frame(long))]
                },
                .wait(
                    Wait(
                        patience: .milliseconds(500),
                        hear: { heard, _ in
                            heard.isEnd ? .end(.unknown("closed, perhaps by a bound on frames")) : .ignore
                        }, timeout: nil)),
            ], alive("after a message of 69,000 bytes of an unknown extension")),
        Check(
            "LAB-FRAME-01", "A frame that announces 16 MB and does not come harms nobody else", .v2,
            Opening.setupAny(),
            [
                .send { _ in
                    let huge = V2Frame(
                        extensionType: 0x7abc, messageType: 0x01,
                        payload: [UInt8](repeating: 0, count: V2Limits.payloadMax))
                    return [Outgoing(0, .beginning(huge, 1_000))]
                }
            ], Opening.setupAny(slot: 1), [.end(.pass("another connection is served"))]),
        Check(
            "LAB-FRAME-02", "Bytes that are no handshake do not keep the server from serving others", .v2,
            [
                .connect(0, .raw),
                .send { _ in [Outgoing(0, .raw(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8)))] },
            ], Opening.setupAny(slot: 1), [.end(.pass("another connection is served"))]),
    ]

    static func setup(_ notes: ProbeNotes) -> V2Frame {
        let role = notes.settings.role.v2Protocol ?? .mining
        return V2Frame(Opening.message(role, flags: role == .jobDeclaration ? 1 : 0))
    }

    /// Waits for the 234 bytes of act 2 on a raw connection.
    private static func act2(_ slot: Int, ends: Bool = true) -> Step {
        .wait(
            Wait(
                slot: slot,
                hear: { heard, notes in
                    if heard.isEnd { return .end(.fail("no act 2 came: \(heard.endText)")) }
                    let count = notes.bytes(slot).count
                    if count > 234 { return .end(.fail("\(count) bytes came instead of 234")) }
                    guard count == 234 else { return .ignore }
                    return ends ? .end(.pass("234 bytes came")) : .next
                }, timeout: .fail("act 2 did not come whole")))
    }

    /// Shows that the connection still serves, with a request of the role.
    static func alive(_ when: String, slot: Int = 0) -> [Step] {
        [
            .send { notes in
                switch notes.settings.role {
                case .pool, .translator:
                    [
                        .message(
                            Mining.OpenExtendedMiningChannel(
                                requestID: 4_711, userIdentity: notes.settings.identity,
                                nominalHashRate: 1, maxTarget: .max, minExtranonceSize: 2), on: slot)
                    ]
                case .jds:
                    [
                        .message(
                            JobDeclaration.AllocateMiningJobToken(
                                userIdentifier: notes.settings.identity, requestID: 4_711), on: slot)
                    ]
                case .tp:
                    [
                        .message(
                            TemplateDistribution.CoinbaseOutputConstraints(
                                coinbaseOutputMaxAdditionalSize: 100,
                                coinbaseOutputMaxAdditionalSigops: 4), on: slot),
                        .message(TemplateDistribution.RequestTransactionData(templateID: .max), on: slot),
                    ]
                }
            },
            .answer(
                slot: slot, timeout: .fail("the connection does not answer \(when)"),
                ended: .fail("the connection was closed \(when)")
            ) { frame, _ in
                if let open = try? Mining.OpenExtendedMiningChannelSuccess(frame: frame),
                    open.requestID == 4_711
                {
                    return .end(.pass("the connection serves \(when)"))
                }
                if let error = try? Mining.OpenMiningChannelError(frame: frame), error.requestID == 4_711 {
                    return .end(.pass("the connection answers \(when)"))
                }
                if let token = try? JobDeclaration.AllocateMiningJobTokenSuccess(frame: frame),
                    token.requestID == 4_711
                {
                    return .end(.pass("the connection serves \(when)"))
                }
                if (try? TemplateDistribution.NewTemplate(frame: frame)) != nil
                    || (try? TemplateDistribution.RequestTransactionDataError(frame: frame)) != nil
                {
                    return .end(.pass("the connection serves \(when)"))
                }
                return .ignore
            },
        ]
    }
}

extension ProbeNotes {
    /// What came on a raw connection.
    func bytes(_ slot: Int) -> [UInt8] {
        heard.filter { $0.slot == slot }.flatMap { heard -> [UInt8] in
            if case .bytes(let bytes) = heard.event { bytes } else { [] }
        }
    }
}
