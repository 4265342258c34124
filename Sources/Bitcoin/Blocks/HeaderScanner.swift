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

    /// The kernel that searches on this machine, for reports.
    public static var kernelName: String { String(cString: csha256_kernel_name(csha256_scan_kernel())) }
}
