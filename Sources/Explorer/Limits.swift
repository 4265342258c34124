/// Every bound of the explorer, with its reason.
enum Limits {
    /// Milliseconds between two looks at the node. Half a second is below what a person notices and costs a
    /// local node one small batch.
    static let pollMilliseconds = 500
    /// Milliseconds between two looks at the lab's own feed.
    static let feedMilliseconds = 1_000
    /// Milliseconds between refreshes of slow-moving facts (peers, network, tips) while nothing else changed.
    static let nodeDetailMilliseconds = 5_000
    /// Milliseconds between rebuilds of the mempool view: a verbose mempool of thousands is megabytes of
    /// JSON.
    static let mempoolMilliseconds = 1_000

    /// Blocks kept in the index. A lab chain at one block per second for a whole day is 86,400.
    static let indexedBlocks = 100_000
    /// Serialized bytes of the blocks kept; parsed values cost about four times as much memory.
    static let indexedBytes = 512 << 20
    /// Blocks fetched in one batch while catching up; the reply must stay under ``replyBytes``.
    static let catchUpBatch = 16
    /// Depth of a reorganization that is followed block by block; deeper ones rebuild the index.
    static let reorganizationDepth = 1_000
    /// Stale blocks remembered for the tips table.
    static let staleBlocks = 64
    /// Mempool transactions whose details are kept; beyond it only totals are shown.
    static let mempoolTransactions = 5_000
    /// Mempool transactions fetched raw in one batch.
    static let rawTransactionBatch = 100

    /// Bytes of one RPC reply. Sixteen full blocks in hex are 128 MB in the worst case; the catch-up batch is
    /// cut down to one block when a reply would exceed this.
    static let replyBytes = 160 << 20
    /// Bytes of an HTTP reply's header (Core's own limit is 8192).
    static let replyHeaderBytes = 16_384
    /// Seconds one RPC exchange may take.
    static let exchangeSeconds: Int64 = 30
    /// Connections to the node at once: the follower, and pages that ask on demand.
    static let rpcConnections = 8

    /// Pages that listen for changes at once. Each holds one connection and a buffer of a few names.
    static let eventClients = 256
    /// Seconds between heartbeats; a dead listener is noticed within one.
    static let heartbeatSeconds: Int64 = 15

    /// Rows on one page of a table.
    static let blocksPerPage = 50
    static let transactionsPerPage = 25
    static let historyPerPage = 25
    static let unspentShown = 50
    static let devicesPerPage = 100
    static let mempoolPerPage = 50
    /// Inputs or outputs of one transaction shown at once.
    static let transactionParts = 200
    /// Characters of hex or assembly shown before they are cut with a note.
    static let shownHex = 200_000
    /// Characters of an address, tag or name that a search or a page takes.
    static let queryCharacters = 128
    /// Blocks in the strip of the home page and in its interval chart.
    static let stripBlocks = 10
    static let chartBlocks = 72
    /// Chain tips and peers listed.
    static let tipsShown = 24
    static let peersShown = 32
}
