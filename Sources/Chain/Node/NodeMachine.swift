public import Bitcoin
public import SansIO
import Stratum

/// A Bitcoin node as a value: blocks and coins, memory pool, wallets, JSON-RPC, peers, and an SV2 template
/// provider. Its three listeners are ``ListenerID/rpc``, ``ListenerID/peerToPeer`` and
/// ``ListenerID/templateProvider``; it takes and gives their raw TCP bytes.
public struct NodeMachine: DurableMachine {
    public typealias Command = NodeCommand
    public typealias Observation = NodeObservation

    enum Role: Sendable {
        case rpc
        case peer
        case templates
        case publisher
    }

    enum Timer: Int, CaseIterable, Sendable {
        case templateRefresh
        case templateSweep
        case longPoll
        case mempoolLoad
        case settle
        case peers
        case storage
        case walletLock
        case rpc
    }

    public let configuration: NodeConfiguration
    public internal(set) var chain: Chainstate
    public internal(set) var mempool: Mempool
    var mempoolLoad: MempoolLoad?
    /// Changes of the chain that pool and wallets have not followed yet.
    var unsettled: [ChainChange] = []
    var wallets: WalletBook
    var provider = TemplateProvider()
    var rpc: RPCServer
    var publisher: Publisher
    var peers: PeerSet
    var roles: [ConnectionID: Role] = [:]
    var secrets: SecretGenerator
    let credentials: NoiseCredentials
    var clock: WallClock
    /// Peers live by it, so that they are looked at when it is set.
    var mockTime: UInt32? { didSet { timers.set(.peers, .start) } }
    var timers = TimerTable<Timer>()
    var lastTemplateUpdate = Instant.start
    /// The template that getblocktemplate gives out, until tip or pool change.
    var rpcTemplate: (template: BlockTemplate, made: Instant)?
    /// Weight with the reserve, and transactions without the coinbase, of the last template.
    var lastTemplate: (weight: Int, transactions: Int)?
    /// The wallets have not looked at the blocks that came back from disk.
    var walletsLagBehind = true
    /// Something of this event may be acknowledged only once it is durable.
    var mustCommit = false

    /// A node whose chain lives in memory.
    public init(_ configuration: NodeConfiguration) {
        self.init(
            configuration, chain: Chainstate(configuration.network, options: Self.options(configuration)))
    }

    /// A node whose chain lives in `storage`, which is its own from now on. `report` hears of a rebuild.
    public init(
        _ configuration: NodeConfiguration, storage: any DurableStorage,
        report: (RebuildProgress) -> Void = { _ in }
    ) throws(StorageFault) {
        let chain = try Chainstate.open(
            configuration.network, in: storage, options: Self.options(configuration), report: report)
        self.init(configuration, chain: chain)
    }

    private static func options(_ configuration: NodeConfiguration) -> ChainOptions {
        var options = configuration.chain
        options.cacheSalt = SHA256.hash(configuration.secretSeed + Array("validation cache".utf8)).bytes
        return options
    }

    private init(_ configuration: NodeConfiguration, chain: Chainstate) {
        self.configuration = configuration
        self.chain = chain
        mempool = Mempool(configuration.mempool)
        clock = configuration.clock
        secrets = SecretGenerator(
            seed: configuration.secretSeed + Array("connections".utf8) + configuration.sessionSeed)
        let start = configuration.clock.unixSeconds(at: .start)
        credentials = .issue(
            authority: configuration.templateAuthority, staticKey: configuration.templateStaticKey,
            validFrom: start > 3_600 ? start - 3_600 : 0, notValidAfter: .max)
        rpc = RPCServer(configuration.rpc)
        publisher = Publisher(configuration.rpc.publishers)
        mockTime = configuration.mockTime
        wallets = WalletBook(
            seed: configuration.secretSeed, session: configuration.sessionSeed,
            network: configuration.network.addressNetwork, gap: configuration.keypool)
        wallets.addressType = configuration.addressType
        wallets.changeType = configuration.changeType
        wallets.reloadsWallets = configuration.reloadsWallets
        peers = PeerSet(configuration)
        if !configuration.connect.isEmpty || !configuration.addNodes.isEmpty { timers.set(.peers, .start) }
    }

    /// What clients of the template provider expect as its authority.
    public var templateAuthority: String { configuration.templateAuthority.publicKey.description }

    public var nextDeadline: Instant? { timers.next }

    /// The time that headers are judged by.
    func unixTime(at now: Instant) -> UInt32 { mockTime ?? clock.unixSeconds(at: now) }

    public mutating func connectionBound(_ id: ConnectionID, to local: Endpoint) {
        peers.bound = (id, local)
    }

    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        defer { makeDurable(at: now) }
        if walletsLagBehind {
            catchUpWallets(at: now)
            storeWallets(into: &effects)
        }
        settle(at: now, into: &effects)
        switch origin {
        case .accepted(.rpc, let address):
            roles[id] = .rpc
            rpcConnectionOpened(id, address: address, at: now, into: &effects)
        case .accepted(.peerToPeer, let address):
            roles[id] = .peer
            peerConnectionOpened(id, from: address, at: now, into: &effects)
        case .accepted(.templateProvider, _):
            roles[id] = .templates
            templateConnectionOpened(id, into: &effects)
        case .accepted(let listener, _) where publisher.serves(listener):
            roles[id] = .publisher
            publisher.connectionOpened(id, on: listener, into: &effects)
        case .accepted(let listener, _):
            preconditionFailure("the node has no listener \(listener.raw)")
        case .dialed(let dial):
            roles[id] = .peer
            peerDialed(id, dial, at: now, into: &effects)
        }
    }

    public mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        defer { makeDurable(at: now) }
        settle(at: now, into: &effects)
        switch roles[id] {
        case .rpc: rpcBytesReceived(bytes, on: id, at: now, into: &effects)
        case .peer: peerBytesReceived(bytes, on: id, at: now, into: &effects)
        case .templates: templateBytesReceived(bytes, on: id, at: now, into: &effects)
        case .publisher: publisher.bytesReceived(bytes, on: id, into: &effects)
        case nil: break
        }
    }

    public mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        defer { makeDurable(at: now) }
        switch roles.removeValue(forKey: id) {
        case .rpc: rpc.close(id)
        case .publisher: publisher.connectionClosed(id)
        case .peer: peerConnectionClosed(id, reason: reason, at: now, into: &effects)
        case .templates:
            if provider.close(id) {
                effects.observe(.templateClientDisconnected(id, reason: reason.description))
            }
        case nil: break
        }
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        peerDialFailed(dial, reason: reason, at: now, into: &effects)
    }

    public mutating func handle(
        _ command: consuming NodeCommand, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        defer { makeDurable(at: now) }
        catchUpWallets(at: now)
        settle(at: now, into: &effects)
        switch command {
        case .submitBlock(let bytes):
            guard let block = try? Block(bytes: bytes) else {
                effects.observe(.blockRejected(hash: .zero, reason: "Block decode failed", source: .command))
                return
            }
            let repaired = CoinbaseRepair.repair(block, on: chain)
            _ = submit(repaired, bytes: repaired.bytes(), from: .command, at: now, into: &effects)
        case .submitTransaction(let bytes):
            guard let transaction = try? Transaction(bytes: bytes) else {
                effects.observe(.transactionRejected(.zero, reason: "TX decode failed"))
                return
            }
            do throws(Rejection) { _ = try submit(transaction, at: now, into: &effects) } catch {}
        case .generate(let count, let script, let maxTries):
            var tries = maxTries
            // A refusal has been observed.
            _ = try? generate(count, paying: script, tries: &tries, at: now, into: &effects)
        case .setWallClock(let clock): self.clock = clock
        case .setMockTime(let time):
            mockTime = time
            checkPeers(at: now, into: &effects)
        case .invalidateBlock(let hash): _ = invalidate(hash, at: now, into: &effects)
        case .reconsiderBlock(let hash): _ = reconsider(hash, at: now, into: &effects)
        case .preciousBlock(let hash): _ = prefer(hash, at: now, into: &effects)
        case .loadMempool(let bytes): startMempoolLoad(bytes, at: now, into: &effects)
        case .commit: mustCommit = true
        case .loadBans(let bytes): loadBans(bytes, at: now)
        case .loadAddresses(let bytes): loadAddresses(bytes)
        case .loadFeeEstimates(let bytes): _ = mempool.estimator.restore(bytes)
        case .fileRead(let path, let content): fileRead(path, content, at: now, into: &effects)
        case .fileWritten(let path, let fault): fileWritten(path, fault, at: now, into: &effects)
        case .loadWallet(let name): loadWallet(name, at: now, into: &effects)
        }
    }

    public mutating func deadlineReached(at now: Instant, into effects: inout EffectBuffer<NodeObservation>) {
        if timers.fire(.storage, at: now) { mustCommit = true }
        defer { makeDurable(at: now) }
        settle(at: now, into: &effects)
        if timers.fire(.templateRefresh, at: now) { refreshTemplates(at: now, into: &effects) }
        if timers.fire(.templateSweep, at: now), let next = provider.sweep(at: now) {
            timers.set(.templateSweep, next)
        }
        if timers.fire(.mempoolLoad, at: now) { continueMempoolLoad(at: now, into: &effects) }
        if timers.fire(.longPoll, at: now) { checkLongPolls(at: now, into: &effects) }
        if timers.fire(.peers, at: now) { checkPeers(at: now, into: &effects) }
        if timers.fire(.rpc, at: now) { checkRPC(at: now, into: &effects) }
        if timers.fire(.walletLock, at: now) { relockWallets(at: now) }
    }

    public mutating func restore(_ record: RawSpan, from store: StoreID) {
        switch store {
        case .wallet:
            wallets.restore(record)
            walletsLagBehind = true
        default: preconditionFailure("the node has no store \(store.raw)")
        }
    }
}
