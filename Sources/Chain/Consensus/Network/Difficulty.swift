public import Bitcoin

extension ProofOfWorkRules {
    /// The compact form of the easiest target.
    var limitBits: CompactTarget { CompactTarget(limit) }

    /// Core's CalculateNextWorkRequired: `base` scaled by how long the period took, by four at most.
    func retarget(_ base: CompactTarget, firstTime: UInt32, lastTime: UInt32) -> CompactTarget {
        let taken = min(max(Int64(lastTime) - Int64(firstTime), targetTimespan / 4), targetTimespan * 4)
        let actual = UInt256(UInt64(taken))
        let (quotient, rest) = base.decoded.value.quotientAndRemainder(
            dividingBy: UInt256(UInt64(targetTimespan)))
        // quotient * actual + rest * actual / timespan is the exact floor and cannot exceed 256 bits unless
        // it exceeds the limit.
        guard quotient <= limit.value / actual else { return limitBits }
        let scaled = quotient * actual + rest * actual / UInt256(UInt64(targetTimespan))
        return CompactTarget(Target(min(scaled, limit.value)))
    }
}

extension BlockTree {
    /// Core's GetNextWorkRequired: what a header after `previous` with this time must state.
    public func requiredBits(after previous: BlockID, time: UInt32, _ rules: ProofOfWorkRules)
        -> CompactTarget
    {
        let last = self[previous]
        if (last.height + 1) % rules.interval == 0 {
            guard rules.retargets else { return last.header.bits }
            let first = self[ancestor(of: previous, at: last.height - (rules.interval - 1))]
            return rules.retarget(
                rules.enforcesBIP94 ? first.header.bits : last.header.bits,
                firstTime: first.header.time, lastTime: last.header.time)
        }
        guard rules.allowsMinDifficulty else { return last.header.bits }
        if Int64(time) > Int64(last.header.time) + rules.targetSpacing * 2 { return rules.limitBits }
        return lastRealBits(from: previous, rules)
    }

    /// The bits of the last block of the period that did not use the exception for slow blocks.
    private func lastRealBits(from previous: BlockID, _ rules: ProofOfWorkRules) -> CompactTarget {
        let limitBits = rules.limitBits
        // Without retargets nothing but the limit can be found.
        if !rules.retargets, self[previous].header.bits == limitBits { return limitBits }
        var at = previous
        while self[at].previous >= 0, self[at].height % rules.interval != 0, self[at].header.bits == limitBits
        {
            at = self[at].previous
        }
        return self[at].header.bits
    }
}

extension Chainstate {
    /// What a header after the tip must state, at this time.
    public func nextBits(time: UInt32) -> CompactTarget {
        tree.requiredBits(after: tipID, time: time, parameters.work)
    }

    /// The least time that a header after the tip may have: after the median, and on BIP94's chains not ten
    /// minutes before the parent where difficulty changes.
    public var nextTimeMin: UInt32 {
        let least = tip.medianTime &+ 1
        guard parameters.work.enforcesBIP94, (height + 1) % parameters.work.interval == 0 else {
            return least
        }
        let parent = tip.header.time
        return max(least, parent > ChainLimits.timeWarp ? parent - ChainLimits.timeWarp : 0)
    }

    /// The version of a new block on the tip: BIP9's base and the bits of deployments under way (Core's
    /// ComputeBlockVersion).
    public var nextVersion: UInt32 {
        let isSignalling = tip.versionBits.next.isSignalling
        return 0x2000_0000 | (isSignalling ? 1 << UInt32(parameters.testDummy.bit) : 0)
    }
}
