import Testing

@testable import Bitcoin

@Suite struct DescriptorTests {
    static let key = "03a34b99f22c790c4e36b2b3c2c35a36db06226e41c692fc82b8b56ac1c540c5bd"
    static let secret = "L4rK1yDtCWekvXuE6oXD9jCYfFNV2cWRpVuPLBcCU2z8TrisoyY1"
    static let xprv =
        "xprvA2JDeKCSNNZky6uBCviVfJSKyQ1mDYahRjijr5idH2WwLsEd4Hsb2Tyh8RfQMuPh7f7RtyzTtdrbdqqsunu5Mm3wDvUAKRHSC34sJ7in"
        + "334"
    static let master =
        "xprv9s21ZrQH143K31xYSDQpPDxsXRTUcvj2iNHm5NUtrGiGG5e2DtALGdso3pGz6ssrdK4PFmM8NSpSBHNqPqm55Qn3LqFtT2emdEXVYsCz"
        + "C2U"

    /// Scripts that BIP381 to BIP387 print for these descriptors.
    static let published: [(String, [String])] = [
        (
            "combo(\(key))",
            [
                "2103a34b99f22c790c4e36b2b3c2c35a36db06226e41c692fc82b8b56ac1c540c5bdac",
                "76a9149a1c78a507689f6f54b847ad1cef1e614ee23f1e88ac",
                "00149a1c78a507689f6f54b847ad1cef1e614ee23f1e",
                "a91484ab21b1b2fd065d4504ff693d832434b6108d7b87",
            ]
        ),
        ("wpkh(\(secret))", ["00149a1c78a507689f6f54b847ad1cef1e614ee23f1e"]),
        ("sh(wpkh(\(key)))", ["a91484ab21b1b2fd065d4504ff693d832434b6108d7b87"]),
        ("tr(\(secret))", ["512077aab6e066f8a7419c5ab714c12c67d25007ed55a43cadcacb4d7a970a093f11"]),
        ("sh(pk(\(key)))", ["a9141857af51a5e516552b3086430fd8ce55f7c1a52487"]),
        ("wsh(pkh(\(key)))", ["0020338e023079b91c58571b20e602d7805fb808c22473cbc391a41b1bd3a192e75b"]),
        ("sh(wsh(pk(\(key))))", ["a91472d0c5a3bfad8c3e7bd5303a72b94240e80b6f1787"]),
        (
            "wsh(multi(1,\(xprv)/0,\(secret)))",
            ["0020cb155486048b23a6da976d4c6fe071a2dbc8a7b57aaf225b8955f2e2a27b5f00"]
        ),
        ("pkh(\(master)/2147483647'/0)", ["76a914ebdc90806a9c4356c1c88e42216611e1cb4c1c1788ac"]),
        ("raw(512103a34b)", ["512103a34b"]),
    ]

    @Test("Descriptors make the scripts that the BIPs print", arguments: published)
    func scripts(text: String, scripts: [String]) throws {
        let descriptor = try OutputDescriptor.parseSingle(text, network: .mainnet)
        let expander = try #require(DescriptorExpander(descriptor))
        let (made, knowledge) = try #require(expander.expand(at: 0))
        #expect(made.map(\.hex) == scripts)
        // What is known of a script says the script again.
        for script in made where !text.hasPrefix("raw") {
            let inferred = OutputDescriptor.infer(script, knowing: knowledge, network: .mainnet)
            #expect(inferred.isSolvable)
            let again = try OutputDescriptor.parseSingle(
                inferred.text, network: .mainnet, requiresChecksum: true)
            #expect(DescriptorExpander(again)?.expand(at: 0)?.scripts.first == script, "\(inferred.text)")
        }
    }

    @Test("A ranged descriptor is read, written, normalised and walked")
    func ranged() throws {
        let text = "wpkh([ffffffff/13']\(Self.master)/84'/1/<0;1>/*)"
        let both = try OutputDescriptor.parse(text, network: .mainnet)
        #expect(both.count == 2)
        #expect(both[1].isRanged && both[1].hasPrivateKeys && both[1].isDerivable)
        #expect(both[1].text(isPrivate: true).hasPrefix("wpkh([ffffffff/13']\(Self.master)/84'/1/1/*)#"))
        let normal = try #require(both[1].normalized)
        #expect(normal.publicText.hasPrefix("wpkh([ffffffff/13h/84h]xpub"))
        #expect(normal.publicText.contains("/1/1/*)#"))
        #expect(!normal.hasPrivateKeys)
        // The public way needs the key behind the last hardened step and comes to the same scripts.
        let bare = try OutputDescriptor.parseSingle(both[1].publicText, network: .mainnet)
        #expect(DescriptorExpander(bare) == nil)
        for index in UInt32(0)..<3 {
            let a = DescriptorExpander(both[1])?.expand(at: index)?.scripts
            #expect(a != nil)
            #expect(a == DescriptorExpander(normal)?.expand(at: index)?.scripts)
        }
    }

    @Test("A taproot tree commits to its leaves, each with a control block that proves it")
    func taprootTree() throws {
        let x = String(Self.key.dropFirst(2))
        let text = "tr(\(x),{pk(\(x)),{multi_a(1,\(Self.secret),\(Self.xprv)/0),pk(\(Self.xprv)/1)}})"
        let descriptor = try OutputDescriptor.parseSingle(text, network: .mainnet)
        let (scripts, knowledge) = try #require(DescriptorExpander(descriptor)?.expand(at: 0))
        let spend = try #require(knowledge.taproot(Array(scripts[0].bytes[2...])))
        #expect(spend.leaves.map(\.depth) == [1, 2, 2])
        for leaf in spend.leaves {
            let root = leaf.path.reduce(leaf.hash) { TaprootSpend.branch($0, $1) }
            #expect(root == spend.merkleRoot)
        }
        let inferred = OutputDescriptor.infer(scripts[0], knowing: knowledge, network: .mainnet).text
        let again = try OutputDescriptor.parseSingle(inferred, network: .mainnet)
        #expect(DescriptorExpander(again)?.expand(at: 0)?.scripts == scripts)
    }

    @Test(
        "What is no descriptor is refused with Core's words",
        arguments: [
            ("wpkh(\(key))#00000000", "Provided checksum '00000000' does not match computed checksum"),
            ("wpkh(\(key))#0000", "Expected 8 character checksum, not 4 characters"),
            ("wsh(wpkh(\(key)))", "Can only have wpkh() at top level or inside sh()"),
            ("sh(sh(pk(\(key))))", "Can only have sh() at top level"),
            ("sh(tr(\(key)))", "Can only have tr at top level"),
            ("multi_a(1,\(key))", "Can only have multi_a/sortedmulti_a inside tr()"),
            ("sh(multi(3,\(key)))", "Multisig threshold cannot be larger than the number of keys; threshold"),
            ("multi(a,\(key))", "Multi threshold 'a' is not valid"),
            (
                "multi(1,\(key),\(key),\(key),\(key))",
                "Cannot have 4 pubkeys in bare multisig; only at most 3"
            ),
            ("pk(\(xprv)/2147483648)", "pk(): Key path value 2147483648 is out of range"),
            ("pk(\(xprv)/x)", "pk(): Key path value 'x' is not a valid uint32"),
            ("pk([aaaa]\(key))", "pk(): Fingerprint is not 4 bytes (4 characters instead of 8 characters)"),
            ("pk(\(xprv)/<0;0>)", "pk(): Duplicated key path value 0 in multipath specifier"),
            ("tr(\(key),{pk(\(key)))", "tr(): expected ',' after script expression"),
            ("wsh()", "A function is needed within P2WSH"), ("pk()", "pk(): No key provided"),
            ("nothing(\(key))", "is not a valid descriptor function"), ("addr(x)", "Address is not valid"),
            (
                "wpkh(5KYZdUEo39z3FPrtuX2QbbwGnNP5zTd7yyr2SC1j299sBCnWjss)",
                "wpkh(): Uncompressed keys are not"
            ),
        ])
    func refusals(text: String, message: String) {
        #expect {
            _ = try OutputDescriptor.parse(text, network: .mainnet)
        } throws: { error in
            (error as? DescriptorError)?.message.contains(message) ?? false
        }
    }

    @Test("Cut at every place, a descriptor is refused or read, never trapped on")
    func cuts() {
        let text =
            "tr([deadbeef/1h]\(Self.xprv)/<0;1>/*,{sortedmulti_a(1,\(Self.key)),pk(\(Self.secret))})#aaaaaaaa"
        for count in 0..<text.utf8.count {
            for cut in [String(text.prefix(count)), String(text.suffix(count))] {
                _ = try? OutputDescriptor.parse(cut, network: .mainnet)
            }
        }
    }
}
