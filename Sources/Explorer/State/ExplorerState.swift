import Bitcoin

/// Everything the pages are made from, as one value. The follower writes it; pages read it.
struct ExplorerState: Sendable {
    var index = ChainIndex()
    var node = NodeFacts()
    var reach = NodeReach.connecting
    /// When the node last answered, Unix seconds.
    var lastAnswer: Int64?
    var mempool = MempoolView()
    var template: TemplateView?
    /// Why there is no template.
    var templateProblem: String?
    var feed = LabFeed.empty
    /// Where the node is asked, `host:port`.
    var nodeName = ""

    /// Blocks the node has and the index has not.
    var behind: Int { max(0, node.blocks - (index.tipHeight ?? -1)) }

    /// Enough is known to show chain pages.
    var hasChain: Bool { !index.isEmpty }

    func address(of script: Script) -> String? {
        script.address(on: node.addressNetwork)
    }

    func finder(of hash: Hash256) -> BlockFinder? { feed.foundBy[hash.displayHex] }

    /// An output of the chain or of the mempool.
    func output(_ point: OutPoint) -> TransactionOutput? { index.output(point) ?? mempool.output(point) }

    func confirmations(of height: Int) -> Int { max(0, (index.tipHeight ?? height) - height + 1) }
}

/// What changed, as pages subscribe to it.
enum Topic: String, Sendable, CaseIterable {
    case tip
    case mempool
    case node
    case feed
}

/// The one owner of the state.
actor StateStore {
    private var state: ExplorerState
    let changes: EventHub

    init(_ state: ExplorerState, changes: EventHub) {
        self.state = state
        self.changes = changes
    }

    func read<R: Sendable>(_ body: @Sendable (ExplorerState) throws -> R) rethrows -> R {
        try body(state)
    }

    /// Changes the state and tells the pages what changed.
    func update(_ topics: [Topic], _ body: @Sendable (inout ExplorerState) -> Void) {
        body(&state)
        if !topics.isEmpty { changes.publish(topics) }
    }

    /// Changes the state; the body says what changed.
    func update(_ body: @Sendable (inout ExplorerState) -> [Topic]) {
        let topics = body(&state)
        if !topics.isEmpty { changes.publish(topics) }
    }
}
