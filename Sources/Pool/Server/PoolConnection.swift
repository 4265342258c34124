import Bitcoin
import SansIO
import Stratum

/// One connection of the pool's listeners.
struct PoolConnection: Sendable {
    /// Where it stands. Channels exist only when ready.
    enum Phase: Sendable, Equatable {
        /// Noise is under way; ends in `awaitingSetup`.
        case handshaking
        /// Encrypted; nothing but SetupConnection may come.
        case awaitingSetup
        /// Mining messages flow.
        case ready(Traits)
        /// An error was answered and the connection closes; what still arrives is not read.
        case closing
    }

    /// What SetupConnection and the extension negotiation settled.
    struct Traits: Sendable, Equatable {
        /// No group: each channel gets NewMiningJob and its own SetNewPrevHash.
        var requiresStandardJobs: Bool
        /// A job declaration client: it brings its own jobs and gets none.
        var requiresWorkSelection: Bool
        /// Extension 0x0002: a worker's name behind each extended share.
        var namesWorkers = false
    }

    struct Member: Sendable, Equatable {
        /// The id on the wire.
        var id: UInt32
        /// The place in the server's channel table.
        var index: Int
    }

    /// A channel request, of either kind.
    struct OpenRequest: Sendable, Equatable {
        var requestID: UInt32
        var identity: String
        var nominalHashRate: Double
        var maximumTarget: Target
        /// Nil for a standard channel.
        var minExtranonceSize: UInt16?
        var kind: ChannelKind { minExtranonceSize == nil ? .standard : .extended }
    }

    let id: ConnectionID
    let listener: ListenerID
    /// Without a port.
    let address: String
    var link: V2Connection
    var phase = Phase.handshaking
    /// Ascending by id; ids are never used twice.
    var members: [Member] = []
    /// Channel ids share their number space with the group, which is 1 (SV2 section 5.2.3).
    var nextChannelID: UInt32 = 2
    /// Requests that wait for the first template.
    var heldOpens: [OpenRequest] = []
    var oddities = 0
    var allowance = FrameAllowance()
    /// Empty before SetupConnection, then one: the box keeps a waiting connection small.
    var device: [ClientDevice] = []
    /// Members whose blocks pay their own miner.
    var soloMembers = 0

    var traits: Traits? {
        if case .ready(let traits) = phase { return traits }
        return nil
    }

    /// The channel's place in the server's table.
    func index(of channelID: UInt32) -> Int? {
        if let first = members.first, first.id == channelID { return first.index }
        var low = 0
        var high = members.count
        while low < high {
            let middle = (low + high) / 2
            if members[middle].id < channelID { low = middle + 1 } else { high = middle }
        }
        return low < members.count && members[low].id == channelID ? members[low].index : nil
    }
}
