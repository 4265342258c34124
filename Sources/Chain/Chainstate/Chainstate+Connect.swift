public import Bitcoin

extension Chainstate {
    /// Applies a block on top of the tip. Throws without a trace when it breaks a rule. Returns the coins it
    /// spent. Rules are asked in the order of Core's ConnectBlock, so that the first broken one is the same.
    mutating func connect(
        _ block: Block, as id: BlockID, scriptsKnown: (Hash256) -> Bool
    ) throws(Rejection) -> [Coin] {
        let height = tree[id].height
        let isVerified = tree[id].isVerified
        let flags = parameters.softForks.scriptFlags(height: height, hash: tree[id].hash)
        if !isVerified, mustBeUnique(id) { try checkUnique(block) }
        var spent: [Coin] = []
        var applied = 0
        var scripts = ScriptChecks(flags: flags, cache: validation)
        do throws(Rejection) {
            var fees: Int64 = 0
            var operations = 0
            for transaction in block.transactions {
                let first = spent.count
                fees += try spend(transaction, at: height, isVerified: isVerified, into: &spent)
                // From here on the transaction is undone as a whole, whatever rule the block breaks.
                coins.insertOutputs(of: transaction, height: UInt32(height))
                applied += 1
                if fees > ChainLimits.moneyMax {
                    throw .consensus("bad-txns-accumulated-fee-outofrange")
                }
                if !isVerified {
                    let outputs = spent[first...].map(\.output)
                    operations += SignatureOperations.cost(transaction, spending: outputs, flags: flags)
                    if operations > ChainLimits.blockSigOpsCost { throw .consensus("bad-blk-sigops") }
                    if !transaction.isCoinbase, !scriptsKnown(transaction.wtxid) {
                        scripts.add(transaction, spending: outputs)
                    }
                }
            }
            try checkReward(block, fees: fees, height: height)
            if !isVerified { try run(scripts) }
        } catch {
            undo(block.transactions[..<applied], spent: spent)
            throw error
        }
        return spent
    }

    /// Takes a block off the tip.
    mutating func disconnect(_ block: Block, spent: [Coin]) {
        undo(block.transactions[...], spent: spent)
    }

    /// BIP30 is asked of every block but those of history that break it, and those above BIP34 on the chain
    /// whose coinbases are known to differ (Core asks again from height 1,983,702, where heights of old
    /// coinbases begin to repeat).
    private func mustBeUnique(_ id: BlockID) -> Bool {
        let forks = parameters.softForks
        if forks.repeatedCoinbases.contains(tree[id].hash) { return false }
        let height = tree[id].height
        guard let known = forks.bip34Hash, height > forks.bip34, height < 1_983_702 else { return true }
        return tree[active[forks.bip34]].hash != known
    }

    /// BIP30: no transaction may hide an unspent one of the same id.
    private func checkUnique(_ block: Block) throws(Rejection) {
        for transaction in block.transactions {
            let txid = transaction.txid
            for index in transaction.outputs.indices
            where coins[OutPoint(txid: txid, index: UInt32(index))] != nil {
                throw .consensus("bad-txns-BIP30", detail: "tried to overwrite transaction")
            }
        }
    }

    /// Takes the transaction's inputs out of the set and returns its fee. On error the inputs taken so far
    /// are put back.
    private mutating func spend(
        _ transaction: Transaction, at height: Int, isVerified: Bool, into spent: inout [Coin]
    ) throws(Rejection) -> Int64 {
        guard !transaction.isCoinbase else { return 0 }
        let first = spent.count
        do throws(Rejection) {
            for input in transaction.inputs {
                guard let coin = coins.remove(input.previousOutput) else {
                    throw .consensus(
                        "bad-txns-inputs-missingorspent",
                        detail: "CheckTxInputs: inputs missing/spent in transaction "
                            + transaction.txid.displayHex)
                }
                spent.append(coin)
            }
            let taken = Array(spent[first...])
            let fee = try fee(of: transaction, spending: taken, at: height)
            guard height >= parameters.softForks.csv else { return fee }
            let lock = SequenceLock(transaction, coinHeights: taken.map { Int($0.height) }) {
                medianTime(at: min($0, self.height))
            }
            guard lock.isMet(height: height, previousMedianTime: tip.medianTime) else {
                throw .consensus(
                    "bad-txns-nonfinal",
                    detail: "contains a non-BIP68-final transaction \(transaction.txid.displayHex)")
            }
            return fee
        } catch {
            for (input, coin) in zip(transaction.inputs, spent[first...]) {
                coins.insert(coin, at: input.previousOutput)
            }
            spent.removeSubrange(first...)
            throw error
        }
    }

    private func fee(
        of transaction: Transaction, spending coins: [Coin], at height: Int
    ) throws(Rejection) -> Int64 {
        do throws(Rejection) {
            return try TransactionChecks.fee(
                transaction, spending: coins, height: height, maturity: parameters.coinbaseMaturity)
        } catch {
            throw Rejection(
                error.kind, error.reason,
                detail: "\(error.detail) in transaction \(transaction.txid.displayHex)")
        }
    }

    private func checkReward(_ block: Block, fees: Int64, height: Int) throws(Rejection) {
        let claimed = block.transactions[0].outputs.reduce(Int64(0)) { $0 + $1.value }
        let limit = fees + parameters.subsidy(at: height)
        if claimed > limit {
            throw .consensus(
                "bad-cb-amount", detail: "coinbase pays too much (actual=\(claimed) vs limit=\(limit))")
        }
    }

    private func run(_ scripts: ScriptChecks) throws(Rejection) {
        do throws(ScriptFailure) { try scripts.run() } catch {
            throw .consensus(
                "block-script-verify-flag-failed (\(error.error.rawValue))", detail: error.place)
        }
    }

    private mutating func undo(_ transactions: ArraySlice<Transaction>, spent: [Coin]) {
        var rest = spent[...]
        for transaction in transactions.reversed() {
            coins.removeOutputs(of: transaction)
            guard !transaction.isCoinbase else { continue }
            for input in transaction.inputs.reversed() {
                guard let coin = rest.popLast() else {
                    preconditionFailure("undo data shorter than the block")
                }
                coins.insert(coin, at: input.previousOutput)
            }
        }
    }
}
