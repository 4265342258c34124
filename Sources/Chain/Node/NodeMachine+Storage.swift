import SansIO

/// When what the chain holds becomes durable.
extension NodeMachine {
    /// Ends every event. What somebody is told of in this event's effects (a block that came by RPC, from a
    /// template's client or an operator) is durable before the driver sends them. Blocks that peers sent are
    /// acknowledged to nobody; they are made durable together, a little later.
    mutating func makeDurable(at now: Instant) {
        if chain.hasGrown {
            let best = peers.isInitialDownload ? chain.tree[peers.headers.best].height : 0
            chain.pruneToTarget(expected: best - chain.height)
        }
        guard mustCommit || chain.hasUncommitted else { return }
        if mustCommit || chain.uncommittedBytes >= ChainLimits.uncommittedBytes {
            mustCommit = false
            chain.commit()
            timers.stop(.storage)
        } else if timers.deadline(of: .storage) == nil {
            timers.set(.storage, now + ChainLimits.uncommittedAge)
        }
    }
}

extension BlockSource {
    var isPeer: Bool {
        switch self {
        case .peer: true
        case .rpc, .command, .generated, .templateClient: false
        }
    }
}
