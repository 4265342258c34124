import Bitcoin

/// What Core relays by default, beyond what blocks may hold.
enum Policy {
    /// Core's IsStandardTx.
    static func standard(_ transaction: Transaction) throws(Rejection) {
        guard (1...3).contains(transaction.version) else { throw .policy("version") }
        if transaction.weight > ChainLimits.standardWeight { throw .policy("tx-size") }
        for input in transaction.inputs {
            if input.scriptSig.bytes.count > ChainLimits.standardScriptSig { throw .policy("scriptsig-size") }
            if !ScriptVerifier.isPushOnly(input.scriptSig.bytes) { throw .policy("scriptsig-not-pushonly") }
        }
        var dataBytes = 0
        for output in transaction.outputs {
            switch output.scriptPubKey.kind {
            case .nonStandard: throw .policy("scriptpubkey")
            case .nullData:
                dataBytes += output.scriptPubKey.bytes.count
                if dataBytes > ChainLimits.dataCarrier { throw .policy("datacarrier") }
            case .multisig:
                let keys = Int(output.scriptPubKey.bytes[output.scriptPubKey.bytes.count - 2]) - 0x50
                if keys > 3 { throw .policy("scriptpubkey") }
            default: break
            }
        }
        if transaction.baseSize < 65 { throw .policy("tx-size-small") }
    }

    /// Satoshi below which an output costs more to spend than it is worth (Core's GetDustThreshold).
    static func dustThreshold(_ output: TransactionOutput) -> Int64 {
        let script = output.scriptPubKey.bytes
        if CoinSet.isUnspendable(script) { return 0 }
        let own = 8 + BlockChecks.compactSizeLength(script.count) + script.count
        let spend = WitnessProgram(script) == nil ? 32 + 4 + 1 + 107 + 4 : 32 + 4 + 1 + 107 / 4 + 4
        return Int64(own + spend) * ChainLimits.dustFeeRate / 1000
    }

    /// Core's ValidateInputsStandardness and IsWitnessStandard.
    static func inputs(_ transaction: Transaction, spending coins: [Coin]) throws(Rejection) {
        for (index, coin) in coins.enumerated() {
            switch coin.scriptPubKey.kind {
            case .nonStandard:
                throw .policy("bad-txns-nonstandard-inputs", detail: "input \(index) script unknown")
            case .witnessUnknown:
                if coin.scriptPubKey.bytes == payToAnchor { continue }
                throw .policy(
                    "bad-txns-nonstandard-inputs", detail: "input \(index) witness program is undefined")
            case .scriptHash:
                guard let redeem = lastPush(transaction.inputs[index].scriptSig.bytes) else {
                    throw .policy(
                        "bad-txns-nonstandard-inputs", detail: "input \(index) P2SH redeemscript missing")
                }
                let operations = SignatureOperations.count(redeem, accurate: true)
                if operations > 15 {
                    throw .policy(
                        "bad-txns-nonstandard-inputs",
                        detail: "input \(index) P2SH sigops count \(operations) exceeds limit 15")
                }
            default: break
            }
            try witness(transaction.inputs[index], coin)
        }
    }

    private static func witness(_ input: TransactionInput, _ coin: Coin) throws(Rejection) {
        guard !input.witness.isEmpty else { return }
        if coin.scriptPubKey.bytes == payToAnchor { throw .policy("bad-witness-nonstandard") }
        var program = WitnessProgram(coin.scriptPubKey.bytes)
        let isP2SH = ScriptVerifier.isScriptHash(coin.scriptPubKey.bytes)
        if isP2SH { program = lastPush(input.scriptSig.bytes).flatMap { WitnessProgram($0) } }
        guard let program else { throw .policy("bad-witness-nonstandard") }
        let stack = input.witness
        if program.version == 0, program.bytes.count == 32 {
            guard stack[stack.count - 1].count <= 3_600, stack.count <= 101,
                stack.dropLast().allSatisfy({ $0.count <= 80 })
            else { throw .policy("bad-witness-nonstandard") }
        }
        if program.version == 1, program.bytes.count == 32, !isP2SH {
            if stack.count >= 2, stack[stack.count - 1].first == 0x50 {
                throw .policy("bad-witness-nonstandard")
            }
            if stack.count >= 2, let control = stack.last {
                if control.isEmpty { throw .policy("bad-witness-nonstandard") }
                if control[0] & 0xfe == 0xc0, stack.dropLast(2).contains(where: { $0.count > 80 }) {
                    throw .policy("bad-witness-nonstandard")
                }
            }
        }
    }

    /// Fee for `virtualSize` at `rate` satoshi per 1000 virtual bytes, rounded up; saturates.
    static func fee(rate: Int64, virtualSize: Int) -> Int64 {
        let (product, overflow) = rate.multipliedReportingOverflow(by: Int64(virtualSize))
        if overflow { return ChainLimits.moneyMax }
        let (quotient, rest) = product.quotientAndRemainder(dividingBy: 1000)
        return min(quotient + (rest > 0 ? 1 : 0), ChainLimits.moneyMax)
    }

    /// Whether a fee over a size is strictly the better rate; exact.
    static func isBetter(_ fee: Int64, over size: Int, than other: Int64, over otherSize: Int) -> Bool {
        let a = fee.multipliedFullWidth(by: Int64(otherSize))
        let b = other.multipliedFullWidth(by: Int64(size))
        return (a.high, a.low) > (b.high, b.low)
    }

    /// BIP-less convention of Core 28: an output that anybody may spend to raise a fee.
    static let payToAnchor: [UInt8] = [0x51, 0x02, 0x4e, 0x73]

    private static func lastPush(_ script: [UInt8]) -> [UInt8]? {
        var reader = ScriptReader(script)
        var last: [UInt8]?
        while let (opcode, push) = reader.next() { last = opcode <= 0x4e ? Array(script[push]) : nil }
        return last
    }
}
