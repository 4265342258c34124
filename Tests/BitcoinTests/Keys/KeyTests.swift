import Bitcoin
import Testing

struct KeyTests {
    static let one = SecretKey(hex: String(repeating: "0", count: 63) + "1")!

    @Test func onlyScalarsBelowTheOrderAreKeys() {
        let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
        let last = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140"
        #expect(SecretKey(hex: order) == nil)
        #expect(SecretKey(hex: last) != nil)
        #expect(SecretKey(bytes: [UInt8](repeating: 0, count: 32)) == nil)
        #expect(SecretKey(bytes: [1]) == nil)
        let generator = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
        #expect(Self.one.xOnlyPublicKey.bytes.hex == generator)
        #expect(Self.one.publicKey.bytes.hex == "02" + generator)
        #expect(SecretKey(hex: last)?.publicKey.bytes.hex == "03" + generator)
        #expect(XOnlyPublicKey(bytes: [UInt8](repeating: 0xff, count: 32)) == nil)
        #expect(PublicKey(bytes: []) == nil)
        #expect("\(Self.one)" == "SecretKey(…)")
    }

    @Test func signaturesVerifyAndOthersDoNot() {
        var secrets = SecretGenerator(seed: [1])
        for _ in 0..<20 {
            let key = secrets.secretKey()
            let digest = SHA256.hash(secrets.bytes(32))
            let other = SHA256.hash(secrets.bytes(32))
            let ecdsa = key.signECDSA(digest)
            #expect(ecdsa == key.signECDSA(digest))
            #expect(key.publicKey.verifyECDSA(ecdsa, digest))
            #expect(!key.publicKey.verifyECDSA(ecdsa, other))
            for count in 0..<ecdsa.count {
                #expect(!key.publicKey.verifyECDSA(Array(ecdsa[..<count]), digest))
            }
            let schnorr = key.signSchnorr(digest, auxiliary: secrets.bytes(32))
            #expect(key.xOnlyPublicKey.verifySchnorr(schnorr, digest))
            #expect(!key.xOnlyPublicKey.verifySchnorr(schnorr, other))
            #expect(!key.xOnlyPublicKey.verifySchnorr(Array(schnorr.dropLast()), digest))
        }
    }

    /// RFC 6979 nonces for secp256k1, as Core's key_tests expect.
    @Test func theNonceIsTheStandardOne() {
        let signature = Self.one.signECDSA(SHA256.hash(Array("Satoshi Nakamoto".utf8)))
        #expect(
            signature.hex
                == "3045022100934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
                + "02202442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5")
    }

    @Test func taprootTweaksOfSecretAndPublicKeyAgree() throws {
        var secrets = SecretGenerator(seed: [2])
        for root in [nil, SHA256.hash([1])] {
            let key = secrets.secretKey()
            let tweaked = try #require(key.taprootTweaked(merkleRoot: root))
            let output = try #require(key.xOnlyPublicKey.taprootOutputKey(merkleRoot: root))
            #expect(tweaked.xOnlyPublicKey == output.key)
            #expect((tweaked.publicKey.bytes[0] == 3) == output.yIsOdd)
        }
    }

    @Test func theSecretStreamIsDeterministicAndNeverRepeats() {
        var a = SecretGenerator(seed: [1, 2, 3])
        var b = SecretGenerator(seed: [1, 2, 3])
        var other = SecretGenerator(seed: [1, 2, 4])
        #expect(a.bytes(100) == b.bytes(100))
        #expect(a.secretKey() == b.secretKey())
        #expect(a.bytes(32) != other.bytes(32))
        #expect(a.bytes(0) == [])
        var drawn = Set<[UInt8]>()
        for _ in 0..<1000 { #expect(drawn.insert(a.bytes(33)).inserted) }
        var child = b.fork()
        #expect(child.bytes(32) != b.bytes(32))
    }

    @Test(.enabled(if: Vectors.areShared, "1 test skipped: \(Vectors.absent)"))
    func vectorsOfBIP340Hold() throws {
        let rows = try Vectors.sharedRows("bips/bip-0340/test-vectors.csv")
        #expect(rows.count >= 19)
        for row in rows {
            let message = try #require([UInt8](hex: row[4]))
            let signature = try #require([UInt8](hex: row[5]))
            let key = XOnlyPublicKey(hex: row[2])
            #expect((key?.verifySchnorr(signature, message) ?? false) == (row[6] == "TRUE"), "row \(row[0])")
            guard let secret = SecretKey(hex: row[1]), let digest = Hash256(bytes: message) else { continue }
            let auxiliary = try #require([UInt8](hex: row[3]))
            #expect(secret.signSchnorr(digest, auxiliary: auxiliary) == signature)
            #expect(secret.xOnlyPublicKey == key)
        }
    }

    @Test(.enabled(if: Vectors.areShared, "1 test skipped: \(Vectors.absent)"))
    func taprootOutputsOfBIP341Hold() throws {
        let file = try #require(try Vectors.sharedJSON("core/bip341_wallet_vectors.json") as? [String: Any])
        let cases = try #require(file["scriptPubKey"] as? [[String: Any]])
        for item in cases {
            let given = try #require(item["given"] as? [String: Any])
            let middle = try #require(item["intermediary"] as? [String: Any])
            let expected = try #require(item["expected"] as? [String: Any])
            let keyText = try #require(given["internalPubkey"] as? String)
            let key = try #require(XOnlyPublicKey(hex: keyText))
            let root = (middle["merkleRoot"] as? String).flatMap { Hash256(hex: $0) }
            #expect(key.taprootTweak(merkleRoot: root).hex == middle["tweak"] as? String)
            let output = try #require(key.taprootOutputKey(merkleRoot: root))
            let script = Script.p2tr(output.key)
            #expect(script.hex == expected["scriptPubKey"] as? String)
            #expect(Address(script: script, network: .mainnet)?.text == expected["bip350Address"] as? String)
        }
    }
}
