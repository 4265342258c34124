import Bitcoin
import SansIO

/// The peers, what is asked of them together, and what the node says of itself.
struct PeerSet: Sendable {
    /// 70016: everything but BIP434's `feature`, which Core master added.
    static let protocolVersion = 70_016

    let magic: [UInt8]
    let userAgent: String
    let services: UInt64
    let isBlocksOnly: Bool
    /// In the order of arrival. Nothing is removed before the end of a call, so that places hold within it.
    var list: [Peer] = []
    var random: PRNG
    /// Secret of this life, for choices that nobody is to foresee.
    let groupSalt: UInt64
    var nextNumber = 0
    /// Our side of the connection that is about to be opened.
    var bound: (id: ConnectionID, local: Endpoint)?
    var isNetworkActive: Bool
    /// Traffic of connections that are gone.
    var pastSent: UInt64 = 0
    var pastReceived: UInt64 = 0

    var headers = HeaderChain()
    var inFlight = BlocksInFlight()
    var nextDownloadCheck: Instant?
    var requests = TransactionRequests()
    var orphans = OrphanPool()
    /// Transactions that failed for good while this tip stands.
    var rejects = RecentHashes(capacity: ChainLimits.recentRejects)
    /// Those that only paid too little, so that a child may pay for them.
    var poor = RecentHashes(capacity: ChainLimits.recentRejects)
    /// Transactions of recent blocks.
    var confirmed = RecentHashes(capacity: ChainLimits.recentConfirmed)
    /// Peers that announce blocks as compact blocks unasked, oldest first; at most three.
    var highBandwidth: [ConnectionID] = []
    /// The tip as peers will ask for it.
    var recentBlock: RecentBlock?
    /// Left for good once the tip is recent (Core's latch).
    var isInitialDownload = true
    /// Peers whose chain we asked for from the start.
    var syncsStarted = 0
    /// The last inv that started a sync with another peer.
    var inventoryThatAsked: Hash256?
    /// When the incoming peers' next announcements go out: one time for all (privacy).
    var nextInboundInventory = Instant.start
    /// When what the pool holds of our own and nobody fetched is announced again.
    var nextRebroadcast: Instant?
    /// Transactions that left the pool or never entered, for compact blocks.
    var extra = ExtraTransactions()
    var dialing: Dialing
    var bans = BanList()
    var filters = FilterChain()
    var book = AddressBook()
    var answers = AddressAnswers()
    /// A call works through the list; removal waits for its end.
    var isBusy = false

    init(_ configuration: NodeConfiguration) {
        magic = configuration.network.magic
        userAgent = Self.userAgent(configuration)
        var services = PeerServices.witness | PeerServices.networkLimited
        if configuration.chain.pruning == .off { services |= PeerServices.network }
        if configuration.peerBlockFilters { services |= PeerServices.compactFilters }
        if configuration.v2Transport { services |= PeerServices.v2Transport }
        self.services = services
        isBlocksOnly = configuration.blocksOnly
        isNetworkActive = configuration.networkActive
        random = PRNG(seed: configuration.seed, stream: 0x7032_70)
        groupSalt = random.next()
        dialing = Dialing(configuration)
    }

    private static func userAgent(_ configuration: NodeConfiguration) -> String {
        let comments = configuration.userAgentComments
        let first = "/Satoshi:31.0.0" + (comments.isEmpty ? "" : "(\(comments.joined(separator: "; ")))")
        return configuration.userAgent.isEmpty ? first + "/" : first + "/\(configuration.userAgent)/"
    }

    /// Peers that shook hands.
    var count: Int { list.count { $0.phase == .established } }

    func index(_ id: ConnectionID) -> Int? { list.firstIndex { $0.id == id } }
    func index(number: Int) -> Int? { list.firstIndex { $0.number == number } }

    /// Sends one message; nothing when the peer is being closed.
    mutating func say(
        _ command: PeerCommand, to index: Int, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>, _ body: (inout ByteWriter) -> Void = { _ in }
    ) {
        say(command.rawValue, to: index, at: time, into: &effects, body)
    }

    /// A message of any name, known or not.
    mutating func say(
        _ command: String, to index: Int, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>, _ body: (inout ByteWriter) -> Void
    ) {
        guard list[index].closing == nil else { return }
        var size = 0
        effects.send(on: list[index].id) { writer in
            let start = writer.count
            list[index].transport.write(command, into: &writer, body)
            size = writer.count - start
        }
        list[index].traffic.countSent(command, size, at: time)
    }

    /// Sends what version 2's key exchange has to send.
    mutating func shakeHands(
        _ index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let bytes = list[index].transport.takeHandshake()
        guard !bytes.isEmpty, list[index].closing == nil else { return }
        effects.send(on: list[index].id) { $0.write(bytes) }
        list[index].traffic.countHandshake(bytes.count, at: time)
    }

    /// Closes the connection at the end of this call.
    mutating func drop(_ index: Int, _ reason: String) {
        if list[index].closing == nil { list[index].closing = reason }
    }

    /// The peer sent messages that cannot be read. A few are passed over without a word, as Core does for ever; then
    /// the peer goes, because nothing but a fault or an attack damages so many under TCP.
    mutating func passOver(_ count: Int, of index: Int) {
        list[index].unreadable += count
        if list[index].unreadable > ChainLimits.unreadableMessages {
            drop(index, "too many unreadable messages")
        }
    }

    /// The peer broke the protocol: it is dropped, and its address is remembered unless it is one of the operator's
    /// or a local one (Core's MaybeDiscourageAndDisconnect).
    mutating func punish(_ index: Int, _ reason: String) {
        let peer = list[index]
        if peer.permissions.contains(.noBan) || peer.kind == .manual { return }
        drop(index, reason)
        if let address = peer.networkAddress, !address.isLoopback { bans.discourage(address) }
    }

    var preferredCount: Int { list.count { $0.isUp && $0.isPreferred } }
}

/// The newest block, kept decoded for the peers that will ask for it at once.
struct RecentBlock: Sendable {
    let hash: Hash256
    let block: Block
    let compact: CompactBlock
}

/// Transactions that a compact block may name though the pool does not hold them (Core's
/// -blockreconstructionextratxn).
struct ExtraTransactions: Sendable {
    private(set) var list: [Transaction] = []
    private var next = 0

    mutating func insert(_ transaction: Transaction) {
        guard transaction.totalSize <= ChainLimits.extraTransactionBytes else { return }
        if list.count < ChainLimits.extraTransactions {
            list.append(transaction)
        } else {
            list[next] = transaction
            next = (next + 1) % list.count
        }
    }
}
