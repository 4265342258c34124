import Bitcoin
import Testing

/// The strings printed in BIP173 and BIP350.
@Suite(.enabled(if: Vectors.areShared, "3 tests skipped: \(Vectors.absent)"))
struct Bech32Tests {
    private func cases(_ standard: String, _ list: String) throws -> [(text: String, item: [String: String])]
    {
        let file = try #require(try Vectors.sharedJSON("derived/bech32_bip173_bip350.json") as? [String: Any])
        let entry = try #require(file[standard] as? [String: Any])
        let items = try #require(entry[list] as? [[String: String]])
        return try items.map { item in
            let hex = try #require(item["hex"])
            let bytes = try #require([UInt8](hex: hex))
            return (String(decoding: bytes, as: UTF8.self), item)
        }
    }

    @Test(arguments: ["bip173", "bip350"]) func validStringsAreReadAndOthersRefused(_ standard: String) throws
    {
        let variant: Bech32.Variant = standard == "bip173" ? .bech32 : .bech32m
        for (text, _) in try cases(standard, "valid") {
            let decoded = try #require(Bech32.decode(text), "\(text)")
            #expect(decoded.variant == variant)
            #expect(
                Bech32.encode(prefix: decoded.prefix, data: decoded.data, variant: variant)
                    == text.lowercased())
        }
        for (text, _) in try cases(standard, "invalid") {
            let decoded = Bech32.decode(text)
            #expect(decoded == nil || decoded?.variant != variant, "\(text)")
        }
    }

    @Test func validAddressesHaveTheirScripts() throws {
        for (text, item) in try cases("bip350", "segwit_valid") {
            let network: AddressNetwork = text.lowercased().hasPrefix("bc") ? .mainnet : .testnet
            #expect(Address(text, network: network)?.scriptPubKey.hex == item["scriptPubKey"], "\(text)")
        }
    }

    @Test(arguments: ["bip173", "bip350"]) func invalidAddressesAreRefused(_ standard: String) throws {
        for (text, _) in try cases(standard, "segwit_invalid") {
            for network in AddressNetwork.allCases {
                #expect(Address(text, network: network) == nil, "\(text)")
            }
        }
    }
}
