import Bitcoin
import CSHA256
import Testing

struct SHA256Tests {
    static func message(_ length: Int) -> [UInt8] {
        (0..<length).map { UInt8(truncatingIfNeeded: 197 * $0 + 31 * length + 7) }
    }

    @Test func messagesOfEveryLengthHashAsPythonHashesThem() throws {
        let cases = try Vectors.own("sha256/lengths.json")
        #expect(cases.count > 130)
        for item in cases {
            let message = Self.message(try #require(item["length"] as? Int))
            #expect(SHA256.hash(message).hex == item["sha256"] as? String)
            #expect(SHA256.double(message).hex == item["double"] as? String)
            #expect(SHA256.hash(([9] + message)[1...]).hex == item["sha256"] as? String)
        }
    }

    /// FIPS 180-4 examples as NIST publishes them.
    @Test func theStandardsExamplesHold() {
        #expect(
            SHA256.hash(Array("abc".utf8)).hex
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            SHA256.hash(Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)).hex
                == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
        #expect(
            SHA256.hash([UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)).hex
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test func aStreamCutAnywhereGivesTheSameHash() {
        for length in [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 200] {
            let message = Self.message(length)
            for cut in 0...length {
                var stream = SHA256Stream()
                stream.update(message[..<cut])
                let prefix = stream
                stream.update(message[cut...])
                #expect(stream.finalize() == SHA256.hash(message))
                #expect(stream.finalizeDouble() == SHA256.double(message))
                #expect(prefix.finalize() == SHA256.hash(message[..<cut]))
            }
        }
    }

    /// RFC 4231, cases 1, 2 and 6.
    @Test func hmacAgreesWithItsStandard() {
        #expect(
            hmacSHA256(key: [UInt8](repeating: 0x0b, count: 20), message: Array("Hi There".utf8)).hex
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        #expect(
            hmacSHA256(key: Array("Jefe".utf8), message: Array("what do ya want for nothing?".utf8)).hex
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let message = "Test Using Larger Than Block-Size Key - Hash Key First"
        #expect(
            hmacSHA256(key: [UInt8](repeating: 0xaa, count: 131), message: Array(message.utf8)).hex
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    @Test func ripemd160AgreesWithItsAuthors() {
        #expect(RIPEMD160.hash(Array("abc".utf8)).hex == "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc")
        #expect(hash160([]).hex == "b472a266d0bd89c13706a4132ccfb16f7c3b9fcb")
    }

    @Test func aTagIsHashedTwiceInFront() {
        let tag = SHA256.hash(Array("TapLeaf".utf8)).bytes
        #expect(taggedHash("TapLeaf", [1, 2, 3]) == SHA256.hash(tag + tag + [1, 2, 3]))
        #expect(taggedHash("TapLeaf", [1], [2, 3]) == SHA256.hash(tag + tag + [1, 2, 3]))
    }

    @Test func hexReadsBothCasesAndNothingElse() {
        #expect([UInt8](hex: "00fFa9") == [0, 255, 0xa9])
        #expect([UInt8](hex: "") == [])
        for text in ["0", "0g", " 00", "00 ", "0x00", "é0"] { #expect([UInt8](hex: text) == nil) }
        #expect(Hash256(hex: String(repeating: "ab", count: 31)) == nil)
        #expect(Hash256(displayHex: "01" + String(repeating: "00", count: 31))?.bytes.last == 1)
    }
}
