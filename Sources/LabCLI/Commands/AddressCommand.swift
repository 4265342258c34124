import ArgumentParser
import Bitcoin

/// Derives addresses and checks them.
struct AddressCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "address",
        abstract: "Derives addresses of every type from a public key, and checks them.",
        discussion: """
            Examples:
              lab address 0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798
              lab address 0279be…98 --type p2tr --network mainnet
              lab address bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080
              lab address --descriptor 'wpkh(tpub…/0/*)' --count 5
              lab address --xpub tpub… --path 0/7
            """)

    @Argument(help: "A public key of 33 or 65 bytes in hexadecimal, or an address to check.")
    var keyOrAddress: String?

    @Option(help: "Only this type: p2pkh, p2sh-p2wpkh, p2wpkh, p2tr.") var type: AddressForm?
    @Option(help: "mainnet, testnet (testnet4 and signet too) or regtest.")
    var network = AddressNetwork.regtest
    @Option(help: "An output descriptor (BIP380), with or without its checksum.") var descriptor: String?
    @Option(help: "An extended key (BIP32); with --path.") var xpub: String?
    @Option(help: "A key path such as 0/7 or m/84h/1h/0h/0/7.") var path = "m"
    @Option(help: "How many addresses of a ranged descriptor.") var count: UInt32 = 1
    @Option(help: "The first index of a ranged descriptor.") var from: UInt32 = 0

    func validate() throws {
        guard [keyOrAddress, descriptor, xpub].compactMap({ $0 }).count == 1 else {
            throw ValidationError("give one of: a public key or address, --descriptor, --xpub")
        }
        guard (1...10_000).contains(count), from < 1 << 31, from + count <= 1 << 31 else {
            throw ValidationError("--count is 1 to 10000, and indices stay below 2147483648")
        }
    }

    func run() throws {
        if let descriptor {
            try derive(descriptor)
        } else if let xpub {
            try derive(xpub: xpub)
        } else if let text = keyOrAddress {
            if let bytes = [UInt8](hex: text) {
                guard let key = PublicKey(bytes: bytes) else {
                    throw CommandFault(
                        "\(text) is no public key: \(bytes.count) bytes that are no curve point")
                }
                try tell(key, uncompressed: bytes.count == 65)
            } else {
                try check(text)
            }
        }
    }

    private func tell(_ key: PublicKey, uncompressed: Bool = false) throws {
        for form in type.map({ [$0] }) ?? AddressForm.allCases {
            guard let address = form.address(of: key, network: network, uncompressed: uncompressed) else {
                continue
            }
            Output.line(type == nil ? "\(form.rawValue)\t\(address.text)" : address.text)
        }
    }

    private func check(_ text: String) throws {
        let found: AddressDescription
        do { found = try AddressDescription(text) } catch {
            throw CommandFault("\(text) is no address: \(error)")
        }
        Output.line("address       \(found.address.text)")
        Output.line("network       \(found.networks.map(\.rawValue).joined(separator: ", "))")
        Output.line("type          \(found.type)")
        if let witness = found.witness {
            Output.line("witness       version \(witness.version), program \(witness.program.hex)")
        }
        Output.line("scriptPubKey  \(found.address.scriptPubKey.hex)")
        Output.line(
            "descriptor    "
                + OutputDescriptor.infer(found.address.scriptPubKey, network: found.address.network).text)
    }

    private func derive(xpub: String) throws {
        guard let key = ExtendedKey(xpub, network: network) else {
            throw CommandFault("that is no extended key of \(network.rawValue)")
        }
        guard let steps = KeyPath.parse(path) else { throw CommandFault("\(path) is no key path") }
        guard let child = key.descendant(steps) else {
            throw CommandFault("\(path) has a hardened step, which needs the private extended key")
        }
        Output.line("key\t\(child.publicKey)")
        try tell(child.publicKey)
    }

    private func derive(_ text: String) throws {
        let all: [OutputDescriptor]
        do { all = try OutputDescriptor.parse(text, network: network) } catch {
            throw CommandFault(error.message)
        }
        for one in all {
            guard let expander = DescriptorExpander(one) else {
                throw CommandFault("a hardened step of the descriptor needs the private extended key")
            }
            Output.line(one.publicText)
            for index in one.isRanged ? from..<from + count : 0..<1 {
                for script in expander.expand(at: index)?.scripts ?? [] {
                    let address = script.kind == .pubkey ? nil : Address(script: script, network: network)
                    Output.line("\(one.isRanged ? "\(index)\t" : "")\(address?.text ?? "raw \(script.hex)")")
                }
            }
        }
    }
}

extension AddressForm: ExpressibleByArgument {}
extension AddressNetwork: ExpressibleByArgument {}
