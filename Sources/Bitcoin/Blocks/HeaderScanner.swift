import CSHA256

/// Searches the nonces of one header, with the fastest kernel that the machine has.
///
/// Making one costs a compression (the midstate); searching allocates nothing and stops at the first hit, so
/// short searches for easy targets are as cheap per nonce as long ones.
public struct HeaderScanner: Sendable {
    private var job: csha256_job

    public init(header: BlockHeader) {
        var job = csha256_job()
        header.withEncoded { csha256_job_init(&job, $0.baseAddress!.assumingMemoryBound(to: UInt8.self)) }
        self.job = job
    }

    /// From the state after the first 64 bytes of a header and the twelve bytes up to its nonce, which is all that
    /// chips of the midstate families are told.
    public init(midstate: SHA256Midstate, tail: [UInt8]) {
        precondition(tail.count == 12, "twelve bytes lie between the first block and the nonce")
        var job = csha256_job()
        midstate.words.withUnsafeBufferPointer { csha256_job_resume(&job, $0.baseAddress!, tail) }
        self.job = job
    }

    /// The hash of the header with this nonce.
    public func hash(nonce: UInt32) -> Hash256 {
        withUnsafePointer(to: job) { job in .filled { csha256_job_hash(job, nonce, $0) } }
    }

    /// The first nonce of the range whose hash meets the target, compared as exact 256-bit numbers; nil if
    /// none does. The range must lie within 0 ..< 2^32.
    public func find(target: Target, nonces: Range<UInt64>) -> UInt32? {
        precondition(nonces.upperBound <= 1 << 32, "a nonce has 32 bits")
        // Kernels compare only the top 32 bits; what they let through is compared in full here.
        let top = UInt32(target.value.l3 >> 32)
        return withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Limits.scanCandidates) { candidates in
            var next = nonces.lowerBound
            while next < nonces.upperBound {
                var found = 0
                next += withUnsafePointer(to: job) {
                    csha256_scan(
                        $0, UInt32(next), nonces.upperBound - next, top, candidates.baseAddress!,
                        candidates.count, &found)
                }
                for nonce in candidates[..<found] where target.isMet(by: hash(nonce: nonce)) { return nonce }
            }
            return nil
        }
    }

    /// Appends those of the nonces `start`, `start + stride`, ... (`count` of them, modulo 2^32) whose hash, read as a
    /// little-endian number, has a top 32-bit word of at most `top`: what the cores of one chip try at one time.
    public func scan(start: UInt32, stride: UInt32, count: Int, top: UInt32, into candidates: inout [UInt32])
    {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Limits.stridedCandidates) { found in
            var done: UInt64 = 0
            while done < UInt64(count) {
                var hits = 0
                done += withUnsafePointer(to: job) {
                    csha256_scan_strided(
                        $0, start &+ UInt32(truncatingIfNeeded: done) &* stride, stride, UInt64(count) - done,
                        top, found.baseAddress!, found.count, &hits)
                }
                if hits > 0 { candidates += found[..<hits] }
            }
        }
    }

    /// The kernel that searches on this machine, for reports.
    public static var kernelName: String { String(cString: csha256_kernel_name(csha256_scan_kernel())) }
}
