public import Bitcoin

/// Rules of a block that need no coins.
public enum BlockChecks {
    /// Core's CheckBlock without the proof of work: the body against the header, and the body by itself.
    public static func contextFree(_ block: Block) throws(Rejection) {
        let (root, mutated) = Merkle.root(block.transactions.map(\.txid))
        if root != block.header.merkleRoot { throw .mutated("bad-txnmrklroot") }
        if mutated { throw .mutated("bad-txns-duplicate") }
        let stripped = block.baseSize
        if block.transactions.isEmpty || block.transactions.count * 4 > ChainLimits.blockWeight
            || stripped * 4 > ChainLimits.blockWeight
        {
            throw .consensus("bad-blk-length")
        }
        guard block.transactions[0].isCoinbase else { throw .consensus("bad-cb-missing") }
        for transaction in block.transactions.dropFirst() where transaction.isCoinbase {
            throw .consensus("bad-cb-multiple")
        }
        var operations = 0
        for transaction in block.transactions {
            try TransactionChecks.contextFree(transaction)
            operations += SignatureOperations.legacy(transaction)
        }
        if operations * 4 > ChainLimits.blockSigOpsCost { throw .consensus("bad-blk-sigops") }
    }

    public static func proofOfWork(_ header: BlockHeader, hash: Hash256, limit: Target) throws(Rejection) {
        guard let target = header.bits.target, target <= limit, target.isMet(by: hash) else {
            throw .header("high-hash")
        }
    }

    /// Core's ContextualCheckBlockHeader.
    static func header(
        _ header: BlockHeader, after previous: BlockID, in tree: BlockTree, _ parameters: NetworkParameters,
        now: UInt32
    ) throws(Rejection) {
        let parent = tree[previous]
        let height = parent.height + 1
        if header.bits != tree.requiredBits(after: previous, time: header.time, parameters.work) {
            throw .header("bad-diffbits")
        }
        if header.time <= parent.medianTime { throw .header("time-too-old") }
        if parameters.work.enforcesBIP94, height % parameters.work.interval == 0,
            Int64(header.time) < Int64(parent.header.time) - Int64(ChainLimits.timeWarp)
        {
            throw .header("time-timewarp-attack")
        }
        if UInt64(header.time) > UInt64(now) + UInt64(ChainLimits.futureTime) {
            throw Rejection(.timeFuture, "time-too-new")
        }
        if Int32(bitPattern: header.version) < parameters.softForks.leastVersion(at: height) {
            let digits = String(header.version, radix: 16)
            throw .header("bad-version(0x\(String(repeating: "0", count: 8 - digits.count))\(digits))")
        }
    }

    /// Core's ContextualCheckBlock: finality, BIP34, the witness commitment, weight. `medianTime` is the
    /// parent's.
    static func contextual(
        _ block: Block, height: Int, medianTime: UInt32, _ forks: SoftForks
    ) throws(Rejection) {
        let time = height >= forks.csv ? medianTime : block.header.time
        for transaction in block.transactions
        where !TransactionChecks.isFinal(transaction, height: height, time: time) {
            throw .consensus("bad-txns-nonfinal")
        }
        let script = block.transactions[0].inputs[0].scriptSig.bytes
        if height >= forks.bip34, !script.starts(with: Script.heightPush(height)) {
            throw .consensus("bad-cb-height")
        }
        try witnessCommitment(block, isExpected: height >= forks.segwit)
        if block.weight > ChainLimits.blockWeight { throw .consensus("bad-blk-weight") }
    }

    static func witnessCommitment(_ block: Block, isExpected: Bool = true) throws(Rejection) {
        guard isExpected, let commitment = WitnessCommitment.find(in: block.transactions[0]) else {
            for transaction in block.transactions where transaction.hasWitness {
                throw .mutated("unexpected-witness")
            }
            return
        }
        let witness = block.transactions[0].inputs[0].witness
        guard witness.count == 1, let reserved = Hash256(bytes: witness[0]) else {
            throw .mutated("bad-witness-nonce-size")
        }
        let root = block.transactions.count == 1 ? .zero : block.witnessMerkleRoot()
        guard WitnessCommitment.hash(root: root, reserved: reserved) == commitment else {
            throw .mutated("bad-witness-merkle-match")
        }
    }

    static func compactSizeLength(_ count: Int) -> Int { count < 0xfd ? 1 : count <= 0xffff ? 3 : 5 }
}

extension WitnessCommitment {
    /// The reserved value everybody uses: 32 zero bytes.
    public static let reservedValue = [UInt8](repeating: 0, count: 32)

    /// The commitment output's script for a block of these transactions besides the coinbase.
    public static func script(forTransactionsAfterCoinbase transactions: [Transaction]) -> Script {
        guard !transactions.isEmpty else { return empty }
        let root = Merkle.root([.zero] + transactions.map(\.wtxid)).root
        return script(hash(root: root, reserved: .zero))
    }

    private static let empty = script(hash(root: .zero, reserved: .zero))
}
