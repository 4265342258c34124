import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

/// Core's script and transaction vectors.
@Suite(
    .enabled(
        if: Vectors.exists("vectors/core/script_tests.json"),
        "5 tests need vectors/core and vectors/btcd; set LAB_SHARED to the folder with vectors/"))
struct ScriptVectorsTests {
    @Test("script_tests.json: every case gives Core's result and its error")
    func scriptTests() throws {
        let cases = try Vectors.json("vectors/core/script_tests.json").arrayValue ?? []
        var judged = 0
        for one in cases {
            guard var fields = one.arrayValue, fields.count >= 4 else { continue }
            var witness: [[UInt8]] = []
            var amount: Int64 = 0
            var output: [UInt8] = []
            if var stack = fields[0].arrayValue {
                amount = RPCArguments.satoshi(stack.removeLast().numberText ?? "0") ?? 0
                (witness, output) = try Self.witness(stack.compactMap(\.stringValue))
                fields.removeFirst()
            }
            let texts = fields.prefix(4).map { $0.stringValue ?? "" }
            let scriptSig = Script(bytes: try CoreAssembly.parse(texts[0]))
            let scriptPubKey = Script(
                bytes: texts[1] == "0x51 0x20 #TAPROOTOUTPUT#"
                    ? [0x51, 0x20] + output : try CoreAssembly.parse(texts[1]))
            let flags = try CoreAssembly.flags(texts[2])
            let result = Self.run(scriptSig, scriptPubKey, witness, amount, flags)
            #expect(result == texts[3], "\(one.text)")
            judged += 1
        }
        print("script_tests.json: \(judged) cases")
        #expect(judged > 1_200)
    }

    /// Replaces the taproot placeholders: a single leaf under the library's unspendable-by-key generator
    /// point.
    static func witness(_ items: [String]) throws -> (stack: [[UInt8]], output: [UInt8]) {
        let key = try #require(SecretKey(bytes: [UInt8](repeating: 0, count: 31) + [1])).xOnlyPublicKey
        var stack: [[UInt8]] = []
        var output: [UInt8] = []
        var control: [UInt8] = []
        for item in items {
            if item.hasPrefix("#SCRIPT#") {
                let script = try CoreAssembly.parse(String(item.dropFirst(8)))
                let leaf = Taproot.leafHash(version: 0xc0, script: script)
                let tweaked = try #require(key.taprootOutputKey(merkleRoot: leaf))
                output = tweaked.key.bytes
                control = [0xc0 | (tweaked.yIsOdd ? 1 : 0)] + key.bytes
                stack.append(script)
            } else if item == "#CONTROLBLOCK#" {
                stack.append(control)
            } else {
                stack.append(try #require([UInt8](hex: item)))
            }
        }
        return (stack, output)
    }

    static func run(
        _ scriptSig: Script, _ scriptPubKey: Script, _ witness: [[UInt8]], _ amount: Int64,
        _ flags: ScriptFlags
    ) -> String {
        let credit = Transaction(
            version: 1, inputs: [TransactionInput(previousOutput: .null, scriptSig: Script(bytes: [0, 0]))],
            outputs: [TransactionOutput(value: amount, scriptPubKey: scriptPubKey)])
        let spend = Transaction(
            version: 1,
            inputs: [
                TransactionInput(
                    previousOutput: OutPoint(txid: credit.txid, index: 0), scriptSig: scriptSig,
                    witness: witness)
            ], outputs: [TransactionOutput(value: amount, scriptPubKey: Script())])
        let checker = SignatureChecker(SignatureHasher(spend, spending: credit.outputs), input: 0)
        do throws(ScriptError) {
            try ScriptVerifier.verify(
                scriptSig: scriptSig, scriptPubKey: scriptPubKey, witness: witness, flags: flags,
                checker: checker)
            return "OK"
        } catch {
            return CoreAssembly.name(error)
        }
    }

    @Test("tx_valid.json: every transaction passes with all flags but the listed ones")
    func validTransactions() throws {
        let cases = try TransactionCase.load("vectors/core/tx_valid.json")
        print("tx_valid.json: \(cases.count) cases")
        for one in cases {
            let flags = ScriptFlags.all.subtracting(one.flags)
            #expect(one.failure(flags) == nil, "\(one.text)")
        }
    }

    @Test("tx_invalid.json: every transaction fails with the listed flags")
    func invalidTransactions() throws {
        let cases = try TransactionCase.load("vectors/core/tx_invalid.json")
        print("tx_invalid.json: \(cases.count) cases")
        for one in cases {
            #expect(one.failure(one.flags) != nil, "\(one.text)")
        }
    }

    @Test("sighash.json: legacy signature hashes")
    func legacySignatureHashes() throws {
        let cases = try Vectors.json("vectors/core/sighash.json").arrayValue ?? []
        print("sighash.json: \(cases.count - 1) cases")
        for one in cases.dropFirst() {
            guard let raw = [UInt8](hex: one[0]?.stringValue ?? ""),
                let script = [UInt8](hex: one[1]?.stringValue ?? ""),
                let index = one[2]?.int64, let hashType = one[3]?.int64
            else { throw Missing() }
            let transaction = try Transaction(bytes: raw)
            let hash = SignatureHasher(transaction, spending: []).legacy(
                input: Int(index), scriptCode: script, hashType: UInt32(truncatingIfNeeded: hashType))
            #expect(hash.displayHex == one[4]?.stringValue)
        }
    }

    @Test("bip341_wallet_vectors.json: key path signature hashes")
    func taprootSignatureHashes() throws {
        let groups =
            try Vectors.json("vectors/core/bip341_wallet_vectors.json")["keyPathSpending"]?.arrayValue ?? []
        var judged = 0
        for group in groups {
            let given = group["given"]
            let transaction = try Transaction(
                bytes: [UInt8](hex: given?["rawUnsignedTx"]?.stringValue ?? "") ?? [])
            let spent = (given?["utxosSpent"]?.arrayValue ?? []).map {
                TransactionOutput(
                    value: $0["amountSats"]?.int64 ?? 0,
                    scriptPubKey: Script(hex: $0["scriptPubKey"]?.stringValue ?? "") ?? Script())
            }
            let hasher = SignatureHasher(transaction, spending: spent)
            for input in group["inputSpending"]?.arrayValue ?? [] {
                let index = Int(input["given"]?["txinIndex"]?.int64 ?? 0)
                let hashType = UInt8(input["given"]?["hashType"]?.int64 ?? 0)
                let hash = hasher.taproot(input: index, hashType: hashType, annex: nil, leaf: nil)
                #expect(hash?.hex == input["intermediary"]?["sigHash"]?.stringValue)
                judged += 1
            }
        }
        print("bip341_wallet_vectors.json: \(judged) key path inputs")
        #expect(judged == 7)
    }

    @Test(
        "script_assets_test.json: taproot and tapscript, successes and failures",
        .enabled(if: Vectors.exists("vectors/btcd/script_assets_test.json"), "1 test needs vectors/btcd"))
    func taprootAssets() throws {
        let cases = try Vectors.json("vectors/btcd/script_assets_test.json").arrayValue ?? []
        print("script_assets_test.json: \(cases.count) cases")
        for one in cases {
            let transaction = try Transaction(bytes: [UInt8](hex: one["tx"]?.stringValue ?? "") ?? [])
            let index = Int(one["index"]?.int64 ?? 0)
            let flags = try CoreAssembly.flags(one["flags"]?.stringValue ?? "")
            let spent = try (one["prevouts"]?.arrayValue ?? []).map { json in
                let bytes = [UInt8](hex: json.stringValue ?? "") ?? []
                var reader = ByteReader(bytes.span.bytes)
                return try TransactionOutput(from: &reader)
            }
            for (key, isGood) in [("success", true), ("failure", false)] {
                guard let inputs = one[key] else { continue }
                var changed = transaction.inputs
                changed[index].scriptSig = Script(hex: inputs["scriptSig"]?.stringValue ?? "") ?? Script()
                changed[index].witness = (inputs["witness"]?.arrayValue ?? []).compactMap {
                    [UInt8](hex: $0.stringValue ?? "")
                }
                let candidate = Transaction(
                    version: transaction.version, inputs: changed, outputs: transaction.outputs,
                    lockTime: transaction.lockTime)
                let hasher = SignatureHasher(candidate, spending: spent)
                let error = TransactionCase.failure(candidate, hasher, index, flags)
                #expect(
                    (error == nil) == isGood,
                    "\(one["comment"]?.stringValue ?? "") \(key) \(String(describing: error))")
            }
        }
    }

    struct Missing: Error {}
}

extension ScriptFlags {
    static let all = ScriptFlags(rawValue: (1 << 21) - 1)
}

/// One case of tx_valid.json or tx_invalid.json.
struct TransactionCase {
    var text: String
    var outputs: [OutPoint: TransactionOutput]
    var bytes: [UInt8]
    var flags: ScriptFlags

    static func load(_ path: String) throws -> [TransactionCase] {
        try (try Vectors.json(path).arrayValue ?? []).compactMap { one in
            guard let fields = one.arrayValue, fields.count >= 3, let inputs = fields[0].arrayValue else {
                return nil
            }
            var outputs: [OutPoint: TransactionOutput] = [:]
            for input in inputs {
                let txid = try #require(Hash256(displayHex: input[0]?.stringValue ?? ""))
                let index = UInt32(truncatingIfNeeded: input[1]?.int64 ?? 0)
                outputs[OutPoint(txid: txid, index: index)] = TransactionOutput(
                    value: input[3]?.int64 ?? 0,
                    scriptPubKey: Script(bytes: try CoreAssembly.parse(input[2]?.stringValue ?? "")))
            }
            return TransactionCase(
                text: one.text, outputs: outputs, bytes: [UInt8](hex: fields[1].stringValue ?? "") ?? [],
                flags: try CoreAssembly.flags(fields[2].stringValue ?? ""))
        }
    }

    /// Why the transaction fails; nil if it passes.
    func failure(_ flags: ScriptFlags) -> String? {
        guard let transaction = try? Transaction(bytes: bytes) else { return "undecodable" }
        do throws(Rejection) { try TransactionChecks.contextFree(transaction) } catch { return error.reason }
        let spent = transaction.inputs.map {
            outputs[$0.previousOutput] ?? TransactionOutput(value: 0, scriptPubKey: Script())
        }
        let hasher = SignatureHasher(transaction, spending: spent)
        for index in transaction.inputs.indices {
            if let error = Self.failure(transaction, hasher, index, flags) { return "\(error)" }
        }
        return nil
    }

    static func failure(
        _ transaction: Transaction, _ hasher: SignatureHasher, _ index: Int, _ flags: ScriptFlags
    ) -> ScriptError? {
        do throws(ScriptError) {
            try ScriptVerifier.verify(
                scriptSig: transaction.inputs[index].scriptSig,
                scriptPubKey: hasher.spentOutputs[index].scriptPubKey,
                witness: transaction.inputs[index].witness,
                flags: flags, checker: SignatureChecker(hasher, input: index))
            return nil
        } catch {
            return error
        }
    }
}
