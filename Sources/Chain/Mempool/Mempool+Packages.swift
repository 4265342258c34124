public import Bitcoin

/// What became of one transaction of a package.
public enum PackageResult: Sendable {
    /// Taken in (or, in a test, good), at the rate it was judged by: its own or that of `includes` together.
    case accepted(MempoolVerdict, rate: Int64, includes: [Hash256])
    /// Was here before.
    case known(virtualSize: Int, fee: Int64)
    /// The same transaction with other witnesses was here before.
    case otherWitness(Hash256)
    case rejected(Rejection)
}

/// What became of a package.
public struct PackageVerdict: Sendable {
    /// Why it failed as a whole; nil if all of it stands.
    public var fault: Rejection?
    /// Whether the fault is the package's own (Core's PCKG_POLICY) and not one of its transactions'.
    public var isPackageFault = false
    /// By the ids with witnesses; those that were not judged are absent.
    public var results: [Hash256: PackageResult] = [:]
    /// What left the pool for it, and because the pool was full.
    public var replaced: [Transaction] = []
    public var evicted: [Transaction] = []
    /// What it brought into the pool, parents first.
    public var added: [Transaction] = []

    mutating func fail(_ reason: String, detail: String = "", isPackageFault: Bool) {
        fault = .policy(reason, detail: detail)
        self.isPackageFault = isPackageFault
    }
}

extension Mempool {
    /// Core's IsWellFormedPackage; nil if it is.
    static func packageFault(_ package: [Transaction]) -> String? {
        if package.count > ChainLimits.packageCount { return "package-too-many-transactions" }
        if package.count > 1, package.reduce(0, { $0 + $1.weight }) > ChainLimits.packageWeight {
            return "package-too-large"
        }
        var later = Set(package.map(\.txid))
        if later.count != package.count { return "package-contains-duplicates" }
        for transaction in package {
            if transaction.inputs.contains(where: { later.contains($0.previousOutput.txid) }) {
                return "package-not-sorted"
            }
            later.remove(transaction.txid)
        }
        var spent = Set<OutPoint>()
        for transaction in package {
            let inputs = transaction.inputs.map(\.previousOutput)
            if inputs.isEmpty || inputs.contains(where: { spent.contains($0) }) {
                return "conflict-in-package"
            }
            spent.formUnion(inputs)
        }
        return nil
    }

    /// Whether all but the last are parents of the last; as a `tree`, none of them spends from another.
    static func isChildWithParents(_ package: [Transaction], tree: Bool) -> Bool {
        guard package.count >= 2, let child = package.last else { return false }
        let spends = Set(child.inputs.map(\.previousOutput.txid))
        let parents = package.dropLast()
        guard parents.allSatisfy({ spends.contains($0.txid) }) else { return false }
        let ids = Set(parents.map(\.txid))
        return !tree || parents.allSatisfy { !$0.inputs.contains { ids.contains($0.previousOutput.txid) } }
    }

    /// testmempoolaccept: judges all of them together and changes nothing.
    public func test(_ package: [Transaction], chain: Chainstate, time: UInt32) -> PackageVerdict {
        guard package.count > 1 else {
            var verdict = PackageVerdict()
            let only = package[0]
            do throws(Rejection) {
                let found = try examine(only, chain: chain, time: time)
                verdict.results[only.wtxid] = .accepted(found, rate: rate(of: found), includes: [only.wtxid])
            } catch {
                verdict.results[only.wtxid] = .rejected(error)
                verdict.fail("transaction failed", isPackageFault: false)
            }
            return verdict
        }
        return judge(package, .packageTest, chain: chain, time: time).verdict
    }

    /// submitpackage: a child with some of its parents, each by itself where it can, the rest by their common
    /// rate (Core's AcceptPackage).
    public mutating func accept(
        _ package: [Transaction], rateMax: Int64?, chain: Chainstate, time: UInt32
    ) -> PackageVerdict {
        var verdict = PackageVerdict()
        if let fault = Self.packageFault(package) {
            verdict.fail(fault, isPackageFault: true)
            return verdict
        }
        if package.count > 1, !Self.isChildWithParents(package, tree: false) {
            verdict.fail("package-not-child-with-parents", isPackageFault: true)
            return verdict
        }
        rolling.decay(to: time, usage: usage, options: options)
        var waiting: [Transaction] = []
        var quits = false
        for transaction in package {
            let wtxid = transaction.wtxid
            if let known = self[transaction.txid] {
                verdict.results[wtxid] =
                    known.pooled.wtxid == wtxid
                    ? .known(virtualSize: known.virtualSize, fee: known.fee)
                    : .otherWitness(known.pooled.wtxid)
                continue
            }
            var rules = AcceptanceRules.single
            rules.clientRateMax = rateMax
            do throws(Rejection) {
                let found = try accept(transaction, rules, chain: chain, time: time, trims: false)
                verdict.results[wtxid] = .accepted(found, rate: rate(of: found), includes: [wtxid])
                verdict.replaced += found.replaced
                verdict.added.append(transaction)
            } catch {
                verdict.results[wtxid] = .rejected(error)
                if package.count > 1, error.kind == .reconsiderable || error.kind == .missingInputs {
                    waiting.append(transaction)
                } else {
                    quits = true
                    verdict.fail("transaction failed", isPackageFault: false)
                }
            }
        }
        if !quits, !waiting.isEmpty { submit(waiting, rateMax, chain: chain, time: time, into: &verdict) }
        verdict.evicted = limit(at: time)
        dropEvicted(from: &verdict, package)
        return verdict
    }

    /// The part of a package that cannot stand alone.
    private mutating func submit(
        _ waiting: [Transaction], _ rateMax: Int64?, chain: Chainstate, time: UInt32,
        into verdict: inout PackageVerdict
    ) {
        guard waiting.count > 1 else {
            // Its parents are in now, so it is judged once more by itself.
            var rules = AcceptanceRules.single
            rules.clientRateMax = rateMax
            do throws(Rejection) {
                let found = try accept(waiting[0], rules, chain: chain, time: time, trims: false)
                verdict.results[waiting[0].wtxid] = .accepted(
                    found, rate: rate(of: found), includes: [waiting[0].wtxid])
                verdict.replaced += found.replaced
                verdict.added.append(waiting[0])
            } catch {
                verdict.results[waiting[0].wtxid] = .rejected(error)
                verdict.fail("transaction failed", isPackageFault: false)
            }
            return
        }
        let judged = judge(waiting, .package(rateMax), chain: chain, time: time)
        verdict.fault = judged.verdict.fault
        verdict.isPackageFault = judged.verdict.isPackageFault
        verdict.results.merge(judged.verdict.results) { $1 }
        guard judged.verdict.fault == nil else { return }
        verdict.replaced += judged.evicted.sorted().map { entry($0).transaction }
        remove(judged.evicted.sorted())
        for candidate in judged.candidates {
            insert(candidate.pooled, time: time, height: chain.height)
            verdict.added.append(candidate.transaction)
        }
    }

    /// What was taken in, or known, and then left because the pool was full.
    private func dropEvicted(from verdict: inout PackageVerdict, _ package: [Transaction]) {
        for transaction in package where self[transaction.txid] == nil {
            switch verdict.results[transaction.wtxid] {
            case .rejected, nil: continue
            case .accepted, .known, .otherWitness: break
            }
            verdict.results[transaction.wtxid] = .rejected(.policy("mempool full"))
            verdict.fail("transaction failed", isPackageFault: false)
            verdict.added.removeAll { $0.txid == transaction.txid }
        }
    }

    private func rate(of verdict: MempoolVerdict) -> Int64 {
        FeeFraction(fee: verdict.modifiedFee, size: Int64(verdict.virtualSize)).perThousand
    }

    private struct JudgedPackage {
        var verdict = PackageVerdict()
        var candidates: [MempoolCandidate] = []
        var evicted = Set<Int>()

        mutating func fail(_ wtxid: Hash256, _ rejection: Rejection, reason: String) {
            verdict.results[wtxid] = .rejected(rejection)
            verdict.fail(reason, isPackageFault: false)
        }
    }

    /// Core's AcceptMultipleTransactions up to the decision.
    private func judge(
        _ package: [Transaction], _ rules: AcceptanceRules, chain: Chainstate, time: UInt32
    ) -> JudgedPackage {
        var judged = JudgedPackage()
        if let fault = Self.packageFault(package) {
            judged.verdict.fail(fault, isPackageFault: true)
            return judged
        }
        var outputs: [OutPoint: TransactionOutput] = [:]
        for transaction in package {
            do throws(Rejection) {
                let candidate = try preCheck(transaction, rules, chain: chain, time: time, package: outputs)
                if let limit = rules.clientRateMax,
                    candidate.virtualRate.isHigherRate(than: FeeFraction(fee: limit, size: 1_000))
                {
                    throw .policy("max feerate exceeded")
                }
                judged.candidates.append(candidate)
            } catch {
                judged.fail(transaction.wtxid, error, reason: "transaction failed")
                return judged
            }
            for (index, output) in transaction.outputs.enumerated() {
                outputs[OutPoint(txid: transaction.txid, index: UInt32(index))] = output
            }
        }
        checkTogether(&judged, rules, time: time, chain.validation)
        return judged
    }

    /// What only the whole package can be judged by, then the scripts.
    private func checkTogether(
        _ judged: inout JudgedPackage, _ rules: AcceptanceRules, time: UInt32, _ cache: ValidationCache
    ) {
        let candidates = judged.candidates
        for index in candidates.indices {
            if let fault = TRUCPolicy.packageFault(index, of: candidates, in: self) {
                return judged.verdict.fail("TRUC-violation", detail: fault, isPackageFault: true)
            }
        }
        let size = candidates.reduce(0) { $0 + $1.virtualSize }
        let fees = candidates.reduce(Int64(0)) { $0 + $1.modifiedFee }
        if rules.usesPackageRate {
            do throws(Rejection) { try checkRate(fee: fees, virtualSize: size, time: time) } catch {
                return judged.fail(
                    candidates[candidates.count - 1].pooled.wtxid, error, reason: "transaction failed")
            }
        }
        if candidates.contains(where: { !$0.conflicts.isEmpty }) {
            do throws(Rejection) {
                judged.evicted = try packageReplacement(candidates, fees: fees, virtualSize: size)
            } catch {
                return judged.verdict.fail(error.reason, detail: error.detail, isPackageFault: true)
            }
        }
        guard staged(leaving: judged.evicted, coming: candidates, needsDiagram: false).isWithinLimits else {
            return judged.verdict.fail("too-large-cluster", isPackageFault: true)
        }
        if options.requiresStandard {
            for candidate in candidates {
                if let fault = ephemeralFault(candidate, package: candidates) {
                    return judged.fail(candidate.pooled.wtxid, fault, reason: "unspent-dust")
                }
            }
        }
        let common = FeeFraction(fee: fees, size: Int64(size)).perThousand
        for candidate in candidates {
            let wtxid = candidate.pooled.wtxid
            do throws(Rejection) { try checkScripts(candidate, cache) } catch {
                return judged.fail(wtxid, error, reason: "transaction failed")
            }
            let found = verdict(on: candidate, evicted: [])
            judged.verdict.results[wtxid] = .accepted(
                found, rate: rules.usesPackageRate ? common : rate(of: found),
                includes: rules.usesPackageRate ? candidates.map(\.pooled.wtxid) : [wtxid])
        }
    }

    /// Core's PackageRBFChecks: one parent and one child that nobody in the pool is an ancestor of.
    private func packageReplacement(
        _ candidates: [MempoolCandidate], fees: Int64, virtualSize: Int
    ) throws(Rejection) -> Set<Int> {
        guard candidates.count == 2, Self.isChildWithParents(candidates.map(\.transaction), tree: false)
        else {
            throw .policy("package RBF failed: package must be 1-parent-1-child")
        }
        guard candidates.allSatisfy(\.parents.isEmpty) else {
            throw .policy("package RBF failed: new transaction cannot have mempool ancestors")
        }
        let conflicts = Set(candidates.flatMap(\.conflicts)).sorted()
        let evicted: Set<Int>
        do throws(Rejection) {
            evicted = try self.evicted(by: candidates[1], conflicts: conflicts)
        } catch {
            throw .policy("package RBF failed: too many potential replacements", detail: error.detail)
        }
        let evictedFees = evicted.reduce(Int64(0)) { $0 + entry($1).modifiedFee }
        if let fault = underpayment(
            of: candidates[1].pooled.txid, fee: fees, virtualSize: virtualSize, replacing: evictedFees)
        {
            throw .policy("package RBF failed: insufficient anti-DoS fees", detail: fault)
        }
        let common = FeeFraction(fee: fees, size: Int64(virtualSize))
        if !common.isHigherRate(than: candidates[0].virtualRate) {
            throw .policy(
                "package RBF failed: package feerate is less than or equal to parent feerate",
                detail: "package feerate \(Self.rateText(common)) <= parent feerate is "
                    + Self.rateText(candidates[0].virtualRate))
        }
        let staged = staged(leaving: evicted, coming: candidates, needsDiagram: true)
        guard staged.isWithinLimits else { throw .policy("too-large-cluster") }
        guard staged.improvesDiagram else {
            throw .policy("package RBF failed: insufficient feerate: does not improve feerate diagram")
        }
        return evicted
    }

    /// A rate in bitcoin per 1000 virtual bytes, with eight decimals.
    private static func rateText(_ rate: FeeFraction) -> String {
        let text = String(rate.perThousand % 100_000_000)
        return "\(rate.perThousand / 100_000_000)."
            + String(repeating: "0", count: 8 - text.count) + text + " BTC/kvB"
    }
}
