import Bitcoin
import SansIO
import Stratum
import Tap

/// Chapter 6: job declaration servers.
enum DeclarationChecks {
    static let all: [Check] = [
        Check(
            "SV2-6.4.2-01", "A token is given, with the request's id", [.jds], setup, token(41),
            [
                .judge { notes in
                    guard let token = notes.all(JobDeclaration.AllocateMiningJobTokenSuccess.self).first
                    else {
                        return .unknown("no token")
                    }
                    return token.miningJobToken.isEmpty
                        ? .fail("the token is empty") : .pass("\(token.miningJobToken.count) bytes")
                }
            ]),
        Check(
            "SV2-6.4.2-02", "Two requests get two tokens", [.jds], setup, token(42), token(43),
            [
                .judge { notes in
                    let tokens = notes.all(JobDeclaration.AllocateMiningJobTokenSuccess.self)
                        .map(\.miningJobToken)
                    return Set(tokens).count == tokens.count
                        ? .pass("\(tokens.count) tokens") : .fail("the same token twice")
                }
            ]),
        Check(
            "SV2-6.4.3-01", "The outputs are CompactSize-prefixed; the first is the pool's, of 0 satoshi",
            [.jds],
            setup, token(44), [.judge { judgeOutputs($0) }]),
        Check(
            "SV2-6.4.3-02", "The size of the pool's outputs does not change from token to token", [.jds],
            setup,
            token(45), token(46),
            [
                .judge { notes in
                    let sizes = notes.all(JobDeclaration.AllocateMiningJobTokenSuccess.self)
                        .map(\.coinbaseTxOutputs.count)
                    return Set(sizes).count <= 1
                        ? .pass("\(sizes.first ?? 0) bytes") : .fail("\(sizes) bytes")
                }
            ]),
        Check(
            "SV2-6.4.6-01", "A declaration with a token that nobody gave is an error with the request's id",
            [.jds],
            setup, declare([0xde, 0xad]), [declared]),
        Check(
            "SV2-6.3.1-01", "On a connection without DECLARE_TX_DATA a declaration is not accepted", [.jds],
            Opening.setup(.jobDeclaration, flags: 0), token(48), declareWithToken, [declared]),
        Check(
            "SV2-6.4.4-01", "A declaration whose coinbase cannot be read is an error with the request's id",
            [.jds],
            setup, token(49), declareWithToken, [declared]),
        Check(
            "LAB-JD-01", "PushSolution without a declared job does not end the service", [.jds], setup,
            [
                .say(
                    JobDeclaration.PushSolution(
                        extranonce: [1, 2, 3, 4], prevHash: .zero, nonce: 0, nTime: 0, nBits: 0x207f_ffff,
                        version: 0x2000_0000))
            ], ConnectionChecks.alive("after PushSolution")),
        Check(
            "LAB-JD-02", "Transactions that nobody asked for do not end the service", [.jds], setup,
            [.say(JobDeclaration.ProvideMissingTransactionsSuccess(requestID: 9, transactionList: [[1]]))],
            Opening.setup(.jobDeclaration, flags: 1, slot: 1), [.end(.pass("others are served"))]),
        Check(
            "LAB-JD-03", "A user name of 255 bytes is answered", [.jds], setup,
            [
                .say(
                    JobDeclaration.AllocateMiningJobToken(
                        userIdentifier: String(repeating: "a", count: 255), requestID: 50))
            ], ConnectionChecks.alive("after a long user name")),
    ]

    private static let setup = Opening.setup(.jobDeclaration, flags: 1)

    private static func token(_ request: UInt32) -> [Step] {
        [
            .send { notes in
                [
                    .message(
                        JobDeclaration.AllocateMiningJobToken(
                            userIdentifier: notes.settings.identity, requestID: request))
                ]
            },
            .expect(
                JobDeclaration.AllocateMiningJobTokenSuccess.self,
                where: { success, _ in success.requestID == request }),
        ]
    }

    private static func message(_ token: [UInt8]) -> JobDeclaration.DeclareMiningJob {
        JobDeclaration.DeclareMiningJob(
            requestID: 47, miningJobToken: token, version: 0x2000_0000, coinbaseTxPrefix: [1, 0, 0, 0],
            coinbaseTxSuffix: [0, 0, 0, 0], wtxidList: [], excessData: [])
    }

    private static func declare(_ token: [UInt8]) -> [Step] { [.say(message(token))] }

    private static let declareWithToken: [Step] = [
        .send { notes in
            let token = notes.all(JobDeclaration.AllocateMiningJobTokenSuccess.self).last?.miningJobToken
            return [.message(message(token ?? []))]
        }
    ]

    private static let declared = Step.answer(
        timeout: .fail("no DeclareMiningJob.Error came"), ended: .pass("the connection was closed")
    ) { frame, _ in
        if (try? JobDeclaration.DeclareMiningJobSuccess(frame: frame)) != nil {
            return .end(.fail("the declaration was accepted"))
        }
        guard let error = try? JobDeclaration.DeclareMiningJobError(frame: frame) else { return .ignore }
        return .end(
            error.requestID == 47
                ? .pass(error.errorCode) : .fail("it names request \(error.requestID) instead of 47"))
    }

    private static func judgeOutputs(_ notes: ProbeNotes) -> Verdict {
        guard let token = notes.all(JobDeclaration.AllocateMiningJobTokenSuccess.self).first else {
            return .unknown("no token")
        }
        var reader = ByteReader(token.coinbaseTxOutputs.span.bytes)
        guard let count = try? reader.compactSize() else { return .fail("the count cannot be read") }
        guard count > 0 else { return .fail("there is no output for the pool") }
        for index in 0..<count {
            guard let output = try? TransactionOutput(from: &reader) else {
                return .fail("output \(index) cannot be read")
            }
            if output.value != 0 { return .fail("output \(index) has \(output.value) satoshi") }
        }
        return reader.isAtEnd
            ? .pass("\(count) outputs of 0 satoshi") : .fail("\(reader.remaining) bytes follow the outputs")
    }
}
