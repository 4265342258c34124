import Bitcoin

/// Why a text is no address of a network, in Core's words, and where in it.
struct AddressFault {
    var message: String
    var places: [Int] = []

    /// Of a text that ``Address`` refuses.
    init(_ text: String, network: AddressNetwork) {
        let prefix = network.bech32Prefix
        guard text.lowercased().hasPrefix(prefix) else {
            message = Self.base58(text, network)
            return
        }
        guard let decoded = Bech32.decode(text) else {
            let fault = Bech32.fault(of: text)
            (message, places) = (fault.message, fault.places)
            return
        }
        message = Self.witness(decoded, prefix)
    }

    private static func base58(_ text: String, _ network: AddressNetwork) -> String {
        if let payload = Base58Check.decode(text), payload.count <= 21 {
            let isKnown = [network.publicKeyHashPrefix, network.scriptHashPrefix].contains(payload.first)
            return isKnown
                ? "Invalid length for Base58 address (P2PKH or P2SH)"
                : "Invalid or unsupported Base58-encoded address."
        }
        return Base58.decode(text).map { $0.count <= 100 } ?? false
            ? "Invalid checksum or length of Base58 address (P2PKH or P2SH)"
            : "Invalid or unsupported Segwit (Bech32) or Base58 encoding."
    }

    private static func witness(
        _ decoded: (prefix: String, data: [UInt8], variant: Bech32.Variant), _ prefix: String
    ) -> String {
        guard let version = decoded.data.first else { return "Empty Bech32 data section" }
        guard decoded.prefix == prefix else {
            return "Invalid or unsupported prefix for Segwit (Bech32) address (expected \(prefix), got "
                + "\(decoded.prefix))."
        }
        if version == 0, decoded.variant != .bech32 {
            return "Version 0 witness address must use Bech32 checksum"
        }
        if version != 0, decoded.variant != .bech32m {
            return "Version 1+ witness address must use Bech32m checksum"
        }
        guard let program = Bech32.program(of: decoded.data) else {
            return "Invalid padding in Bech32 data section"
        }
        let size = "(\(program.count) \(program.count == 1 ? "byte" : "bytes"))"
        if version == 0 { return "Invalid Bech32 v0 address program size \(size), per BIP141" }
        if version > 16 { return "Invalid Bech32 address witness version" }
        return "Invalid Bech32 address program size \(size)"
    }
}
