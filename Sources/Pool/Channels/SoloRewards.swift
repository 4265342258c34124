import Bitcoin

/// Who gets a block that a solo miner's channel finds: the miner, less a percentage for the pool.
struct SoloReward: Hashable, Sendable {
    var miner: Script
    /// 0 to 99.
    var poolPercent: UInt8

    /// The outputs for a block of this value: the pool's part, rounded down, comes before the miner's; none when it
    /// gets nothing. As the reference implementation has them.
    func outputs(of total: UInt64, pool: RewardOutputs) -> RewardOutputs {
        guard poolPercent > 0, let own = pool.outputs.first else { return RewardOutputs(miner) }
        let donated = total / 100 * UInt64(poolPercent) + total % 100 * UInt64(poolPercent) / 100
        return RewardOutputs(
            outputs: [
                own, TransactionOutput(value: Int64(clamping: total - donated), scriptPubKey: miner),
            ])
    }
}

extension RewardOutputs {
    init(outputs: [TransactionOutput]) { self.outputs = outputs }
}

/// The rewards that open channels ask for, each once however many channels share it. Number 0 is the pool's own.
struct SoloRewards: Sendable {
    private var rewards: [SoloReward?] = []
    private var channels: [Int] = []
    private var numbers: [SoloReward: Int] = [:]
    private var free: [Int] = []

    enum Retained: Equatable {
        /// In the jobs already.
        case known(Int)
        /// Every job needs a coinbase for it.
        case new(Int)
        case full
    }

    /// The numbers in use and what they stand for, ascending.
    var live: [(number: Int, reward: SoloReward)] {
        rewards.indices.compactMap { place in rewards[place].map { (place + 1, $0) } }
    }

    /// Counts a channel.
    mutating func retain(_ reward: SoloReward, limit: Int) -> Retained {
        if let number = numbers[reward] {
            channels[number - 1] += 1
            return .known(number)
        }
        guard numbers.count < limit else { return .full }
        let place: Int
        if let reused = free.popLast() {
            place = reused
            rewards[place] = reward
            channels[place] = 1
        } else {
            place = rewards.count
            rewards.append(reward)
            channels.append(1)
        }
        numbers[reward] = place + 1
        return .new(place + 1)
    }

    mutating func release(_ number: Int) {
        guard number > 0 else { return }
        channels[number - 1] -= 1
        guard channels[number - 1] == 0, let reward = rewards[number - 1] else { return }
        numbers[reward] = nil
        rewards[number - 1] = nil
        free.append(number - 1)
    }
}
