import Bitcoin
import SansIO

@testable import Chain

/// Draws blocks, good ones and spoiled ones, from a seed.
struct BlockGenerator {
    var random: PRNG
    /// Every script that was ever paid to, and how to open it.
    var locks: [Script: Lock] = [:]
    private var serial: UInt32 = 0

    init(seed: UInt64) { random = PRNG(seed: seed) }

    mutating func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }
    mutating func chance(_ percent: UInt64) -> Bool { random.chance(percent, in: 100) }
    mutating func pick<Element>(_ from: [Element]) -> Element { from[below(from.count)] }
    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(below(256)) } }

    /// Bytes that no other coinbase has.
    mutating func unique() -> [UInt8] {
        serial += 1
        return [0x04] + withUnsafeBytes(of: serial.littleEndian) { Array($0) }
    }

    mutating func pay(_ value: Int64, _ lock: Lock) -> TransactionOutput {
        let script = lock.scriptPubKey
        locks[script] = lock
        return TransactionOutput(value: value, scriptPubKey: script)
    }

    mutating func lock(at height: Int) -> Lock {
        let key = below(Lock.keys.count)
        switch below(17) {
        case 0: return .anyone
        case 1: return .publicKey(key)
        case 2, 3: return .publicKeyHash(key)
        case 4, 5: return .witnessKeyHash(key)
        case 6: return .nestedWitnessKeyHash(key)
        case 7, 8: return .multisig(key, pick(Lock.Wrapper.allCases))
        case 9, 10: return .taprootKey(key)
        case 11: return .taprootLeaf(key, pick(Lock.Leaf.allCases))
        case 12: return .lockTime(key, UInt32(height + below(4)))
        case 13: return .sequence(key, UInt32(1 + below(3)))
        default:
            let (script, items) = randomScript()
            return .script(script, items, pick(Lock.Wrapper.allCases))
        }
    }

    /// A block with a few payments that breaks no rule on purpose, except where an opened script is random.
    mutating func draft(on branch: Branch, payments: Int? = nil) -> Draft {
        let payout = pay(
            0, pick([.anyone, .witnessKeyHash(below(8)), .taprootKey(below(8)), .publicKey(below(8))]))
        let least = branch.medianTime(branch.height) + 1
        let last = branch.times[branch.height]
        let time = branch.height == 0 ? 1_700_000_000 : max(least, last &+ UInt32(below(1_000)) &- 100)
        var draft = Draft(on: branch, time: time, extra: unique(), payout: payout.scriptPubKey)
        // One script at random at most: of two failures, the kernel's threads may report either.
        var coins = spendable(on: branch)
        if payments == nil, chance(25), let coin = randomlyLocked(on: branch) { coins.append(coin) }
        for _ in 0..<(payments ?? below(4)) {
            guard !coins.isEmpty else { break }
            var taken: [KnownCoin] = []
            for _ in 0...below(3) where !coins.isEmpty { taken.append(coins.remove(at: below(coins.count))) }
            append(plan(spending: taken, at: draft.height), to: &draft)
        }
        return draft
    }

    /// A coin whose script was drawn at random.
    mutating func randomlyLocked(on branch: Branch) -> KnownCoin? {
        let coins = spendable(on: branch, allowsRandom: true).filter {
            if case .script = $0.lock { return true } else { return false }
        }
        return coins.isEmpty ? nil : pick(coins)
    }

    mutating func append(_ plan: Plan, to draft: inout Draft) {
        draft.transactions.append(plan.signed())
        draft.fees += plan.fee
    }

    /// What may be spent in the next block; scripts that are random only if asked for.
    func spendable(on branch: Branch, allowsRandom: Bool = false) -> [KnownCoin] {
        let height = branch.height + 1
        return branch.coins.filter { coin in
            guard coin.value > 2_000, !coin.isCoinbase || height - coin.height >= 100 else { return false }
            switch coin.lock {
            case .lockTime(_, let time): return Int(time) < height
            case .sequence(_, let sequence): return coin.height + Int(sequence) <= height
            case .script: return allowsRandom
            default: return true
            }
        }
    }

    mutating func plan(spending coins: [KnownCoin], at height: Int) -> Plan {
        let fee = Int64(below(1_000))
        var left = coins.reduce(Int64(0)) { $0 + $1.value } - fee
        var outputs: [TransactionOutput] = []
        for _ in 0..<below(4) where left > 10_000 {
            let value = left / Int64(2 + below(4))
            outputs.append(pay(value, lock(at: height)))
            left -= value
        }
        if chance(20) {
            outputs.append(TransactionOutput(value: 0, scriptPubKey: .opReturn(bytes(below(60)))))
        }
        outputs.append(pay(left, lock(at: height)))
        var plan = Plan(spending: coins, to: outputs)
        for index in coins.indices {
            plan.openings[index].hashType = pick([1, 1, 1, 2, 3, 0x81, 0x82, 0x83])
            // SIGHASH_SINGLE without its output is an error in taproot.
            if index >= outputs.count, plan.openings[index].hashType & 3 == 3 {
                switch coins[index].lock {
                case .taprootKey, .taprootLeaf: plan.openings[index].hashType = 1
                default: break
                }
            }
        }
        return plan
    }

    // MARK: Scripts

    /// A script of a few instructions and the items it starts with. Rarely true; the error is what counts.
    mutating func randomScript() -> (script: [UInt8], items: [[UInt8]]) {
        var script: [UInt8] = []
        for _ in 0...below(9) { script += instruction() }
        if chance(50) { script.append(0x51) }
        return (script, (0..<below(5)).map { _ in item() })
    }

    private mutating func item() -> [UInt8] {
        switch below(9) {
        case 0: []
        case 1: [1]
        case 2: [0x80]
        case 3: [UInt8(below(256))]
        case 4: [0x02, 0x00]
        case 5: bytes(1 + below(5))
        case 6: Lock.point(below(8)).bytes
        case 7: chance(20) ? bytes(521) : bytes(20)
        default: [UInt8(1 + below(16))]
        }
    }

    private mutating func instruction() -> [UInt8] {
        switch below(12) {
        case 0, 1: return [UInt8(0x51 + below(16))]
        case 2:
            var push = Script()
            push.append(push: item())
            return push.bytes
        case 3: return [0x6e, 0x76, 0x75, 0x7c, 0x78, 0x87].map { $0 }.dropLast(below(5)).suffix(1)
        case 4: return [pick([0x63, 0x64, 0x67, 0x68, 0x67, 0x68])]
        case 5: return [pick([0x93, 0x94, 0x9a, 0x9c, 0x9f, 0xa3, 0xa5, 0x8b, 0x8f, 0x90, 0x91, 0x92])]
        case 6: return [pick([0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0x82, 0x74])]
        case 7: return [pick([0xac, 0xad, 0xae, 0xaf, 0xba, 0xab])]
        case 8: return [pick([0x61, 0xb0, 0xb1, 0xb2, 0xb9, 0x69, 0x6b, 0x6c])]
        case 9: return [pick([0x6d, 0x6f, 0x70, 0x71, 0x72, 0x73, 0x77, 0x79, 0x7a, 0x7b, 0x7d, 0x88])]
        case 10: return [0x00]
        default: return chance(60) ? [UInt8(below(256))] : [0x51]
        }
    }
}
