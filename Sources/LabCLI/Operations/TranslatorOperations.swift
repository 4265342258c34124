import Bitcoin
import JSONText
import Operations
import Pool
import Runtime
import SansIO
import Translator

/// A translator behind its HTTP interface: V1 miners below are its clients, channels are those at the pool.
struct TranslatorOperations: RoleSource {
    let translator: TranslatorService
    let journal: RoleJournal
    let reload: ReloadCall

    var controls: [ControlCall] {
        let client = ("client", "string", "the miner's id in the list of clients")
        return [
            ControlCall("kick", "Closes a miner's connection.", [client]),
            ControlCall(
                "set-difficulty", "A fixed difficulty for a miner, as d= in its password.",
                [client, ("difficulty", "number", "above 0; null takes it back")]),
            ControlCall("next-upstream", "Leaves the pool for the next one of the list."),
            ControlCall(
                "reconnect-miners", "Sends every miner elsewhere (client.reconnect).",
                [
                    ("host", "string", "where to; here without it"),
                    ("port", "integer", "the same without it"),
                    ("wait_secs", "integer", "they wait so long first (0)"),
                ]),
            ReloadCall.call,
        ]
    }

    func facts(listing list: String?) async -> RoleFacts {
        let uptime = (translator.host.world.now - .start).seconds
        guard let snapshot = try? await translator.host.query({ $0.snapshot }) else {
            return RoleFacts(
                role: "translator", version: LabVersion.text, uptimeSeconds: uptime, complaint: "stopping")
        }
        let totals = snapshot.totals
        return RoleFacts(
            role: "translator", version: LabVersion.text, uptimeSeconds: uptime,
            complaint: snapshot.isUpstreamReady ? nil : "no pool",
            global: [
                "clients": .int(snapshot.miners.count), "channels": .int(snapshot.channels),
                "hashrate": .double(snapshot.miners.reduce(0) { $0 + $1.hashRate }),
                "upstream": .string("\(snapshot.upstream)"),
                "upstream_ready": .bool(snapshot.isUpstreamReady),
                "worker_names_negotiated": .bool(snapshot.namesWorkers),
                "shares_forwarded": .int(totals.sharesForwarded),
                "shares_accepted": .int(totals.sharesCredited),
                "shares_rejected": .int(totals.sharesRejectedUpstream),
                "shares_counted_here": .int(totals.sharesCountedHere),
                "shares_refused": .int(totals.sharesRefused),
            ],
            lists: [
                RoleList("channels", snapshot.upstreamChannels.map(Self.channel)),
                RoleList("clients", snapshot.miners.map(Self.client)),
                RoleList("workers", Self.workers(snapshot.miners)), journal.shares,
            ],
            absences: [RoleAbsence("blocks", "a translator's blocks are its pool's: ask the pool")],
            metrics: Self.metrics(snapshot, uptime: uptime))
    }

    private static func channel(_ channel: TranslatorSnapshot.Channel) -> JSON {
        [
            "id": .string("\(channel.id)"), "channel_id": .int(channel.id), "kind": "extended",
            "group_channel_id": .int(channel.group), "user_identity": .string(channel.identity),
            "client": channel.owner.map { .string("\($0.raw)") } ?? .null,
            "difficulty": .double(channel.target.difficulty),
            "nominal_hashrate": .double(channel.nominalHashRate),
            "extranonce_prefix": .string(PoolFacts.hex(channel.extranoncePrefix)),
            "rollable_extranonce_size": .int(channel.rollableExtranonceSize),
            "shares_accepted": .int(channel.sharesCredited), "shares_rejected": .int(channel.sharesRejected),
            "shares_waiting": .int(channel.sharesWaiting), "share_work": .int(channel.workCredited),
        ]
    }

    private static func client(_ miner: TranslatorSnapshot.Miner) -> JSON {
        [
            "id": .string("\(miner.connection.raw)"), "address": .string(miner.address),
            "state": miner.isAuthorized ? "ready" : "setting up", "worker": .string(miner.worker),
            "user_agent": .string(miner.userAgent), "session": .string(miner.session),
            "channel_id": miner.channel.map { .int($0) } ?? .null,
            "difficulty": miner.difficulty.map { .double($0) } ?? .null,
            "hashrate": .double(miner.hashRate),
            "version_rolling_mask": .string(PoolFacts.hex(miner.versionMask)),
            "shares_accepted": .int(miner.sharesAccepted), "shares_rejected": .int(miner.sharesRefused),
        ]
    }

    /// Miners of one name together, in the order in which they come first.
    private static func workers(_ miners: [TranslatorSnapshot.Miner]) -> [JSON] {
        var places: [String: Int] = [:]
        var sums: [(name: String, clients: Int, rate: Double, accepted: UInt64, rejected: UInt64)] = []
        for miner in miners where miner.isAuthorized {
            let place = places[miner.worker] ?? sums.count
            if place == sums.count {
                places[miner.worker] = place
                sums.append((miner.worker, 0, 0, 0, 0))
            }
            sums[place].clients += 1
            sums[place].rate += miner.hashRate
            sums[place].accepted += miner.sharesAccepted
            sums[place].rejected += miner.sharesRefused
        }
        return sums.map {
            [
                "id": .string($0.name), "clients": .int($0.clients), "hashrate": .double($0.rate),
                "shares_accepted": .int($0.accepted), "shares_rejected": .int($0.rejected),
            ]
        }
    }

    private static func metrics(_ snapshot: TranslatorSnapshot, uptime: Double) -> [Metric] {
        let channels = snapshot.upstreamChannels
        func each(_ value: (TranslatorSnapshot.Channel) -> Double) -> [Metric.Sample] {
            channels.map {
                Metric.Sample(
                    value($0), [("channel_id", "\($0.id)"), ("user_identity", $0.identity)])
            }
        }
        return [
            Metric("sv2_uptime_seconds", .gauge, "Seconds since the start.", uptime),
            Metric(
                "sv2_server_channels", .gauge, "Channels open at the pool.",
                [.init(Double(channels.count), [("channel_type", "extended")])]),
            Metric(
                "sv2_server_hashrate_total", .gauge, "Hashes a second that the pool was told.",
                channels.reduce(0) { $0 + $1.nominalHashRate }),
            Metric(
                "sv2_server_channel_hashrate", .gauge, "The same of one channel.", each(\.nominalHashRate)),
            Metric(
                "sv2_server_shares_accepted_total", .counter, "Shares that the pool credited.",
                each { Double($0.sharesCredited) }),
            Metric(
                "sv2_server_shares_rejected_total", .counter, "Shares that the pool refused.",
                each { Double($0.sharesRejected) }),
            Metric("sv1_clients_total", .gauge, "Stratum V1 miners.", Double(snapshot.miners.count)),
            Metric(
                "sv1_hashrate_total", .gauge, "Hashes a second that the miners are taken to have.",
                snapshot.miners.reduce(0) { $0 + $1.hashRate }),
            Metric(
                "lab_translator_shares_counted_here_total", .counter, "Shares below the pool's difficulty.",
                Double(snapshot.totals.sharesCountedHere)),
            Metric(
                "lab_translator_shares_refused_total", .counter, "Shares refused here.",
                Double(snapshot.totals.sharesRefused)),
        ]
    }

    func control(_ name: String, _ body: JSON) async throws -> JSON {
        let fields = ControlFields(body)
        switch name {
        case "kick": translator.host.send(.disconnect(try await miner(fields), "closed by the operator"))
        case "set-difficulty":
            let difficulty = try fields.positive("difficulty")
            translator.host.send(.setDifficulty(try await miner(fields), difficulty))
        case "next-upstream": translator.host.send(.nextUpstream)
        case "reconnect-miners":
            let port = try fields.number("port", 1...65_535)
            let wait = try fields.number("wait_secs", 0...3_600) ?? 0
            translator.host.send(
                .reconnectMiners(
                    host: try fields.text("host"), port: port.map { UInt16($0) }, wait: Int(wait)))
        default: return try reload.run()
        }
        return ["done": .string(name)]
    }

    private func miner(_ fields: ControlFields) async throws -> ConnectionID {
        let miners = try? await translator.host.query { $0.snapshot.miners.map(\.connection) }
        return try fields.client(among: miners ?? [])
    }
}
