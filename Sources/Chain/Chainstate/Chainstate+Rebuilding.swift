import Bitcoin
public import SansIO

/// How far a rebuild of the tables from the block files is.
public struct RebuildProgress: Sendable, Equatable {
    /// Bytes of block files read, and in all.
    public var bytesRead = 0
    public var bytesTotal = 0
    /// Blocks found, whatever their fate.
    public var blocks = 0
    /// Bytes that were no whole block: a torn end, or damage.
    public var bytesSkipped = 0
    /// Where bytes were skipped, the first places only.
    public var damage: [StorageFault] = []
}

extension Chainstate {
    /// Judges every block of the block files anew, in the order in which they lie there. Blocks whose parent comes
    /// later wait for it. Continues a rebuild that was interrupted; commits on the way and at the end.
    mutating func rebuild(_ report: (RebuildProgress) -> Void) throws(StorageFault) {
        let lengths = storage.lengths(of: .blocks)
        var progress = RebuildProgress()
        progress.bytesTotal = lengths.reduce(0, +)
        var waiting: [Hash256: [StoredBytes]] = [:]
        for (file, length) in lengths.enumerated() {
            var offset = 0
            var skippedFrom: Int?
            while offset < length {
                let place = LogPosition(file: UInt32(file), offset: UInt32(offset))
                if let (bytes, block) = frame(at: place, before: length) {
                    noteSkipped(&skippedFrom, upTo: offset, of: file, in: &progress)
                    progress.blocks += 1
                    let body = StoredBytes(
                        position: place.advanced(by: BlockFrame.headerBytes), count: bytes.count,
                        checksum: CRC32C.checksum(bytes))
                    rebuild(block, bytes, at: body, waiting: &waiting)
                    offset += BlockFrame.headerBytes + bytes.count
                } else {
                    if skippedFrom == nil { skippedFrom = offset }
                    offset = nextMagic(in: file, after: offset, before: length)
                }
                if uncommittedBytes >= ChainLimits.rebuildCommitBytes { commit() }
                if let fault = storage.fault { throw fault }
                if progress.blocks % 1_000 == 0 {
                    progress.bytesRead = lengths[..<file].reduce(0, +) + offset
                    report(progress)
                }
            }
            noteSkipped(&skippedFrom, upTo: length, of: file, in: &progress)
        }
        if !tree[0].hasBody {
            let bytes = parameters.genesis.bytes()
            tree[0].body = appendBody(bytes)
            storedBytes += bytes.count
        }
        _ = storage.takeDamage()
        storage.remove(.facts, ChainFact.rebuilding.key)
        flush()
        storage.commit()
        uncommittedBytes = 0
        if let fault = storage.fault { throw fault }
        progress.bytesRead = progress.bytesTotal
        report(progress)
    }

    private func noteSkipped(
        _ from: inout Int?, upTo end: Int, of file: Int, in progress: inout RebuildProgress
    ) {
        guard let start = from else { return }
        from = nil
        progress.bytesSkipped += end - start
        guard progress.damage.count < ChainLimits.damageReported else { return }
        progress.damage.append(
            StorageFault(
                .damaged, storage.name(of: .blocks, file: UInt32(file)),
                "bytes \(start) to \(end) are no block and were left out"))
    }

    /// The block whose frame begins at `place`; nil when there is none that is whole.
    private func frame(at place: LogPosition, before length: Int) -> (bytes: [UInt8], block: Block)? {
        guard length - Int(place.offset) > BlockFrame.headerBytes,
            let head = storage.read(.blocks, at: place, count: BlockFrame.headerBytes),
            Array(head[..<4]) == parameters.magic
        else { return nil }
        let count = head[4...].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard count > 80, count <= ChainLimits.blockWeight,
            Int(place.offset) + BlockFrame.headerBytes + count <= length,
            let bytes = storage.read(
                .blocks, at: place.advanced(by: BlockFrame.headerBytes), count: count),
            let block = try? Block(bytes: bytes),
            Merkle.root(block.transactions.map(\.txid)).root == block.header.merkleRoot
        else { return nil }
        return (bytes, block)
    }

    /// Where the next magic begins, or the file's end.
    private func nextMagic(in file: Int, after offset: Int, before length: Int) -> Int {
        var start = offset + 1
        while start < length {
            let count = min(length - start, 1 << 16)
            let place = LogPosition(file: UInt32(file), offset: UInt32(start))
            guard let bytes = storage.read(.blocks, at: place, count: count) else { return length }
            for at in bytes.indices where bytes[at] == parameters.magic[0] {
                if bytes[at...].prefix(4).elementsEqual(parameters.magic) { return start + at }
            }
            guard start + count < length else { return length }
            // A magic may straddle the two windows.
            start += max(1, count - 3)
        }
        return length
    }

    private mutating func rebuild(
        _ block: Block, _ bytes: [UInt8], at place: StoredBytes, waiting: inout [Hash256: [StoredBytes]]
    ) {
        if block.hash == tree[0].hash { return adoptGenesis(at: place) }
        guard tree.id(of: block.header.previousBlockHash) != nil else {
            waiting[block.header.previousBlockHash, default: []].append(place)
            return
        }
        _ = take(block, bytes: bytes, now: .max, trusted: false, at: place)
        var parents = [block.hash]
        while let parent = parents.popLast() {
            for place in waiting.removeValue(forKey: parent) ?? [] {
                guard let bytes = storage.read(.blocks, at: place.position, count: Int(place.count)),
                    let child = try? Block(bytes: bytes)
                else { continue }
                _ = take(child, bytes: bytes, now: .max, trusted: false, at: place)
                parents.append(child.hash)
            }
        }
    }

    private mutating func adoptGenesis(at place: StoredBytes) {
        guard !tree[0].hasBody else { return }
        tree[0].body = place
        storedBytes += Int(place.count)
    }
}
