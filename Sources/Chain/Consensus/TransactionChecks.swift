public import Bitcoin

/// Rules that a transaction meets or breaks by itself, and finality.
public enum TransactionChecks {
    /// Core's CheckTransaction.
    public static func contextFree(_ transaction: Transaction) throws(Rejection) {
        if transaction.inputs.isEmpty { throw .consensus("bad-txns-vin-empty") }
        if transaction.outputs.isEmpty { throw .consensus("bad-txns-vout-empty") }
        if transaction.baseSize * 4 > ChainLimits.blockWeight { throw .consensus("bad-txns-oversize") }
        var total: Int64 = 0
        for output in transaction.outputs {
            if output.value < 0 { throw .consensus("bad-txns-vout-negative") }
            if output.value > ChainLimits.moneyMax { throw .consensus("bad-txns-vout-toolarge") }
            total += output.value
            if total > ChainLimits.moneyMax { throw .consensus("bad-txns-txouttotal-toolarge") }
        }
        if transaction.inputs.count > 1 {
            var seen = Set<OutPoint>(minimumCapacity: transaction.inputs.count)
            for input in transaction.inputs where !seen.insert(input.previousOutput).inserted {
                throw .consensus("bad-txns-inputs-duplicate")
            }
        }
        if transaction.isCoinbase {
            guard (2...100).contains(transaction.inputs[0].scriptSig.bytes.count) else {
                throw .consensus("bad-cb-length")
            }
        } else {
            for input in transaction.inputs where isNull(input.previousOutput) {
                throw .consensus("bad-txns-prevout-null")
            }
        }
    }

    /// Whether the lock time allows the transaction in a block of this height whose time counts as `time`
    /// (BIP113: the median time of the block before).
    public static func isFinal(_ transaction: Transaction, height: Int, time: UInt32) -> Bool {
        guard transaction.lockTime != 0 else { return true }
        let limit = transaction.lockTime < 500_000_000 ? Int64(height) : Int64(time)
        if Int64(transaction.lockTime) < limit { return true }
        return transaction.inputs.allSatisfy { $0.sequence == .max }
    }

    /// Core's CheckTxInputs: the fee; throws for immature coinbases and bad sums.
    public static func fee(
        _ transaction: Transaction, spending coins: [Coin], height: Int, maturity: Int
    ) throws(Rejection) -> Int64 {
        var value: Int64 = 0
        for coin in coins {
            if coin.isCoinbase, height - Int(coin.height) < maturity {
                throw .consensus(
                    "bad-txns-premature-spend-of-coinbase",
                    detail: "tried to spend coinbase at depth \(height - Int(coin.height))")
            }
            value += coin.value
            if coin.value < 0 || coin.value > ChainLimits.moneyMax || value > ChainLimits.moneyMax {
                throw .consensus("bad-txns-inputvalues-outofrange")
            }
        }
        let out = transaction.outputs.reduce(Int64(0)) { $0 + $1.value }
        if value < out {
            throw .consensus(
                "bad-txns-in-belowout", detail: "value in (\(bitcoin(value))) < value out (\(bitcoin(out)))")
        }
        return value - out
    }

    static func isNull(_ outPoint: OutPoint) -> Bool { outPoint.index == .max && outPoint.txid == .zero }

    /// An amount as Core's FormatMoney prints it.
    static func bitcoin(_ satoshi: Int64) -> String {
        let fraction = String(satoshi.magnitude % 100_000_000)
        var decimals = String(repeating: "0", count: 8 - fraction.count) + fraction
        while decimals.count > 2, decimals.hasSuffix("0") { decimals.removeLast() }
        return "\(satoshi < 0 ? "-" : "")\(satoshi.magnitude / 100_000_000).\(decimals)"
    }
}

/// BIP68: what the sequence numbers of a transaction demand of the block that takes it in.
public struct SequenceLock: Equatable, Sendable {
    /// The last height at which it is still locked; -1 for none.
    public var height: Int = -1
    /// The last median time at which it is still locked; -1 for none.
    public var time: Int64 = -1

    /// `medianTime` gives the median time of the active chain's block at a height.
    public init(_ transaction: Transaction, coinHeights: [Int], medianTime: (Int) -> UInt32) {
        guard transaction.version >= 2 else { return }
        for (input, coinHeight) in zip(transaction.inputs, coinHeights) where input.sequence & (1 << 31) == 0
        {
            let value = Int(input.sequence & 0xffff)
            if input.sequence & (1 << 22) != 0 {
                let since = Int64(medianTime(max(coinHeight - 1, 0)))
                time = max(time, since + Int64(value) << 9 - 1)
            } else {
                height = max(height, coinHeight + value - 1)
            }
        }
    }

    /// Whether a block of this height, after a block of this median time, may hold the transaction.
    public func isMet(height blockHeight: Int, previousMedianTime: UInt32) -> Bool {
        height < blockHeight && time < Int64(previousMedianTime)
    }
}
