import Bitcoin
import Hardware

/// One job as the chips hash it: for each version or midstate a scanner, made when a chip gets there.
struct ChainWork: Sendable {
    let job: ChipJob
    /// Versions that the sub-cores of a chip hash at the same time; midstates of a midstate job.
    let parts: Int
    /// How many times `parts` until the versions are used up.
    let batches: UInt64
    private let mask: UInt32
    private var cache: [(batch: UInt64, scanners: [HeaderScanner])] = []

    /// - Parameter mask: version bits that the chips may count in, shifted down to bit 0; zero without rolling.
    init(_ job: ChipJob, family: ChipFamily, mask: UInt16) {
        self.job = job
        self.mask = UInt32(mask)
        switch job.content {
        case .midstates(let states, _):
            parts = states.count
            batches = 1
        case .header:
            let versions = VersionCounter.count(mask: UInt32(mask))
            parts = Int(min(UInt64(family.subcores), versions))
            batches = versions / UInt64(parts)
        }
    }

    /// The value that a reply carries for a part: the counter's bits at the places of the mask. How chips pack a sparse
    /// mask is not known; bits outside of it are zero.
    func version(batch: UInt64, part: Int) -> UInt16 {
        let counter = UInt32(truncatingIfNeeded: batch * UInt64(parts) + UInt64(part))
        return UInt16(truncatingIfNeeded: VersionCounter.roll(0, mask: mask, counter: counter))
    }

    mutating func scanners(batch: UInt64) -> [HeaderScanner] {
        if let held = cache.first(where: { $0.batch == batch }) { return held.scanners }
        let scanners: [HeaderScanner]
        switch job.content {
        case .midstates(let states, let tail):
            let bytes = Array(tail.bytes(nonce: 0).prefix(12))
            scanners = states.map { HeaderScanner(midstate: $0, tail: bytes) }
        case .header(let header):
            scanners = (0..<parts).map { part in
                var rolled = header
                rolled.version |= UInt32(version(batch: batch, part: part)) << ChipFamily.versionShift
                return HeaderScanner(header: rolled)
            }
        }
        if cache.count == Limits.batchesCached { cache.removeFirst() }
        cache.append((batch, scanners))
        return scanners
    }
}
