import Bitcoin
import SansIO

/// One connection to another node and all that is known of it.
struct Peer: Sendable {
    /// How the connection came to be, in Core's words.
    enum Kind: String, Sendable {
        case inbound
        case manual
        case outboundFullRelay = "outbound-full-relay"
        case blockRelayOnly = "block-relay-only"
        case addressFetch = "addr-fetch"
        case feeler

        var isInbound: Bool { self == .inbound }
    }

    enum Phase: Sendable, Equatable {
        /// Nothing but `version` is heard.
        case awaitingVersion
        /// `version` was heard and answered.
        case awaitingVerack
        /// Both sides agreed.
        case established
    }

    let id: ConnectionID
    /// Counts from zero in the order of arrival, as Core numbers its peers.
    let number: Int
    let kind: Kind
    /// Host and port as the driver gave them, or as the operator wrote them.
    let address: String
    let networkAddress: NetworkAddress?
    /// Our side of the connection, where the driver told.
    let bound: Endpoint?
    let permissions: PeerPermissions
    /// Unix time, as all instants of peers.
    let opened: Instant
    /// Goes into our version message to it and tells a connection to ourselves.
    let nonce: UInt64

    var phase = Phase.awaitingVersion
    var transport: PeerTransport
    /// Why it will be closed at the end of this call.
    var closing: String?
    /// Set with `closing`: its address is remembered as a nuisance.
    var isDiscouraged = false

    var hasSentVersion = false
    /// What it said of itself.
    var version: UInt32 = 0
    /// Messages of it with a wrong checksum or contents that do not parse.
    var unreadable = 0
    var services: UInt64 = 0
    var userAgent = ""
    var startHeight: Int32 = 0
    var timeOffset: Int64 = 0
    /// Where it sees us.
    var localAddress: String?
    var wantsTransactions = false
    var usesWitnessIDs = false
    var wantsAddressesV2 = false
    /// Its address misbehaved before: it goes first when room is needed.
    var isPreferredForEviction = false

    /// When it last brought a new block.
    var lastBlock: Instant?
    var traffic = PeerTraffic()
    var ping = PeerPing()
    var headers = HeaderSync()
    var chainSync = ChainSync()
    var download = BlockDownload()
    var announcing = BlockAnnouncing()
    var relay = TransactionRelay()
    var gossip = AddressGossip()
    var serving = DataServing()

    var isUp: Bool { phase == .established && closing == nil }
    var isInbound: Bool { kind.isInbound }
    /// Picked by the node itself to follow the chain.
    var isChosen: Bool { kind == .outboundFullRelay || kind == .blockRelayOnly }
    var commonVersion: UInt32 { min(version, UInt32(PeerSet.protocolVersion)) }
    var hasWitnesses: Bool { services & PeerServices.witness != 0 }
    var canServeBlocks: Bool { services & (PeerServices.network | PeerServices.networkLimited) != 0 }
    var isLimited: Bool { services & PeerServices.network == 0 && canServeBlocks }
    /// Blocks are fetched from it first.
    var isPreferred: Bool {
        version != 0 && (!isInbound || permissions.contains(.noBan)) && kind != .addressFetch
            && canServeBlocks
    }
    /// Whether transactions go either way at all.
    var relaysTransactions: Bool { kind != .blockRelayOnly && kind != .feeler }
}

/// Bits of a version message's services (protocol.h).
enum PeerServices {
    static let network: UInt64 = 1
    static let bloom: UInt64 = 4
    static let witness: UInt64 = 8
    static let compactFilters: UInt64 = 64
    static let networkLimited: UInt64 = 1024
    static let v2Transport: UInt64 = 2048

    static func names(_ bits: UInt64) -> [String] {
        let known: [(UInt64, String)] = [
            (network, "NETWORK"), (bloom, "BLOOM"), (witness, "WITNESS"), (compactFilters, "COMPACT_FILTERS"),
            (networkLimited, "NETWORK_LIMITED"), (v2Transport, "P2P_V2"),
        ]
        return (0..<64).compactMap { place in
            let bit = UInt64(1) << UInt64(place)
            guard bits & bit != 0 else { return nil }
            return known.first { $0.0 == bit }?.1 ?? "UNKNOWN[2^\(place)]"
        }
    }
}

/// Bytes and times of one connection.
struct PeerTraffic: Sendable {
    private(set) var bytesSent: UInt64 = 0
    private(set) var bytesReceived: UInt64 = 0
    var lastSent: Instant?
    var lastReceived: Instant?
    /// By ``PeerCommand/place``, framing included; the last is everything else.
    private(set) var sent = [UInt64](repeating: 0, count: PeerCommand.allCases.count + 1)
    private(set) var received = [UInt64](repeating: 0, count: PeerCommand.allCases.count + 1)

    mutating func countSent(_ command: String, _ bytes: Int, at time: Instant) {
        bytesSent += UInt64(bytes)
        lastSent = time
        sent[PeerCommand(rawValue: command)?.place ?? PeerCommand.allCases.count] += UInt64(bytes)
    }

    mutating func countReceived(_ bytes: Int, at time: Instant) {
        bytesReceived += UInt64(bytes)
        lastReceived = time
    }

    mutating func countReceived(_ command: String, _ bytes: Int) {
        received[PeerCommand(rawValue: command)?.place ?? PeerCommand.allCases.count] += UInt64(bytes)
    }

    mutating func countHandshake(_ bytes: Int, at time: Instant) {
        bytesSent += UInt64(bytes)
        lastSent = time
    }
}

/// Latency probes.
struct PeerPing: Sendable {
    /// The nonce of the probe that waits for its pong; zero for none.
    var nonce: UInt64 = 0
    var started: Instant?
    var last: Interval?
    var least: Interval?
    /// An operator asked for one.
    var isQueued = false

    mutating func answered(at time: Instant) {
        nonce = 0
        guard let started else { return }
        let took = time - started
        last = took
        least = min(least ?? took, took)
    }
}

/// The blocks and transactions that a peer asked for and did not get yet. What is on its way is bounded: beyond
/// the bound a ping goes out, and its pong says that everything before it has arrived.
struct DataServing: Sendable {
    var queue: [InventoryEntry] = []
    var next = 0
    /// Bytes sent up to the last pong to such a ping.
    var acknowledged: UInt64 = 0
    /// The ping that is out, and the bytes sent before it.
    var probe: (nonce: UInt64, sent: UInt64)?

    var isEmpty: Bool { next >= queue.count }

    mutating func append(_ entries: [InventoryEntry]) {
        queue.removeFirst(next)
        next = 0
        queue += entries
    }
}
