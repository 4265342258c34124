import Bitcoin
import SansIO
import Stratum
import Testing

@Suite struct ArithmeticTests {
    @Test("target and hash rate are inverse", arguments: [20.0, 1e6, 3.5e9, 1.2e14, 5e17])
    func inverse(hashRate: Double) {
        for perMinute in [0.5, 6, 60, 300] {
            let target = StratumMath.target(hashRate: hashRate, sharesPerMinute: perMinute)
            let back = StratumMath.hashRate(target: target, sharesPerMinute: perMinute)
            #expect(abs(back / hashRate - 1) < 1e-9)
        }
    }

    @Test("a hash rate gives the target whose expected hashes are those of one share")
    func expected() {
        // 2^32 hashes a share: difficulty 1 within 1 / 65536.
        let target = StratumMath.target(hashRate: 4_294_967_296.0 / 10, sharesPerMinute: 6)
        #expect(abs(target.difficulty - 1) < 2e-5)
        #expect(StratumMath.target(hashRate: 0, sharesPerMinute: 6) == .max)
        #expect(StratumMath.target(hashRate: .nan, sharesPerMinute: 6) == .max)
        #expect(StratumMath.target(hashRate: 1e300, sharesPerMinute: 6) == Target(.one))
        #expect(
            StratumMath.target(hashRate: 1e14, sharesPerMinute: 6)
                < StratumMath.target(hashRate: 1e13, sharesPerMinute: 6))
    }

    @Test("V1 difficulties become targets and back, and round to powers of two")
    func difficulty() {
        for value in [0.0005, 0.5, 1, 1000, 65_536, 1.5e12] {
            #expect(abs(V1Difficulty(V1Difficulty(value).target).value / value - 1) < 1e-9)
        }
        #expect(V1Difficulty(1).target == .difficultyOne)
        #expect(V1Difficulty(1000).roundedDownToPowerOfTwo == V1Difficulty(512))
        #expect(V1Difficulty(512).roundedDownToPowerOfTwo == V1Difficulty(512))
        #expect(V1Difficulty(0.3).roundedDownToPowerOfTwo == V1Difficulty(0.25))
    }

    @Test("version bits outside the mask stay the job's")
    func versionRolling() {
        #expect(VersionRolling.version(job: 0x2000_0000, bits: 0xffff_ffff, mask: 0x1fff_e000) == 0x3fff_e000)
        #expect(VersionRolling.isAllowed(0x3fff_ffe0, job: 0x2000_0000))
        #expect(!VersionRolling.isAllowed(0x2000_0001, job: 0x2000_0000))
        #expect(!VersionRolling.isAllowed(0x2000_0020, job: 0x2000_0000, mask: VersionRolling.bip320Mask))
    }

    @Test("a merkle root from a hashed prefix is the same, and follows the path")
    func merkleRoot() {
        let path = [SHA256.hash([1]), SHA256.hash([2])]
        var stream = SHA256Stream()
        stream.update([UInt8](repeating: 7, count: 70))
        let direct = StratumMath.extendedMerkleRoot(
            prefix: [UInt8](repeating: 7, count: 70), extranonce: [1, 2, 3], suffix: [4], path: path)
        #expect(
            direct
                == StratumMath.extendedMerkleRoot(
                    hashedPrefix: stream, extranonce: [1, 2, 3], suffix: [4], path: path))
        let txid = SHA256.double([UInt8](repeating: 7, count: 70) + [1, 2, 3, 4])
        #expect(direct == Merkle.root(first: txid, path: path))
    }

    @Test("no two holders share a prefix, and returned prefixes rest")
    func allocator() throws {
        var allocator = ExtranonceAllocator(fixed: [9], indexSize: 2)
        let allocated = allocator.allocate()
        let first = try #require(allocated)
        #expect(first == [9, 0, 0])
        let releases = [first, first, [9, 5, 5], [8, 0, 0]].map { allocator.release($0) }
        #expect(releases == [true, false, false, false])
        let second = allocator.allocate()
        #expect(second != first)
        var held: Set<[UInt8]> = []
        var random = PRNG(seed: 5)
        for _ in 0..<20_000 {
            if random.chance(1, in: 2), let prefix = held.first {
                held.remove(prefix)
                let isReleased = allocator.release(prefix)
                #expect(isReleased)
            } else if let prefix = allocator.allocate() {
                let isNew = held.insert(prefix).inserted
                #expect(isNew)
            }
        }
        #expect(allocator.count == held.count + 1)
    }

    @Test("all prefixes of a small space can be held, then none, then the one given back")
    func exhaustion() throws {
        var allocator = ExtranonceAllocator(indexSize: 1)
        var all: Set<[UInt8]> = []
        for _ in 0..<256 {
            let prefix = allocator.allocate()
            all.insert(try #require(prefix))
        }
        #expect(all.count == 256)
        let none = allocator.allocate()
        #expect(none == nil)
        allocator.release([77])
        let again = allocator.allocate()
        #expect(again == [77])
    }

    @Test("pool addresses read and print")
    func poolAddresses() throws {
        let text = "stratum2+tcp://thepool.com:34254/9bXiEd8boQVhq7WddEcERUL5tyyJVFYdU8th3HfbNXK3Yw6GRXh"
        let url = try #require(PoolURL(text))
        #expect(url.description == text)
        #expect(url.endpoint == Endpoint(host: "thepool.com", port: 34254))
        #expect(url.authority != nil)
        #expect(PoolURL("stratum+tcp://127.0.0.1:3333")?.scheme == .stratumV1)
        #expect(PoolURL("pool.example:3333")?.description == "stratum+tcp://pool.example:3333")
        #expect(PoolURL("stratum2+tcp://[::1]:34254")?.scheme == .stratumV2(authority: nil))
        #expect(PoolURL("stratum+sv2://h:1")?.isV2 == true)
        #expect(PoolURL("http://u:p@h:18443")?.isV2 == false)
        for wrong in [
            "", "ftp://h:1", "stratum+tcp://h", "stratum+tcp://h:0", "stratum2+tcp://h:1/nokey",
            "stratum+tcp://h:1/x",
        ] {
            #expect(PoolURL(wrong) == nil, "\(wrong)")
        }
    }
}
