import Bitcoin
import JSONText
import Testing

@testable import Chain

@Suite struct WalletArithmeticTests {
    @Test("SHA-1 gives the published value")
    func sha1() {
        #expect(LegacyDigest.sha1(Array("abc".utf8)).hex == "a9993e364706816aba3e25717850c26c9cd0d89d")
    }

    @Test("BIP380's checksum gives the published value")
    func checksum() {
        #expect(Descriptor.checksum("raw(deadbeef)") == "89f8spxm")
    }

    @Test(
        "Amounts are read exactly",
        arguments: [
            ("1", 100_000_000), ("0.00000001", 1), ("1e-8", 1), ("1.5", 150_000_000), ("0.000000001", nil),
            ("21000000", 2_100_000_000_000_000), ("0.10000000000", 10_000_000), ("x", nil),
            ("1.", 100_000_000), ("-1", -100_000_000),
            ("1e8", 10_000_000_000_000_000), ("99999999999999999999", nil),
        ] as [(String, Int64?)])
    func amounts(text: String, satoshi: Int64?) {
        #expect(RPCArguments.satoshi(text) == satoshi)
    }
}
