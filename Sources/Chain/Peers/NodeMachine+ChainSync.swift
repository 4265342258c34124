import Bitcoin
import SansIO

/// How patient this node is with a peer that it chose itself and whose chain is behind (Core's ConsiderEviction).
struct ChainSync: Sendable {
    /// By when the peer must have shown a chain with the work of `goal`.
    var deadline: Instant?
    /// Our tip when the deadline was set.
    var goal: BlockID?
    /// It was asked for headers one last time.
    var wasAsked = false
    /// Stays whatever happens: it once had as much work as we.
    var isProtected = false
}

extension NodeMachine {
    mutating func considerChainSync(
        _ index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let sync = peers.list[index].chainSync
        guard peers.list[index].isChosen, !sync.isProtected, peers.list[index].headers.isStarted else {
            return
        }
        let work = peers.list[index].headers.best.map { chain.tree[$0].chainWork }
        if let work, !(work < chain.tip.chainWork) {
            peers.list[index].chainSync = ChainSync()
            return
        }
        let hasReached =
            work.flatMap { work in sync.goal.map { !(work < chain.tree[$0].chainWork) } } ?? false
        guard let deadline = sync.deadline, !hasReached else {
            peers.list[index].chainSync = ChainSync(
                deadline: time + ChainLimits.peerChainSync, goal: chain.tipID)
            return
        }
        guard time > deadline else { return }
        guard !sync.wasAsked else {
            peers.drop(index, "Outbound peer has old chain")
            return
        }
        let goal = sync.goal ?? chain.tipID
        askForHeaders(index, from: max(chain.tree[goal].previous, 0), at: time, into: &effects)
        peers.list[index].chainSync.wasAsked = true
        peers.list[index].chainSync.deadline = time + ChainLimits.peerHeadersResponse
    }

    /// The first four peers of our choice that have as much work as we are kept even when they fall behind, so that
    /// nobody can have us drop all of them with a chain of their own.
    mutating func considerProtection(_ index: Int) {
        guard peers.list[index].kind == .outboundFullRelay, peers.list[index].closing == nil,
            !peers.list[index].chainSync.isProtected, let best = peers.list[index].headers.best,
            !(chain.tree[best].chainWork < chain.tip.chainWork),
            peers.list.count(where: { $0.chainSync.isProtected }) < 4
        else { return }
        peers.list[index].chainSync = ChainSync(isProtected: true)
    }
}
