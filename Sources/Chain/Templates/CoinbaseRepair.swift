public import Bitcoin

/// Core's UpdateUncommittedBlockStructures: miners of the old school submit a coinbase with the commitment
/// but without its witness, which submitblock fills in. Peers and proposals get no such help, and before segwit there is
/// no such witness.
public enum CoinbaseRepair {
    public static func repair(_ block: Block, on chain: Chainstate) -> Block {
        guard let parent = chain.tree.id(of: block.header.previousBlockHash),
            chain.tree[parent].height + 1 >= chain.parameters.softForks.segwit,
            let coinbase = block.transactions.first, coinbase.isCoinbase, !coinbase.hasWitness,
            WitnessCommitment.outputIndex(in: coinbase) != nil
        else { return block }
        var input = coinbase.inputs[0]
        input.witness = [WitnessCommitment.reservedValue]
        var repaired = block
        repaired.transactions[0] = Transaction(
            version: coinbase.version, inputs: [input], outputs: coinbase.outputs, lockTime: coinbase.lockTime
        )
        return repaired
    }
}
