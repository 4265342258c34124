import Bitcoin

/// What Core relays by default, beyond what blocks may hold.
enum Policy {
    /// Core's IsStandardTx, and the least size.
    static func standard(_ transaction: Transaction, _ options: MempoolOptions) throws(Rejection) {
        if options.requiresStandard {
            guard (1...3).contains(transaction.version) else { throw .policy("version") }
            if transaction.weight > ChainLimits.standardWeight { throw .policy("tx-size") }
            for input in transaction.inputs {
                if input.scriptSig.bytes.count > ChainLimits.standardScriptSig {
                    throw .policy("scriptsig-size")
                }
                if !ScriptVerifier.isPushOnly(input.scriptSig.bytes) {
                    throw .policy("scriptsig-not-pushonly")
                }
            }
            try outputs(transaction, options)
        }
        if transaction.baseSize < ChainLimits.standardSizeMin { throw .policy("tx-size-small") }
    }

    private static func outputs(_ transaction: Transaction, _ options: MempoolOptions) throws(Rejection) {
        var dataBytes = 0
        for output in transaction.outputs {
            switch output.scriptPubKey.kind {
            case .nonStandard: throw .policy("scriptpubkey")
            case .nullData:
                dataBytes += output.scriptPubKey.bytes.count
                if dataBytes > options.dataCarrierMax { throw .policy("datacarrier") }
            case .multisig:
                let keys = Int(output.scriptPubKey.bytes[output.scriptPubKey.bytes.count - 2]) - 0x50
                if keys > 3 { throw .policy("scriptpubkey") }
                if !options.permitsBareMultisig { throw .policy("bare-multisig") }
            default: break
            }
        }
        if dust(in: transaction, options).count > ChainLimits.dustOutputs { throw .policy("dust") }
    }

    /// Satoshi below which an output costs more to spend than it is worth (Core's GetDustThreshold).
    static func dustThreshold(_ output: TransactionOutput, rate: Int64 = ChainLimits.dustFeeRate) -> Int64 {
        let script = output.scriptPubKey.bytes
        if CoinSet.isUnspendable(script) { return 0 }
        let own = 8 + BlockChecks.compactSizeLength(script.count) + script.count
        let spend = WitnessProgram(script) == nil ? 32 + 4 + 1 + 107 + 4 : 32 + 4 + 1 + 107 / 4 + 4
        return fee(rate: rate, virtualSize: own + spend)
    }

    /// The outputs that are dust, by their numbers.
    static func dust(in transaction: Transaction, _ options: MempoolOptions) -> [Int] {
        transaction.outputs.indices.filter {
            transaction.outputs[$0].value
                < dustThreshold(transaction.outputs[$0], rate: options.dustFeeRate)
        }
    }

    /// Core's ValidateInputsStandardness and IsWitnessStandard.
    static func inputs(_ transaction: Transaction, spending coins: [Coin]) throws(Rejection) {
        var operations = 0
        for (input, coin) in zip(transaction.inputs, coins) {
            operations += SignatureOperations.count(input.scriptSig.bytes, accurate: true)
            operations += SignatureOperations.count(coin.scriptPubKey.bytes, accurate: true)
            if ScriptVerifier.isScriptHash(coin.scriptPubKey.bytes),
                let redeem = lastPush(input.scriptSig.bytes)
            {
                operations += SignatureOperations.count(redeem, accurate: true)
            }
            if operations > ChainLimits.standardLegacySigOps {
                throw nonstandard("non-witness sigops exceed bip54 limit")
            }
        }
        for (index, coin) in coins.enumerated() {
            switch coin.scriptPubKey.kind {
            case .nonStandard: throw nonstandard("input \(index) script unknown")
            case .witnessUnknown where coin.scriptPubKey.bytes != payToAnchor:
                throw nonstandard("input \(index) witness program is undefined")
            case .scriptHash:
                guard let redeem = lastPush(transaction.inputs[index].scriptSig.bytes) else {
                    throw nonstandard("input \(index) P2SH redeemscript missing")
                }
                let count = SignatureOperations.count(redeem, accurate: true)
                if count > ChainLimits.standardP2SHSigOps {
                    throw nonstandard(
                        "p2sh redeemscript sigops exceed limit "
                            + "(input \(index): \(count) > \(ChainLimits.standardP2SHSigOps))")
                }
            default: break
            }
        }
        for (input, coin) in zip(transaction.inputs, coins) where !isStandardWitness(input, coin) {
            throw Rejection(.witnessMutated, "bad-witness-nonstandard")
        }
    }

    private static func nonstandard(_ detail: String) -> Rejection {
        .policy("bad-txns-nonstandard-inputs", detail: detail)
    }

    private static func isStandardWitness(_ input: TransactionInput, _ coin: Coin) -> Bool {
        let stack = input.witness
        guard let top = stack.last else { return true }
        if coin.scriptPubKey.bytes == payToAnchor { return false }
        var program = WitnessProgram(coin.scriptPubKey.bytes)
        let isP2SH = ScriptVerifier.isScriptHash(coin.scriptPubKey.bytes)
        if isP2SH { program = lastPush(input.scriptSig.bytes).flatMap { WitnessProgram($0) } }
        guard let program else { return false }
        if program.version == 0, program.bytes.count == 32 {
            return top.count <= 3_600 && stack.count <= 101 && stack.dropLast().allSatisfy { $0.count <= 80 }
        }
        guard program.version == 1, program.bytes.count == 32, !isP2SH, stack.count >= 2 else { return true }
        if top.first == 0x50 || top.isEmpty { return false }
        return top[0] & 0xfe != 0xc0 || stack.dropLast(2).allSatisfy { $0.count <= 80 }
    }

    /// Whether it spends an output that only a witness can open, but for those that anybody can: then a
    /// failure without witnesses says nothing about the transaction with them.
    static func needsWitness(_ transaction: Transaction, spending coins: [Coin]) -> Bool {
        zip(transaction.inputs, coins).contains { input, coin in
            let script = coin.scriptPubKey.bytes
            if WitnessProgram(script) != nil { return script != payToAnchor }
            guard ScriptVerifier.isScriptHash(script) else { return false }
            return lastPush(input.scriptSig.bytes).flatMap { WitnessProgram($0) } != nil
        }
    }

    /// Fee for `virtualSize` at `rate` satoshi per 1000 virtual bytes, rounded up; saturates.
    static func fee(rate: Int64, virtualSize: Int) -> Int64 {
        let (product, overflow) = rate.multipliedReportingOverflow(by: Int64(virtualSize))
        if overflow { return ChainLimits.moneyMax }
        let (quotient, rest) = product.quotientAndRemainder(dividingBy: 1000)
        return min(quotient + (rest > 0 ? 1 : 0), ChainLimits.moneyMax)
    }

    /// BIP433's output that anybody may spend to raise a fee.
    static let payToAnchor: [UInt8] = [0x51, 0x02, 0x4e, 0x73]

    /// What a script of pushes leaves on top of the stack; nil if it pushes nothing.
    private static func lastPush(_ script: [UInt8]) -> [UInt8]? {
        var reader = ScriptReader(script)
        var last: [UInt8]?
        while let (opcode, push) = reader.next() {
            switch opcode {
            case 0...0x4e: last = Array(script[push])
            case 0x4f: last = [0x81]
            case 0x51...0x60: last = [opcode - 0x50]
            default: return nil
            }
        }
        return last
    }
}
