import Bitcoin
import SansIO

@testable import Chain

/// One way in which a block differs from what `BlockGenerator.draft` makes; most break a rule, some stand exactly
/// on its edge.
enum Mutation: String, CaseIterable {
    case highHash, bits, timeTooOld, timeAtMedian, timeTooNew, version, unknownParent, merkleRoot
    case noTransactions, noCoinbase, coinbaseLast, twoCoinbases, coinbaseScriptShort, coinbaseScriptLong
    case coinbaseHeight, coinbaseHeightForm, coinbaseTooMuch, coinbaseTooLittle, coinbaseNotFinal
    case negativeOutput, hugeOutput, hugeSum, duplicateInput, nullInput, missingInput, noInputs, noOutputs
    case spentTwice, spentBefore, order, chained, immature, justMature, spendsMore, spendsAll
    case notFinalHeight, notFinalTime, finalBySequence, sequenceHeight, sequenceTime, sequenceOldVersion
    case lockTimeEarly, sequenceScriptEarly
    case sigOps, sigOpsEdge, sigOpsWitness, sigOpsNested, size, weight, weightEdge
    case noCommitment, wrongCommitment, nonceSize, nonceMissing, nonceTwo, nonceOther, lateCommitment
    case uncommittedNonce, emptyOfWitness
    case flippedSignature, wrongKey, highS, brokenDER, emptySignature, hashType, dummy, annex, extraWitness
    case control, scriptSigOfWitness, prefixedScriptSig, randomScript, strangeVersion
}

extension BlockGenerator {
    /// A block on `branch` with this mutation; nil when the branch has no coin for it.
    mutating func mutated(_ mutation: Mutation, on branch: Branch) -> Block? {
        if let block = mutatedHeader(mutation, on: branch) { return block }
        if let block = mutatedCoinbase(mutation, on: branch) { return block }
        if let block = mutatedCommitment(mutation, on: branch) { return block }
        if let block = mutatedLimits(mutation, on: branch) { return block }
        var draft = draft(on: branch, payments: below(2))
        let taken = Set(draft.transactions.flatMap { $0.inputs.map(\.previousOutput) })
        let free = spendable(on: branch).filter { !taken.contains($0.outPoint) }
        guard mutateTransactions(mutation, &draft, branch, free) else { return nil }
        return draft.mined()
    }

    private mutating func mutatedHeader(_ mutation: Mutation, on branch: Branch) -> Block? {
        var draft = draft(on: branch)
        switch mutation {
        case .highHash: return Draft.mine(draft.mined(), good: false)
        case .bits: draft.bits = pick([0x207f_fffe, 0x1d00_ffff, 0, 0x2080_0000, 0x2100_ffff, 0x207f_ff00])
        case .timeTooOld: draft.time = branch.medianTime(branch.height) - UInt32(below(100))
        case .timeAtMedian: draft.time = branch.medianTime(branch.height) + 1
        case .timeTooNew: draft.time = 4_000_000_000 + UInt32(below(1_000))
        case .version: draft.version = pick([0, 1, 2, 3, 4, 0x8000_0000, 0xffff_ffff, 0x3fff_ffff])
        case .unknownParent: draft.previous = SHA256.hash(bytes(8))
        case .merkleRoot:
            var block = draft.mined()
            block.header.merkleRoot = SHA256.hash(bytes(8))
            return Draft.mine(block)
        default: return nil
        }
        return draft.mined()
    }

    private mutating func mutatedCoinbase(_ mutation: Mutation, on branch: Branch) -> Block? {
        var draft = draft(on: branch)
        let push = Script.heightPush(draft.height)
        switch mutation {
        case .noTransactions: return Draft.mine(draft.block([]))
        case .noCoinbase:
            guard !draft.transactions.isEmpty else { return nil }
            return Draft.mine(draft.block(draft.transactions))
        case .coinbaseLast:
            guard !draft.transactions.isEmpty else { return nil }
            return Draft.mine(draft.block(draft.transactions + [draft.coinbase]))
        case .twoCoinbases:
            let first = draft.coinbase
            draft.coinbaseScript = push + unique()
            return Draft.mine(draft.block([first, draft.coinbase] + draft.transactions))
        case .coinbaseScriptShort: draft.coinbaseScript = pick([[], [0x51]])
        case .coinbaseScriptLong: draft.coinbaseScript = push + bytes(pick([100, 101]) - push.count)
        case .coinbaseHeight:
            draft.coinbaseScript = Script.heightPush(draft.height + pick([-1, 1, 256])) + unique()
        case .coinbaseHeightForm:
            let form = [0x03, UInt8(draft.height & 0xff), UInt8(draft.height >> 8), 0]
            draft.coinbaseScript = pick([form, [0x4c] + push, [0x00] + push]) + unique()
        case .coinbaseTooMuch: draft.excess = pick([1, 50_0000_0000])
        case .coinbaseTooLittle: draft.excess = -pick([1, 1_000])
        case .coinbaseNotFinal: draft.coinbaseLockTime = UInt32(draft.height + below(3) - 1)
        default: return nil
        }
        return draft.mined()
    }

    private mutating func mutatedCommitment(_ mutation: Mutation, on branch: Branch) -> Block? {
        var draft = draft(on: branch)
        switch mutation {
        case .noCommitment:
            draft.commits = false
            draft.coinbaseWitness = []
        case .wrongCommitment: draft.corruptsCommitment = true
        case .nonceSize: draft.coinbaseWitness = [bytes(pick([0, 31, 33]))]
        case .nonceMissing: draft.coinbaseWitness = []
        case .nonceTwo: draft.coinbaseWitness = [WitnessCommitment.reservedValue, []]
        case .nonceOther:
            draft.reservedValue = SHA256.hash(bytes(4))
            draft.coinbaseWitness = [chance(70) ? draft.reservedValue.bytes : bytes(32)]
        case .lateCommitment:
            let script = WitnessCommitment.prefix + bytes(pick([31, 32, 33]))
            let output = TransactionOutput(value: 0, scriptPubKey: Script(script))
            if chance(50) { draft.extraOutputs = [output] } else { draft.lateOutputs = [output] }
        case .uncommittedNonce: draft.commits = false
        case .emptyOfWitness:
            draft.commits = false
            draft.coinbaseWitness = []
            draft.transactions = []
            draft.fees = 0
        default: return nil
        }
        return draft.mined()
    }

    /// Transactions that are wrong in themselves or in what they spend; false when a coin is lacking.
    private mutating func mutateTransactions(
        _ mutation: Mutation, _ draft: inout Draft, _ branch: Branch, _ free: [KnownCoin]
    ) -> Bool {
        if mutation == .immature || mutation == .justMature {
            return mutateMaturity(mutation, &draft, branch)
        }
        if mutation == .lockTimeEarly || mutation == .sequenceScriptEarly {
            return mutateTimedScript(mutation, &draft, branch)
        }
        if mutation == .randomScript {
            guard let coin = randomlyLocked(on: branch) else { return false }
            draft.transactions = []
            draft.fees = 0
            append(Plan(spending: [coin], to: [pay(1_000, .anyone)]), to: &draft)
            return true
        }
        guard !free.isEmpty else { return false }
        var plan = plan(spending: [pick(free)], at: draft.height)
        if mutateOpening(mutation, &plan, free) {
            append(plan, to: &draft)
            return true
        }
        return mutatePlan(mutation, &draft, plan, branch, free)
    }

    private mutating func mutatePlan(
        _ mutation: Mutation, _ draft: inout Draft, _ plan: Plan, _ branch: Branch, _ free: [KnownCoin]
    ) -> Bool {
        var plan = plan
        let coin = plan.coins[0]
        switch mutation {
        case .negativeOutput: plan.outputs[0].value = -1
        case .hugeOutput: plan.outputs[0].value = ChainLimits.moneyMax + Int64(below(2))
        case .hugeSum:
            let output = TransactionOutput(value: ChainLimits.moneyMax, scriptPubKey: Script([0x51]))
            plan.outputs = [output, TransactionOutput(value: 1, scriptPubKey: Script([0x51]))]
        case .duplicateInput:
            plan.coins.append(coin)
            plan.sequences.append(0)
            plan.openings.append(Opening())
        case .nullInput, .missingInput:
            var stranger = coin
            stranger.outPoint =
                mutation == .nullInput ? .null : OutPoint(txid: SHA256.hash(bytes(8)), index: 0)
            plan = Plan(spending: [coin, stranger], to: plan.outputs)
        case .noInputs:
            draft.transactions.append(Transaction(inputs: [], outputs: plan.outputs))
            return true
        case .noOutputs: plan.outputs = []
        case .spentTwice:
            append(plan, to: &draft)
            plan = self.plan(spending: [coin], at: draft.height)
        case .spentBefore:
            guard let height = (1...max(1, branch.height - 1)).randomHeight(&random) else { return false }
            var stranger = coin
            stranger.outPoint = OutPoint(txid: SHA256.hash([UInt8(height & 0xff)]), index: 7)
            plan = Plan(spending: [stranger], to: plan.outputs)
        case .order, .chained: return mutateOrder(mutation, &draft, plan)
        case .spendsMore: plan.outputs[0].value += plan.fee + 1
        case .spendsAll: plan.outputs[0].value += plan.fee
        case .notFinalHeight: plan.lockTime = UInt32(draft.height + below(2) - (chance(50) ? 1 : 0))
        case .notFinalTime:
            plan.lockTime = branch.medianTime(branch.height) &+ UInt32(below(3)) &- 1
        case .finalBySequence:
            plan.lockTime = UInt32(draft.height + 10)
            plan.sequences = [.max]
        case .sequenceHeight: plan.sequences = [UInt32(draft.height - coin.height + below(2))]
        case .sequenceOldVersion:
            plan.sequences = [0xffff]
            plan.version = pick([0, 1, 2, 0xffff_ffff])
        case .sequenceTime:
            let since = branch.medianTime(max(coin.height - 1, 0))
            let passed = (branch.medianTime(branch.height) &- since) / 512
            plan.sequences = [1 << 22 | min(0xffff, passed + UInt32(below(2)))]
        case .strangeVersion: plan.version = pick([0, 3, 4, 0x7fff_ffff, 0xffff_ffff])
        default: return false
        }
        append(plan, to: &draft)
        return true
    }

    /// A payment that another one of the block spends, in the right order or not.
    private mutating func mutateOrder(_ mutation: Mutation, _ draft: inout Draft, _ plan: Plan) -> Bool {
        var first = plan
        first.outputs[0] = pay(first.outputs[0].value, .witnessKeyHash(below(8)))
        let parent = first.signed()
        let made = KnownCoin(
            outPoint: OutPoint(txid: parent.txid, index: 0), value: first.outputs[0].value,
            height: draft.height, isCoinbase: false, lock: locks[first.outputs[0].scriptPubKey] ?? .anyone)
        let second = Plan(spending: [made], to: [pay(made.value, .anyone)])
        let both = [parent, second.signed()]
        draft.transactions += mutation == .order ? both.reversed() : both
        draft.fees += first.fee
        return true
    }

    private mutating func mutateMaturity(_ mutation: Mutation, _ draft: inout Draft, _ branch: Branch) -> Bool
    {
        let wanted = mutation == .justMature ? 100 : pick([99, 98, 50, 1])
        guard let coin = branch.coins.first(where: { $0.isCoinbase && draft.height - $0.height == wanted })
        else { return false }
        append(Plan(spending: [coin], to: [pay(coin.value - 10, .anyone)]), to: &draft)
        return true
    }

    private mutating func mutateTimedScript(_ mutation: Mutation, _ draft: inout Draft, _ branch: Branch)
        -> Bool
    {
        let coins = branch.coins.filter { coin in
            switch coin.lock {
            case .lockTime: mutation == .lockTimeEarly
            case .sequence: mutation == .sequenceScriptEarly
            default: false
            }
        }
        guard !coins.isEmpty else { return false }
        var plan = Plan(spending: [pick(coins)], to: [pay(1_000, .anyone)])
        switch below(4) {
        case 0: plan.lockTime = plan.lockTime > 0 ? plan.lockTime - 1 : 0
        case 1: plan.sequences = [.max]
        case 2: plan.sequences = [0]
        default: plan.version = 1
        }
        append(plan, to: &draft)
        return true
    }

    /// Signatures and witnesses; false for other mutations.
    private mutating func mutateOpening(_ mutation: Mutation, _ plan: inout Plan, _ free: [KnownCoin]) -> Bool
    {
        var opening = Opening()
        opening.hashType = plan.openings[0].hashType
        switch mutation {
        case .flippedSignature: opening.flipsSignature = true
        case .wrongKey: opening.usesWrongKey = true
        case .highS: opening.usesHighS = true
        case .brokenDER: opening.breaksDER = true
        case .emptySignature: opening.emptySignature = true
        case .hashType: opening.hashType = pick([0, 4, 5, 0x80, 0x84, 0xff, 0x41])
        case .dummy: opening.dummy = pick([[0], [1], [0x80]])
        case .annex: opening.annex = [0x50] + bytes(below(40))
        case .extraWitness: opening.extraWitness = true
        case .control: opening.cutsControl = true
        case .scriptSigOfWitness: opening.scriptSigPrefix = [0x51]
        case .prefixedScriptSig: opening.scriptSigPrefix = pick([[0x00], [0x61], [0x51, 0x75], [0x6a]])
        default: return false
        }
        let fitting = free.filter { coin in
            switch (mutation, coin.lock) {
            case (.dummy, .multisig), (.control, .taprootLeaf): true
            case (.dummy, _), (.control, _): false
            case (_, .anyone), (_, .script): false
            default: true
            }
        }
        if !fitting.isEmpty, plan.coins.count == 1 {
            let coin = pick(fitting)
            plan = Plan(spending: [coin], to: [pay(coin.value - 5, .anyone)])
        }
        plan.openings[0] = opening
        return true
    }
}

extension ClosedRange<Int> {
    fileprivate func randomHeight(_ random: inout PRNG) -> Int? {
        isEmpty ? nil : lowerBound + Int(random.below(UInt64(count)))
    }
}
