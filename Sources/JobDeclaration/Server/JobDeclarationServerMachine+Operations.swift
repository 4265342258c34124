import Pool
import SansIO
import Stratum

/// What an operator sees of a running server, and asks of it.
extension JobDeclarationServerMachine {
    /// Everything visible. Costs time in proportion to the connections.
    public var snapshot: JobDeclarationServerSnapshot {
        JobDeclarationServerSnapshot(
            connections: connections.count, tokensAllocated: tokensAllocated,
            declarationsPending: underWay.count, jobsDeclared: jobsDeclared, jobsRefused: jobsRefused,
            jobsHeld: jobs.count, jobBytes: heldBytes, mirroredTransactions: mirror.count,
            mirroredBytes: mirror.bytes, tip: tip?.prevHash, blocksSubmitted: blocksSubmitted,
            isNodeReady: isNodeReady, isDraining: isDraining, clients: order.map { client($0) },
            jobs: jobs.map {
                JobDeclarationServerSnapshot.Job(
                    connection: $0.connection, prevHash: $0.prevHash, transactions: $0.transactions.count,
                    bytes: $0.bytes)
            })
    }

    /// Every connection, ascending by id.
    private var order: [ConnectionID] { connections.keys.sorted { $0.raw < $1.raw } }

    private func client(_ id: ConnectionID) -> JobDeclarationServerSnapshot.Client {
        let connection = connections[id]!
        return JobDeclarationServerSnapshot.Client(
            id: id, address: connection.address, vendor: connection.vendor,
            isFullTemplate: connection.isReady ? connection.phase == .fullTemplate : nil,
            identity: connection.identity, tokensUnused: connection.tokens.count,
            tokensAllocated: connection.tokensAllocated, declarationsPending: connection.pending.count,
            jobsDeclared: connection.jobsDeclared, jobsRefused: connection.jobsRefused)
    }

    mutating func drain(
        host: String, port: UInt16, grace: Interval, at now: Instant, into effects: inout Effects
    ) {
        isDraining = true
        timers.set(.drained, now + grace)
        var told = 0
        for id in order where connections[id]!.isReady {
            connections[id]!.link.send(Common.Reconnect(newHost: host, newPort: port), into: &out)
            flush(id, into: &effects)
            told += 1
        }
        effects.observe(.draining(connections: told))
        if connections.isEmpty { effects.observe(.drained) }
    }

    mutating func drainOverdue(into effects: inout Effects) {
        guard isDraining else { return }
        for id in order { close(id, "the job declaration server drains", into: &effects) }
    }

    mutating func revokeTokens(of identity: String, into effects: inout Effects) {
        let digest = configuration.tokenSecret.digest(.identity, Array(identity.utf8))
        var count = 0
        for id in order {
            let held = connections[id]!.tokens.count
            connections[id]!.tokens.removeAll { $0.identity == digest }
            count += held - connections[id]!.tokens.count
            for place in connections[id]!.pending.indices
            where connections[id]!.pending[place].token.identity == digest {
                connections[id]!.pending[place].token.isRevoked = true
            }
        }
        effects.observe(.tokensRevoked(identity: identity, count: count))
    }
}
