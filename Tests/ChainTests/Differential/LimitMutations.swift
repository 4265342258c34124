import Bitcoin
import SansIO

@testable import Chain

/// Blocks at the limits of size, weight and signature operations.
extension BlockGenerator {
    mutating func mutatedLimits(_ mutation: Mutation, on branch: Branch) -> Block? {
        var draft = draft(on: branch, payments: 1)
        let others =
            draft.transactions.reduce(0) { $0 + SignatureOperations.legacy($1) }
            + SignatureOperations.legacy(draft.coinbase)
        switch mutation {
        case .sigOps: addOperations(20_001 - others, &draft)
        case .sigOpsEdge: addOperations(20_000 - others, &draft)
        case .sigOpsWitness, .sigOpsNested:
            let coins = spendable(on: branch).filter { coin in
                switch (mutation, coin.lock) {
                case (.sigOpsWitness, .witnessKeyHash), (.sigOpsNested, .multisig(_, .p2sh)),
                    (.sigOpsNested, .multisig(_, .nested)), (.sigOpsNested, .nestedWitnessKeyHash):
                    true
                default: false
                }
            }
            guard !coins.isEmpty else { return nil }
            draft.transactions = []
            draft.fees = 0
            let coin = pick(coins)
            append(Plan(spending: [coin], to: [pay(coin.value, .anyone)]), to: &draft)
            let own = SignatureOperations.cost(draft.transactions[0], spending: [coin.output])
            let coinbase = SignatureOperations.legacy(draft.coinbase)
            let room = (80_000 - own) / 4 - coinbase
            addOperations(chance(50) ? room : room + 1, &draft)
        case .size:
            let filler = [UInt8](repeating: 0x6a, count: 1_000_000 - pick([1_000, 80, 0]))
            draft.extraOutputs = [TransactionOutput(value: 0, scriptPubKey: Script(filler))]
        case .weight, .weightEdge:
            guard weigh(mutation == .weight ? 4_000_001 : 4_000_000, &draft, branch) else { return nil }
        default: return nil
        }
        return draft.mined()
    }

    /// Puts this many OP_CHECKSIG into the coinbase's outputs.
    private func addOperations(_ count: Int, _ draft: inout Draft) {
        var left = count
        while left > 0 {
            let part = min(left, 9_000)
            let script = Script([UInt8](repeating: 0xac, count: part))
            draft.extraOutputs.append(TransactionOutput(value: 0, scriptPubKey: script))
            left -= part
        }
    }

    /// Fills the block to this weight exactly with the annex of a taproot payment.
    private mutating func weigh(_ weight: Int, _ draft: inout Draft, _ branch: Branch) -> Bool {
        let coins = spendable(on: branch).filter {
            if case .taprootKey = $0.lock { return true } else { return false }
        }
        guard let coin = coins.first else { return false }
        draft.transactions = []
        draft.fees = 0
        var plan = Plan(spending: [coin], to: [pay(coin.value, .anyone)])
        var length = 100_000
        for _ in 0..<3 {
            plan.openings[0].annex = [0x50] + [UInt8](repeating: 7, count: length - 1)
            draft.transactions = [plan.signed()]
            length += weight - draft.block([draft.coinbase] + draft.transactions).weight
        }
        return draft.block([draft.coinbase] + draft.transactions).weight == weight
    }
}
