import Bitcoin
import Pool
import SansIO
import Stratum

/// From a job of the devices to one that the pool knows: token, declaration, custom job (SV2 chapters 5.3.18 and 6).
extension JobDeclarationClientMachine {
    mutating func handleServer(_ event: V2ClientLink.Event, at now: Instant, into effects: inout Effects) {
        switch event {
        case .ready:
            for _ in 0..<configuration.limits.tokens { askForToken(at: now) }
        case .refused(let refusal):
            leaveUpstream(
                "the job declaration server refused setup: \(refusal.errorCode)", at: now, into: &effects)
        case .failed(let text):
            leaveUpstream("the job declaration server: \(text)", at: now, into: &effects)
        case .frame(let frame):
            do throws(V2DecodeError) {
                if case .reconnect = try Common.Message(frame: frame) {
                    return leaveUpstream(
                        "the job declaration server asked to reconnect", .lost, at: now, into: &effects)
                }
                guard let message = try JobDeclaration.Message(frame: frame) else { return }
                handle(message, at: now, into: &effects)
            } catch {
                leaveUpstream(
                    "the job declaration server sent a malformed message: \(error)", at: now, into: &effects)
            }
        }
    }

    private mutating func handle(
        _ message: JobDeclaration.Message, at now: Instant, into effects: inout Effects
    ) {
        switch message {
        case .allocateMiningJobTokenSuccess(let answer): tokenArrived(answer, at: now, into: &effects)
        case .declareMiningJobSuccess(let answer): declared(answer, at: now, into: &effects)
        case .declareMiningJobError(let answer):
            refused(code: answer.errorCode, at: now, into: &effects) { phase in
                if case .declaring(answer.requestID, _) = phase { true } else { false }
            }
        case .provideMissingTransactions(let request): provide(request, at: now, into: &effects)
        case .allocateMiningJobToken, .provideMissingTransactionsSuccess, .declareMiningJob, .pushSolution:
            break
        }
    }

    private mutating func askForToken(at now: Instant) {
        guard server.isReady, let request = upstream?.takeRequest(), let terms = upstream?.terms else {
            return
        }
        upstream?.tokenRequests.append((request, now))
        watchAnswers(at: now)
        server.send(
            JobDeclaration.AllocateMiningJobToken(userIdentifier: terms.userIdentity, requestID: request))
    }

    private mutating func tokenArrived(
        _ answer: JobDeclaration.AllocateMiningJobTokenSuccess, at now: Instant, into effects: inout Effects
    ) {
        guard let place = upstream?.tokenRequests.firstIndex(where: { $0.id == answer.requestID }) else {
            return
        }
        upstream?.tokenRequests.remove(at: place)
        let limits = configuration.limits
        guard let rewards = RewardOutputs(counted: answer.coinbaseTxOutputs),
            rewards.constraints.coinbaseOutputMaxAdditionalSize <= limits.outputBytesMax,
            rewards.constraints.coinbaseOutputMaxAdditionalSigops <= limits.outputSigopsMax
        else {
            leaveUpstream("a token without usable coinbase outputs", at: now, into: &effects)
            return
        }
        let old = upstream?.rewards
        if old != rewards { upstream?.tokens = [] }
        upstream?.rewards = rewards
        upstream?.tokens.append(answer.miningJobToken)
        guard upstream?.isServing == true, let channel = upstream?.channel else {
            checkReached(at: now, into: &effects)
            return
        }
        if old != rewards {
            let job = devices.currentJobID
            applyTerms(channel, rewards, keepsJobs: true, at: now, into: &effects)
            guard tip == nil || devices.currentJobID != job else {
                leaveUpstream("no coinbase can be made with the pool's outputs", at: now, into: &effects)
                return
            }
        }
        advance(at: now, into: &effects)
    }

    /// Does for every job what can be done now: the newest first, because that is what devices work on, older ones only
    /// for the shares that wait for them.
    mutating func advance(at now: Instant, into effects: inout Effects) {
        guard footing == .pool, upstream?.isServing == true else { return }
        var index = declarations.count - 1
        while index >= 0 {
            let declaration = declarations[index]
            let isWanted = declaration.job.id == devices.currentJobID || !declaration.shares.isEmpty
            switch declaration.phase {
            case .awaitingTransactions where isWanted:
                let id = declaration.job.template.templateID
                if transactions(of: id, declaration.session) != nil {
                    declarations[index].phase = .awaitingToken
                    continue
                }
                if declaration.session == providerSession { prefetch(id) }
            case .awaitingToken where isWanted: spendToken(on: index, at: now)
            default: break
            }
            index -= 1
        }
    }

    private mutating func spendToken(on index: Int, at now: Instant) {
        guard var upstream, !upstream.tokens.isEmpty else { return }
        let token = upstream.tokens.removeFirst()
        self.upstream = upstream
        if upstream.tokens.count + upstream.tokenRequests.count < configuration.limits.tokens {
            askForToken(at: now)
        }
        if configuration.mode == .fullTemplate {
            declare(index, token: token, at: now)
        } else {
            setCustomJob(index, token: token, at: now)
        }
    }

    private mutating func declare(_ index: Int, token: [UInt8], at now: Instant) {
        let declaration = declarations[index]
        let job = declaration.job
        guard let set = transactions(of: job.template.templateID, declaration.session),
            let request = upstream?.takeRequest()
        else { return }
        declarations[index].phase = .declaring(request: request, since: now)
        watchAnswers(at: now)
        totals.declared += 1
        server.send(
            JobDeclaration.DeclareMiningJob(
                requestID: request, miningJobToken: token, version: job.template.version,
                coinbaseTxPrefix: job.declaredPrefix, coinbaseTxSuffix: job.declaredSuffix,
                wtxidList: set.witnessIDs, excessData: set.excessData))
    }

    private mutating func declared(
        _ answer: JobDeclaration.DeclareMiningJobSuccess, at now: Instant, into effects: inout Effects
    ) {
        guard
            let index = declarations.firstIndex(where: {
                if case .declaring(answer.requestID, _) = $0.phase { true } else { false }
            })
        else { return }
        let job = declarations[index].job.id
        upstream?.lastDeclared = job
        effects.observe(.declaration(job: job, .declared))
        setCustomJob(index, token: answer.newMiningJobToken, at: now)
    }

    private mutating func setCustomJob(_ index: Int, token: [UInt8], at now: Instant) {
        guard let request = upstream?.takeRequest(), let channel = upstream?.channel, let tip else { return }
        declarations[index].phase = .setting(request: request, since: now)
        watchAnswers(at: now)
        let job = declarations[index].job
        pool.send(
            Mining.SetCustomMiningJob(
                channelID: channel.id, requestID: request, miningJobToken: token,
                version: job.template.version, prevHash: tip.prevHash, minNTime: tip.headerTimestamp,
                nBits: tip.nBits, coinbaseTxVersion: job.template.coinbaseTxVersion,
                coinbasePrefix: job.scriptPrefix,
                coinbaseTxInputNSequence: job.template.coinbaseTxInputSequence,
                coinbaseTxOutputs: job.outputs, coinbaseTxLocktime: job.template.coinbaseTxLocktime,
                merklePath: job.template.merklePath))
    }

    /// The pool knows the job: shares that waited go to it.
    mutating func acknowledged(
        _ answer: Mining.SetCustomMiningJobSuccess, at now: Instant, into effects: inout Effects
    ) {
        guard let channel = upstream?.channel, answer.channelID == channel.id,
            let index = declarations.firstIndex(where: {
                if case .setting(answer.requestID, _) = $0.phase { true } else { false }
            })
        else { return }
        rounds = 0
        totals.acknowledged += 1
        let shares = declarations[index].shares
        declarations[index].shares = []
        declarations[index].phase = .acknowledged(answer.jobID, channel.target)
        effects.observe(
            .declaration(
                job: declarations[index].job.id, .acknowledged(answer.jobID, cached: shares.count)))
        for share in shares { relay(share, as: answer.jobID, target: channel.target) }
    }

    private mutating func provide(
        _ request: JobDeclaration.ProvideMissingTransactions, at now: Instant, into effects: inout Effects
    ) {
        guard
            let declaration = declarations.first(where: {
                if case .declaring(request.requestID, _) = $0.phase { true } else { false }
            }), let set = transactions(of: declaration.job.template.templateID, declaration.session)
        else { return }
        let positions = request.unknownTxPositionList.map(Int.init)
        guard positions.allSatisfy({ $0 < set.transactions.count }) else {
            leaveUpstream(
                "the job declaration server asked for transactions that were not declared", at: now,
                into: &effects)
            return
        }
        server.send(
            JobDeclaration.ProvideMissingTransactionsSuccess(
                requestID: request.requestID, transactionList: positions.map { set.transactions[$0] }))
    }

    // MARK: - What goes wrong

    /// Pool or server refused a job. Nothing is decided yet: DeclareMiningJob does not say on which block it builds, so
    /// a tip that only one side has seen looks like a fault.
    mutating func refused(
        code: String, at now: Instant, into effects: inout Effects,
        where matches: (CustomJob.Phase) -> Bool
    ) {
        guard let index = declarations.firstIndex(where: { matches($0.phase) }) else { return }
        totals.refused += 1
        effects.observe(.declaration(job: declarations[index].job.id, .refused(code: code)))
        if code == V2ErrorCode.DeclareJob.invalidMiningJobToken, !declarations[index].hasFreshToken {
            // It may have expired while it lay here. The others are as old.
            declarations[index].hasFreshToken = true
            declarations[index].phase = firstPhase
            upstream?.tokens = []
            askForToken(at: now)
            return
        }
        declarations[index].phase = .doubted(code: code, since: now)
        if timers.deadline(of: .doubt) == nil { timers.set(.doubt, now + configuration.limits.doubt) }
    }

    /// No new tip explained the refusals of so long ago.
    mutating func resolveDoubts(at now: Instant, into effects: inout Effects) {
        let limits = configuration.limits
        if let count = upstream?.refusedInRow, count >= limits.refusedSharesInRow {
            leaveUpstream(
                "the pool refused \(count) shares in a row of a job that it took", at: now, into: &effects)
            return
        }
        for index in declarations.indices {
            guard case .doubted(let code, let since) = declarations[index].phase else { continue }
            guard now - since >= limits.doubt else {
                timers.set(.doubt, since + limits.doubt)
                continue
            }
            let staleSince = declarations[index].staleSince ?? since
            guard code == V2ErrorCode.DeclareJob.staleChainTip, now - staleSince < limits.stalePatience
            else {
                leaveUpstream("a job was refused: \(code)", at: now, into: &effects)
                return
            }
            declarations[index].staleSince = staleSince
            declarations[index].phase = firstPhase
        }
        advance(at: now, into: &effects)
    }

    private mutating func watchAnswers(at now: Instant) {
        guard timers.deadline(of: .answers) == nil else { return }
        timers.set(.answers, now + configuration.limits.answerDeadline)
    }

    /// The oldest open request decides.
    mutating func checkAnswers(at now: Instant, into effects: inout Effects) {
        var oldest = upstream?.tokenRequests.first?.since
        var what = "a token"
        for declaration in declarations {
            switch declaration.phase {
            case .declaring(_, let since), .setting(_, let since):
                if since < oldest ?? .distantFuture {
                    oldest = since
                    what = "a job"
                }
            default: break
            }
        }
        guard let oldest else { return }
        let deadline = oldest + configuration.limits.answerDeadline
        if deadline <= now {
            leaveUpstream("no answer to a request for \(what)", at: now, into: &effects)
        } else {
            timers.set(.answers, deadline)
        }
    }

    /// Forgets a job; shares that waited for it are lost.
    mutating func drop(at index: Int, into effects: inout Effects) {
        let declaration = declarations.remove(at: index)
        totals.sharesLost += UInt64(declaration.shares.count)
        guard !declaration.isAcknowledged, declaration.phase != .future else { return }
        effects.observe(
            .declaration(job: declaration.job.id, .dropped(lost: declaration.shares.count)))
    }
}
