import Bitcoin
import CSHA256
import Testing

/// One kernel of `CSHA256`, as a test argument.
struct Kernel: CustomTestStringConvertible, Sendable {
    let raw: csha256_kernel

    var name: String { String(cString: csha256_kernel_name(raw)) }
    var testDescription: String { name }
    var isSupported: Bool { csha256_kernel_supported(raw) }
    var compresses: Bool { csha256_kernel_compresses(raw) }

    static let all = (0..<UInt32(CSHA256_KERNEL_COUNT)).map { Kernel(raw: csha256_kernel($0)) }
    static let supported = all.filter(\.isSupported)

    func scan(
        _ job: csha256_job, from start: UInt32, stride: UInt32 = 1, count: UInt64, top: UInt32,
        capacity: Int = 4096
    ) -> (nonces: [UInt32], scanned: UInt64) {
        var job = job
        var found = 0
        var scanned: UInt64 = 0
        let nonces = [UInt32](unsafeUninitializedCapacity: capacity) { buffer, initialized in
            scanned = csha256_scan_with(
                raw, &job, start, stride, count, top, buffer.baseAddress!, capacity, &found)
            initialized = found
        }
        return (nonces, scanned)
    }
}

func job(_ header: [UInt8]) -> csha256_job {
    var job = csha256_job()
    csha256_job_init(&job, header)
    return job
}

struct KernelTests {
    static let missing = Kernel.all.filter { !$0.isSupported }.map(\.name)
    static let genesis = [UInt8](
        hex:
            "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27a"
            + "c72c3e67768f61"
            + "7fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c")!

    @Test(
        .enabled(
            if: missing.isEmpty, "this machine cannot run, so not tested: \(missing.joined(separator: ", "))")
    )
    func everyKernelWasTested() {
        #expect(Kernel.supported.count == Kernel.all.count)
    }

    @Test(arguments: Kernel.supported) func theGenesisNonceIsFoundAtEveryPlaceOfAStep(_ kernel: Kernel) {
        let job = job(Self.genesis)
        for offset in 0..<40 as Range<UInt32> {
            let (nonces, scanned) = kernel.scan(
                job, from: 2_083_236_893 - offset, count: UInt64(offset) + 1, top: 0)
            #expect(nonces == [2_083_236_893])
            #expect(scanned == UInt64(offset) + 1)
            let before = kernel.scan(job, from: 2_083_236_893 - offset, count: UInt64(offset), top: 0)
            #expect(before.nonces == [] && before.scanned == UInt64(offset))
        }
    }

    @Test(arguments: Kernel.supported) func scansAgreeWithThePortableKernel(_ kernel: Kernel) {
        let portable = Kernel(raw: CSHA256_PORTABLE)
        for seed in 0..<40 as Range<UInt64> {
            let job = job(patternBytes(80, seed: seed))
            // The last starts run over the end of the nonces.
            let start =
                seed % 4 == 3 ? UInt32.max - UInt32(seed) : UInt32(truncatingIfNeeded: seed &* 0x9e37_79b9)
            let count = 1 + seed * 7
            let top = UInt32.max >> UInt32(seed % 7)
            let ours = kernel.scan(job, from: start, count: count, top: top)
            let theirs = portable.scan(job, from: start, count: count, top: top)
            #expect(ours.nonces == theirs.nonces && ours.scanned == count)
        }
    }

    @Test(arguments: Kernel.supported) func aScanInStridesFindsWhatTheSameNoncesOneByOneDo(_ kernel: Kernel) {
        for (seed, stride) in ([2, 3, 1 << 24, UInt32.max] as [UInt32]).enumerated() {
            let job = job(patternBytes(80, seed: UInt64(seed)))
            let start = 0x9e37_79b9 &* UInt32(seed + 1)
            let top = UInt32.max >> 4
            var expected: [UInt32] = []
            for index in 0..<UInt32(200) {
                expected += kernel.scan(job, from: start &+ index &* stride, count: 1, top: top).nonces
            }
            let strided = kernel.scan(job, from: start, stride: stride, count: 200, top: top)
            #expect(strided.nonces == expected && !expected.isEmpty && strided.scanned == 200)
        }
    }

    @Test func aJobResumedFromTheMidstateIsTheJobOfTheHeader() {
        let header = Self.genesis
        let whole = job(header)
        var state: [UInt32] = [
            0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
            0x5be0_cd19,
        ]
        csha256_compress(&state, header, 1)
        var resumed = csha256_job()
        csha256_job_resume(&resumed, state, Array(header[64..<76]))
        let kernel = Kernel(raw: csha256_scan_kernel())
        #expect(kernel.scan(resumed, from: 2_083_236_893, count: 1, top: 0).nonces == [2_083_236_893])
        #expect(
            kernel.scan(resumed, from: 0, count: 500, top: .max >> 5).nonces
                == kernel.scan(whole, from: 0, count: 500, top: .max >> 5).nonces)
    }

    @Test(arguments: Kernel.supported) func aScanLeavesWhenRoomRunsOutAndLosesNothing(_ kernel: Kernel) {
        let job = job(patternBytes(80, seed: 77))
        let top = UInt32.max >> 3
        let whole = kernel.scan(job, from: 5, count: 3000, top: top)
        for capacity in [16, 17, 31, 64] {
            var nonces: [UInt32] = []
            var next: UInt64 = 0
            while next < 3000 {
                let part = kernel.scan(
                    job, from: 5 + UInt32(next), count: 3000 - next, top: top, capacity: capacity)
                #expect(part.scanned > 0 && part.nonces.count <= capacity)
                nonces += part.nonces
                next += part.scanned
            }
            #expect(nonces == whole.nonces)
            #expect(next == 3000)
        }
    }

    @Test(arguments: Kernel.supported.filter(\.compresses))
    func compressionAgreesWithThePortableKernel(_ kernel: Kernel) {
        for blocks in 1...5 {
            let message = patternBytes(64 * blocks, seed: UInt64(blocks))
            var ours: [UInt32] = (0..<8).map { 0x0123_4567 &* (UInt32($0) + 3) }
            var theirs = ours
            csha256_compress_with(kernel.raw, &ours, message, blocks)
            csha256_compress_with(CSHA256_PORTABLE, &theirs, message, blocks)
            #expect(ours == theirs)
        }
    }

    @Test(arguments: Kernel.supported.filter(\.compresses))
    func merkleNodesAreHashedInPlaceAndApart(_ kernel: Kernel) {
        for count in 0...9 {
            let nodes = patternBytes(64 * count, seed: 3)
            let expected = (0..<count).flatMap { SHA256.double(nodes[64 * $0..<64 * $0 + 64]).bytes }
            var apart = [UInt8](repeating: 0, count: 32 * count)
            csha256_double64_with(kernel.raw, &apart, nodes, count)
            #expect(apart == expected)
            var inPlace = nodes
            inPlace.withUnsafeMutableBufferPointer {
                csha256_double64_with(kernel.raw, $0.baseAddress, $0.baseAddress, count)
            }
            #expect(Array(inPlace[..<(32 * count)]) == expected)
        }
    }

    @Test func aJobHashesLikeTheWholeHeader() {
        for seed in 0..<50 as Range<UInt64> {
            let header = patternBytes(80, seed: seed)
            var job = job(header)
            let nonce = header[76...].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            let hash = Hash256(
                bytes: [UInt8](unsafeUninitializedCapacity: 32) { out, count in
                    csha256_job_hash(&job, nonce, out.baseAddress)
                    count = 32
                })
            #expect(hash == SHA256.double(header))
        }
    }
}
