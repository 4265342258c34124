import Bitcoin
import JSONText
import Operations
import Pool
import SansIO

/// What a server of mining channels shows of itself: the pool's own, and the side of a job declaration client towards
/// its devices. Paths, fields and metrics are the same for both.
enum PoolFacts {
    /// `channels`, `clients`, `workers`.
    static func lists(_ pool: PoolSnapshot) -> [RoleList] {
        [
            RoleList("channels", pool.channels.map(channel)), RoleList("clients", pool.clients.map(client)),
            RoleList("workers", workers(pool.channels)),
        ]
    }

    /// Hashes a second of all channels, by accepted work.
    static func hashRate(_ pool: PoolSnapshot) -> Double {
        pool.channels.reduce(0) { $0 + $1.measuredHashRate }
    }

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    static func hex(_ word: UInt32) -> String {
        hex((0..<4).reversed().map { UInt8(truncatingIfNeeded: word >> (8 * $0)) })
    }

    static func id(_ key: ChannelKey) -> String { "\(key.connection.raw)-\(key.channel)" }

    static func channel(_ channel: ChannelSnapshot) -> JSON {
        var rejected: JSONObject = [:]
        for (index, count) in channel.sharesRejected.enumerated() where count > 0 {
            guard let reason = ShareRejection(rawValue: UInt8(index)) else { continue }
            rejected.append(reason.code, .int(count))
        }
        return [
            "id": .string(id(channel.key)), "client": .string("\(channel.key.connection.raw)"),
            "channel_id": .int(channel.key.channel),
            "kind": channel.kind == .standard ? "standard" : "extended",
            "user_identity": .string(channel.identity),
            "difficulty": .double(channel.target.difficulty),
            "expected_hashrate": .double(channel.expectedHashRate),
            "hashrate": .double(channel.measuredHashRate),
            "shares_accepted": .int(channel.sharesAccepted), "shares_rejected": .object(rejected),
            "share_work": .double(channel.difficulty), "blocks_found": .int(channel.blocks),
        ]
    }

    static func client(_ client: ClientSnapshot) -> JSON {
        var object: JSONObject = [
            "id": .string("\(client.id.raw)"), "address": .string(client.address),
            "state": client.isReady ? "ready" : "setting up", "channels": .int(client.channels),
            "oddities": .int(client.oddities),
        ]
        if let device = client.device {
            object.append("vendor", .string(device.vendor))
            object.append("hardware", .string(device.hardware))
            object.append("firmware", .string(device.firmware))
            object.append("device_id", .string(device.deviceID))
            object.append("flags", .int(device.flags))
        }
        return .object(object)
    }

    /// Channels of one identity together, in the order in which they come first.
    static func workers(_ channels: [ChannelSnapshot]) -> [JSON] {
        var places: [String: Int] = [:]
        var sums:
            [(
                identity: String, channels: Int, rate: Double, accepted: UInt64, rejected: UInt64,
                work: Double
            )] = []
        for channel in channels {
            let place = places[channel.identity] ?? sums.count
            if place == sums.count {
                places[channel.identity] = place
                sums.append((channel.identity, 0, 0, 0, 0, 0))
            }
            sums[place].channels += 1
            sums[place].rate += channel.measuredHashRate
            sums[place].accepted += channel.sharesAccepted
            sums[place].rejected += channel.sharesRejected.reduce(0) { $0 + UInt64($1) }
            sums[place].work += channel.difficulty
        }
        return sums.map {
            [
                "id": .string($0.identity), "channels": .int($0.channels), "hashrate": .double($0.rate),
                "shares_accepted": .int($0.accepted), "shares_rejected": .int($0.rejected),
                "share_work": .double($0.work),
            ]
        }
    }

    static func metrics(_ pool: PoolSnapshot) -> [Metric] {
        func each(_ value: (ChannelSnapshot) -> Double) -> [Metric.Sample] {
            pool.channels.map {
                Metric.Sample(
                    value($0),
                    [("channel_id", id($0.key)), ("user_identity", $0.identity)])
            }
        }
        let extended = pool.channels.count { $0.kind == .extended }
        return [
            Metric("sv2_clients_total", .gauge, "Connections.", Double(pool.connections)),
            Metric(
                "sv2_client_channels", .gauge, "Open channels.",
                [
                    .init(Double(extended), [("channel_type", "extended")]),
                    .init(Double(pool.channels.count - extended), [("channel_type", "standard")]),
                ]),
            Metric("sv2_client_hashrate_total", .gauge, "Hashes a second by accepted work.", hashRate(pool)),
            Metric(
                "sv2_client_channel_hashrate", .gauge, "Hashes a second of a channel.",
                each(\.measuredHashRate)),
            Metric(
                "sv2_client_channel_share_work_total", .counter, "Sum of the difficulties credited.",
                each(\.difficulty)),
            Metric(
                "sv2_client_shares_accepted_total", .counter, "Shares credited.",
                each { Double($0.sharesAccepted) }),
            Metric(
                "sv2_client_shares_rejected_total", .counter, "Shares refused.",
                each { Double($0.sharesRejected.reduce(0) { $0 + UInt64($1) }) }),
            Metric(
                "sv2_client_blocks_found_total", .counter, "Blocks found by a channel.",
                each { Double($0.blocks) }),
            Metric(
                "lab_pool_connections_refused_total", .counter, "Connections refused at the door.",
                Double(pool.totals.connectionsRefused)),
        ]
    }
}
