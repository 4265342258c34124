import Bitcoin

extension Chainstate {
    /// Looks at the last `count` blocks again (0 for all): level 0 reads them, 1 checks them by themselves, 2 looks
    /// for what they spent, 3 undoes them, 4 connects them again. The chain stays as it is.
    func verify(level: Int, count: Int) -> Bool {
        let depth = count <= 0 || count > height ? height : count
        var scratch = self
        var undone: [(id: BlockID, block: Block)] = []
        for id in active.suffix(depth).reversed() where id != 0 {
            guard let block = block(id), block.hash == tree[id].hash else { return false }
            if level >= 1, (try? BlockChecks.contextFree(block)) == nil { return false }
            guard level >= 2 else { continue }
            let inputs = block.transactions.dropFirst().reduce(0) { $0 + $1.inputs.count }
            guard let spent = undo(id), spent.count == inputs else { return false }
            guard level >= 3 else { continue }
            guard scratch.holdsOutputs(of: block) else { return false }
            scratch.disconnect(block, spent: spent)
            scratch.active.removeLast()
            undone.append((id, block))
        }
        guard level >= 4 else { return true }
        for (id, block) in undone.reversed() {
            scratch.tree[id].isVerified = false
            guard (try? scratch.connect(block, as: id, scriptsKnown: { _ in false })) != nil else {
                return false
            }
            scratch.active.append(id)
        }
        return true
    }

    /// Whether the tip's outputs are the coins that they should be, but for those that it spends itself.
    private func holdsOutputs(of block: Block) -> Bool {
        let spent = Set(block.transactions.dropFirst().flatMap { $0.inputs.map(\.previousOutput) })
        for transaction in block.transactions {
            for (index, output) in transaction.outputs.enumerated()
            where !CoinSet.isUnspendable(output.scriptPubKey.bytes) {
                let place = OutPoint(txid: transaction.txid, index: UInt32(index))
                if spent.contains(place) { continue }
                guard let coin = coins[place], coin.output == output else { return false }
            }
        }
        return true
    }
}
