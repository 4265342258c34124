import Bitcoin
import Hardware

/// How far the headers of one work have been searched. Each chip owns an equal part of the nonce space; one position
/// within the parts only grows, so no header is hashed twice, whichever chip's turn it is.
struct Search: Sendable {
    enum Outcome: Equatable {
        case found(nonce: UInt32, version: UInt32)
        /// The limit was reached first.
        case unfinished
        case exhausted
    }

    let work: MiningWork
    /// Nonces per chip.
    let partition: UInt64
    private let versions: UInt64
    private var versionCounter: UInt64 = 0
    private var position: UInt64 = 0
    private var scanner: HeaderScanner

    init(work: MiningWork, chips: Int) {
        self.work = work
        partition = (1 << 32) / UInt64(chips)
        versions = VersionCounter.count(mask: work.versionMask)
        scanner = HeaderScanner(header: work.header)
    }

    var isExhausted: Bool { versionCounter >= versions }

    /// The version that is being searched.
    var version: UInt32 {
        VersionCounter.roll(
            work.header.version, mask: work.versionMask, counter: UInt32(truncatingIfNeeded: versionCounter))
    }

    /// Searches one chip's part onward from the shared position.
    mutating func next(chip: Int, limit: UInt64, hashes: inout UInt64) -> Outcome {
        search(base: UInt64(chip) * partition, length: partition, limit: limit, hashes: &hashes)
    }

    /// Searches the whole nonce space onward.
    mutating func next(limit: UInt64, hashes: inout UInt64) -> Outcome {
        search(base: 0, length: 1 << 32, limit: limit, hashes: &hashes)
    }

    private mutating func search(
        base: UInt64, length: UInt64, limit: UInt64, hashes: inout UInt64
    ) -> Outcome {
        guard !isExhausted else { return .exhausted }
        let start = base + position
        let end = min(start + limit, base + length)
        if let nonce = scanner.find(target: work.target, nonces: start..<end) {
            hashes += UInt64(nonce) - start + 1
            let outcome = Outcome.found(nonce: nonce, version: version)
            move(to: UInt64(nonce) - base + 1, of: length)
            return outcome
        }
        hashes += end - start
        move(to: end - base, of: length)
        return isExhausted ? .exhausted : .unfinished
    }

    private mutating func move(to next: UInt64, of length: UInt64) {
        position = next
        guard position >= length else { return }
        position = 0
        versionCounter += 1
        guard !isExhausted else { return }
        var header = work.header
        header.version = version
        scanner = HeaderScanner(header: header)
    }
}
