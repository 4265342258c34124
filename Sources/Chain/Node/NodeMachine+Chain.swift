import Bitcoin
import SansIO

/// How the chain moves, and who hears of it.
extension NodeMachine {
    /// Judges a block, makes it durable, and tells everybody what changed.
    mutating func submit(
        _ block: Block, bytes: [UInt8], from source: BlockSource, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) -> BlockVerdict {
        settle(at: now, into: &effects)
        // The pool is lent to the closure, as a copy that lives on would make the next change copy it all.
        var pool = Mempool()
        swap(&pool, &mempool)
        let verdict = chain.accept(block, bytes: bytes, now: unixTime(at: now)) { pool.contains(wtxid: $0) }
        swap(&pool, &mempool)
        if let rejection = verdict.rejection {
            effects.observe(.blockRejected(hash: block.hash, reason: rejection.reason, source: source))
        } else if verdict.isNew {
            if !source.isPeer { mustCommit = true }
            if !verdict.wasTried, let id = verdict.id {
                effects.observe(
                    .blockStored(height: chain.tree[id].height, hash: chain.tree[id].hash, source: source))
            }
        }
        apply(verdict.changes, from: source, at: now, into: &effects)
        return verdict
    }

    mutating func invalidate(
        _ hash: Hash256, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) -> Bool {
        guard let id = chain.tree.id(of: hash), id != 0 else { return false }
        mustCommit = true
        apply(chain.invalidate(id), from: .command, at: now, into: &effects)
        return true
    }

    mutating func reconsider(
        _ hash: Hash256, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) -> Bool {
        guard let id = chain.tree.id(of: hash) else { return false }
        mustCommit = true
        peers.headers.reset()
        apply(chain.reconsider(id), from: .command, at: now, into: &effects)
        return true
    }

    mutating func prefer(
        _ hash: Hash256, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) -> Bool {
        guard let id = chain.tree.id(of: hash) else { return false }
        let changes = chain.prefer(id)
        mustCommit = true
        apply(changes, from: .command, at: now, into: &effects)
        return true
    }

    /// Carries the chain's changes to pool, wallets, template clients, long polls and peers.
    private mutating func apply(
        _ changes: [ChainChange], from source: BlockSource, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard !changes.isEmpty else { return }
        rpcTemplate = nil
        for change in changes {
            switch change {
            case .connected(let id, let block, let spent):
                let entry = chain.tree[id]
                effects.observe(
                    .blockConnected(
                        height: entry.height, hash: entry.hash, transactions: block.transactions.count,
                        weight: entry.weight, fees: fees(of: block, spent: spent),
                        coinbaseTag: CoinbaseTag.text(of: block.transactions[0]), source: source))
            case .disconnected(let id, _, _):
                let entry = chain.tree[id]
                effects.observe(.blockDisconnected(height: entry.height, hash: entry.hash))
            }
        }
        let tip = chain.tip
        effects.observe(.tipChanged(height: tip.height, hash: tip.hash))
        if let height = configuration.stopHeight, tip.height >= height { effects.observe(.stopRequested) }
        unsettled += changes
        if provider.hasServedClients, mempool.count >= configuration.speculativePool {
            broadcastEmptyTemplates(at: now, into: &effects)
            timers.set(.settle, now)
        } else {
            settle(at: now, into: &effects)
        }
        tipChanged(changes, at: now, into: &effects)
    }

    /// Lets pool, wallets, template clients and long polls follow the chain. With a large pool this takes
    /// longer than clients should wait for the news of a tip, so it is done in a call of its own, which the
    /// driver makes at once, or before anything else is looked at.
    mutating func settle(at now: Instant, into effects: inout EffectBuffer<NodeObservation>) {
        guard !unsettled.isEmpty else { return }
        let changes = unsettled
        unsettled = []
        let isLate = timers.deadline(of: .settle) != nil
        timers.stop(.settle)
        var left: [Transaction] = []
        for change in changes {
            switch change {
            case .connected(let id, let block, _):
                let entry = chain.tree[id]
                let (_, conflicted) = mempool.blockConnected(
                    block, height: entry.height, time: unixTime(at: now))
                drop(conflicted, into: &effects)
                wallets.connected(
                    block,
                    at: Wallet.BlockPlace(hash: entry.hash, height: entry.height, time: entry.header.time),
                    now: unixTime(at: now))
                publisher.blockConnected(block, into: &effects)
            case .disconnected(let id, let block, _):
                let entry = chain.tree[id]
                wallets.disconnected(
                    block, hash: entry.hash,
                    previous: (entry.header.previousBlockHash, entry.height - 1))
                publisher.blockDisconnected(block, into: &effects)
                left.insert(contentsOf: block.transactions.dropFirst(), at: 0)
            }
        }
        if changes.contains(where: \.isDisconnection) {
            left.removeAll { chain.transactionIndex[$0.txid] != nil }
            // Those of the highest blocks go first: nothing that stays spends from them.
            var bytes = left.reduce(0) { $0 + $1.weight / 4 + ChainLimits.disconnectedOverhead }
            while bytes > ChainLimits.disconnectedBytes, let last = left.popLast() {
                bytes -= last.weight / 4 + ChainLimits.disconnectedOverhead
            }
            let dropped = mempool.reorganised(left: left, chain: chain, time: unixTime(at: now))
            drop(dropped, into: &effects)
            for transaction in left where mempool[transaction.txid] != nil {
                wallets.transactionAdded(transaction, now: unixTime(at: now))
            }
        }
        storeWallets(into: &effects)
        publishTip(into: &effects)
        if isLate {
            refreshTemplates(at: now, into: &effects)
        } else {
            broadcastTemplates(at: now, into: &effects)
        }
        checkLongPolls(at: now, into: &effects)
    }

    private func fees(of block: Block, spent: [Coin]) -> Int64 {
        guard !spent.isEmpty else { return 0 }
        let into = spent.reduce(Int64(0)) { $0 + $1.value }
        let out = block.transactions.dropFirst().reduce(Int64(0)) { sum, transaction in
            transaction.outputs.reduce(sum) { $0 + $1.value }
        }
        return into - out
    }

    /// Takes a transaction into the pool and tells everybody.
    mutating func submit(
        _ transaction: Transaction, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) throws(Rejection) -> MempoolVerdict {
        settle(at: now, into: &effects)
        let verdict: MempoolVerdict
        do throws(Rejection) {
            verdict = try mempool.accept(transaction, chain: chain, time: unixTime(at: now))
        } catch {
            effects.observe(.transactionRejected(transaction.txid, reason: error.reason))
            throw error
        }
        transactionEntered(transaction, verdict, at: now, into: &effects)
        return verdict
    }

    /// What follows when a transaction is in the pool.
    mutating func transactionEntered(
        _ transaction: Transaction, _ verdict: MempoolVerdict, relays: Bool = true, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        drop(verdict.replaced + verdict.evicted, into: &effects)
        wallets.transactionAdded(transaction, now: unixTime(at: now))
        storeWallets(into: &effects)
        publisher.transactionAdded(transaction, mempoolSequence: mempool.sequence, into: &effects)
        effects.observe(
            .transactionAccepted(transaction.txid, fee: verdict.fee, virtualSize: verdict.virtualSize))
        scheduleTemplateRefresh(at: now)
        if relays { watchFee(of: transaction, verdict, at: now) }
        if relays { relay(transaction, at: now, into: &effects) }
    }

    /// Fees are learnt from what arrives at a fresh tip by itself.
    private mutating func watchFee(of transaction: Transaction, _ verdict: MempoolVerdict, at now: Instant) {
        guard mempool[transaction.txid]?.parents.isEmpty == true,
            chain.tip.header.time >= unixTime(at: now) &- min(unixTime(at: now), ChainLimits.feeTipAge)
        else { return }
        let rate = FeeFraction(fee: verdict.fee, size: Int64(verdict.virtualSize)).perThousand
        mempool.estimator.entered(transaction.txid, rate: rate, height: chain.height)
    }

    /// Judges a package and takes in what stands.
    mutating func submit(
        package: [Transaction], rateMax: Int64?, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) -> PackageVerdict {
        settle(at: now, into: &effects)
        let verdict = mempool.accept(package, rateMax: rateMax, chain: chain, time: unixTime(at: now))
        drop(verdict.replaced + verdict.evicted, into: &effects)
        for transaction in verdict.added {
            guard case .accepted(var found, _, _) = verdict.results[transaction.wtxid] else { continue }
            found.replaced = []
            transactionEntered(transaction, found, at: now, into: &effects)
        }
        return verdict
    }

    /// Mines on the tip with the processor until `count` blocks are found or the tries are used up. Throws when a
    /// block of our own is refused: blocks have run ahead of the clock.
    mutating func generate(
        _ count: Int, paying script: Script, tries: inout UInt64, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(Rejection) -> [Hash256] {
        var hashes: [Hash256] = []
        for _ in 0..<count {
            settle(at: now, into: &effects)
            let template = makeTemplate()
            let coinbase = template.coinbase(paying: script)
            var block = template.block(coinbase: coinbase, time: template.time(at: unixTime(at: now)))
            guard mine(&block, target: template.target, tries: &tries) else { break }
            let verdict = submit(block, bytes: block.bytes(), from: .generated, at: now, into: &effects)
            if let rejection = verdict.rejection { throw rejection }
            guard verdict.submitResult == nil else { break }
            hashes.append(block.hash)
        }
        return hashes
    }

    /// Searches the nonce, then later times; false once the tries are used up.
    func mine(_ block: inout Block, target: Target, tries: inout UInt64) -> Bool {
        while tries > 0 {
            let span = min(tries, 1 << 32)
            let scanner = HeaderScanner(header: block.header)
            if let nonce = scanner.find(target: target, nonces: 0..<span) {
                tries -= min(tries, UInt64(nonce) + 1)
                block.header.nonce = nonce
                return true
            }
            tries -= span
            block.header.time &+= 1
        }
        return false
    }
}

extension ChainChange {
    var isDisconnection: Bool {
        switch self {
        case .connected: false
        case .disconnected: true
        }
    }
}

/// What a miner wrote into its coinbase, for people.
enum CoinbaseTag {
    /// Printable ASCII after the height push, runs of other bytes dropped; at most 64 characters.
    static func text(of coinbase: Transaction) -> String {
        let script = coinbase.inputs[0].scriptSig.bytes
        let start = script.first.map { $0 <= 75 ? Int($0) + 1 : 1 } ?? 0
        var text: [UInt8] = []
        var run: [UInt8] = []
        for byte in script.dropFirst(start) + [0] {
            if (0x20...0x7e).contains(byte) {
                run.append(byte)
                continue
            }
            if run.count >= 4 { text += run }
            run = []
        }
        return String(decoding: text.prefix(64), as: UTF8.self)
    }
}
