import Bitcoin
import Pool
import SansIO
import Stratum

/// DeclareMiningJob, its missing transactions, and its verdict (SV2 sections 6.4.4 to 6.4.8).
extension JobDeclarationServerMachine {
    typealias Code = V2ErrorCode.DeclareJob

    mutating func declare(
        _ message: JobDeclaration.DeclareMiningJob, on id: ConnectionID, at now: Instant,
        into effects: inout Effects
    ) {
        func refuse(_ code: String, _ details: String) {
            refuseDeclaration(message.requestID, code, details, on: id, into: &effects)
            countOddity(on: id, into: &effects)
        }
        let limits = configuration.limits
        guard connections[id]!.phase == .fullTemplate else {
            return refuse(Code.invalidJob, "a coinbase-only connection declares nothing")
        }
        guard let token = takeToken(message.miningJobToken, of: id, at: now) else {
            return refuse(Code.invalidMiningJobToken, "")
        }
        guard connections[id]!.pending.count < limits.pendingPerConnection,
            !connections[id]!.pending.contains(where: { $0.requestID == message.requestID })
        else { return refuse(Code.invalidJob, "too many declarations at once, or one request id twice") }
        guard message.wtxidList.count <= limits.transactionsPerJob,
            Set(message.wtxidList).count == message.wtxidList.count
        else { return refuse(Code.invalidJob, "a list that no block can have") }
        let coinbase: DeclaredCoinbase
        do throws(DeclaredCoinbase.Fault) {
            coinbase = try DeclaredCoinbase(
                prefix: message.coinbaseTxPrefix, suffix: message.coinbaseTxSuffix)
        } catch {
            switch error {
            case .undecodable(let text): return refuse(Code.invalidCoinbaseTx, text)
            case .input(let text): return refuse(Code.invalidCoinbaseTxInput, text)
            }
        }
        let declaration = Declaration(
            key: DeclarationKey(connection: id, number: nextDeclaration), requestID: message.requestID,
            token: .init(serial: token.serial, expires: token.expires, identity: token.identity),
            identity: token.identity,
            poolOutputs: token.poolOutputs, version: message.version, coinbase: coinbase,
            wtxids: message.wtxidList)
        nextDeclaration += 1
        underWay.append(declaration.key)
        connections[id]!.pending.append(declaration)
        begin(declaration.key, at: now, into: &effects)
    }

    /// The token if this connection holds it unused; it is used from here on.
    private mutating func takeToken(_ bytes: [UInt8], of id: ConnectionID, at now: Instant) -> MiningJobToken?
    {
        guard let token = MiningJobToken(bytes, under: configuration.tokenSecret),
            token.grant == .declaration,
            token.expires >= clock.unixSeconds(at: now),
            let index = connections[id]!.tokens.firstIndex(where: { $0.serial == token.serial })
        else { return nil }
        connections[id]!.tokens.remove(at: index)
        return token
    }

    private func place(of key: DeclarationKey) -> Int? {
        connections[key.connection]?.pending.firstIndex { $0.key == key }
    }

    /// Looks at a declaration with the present tip.
    mutating func begin(_ key: DeclarationKey, at now: Instant, into effects: inout Effects) {
        guard let place = place(of: key), let tip else {
            return finish(key, Code.internalError, "the node has not said a word", into: &effects)
        }
        let id = key.connection
        let coinbase = connections[id]!.pending[place].coinbase
        guard let height = coinbase.height else {
            return finish(key, Code.invalidCoinbaseTxInput, "no height", into: &effects)
        }
        guard height == tip.height else {
            // One block ahead is what a faster node looks like.
            guard height == tip.height &+ 1 else {
                let text = "height \(height), the next block's is \(tip.height)"
                return finish(key, Code.staleChainTip, text, into: &effects)
            }
            timers.set(.declaration(key), now + configuration.limits.tipHold)
            return
        }
        guard configuration.payout.isKept(by: coinbase.transaction.outputs, least: tip.subsidy) else {
            return finish(key, Code.invalidCoinbaseTx, "does not pay the pool", into: &effects)
        }
        let wtxids = connections[id]!.pending[place].wtxids
        let known = wtxids.map { mirror[$0] }
        let missing = known.indices.filter { known[$0] == nil }
        let bytes = known.reduce(0) { $0 + ($1?.bytes.count ?? 0) }
        guard heldBytes + bytes <= configuration.limits.jobBytes else {
            return finish(key, Code.internalError, "no room for another job", into: &effects)
        }
        heldBytes += bytes
        connections[id]!.pending[place].bytes = bytes
        connections[id]!.pending[place].transactions = known
        connections[id]!.pending[place].missing = missing
        connections[id]!.pending[place].tip = tip
        guard missing.isEmpty else {
            askForMissing(key, place, at: now, into: &effects)
            return
        }
        askVerdict(key, place, at: now, into: &effects)
    }

    private mutating func askForMissing(
        _ key: DeclarationKey, _ place: Int, at now: Instant, into effects: inout Effects
    ) {
        let id = key.connection
        let missing = connections[id]!.pending[place].missing
        let requestID = connections[id]!.pending[place].requestID
        connections[id]!.pending[place].phase = .awaitingTransactions
        connections[id]!.link.maximumPayload = configuration.limits.frameWithTransactions
        connections[id]!.link.send(
            JobDeclaration.ProvideMissingTransactions(
                requestID: requestID, unknownTxPositionList: missing.map { UInt16($0) }), into: &out)
        timers.set(.declaration(key), now + configuration.limits.transactionsDeadline)
        effects.observe(.transactionsAsked(id, requestID: requestID, count: missing.count))
    }

    mutating func provide(
        _ message: JobDeclaration.ProvideMissingTransactionsSuccess, on id: ConnectionID, at now: Instant,
        into effects: inout Effects
    ) {
        guard
            let place = connections[id]!.pending.firstIndex(where: {
                $0.requestID == message.requestID && $0.phase == .awaitingTransactions
            })
        else { return countOddity(on: id, into: &effects) }
        let key = connections[id]!.pending[place].key
        let missing = connections[id]!.pending[place].missing
        guard missing.count == message.transactionList.count else {
            let text = "\(message.transactionList.count) transactions instead of \(missing.count)"
            return finish(key, Code.missingTransactions, text, into: &effects)
        }
        let bytes = message.transactionList.reduce(0) { $0 + $1.count }
        guard heldBytes + bytes <= configuration.limits.jobBytes else {
            return finish(key, Code.internalError, "no room for another job", into: &effects)
        }
        for (position, raw) in zip(missing, message.transactionList) {
            guard let transaction = try? Transaction(bytes: raw),
                transaction.wtxid == connections[id]!.pending[place].wtxids[position]
            else {
                let text = "position \(position) is not what was declared"
                return finish(key, Code.missingTransactions, text, into: &effects)
            }
            connections[id]!.pending[place].transactions[position] = MirroredTransaction(
                txid: transaction.txid, bytes: raw)
        }
        heldBytes += bytes
        connections[id]!.pending[place].bytes += bytes
        timers.stop(.declaration(key))
        askVerdict(key, place, at: now, into: &effects)
        lowerPayload(of: id)
    }

    private mutating func askVerdict(
        _ key: DeclarationKey, _ place: Int, at now: Instant, into effects: inout Effects
    ) {
        guard connections[key.connection]!.pending[place].bytes <= 4_000_000 else {
            return finish(key, Code.invalidJob, "larger than a block", into: &effects)
        }
        connections[key.connection]!.pending[place].phase = .awaitingVerdict
        guard ask(.judge(key), by: .judge, at: now, into: &effects) else {
            return finish(key, Code.internalError, "the node has too much to judge", into: &effects)
        }
    }

    /// The block of a declaration as the node is to judge it; nil when its client is gone.
    func proposal(_ key: DeclarationKey) -> [UInt8]? {
        guard let place = place(of: key), let tip = connections[key.connection]!.pending[place].tip else {
            return nil
        }
        let declaration = connections[key.connection]!.pending[place]
        let transactions = declaration.transactions.compactMap { $0 }
        let root = Merkle.root([declaration.coinbase.transaction.txid] + transactions.map(\.txid)).root
        let header = BlockHeader(
            version: declaration.version, previousBlockHash: tip.prevHash, merkleRoot: root,
            time: tip.minNTime, bits: CompactTarget(bits: tip.bits), nonce: 0)
        return DeclaredJob.encode(header, declaration.coinbase.transaction, transactions)
    }

    /// The node's word on a declaration; nil for a valid one.
    mutating func judged(
        _ key: DeclarationKey, _ refusal: String?, at now: Instant, into effects: inout Effects
    ) {
        guard let refusal else { return accept(key, at: now, into: &effects) }
        let code: String
        switch refusal {
        case "inconclusive-not-best-prevblk", "bad-cb-height", "bad-prevblk", "prev-blk-not-found":
            code = Code.staleChainTip
        case _ where refusal.hasPrefix("bad-cb") || refusal.hasPrefix("bad-witness"),
            "unexpected-witness":
            code = Code.invalidCoinbaseTx
        default: code = Code.invalidJob
        }
        finish(key, code, refusal, into: &effects)
    }

    private mutating func accept(_ key: DeclarationKey, at now: Instant, into effects: inout Effects) {
        guard let place = place(of: key) else { return }
        let id = key.connection
        let declaration = connections[id]!.pending.remove(at: place)
        underWay.removeAll { $0 == key }
        guard let tip = declaration.tip else { return }
        let transactions = declaration.transactions.compactMap { $0 }
        let path = Merkle.path(forFirstOf: [Hash256.zero] + transactions.map(\.txid))
        let secret = configuration.tokenSecret
        let coinbase = declaration.coinbase
        let work = DeclaredWork(
            version: declaration.version, prevHash: tip.prevHash, nBits: tip.bits, minNTime: tip.minNTime,
            coinbaseVersion: coinbase.transaction.version, sequence: coinbase.transaction.inputs[0].sequence,
            lockTime: coinbase.transaction.lockTime, extranonceSize: UInt8(coinbase.extranonceSize),
            scriptPrefix: coinbase.scriptPrefix,
            outputs: CoinbasePayout.encode(coinbase.transaction.outputs), merklePath: path, secret: secret)
        let token = MiningJobToken(
            serial: secrets.bytes(16), expires: expiry(at: now), identity: declaration.identity,
            poolOutputs: declaration.poolOutputs, grant: .declared(work))
        for position in declaration.missing {
            mirror.insert(
                transactions[position], wtxid: declaration.wtxids[position],
                looks: configuration.limits.looksForProvided, limits: configuration.limits)
        }
        keep(
            DeclaredJob(
                serial: token.serial, connection: id, coinbase: coinbase, transactions: transactions,
                merklePath: path, prevHash: tip.prevHash, bits: tip.bits, bytes: declaration.bytes))
        jobsDeclared += 1
        connections[id]!.jobsDeclared += 1
        connections[id]!.link.send(
            JobDeclaration.DeclareMiningJobSuccess(
                requestID: declaration.requestID, newMiningJobToken: token.bytes(under: secret)), into: &out)
        effects.observe(
            .jobDeclared(id, requestID: declaration.requestID, transactions: transactions.count))
    }

    private mutating func keep(_ job: DeclaredJob) {
        let limits = configuration.limits
        jobs.append(job)
        if jobs.count(where: { $0.connection == job.connection }) > limits.jobsPerConnection,
            let oldest = jobs.firstIndex(where: { $0.connection == job.connection })
        {
            heldBytes -= jobs.remove(at: oldest).bytes
        }
        if jobs.count > limits.jobs { heldBytes -= jobs.removeFirst().bytes }
    }

    /// Ends a declaration with an error. When nobody was at fault its token is good for another try.
    mutating func finish(
        _ key: DeclarationKey, _ code: String, _ details: String, into effects: inout Effects
    ) {
        let id = key.connection
        timers.stop(.declaration(key))
        underWay.removeAll { $0 == key }
        guard let place = place(of: key) else { return }
        let declaration = connections[id]!.pending.remove(at: place)
        heldBytes -= declaration.bytes
        let isInnocent = code == Code.staleChainTip || code == Code.internalError
        if isInnocent, connections[id]!.tokens.count < configuration.limits.tokensPerConnection {
            if !declaration.token.isRevoked { connections[id]!.tokens.append(declaration.token) }
        }
        refuseDeclaration(declaration.requestID, code, details, on: id, into: &effects)
        lowerPayload(of: id)
        if !isInnocent { countOddity(on: id, into: &effects) }
    }

    private mutating func lowerPayload(of id: ConnectionID) {
        guard let connection = connections[id], connection.phase == .fullTemplate,
            !connection.awaitsTransactions
        else { return }
        connections[id]!.link.maximumPayload = configuration.limits.frameAfterSetup
    }

    private mutating func refuseDeclaration(
        _ requestID: UInt32, _ code: String, _ details: String, on id: ConnectionID,
        into effects: inout Effects
    ) {
        jobsRefused += 1
        connections[id]!.jobsRefused += 1
        // Details may be the node's words; only printable characters go on the wire (SV2 section 3.5).
        let printable = details.utf8.filter { (0x20...0x7e).contains($0) }.prefix(255)
        connections[id]!.link.send(
            JobDeclaration.DeclareMiningJobError(
                requestID: requestID, errorCode: code, errorDetails: Array(printable)), into: &out)
        effects.observe(.jobRefused(id, requestID: requestID, code: code, details: details))
    }

    mutating func declarationOverdue(_ key: DeclarationKey, at now: Instant, into effects: inout Effects) {
        guard let place = place(of: key) else { return }
        switch connections[key.connection]!.pending[place].phase {
        case .awaitingTip: finish(key, Code.staleChainTip, "the block before is unknown", into: &effects)
        case .awaitingTransactions:
            finish(key, Code.missingTransactions, "not provided in time", into: &effects)
        case .awaitingVerdict: return
        }
        flush(key.connection, into: &effects)
    }

    /// The tip moved: what waited for it goes on, what builds on the one before ends.
    mutating func reviewDeclarations(at now: Instant, into effects: inout Effects) {
        for key in underWay {
            guard let place = place(of: key) else { continue }
            switch connections[key.connection]!.pending[place].phase {
            case .awaitingTip:
                timers.stop(.declaration(key))
                begin(key, at: now, into: &effects)
            case .awaitingTransactions:
                finish(key, Code.staleChainTip, "the tip moved", into: &effects)
            case .awaitingVerdict: continue
            }
            flush(key.connection, into: &effects)
        }
    }
}
