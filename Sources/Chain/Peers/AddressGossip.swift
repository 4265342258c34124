import Bitcoin
import SansIO

/// Which addresses one peer was told and may tell us.
struct AddressGossip: Sendable {
    /// Addresses are exchanged with it: it is outbound, or sent addr, addrv2 or getaddr.
    var isOn = false
    /// It got its answer to getaddr.
    var wasAnswered = false
    /// Addresses it may still tell us now; grows by 0.1 a second up to 1000 (Core).
    var tokens = 1.0
    var refilled: Instant?
    var processed: UInt64 = 0
    var rateLimited: UInt64 = 0
    var pending: [AddressRecord] = []
    var known = RecentHashes(capacity: ChainLimits.peerKnownAddresses)
    var next: Instant?
}

/// An address with what was said of it.
struct AddressRecord: Sendable, Equatable {
    var address: NetworkAddress
    var port: UInt16
    var services: UInt64
    /// Unix seconds.
    var time: UInt32
}
