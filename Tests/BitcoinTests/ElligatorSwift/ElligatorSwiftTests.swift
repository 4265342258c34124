import Testing

@testable import Bitcoin

@Suite struct ElligatorSwiftTests {
    static let present = ElligatorSwiftVectors.folder != nil

    @Test("every decoding of BIP324 gives its x", .enabled(if: present, ElligatorSwiftVectors.absent))
    func everyDecodingOfBip324Gives() {
        let rows = ElligatorSwiftVectors.rows("ellswift_decode_test_vectors.csv")
        #expect(rows.count == 76)
        for row in rows { #expect(ElligatorSwift.decode(unhex(row[0])).hex == row[1], "\(row[2])") }
    }

    @Test("every inverse of BIP324 gives its t or none", .enabled(if: present, ElligatorSwiftVectors.absent))
    func everyInverseOfBip324Gives() {
        let rows = ElligatorSwiftVectors.rows("xswiftec_inv_test_vectors.csv")
        #expect(rows.count == 32)
        for row in rows {
            let u = FieldElement(bigEndian: unhex(row[0])[...])
            let x = FieldElement(bigEndian: unhex(row[1])[...])
            for branch in 0..<8 {
                let t = ElligatorSwift.t(x: x, u: u, branch: branch)
                #expect((t?.bytes.hex ?? "") == row[2 + branch], "branch \(branch) of \(row[0])")
            }
        }
    }

    @Test(
        "every key agreement of BIP324 gives its secret", .enabled(if: present, ElligatorSwiftVectors.absent))
    func everyKeyAgreement() throws {
        let rows = ElligatorSwiftVectors.rows("packet_encoding_test_vectors.csv")
        #expect(rows.count == 7)
        for row in rows {
            let secret = try #require(SecretKey(hex: row[1]))
            let (ours, theirs, isInitiator) = (unhex(row[2]), unhex(row[3]), row[4] == "1")
            #expect(ElligatorSwift.decode(ours).hex == row[9])
            #expect(secret.xOnlyPublicKey.bytes.hex == row[9])
            #expect(ElligatorSwift.decode(theirs).hex == row[10])
            let peer = ElligatorSwift.Peer(theirs)
            #expect(peer.sharedX(secret).hex == row[11])
            let shared = peer.sharedSecret(ours: ours, secret: secret, isInitiator: isInitiator)
            #expect(shared.hex == row[12])
        }
    }

    @Test("field arithmetic agrees with itself at the edges")
    func fieldArithmeticAgreesWithItself() {
        let top = FieldElement(bigEndian: unhex(String(repeating: "f", count: 64))[...])
        #expect(top == FieldElement(0x1_0000_03d0))
        let minusOne = -FieldElement.one
        #expect(minusOne * minusOne == .one)
        #expect((minusOne + .one).isZero)
        #expect(minusOne + minusOne == -FieldElement(2))
        #expect(FieldElement.half + .half == .one)
        #expect(FieldElement.rootOfMinus3.square == -FieldElement(3))
        #expect(FieldElement.rootOfMinus3.isSquare)
        #expect(FieldElement.zero.inverse.isZero)
        #expect(!minusOne.isSquare)
        #expect(FieldElement(bigEndian: minusOne.bytes[...]) == minusOne)
        for value in [FieldElement(2), minusOne, .half, .rootOfMinus3, top] {
            #expect(value * value.inverse == .one)
            #expect(value.square.squareRoot.map { $0 == value || $0 == -value } == true)
        }
    }

    @Test("an encoding decodes to the x it was made from")
    func anEncodingDecodesToThe() throws {
        var x = unhex("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
        for round in 0..<32 {
            let randomness = SHA256.hash([UInt8(round)]).bytes
            let encoding = try #require(ElligatorSwift.encode(x: x, randomness: randomness))
            #expect(encoding.count == 64)
            #expect(ElligatorSwift.decode(encoding) == x)
            x = ElligatorSwift.decode(encoding.map { $0 ^ 0x5a })
        }
    }

    @Test("a number that is no x coordinate has no encoding")
    func aNumberThatIsNo() {
        // 5^3 + 7 is no square modulo p.
        let five = [UInt8](repeating: 0, count: 31) + [5]
        #expect(ElligatorSwift.encode(x: five, randomness: five) == nil)
    }
}
