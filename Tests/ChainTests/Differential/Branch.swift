import Bitcoin
import SansIO

@testable import Chain

/// An output that the generator can spend.
struct KnownCoin {
    var outPoint: OutPoint
    var value: Int64
    var height: Int
    var isCoinbase: Bool
    var lock: Lock

    var output: TransactionOutput { TransactionOutput(value: value, scriptPubKey: lock.scriptPubKey) }
}

/// A chain as the generator sees it, with what can be spent on it. A value: a fork is a copy.
struct Branch {
    var tip: Hash256
    var times: [UInt32]
    var coins: [KnownCoin] = []
    var subsidyLeft = true

    init() {
        tip = NetworkParameters.regtest.genesis.hash
        times = [NetworkParameters.regtest.genesis.header.time]
    }

    var height: Int { times.count - 1 }

    /// Median time of the block at `height`.
    func medianTime(_ height: Int) -> UInt32 {
        let window = times[max(0, height - 10)...height].sorted()
        return window[window.count / 2]
    }

    /// The branch with `block` on top; `locks` says which scripts can be opened.
    func appending(_ block: Block, locks: [Script: Lock]) -> Branch {
        var next = self
        next.tip = block.hash
        next.times.append(block.header.time)
        var spent = Set<OutPoint>()
        for transaction in block.transactions.dropFirst() {
            for input in transaction.inputs { spent.insert(input.previousOutput) }
        }
        for transaction in block.transactions {
            for (index, output) in transaction.outputs.enumerated() {
                let outPoint = OutPoint(txid: transaction.txid, index: UInt32(index))
                guard let lock = locks[output.scriptPubKey], !spent.contains(outPoint) else { continue }
                next.coins.append(
                    KnownCoin(
                        outPoint: outPoint, value: output.value, height: height + 1,
                        isCoinbase: transaction.isCoinbase, lock: lock))
            }
        }
        next.coins.removeAll { spent.contains($0.outPoint) }
        return next
    }
}

/// A transaction before it is signed.
struct Plan {
    var coins: [KnownCoin]
    var sequences: [UInt32]
    var outputs: [TransactionOutput]
    var version: UInt32 = 2
    var lockTime: UInt32 = 0
    var openings: [Opening]

    init(spending coins: [KnownCoin], to outputs: [TransactionOutput]) {
        self.coins = coins
        self.outputs = outputs
        sequences = coins.map { coin in
            if case .sequence(_, let sequence) = coin.lock { return sequence }
            return 0xffff_fffe
        }
        openings = coins.map { _ in Opening() }
        for coin in coins { if case .lockTime(_, let time) = coin.lock { lockTime = max(lockTime, time) } }
    }

    var fee: Int64 { coins.reduce(0) { $0 + $1.value } - outputs.reduce(0) { $0 + $1.value } }

    func signed() -> Transaction {
        var inputs = zip(coins, sequences).map { TransactionInput(previousOutput: $0.outPoint, sequence: $1) }
        let bare = Transaction(version: version, inputs: inputs, outputs: outputs, lockTime: lockTime)
        let hasher = SignatureHasher(bare, spending: coins.map(\.output))
        for index in inputs.indices {
            let opened = coins[index].lock.open(hasher, index, openings[index])
            inputs[index].scriptSig = opened.scriptSig
            inputs[index].witness = opened.witness
        }
        return Transaction(version: version, inputs: inputs, outputs: outputs, lockTime: lockTime)
    }
}

/// A block before it is mined.
struct Draft {
    var height: Int
    var previous: Hash256
    var time: UInt32
    var version: UInt32 = 0x2000_0000
    var bits: UInt32 = 0x207f_ffff
    var transactions: [Transaction] = []
    var fees: Int64 = 0
    var coinbaseScript: [UInt8]
    var coinbaseWitness: [[UInt8]] = [WitnessCommitment.reservedValue]
    var coinbaseSequence: UInt32 = 0xffff_fffe
    var coinbaseLockTime: UInt32
    /// What the coinbase pays beyond or below its due.
    var excess: Int64 = 0
    var payout: Script
    /// Outputs of the coinbase before the commitment.
    var extraOutputs: [TransactionOutput] = []
    /// Outputs of the coinbase behind the commitment.
    var lateOutputs: [TransactionOutput] = []
    var commits = true
    var corruptsCommitment = false
    var reservedValue = Hash256.zero

    init(on branch: Branch, time: UInt32, extra: [UInt8], payout: Script) {
        height = branch.height + 1
        previous = branch.tip
        self.time = time
        coinbaseScript = Script.heightPush(height) + extra
        coinbaseLockTime = UInt32(height - 1)
        self.payout = payout
    }

    var coinbase: Transaction {
        let due = NetworkParameters.regtest.subsidy(at: height) + fees + excess
        var outputs = [TransactionOutput(value: due, scriptPubKey: payout)] + extraOutputs
        if commits {
            let root = Merkle.root([.zero] + transactions.map(\.wtxid)).root
            var commitment = WitnessCommitment.hash(root: root, reserved: reservedValue).bytes
            if corruptsCommitment { commitment[5] ^= 1 }
            outputs.append(
                TransactionOutput(value: 0, scriptPubKey: Script(WitnessCommitment.prefix + commitment)))
        }
        return Transaction(
            version: 2,
            inputs: [
                TransactionInput(
                    previousOutput: .null, scriptSig: Script(coinbaseScript), sequence: coinbaseSequence,
                    witness: coinbaseWitness)
            ],
            outputs: outputs + lateOutputs, lockTime: coinbaseLockTime)
    }

    func mined() -> Block { Self.mine(block([coinbase] + transactions)) }

    /// A block of exactly these transactions, with a fitting merkle root, its nonce still zero.
    func block(_ all: [Transaction]) -> Block {
        Block(
            header: BlockHeader(
                version: version, previousBlockHash: previous, merkleRoot: Merkle.root(all.map(\.txid)).root,
                time: time, bits: CompactTarget(bits: bits), nonce: 0),
            transactions: all)
    }

    /// Searches a nonce whose hash meets regtest's limit, or does not.
    static func mine(_ block: Block, good: Bool = true) -> Block {
        var block = block
        while NetworkParameters.regtest.proofOfWorkLimit.isMet(by: block.hash) != good {
            block.header.nonce += 1
        }
        return block
    }
}
