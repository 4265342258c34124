import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

/// Witnesses that the satisfier makes, before the interpreter and before Bitcoin Core's.
@Suite struct MiniscriptSpendTests {
    /// Keys, preimages and a transaction, each there or not.
    private struct Spender: MiniscriptSatisfier {
        var keys: [[UInt8]]
        var secrets: [[UInt8]: SecretKey] = [:]
        var preimages: [[UInt8]: [UInt8]] = [:]
        var hasher: SignatureHasher
        var script: Script
        var leaf: Hash256?

        mutating func signature(_ key: Int) -> [UInt8]? {
            guard let secret = secrets[keys[key]] else { return nil }
            if let leaf {
                return hasher.taproot(input: 0, hashType: 0, annex: nil, leaf: (leaf, codeSeparator: .max))
                    .map { secret.signSchnorr($0) }
            }
            return secret.signECDSA(
                hasher.witnessV0(input: 0, scriptCode: script.bytes, value: 1_000, hashType: 1), grinds: true)
                + [1]
        }
        func publicKey(_ key: Int) -> [UInt8] { keys[key] }
        func preimage(_ function: Miniscript.HashFunction, _ digest: [UInt8]) -> [UInt8]? {
            preimages[digest]
        }
        func isMet(older value: UInt32) -> Bool {
            SignatureChecker(hasher, input: 0).isSequenceMet(Int64(value))
        }
        func isMet(after value: UInt32) -> Bool {
            SignatureChecker(hasher, input: 0).isLockTimeMet(Int64(value))
        }
    }

    /// The secrets of the vectors' keys, and what lies behind their digests.
    static let secrets: [[UInt8]: SecretKey] = {
        var found: [[UInt8]: SecretKey] = [:]
        for number in 1...255 {
            let bytes = SHA256.hash(Array("miniscript key \(number)".utf8)).bytes
            guard let secret = SecretKey(bytes: bytes) else { continue }
            found[secret.publicKey.bytes] = secret
        }
        return found
    }()
    static let preimages: [[UInt8]: [UInt8]] = {
        var found: [[UInt8]: [UInt8]] = [:]
        for byte in UInt8(1)...100 {
            let preimage = [UInt8](repeating: byte, count: 32)
            let once = SHA256.hash(preimage).bytes
            for digest in [
                once, SHA256.hash(once).bytes, RIPEMD160.hash(preimage).bytes, hash160(preimage).bytes,
            ] { found[digest] = preimage }
        }
        return found
    }()

    @Test(
        "Whatever is known, a satisfaction is found when there is one, stays within its bounds and unlocks",
        arguments: [Miniscript.Context.witnessScript, .tapscript])
    func satisfactions(context: Miniscript.Context) throws {
        let isTapscript = context == .tapscript
        var random = PRNG(seed: isTapscript ? 2 : 1)
        var made = 0
        for row in try Vectors.own("miniscript/expressions.json") {
            let text = try #require(row["expression"]?.stringValue)
            let mode = try #require(row["mode"]?.int64)
            guard mode & 1 != 0, mode & (isTapscript ? 32 : 16) == 0 else { continue }
            var points: [[UInt8]] = []
            let parsed = try Miniscript.parse(text.utf8, context) { (text) throws(DescriptorError) in
                points.append([UInt8](hex: String(decoding: text, as: UTF8.self)) ?? [])
                return points.count - 1
            }
            let tree = try #require(parsed)
            let keys = points.map { isTapscript ? Array($0.dropFirst()) : $0 }
            let script = tree.script(keys: keys)
            for round in 0..<6 {
                let knows = UInt64(round) * 20
                var spender = try #require(
                    Self.spender(tree, script, text, keys, random: &random, percent: knows))
                for point in points where random.chance(knows, in: 100) {
                    spender.secrets[isTapscript ? Array(point.dropFirst()) : point] = Self.secrets[point]
                }
                for (digest, preimage) in Self.preimages.sorted(by: { $0.key.hex < $1.key.hex })
                where random.chance(knows, in: 100) {
                    spender.preimages[digest] = preimage
                }
                let safe = tree.satisfy(&spender)
                let any = tree.satisfy(&spender, allowsMalleable: true)
                if let safe {
                    #expect(safe == any)
                    #expect(safe.count <= tree.bounds.stackSize ?? -1)
                    #expect(safe.reduce(safe.count) { $0 + $1.count } <= tree.bounds.witnessSize ?? -1)
                }
                guard let any, tree.hasValidSatisfactions else { continue }
                #expect(Self.unlocks(any, script, spender.hasher, isTapscript), "\(text)")
                made += 1
            }
        }
        #expect(made > 100)
    }

    private static func spend(_ script: Script, isTapscript: Bool) -> (output: Script, end: [[UInt8]]) {
        guard isTapscript, let key = secrets.values.first?.publicKey.xOnly,
            let spend = TaprootSpend(internalKey: key, tree: [(script.bytes, 0xc0, 0)])
        else { return (.p2wsh(SHA256.hash(script.bytes)), [script.bytes]) }
        return (.p2tr(spend.outputKey), [script.bytes, spend.controlBlock(spend.leaves[0])])
    }

    /// A spending transaction whose lock time and sequence are of those in the text, or none.
    private static func spender(
        _ tree: Miniscript, _ script: Script, _ text: String, _ keys: [[UInt8]], random: inout PRNG,
        percent: UInt64
    ) -> Spender? {
        func values(_ name: String) -> [UInt32] {
            text.split(separator: name + "(").dropFirst().compactMap {
                UInt32($0.prefix { $0.isNumber })
            }
        }
        let older = values("older")
        let after = values("after")
        func drawn(_ values: [UInt32]) -> UInt32 {
            guard !values.isEmpty, random.chance(percent, in: 100) else { return 0 }
            return values[Int(random.below(UInt64(values.count)))]
        }
        let isTapscript = tree.context == .tapscript
        let output = TransactionOutput(
            value: 1_000, scriptPubKey: spend(script, isTapscript: isTapscript).output)
        var input = TransactionInput(previousOutput: OutPoint(txid: SHA256.hash([UInt8(9)]), index: 0))
        input.sequence = drawn(older)
        let transaction = Transaction(
            version: 2, inputs: [input], outputs: [TransactionOutput(value: 1, scriptPubKey: .anyone)],
            lockTime: drawn(after))
        return Spender(
            keys: keys, hasher: SignatureHasher(transaction, spending: [output]), script: script,
            leaf: isTapscript ? TaprootSpend.Leaf(script: script.bytes).hash : nil)
    }

    private static func unlocks(
        _ stack: [[UInt8]], _ script: Script, _ hasher: SignatureHasher, _ isTapscript: Bool
    ) -> Bool {
        let spent = hasher.spentOutputs[0]
        return SignedInput.verifies(
            scriptSig: Script(), witness: stack + spend(script, isTapscript: isTapscript).end,
            scriptPubKey: spent.scriptPubKey, value: spent.value, hasher: hasher, input: 0,
            knowsAllSpent: true)
    }

    @Test("A wallet pays from miniscript with a preimage that a PSBT brings")
    func preimageInPSBT() throws {
        var node = try WalletTests.funded()
        let key = try #require(ExtendedKey(seed: [UInt8](repeating: 8, count: 32))?.text(network: .regtest))
        let preimage = [UInt8](repeating: 1, count: 32)
        let body = "wsh(and_v(v:pk(\(key)/*),sha256(\(SHA256.hash(preimage).bytes.hex))))"
        let text = OutputDescriptor.withChecksum(body)
        _ = try node.call("createwallet", ["m", false, true])
        let imported = try node.call(
            "importdescriptors", [[["desc": .string(text), "timestamp": "now", "range": 2]]], wallet: "m")
        #expect(imported[0]?["success"] == true, "\(imported.text)")
        let address = try #require(try node.call("deriveaddresses", [.string(text), [0, 0]])[0])
        _ = try node.call("sendtoaddress", [address, 1], wallet: "w")
        let miner = try node.call("getnewaddress", wallet: "w")
        _ = try node.call("generatetoaddress", [1, miner])
        let coin = try #require(try node.call("listunspent", wallet: "m")[0])
        let inputs: JSON = [["txid": coin["txid"] ?? .null, "vout": coin["vout"] ?? .null]]
        let bare = try node.call(
            "createpsbt", [inputs, [.object([miner.stringValue ?? "": "0.9999"])]], wallet: "m")
        let half = try node.call("walletprocesspsbt", [bare], wallet: "m")
        #expect(half["complete"] == false)
        var psbt = try PSBT(base64: half["psbt"]?.stringValue ?? "")
        psbt.inputs[0].preimages[1].insert(SHA256.hash(preimage).bytes, preimage)
        let whole = try node.call("finalizepsbt", [.string(psbt.base64)])
        #expect(whole["complete"] == true, "\(whole.text)")
        _ = try node.call("sendrawtransaction", [whole["hex"] ?? .null])
    }
}

/// What the wallet signs, as Bitcoin Core's consensus engine sees it.
@Suite(
    .enabled(
        if: KernelJudge.isPresent,
        "1 test needs py-bitcoinkernel: `./lab test` installs it, or set LAB_KERNEL_PYTHON to a Python that has it"
    ))
struct WalletKernelTests {
    @Test("Blocks with spends of every type that the wallet signs are good for libbitcoinkernel")
    func spends() throws {
        var node = try WalletTests.funded()
        let miner = try node.call("getnewaddress", wallet: "w")
        _ = try node.call("createwallet", ["types"])
        for type in ["legacy", "p2sh-segwit", "bech32", "bech32m"] {
            let target = try node.call("getnewaddress", ["", .string(type)], wallet: "types")
            _ = try node.call("sendtoaddress", [target, 1], wallet: "w")
        }
        _ = try node.call("generatetoaddress", [1, miner])
        let all = try node.call("sendall", [[miner]], wallet: "types")
        #expect(all["complete"] == true, "\(all.text)")
        try WalletTests.spendScripts(&node, from: "w")
        let judge = try KernelJudge()
        for block in node.blocks {
            let verdict = try judge.block(block)
            #expect(verdict.reason == nil, "\(verdict)")
        }
        let tip = try node.call("getbestblockhash").stringValue
        #expect(try judge.block(node.blocks[0]).tip == tip)
    }
}
