import Bitcoin
import SansIO
import Stratum
import Tap

/// Chapter 7: template providers.
enum TemplateChecks {
    static let all: [Check] = templates + data

    private static func begin(size: UInt32 = 200, sigops: UInt16 = 8, slot: Int = 0) -> [Step] {
        Opening.setup(.templateDistribution, slot: slot) + [
            .say(
                TemplateDistribution.CoinbaseOutputConstraints(
                    coinbaseOutputMaxAdditionalSize: size, coinbaseOutputMaxAdditionalSigops: sigops),
                on: slot)
        ]
    }

    private static let templates: [Check] = [
        Check(
            "SV2-7-01", "CoinbaseOutputConstraints is answered by a template at once", [.tp], begin(),
            [
                .expect(TemplateDistribution.NewTemplate.self),
                .judge { notes in
                    .pass("template \(notes.all(TemplateDistribution.NewTemplate.self)[0].templateID)")
                },
            ]),
        Check(
            "SV2-7.3-01", "A future template comes before the SetNewPrevHash that names it", [.tp], begin(),
            [
                .expect(TemplateDistribution.SetNewPrevHash.self) { tip, notes in
                    notes.all(TemplateDistribution.NewTemplate.self).contains {
                        $0.templateID == tip.templateID && $0.futureTemplate
                    }
                        ? .pass("template \(tip.templateID)")
                        : .fail("template \(tip.templateID) did not come before as a future template")
                }
            ]),
        Check(
            "SV2-7.2-01", "Template ids grow strictly", [.tp], begin(),
            [.expect(TemplateDistribution.SetNewPrevHash.self)],
            [
                .say(
                    TemplateDistribution.CoinbaseOutputConstraints(
                        coinbaseOutputMaxAdditionalSize: 400, coinbaseOutputMaxAdditionalSigops: 8)),
                .rest(.seconds(2)),
                .judge { notes in
                    let ids = notes.all(TemplateDistribution.NewTemplate.self).map(\.templateID)
                    return zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 }
                        ? .pass("\(ids)") : .fail("\(ids)")
                },
            ]),
        Check(
            "SV2-7.2-02", "coinbase_prefix has at most 8 bytes", [.tp], begin(),
            [
                template {
                    $0.coinbasePrefix.count <= 8
                        ? .pass("\($0.coinbasePrefix.count) bytes")
                        : .fail("\($0.coinbasePrefix.count) bytes")
                }
            ]),
        Check(
            "SV2-7.2-03", "coinbase_tx_outputs are as many outputs as the count says, without a prefix",
            [.tp],
            begin(),
            [
                template { template in
                    var reader = ByteReader(template.coinbaseTxOutputs.span.bytes)
                    for index in 0..<template.coinbaseTxOutputsCount {
                        guard (try? TransactionOutput(from: &reader)) != nil else {
                            return .fail("output \(index) cannot be read")
                        }
                    }
                    return reader.isAtEnd
                        ? .pass("\(template.coinbaseTxOutputsCount) outputs")
                        : .fail("\(reader.remaining) bytes follow the last output")
                }
            ]),
        Check(
            "SV2-7.2-04", "The outputs carry the witness commitment", [.tp], begin(),
            [
                template { template in
                    let mark: [UInt8] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed]
                    let bytes = template.coinbaseTxOutputs
                    let isThere =
                        bytes.count >= mark.count
                        && (0...bytes.count - mark.count).contains { Array(bytes[$0..<$0 + 6]) == mark }
                    if isThere { return .pass("an OP_RETURN output with aa21a9ed") }
                    return template.merklePath.isEmpty
                        ? .skip("the template has no transactions") : .fail("no output with aa21a9ed")
                }
            ]),
        Check(
            "SV2-7.3-02", "nBits is a target, and target is not above it", [.tp], begin(),
            [
                .expect(TemplateDistribution.SetNewPrevHash.self) { tip, _ in
                    guard let bits = CompactTarget(bits: tip.nBits).target else {
                        return .fail("nBits \(tip.nBits) is no target")
                    }
                    return tip.target <= bits
                        ? .pass("difficulty \(bits.difficulty)") : .fail("the target is above nBits")
                }
            ]),
        Check(
            "SV2-7.3-03", "Two clients are told the same previous hash", [.tp], begin(), begin(slot: 1),
            [
                .expect(TemplateDistribution.SetNewPrevHash.self),
                .expect(TemplateDistribution.SetNewPrevHash.self, slot: 1),
                .judge { notes in
                    let first = notes.all(TemplateDistribution.SetNewPrevHash.self, slot: 0).last?.prevHash
                    let second = notes.all(TemplateDistribution.SetNewPrevHash.self, slot: 1).last?.prevHash
                    return first == second ? .pass("the same") : .unknown("a block came in between")
                },
            ]),
    ]

    private static func template(
        _ judge: @escaping @Sendable (TemplateDistribution.NewTemplate) -> Verdict
    ) -> Step {
        .expect(TemplateDistribution.NewTemplate.self) { message, _ in judge(message) }
    }

    /// Asks for the first template's transactions.
    private static let ask: [Step] = [
        .expect(TemplateDistribution.NewTemplate.self) { template, notes in
            notes.numbers["template"] = template.templateID
            return nil
        },
        .send { notes in
            [
                .message(
                    TemplateDistribution.RequestTransactionData(templateID: notes.numbers["template"] ?? 0))
            ]
        },
    ]

    private static let data: [Check] = [
        Check(
            "SV2-7.5-01", "RequestTransactionData is answered for a template that was just sent", [.tp],
            begin(), ask,
            [
                .expect(TemplateDistribution.RequestTransactionDataSuccess.self) { answer, notes in
                    answer.templateID == notes.numbers["template"]
                        ? .pass("\(answer.transactionList.count) transactions")
                        : .fail("it names template \(answer.templateID)")
                }
            ]),
        Check(
            "SV2-7.5-02", "The merkle path is that of the transactions", [.tp], begin(), ask,
            [
                .expect(TemplateDistribution.RequestTransactionDataSuccess.self) { answer, notes in
                    let template = notes.all(TemplateDistribution.NewTemplate.self).first {
                        $0.templateID == answer.templateID
                    }
                    var leaves = [Hash256.zero]
                    for bytes in answer.transactionList {
                        guard let transaction = try? Transaction(bytes: bytes) else {
                            return .fail("transaction \(leaves.count - 1) cannot be read")
                        }
                        leaves.append(transaction.txid)
                    }
                    return Merkle.path(forFirstOf: leaves) == template?.merklePath
                        ? .pass(
                            "\(template?.merklePath.count ?? 0) hashes of \(leaves.count - 1) transactions")
                        : .fail("the path does not follow from the \(leaves.count - 1) transactions")
                }
            ]),
        Check(
            "SV2-7.1-01", "Space is kept for the announced outputs: weight stays in the block's bounds",
            [.tp],
            begin(size: 500_000), ask,
            [
                .expect(TemplateDistribution.RequestTransactionDataSuccess.self) { answer, _ in
                    let weight = answer.transactionList.reduce(0) { sum, bytes in
                        sum + ((try? Transaction(bytes: bytes))?.weight ?? 0)
                    }
                    let all = weight + 1_168 + 4 * 500_000
                    return all <= 4_000_000
                        ? .pass("\(all) weight units") : .fail("\(all) weight units in the whole block")
                }
            ]),
        Check(
            "SV2-7.6-01", "RequestTransactionData of a template that there is not is an error with its id",
            [.tp],
            begin(),
            [
                .expect(TemplateDistribution.NewTemplate.self),
                .say(TemplateDistribution.RequestTransactionData(templateID: 0xffff_ffff_ffff)),
                .expect(TemplateDistribution.RequestTransactionDataError.self) { error, _ in
                    error.templateID == 0xffff_ffff_ffff
                        ? .pass(error.errorCode) : .fail("it names template \(error.templateID)")
                },
            ]),
        Check(
            "LAB-TP-01", "A solution for a template that there is not does not end the service", [.tp],
            begin(),
            [
                .expect(TemplateDistribution.NewTemplate.self),
                .say(
                    TemplateDistribution.SubmitSolution(
                        templateID: 0xffff_ffff_ffff, version: 0x2000_0000, headerTimestamp: 0,
                        headerNonce: 0, coinbaseTx: [1, 2, 3])),
            ], ConnectionChecks.alive("after a solution of an unknown template")),
        Check(
            "SV2-7-02", "A solved block is broadcast, and its SetNewPrevHash follows", [.tp],
            [
                .judge { notes in
                    notes.settings.minesBlocks ? nil : .skip("it would find a block: --mine-blocks")
                }
            ], begin(),
            [
                .expect(TemplateDistribution.SetNewPrevHash.self),
                .send { notes in
                    guard let (solution, hash) = solution(notes) else { return [] }
                    notes.texts["block"] = hash.hex
                    return [.message(solution)]
                },
                .judge { $0.texts["block"] == nil ? .skip("the network's difficulty is too high") : nil },
                .expect(
                    TemplateDistribution.SetNewPrevHash.self,
                    then: { tip, _ in .pass("the tip is \(tip.prevHash.displayHex)") },
                    where: { tip, notes in tip.prevHash.hex == notes.texts["block"] }),
            ]),
        Check(
            "SV2-7-03",
            "A template for more outputs than a block holds is not a template of an oversize block", [.tp],
            begin(size: 2_000_000),
            [
                .rest(.seconds(1)),
                .judge { notes in
                    notes.all(TemplateDistribution.NewTemplate.self).isEmpty || notes.isClosed()
                        ? .pass("no template was sent")
                        : .fail("a template was sent though 8,000,000 weight units of outputs fit no block")
                },
            ]),
    ]

    /// A coinbase that takes all of the value, and a nonce for it.
    private static func solution(
        _ notes: ProbeNotes
    ) -> (TemplateDistribution.SubmitSolution, Hash256)? {
        guard let tip = notes.all(TemplateDistribution.SetNewPrevHash.self).last,
            let template = notes.all(TemplateDistribution.NewTemplate.self).last(where: {
                $0.templateID == tip.templateID
            }), tip.target.expectedHashes < ConformanceLimits.hashesPerShare
        else { return nil }
        var outputs = [
            TransactionOutput(
                value: Int64(clamping: template.coinbaseTxValueRemaining),
                scriptPubKey: Script([UInt8(0x51)]))
        ]
        var reader = ByteReader(template.coinbaseTxOutputs.span.bytes)
        for _ in 0..<template.coinbaseTxOutputsCount {
            guard let output = try? TransactionOutput(from: &reader) else { return nil }
            outputs.append(output)
        }
        let coinbase = Transaction(
            version: template.coinbaseTxVersion,
            inputs: [
                TransactionInput(
                    previousOutput: OutPoint(txid: .zero, index: .max),
                    scriptSig: Script(template.coinbasePrefix + [0x04, 0x63, 0x6f, 0x6e, 0x66]),
                    sequence: template.coinbaseTxInputSequence,
                    witness: [[UInt8](repeating: 0, count: 32)])
            ], outputs: outputs, lockTime: template.coinbaseTxLocktime)
        var header = BlockHeader(
            version: template.version, previousBlockHash: tip.prevHash,
            merkleRoot: Merkle.root(first: coinbase.txid, path: template.merklePath),
            time: tip.headerTimestamp, bits: CompactTarget(bits: tip.nBits), nonce: 0)
        guard
            let nonce = HeaderScanner(header: header).find(target: tip.target, nonces: 0..<(1 << 32))
        else { return nil }
        header.nonce = nonce
        return (
            TemplateDistribution.SubmitSolution(
                templateID: template.templateID, version: header.version, headerTimestamp: header.time,
                headerNonce: nonce, coinbaseTx: coinbase.bytes()), header.hash
        )
    }
}
