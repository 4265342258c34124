import Bitcoin
import SansIO

/// The blocks that one peer was asked for.
struct BlockDownload: Sendable {
    struct Request: Sendable {
        var block: BlockID
        /// The compact block that is being completed.
        var partial: PartialBlock?
    }

    /// In the order of asking; at most 16.
    var requests: [Request] = []
    /// When the first of them became the first.
    var since: Instant?
    /// Since when this peer alone holds up the window.
    var stallingSince: Instant?

    var room: Int { max(0, ChainLimits.peerBlocksInFlight - requests.count) }

    func index(of block: BlockID) -> Int? { requests.firstIndex { $0.block == block } }
}

/// Who was asked for which block.
struct BlocksInFlight: Sendable {
    /// The peers that were asked for a block, in the order of asking; at most three for one block (BIP152).
    private var peers: [BlockID: [ConnectionID]] = [:]
    private(set) var count = 0
    /// How long a peer may hold up the window; doubles when one was dropped for it.
    var stallingTimeout = Interval.seconds(2)
    /// Peers with a request out.
    var downloadingFrom = 0

    subscript(block: BlockID) -> [ConnectionID] { peers[block] ?? [] }

    func contains(_ block: BlockID) -> Bool { peers[block] != nil }

    mutating func insert(_ block: BlockID, from peer: ConnectionID) {
        peers[block, default: []].append(peer)
        count += 1
    }

    mutating func remove(_ block: BlockID, from peer: ConnectionID) {
        guard var list = peers[block], let index = list.firstIndex(of: peer) else { return }
        list.remove(at: index)
        peers[block] = list.isEmpty ? nil : list
        count -= 1
    }
}

/// How blocks are announced to and by one peer.
struct BlockAnnouncing: Sendable {
    /// It sent sendheaders.
    var prefersHeaders = false
    /// We sent sendheaders.
    var hasSentSendHeaders = false
    /// It sent sendcmpct of version 2.
    var providesCompact = false
    /// It wants compact blocks unasked (BIP152 high bandwidth).
    var wantsCompact = false
    /// We asked it for compact blocks unasked.
    var isHighBandwidth = false
    /// Blocks of the active chain that it has not been told of, oldest first.
    var pending: [BlockID] = []
    /// The best header that was sent to it.
    var bestSent: BlockID?
}
