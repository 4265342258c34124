import Bitcoin
import Testing

struct AddressTests {
    @Test func everyKindOfScriptComesBackFromItsAddress() throws {
        let hash = Hash160(bytes: patternBytes(20))!
        let scripts: [Script] = [
            .p2pkh(hash), .p2sh(hash), .p2wpkh(hash), .p2wsh(.zero),
            .witness(version: 1, program: patternBytes(32)),
            .witness(version: 16, program: [1, 2]),
        ]
        for script in scripts {
            for network in AddressNetwork.allCases {
                let address = try #require(Address(script: script, network: network))
                #expect(Address(address.text, network: network) == address)
                #expect(Address(address.text.dropLast() + "!", network: network) == nil)
                // Testnet and regtest share the prefixes of Base58, not of Bech32.
                let others = AddressNetwork.allCases.filter {
                    $0 != network && Address(address.text, network: $0) != nil
                }
                #expect(others.isEmpty || (network != .mainnet && script.witnessProgram == nil))
            }
        }
        #expect(Address(script: .opReturn([1]), network: .mainnet) == nil)
        #expect(Address("", network: .mainnet) == nil)
        #expect(Address(String(repeating: "1", count: 100_000), network: .mainnet) == nil)
        #expect(Address("BCRT1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQZPXLMG", network: .mainnet) == nil)
    }

    @Test func privateKeysKeepTheirNetworkAndForm() throws {
        let key = try #require(SecretKey(hex: String(repeating: "0", count: 63) + "1"))
        let text = key.wif(network: .mainnet)
        #expect(text == "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn")
        #expect(SecretKey.wif(text, network: .mainnet)?.compressed == true)
        #expect(SecretKey.wif(text, network: .regtest) == nil)
        let old = key.wif(network: .mainnet, compressed: false)
        #expect(old == "5HpHagT65TZzG1PH3CSu63k8DbpvD8s5ip4nEB3kEsreAnchuDf")
        #expect(SecretKey.wif(old, network: .mainnet)?.key == key)
    }

    @Test(.enabled(if: Vectors.areShared, "1 test skipped: \(Vectors.absent)"))
    func base58VectorsOfCoreHold() throws {
        let rows = try #require(try Vectors.sharedJSON("core/base58_encode_decode.json") as? [[String]])
        #expect(rows.count > 10)
        for row in rows {
            let bytes = try #require([UInt8](hex: row[0]))
            #expect(Base58.encode(bytes) == row[1])
            #expect(Base58.decode(row[1]) == bytes)
        }
    }

    static func network(_ chain: String?) -> AddressNetwork {
        switch chain {
        case "main": .mainnet
        case "regtest": .regtest
        default: .testnet
        }
    }

    @Test(.enabled(if: Vectors.areShared, "1 test skipped: \(Vectors.absent)"))
    func keysAndAddressesOfCoreAreRead() throws {
        let rows = try #require(try Vectors.sharedJSON("core/key_io_valid.json") as? [[Any]])
        #expect(rows.count > 50)
        for row in rows {
            let text = try #require(row[0] as? String)
            let hex = try #require(row[1] as? String)
            let options = try #require(row[2] as? [String: Any])
            let network = Self.network(options["chain"] as? String)
            if options["isPrivkey"] as? Bool == true {
                let read = try #require(SecretKey.wif(text, network: network))
                #expect(read.key.bytes.hex == hex && read.compressed == options["isCompressed"] as? Bool)
                #expect(read.key.wif(network: network, compressed: read.compressed) == text)
            } else {
                let address = try #require(Address(text, network: network), "\(text)")
                #expect(address.scriptPubKey.hex == hex)
                #expect(address.text.lowercased() == text.lowercased())
                if options["tryCaseFlip"] as? Bool == true {
                    let upper = text == text.uppercased()
                    #expect(
                        Address(upper ? text.lowercased() : text.uppercased(), network: network) == address)
                }
            }
        }
    }

    @Test(.enabled(if: Vectors.areShared, "1 test skipped: \(Vectors.absent)"))
    func whatCoreRefusesIsRefused() throws {
        let rows = try #require(try Vectors.sharedJSON("core/key_io_invalid.json") as? [[String]])
        #expect(rows.count > 50)
        for row in rows {
            for network in AddressNetwork.allCases {
                #expect(Address(row[0], network: network) == nil, "\(row[0])")
                #expect(SecretKey.wif(row[0], network: network) == nil, "\(row[0])")
            }
        }
    }
}
