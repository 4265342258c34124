import Bitcoin

/// BIP431: transactions of version 3, which keep their families small so that anybody can raise their fees.
enum TRUCPolicy {
    static let version: UInt32 = 3

    /// A fault, and the sibling that may be evicted to mend it.
    struct Fault {
        var detail: String
        var sibling: Int?
    }

    /// The rules against the pool as it is (Core's SingleTRUCChecks).
    static func fault(_ candidate: MempoolCandidate, in pool: Mempool) -> Fault? {
        let own = name(candidate.pooled)
        let isTRUC = candidate.transaction.version == version
        for slot in candidate.parents {
            let parent = pool.entry(slot)
            let parentIsTRUC = parent.transaction.version == version
            if !isTRUC, parentIsTRUC { return Fault(detail: crossed(candidate.pooled, from: parent.pooled)) }
            if isTRUC, !parentIsTRUC { return Fault(detail: crossed(candidate.pooled, from: parent.pooled)) }
        }
        guard isTRUC else { return nil }
        if candidate.virtualSize > ChainLimits.trucSize {
            return Fault(
                detail:
                    "version=3 \(own) is too big: \(candidate.virtualSize) > \(ChainLimits.trucSize) virtual bytes"
            )
        }
        if candidate.parents.count > 1 { return Fault(detail: "\(own) would have too many ancestors") }
        guard let slot = candidate.parents.first else { return nil }
        let parent = pool.entry(slot)
        if !parent.parents.isEmpty { return Fault(detail: "\(own) would have too many ancestors") }
        if candidate.virtualSize > ChainLimits.trucChildSize {
            return Fault(detail: tooBigChild(candidate))
        }
        let below = pool.descendants(of: slot).dropFirst()
        guard !below.isEmpty, !below.contains(where: { candidate.conflicts.contains($0) }) else { return nil }
        var fault = Fault(detail: "\(name(parent.pooled)) would exceed descendant count limit")
        if below.count == 1, let sibling = below.first, pool.ancestors(of: [sibling]).count == 2 {
            fault.sibling = sibling
        }
        return fault
    }

    /// The rules within a package, once each of it stood for itself (Core's PackageTRUCChecks).
    static func packageFault(
        _ index: Int, of package: [MempoolCandidate], in pool: Mempool
    ) -> String? {
        let candidate = package[index]
        let own = name(candidate.pooled)
        let spends = Set(candidate.transaction.inputs.map(\.previousOutput.txid))
        let inPackage = package[..<index].filter { spends.contains($0.pooled.txid) }
        guard candidate.transaction.version == version else {
            let parents = candidate.parents.map { pool.entry($0).pooled } + inPackage.map(\.pooled)
            for parent in parents where parent.transaction.version == version {
                return crossed(candidate.pooled, from: parent)
            }
            return nil
        }
        if candidate.parents.count + inPackage.count > 1 { return "\(own) would have too many ancestors" }
        if let slot = candidate.parents.first, !pool.entry(slot).parents.isEmpty {
            return "\(own) would have too many ancestors"
        }
        guard let parent = candidate.parents.first.map({ pool.entry($0).pooled }) ?? inPackage.first?.pooled
        else { return nil }
        if candidate.virtualSize > ChainLimits.trucChildSize { return tooBigChild(candidate) }
        if parent.transaction.version != version { return crossed(candidate.pooled, from: parent) }
        for (other, sibling) in package.enumerated() where other != index {
            for input in sibling.transaction.inputs {
                if input.previousOutput.txid == parent.txid {
                    return "\(name(parent)) would exceed descendant count limit"
                }
                if input.previousOutput.txid == candidate.pooled.txid {
                    return "\(name(sibling.pooled)) would have too many ancestors"
                }
            }
        }
        if let slot = candidate.parents.first, !pool.entry(slot).children.isEmpty {
            return "\(name(parent)) would exceed descendant count limit"
        }
        return nil
    }

    private static func name(_ pooled: PooledTransaction) -> String {
        "tx \(pooled.txid.displayHex) (wtxid=\(pooled.wtxid.displayHex))"
    }

    private static func crossed(_ child: PooledTransaction, from parent: PooledTransaction) -> String {
        child.transaction.version == version
            ? "version=3 \(name(child)) cannot spend from non-version=3 \(name(parent))"
            : "non-version=3 \(name(child)) cannot spend from version=3 \(name(parent))"
    }

    private static func tooBigChild(_ candidate: MempoolCandidate) -> String {
        "version=3 child \(name(candidate.pooled)) is too big: "
            + "\(candidate.virtualSize) > \(ChainLimits.trucChildSize) virtual bytes"
    }
}
