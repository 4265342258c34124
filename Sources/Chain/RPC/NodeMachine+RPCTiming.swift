import HTTPText
import SansIO

/// What the RPC's connections wait for: a wrong password's answer, and the end of their idleness.
extension NodeMachine {
    /// Notes that a connection did something, so that it is not idle.
    mutating func rpcActive(_ id: ConnectionID, at now: Instant) {
        guard let timeout = configuration.rpc.serverTimeout, let index = rpc.index(id) else { return }
        rpc.connections[index].activeAt = now
        wakeRPC(at: now + timeout)
    }

    /// Answers a wrong password later, so that guessing takes its time; meanwhile nothing more is read.
    mutating func penalise(_ request: HTTPRequest, on id: ConnectionID, at now: Instant) {
        guard let index = rpc.index(id) else { return }
        let until = now + ChainLimits.rpcPenalty
        rpc.connections[index].penalty = RPCServer.Penalty(until: until, request: request)
        wakeRPC(at: until)
    }

    private mutating func wakeRPC(at time: Instant) {
        timers.set(.rpc, min(timers.deadline(of: .rpc) ?? .distantFuture, time))
    }

    /// Answers what has waited long enough, and closes what was idle for too long.
    mutating func checkRPC(at now: Instant, into effects: inout EffectBuffer<NodeObservation>) {
        var idle: [ConnectionID] = []
        var punished: [(ConnectionID, HTTPRequest)] = []
        var next: Instant?
        for index in rpc.connections.indices {
            if let penalty = rpc.connections[index].penalty {
                if penalty.until <= now {
                    rpc.connections[index].penalty = nil
                    punished.append((rpc.connections[index].id, penalty.request))
                } else {
                    next = min(next ?? .distantFuture, penalty.until)
                }
            } else if let timeout = configuration.rpc.serverTimeout, rpc.connections[index].held == nil {
                let end = rpc.connections[index].activeAt + timeout
                if end <= now {
                    idle.append(rpc.connections[index].id)
                } else {
                    next = min(next ?? .distantFuture, end)
                }
            }
        }
        if let next { wakeRPC(at: next) }
        for id in idle { endRPC(id, "idle for -rpcservertimeout", into: &effects) }
        for (id, request) in punished {
            refuseUnauthorized(request, on: id, into: &effects)
            rpcActive(id, at: now)
            serveRequests(on: id, at: now, into: &effects)
        }
    }
}
