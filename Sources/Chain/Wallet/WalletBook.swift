import Bitcoin
import SansIO

/// All wallets of a node, and every script and coin of theirs.
struct WalletBook: Sendable {
    private let seed: [UInt8]
    var wallets: [Wallet] = []
    private var owners: [Script: WalletAddress] = [:]
    private(set) var coins = WalletCoins()

    /// Orders of inputs and outputs; secrets never come from it.
    var random: PRNG

    init(seed: [UInt8]) {
        self.seed = seed
        let start = taggedHash("lab/wallet/order", seed).bytes[..<8]
        random = PRNG(seed: start.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }

    func index(of name: String) -> Int? { wallets.firstIndex { $0.name == name } }
    var loaded: [Int] { wallets.indices.filter { wallets[$0].isLoaded } }
    func owner(of script: Script) -> WalletAddress? { owners.isEmpty ? nil : owners[script] }

    // MARK: Records

    /// A wallet record: 1 and the name for a new wallet; 2, wallet, branch and index for an address given
    /// out; 3, wallet and 0 or 1 for unloading and loading.
    mutating func restore(_ record: RawSpan) {
        var reader = ByteReader(record)
        do throws(ByteReaderError) {
            switch try reader.u8() {
            case 1: add(String(decoding: try reader.bytes(reader.remaining), as: UTF8.self))
            case 2:
                let wallet = Int(try reader.u16())
                let branch = UInt32(try reader.u8())
                let index = try reader.u32()
                guard wallets.indices.contains(wallet), branch < 2, index < ChainLimits.walletAddresses else {
                    return
                }
                while wallets[wallet].next[Int(branch)] <= index { _ = issue(wallet, branch) }
            case 3:
                let wallet = Int(try reader.u16())
                let flag = try reader.u8()
                if wallets.indices.contains(wallet) { wallets[wallet].isLoaded = flag == 1 }
            default: return
            }
        } catch {
            return
        }
    }

    mutating func add(_ name: String) { wallets.append(Wallet(name: name, seed: seed)) }

    static func recordOfNew(_ name: String, into writer: inout ByteWriter) {
        writer.write(u8: 1)
        writer.write(utf8: name)
    }

    static func record(of address: WalletAddress, into writer: inout ByteWriter) {
        writer.write(u8: 2)
        writer.write(u16: UInt16(address.wallet))
        writer.write(u8: UInt8(address.branch))
        writer.write(u32: address.index)
    }

    static func recordOfLoading(_ wallet: Int, _ isLoaded: Bool, into writer: inout ByteWriter) {
        writer.write(u8: 3)
        writer.write(u16: UInt16(wallet))
        writer.write(u8: isLoaded ? 1 : 0)
    }

    // MARK: Addresses

    /// The next script of a branch; the caller makes it durable before it gives it out.
    mutating func issue(_ wallet: Int, _ branch: UInt32) -> (script: Script, address: WalletAddress) {
        let index = wallets[wallet].next[Int(branch)]
        let script = wallets[wallet].script(branch, index)
        let address = WalletAddress(wallet: wallet, branch: branch, index: index)
        wallets[wallet].next[Int(branch)] = index + 1
        owners[script] = address
        return (script, address)
    }

    // MARK: The chain and the pool

    mutating func connected(_ block: Block, height: Int) {
        guard !owners.isEmpty else { return }
        for transaction in block.transactions { add(transaction, height: height) }
    }

    mutating func disconnected(_ block: Block, spent: [Coin]) {
        guard !owners.isEmpty else { return }
        var rest = spent[...]
        for transaction in block.transactions.reversed() {
            removeOutputs(of: transaction)
            guard !transaction.isCoinbase else { continue }
            for input in transaction.inputs.reversed() {
                guard let coin = rest.popLast(), let address = owners[coin.scriptPubKey] else { continue }
                coins.set(
                    WalletCoin(
                        outPoint: input.previousOutput, value: coin.value, height: Int(coin.height),
                        isCoinbase: coin.isCoinbase, isOwnChange: false, address: address))
            }
        }
    }

    /// A transaction entered the pool. What it spends stays listed; the pool tells that it is spoken for.
    mutating func transactionAdded(_ transaction: Transaction) {
        guard !owners.isEmpty else { return }
        addOutputs(of: transaction, height: nil)
    }

    /// A transaction left the pool without a block.
    mutating func transactionDropped(_ transaction: Transaction) {
        guard !owners.isEmpty else { return }
        removeOutputs(of: transaction)
    }

    /// Takes the wallets' coins from the chain's, which costs far less than to read every block.
    mutating func rescan(_ chain: Chainstate) {
        coins = WalletCoins()
        guard !owners.isEmpty else { return }
        var found: [WalletCoin] = []
        chain.coins.forEach { outPoint, coin in
            guard let address = owners[coin.scriptPubKey] else { return true }
            found.append(
                WalletCoin(
                    outPoint: outPoint, value: coin.value, height: Int(coin.height),
                    isCoinbase: coin.isCoinbase, isOwnChange: false, address: address))
            return true
        }
        // The table's order is that of the outpoints; coins are kept in the order in which they came.
        found.sort { ($0.height ?? 0) < ($1.height ?? 0) }
        for coin in found { coins.set(coin) }
    }

    private mutating func add(_ transaction: Transaction, height: Int) {
        addOutputs(of: transaction, height: height)
        guard !transaction.isCoinbase else { return }
        for input in transaction.inputs { coins.remove(input.previousOutput) }
    }

    private mutating func addOutputs(of transaction: Transaction, height: Int?) {
        for (index, output) in transaction.outputs.enumerated() {
            guard let address = owners[output.scriptPubKey] else { continue }
            let outPoint = OutPoint(txid: transaction.txid, index: UInt32(index))
            let isOwn = transaction.inputs.contains {
                coins[$0.previousOutput]?.address.wallet == address.wallet
            }
            coins.set(
                WalletCoin(
                    outPoint: outPoint, value: output.value, height: height,
                    isCoinbase: transaction.isCoinbase,
                    isOwnChange: isOwn && address.branch == 1, address: address))
        }
    }

    private mutating func removeOutputs(of transaction: Transaction) {
        for index in transaction.outputs.indices {
            coins.remove(OutPoint(txid: transaction.txid, index: UInt32(index)))
        }
    }
}
