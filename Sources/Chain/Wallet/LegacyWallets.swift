import Bitcoin
import SansIO

/// Wallets as the first version of the node kept them: a name, and how many addresses of the node's seed were
/// given out.
struct LegacyWallets: Sendable {
    private(set) var names: [String] = []
    private var next: [[UInt32]] = []

    mutating func restore(_ record: RawSpan) {
        var reader = ByteReader(record)
        do throws(ByteReaderError) {
            switch try reader.u8() {
            case 1:
                names.append(String(decoding: try reader.bytes(reader.remaining), as: UTF8.self))
                next.append([0, 0])
            case 2:
                let wallet = Int(try reader.u16())
                let branch = Int(try reader.u8())
                let index = try reader.u32()
                guard names.indices.contains(wallet), branch < 2, index < ExtendedKey.hardened - 1 else {
                    return
                }
                next[wallet][branch] = max(next[wallet][branch], index + 1)
            default: return
            }
        } catch {
            return
        }
    }

    /// The same addresses as descriptors.
    func wallet(_ number: Int, seed: [UInt8], network: AddressNetwork, gap: Int) -> Wallet {
        let name = names.indices.contains(number) ? names[number] : "wallet-\(number)"
        var wallet = Wallet(number: number, name: name, network: network, flags: [], birth: 0)
        guard names.indices.contains(number),
            let master = ExtendedKey(seed: taggedHash("lab/wallet", seed + Array(name.utf8)).bytes)
        else { return wallet }
        for branch in [0, 1] {
            var key = KeyExpression(root: .extended(master))
            key.path = [84, 1, 0].map { $0 | ExtendedKey.hardened } + [UInt32(branch)]
            key.wildcard = .normal
            let secret = OutputDescriptor(.witnessKeyHash(key), network: network)
            guard let watch = secret.normalized else { continue }
            let used = next[number][branch]
            _ = wallet.add(
                WalletDescriptor(
                    watch: watch, secrets: .plain(secret), timestamp: 0, isActive: true,
                    isInternal: branch == 1, range: 0..<used + UInt32(gap), next: used))
        }
        wallet.loadsOnStart = true
        return wallet
    }
}
