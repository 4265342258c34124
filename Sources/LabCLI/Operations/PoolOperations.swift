import Bitcoin
import JSONText
import JobDeclaration
import Ledger
import Operations
import Pool
import Runtime
import SansIO

/// The pool server behind its HTTP interface.
struct PoolOperations: RoleSource {
    let pool: PoolService
    let journal: RoleJournal
    let reload: ReloadCall

    var controls: [ControlCall] { PoolControls.calls + [Self.revoke, ReloadCall.call] }

    private static let revoke = ControlCall(
        "revoke-tokens",
        "Takes back the unused job tokens of an account: at the pool, and at the job declaration server in it.",
        [("user_identity", "string", "the account")])

    func facts(listing list: String?) async -> RoleFacts {
        let uptime = (pool.host.world.now - .start).seconds
        guard let snapshot = await pool.snapshot else {
            return RoleFacts(
                role: "pool", version: LabVersion.text, uptimeSeconds: uptime, complaint: "stopping")
        }
        let complaint =
            snapshot.isDraining
            ? "draining" : snapshot.isTemplateProviderReady ? nil : "no template provider"
        return RoleFacts(
            role: "pool", version: LabVersion.text, uptimeSeconds: uptime, complaint: complaint,
            global: [
                "clients": .int(snapshot.connections), "channels": .int(snapshot.channels.count),
                "hashrate": .double(PoolFacts.hashRate(snapshot)),
                "shares_accepted": .int(snapshot.totals.sharesAccepted),
                "shares_rejected": .int(snapshot.totals.sharesRejected),
                "blocks_found": .int(snapshot.totals.blocksFound),
                "connections_refused": .int(snapshot.totals.connectionsRefused),
                "template_provider_ready": .bool(snapshot.isTemplateProviderReady),
                "draining": .bool(snapshot.isDraining),
                "prev_hash": snapshot.tip.map { .string($0.displayHex) } ?? .null,
                "current_job": snapshot.currentJob.map { .int($0) } ?? .null,
            ],
            lists: PoolFacts.lists(snapshot) + [
                journal.shares, RoleList("blocks", list == "blocks" ? await blocks() : [], isKeyed: true),
            ],
            metrics: [
                Metric("sv2_uptime_seconds", .gauge, "Seconds since the start.", uptime)
            ] + PoolFacts.metrics(snapshot))
    }

    /// Of the books, with their fate; the newest first.
    private func blocks() async -> [JSON] {
        await pool.latestBlocks(limit: RoleJournal.kept).map { block in
            [
                "id": .string(block.row.hash.displayHex), "height": .int(block.row.height),
                "time": .int(block.row.unixTime), "user_identity": .string(block.user),
                "solo": .bool(block.row.isSolo), "reward_sats": .int(block.row.reward),
                "status": .string("\(block.row.fate)"),
            ]
        }
    }

    func control(_ name: String, _ body: JSON) async throws -> JSON {
        if name == ReloadCall.call.name { return try reload.run() }
        if name == Self.revoke.name {
            let identity = try ControlFields(body).needed("user_identity")
            pool.host.send(.revokeTokens(identity: identity))
            pool.jobDeclarationServer?.host.send(.revokeTokens(identity: identity))
            return ["done": .string(name)]
        }
        let controls = PoolControls(send: { pool.host.send($0) }, snapshot: { await pool.snapshot })
        _ = try await controls.control(name, ControlFields(body))
        return ["done": .string(name)]
    }
}
