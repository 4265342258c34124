import Bitcoin
import JSONText
import Testing

@testable import Chain

@Suite struct ExtendedKeyTests {
    @Test("SHA-512 and its HMAC give the published values")
    func digests() {
        #expect(
            SHA512.hash(Array("abc".utf8)).hex
                == "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f")
        // RFC 4231, test case 2.
        #expect(
            SHA512.hmac(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8)).hex
                == "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                + "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737")
    }

    @Test("BIP32's first test vector: m/0'/1/2'/2/1000000000")
    func derivation() throws {
        let seed = try #require([UInt8](hex: "000102030405060708090a0b0c0d0e0f"))
        let master = try #require(ExtendedKey(seed: seed))
        #expect(master.key.bytes.hex == "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35")
        let hard = ExtendedKey.hardened
        let child = try #require(master.descendant([hard, 1, 2 | hard, 2, 1_000_000_000]))
        #expect(child.key.bytes.hex == "471b76e389e528d6de6d816857e012c5455051cad6660850e58372a6c3e6e7c8")
    }

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
