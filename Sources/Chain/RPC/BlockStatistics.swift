import Bitcoin
import JSONText

/// What getblockstats tells of a block. The coinbase counts where Core counts it: outputs and sizes of the coin set.
struct BlockStatistics {
    private var fees: [Int64] = []
    /// Satoshi per virtual byte and weight of each transaction.
    private var rates: [(rate: Int64, weight: Int)] = []
    private var sizes: [Int64] = []
    private var totalWeight = 0
    private var totalOut: Int64 = 0
    private var inputs = 0
    private var outputs = 0
    private var coins = 0
    private var sizeChange = 0
    private var actualSizeChange = 0
    private var witness: (count: Int, size: Int64, weight: Int) = (0, 0, 0)
    private let transactions: Int

    /// Core's estimate of what an unspent output costs beside its own bytes.
    private static let overhead = 40

    init(_ block: Block, spent: [Coin], height: Int) {
        transactions = block.transactions.count
        var rest = spent[...]
        for transaction in block.transactions {
            let out = countOutputs(of: transaction, isGenesis: height == 0)
            if transaction.isCoinbase { continue }
            let taken = rest.prefix(transaction.inputs.count)
            rest = rest.dropFirst(taken.count)
            count(transaction, out: out, spending: taken)
        }
    }

    private mutating func countOutputs(of transaction: Transaction, isGenesis: Bool) -> Int64 {
        outputs += transaction.outputs.count
        var total: Int64 = 0
        for output in transaction.outputs {
            total += output.value
            let size = Self.size(output)
            sizeChange += size
            if isGenesis || CoinSet.isUnspendable(output.scriptPubKey.bytes) { continue }
            coins += 1
            actualSizeChange += size
        }
        return total
    }

    private mutating func count(_ transaction: Transaction, out: Int64, spending taken: ArraySlice<Coin>) {
        inputs += transaction.inputs.count
        totalOut += out
        let size = Int64(transaction.bytes().count)
        let weight = transaction.weight
        sizes.append(size)
        totalWeight += weight
        if transaction.inputs.contains(where: { !$0.witness.isEmpty }) {
            witness = (witness.count + 1, witness.size + size, witness.weight + weight)
        }
        var into: Int64 = 0
        for coin in taken {
            into += coin.value
            sizeChange -= Self.size(coin.output)
            actualSizeChange -= Self.size(coin.output)
        }
        fees.append(into - out)
        rates.append((weight > 0 ? (into - out) * 4 / Int64(weight) : 0, weight))
    }

    private static func size(_ output: TransactionOutput) -> Int {
        let script = output.scriptPubKey.bytes.count
        return 8 + (script < 253 ? 1 : script < 65_536 ? 3 : 5) + script + overhead
    }

    func json(_ entry: BlockEntry, subsidy: Int64) -> JSONObject {
        let others = Int64(transactions - 1)
        let totalFee = fees.reduce(0, +)
        let totalSize = sizes.reduce(0, +)
        let feeRates = rates.map(\.rate)
        return [
            "avgfee": .int(others > 0 ? totalFee / others : 0),
            "avgfeerate": .int(totalWeight > 0 ? totalFee * 4 / Int64(totalWeight) : 0),
            "avgtxsize": .int(others > 0 ? totalSize / others : 0),
            "blockhash": .string(entry.hash.displayHex),
            "feerate_percentiles": .array(percentiles.map { .int($0) }), "height": .int(entry.height),
            "ins": .int(inputs), "maxfee": .int(fees.max() ?? 0), "maxfeerate": .int(feeRates.max() ?? 0),
            "maxtxsize": .int(sizes.max() ?? 0), "medianfee": .int(Self.median(fees)),
            "mediantime": .int(entry.medianTime), "mediantxsize": .int(Self.median(sizes)),
            "minfee": .int(fees.min() ?? 0), "minfeerate": .int(feeRates.min() ?? 0),
            "mintxsize": .int(sizes.min() ?? 0), "outs": .int(outputs), "subsidy": .int(subsidy),
            "swtotal_size": .int(witness.size), "swtotal_weight": .int(witness.weight),
            "swtxs": .int(witness.count), "time": .int(entry.header.time), "total_out": .int(totalOut),
            "total_size": .int(totalSize), "total_weight": .int(totalWeight), "totalfee": .int(totalFee),
            "txs": .int(transactions), "utxo_increase": .int(outputs - inputs),
            "utxo_size_inc": .int(sizeChange), "utxo_increase_actual": .int(coins - inputs),
            "utxo_size_inc_actual": .int(actualSizeChange),
        ]
    }

    /// The rates below which 10, 25, 50, 75 and 90 % of the weight lie.
    private var percentiles: [Int64] {
        let sorted = rates.sorted { ($0.rate, $0.weight) < ($1.rate, $1.weight) }
        guard let last = sorted.last else { return [0, 0, 0, 0, 0] }
        let total = Double(totalWeight)
        let marks = [total / 10, total / 4, total / 2, total * 3 / 4, total * 9 / 10]
        var result: [Int64] = []
        var weight = 0
        for element in sorted {
            weight += element.weight
            while result.count < marks.count, Double(weight) >= marks[result.count] {
                result.append(element.rate)
            }
        }
        while result.count < marks.count { result.append(last.rate) }
        return result
    }

    private static func median(_ values: [Int64]) -> Int64 {
        guard !values.isEmpty else { return 0 }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
