public import Bitcoin
import SansIO

/// Forgetting old blocks: block files go whole, with the undo data of their blocks. The headers stay, and how many
/// transactions each block had.
extension Chainstate {
    /// Whether the block was here once and was forgotten.
    public func isPruned(_ id: BlockID) -> Bool {
        hasPruned && !tree.entries[id].hasBody && tree.entries[id].transactionCount > 0
    }

    /// Height of the last active block that lacks its body or what it spent; nil when none does.
    public var pruneHeight: Int? {
        guard hasPruned else { return nil }
        var height = height
        while height >= 1, isWhole(active[height]) { height -= 1 }
        return height >= 1 ? height : nil
    }

    private func isWhole(_ id: BlockID) -> Bool {
        tree.entries[id].hasBody && tree.entries[id].flags.contains(.undoable)
    }

    /// Whether the tip can be taken back to this active block.
    func canDisconnect(to fork: BlockID) -> Bool {
        !hasPruned || active.dropFirst(tree[fork].height + 1).allSatisfy { isWhole($0) }
    }

    /// Whether an index that ends with this block can follow to the tip.
    func holdsBlocks(above known: BlockID) -> Bool {
        guard hasPruned else { return true }
        var at = known
        while !isActive(at) {
            guard isWhole(at) else { return false }
            at = tree[at].previous
        }
        return active.dropFirst(tree[at].height + 1).allSatisfy { isWhole($0) }
    }

    /// Bytes of block and undo files.
    public var fileBytes: Int {
        storage.lengths(of: .blocks).reduce(0, +) + storage.lengths(of: .undo).reduce(0, +)
    }

    mutating func noteGrowth(_ start: LogPosition, count: Int) {
        let chunk = UInt32(ChainLimits.pruneBuffer)
        if start.offset == 0 || start.offset / chunk != start.advanced(by: count).offset / chunk {
            hasGrown = true
        }
    }

    /// Forgets every block file of which no block lies above `height` or near the tip. The change is durable with
    /// the next commit.
    public mutating func prune(upTo height: Int) {
        guard options.pruning != .off else { return }
        for file in prunableFiles(upTo: height) { forget(file) }
        discardUndo()
    }

    /// Keeps the files below their target, if there is one and they grew.
    ///
    /// - Parameter expected: blocks that are still to be downloaded; room is made for them at one go.
    mutating func pruneToTarget(expected: Int) {
        guard hasGrown else { return }
        hasGrown = false
        guard case .automatic(let target) = options.pruning, height > options.pruneAfterHeight else { return }
        var usage = fileBytes
        guard usage + ChainLimits.pruneBuffer >= target else { return }
        let buffer = ChainLimits.pruneBuffer + max(0, expected) * ChainLimits.expectedBlockBytes
        let undo = undoBytes()
        for file in prunableFiles(upTo: height) {
            guard usage + buffer >= target else { break }
            usage -= storage.lengths(of: .blocks)[file] + (undo[file] ?? 0)
            forget(file)
        }
        discardUndo()
    }

    /// Block files without a block above `limit` or among the last ones; not the file that is written to.
    private func prunableFiles(upTo limit: Int) -> [Int] {
        let lengths = storage.lengths(of: .blocks)
        let limit = min(limit, height - ChainLimits.blocksKept)
        guard limit >= 0 else { return [] }
        var highest = [Int](repeating: -1, count: lengths.count)
        for entry in tree.entries where entry.hasBody {
            let file = Int(entry.body.position.file)
            highest[file] = max(highest[file], entry.height)
        }
        return lengths.indices.dropLast().filter { lengths[$0] > 0 && highest[$0] <= limit }
    }

    /// Undo data by the block file of the blocks that it belongs to.
    private func undoBytes() -> [Int: Int] {
        var bytes: [Int: Int] = [:]
        for entry in tree.entries where entry.hasBody && entry.undo.count > 0 {
            bytes[Int(entry.body.position.file), default: 0] += Int(entry.undo.count)
        }
        return bytes
    }

    private mutating func forget(_ file: Int) {
        for id in tree.entries.indices where tree.entries[id].hasBody {
            guard Int(tree.entries[id].body.position.file) == file else { continue }
            storedBytes -= tree.entries[id].size
            if !isActive(id) { sideBlockCount = max(0, sideBlockCount - 1) }
            tree[id].body = StoredBytes()
            tree[id].undo = StoredBytes()
            tree[id].flags.remove(.undoable)
        }
        // It is judged again when it comes again.
        unlinked.removeAll { !tree.entries[$0.child].hasBody }
        candidates.removeAll { !tree.entries[$0].hasBody }
        storage.discard(.blocks, file: UInt32(file))
        if !hasPruned { storage.set(.facts, ChainFact.pruned.key, [1]) }
        hasPruned = true
    }

    /// Gives up files of undo data that no block refers to any more.
    private func discardUndo() {
        let lengths = storage.lengths(of: .undo)
        guard hasPruned, lengths.count > 1 else { return }
        var isUsed = [Bool](repeating: false, count: lengths.count)
        for entry in tree.entries where entry.undo.count > 0 { isUsed[Int(entry.undo.position.file)] = true }
        for file in lengths.indices.dropLast() where lengths[file] > 0 && !isUsed[file] {
            storage.discard(.undo, file: UInt32(file))
        }
    }
}
