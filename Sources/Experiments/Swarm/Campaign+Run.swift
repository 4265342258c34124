import Bitcoin
import Chain
import Firmware
import JobDeclaration
import Ledger
import Pool
import SansIO
import Simulation
import Stratum
import Translator

/// The course of a campaign: a quiet beginning, faults, and the time in which everything must come back.
extension Campaign {
    /// Until here nothing goes wrong.
    static let beginning = Instant.start + .seconds(90)
    /// A kernel tries for fifteen minutes before it gives a severed connection up; the rest is the roles' own.
    static let recovery = Interval.minutes(20)

    /// What a campaign found.
    public struct Outcome: Equatable, Sendable {
        public var faults: [String]
        public var digest: UInt64
        public var shares: UInt64
        public var blocks: Int
        public var reorganisations: Int
        /// From the last repair to everything working.
        public var recovery: Interval?
    }

    public func run() throws -> Outcome {
        world.run(until: Self.beginning)
        for fault in plan.faults {
            world.schedule(at: Self.beginning + fault.at) { [unowned self] _ in self.strike(fault) }
        }
        world.run(until: Self.beginning + CampaignPlan.faultTime)
        try checkBooks("at the last fault")
        let healed = max(world.now, lastRepair)
        world.run(until: healed)
        var recovered: Interval?
        while world.now < healed + Self.recovery {
            world.run(until: world.now + .seconds(5))
            checkBounds()
            if complaints(since: healed).isEmpty {
                recovered = world.now - healed
                break
            }
        }
        if recovered == nil {
            tally.faults += complaints(since: healed).map {
                "\(Self.recovery.seconds) s after the last fault \($0)"
            }
        }
        world.run(until: world.now + .seconds(30))
        try checkBooks("at the end")
        return Outcome(
            faults: tally.faults, digest: world.digest, shares: UInt64(tally.hashes.count),
            blocks: tally.blocks, reorganisations: tally.reorganisations, recovery: recovered)
    }

    func strike(_ fault: CampaignPlan.Fault) {
        let id = id(fault.role)
        switch fault.kind {
        case .reset: world.reset(connectionsOf: id)
        case .sever: world.sever(connectionsOf: id)
        case .stall(let time):
            world.stall(connectionsOf: id, until: repaired(in: time))
        case .partition(let time): world.partition(id, until: repaired(in: time))
        case .kill(let down, let takesPower, let effects):
            if let effects {
                world.kill(id, afterEffects: effects)
            } else {
                world.kill(id, takesPower: takesPower)
            }
            world.schedule(at: repaired(in: down)) { [unowned self] _ in
                do { try self.restart(fault.role) } catch {
                    self.tally.faults.append("\(fault.role) does not start again: \(error)")
                }
            }
        case .reorganise(let depth): reorganise(id, depth: depth)
        }
    }

    private func repaired(in time: Interval) -> Instant {
        lastRepair = max(lastRepair, world.now + time)
        return world.now + time
    }

    /// The last `depth` blocks of a node give way to one more.
    private func reorganise(_ id: NodeID, depth: Int) {
        guard world.isUp(id) else { return }
        let branch = world.query(id, as: NodeMachine.self) { node -> Hash256? in
            guard node.chain.height >= depth else { return nil }
            return node.chain.entry(at: node.chain.height - depth + 1)?.hash
        }
        guard let branch else { return }
        world.send(.invalidateBlock(branch), to: id, as: NodeMachine.self)
        world.send(
            .generate(count: depth + 1, script: Self.soloPayout, maxTries: 10_000_000), to: id,
            as: NodeMachine.self)
        // The branch that lost is no worse for it: whoever still mines on it makes valid blocks.
        world.send(.reconsiderBlock(branch), to: id, as: NodeMachine.self)
    }

    // MARK: What must hold

    /// Nothing acknowledged is missing from the books, and nothing is in them that the pool did not take.
    func checkBooks(_ moment: String) throws {
        let book = try folded()
        var held: [String: UInt64] = [:]
        book.eachWorker { _, row in
            let user = book.name(of: row.user)
            // A translator's workers are its own affair, and so is how it calls them.
            let name = user == "translated" ? user : "\(user).\(row.name)"
            held[name, default: 0] += row.shares
        }
        var taken: [String: UInt64] = [:]
        for (identity, count) in tally.accepted.sorted(by: { $0.key < $1.key }) {
            taken[identity.hasPrefix("translated") ? "translated" : identity, default: 0] += count
        }
        for (name, count) in tally.acknowledged.sorted(by: { $0.key < $1.key })
        where held[name, default: 0] < count {
            tally.faults.append(
                "\(moment) \(name) was told of \(count) shares and the books hold \(held[name, default: 0])")
        }
        for (name, count) in held.sorted(by: { $0.key < $1.key }) where count > taken[name, default: 0] {
            tally.faults.append(
                "\(moment) the books hold \(count) shares of \(name), the pool took \(taken[name, default: 0])"
            )
        }
        checkPayouts(book, moment)
    }

    /// Every satoshi goes somewhere under every scheme, of each block and of each share.
    private func checkPayouts(_ book: LedgerBook, _ moment: String) {
        for (_, block) in book.latestBlocks(limit: 1_000) {
            for scheme in PayoutScheme.allCases {
                let paid = book.distribution(of: block, terms: .init(scheme, feeBasisPoints: 137))
                let sum = paid.payments.reduce(paid.pool) { $0 + $1.satoshis }
                if sum != block.reward || !paid.isConserved {
                    tally.faults.append("\(moment) \(scheme) divides \(block.reward) satoshis into \(sum)")
                }
            }
        }
        guard let last = book.latestSlices(limit: 1).first?.index else { return }
        if !book.fullPayPerShare(from: 1, through: last, feeBasisPoints: 137).isConserved {
            tally.faults.append("\(moment) full pay per share does not add up")
        }
    }

    private func checkBounds() {
        if world.bytesUnderway > 4 << 20 {
            tally.faults.append(
                "\((world.now - .start).seconds) s: \(world.bytesUnderway) bytes wait on links")
        }
        let pool = world.query(id(.pool), as: PoolMachine.self) { $0.snapshot(at: world.now) }
        if pool.jobsHeld > 32 || pool.connections > 64 || pool.heldOpens > 64 {
            tally.faults.append(
                "\((world.now - .start).seconds) s: the pool holds \(pool.jobsHeld) jobs, \(pool.connections)"
            )
        }
        let client = world.query(id(.client), as: JobDeclarationClientMachine.self) {
            $0.snapshot(at: world.now)
        }
        if client.declarations > 24 || client.transactionSets > 3 {
            tally.faults.append(
                "\((world.now - .start).seconds) s: the client holds \(client.declarations) declarations")
        }
    }

    /// What does not work at this moment.
    func complaints(since healed: Instant) -> [String] {
        var result: [String] = []
        for role in CampaignRole.allCases where role.isDevice {
            if tally.phases[role] != .mining {
                result.append("\(role) is \(tally.phases[role].map { "\($0)" } ?? "new")")
            }
            if (tally.lastAcknowledged[role] ?? .start) <= healed {
                result.append("\(role) has no share since")
            }
        }
        let tip = tip(of: .poolNode)
        if tip != self.tip(of: .minerNode) { result.append("the nodes have two tips") }
        let pool = world.query(id(.pool), as: PoolMachine.self) { $0.snapshot(at: world.now) }
        if pool.tip != tip { result.append("the pool has another tip than its node") }
        let client = world.query(id(.client), as: JobDeclarationClientMachine.self) {
            $0.snapshot(at: world.now)
        }
        if client.devices.tip != tip { result.append("the client has another tip than the nodes") }
        if client.isSolo || client.pool == nil { result.append("the client has no pool") }
        let translator = world.query(id(.translator), as: TranslatorMachine.self) { $0.snapshot }
        if !translator.isUpstreamReady { result.append("the translator has no pool") }
        return result
    }

    func tip(of role: CampaignRole) -> Hash256 {
        world.query(id(role), as: NodeMachine.self) { $0.chain.tip.hash }
    }
}
