import Bitcoin
import JSONText
import JobDeclaration
import Operations
import Runtime
import SansIO

/// A job declaration server behind its HTTP interface.
struct JobDeclarationOperations: RoleSource {
    let server: JobDeclarationService
    let journal: RoleJournal
    let reload: ReloadCall

    var controls: [ControlCall] {
        [
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
                "revoke-tokens",
                "Takes back an account's unused tokens; coinbase-only ones are the pool's and hold until they expire.",
                [("user_identity", "string", "the account")]),
            ReloadCall.call,
        ]
    }

    func facts(listing list: String?) async -> RoleFacts {
        let uptime = (server.host.world.now - .start).seconds
        guard let snapshot = try? await server.host.query({ $0.snapshot }) else {
            return RoleFacts(
                role: "jds", version: LabVersion.text, uptimeSeconds: uptime, complaint: "stopping")
        }
        let complaint =
            snapshot.isDraining ? "draining" : snapshot.isNodeReady || !server.hasNode ? nil : "no node"
        return RoleFacts(
            role: "jds", version: LabVersion.text, uptimeSeconds: uptime, complaint: complaint,
            global: [
                "clients": .int(snapshot.connections), "tokens_allocated": .int(snapshot.tokensAllocated),
                "jobs_declared": .int(snapshot.jobsDeclared), "jobs_refused": .int(snapshot.jobsRefused),
                "jobs_pending": .int(snapshot.declarationsPending), "jobs_held": .int(snapshot.jobsHeld),
                "job_bytes": .int(snapshot.jobBytes),
                "mirrored_transactions": .int(snapshot.mirroredTransactions),
                "mirrored_bytes": .int(snapshot.mirroredBytes),
                "blocks_submitted": .int(snapshot.blocksSubmitted), "node_ready": .bool(snapshot.isNodeReady),
                "draining": .bool(snapshot.isDraining),
                "prev_hash": snapshot.tip.map { .string($0.displayHex) } ?? .null,
            ],
            lists: [
                RoleList("clients", snapshot.clients.map(Self.client)),
                RoleList("workers", Self.workers(snapshot.clients)),
                RoleList("jobs", snapshot.jobs.reversed().map(Self.job)), journal.blocks,
            ],
            absences: [
                RoleAbsence("channels", "a job declaration server has no mining channels: ask the pool"),
                RoleAbsence("shares", "shares go to the pool, not to its job declaration server"),
            ], metrics: Self.metrics(snapshot, uptime: uptime))
    }

    private static func client(_ client: JobDeclarationServerSnapshot.Client) -> JSON {
        [
            "id": .string("\(client.id.raw)"), "address": .string(client.address),
            "state": client.isFullTemplate == nil ? "setting up" : "ready", "vendor": .string(client.vendor),
            "mode": client.isFullTemplate.map { $0 ? "FULLTEMPLATE" : "COINBASEONLY" } ?? .null,
            "user_identity": .string(client.identity), "tokens_unused": .int(client.tokensUnused),
            "tokens_allocated": .int(client.tokensAllocated),
            "jobs_pending": .int(client.declarationsPending),
            "jobs_declared": .int(client.jobsDeclared), "jobs_refused": .int(client.jobsRefused),
        ]
    }

    private static func job(_ job: JobDeclarationServerSnapshot.Job) -> JSON {
        [
            "client": .string("\(job.connection.raw)"), "prev_hash": .string(job.prevHash.displayHex),
            "transactions": .int(job.transactions), "bytes": .int(job.bytes),
        ]
    }

    /// Connections of one account together, in the order in which they come first.
    private static func workers(_ clients: [JobDeclarationServerSnapshot.Client]) -> [JSON] {
        var places: [String: Int] = [:]
        var sums: [(name: String, clients: Int, tokens: UInt64, declared: UInt64, refused: UInt64)] = []
        for client in clients where client.tokensAllocated > 0 {
            let place = places[client.identity] ?? sums.count
            if place == sums.count {
                places[client.identity] = place
                sums.append((client.identity, 0, 0, 0, 0))
            }
            sums[place].clients += 1
            sums[place].tokens += client.tokensAllocated
            sums[place].declared += client.jobsDeclared
            sums[place].refused += client.jobsRefused
        }
        return sums.map {
            [
                "id": .string($0.name), "clients": .int($0.clients), "tokens_allocated": .int($0.tokens),
                "jobs_declared": .int($0.declared), "jobs_refused": .int($0.refused),
            ]
        }
    }

    private static func metrics(_ snapshot: JobDeclarationServerSnapshot, uptime: Double) -> [Metric] {
        [
            Metric("sv2_uptime_seconds", .gauge, "Seconds since the start.", uptime),
            Metric("sv2_clients_total", .gauge, "Connections.", Double(snapshot.connections)),
            Metric(
                "lab_jds_tokens_allocated_total", .counter, "Tokens given out.",
                Double(snapshot.tokensAllocated)),
            Metric(
                "lab_jds_jobs_declared_total", .counter, "Declared jobs found valid.",
                Double(snapshot.jobsDeclared)),
            Metric("lab_jds_jobs_refused_total", .counter, "Jobs refused.", Double(snapshot.jobsRefused)),
            Metric(
                "lab_jds_mirrored_transactions", .gauge, "Transactions of the mempool's mirror.",
                Double(snapshot.mirroredTransactions)),
            Metric(
                "lab_jds_blocks_submitted_total", .counter, "Blocks handed to the node.",
                Double(snapshot.blocksSubmitted)),
            Metric(
                "lab_jds_node_ready", .gauge, "1 while the node answers.", snapshot.isNodeReady ? 1 : 0),
        ]
    }

    func control(_ name: String, _ body: JSON) async throws -> JSON {
        let fields = ControlFields(body)
        switch name {
        case "drain":
            let (host, port, grace) = try fields.drain()
            server.host.send(.drain(host: host, port: port, grace: grace))
        case "resume": server.host.send(.resume)
        case "kick":
            let clients = try? await server.host.query { $0.snapshot.clients.map(\.id) }
            server.host.send(
                .disconnect(try fields.client(among: clients ?? []), "closed by the operator"))
        case "revoke-tokens":
            server.host.send(.revokeTokens(identity: try fields.needed("user_identity")))
        default: return try reload.run()
        }
        return ["done": .string(name)]
    }
}

extension RoleJournal {
    /// A job declaration server's blocks, with the node's word.
    func jobDeclarationServer(_ observation: JobDeclarationServerObservation, at now: Instant) {
        switch observation {
        case .blockSubmitted(let hash, _): block(hash, nil, nil, "submitted", at: now)
        case .blockJudged(let hash, let refusal): block(hash, nil, nil, refusal ?? "accepted", at: now)
        default: break
        }
    }
}
