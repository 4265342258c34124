import Bitcoin
import SansIO

/// What is known of one peer's chain of headers, and the request for more that is out.
struct HeaderSync: Sendable {
    /// Its best block that we know.
    var best: BlockID?
    /// A block it announced whose header we do not have.
    var unknown: Hash256?
    /// The last block that we share with it.
    var common: BlockID?
    /// Whether we asked it for its chain from the start.
    var isStarted = false
    /// When the unanswered getheaders went out.
    var asked: Instant?
    /// When a sync that does not end is given up.
    var deadline: Instant?
    /// An inv made us ask for headers before the sync began.
    var askedForInventory = false
    /// A chain of little work that is being measured before it is taken.
    var presync: HeaderPresync?
    /// When it last announced a block with more work than our tip's.
    var lastAnnouncement: Instant?

    /// Whether another getheaders may go out: one at a time, and two minutes to answer (Core).
    func mayAsk(at time: Instant) -> Bool {
        guard let asked else { return true }
        return time - asked > ChainLimits.peerHeadersResponse
    }
}

/// The chain of headers with the most work, by height, so that an ancestor is found in one step.
struct HeaderChain: Sendable {
    private(set) var best: BlockID = 0
    private var byHeight: [BlockID] = [0]
    private var seen = 1

    /// Takes note of headers that arrived since, and of a best one that turned out invalid.
    mutating func catchUp(_ tree: BlockTree) {
        if tree[best].isInvalid { reset() }
        while seen < tree.entries.count {
            if !tree[seen].isInvalid, tree[best].chainWork < tree[seen].chainWork { lead(seen, in: tree) }
            seen += 1
        }
    }

    /// Looks at every header again: what was invalid may be so no longer.
    mutating func reset() {
        best = 0
        byHeight = [0]
        seen = 1
    }

    private mutating func lead(_ id: BlockID, in tree: BlockTree) {
        best = id
        let height = tree[id].height
        if byHeight.count > height + 1 { byHeight.removeSubrange((height + 1)...) }
        while byHeight.count <= height { byHeight.append(-1) }
        var at = id
        while at >= 0, byHeight[tree[at].height] != at {
            byHeight[tree[at].height] = at
            at = tree[at].previous
        }
    }

    func contains(_ id: BlockID, in tree: BlockTree) -> Bool {
        let height = tree[id].height
        return height < byHeight.count && byHeight[height] == id
    }

    /// The ancestor of `id` at `height`, which must not lie above it.
    func ancestor(of id: BlockID, at height: Int, in tree: BlockTree) -> BlockID {
        var at = id
        while tree[at].height > height {
            if contains(at, in: tree) { return byHeight[height] }
            at = tree[at].previous
        }
        return at
    }

    /// The last block that both chains have.
    func fork(of a: BlockID, and b: BlockID, in tree: BlockTree) -> BlockID {
        let height = min(tree[a].height, tree[b].height)
        var a = ancestor(of: a, at: height, in: tree)
        var b = ancestor(of: b, at: height, in: tree)
        while a != b {
            a = tree[a].previous
            b = tree[b].previous
        }
        return a
    }

    /// Hashes from `id` down to the genesis, dense at first and then ever sparser (at most 101 for any height).
    func locator(from id: BlockID, in tree: BlockTree) -> [Hash256] {
        var hashes: [Hash256] = []
        var at = id
        var step = 1
        while true {
            hashes.append(tree[at].hash)
            let height = tree[at].height
            if height == 0 { return hashes }
            at = ancestor(of: at, at: max(0, height - step), in: tree)
            if hashes.count > 10 { step *= 2 }
        }
    }
}
