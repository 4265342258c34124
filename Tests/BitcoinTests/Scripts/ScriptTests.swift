import Bitcoin
import SansIO
import Testing

struct ScriptTests {
    static let key = SecretKey(bytes: [UInt8](repeating: 1, count: 32))!

    @Test func buildersMakeTheKindTheyName() {
        let hash = Hash160(bytes: patternBytes(20))!
        #expect(Script.p2pk(Self.key.publicKey).kind == .pubkey)
        #expect(Script.p2pkh(hash).kind == .pubkeyHash)
        #expect(Script.p2sh(hash).kind == .scriptHash)
        #expect(Script.p2wpkh(hash).kind == .witnessV0KeyHash)
        #expect(Script.p2wsh(.zero).kind == .witnessV0ScriptHash)
        #expect(Script.p2tr(Self.key.xOnlyPublicKey).kind == .witnessV1Taproot)
        #expect(Script.witness(version: 1, program: [0x4e, 0x73]).kind == .witnessUnknown)
        #expect(Script.witness(version: 16, program: patternBytes(40)).kind == .witnessUnknown)
        #expect(Script.witness(version: 0, program: patternBytes(16)).kind == .nonStandard)
        #expect(Script.opReturn(patternBytes(80)).kind == .nullData)
        #expect(Script.opReturn([]).isUnspendable)
        #expect(Script().kind == .nonStandard)
        #expect(Script([0x51]).kind == .nonStandard)
        #expect(!Script([0x51]).isUnspendable)
        #expect(Script([UInt8](repeating: 0x51, count: 10_001)).isUnspendable)
        for script in [Script.p2pkh(hash), .p2sh(hash), .p2wpkh(hash)] { #expect(script.hash160 == hash) }
    }

    @Test func bareMultisigIsSeenOnlyInItsExactForm() {
        var script = Script()
        script.append(number: 1)
        script.append(push: Self.key.publicKey.bytes)
        script.append(push: Self.key.publicKey.bytes)
        script.append(number: 2)
        #expect(script.kind == .nonStandard)
        script.append(op: .checkMultiSig)
        #expect(script.kind == .multisig)
        #expect(script.multisig?.required == 1 && script.multisig?.keys.count == 2)
        #expect(Script(script.bytes + [0xae]).kind == .nonStandard)
        #expect(Script([0x53] + script.bytes[1...]).kind == .nonStandard)
    }

    @Test func heightsArePushedAsCoreDoes() {
        let cases: [(Int, String)] = [
            (0, "00"), (1, "51"), (16, "60"), (17, "0111"), (127, "017f"), (128, "028000"), (255, "02ff00"),
            (256, "020001"), (32_767, "02ff7f"), (32_768, "03008000"), (413_567, "037f4f06"),
            (8_388_608, "0400008000"),
        ]
        for (height, hex) in cases { #expect(Script.heightPush(height).hex == hex) }
        #expect(Script.numberBytes(-1) == [0x81])
        #expect(Script.numberBytes(-255) == [0xff, 0x80])
        #expect(Script.numberBytes(.min) == [0, 0, 0, 0, 0, 0, 0, 0x80, 0x80])
    }

    @Test(arguments: [0, 1, 75, 76, 255, 256, 65_535, 65_536])
    func whatIsPushedIsReadBack(_ count: Int) throws {
        var script = Script()
        script.append(push: patternBytes(count))
        script.append(op: .drop)
        var instructions = script.instructions
        let first = instructions.next()
        let push = try #require(first)
        #expect(push.data.map { Array($0) } == patternBytes(count))
        let second = instructions.next()
        #expect(second?.named == .drop)
        let third = instructions.next()
        #expect(third == nil && !instructions.isMalformed)
        for cut in 1..<min(script.count - 1, 300) {
            var short = Script(Array(script.bytes[..<(script.count - 1 - cut)])).instructions
            while short.next() != nil {}
            #expect(short.isMalformed || short.offset == 0)
        }
    }

    @Test func everyOpcodeHasItsNumberAndName() {
        #expect(Opcode.checkSigAdd.rawValue == 0xba && Opcode.nop10.rawValue == 0xb9)
        #expect(Opcode.return.name == "OP_RETURN" && Opcode.return.rawValue == 0x6a)
        #expect(Opcode.checkMultiSig.rawValue == 0xae && Opcode.checkSequenceVerify.rawValue == 0xb2)
        #expect(Opcode.hash256.rawValue == 0xaa && Opcode.sixteen.rawValue == 0x60)
    }
}
