import Bitcoin
import HTTPText
import JSONText
import Testing

@testable import Chain

/// Core's PSBT vectors, which include those of BIP174, BIP370 and BIP371, over RPC.
@Suite(
    .enabled(
        if: Vectors.exists("vectors/core/functional_data/rpc_psbt.json"),
        "5 tests need vectors/; set LAB_SHARED to the folder with vectors/"))
struct PSBTVectorTests {
    static func vectors(_ name: String) throws -> [JSON] {
        try Vectors.json("vectors/core/functional_data/rpc_psbt.json")[name]?.arrayValue ?? []
    }

    @Test("What is no PSBT is refused, with Core's words where the vectors say them")
    func invalid() throws {
        var node = NodeUnderTest()
        for text in try Self.vectors("invalid") {
            let failure = try node.failure("decodepsbt", [text])
            #expect(failure.code == -22 && failure.message.hasPrefix("TX decode failed"), "\(text.text)")
        }
        for pair in try Self.vectors("invalid_with_msg") {
            let failure = try node.failure("decodepsbt", [pair[0] ?? .null])
            let wanted = "TX decode failed \(pair[1]?.stringValue ?? "?")"
            #expect(failure.message.hasPrefix(wanted), "\(failure.message) but not \(wanted)")
        }
    }

    @Test("Every valid PSBT is read, written, and read again without loss")
    func valid() throws {
        var node = NodeUnderTest()
        for entry in try Self.vectors("valid") {
            let text = try #require(entry.stringValue)
            let psbt = try PSBT(base64: text)
            // Witnesses of previous transactions, and what a final input no longer needs, are left out.
            #expect(try PSBT(bytes: psbt.bytes).bytes == psbt.bytes)
            _ = try node.call("decodepsbt", [entry])
        }
    }

    @Test("Creator, combiner, finalizer and extractor make the bytes that BIP174 prints")
    func roles() throws {
        var node = NodeUnderTest()
        for entry in try Self.vectors("creator") {
            let made = try node.call(
                "createpsbt",
                [entry["inputs"] ?? [], entry["outputs"] ?? [], 0, false, 2, entry["version"] ?? 2])
            #expect(made == entry["result"])
        }
        for entry in try Self.vectors("combiner") {
            #expect(try node.call("combinepsbt", [entry["combine"] ?? []]) == entry["result"])
        }
        for entry in try Self.vectors("finalizer") {
            let made = try node.call("finalizepsbt", [entry["finalize"] ?? .null, false])
            #expect(made["psbt"] == entry["result"])
        }
        for entry in try Self.vectors("extractor") {
            let made = try node.call("finalizepsbt", [entry["extract"] ?? .null, true])
            #expect(made["hex"] == entry["result"])
        }
    }

    @Test("The signer makes the signatures that the vectors print, low R included")
    func signer() throws {
        for entry in try Self.vectors("signer") {
            var psbt = try PSBT(base64: entry["psbt"]?.stringValue ?? "")
            var knowledge = SpendingKnowledge()
            for text in entry["privkeys"]?.arrayValue ?? [] {
                let (secret, isCompressed) = try #require(
                    SecretKey.wif(text.stringValue ?? "", network: .regtest))
                knowledge.add(
                    DerivedKey(point: secret.publicKey, isCompressed: isCompressed, secret: secret))
            }
            let context = psbt.hasher(try #require(psbt.unsignedTransaction))
            for index in psbt.inputs.indices {
                let origins = psbt.inputs[index].origins
                let tapOrigins = psbt.inputs[index].tapOrigins
                _ = psbt.sign(index, knowing: knowledge, context, finalizes: false)
                // Keys given bare tell no origin of their own.
                psbt.inputs[index].origins = origins
                psbt.inputs[index].tapOrigins = tapOrigins
            }
            let wanted = try PSBT(base64: entry["result"]?.stringValue ?? "")
            for (made, want) in zip(psbt.inputs, wanted.inputs) {
                #expect(made.signatures == want.signatures)
                #expect(made.tapKeySignature == want.tapKeySignature)
                #expect(made.tapScriptSignatures == want.tapScriptSignatures)
            }
        }
    }

    @Test("Cut short anywhere, or with any byte changed, a PSBT is refused or read, never trapped on")
    func damage() throws {
        var count = 0
        for entry in try Self.vectors("valid") {
            let bytes = try #require(Base64.bytes(of: entry.stringValue ?? ""))
            for at in stride(from: 0, to: bytes.count, by: 7) {
                _ = try? PSBT(bytes: Array(bytes[..<at]))
                var changed = bytes
                changed[at] ^= 0xff
                if let psbt = try? PSBT(bytes: changed) {
                    count += 1
                    _ = PSBTAnalysis.json(psbt)
                    _ = PSBTJSON.object(psbt, network: .regtest)
                }
            }
        }
        #expect(count > 100)
    }
}
