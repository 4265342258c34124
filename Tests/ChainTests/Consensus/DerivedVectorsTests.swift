import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

/// Vectors that BIPs print in their texts.
@Suite(
    .enabled(
        if: Vectors.exists("vectors/derived/bip143.json"),
        "2 tests need vectors/derived; set LAB_SHARED to the folder with vectors/"))
struct DerivedVectorsTests {
    @Test("bip143: every preimage hashes to its digest, and signatures of the examples' own fields agree")
    func segwitDigests() throws {
        let json = try Vectors.json("vectors/derived/bip143.json")
        let rows = json["preimage_sighash"]?.arrayValue ?? []
        let signed = try (json["signed_txs"]?.arrayValue ?? []).map {
            try Transaction(bytes: try #require([UInt8](hex: $0.stringValue ?? "")))
        }
        var rebuilt = 0
        for row in rows {
            let preimage = try #require([UInt8](hex: row["preimage"]?.stringValue ?? ""))
            #expect(SHA256.double(preimage).hex == row["sighash"]?.stringValue)
            // The preimage says which input it is about, its script and value.
            var reader = ByteReader(preimage.span.bytes)
            _ = try reader.bytes(68)
            let outPoint = try OutPoint(from: &reader)
            let code = try Script(from: &reader)
            let value = Int64(bitPattern: try reader.u64())
            let hashType = preimage[preimage.count - 4]
            for transaction in signed {
                guard let index = transaction.inputs.firstIndex(where: { $0.previousOutput == outPoint })
                else {
                    continue
                }
                let digest = SignatureHasher(transaction, spending: []).witnessV0(
                    input: index, scriptCode: code.bytes, value: value, hashType: UInt32(hashType))
                #expect(digest.hex == row["sighash"]?.stringValue)
                rebuilt += 1
            }
        }
        print("bip143: \(rows.count) digests, \(rebuilt) rebuilt from transactions")
        #expect(rows.count == 10)
        #expect(rebuilt >= 9)
    }

    @Test("bip32: every chain of every seed, private and public, and every key that must be refused")
    func extendedKeys() throws {
        let json = try Vectors.json("vectors/derived/bip32.json")
        var keys = 0
        for group in json["valid"]?.arrayValue ?? [] {
            let seed = try #require([UInt8](hex: group["seed"]?.stringValue ?? ""))
            let master = try #require(ExtendedKey(seed: seed))
            for chain in group["chains"]?.arrayValue ?? [] {
                let words = (chain["path"]?.stringValue ?? "").split(separator: "/").dropFirst()
                let path = words.map { word in
                    let isHard = word.hasSuffix("h") || word.hasSuffix("'") || word.hasSuffix("H")
                    return (UInt32(isHard ? word.dropLast() : word[...]) ?? 0) | (isHard ? 1 << 31 : 0)
                }
                let key = try #require(master.descendant(path))
                #expect(key.text(network: .mainnet) == chain["xprv"]?.stringValue)
                #expect(key.neutered.text(network: .mainnet) == chain["xpub"]?.stringValue)
                keys += 1
            }
        }
        var refused = 0
        for one in json["invalid"]?.arrayValue ?? [] {
            let text = one.stringValue ?? one["key"]?.stringValue ?? one[0]?.stringValue ?? ""
            #expect(!text.isEmpty)
            #expect(ExtendedKey(text, network: .mainnet) == nil, "\(text)")
            refused += 1
        }
        print("bip32: \(keys) keys, \(refused) refused")
        #expect(keys >= 17)
        #expect(refused >= 15)
    }
}
