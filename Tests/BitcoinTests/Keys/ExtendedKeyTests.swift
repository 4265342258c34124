import Testing

@testable import Bitcoin

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

    @Test("BIP32's first vector: the private and the public way lead to the same keys")
    func derivation() throws {
        let seed = try #require([UInt8](hex: "000102030405060708090a0b0c0d0e0f"))
        let master = try #require(ExtendedKey(seed: seed))
        #expect(
            master.text(network: .mainnet)
                == "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3"
                + "TGtRBeJgk33yuGBxrMPHi")
        let path = try #require(KeyPath.parse("m/0h/1/2'/2/1000000000"))
        let child = try #require(master.descendant(path))
        #expect(
            child.neutered.text(network: .mainnet)
                == "xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTv"
                + "XEYBVPamhGW6cFJodrTHy")
        let parent = try #require(master.descendant(Array(path.dropLast(2))))
        #expect(parent.neutered.descendant(Array(path.suffix(2))) == child.neutered)
        #expect(master.neutered.child(ExtendedKey.hardened) == nil)
    }

    @Test("Text that is no extended key of the network is refused")
    func refusals() throws {
        let seed = try #require([UInt8](hex: "000102030405060708090a0b0c0d0e0f"))
        let master = try #require(ExtendedKey(seed: seed))
        for network in [AddressNetwork.mainnet, .regtest] {
            for key in [master, master.neutered] {
                let text = key.text(network: network)
                #expect(ExtendedKey(text, network: network) == key)
                #expect(ExtendedKey(text, network: network == .mainnet ? .regtest : .mainnet) == nil)
                #expect(ExtendedKey(String(text.dropLast()), network: network) == nil)
            }
        }
        // BIP32's fifth vector: zero depth with a parent, a key of zero.
        #expect(
            ExtendedKey(
                "xprv9s2SPatNQ9Vc6GTbVMFPFo7jsaZySyzk7L8n2uqKXJen3KUmvQNTuLh3fhZMBoG3G4ZW1N2kZuHEPY53qmbZzCHshoQnN"
                    + "f4GvELZfqTUrcv", network: .mainnet) == nil)
    }

    @Test("A ground signature has a low R and verifies")
    func grinding() throws {
        let key = try #require(SecretKey(bytes: [UInt8](repeating: 7, count: 32)))
        for byte in UInt8(0)..<40 {
            let digest = SHA256.hash([byte])
            let signature = key.signECDSA(digest, grinds: true)
            #expect(signature.count <= 70)
            #expect(key.publicKey.verifyECDSA(signature, digest))
        }
    }
}
