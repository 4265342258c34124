public import Bitcoin
import SansIO

extension Chainstate {
    /// Moves to the best candidate. `expecting` is the block that just arrived: its body need not be decoded
    /// again, and its rejection is reported.
    mutating func activate(
        expecting: (id: BlockID, block: Block)? = nil, scriptsKnown: (Hash256) -> Bool = { _ in false }
    ) -> (changes: [ChainChange], rejection: Rejection?, failures: [BlockFailure]) {
        var changes: [ChainChange] = []
        var rejection: Rejection?
        var failures: [BlockFailure] = []
        while storage.fault == nil, let best = mostWorkCandidate() {
            let fork = forkPoint(of: best)
            guard canDisconnect(to: fork) else {
                storage.fail(
                    StorageFault(
                        .damaged, storage.name(of: .blocks, file: 0),
                        "no longer holds blocks above \(tree[fork].hash), which a better chain replaces"))
                break
            }
            while tipID != fork {
                guard let change = disconnectTip() else { return (changes, rejection, failures) }
                changes.append(change)
            }
            var path: [BlockID] = []
            var at = best
            while at != fork {
                path.append(at)
                at = tree[at].previous
            }
            for id in path.reversed() {
                let isExpected = id == expecting?.id
                guard let block = isExpected ? expecting?.block : needed(id) else {
                    return (changes, rejection, failures)
                }
                do throws(Rejection) {
                    changes.append(try connectTip(block, as: id, scriptsKnown: scriptsKnown))
                } catch {
                    if isExpected {
                        rejection = error
                    } else {
                        failures.append(BlockFailure(id: id, rejection: error))
                    }
                    markInvalid(id)
                    break
                }
            }
        }
        dropPoorCandidates()
        return (changes, rejection, failures)
    }

    /// Marks a block invalid by an operator's word and leaves its chain.
    public mutating func invalidate(_ id: BlockID) -> [ChainChange] {
        precondition(id != 0, "the genesis cannot be invalid")
        var changes: [ChainChange] = []
        while isActive(id), let change = disconnectTip() { changes.append(change) }
        markInvalid(id)
        collectCandidates()
        return changes + activate().changes
    }

    /// Forgets that a block and its ancestors and descendants are invalid; they are judged again.
    public mutating func reconsider(_ id: BlockID) -> [ChainChange] {
        let height = tree[id].height
        for other in tree.entries.indices where tree.entries[other].isInvalid {
            let (low, high) = tree[other].height < height ? (other, id) : (id, other)
            if tree.ancestor(of: high, at: tree[low].height) == low {
                tree[other].status = tree[other].hasBody ? .stored : .headerOnly
            }
        }
        collectCandidates()
        return activate().changes
    }

    /// Prefers this block among those of equal work, as if it had come first.
    public mutating func prefer(_ id: BlockID) -> [ChainChange] {
        guard !(tree[id].chainWork < tip.chainWork) else { return [] }
        tree[id].precedence = nextPrecious
        nextPrecious -= 1
        if !tree[id].isInvalid, tree[id].isLinked, !candidates.contains(id) { candidates.append(id) }
        return activate().changes
    }

    private mutating func connectTip(
        _ block: Block, as id: BlockID, scriptsKnown: (Hash256) -> Bool
    ) throws(Rejection) -> ChainChange {
        let spent = try connect(block, as: id, scriptsKnown: scriptsKnown)
        if !tree[id].flags.contains(.undoable) { tree[id].undo = appendUndo(spent, of: id) }
        tree[id].flags.insert(.undoable)
        tree[id].status = .connected
        tree[id].isVerified = true
        active.append(id)
        isTipStored = false
        indexConnected(block, as: id, spent: spent)
        if coins.changedBytes > ChainLimits.coinChangesBytes { flush() }
        return .connected(id, block, spent: spent)
    }

    /// Nil, and the storage has failed, when the block or what it spent cannot be read.
    private mutating func disconnectTip() -> ChainChange? {
        let id = tipID
        precondition(id != 0, "the genesis cannot be disconnected")
        guard let block = needed(id) else { return nil }
        guard let spent = undo(id),
            spent.count == block.transactions.dropFirst().reduce(0, { $0 + $1.inputs.count })
        else {
            storage.fail(
                StorageFault(
                    .damaged, storage.name(of: .undo, file: tree[id].undo.position.file),
                    "does not hold what block \(tree[id].hash) spent"))
            return nil
        }
        disconnect(block, spent: spent)
        active.removeLast()
        isTipStored = false
        indexDisconnected(block, as: id, spent: spent)
        if !candidates.contains(id) { candidates.append(id) }
        return .disconnected(id, block, spent: spent)
    }

    /// A body without which the chain cannot move; the storage has failed when it is nil.
    private func needed(_ id: BlockID) -> Block? {
        if let block = block(id) { return block }
        storage.fail(
            StorageFault(
                .damaged, storage.name(of: .blocks, file: tree[id].body.position.file),
                "does not hold block \(tree[id].hash)"))
        return nil
    }

    /// Marks a block and its descendants.
    mutating func markInvalid(_ id: BlockID) {
        tree[id].status = .invalid
        // Descendants came later, so one pass in the order of arrival finds them all.
        for other in tree.entries.indices.dropFirst(id + 1)
        where tree.entries[tree.entries[other].previous].isInvalid && !tree.entries[other].isInvalid {
            tree[other].status = .descendsFromInvalid
        }
        candidates = candidates.filter { !tree[$0].isInvalid }
    }

    /// The best candidate that is better than the tip. One whose way from the active chain has a gap, because blocks
    /// of it were forgotten, waits until they come again.
    private mutating func mostWorkCandidate() -> BlockID? {
        while let best = bestCandidate(), isBetter(best, than: tipID) {
            var above: [BlockID] = []
            var at = best
            while !isActive(at), tree[at].hasBody {
                above.append(at)
                at = tree[at].previous
            }
            if isActive(at) { return best }
            candidates.removeAll { $0 == best || above.contains($0) }
            for id in above where !unlinked.contains(where: { $0.child == id }) {
                unlinked.append((tree[id].previous, id))
            }
        }
        return nil
    }

    private func bestCandidate() -> BlockID? {
        var best: BlockID?
        for id in candidates where best.map({ isBetter(id, than: $0) }) ?? true { best = id }
        return best
    }

    private func isBetter(_ a: BlockID, than b: BlockID) -> Bool {
        if tree[a].chainWork != tree[b].chainWork { return tree[b].chainWork < tree[a].chainWork }
        return tree[a].precedence < tree[b].precedence
    }

    private func forkPoint(of id: BlockID) -> BlockID {
        var at = id
        while !isActive(at) { at = tree[at].previous }
        return at
    }

    /// Candidates that fell behind the tip; those of equal work stay, for `prefer`.
    private mutating func dropPoorCandidates() {
        let work = tip.chainWork
        let tipID = tipID
        candidates = candidates.filter { !(tree[$0].chainWork < work) && $0 != tipID }
    }

    mutating func collectCandidates() {
        let work = tip.chainWork
        candidates = tree.entries.indices.filter { id in
            tree.entries[id].isLinked && !tree.entries[id].isInvalid && !(tree.entries[id].chainWork < work)
        }
    }

    /// Every block without a child, the active tip included, highest first as getchaintips lists them.
    public var tips: [BlockID] {
        let ends = tree.leaves.contains(tipID) ? tree.leaves : tree.leaves + [tipID]
        return ends.sorted { (tree[$0].height, $1) > (tree[$1].height, $0) }
    }
}
