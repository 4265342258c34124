import Bitcoin
import JSONText
import JobDeclaration
import Operations
import Pool
import Runtime
import SansIO

/// A job declaration client behind its HTTP interface: devices below are clients as a pool's are, and the pool above
/// is the server of the reference's metrics.
struct JobDeclarationClientOperations: RoleSource {
    let client: JobDeclarationClientService
    let pools: [Endpoint]
    let journal: RoleJournal
    let reload: ReloadCall

    var controls: [ControlCall] {
        PoolControls.calls + [
            ControlCall("next-upstream", "Leaves the pool for the next one of the list."),
            ControlCall(
                "use-upstream", "Moves to a pool of the list.",
                [("index", "integer", "its place, counted from 0")]),
            ReloadCall.call,
        ]
    }

    private var snapshot: JobDeclarationClientSnapshot? {
        get async {
            try? await client.host.query { [world = client.host.world] in $0.snapshot(at: world.now) }
        }
    }

    func facts(listing list: String?) async -> RoleFacts {
        let uptime = (client.host.world.now - .start).seconds
        guard let snapshot = await snapshot else {
            return RoleFacts(
                role: "jdc", version: LabVersion.text, uptimeSeconds: uptime, complaint: "stopping")
        }
        let devices = snapshot.devices
        let complaint =
            devices.isDraining
            ? "draining"
            : !snapshot.isTemplateProviderReady
                ? "no template provider" : snapshot.isSolo && !pools.isEmpty ? "no pool: solo mining" : nil
        let totals = snapshot.totals
        return RoleFacts(
            role: "jdc", version: LabVersion.text, uptimeSeconds: uptime, complaint: complaint,
            global: [
                "clients": .int(devices.connections), "channels": .int(devices.channels.count),
                "hashrate": .double(PoolFacts.hashRate(devices)), "solo": .bool(snapshot.isSolo),
                "upstream": snapshot.pool.map { .string("\($0)") } ?? .null,
                "upstream_index": snapshot.pool == nil ? .null : snapshot.choice.map { .int($0) } ?? .null,
                "upstreams": .array(pools.map { .string("\($0)") }),
                "upstream_channel_id": snapshot.channelID.map { .int($0) } ?? .null,
                "upstream_difficulty": snapshot.target.map { .double($0.difficulty) } ?? .null,
                "template_provider_ready": .bool(snapshot.isTemplateProviderReady),
                "draining": .bool(devices.isDraining), "tokens": .int(snapshot.tokens),
                "jobs_declared": .int(totals.declared), "jobs_acknowledged": .int(totals.acknowledged),
                "jobs_refused": .int(totals.refused), "shares_forwarded": .int(totals.sharesRelayed),
                "shares_accepted": .int(totals.sharesCredited),
                "shares_rejected": .int(totals.sharesRefused), "shares_lost": .int(totals.sharesLost),
                "blocks_found": .int(totals.solutions),
            ],
            lists: PoolFacts.lists(devices) + [journal.shares, journal.blocks],
            metrics: [Metric("sv2_uptime_seconds", .gauge, "Seconds since the start.", uptime)]
                + Self.serverMetrics(snapshot) + PoolFacts.metrics(devices))
    }

    /// Without a channel at a pool there are no samples, only families.
    private static func serverMetrics(_ snapshot: JobDeclarationClientSnapshot) -> [Metric] {
        let labels = snapshot.channelID.map {
            [(name: "channel_id", value: "\($0)"), (name: "user_identity", value: snapshot.identity ?? "")]
        }
        func one(_ value: Double) -> [Metric.Sample] { labels.map { [.init(value, $0)] } ?? [] }
        return [
            Metric(
                "sv2_server_channels", .gauge, "Channels open at the pool.",
                [.init(snapshot.channelID == nil ? 0 : 1, [("channel_type", "extended")])]),
            Metric(
                "sv2_server_hashrate_total", .gauge, "Hashes a second that the pool was told.",
                snapshot.nominalHashRate ?? 0),
            Metric(
                "sv2_server_channel_hashrate", .gauge, "The same of one channel.",
                one(snapshot.nominalHashRate ?? 0)),
            Metric(
                "sv2_server_shares_accepted_total", .counter, "Shares that pools credited.",
                one(Double(snapshot.totals.sharesCredited))),
            Metric(
                "sv2_server_shares_rejected_total", .counter, "Shares that pools refused.",
                one(Double(snapshot.totals.sharesRefused))),
            Metric(
                "sv2_server_blocks_found_total", .counter, "Blocks found.",
                one(Double(snapshot.totals.solutions))),
        ]
    }

    func control(_ name: String, _ body: JSON) async throws -> JSON {
        let fields = ControlFields(body)
        switch name {
        case "next-upstream": client.host.send(.nextUpstream)
        case "use-upstream":
            guard !pools.isEmpty else { throw ControlFault.notFound("there is no pool in the list") }
            guard let index = try fields.number("index", 0...Int64(pools.count - 1)) else {
                throw ControlFault.badField("index is missing")
            }
            client.host.send(.useUpstream(Int(index)))
        case ReloadCall.call.name: return try reload.run()
        default:
            let controls = PoolControls(
                send: { client.host.send(.devices($0)) }, snapshot: { await snapshot?.devices })
            _ = try await controls.control(name, fields)
        }
        return ["done": .string(name)]
    }
}
