import Bitcoin
import JSONText
import SansIO

/// The peers that came in by the listener, and what the node says of itself.
struct PeerSet: Sendable {
    /// 70016: everything but BIP434's `feature`, which Core master added.
    static let protocolVersion = 70_016
    /// NETWORK, WITNESS, NETWORK_LIMITED.
    static let services: UInt64 = 0x409

    enum Phase: Sendable, Equatable {
        /// Nothing but `version` is heard.
        case awaitingVersion
        /// Ours and `verack` went out.
        case awaitingVerack
        case established
    }

    struct Peer: Sendable {
        let id: ConnectionID
        let address: String
        let opened: Instant
        var phase = Phase.awaitingVersion
        var decoder: PeerMessageDecoder
        var userAgent = ""
        var version: UInt32 = 0
        var startHeight: Int32 = 0
        var prefersHeaders = false
        /// When the unanswered ping went out, and its nonce.
        var ping: (sent: Instant, nonce: UInt64)?
        var lastReceived: Instant
    }

    let magic: [UInt8]
    let userAgent: String
    /// In the order of arrival.
    var peers: [Peer] = []
    var random: PRNG
    /// Tells a connection to ourselves.
    let nonce: UInt64

    init(_ configuration: NodeConfiguration) {
        magic = configuration.network.magic
        userAgent = "/Satoshi:31.0.0/\(configuration.userAgent)/"
        random = PRNG(seed: configuration.seed)
        nonce = random.next()
    }

    var count: Int { peers.count { $0.phase == .established } }

    func index(_ id: ConnectionID) -> Int? { peers.firstIndex { $0.id == id } }

    var json: JSON {
        .array(
            peers.filter { $0.phase == .established }.map { peer in
                [
                    "id": .int(peer.id.raw), "addr": .string(peer.address), "network": "ipv4",
                    "services": "0000000000000409", "relaytxes": true,
                    "conntime": .int(peer.opened.nanoseconds / 1_000_000_000),
                    "version": .int(peer.version), "subver": .string(peer.userAgent), "inbound": true,
                    "startingheight": .int(peer.startHeight), "connection_type": "inbound",
                    "transport_protocol_type": "v1",
                ]
            })
    }
}
