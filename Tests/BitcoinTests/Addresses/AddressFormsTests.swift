import Testing

@testable import Bitcoin

@Suite struct AddressFormsTests {
    /// BIP84's and BIP86's own keys, and the generator.
    @Test("A public key has the addresses that the BIPs print")
    func forms() throws {
        let first = try #require(
            PublicKey(hex: "0330d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c"))
        #expect(
            AddressForm.p2wpkh.address(of: first, network: .mainnet)?.text
                == "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu")
        let second = try #require(
            PublicKey(hex: "03cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115"))
        #expect(
            AddressForm.p2tr.address(of: second, network: .mainnet)?.text
                == "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr")
        let generator = try #require(
            PublicKey(hex: "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"))
        #expect(
            AddressForm.p2pkh.address(of: generator, network: .mainnet)?.text
                == "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH")
        #expect(
            AddressForm.p2pkh.address(of: generator, network: .mainnet, uncompressed: true)?.text
                == "1EHNa6Q4Jz2uvNExL497mE43ikXhwF6kZm")
        // Form and descriptor agree.
        for form in AddressForm.allCases {
            let address = try #require(form.address(of: generator, network: .regtest))
            let text = form.descriptor(of: generator.bytes.hex)
            let descriptor = try OutputDescriptor.parseSingle(text, network: .regtest, requiresChecksum: true)
            #expect(DescriptorExpander(descriptor)?.expand(at: 0)?.scripts == [address.scriptPubKey])
            #expect(try AddressDescription(address.text).address.scriptPubKey == address.scriptPubKey)
        }
    }

    @Test(
        "What is no address is told why",
        arguments: [
            ("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081", "checksum"),
            ("bcrt1Qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", "case"), ("", "empty"),
            ("1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ", "checksum"), ("hello", "neither"),
            ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", "checksum of the other kind"),
        ])
    func faults(text: String, word: String) {
        #expect {
            _ = try AddressDescription(text)
        } throws: { ("\($0)").contains(word) }
    }
}
