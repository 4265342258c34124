import Bitcoin
import Testing

struct HeaderScannerTests {
    static func header(_ seed: UInt64) throws -> BlockHeader {
        try BlockHeader(bytes: patternBytes(80, seed: seed))
    }

    @Test func theFirstNonceThatMeetsAnExactTargetIsFound() throws {
        for seed in 0..<30 as Range<UInt64> {
            var header = try Self.header(seed)
            let scanner = HeaderScanner(header: header)
            let start = seed * 1000
            let hashes = (start..<start + 300).map { nonce in
                header.nonce = UInt32(nonce)
                return header.hash
            }
            #expect(scanner.hash(nonce: UInt32(start)) == hashes[0])
            // The target is exactly the least hash: one less must find nothing.
            let least = try #require(hashes.map { UInt256(littleEndian: $0) }.min())
            let place = try #require(hashes.firstIndex { UInt256(littleEndian: $0) == least })
            #expect(
                scanner.find(target: Target(least), nonces: start..<start + 300) == UInt32(start)
                    + UInt32(place))
            #expect(scanner.find(target: Target(least - .one), nonces: start..<start + 300) == nil)
            // Easy targets: every kind of first hit.
            for shift in 0..<6 {
                let target = Target(UInt256.max >> shift)
                let first = hashes.firstIndex { target.isMet(by: $0) }.map { UInt32(start) + UInt32($0) }
                #expect(scanner.find(target: target, nonces: start..<start + 300) == first)
            }
        }
    }

    @Test func theEndsOfTheNoncesAreReached() throws {
        let header = try Self.header(9)
        let scanner = HeaderScanner(header: header)
        #expect(scanner.find(target: .max, nonces: 0..<1) == 0)
        #expect(scanner.find(target: .max, nonces: 0xffff_ffff..<0x1_0000_0000) == .max)
        #expect(scanner.find(target: .max, nonces: 0x1_0000_0000..<0x1_0000_0000) == nil)
        #expect(scanner.find(target: .max, nonces: 7..<7) == nil)
        #expect(scanner.find(target: Target(.one), nonces: 0xffff_ff00..<0x1_0000_0000) == nil)
    }

    @Test func theGenesisBlockIsMined() throws {
        let header = try BlockHeader(bytes: KernelTests.genesis)
        let target = try #require(header.bits.target)
        let nonce = HeaderScanner(header: header).find(target: target, nonces: 2_083_230_000..<2_083_240_000)
        #expect(nonce == header.nonce)
        #expect(
            header.hash.displayHex == "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f")
        #expect(header.bytes == KernelTests.genesis)
    }
}
