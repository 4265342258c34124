import Bitcoin
import SansIO
import Vardiff

/// Sums since the machine began.
public struct PoolTotals: Sendable, Hashable {
    public var connectionsAccepted: UInt64 = 0
    public var connectionsRefused: UInt64 = 0
    public var channelsOpened: UInt64 = 0
    public var sharesAccepted: UInt64 = 0
    public var sharesRejected: UInt64 = 0
    public var blocksFound: UInt64 = 0
}

/// A pool at one moment, for tests, traces and the explorer.
public struct PoolSnapshot: Sendable, Equatable {
    public var totals: PoolTotals
    public var connections: Int
    public var readyConnections: Int
    /// In the order of the server's table.
    public var clients: [ClientSnapshot]
    public var isDraining: Bool
    /// In the order of the server's table.
    public var channels: [ChannelSnapshot]
    public var isTemplateProviderReady: Bool
    public var tip: Hash256?
    public var currentJob: UInt32?
    public var jobsHeld: Int
    /// Channel requests that wait for the first template.
    public var heldOpens: Int
}

/// One connection at one moment.
public struct ClientSnapshot: Sendable, Equatable {
    public var id: ConnectionID
    public var address: String
    public var isReady: Bool
    public var device: ClientDevice?
    public var channels: Int
    /// Refused requests and frames that mean nothing here.
    public var oddities: Int
}

/// What a client says of itself in SetupConnection.
public struct ClientDevice: Sendable, Equatable {
    public var vendor: String
    public var hardware: String
    public var firmware: String
    public var deviceID: String
    public var flags: UInt32
}

/// One channel at one moment.
public struct ChannelSnapshot: Sendable, Equatable {
    public var key: ChannelKey
    public var kind: ChannelKind
    public var identity: String
    public var target: Target
    /// Hashes per second on which the target rests.
    public var expectedHashRate: Double
    /// Hashes per second by the work of the last minutes.
    public var measuredHashRate: Double
    public var sharesAccepted: UInt64
    /// By ``ShareRejection/rawValue``; empty when none was.
    public var sharesRejected: [UInt32]
    /// Sum of credited difficulties.
    public var difficulty: Double
    public var blocks: UInt32
}

extension PoolMachine {
    /// Everything visible, at `now`. Costs time in proportion to the channels.
    public func snapshot(at now: Instant) -> PoolSnapshot {
        var result = PoolSnapshot(
            totals: totals, connections: places.count, readyConnections: 0, clients: [],
            isDraining: drain != nil, channels: [],
            isTemplateProviderReady: templateProvider.isReady, tip: store.tip?.prevHash,
            currentJob: store.currentID, jobsHeld: store.jobs.count, heldOpens: 0)
        for place in connections.indices {
            guard let connection = connections[place] else { continue }
            result.clients.append(
                ClientSnapshot(
                    id: connection.id, address: connection.address, isReady: connection.traits != nil,
                    device: connection.device.first, channels: connection.members.count,
                    oddities: connection.oddities))
            if connections[place]!.traits != nil { result.readyConnections += 1 }
            result.heldOpens += connections[place]!.heldOpens.count
        }
        result.channels.reserveCapacity(channelCount)
        for index in channels.indices {
            guard let channel = channels[index] else { continue }
            result.channels.append(ChannelSnapshot(channel, at: now))
        }
        return result
    }
}

extension ChannelSnapshot {
    init(_ channel: MiningChannel, at now: Instant) {
        self.init(
            key: channel.key, kind: channel.kind, identity: channel.identity,
            target: channel.targets.latest.target, expectedHashRate: channel.vardiff.hashRate,
            measuredHashRate: channel.account.hashRate(at: now), sharesAccepted: channel.account.accepted,
            sharesRejected: channel.account.rejected, difficulty: channel.account.difficulty,
            blocks: channel.account.blocks)
    }
}
