import Bitcoin
import JSONText
import Operations
import Pool
import Runtime
import SansIO

/// The pool server behind its HTTP interface.
struct PoolOperations: RoleSource {
    let pool: PoolService

    var controls: [ControlCall] {
        let channel = ("channel", "string", "the channel's id in the list of channels")
        return [
            ControlCall(
                "drain", "Sends every peer away (Reconnect) and lets nobody new in.",
                [
                    ("host", "string", "where to; the same host without it"),
                    ("port", "integer", "the same port without it"),
                    ("grace_secs", "integer", "who stays longer is closed (30)"),
                ]),
            ControlCall("resume", "Lets new peers in again."),
            ControlCall(
                "kick", "Closes a connection.", [("client", "string", "its id in the list of clients")]),
            ControlCall(
                "close-channel", "Closes a channel.", [channel, ("reason", "string", "for the peer")]),
            ControlCall(
                "set-difficulty", "A fixed difficulty for a channel.",
                [channel, ("difficulty", "number", "above 0; null gives it back to vardiff")]),
            ControlCall("change-prefix", "Another extranonce prefix for a channel.", [channel]),
            ControlCall(
                "ban", "Keeps an address out.",
                [("address", "string", "without a port"), ("secs", "integer", "for so long (3600)")]),
            ControlCall("lift-ban", "Lets an address in again.", [("address", "string", "without a port")]),
        ]
    }

    func facts() async -> RoleFacts {
        let uptime = (pool.host.world.now - .start).seconds
        guard let pool = await pool.snapshot else {
            return RoleFacts(
                role: "pool", version: LabVersion.text, uptimeSeconds: uptime, complaint: "stopping")
        }
        let rate = pool.channels.reduce(0) { $0 + $1.measuredHashRate }
        let complaint =
            pool.isDraining
            ? "draining" : pool.isTemplateProviderReady ? nil : "no template provider"
        return RoleFacts(
            role: "pool", version: LabVersion.text, uptimeSeconds: uptime, complaint: complaint,
            global: [
                "clients": .int(pool.connections), "channels": .int(pool.channels.count),
                "hashrate": .double(rate), "shares_accepted": .int(pool.totals.sharesAccepted),
                "shares_rejected": .int(pool.totals.sharesRejected),
                "blocks_found": .int(pool.totals.blocksFound),
                "connections_refused": .int(pool.totals.connectionsRefused),
                "template_provider_ready": .bool(pool.isTemplateProviderReady),
                "draining": .bool(pool.isDraining),
                "prev_hash": pool.tip.map { .string($0.displayHex) } ?? .null,
                "current_job": pool.currentJob.map { .int($0) } ?? .null,
            ],
            lists: [
                RoleList("channels", pool.channels.map(Self.channel)),
                RoleList("clients", pool.clients.map(Self.client)),
                RoleList("workers", Self.workers(pool.channels)),
            ],
            metrics: Self.metrics(pool, uptime: uptime, hashRate: rate))
    }

    private static func id(_ key: ChannelKey) -> String { "\(key.connection.raw)-\(key.channel)" }

    private static func channel(_ channel: ChannelSnapshot) -> JSON {
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

    private static func client(_ client: ClientSnapshot) -> JSON {
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
    private static func workers(_ channels: [ChannelSnapshot]) -> [JSON] {
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

    private static func metrics(_ pool: PoolSnapshot, uptime: Double, hashRate: Double) -> [Metric] {
        func each(_ value: (ChannelSnapshot) -> Double) -> [Metric.Sample] {
            pool.channels.map {
                Metric.Sample(
                    value($0),
                    [("channel_id", id($0.key)), ("user_identity", $0.identity)])
            }
        }
        let extended = pool.channels.count { $0.kind == .extended }
        return [
            Metric("sv2_uptime_seconds", .gauge, "Seconds since the start.", uptime),
            Metric("sv2_clients_total", .gauge, "Connections.", Double(pool.connections)),
            Metric(
                "sv2_client_channels", .gauge, "Open channels.",
                [
                    .init(Double(extended), [("channel_type", "extended")]),
                    .init(Double(pool.channels.count - extended), [("channel_type", "standard")]),
                ]),
            Metric("sv2_client_hashrate_total", .gauge, "Hashes a second by accepted work.", hashRate),
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

/// Control calls.
extension PoolOperations {
    func control(_ name: String, _ body: JSON) async throws -> JSON {
        switch name {
        case "drain":
            let port = try number(body, "port", 0...65_535) ?? 0
            let grace = try number(body, "grace_secs", 0...86_400) ?? 30
            pool.host.send(
                .drain(
                    host: try text(body, "host") ?? "", port: UInt16(port), grace: .seconds(UInt64(grace))))
        case "resume": pool.host.send(.resume)
        case "kick":
            guard let raw = UInt64(try needed(body, "client")) else {
                throw ControlFault.badField("client is an id of the list of clients")
            }
            let clients = await pool.snapshot?.clients ?? []
            guard clients.contains(where: { $0.id.raw == raw }) else {
                throw ControlFault.notFound("there is no client \(raw)")
            }
            pool.host.send(.disconnect(ConnectionID(raw), "closed by the operator"))
        case "close-channel":
            pool.host.send(
                .closeChannel(
                    try await channel(body), reason: try text(body, "reason") ?? "closed-by-operator"))
        case "set-difficulty":
            let key = try await channel(body)
            if let value = body["difficulty"], !value.isNull {
                guard let difficulty = value.double, difficulty > 0, difficulty.isFinite else {
                    throw ControlFault.badField("difficulty is a number above 0, or null")
                }
                pool.host.send(.setTarget(key, Target(difficulty: difficulty)))
            } else {
                pool.host.send(.setTarget(key, nil))
            }
        case "change-prefix": pool.host.send(.changePrefix(try await channel(body)))
        case "ban":
            let seconds = try number(body, "secs", 1...31_536_000) ?? 3_600
            pool.host.send(
                .ban(address: try needed(body, "address"), time: .seconds(UInt64(seconds))))
        default: pool.host.send(.liftBan(address: try needed(body, "address")))
        }
        return ["done": .string(name)]
    }

    private func channel(_ body: JSON) async throws -> ChannelKey {
        let id = try needed(body, "channel")
        let channels = await pool.snapshot?.channels ?? []
        guard let channel = channels.first(where: { Self.id($0.key) == id }) else {
            throw ControlFault.notFound("there is no channel \(id)")
        }
        return channel.key
    }

    private func text(_ body: JSON, _ name: String) throws -> String? {
        guard let value = body[name], !value.isNull else { return nil }
        guard let text = value.stringValue, text.utf8.count <= 255 else {
            throw ControlFault.badField("\(name) is a text of at most 255 bytes")
        }
        return text
    }

    private func needed(_ body: JSON, _ name: String) throws -> String {
        guard let text = try text(body, name), !text.isEmpty else {
            throw ControlFault.badField("\(name) is missing")
        }
        return text
    }

    private func number(_ body: JSON, _ name: String, _ range: ClosedRange<Int64>) throws -> Int64? {
        guard let value = body[name], !value.isNull else { return nil }
        guard let number = value.int64, range.contains(number) else {
            throw ControlFault.badField(
                "\(name) is a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
