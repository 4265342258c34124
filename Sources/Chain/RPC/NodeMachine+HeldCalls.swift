import Bitcoin
import HTTPText
import JSONText
import SansIO

/// What a held call waits for. When it has come, or the deadline, the method runs and is answered.
enum RPCWait: Sendable, Equatable {
    /// Another tip than this; from `poolMatters` on, another state of the pool is reason enough.
    case template(tip: Hash256, mempoolSequence: UInt64, poolMatters: Instant)
    /// Another tip than this.
    case tipOtherThan(Hash256, until: Instant?)
    /// This block as the tip.
    case tip(Hash256, until: Instant?)
    /// A moment.
    case time(Instant)
    /// The content of a file, which the driver hands in.
    case file(path: String)
    /// The driver to write a file.
    case writing(RPCFile)
    /// A tip at this height or above.
    case height(Int, until: Instant?)
}

/// A file that a call has the driver write, with the answer that the call gets then.
struct RPCFile: Sendable, Equatable {
    var path: String
    var bytes: [UInt8]
    var answer: JSON
    /// An older file of that name goes.
    var replaces = false
}

extension NodeMachine {
    /// What becomes of a call before it is looked at.
    enum Holding {
        case answersNow
        case waits
        /// As many calls are held as the work queue has room for.
        case tooMany
    }

    /// Holds a call whose method says so.
    mutating func hold(
        _ call: JSON, _ request: HTTPRequest, wallet: String?, on id: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) -> Holding {
        guard configuration.warmup == nil, let name = call["method"]?.stringValue,
            let method = RPCMethod.named(name),
            let hold = method.hold, let index = rpc.index(id),
            let arguments = try? RPCArguments(method, call["params"] ?? .null, wallet: wallet, at: now),
            var wait = try? hold(self, arguments), !isOver(wait, at: now), !isBusy(wait)
        else { return .answersNow }
        guard rpc.heldCount < min(configuration.rpc.callsHeldMax, ChainLimits.longPolls) else {
            return .tooMany
        }
        var answer: JSON?
        if case .writing(let file) = wait {
            answer = file.answer
            effects.observe(
                .fileWriteRequested(path: file.path, bytes: file.bytes, replaces: file.replaces))
            wait = .writing(RPCFile(path: file.path, bytes: [], answer: .null))
        }
        rpc.connections[index].held = RPCServer.HeldCall(
            call: call, wallet: wallet, keepsAlive: request.keepsAlive, wait: wait, since: now, answer: answer
        )
        if case .file(let path) = wait { effects.observe(.fileRequested(path: path)) }
        if let check = nextCheck(of: wait, at: now) {
            timers.set(.longPoll, min(timers.deadline(of: .longPoll) ?? .distantFuture, check))
        }
        return .waits
    }

    private func isOver(_ wait: RPCWait, at now: Instant) -> Bool {
        switch wait {
        case .template(let tip, let sequence, let poolMatters):
            tip != chain.tip.hash || (poolMatters <= now && sequence != mempool.sequence)
        case .tipOtherThan(let tip, let until): tip != chain.tip.hash || (until.map { $0 <= now } ?? false)
        case .tip(let tip, let until): tip == chain.tip.hash || (until.map { $0 <= now } ?? false)
        case .time(let until): until <= now
        case .file(let path): rpc.files[path] != nil
        case .writing(let file): rpc.written[file.path] != nil
        case .height(let height, let until): chain.height >= height || (until.map { $0 <= now } ?? false)
        }
    }

    /// Whether another call has the same file written.
    private func isBusy(_ wait: RPCWait) -> Bool {
        guard case .writing(let file) = wait else { return false }
        return rpc.connections.contains {
            if case .writing(let other) = $0.held?.wait { other.path == file.path } else { false }
        }
    }

    private func nextCheck(of wait: RPCWait, at now: Instant) -> Instant? {
        switch wait {
        case .template(_, _, let poolMatters): poolMatters > now ? poolMatters : now + .seconds(10)
        case .time(let until): until
        case .file, .writing: nil
        case .tipOtherThan(_, let until), .tip(_, let until), .height(_, let until): until
        }
    }

    /// Answers the held calls that have what they wait for.
    mutating func checkLongPolls(at now: Instant, into effects: inout EffectBuffer<NodeObservation>) {
        guard rpc.connections.contains(where: { $0.held != nil }) else { return }
        var next: Instant?
        var over: [ConnectionID] = []
        for connection in rpc.connections {
            guard let held = connection.held else { continue }
            if isOver(held.wait, at: now) {
                over.append(connection.id)
            } else if let check = nextCheck(of: held.wait, at: now) {
                next = min(next ?? .distantFuture, check)
            }
        }
        if let next { timers.set(.longPoll, next) } else { timers.stop(.longPoll) }
        for id in over { answerHeld(id, at: now, into: &effects) }
    }

    private mutating func answerHeld(
        _ id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard let index = rpc.index(id), let held = rpc.connections[index].held else { return }
        rpc.connections[index].held = nil
        rpc.prepared = held.answer
        defer { rpc.prepared = nil }
        let answer = one(held.call, wallet: held.wallet, at: now, into: &effects)
        reply(answer, held.keepsAlive, on: id, into: &effects)
        rpcActive(id, at: now)
        if held.keepsAlive { serveRequests(on: id, at: now, into: &effects) }
    }

    /// Answers every held call with what is so now, as the node is about to stop.
    mutating func answerHeldCalls(at now: Instant, into effects: inout EffectBuffer<NodeObservation>) {
        let held = rpc.connections.filter { connection in
            switch connection.held?.wait {
            case nil, .file, .writing: false
            default: true
            }
        }
        for connection in held { answerHeld(connection.id, at: now, into: &effects) }
    }

    /// BIP22's long poll: a longpollid that names what is still so.
    func templateWait(_ call: RPCArguments) -> RPCWait? {
        guard let known = call[0]?["longpollid"]?.stringValue, known.utf8.count > 64,
            let tip = Hash256(displayHex: String(known.prefix(64))),
            let sequence = UInt64(known.dropFirst(64))
        else { return nil }
        return .template(tip: tip, mempoolSequence: sequence, poolMatters: call.now + .seconds(60))
    }
}
