import Bitcoin
import JSONText
import SansIO
import Stratum

/// The ways to the node: questions, answers, failures.
extension JobDeclarationServerMachine {
    /// False when too many questions wait.
    mutating func ask(_ call: NodeCall, by way: NodeWay, at now: Instant, into effects: inout Effects) -> Bool
    {
        guard configuration.node != nil, links[way.rawValue].queue.count < configuration.limits.nodeCalls
        else {
            return false
        }
        links[way.rawValue].queue.append(call)
        pump(way, at: now, into: &effects)
        return true
    }

    mutating func pump(_ way: NodeWay, at now: Instant, into effects: inout Effects) {
        let index = way.rawValue
        guard let node = configuration.node, !links[index].isAsking, !links[index].queue.isEmpty else {
            return
        }
        switch links[index].phase {
        case .pausing, .dialing: return
        case .idle:
            links[index].phase = .dialing
            effects.emit(.dial(way.dial, node.endpoint))
        case .open(let id):
            while let call = links[index].queue.first {
                var block: [UInt8]?
                if case .judge(let key) = call {
                    block = proposal(key)
                    guard block != nil else {
                        links[index].queue.removeFirst()
                        continue
                    }
                }
                links[index].isAsking = true
                let request = NodeLink.request(call.body(proposal: block), to: node)
                effects.send(on: id) { $0.write(request) }
                timers.set(.answer(way), now + configuration.limits.nodeDeadline)
                return
            }
        }
    }

    mutating func nodeOpened(_ way: NodeWay, _ id: ConnectionID, at now: Instant, into effects: inout Effects)
    {
        guard links[way.rawValue].phase == .dialing else { return effects.close(id, .closed("not dialled")) }
        links[way.rawValue].phase = .open(id)
        links[way.rawValue].parser = HTTPAnswerParser(bodyLimit: configuration.limits.nodeAnswer)
        pump(way, at: now, into: &effects)
    }

    mutating func nodeReceived(
        _ bytes: RawSpan, by way: NodeWay, at now: Instant, into effects: inout Effects
    ) {
        let index = way.rawValue
        guard let id = links[index].connection else { return }
        links[index].parser.take(bytes)
        do throws(HTTPAnswerParser.Fault) {
            while links[index].connection == id, let answer = try links[index].parser.next() {
                guard links[index].isAsking, !links[index].queue.isEmpty else { continue }
                let call = links[index].queue.removeFirst()
                links[index].isAsking = false
                timers.stop(.answer(way))
                if !answer.keepsAlive {
                    links[index].phase = .idle
                    effects.close(id, .closed("the node closes"))
                }
                answered(call, answer, by: way, at: now, into: &effects)
                pump(way, at: now, into: &effects)
            }
        } catch {
            effects.close(id, .closed("\(error)"))
            nodeClosed(way, "\(error)", at: now, into: &effects)
        }
    }

    mutating func nodeOverdue(_ way: NodeWay, at now: Instant, into effects: inout Effects) {
        guard let id = links[way.rawValue].connection else { return }
        effects.close(id, .closed("the node did not answer"))
        nodeClosed(way, "no answer in time", at: now, into: &effects)
    }

    /// A connection ended or was never made. A block that was found is asked again, a declaration gets its error, and
    /// the mirror and the tip try again by themselves.
    mutating func nodeClosed(_ way: NodeWay, _ text: String, at now: Instant, into effects: inout Effects) {
        let index = way.rawValue
        let wasInUse = links[index].isAsking || links[index].phase == .dialing
        links[index].phase = .idle
        links[index].isAsking = false
        timers.stop(.answer(way))
        guard wasInUse else { return pump(way, at: now, into: &effects) }
        links[index].failures += 1
        nodeFailed("\(text)", into: &effects)
        switch way {
        case .poll, .mempool:
            links[index].queue = []
            schedule(way, failedAt: now)
        case .judge:
            let calls = links[index].queue
            links[index].queue = []
            for case .judge(let key) in calls {
                finish(key, Code.internalError, "the node cannot be reached", into: &effects)
                flush(key.connection, into: &effects)
            }
        case .submit:
            if links[index].failures >= configuration.limits.submitAttempts {
                for case .submit(let hash, _) in links[index].queue {
                    effects.observe(.blockJudged(hash, refusal: text))
                }
                links[index].queue = []
                links[index].failures = 0
                return
            }
            guard !links[index].queue.isEmpty else { return }
            links[index].phase = .pausing
            timers.set(.retry(way), now + pause(of: way))
        }
    }

    private func pause(of way: NodeWay) -> Interval {
        let limits = configuration.limits
        return links[way.rawValue].pause(first: limits.retryFirst, longest: limits.retryLongest)
    }

    private mutating func schedule(_ way: NodeWay, failedAt now: Instant) {
        let next = now + pause(of: way)
        if way == .poll { longPollID = nil }
        timers.set(way == .poll ? .poll : .mempool, next)
    }

    private mutating func nodeFailed(_ text: String, into effects: inout Effects) {
        guard isNodeReady || nodeFault != text else { return }
        isNodeReady = false
        nodeFault = text
        effects.observe(.node(.lost(text)))
    }

    mutating func pollNode(at now: Instant, into effects: inout Effects) {
        lastPoll = now
        guard links[NodeWay.poll.rawValue].queue.isEmpty else { return }
        _ = ask(.template(longPollID: longPollID), by: .poll, at: now, into: &effects)
    }

    mutating func lookThroughMempool(at now: Instant, into effects: inout Effects) {
        guard links[NodeWay.mempool.rawValue].queue.isEmpty else { return }
        _ = ask(.mempool, by: .mempool, at: now, into: &effects)
    }

    private mutating func answered(
        _ call: NodeCall, _ answer: HTTPAnswerParser.Answer, by way: NodeWay, at now: Instant,
        into effects: inout Effects
    ) {
        let json = try? JSON.parse(answer.body)
        let fault = json.map { NodeAnswer.fault(in: $0, status: answer.status) } ?? "status \(answer.status)"
        switch call {
        case .template: templateAnswered(json?["result"], fault, at: now, into: &effects)
        case .mempool, .transactions: mempoolAnswered(call, json, fault, at: now, into: &effects)
        case .judge(let key):
            links[way.rawValue].failures = 0
            if let fault {
                finish(key, Code.internalError, fault, into: &effects)
            } else {
                judged(key, json?["result"]?.stringValue, at: now, into: &effects)
            }
            flush(key.connection, into: &effects)
        case .submit(let hash, _):
            links[way.rawValue].failures = 0
            effects.observe(.blockJudged(hash, refusal: fault ?? json?["result"]?.stringValue))
        }
    }

    private mutating func templateAnswered(
        _ result: JSON?, _ fault: String?, at now: Instant, into effects: inout Effects
    ) {
        guard fault == nil, let result, let told = NodeTip(result) else {
            links[NodeWay.poll.rawValue].failures += 1
            nodeFailed(fault ?? "a template that cannot be read", into: &effects)
            schedule(.poll, failedAt: now)
            return
        }
        links[NodeWay.poll.rawValue].failures = 0
        longPollID = result["longpollid"]?.stringValue
        for entry in result["transactions"]?.arrayValue ?? [] {
            guard let bytes = entry["data"]?.stringValue.flatMap({ [UInt8](hex: $0) }),
                let txid = entry["txid"]?.stringValue.flatMap({ Hash256(displayHex: $0) }),
                let wtxid = entry["hash"]?.stringValue.flatMap({ Hash256(displayHex: $0) })
            else { continue }
            mirror.insert(
                MirroredTransaction(txid: txid, bytes: bytes), wtxid: wtxid, limits: configuration.limits)
        }
        let isNew = tip?.prevHash != told.prevHash
        if isNew { dropJobs(before: tip?.prevHash, and: told.prevHash) }
        tip = told
        if !isNodeReady {
            isNodeReady = true
            nodeFault = nil
            effects.observe(.node(.ready))
        }
        if isNew {
            effects.observe(.tipChanged(told.prevHash, height: told.height))
            reviewDeclarations(at: now, into: &effects)
            grantHeld(at: now, into: &effects)
        }
        timers.set(.poll, max(now, lastPoll + configuration.limits.pollPause))
    }

    /// A block that competes with the last one may still win; on older tips no solution is worth its room.
    private mutating func dropJobs(before past: Hash256?, and present: Hash256) {
        jobs.removeAll { job in
            guard job.prevHash != past, job.prevHash != present else { return false }
            heldBytes -= job.bytes
            return true
        }
    }

    private mutating func mempoolAnswered(
        _ call: NodeCall, _ json: JSON?, _ fault: String?, at now: Instant, into effects: inout Effects
    ) {
        let limits = configuration.limits
        guard let node = configuration.node, fault == nil, let json else {
            links[NodeWay.mempool.rawValue].failures += 1
            schedule(.mempool, failedAt: now)
            return
        }
        links[NodeWay.mempool.rawValue].failures = 0
        if case .mempool = call {
            let txids = (json["result"]?.arrayValue ?? []).compactMap {
                $0.stringValue.flatMap { Hash256(displayHex: $0) }
            }
            mempoolBacklog = mirror.look(through: txids, limit: limits.mirrorTransactions)
        } else {
            for entry in json.arrayValue ?? [] {
                guard let bytes = entry["result"]?.stringValue.flatMap({ [UInt8](hex: $0) }),
                    let transaction = try? Transaction(bytes: bytes)
                else { continue }
                mirror.insert(
                    MirroredTransaction(txid: transaction.txid, bytes: bytes), wtxid: transaction.wtxid,
                    limits: limits)
            }
        }
        guard mempoolBacklog.isEmpty else {
            let next = Array(mempoolBacklog.prefix(limits.transactionsPerCall))
            mempoolBacklog.removeFirst(next.count)
            _ = ask(.transactions(next), by: .mempool, at: now, into: &effects)
            return
        }
        timers.set(.mempool, now + node.mempoolInterval)
    }
}

/// What is wrong with an answer of the node.
enum NodeAnswer {
    /// Nil for a good one. A batch is an array whose members fail on their own.
    static func fault(in json: JSON, status: Int) -> String? {
        if let error = json["error"], !error.isNull {
            return error["message"]?.stringValue ?? "an error without words"
        }
        return status == 200 ? nil : "status \(status)"
    }
}
