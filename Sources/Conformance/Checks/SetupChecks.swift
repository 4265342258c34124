import Bitcoin
import SansIO
import Stratum
import Tap

/// Chapter 3: SetupConnection, extensions nobody knows, what holds for every message.
enum SetupChecks {
    static let all: [Check] = [
        Check(
            "SV2-3.6.1-02", "SetupConnection is answered by Success or Error", .v2,
            [.connect(0, .noise), .send { notes in [Outgoing(0, .frame(ConnectionChecks.setup(notes)))] }],
            [
                .answer(timeout: .fail("SetupConnection was not answered")) { frame, _ in
                    if (try? Common.SetupConnectionSuccess(frame: frame)) != nil {
                        return .end(.pass("SetupConnection.Success"))
                    }
                    if (try? Common.SetupConnectionError(frame: frame)) != nil {
                        return .end(.pass("SetupConnection.Error"))
                    }
                    return .end(.fail("\(MessageCatalog.name(of: frame)) came first"))
                }
            ]),
        Check(
            "SV2-3.6.1-01", "A message before SetupConnection is not served", [.pool],
            [
                .connect(0, .noise),
                .say(
                    Mining.OpenStandardMiningChannel(
                        requestID: 1, userIdentity: "early", nominalHashRate: 1, maxTarget: .max)),
                .wait(
                    Wait(
                        hear: { heard, _ in
                            if heard.isEnd { return .end(.pass(heard.endText)) }
                            guard let frame = heard.frame else { return .ignore }
                            return MessageCatalog.name(of: frame).hasSuffix("MiningChannel.Success")
                                ? .end(.fail("a channel was opened before SetupConnection")) : .ignore
                        }, timeout: .pass("nothing was opened"))),
            ]),
        Check(
            "SV2-3.6.2-01", "The used version is one that was offered", .v2,
            [
                .connect(0, .noise),
                .send { notes in
                    let role = notes.settings.role.v2Protocol ?? .mining
                    return [
                        .message(
                            Opening.message(
                                role, flags: role == .jobDeclaration ? 1 : 0, versions: 2...0xffff))
                    ]
                },
                .expect(Common.SetupConnectionSuccess.self) { success, _ in
                    success.usedVersion == 2
                        ? .pass("version 2 of 2…65535")
                        : .fail("version \(success.usedVersion); 2 is the only one there is")
                },
            ]),
        Check(
            "SV2-3.6.3-01",
            "A version that there is not is refused by SetupConnection.Error with flags 0, and closed",
            .v2,
            [
                .connect(0, .noise),
                .send { notes in
                    let role = notes.settings.role.v2Protocol ?? .mining
                    return [.message(Opening.message(role, versions: 0xfffe...0xfffe))]
                },
                .answer(
                    timeout: .fail("no answer came"), ended: .fail("closed without SetupConnection.Error")
                ) { frame, notes in
                    if (try? Common.SetupConnectionSuccess(frame: frame)) != nil {
                        return .end(.fail("version 65534 was accepted"))
                    }
                    guard let error = try? Common.SetupConnectionError(frame: frame) else { return .ignore }
                    guard error.flags == 0 else {
                        return .end(.fail("flags are \(error.flags) though the version is the reason"))
                    }
                    notes.texts["code"] = error.errorCode
                    return .next
                },
                .closes(otherwise: .fail("the connection stays open after SetupConnection.Error")),
                .judge { notes in .pass("refused: \(notes.texts["code"] ?? ""), and closed") },
            ]),
        Check(
            "SV2-3.6.3-03", "An unknown protocol is refused with flags 0", .v2,
            [
                .connect(0, .noise), .say(Opening.message(V2Protocol(rawValue: 0x7f))),
                .answer(
                    timeout: .fail("no answer came"), ended: .fail("closed without SetupConnection.Error")
                ) { frame, _ in
                    guard let error = try? Common.SetupConnectionError(frame: frame) else {
                        return (try? Common.SetupConnectionSuccess(frame: frame)) == nil
                            ? .ignore : .end(.fail("protocol 127 was accepted"))
                    }
                    return .end(
                        error.flags == 0
                            ? .pass("refused: \(error.errorCode)") : .fail("flags are \(error.flags)"))
                },
            ]),
        Check(
            "SV2-3.6.3-02", "With all flags set, the error names every unsupported flag, and the others work",
            .v2,
            flagProbe(0),
            [
                .judge { notes in
                    notes.numbers["unsupported 0"] == nil ? .skip("every flag is accepted") : nil
                },
                .connect(1, .noise),
                .send { notes in
                    let rest = ~UInt32(notes.numbers["unsupported 0"] ?? 0)
                    let role = notes.settings.role.v2Protocol ?? .mining
                    return [.message(Opening.message(role, flags: rest), on: 1)]
                },
                .answer(slot: 1, timeout: .fail("the second SetupConnection was not answered")) { frame, _ in
                    if (try? Common.SetupConnectionSuccess(frame: frame)) != nil {
                        return .end(.pass("all flags but the named ones are accepted"))
                    }
                    guard let error = try? Common.SetupConnectionError(frame: frame) else { return .ignore }
                    return .end(
                        error.flags == 0
                            ? .pass(
                                "the named flags were all; refused for another reason: \(error.errorCode)")
                            : .fail("more unsupported flags are named now: \(error.flags)"))
                },
            ]),
        Check(
            "SV2-3.6.3-04", "Two connections are told the same unsupported flags", .v2, flagProbe(0),
            flagProbe(1),
            [
                .judge { notes in
                    notes.numbers["unsupported 0"] == notes.numbers["unsupported 1"]
                        ? .pass("the same answer twice") : .fail("two connections got different flags")
                }
            ]),
        Check(
            "LAB-SETUP-01", "A second SetupConnection is not answered by a second Success", .v2,
            Opening.setupAny(),
            [
                .send { notes in [Outgoing(0, .frame(ConnectionChecks.setup(notes)))] },
                .wait(
                    Wait(
                        patience: .seconds(1),
                        hear: { heard, _ in
                            if heard.isEnd { return .end(.pass(heard.endText)) }
                            guard let frame = heard.frame,
                                (try? Common.SetupConnectionSuccess(frame: frame)) != nil
                            else { return .ignore }
                            return .end(.fail("the connection was set up twice"))
                        }, timeout: .pass("no second Success"))),
            ]),
        Check(
            "SV2-3.4.1-01",
            "A message of an unknown extension without the channel bit is discarded and ignored",
            .v2, Opening.setupAny(),
            [.send { _ in [Outgoing(0, .frame(unknown(0x4123, [1, 2, 3, 4, 5])))] }, nothingOf(0x4123)],
            ConnectionChecks.alive("after a message of an unknown extension")),
        Check(
            "SV2-3.4.1-02", "A message of an unknown extension to a channel is discarded at its endpoint",
            [.pool],
            Opening.setup(), Opening.extended(),
            [
                .send { notes in
                    let id = notes.channels().first?.id ?? 0
                    let payload = (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * UInt32($0))) }
                    return [Outgoing(0, .frame(unknown(0x8000 | 0x4123, payload + [9])))]
                }, nothingOf(0x4123),
            ], ConnectionChecks.alive("after a channel message of an unknown extension")),
        Check(
            "LAB-SETUP-02", "An unknown message number of the core protocol does not end the service", .v2,
            Opening.setupAny(), [.send { _ in [Outgoing(0, .frame(unknown(0, [], type: 0x3f)))] }],
            [
                .wait(
                    Wait(
                        patience: .milliseconds(500),
                        hear: { heard, _ in heard.isEnd ? .end(.pass(heard.endText)) : .ignore },
                        timeout: nil))
            ], ConnectionChecks.alive("after an unknown message")),
    ]

    static func unknown(_ extensionType: UInt16, _ payload: [UInt8], type: UInt8 = 0x05) -> V2Frame {
        V2Frame(extensionType: extensionType, messageType: type, payload: payload)
    }

    private static func nothingOf(_ number: UInt16) -> Step {
        .wait(
            Wait(
                patience: .milliseconds(500),
                hear: { heard, _ in
                    if heard.isEnd { return .end(.fail(heard.endText)) }
                    return heard.frame?.extensionNumber == number
                        ? .end(.fail("a message of the unknown extension came back")) : .ignore
                }, timeout: nil))
    }

    /// Sets up with every flag; notes what the error names.
    private static func flagProbe(_ slot: Int) -> [Step] {
        [
            .connect(slot, .noise),
            .send { notes in
                [.message(Opening.message(notes.settings.role.v2Protocol ?? .mining, flags: .max), on: slot)]
            },
            .answer(
                slot: slot, timeout: .fail("no answer came"), ended: .fail("closed without an answer")
            ) { frame, notes in
                if (try? Common.SetupConnectionSuccess(frame: frame)) != nil { return .next }
                guard let error = try? Common.SetupConnectionError(frame: frame) else { return .ignore }
                guard error.flags != 0 else {
                    return .end(
                        .skip("refused for another reason than its flags: \(error.errorCode)"))
                }
                notes.numbers["unsupported \(slot)"] = UInt64(error.flags)
                return .next
            },
        ]
    }
}

/// What holds for every message, whatever it is about.
enum SurveyChecks {
    static let all: [Check] = [
        Check("SV2-3.1-01", "Every message's fields fill its payload exactly", .v2) { frame in
            guard MessageCatalog.entry(of: frame) != nil else { return .irrelevant }
            let text = MessageText(frame)
            return text.fault.map { .bad("\(text.name) is malformed: \($0)") } ?? .good
        },
        Check("SV2-3.4.1-03", "Messages of the core protocols have extension type 0", .v2) { frame in
            let isNegotiation = frame.extensionNumber == V2Extension.negotiation && frame.messageType <= 2
            if frame.extensionNumber == 0 || isNegotiation { return .good }
            let name = MessageCatalog.name(of: frame)
            return .bad("\(name) came without negotiation")
        },
        Check("SV2-3.2.1-01", "The channel bit is set on channel messages and on no others", .v2) { frame in
            guard let entry = MessageCatalog.entry(of: frame) else { return .irrelevant }
            return entry.isChannelMessage == frame.isChannelMessage
                ? .good
                : .bad("\(entry.name) has the channel bit \(frame.isChannelMessage ? "set" : "clear")")
        },
        Check("SV2-8-01", "Every message is one of the specification's", .v2) { frame in
            MessageCatalog.entry(of: frame) == nil
                ? .bad("\(MessageCatalog.name(of: frame)) is unknown") : .good
        },
        Check("SV2-8-02", "The peer sends only what its side may send", .v2) { frame in
            let name = MessageCatalog.name(of: frame)
            return fromClients.contains(name) ? .bad("\(name) is a client's message") : .good
        },
        Check("SV2-3.5-01", "Error codes hold no control characters", .v2) { frame in
            guard let code = code(of: frame) else { return .irrelevant }
            return code.unicodeScalars.contains { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) }
                ? .bad("the code of \(MessageCatalog.name(of: frame)) holds a control character") : .good
        },
        Check("SV2-3.5-02", "Error codes are printable ASCII", .v2) { frame in
            guard let code = code(of: frame) else { return .irrelevant }
            return code.unicodeScalars.allSatisfy { (0x20..<0x7f).contains($0.value) }
                ? .good : .bad("the code of \(MessageCatalog.name(of: frame)) is no printable ASCII")
        },
    ]

    private static let fromClients: Set<String> = [
        "SetupConnection", "OpenStandardMiningChannel", "OpenExtendedMiningChannel", "UpdateChannel",
        "SubmitSharesStandard", "SubmitSharesExtended", "SetCustomMiningJob", "AllocateMiningJobToken",
        "ProvideMissingTransactions.Success", "DeclareMiningJob", "PushSolution",
        "CoinbaseOutputConstraints", "RequestTransactionData", "SubmitSolution", "RequestExtensions",
    ]

    private static func code(of frame: V2Frame) -> String? {
        let text = MessageText(frame)
        for name in ["error_code", "reason_code"] {
            if case .text(let code)? = text[name] { return code }
        }
        return nil
    }
}
