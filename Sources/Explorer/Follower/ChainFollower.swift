import Bitcoin
import JSONText

/// Keeps the state in step with the node: polls, fetches raw blocks, follows reorganizations, refreshes the
/// mempool, the template and the slow facts. One task; every failure is shown on the pages and tried again.
struct ChainFollower: Sendable {
    let client: RPCClient
    let store: StateStore
    let pollMilliseconds: Int

    func run() async throws {
        let clock = ContinuousClock()
        var pace = Pace(now: clock.now)
        while !Task.isCancelled {
            do throws(StepFailure) {
                try await step(&pace, now: clock.now)
            } catch {
                pace.detailDue = clock.now
                await report(error)
            }
            try await Task.sleep(for: .milliseconds(pollMilliseconds))
        }
    }

    /// What the follower remembers between two looks.
    struct Pace {
        var detailDue: ContinuousClock.Instant
        var mempoolDue: ContinuousClock.Instant
        /// What the last mempool view and template were made from.
        var mempoolMark = ""
        var templateMark = ""

        init(now: ContinuousClock.Instant) {
            detailDue = now
            mempoolDue = now
        }
    }

    /// Why a step ended early.
    enum StepFailure: Error {
        case rpc(RPCFailure)
        case node(String, RPCError)
        case block(String)
    }

    /// One look at the node.
    func step(_ pace: inout Pace, now: ContinuousClock.Instant) async throws(StepFailure) {
        let answers = try await batch([RPCCall("getblockchaininfo"), RPCCall("getmempoolinfo")])
        let chain = try value(answers[0], of: "getblockchaininfo")
        let mempoolInfo = try? answers[1].get()
        let tipMoved = await noteAnswer(chain)
        if tipMoved {
            try await followChain(chain)
            pace.detailDue = now
        }
        if now >= pace.detailDue {
            pace.detailDue = now + .milliseconds(Limits.nodeDetailMilliseconds)
            try await refreshDetails()
        }
        if let mempoolInfo, now >= pace.mempoolDue {
            try await refreshMempool(mempoolInfo, chain: chain, pace: &pace, now: now)
        }
        await noteUp()
    }

    private func noteAnswer(_ chain: JSON) async -> Bool {
        await store.update { state in
            let before = (state.reach, state.node.blocks, state.node.bestHash, state.node.warnings)
            // After a failure only a whole step counts: else the pages would flap between two states.
            if case .down = state.reach {} else { state.reach = .up }
            state.lastAnswer = unixNow()
            state.node.read(blockchainInfo: chain)
            let after = (state.reach, state.node.blocks, state.node.bestHash, state.node.warnings)
            return before == after ? [] : [.node]
        }
        return await store.read { $0.index.tip?.hash.displayHex != $0.node.bestHash }
    }

    private func noteUp() async {
        await store.update { state in
            guard state.reach != .up else { return [] }
            state.reach = .up
            return [.node]
        }
    }

    func report(_ failure: StepFailure) async {
        let reach: NodeReach
        switch failure {
        case .rpc(.cancelled): return
        case .rpc(let failure): reach = .down(failure.description)
        case .node(_, let error) where error.code == RPCError.inWarmUp: reach = .warmingUp(error.message)
        case .node(let method, let error): reach = .down("the node refuses \(method): \(error)")
        case .block(let reason): reach = .down(reason)
        }
        await store.update { state in
            guard state.reach != reach else { return [] }
            state.reach = reach
            return [.node]
        }
    }

    // MARK: Blocks

    private func followChain(_ info: JSON) async throws(StepFailure) {
        guard let height = info["blocks"]?.int64, let best = info["bestblockhash"]?.stringValue else {
            throw .block("the node's getblockchaininfo names no best block")
        }
        try await disconnectToFork(nodeHeight: Int(height))
        var next = await store.read { $0.index.tipHeight.map { $0 + 1 } } ?? startHeight(info)
        var size = Limits.catchUpBatch
        while next <= Int(height), !Task.isCancelled {
            let hashes = try await blockHashes(next..<min(Int(height) + 1, next + size))
            do throws(StepFailure) {
                let blocks = try await fetch(hashes, from: next)
                guard try await connect(blocks, from: next) else { return }
                await noteUp()
                next += blocks.count
            } catch {
                guard case .rpc(.badReply) = error, size > 1 else { throw error }
                size = 1
            }
        }
        if next > Int(height), await store.read({ $0.index.tip?.hash.displayHex != best }) {
            // The chain moved while we read it: the next look goes on from here.
            return
        }
    }

    /// A node whose whole chain would not fit is followed from a day before its tip.
    private func startHeight(_ info: JSON) -> Int {
        let height = Int(info["blocks"]?.int64 ?? 0)
        var start = max(0, height - Limits.indexedBlocks + 1)
        if let disk = info["size_on_disk"]?.int64, disk > Int64(Limits.indexedBytes) {
            start = max(start, height - 144)
        }
        if let pruned = info["pruneheight"]?.int64 { start = max(start, Int(pruned)) }
        return start
    }

    private func disconnectToFork(nodeHeight: Int) async throws(StepFailure) {
        for _ in 0..<Limits.reorganizationDepth {
            guard let tip = await store.read({ $0.index.tip.map { ($0.height, $0.hash) } }) else { return }
            if tip.0 <= nodeHeight {
                let hash = try value(
                    try await batch([RPCCall("getblockhash", [.int(tip.0)])])[0], of: "getblockhash")
                if hash.stringValue == tip.1.displayHex { return }
            }
            await store.update { state in
                _ = try? state.index.disconnectTip()
                return [.tip]
            }
        }
        await store.update { state in
            state.index.removeAll()
            return [.tip]
        }
    }

    private func blockHashes(_ heights: Range<Int>) async throws(StepFailure) -> [JSON] {
        let answers = try await batch(heights.map { RPCCall("getblockhash", [.int($0)]) })
        var hashes: [JSON] = []
        for answer in answers {
            switch answer {
            case .success(let hash): hashes.append(hash)
            case .failure(let error):
                // A reorganization to a shorter chain may happen between two calls.
                if hashes.isEmpty { throw .node("getblockhash", error) }
                return hashes
            }
        }
        return hashes
    }

    private func fetch(_ hashes: [JSON], from height: Int) async throws(StepFailure) -> [Block] {
        var blocks: [Block] = []
        for answer in try await batch(hashes.map { RPCCall("getblock", [$0, 0]) }) {
            let text = try value(answer, of: "getblock").stringValue ?? ""
            guard let bytes = [UInt8](hex: text) else {
                throw .block("the node's block \(height + blocks.count) is no hex")
            }
            do throws(TransactionError) {
                blocks.append(try Block(bytes: bytes))
            } catch {
                throw .block("the node's block \(height + blocks.count) does not decode: \(error)")
            }
        }
        return blocks
    }

    /// False when the blocks no longer fit, because the chain changed meanwhile.
    private func connect(_ blocks: [Block], from height: Int) async throws(StepFailure) -> Bool {
        await store.update { state in
            for (offset, block) in blocks.enumerated() {
                do throws(ChainIndexError) {
                    try state.index.connect(block, height: height + offset)
                } catch { break }
            }
            return [.tip]
        }
        return await store.read { $0.index.tipHeight == height + blocks.count - 1 }
    }

    // MARK: Facts, mempool, template

    private func refreshDetails() async throws(StepFailure) {
        let answers = try await batch([
            RPCCall("getnetworkinfo"), RPCCall("getmininginfo"), RPCCall("getchaintips"),
            RPCCall("getpeerinfo"),
            RPCCall("uptime"), RPCCall("getnettotals"),
        ])
        await store.update { state in
            let before = state.node
            if let json = try? answers[0].get() { state.node.read(networkInfo: json) }
            if let json = try? answers[1].get() { state.node.read(miningInfo: json) }
            if let json = try? answers[2].get() { state.node.read(chainTips: json) }
            if let json = try? answers[3].get() { state.node.read(peerInfo: json) }
            if let json = try? answers[4].get() { state.node.uptime = json.int64 }
            if let json = try? answers[5].get() { state.node.read(netTotals: json) }
            return before == state.node ? [] : [.node]
        }
    }

    private func refreshMempool(
        _ info: JSON, chain: JSON, pace: inout Pace, now: ContinuousClock.Instant
    ) async throws(StepFailure) {
        let best = chain["bestblockhash"]?.stringValue ?? ""
        let mark = ["size", "bytes", "total_fee"].map { info[$0]?.numberText ?? "" }.joined(separator: "/")
        let missing = await store.read { $0.mempool.missing(limit: Limits.rawTransactionBatch) }
        guard mark != pace.mempoolMark || best + mark != pace.templateMark || !missing.isEmpty else { return }
        pace.mempoolDue = now + .milliseconds(Limits.mempoolMilliseconds)
        if mark != pace.mempoolMark || best + mark != pace.templateMark {
            try await readMempool(info)
            pace.mempoolMark = mark
            pace.templateMark = best + mark
        }
        try await readTransactions()
    }

    private func readMempool(_ info: JSON) async throws(StepFailure) {
        let count = info["size"]?.int64 ?? 0
        var calls = [RPCCall("getblocktemplate", [["rules": ["segwit"]]])]
        // Beyond twice what is shown, the verbose list would cost more than it tells.
        if count <= Int64(Limits.mempoolTransactions * 2) { calls.append(RPCCall("getrawmempool", [true])) }
        let answers = try await batch(calls)
        await store.update([.mempool]) { state in
            state.mempool.read(info: info)
            if answers.count > 1, let json = try? answers[1].get() {
                state.mempool.read(verbose: json)
            } else {
                state.mempool.replace([])
            }
            switch answers[0] {
            case .success(let json):
                state.template = TemplateView(json)
                state.templateProblem = state.template == nil ? "The node's template is unreadable." : nil
            case .failure(let error):
                state.template = nil
                state.templateProblem = "The node gives no template: \(Characters.visible(error.message))"
            }
        }
    }

    private func readTransactions() async throws(StepFailure) {
        let missing = await store.read { $0.mempool.missing(limit: Limits.rawTransactionBatch) }
        guard !missing.isEmpty else { return }
        let answers = try await batch(missing.map { RPCCall("getrawtransaction", [.string($0.displayHex)]) })
        var found: [Transaction] = []
        for answer in answers {
            guard let text = (try? answer.get())?.stringValue, let bytes = [UInt8](hex: text),
                let transaction = try? Transaction(bytes: bytes)
            else { continue }
            found.append(transaction)
        }
        let transactions = found
        await store.update([.mempool]) { state in
            for transaction in transactions { state.mempool.attach(transaction) }
        }
    }

    // MARK: Calls

    private func batch(_ calls: [RPCCall]) async throws(StepFailure) -> [RPCResult] {
        do throws(RPCFailure) {
            return try await client.batch(calls)
        } catch {
            throw .rpc(error)
        }
    }

    private func value(_ result: RPCResult, of method: String) throws(StepFailure) -> JSON {
        switch result {
        case .success(let json): return json
        case .failure(let error): throw .node(method, error)
        }
    }
}
