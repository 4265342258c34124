import Bitcoin
import SansIO

/// All wallets of a node, and what of them is not on disk yet.
struct WalletBook: Sendable {
    private let seed: [UInt8]
    /// Is on no disk, so that keys of this session cannot be computed from what is.
    private let session: [UInt8]
    let network: AddressNetwork
    /// How many scripts beyond the last used one are known (Core's -keypool).
    var gap: Int
    /// What is given out unasked, and for change where the operator says so.
    var addressType = AddressType.bech32
    var changeType: AddressType?
    var wallets: [Wallet] = []
    /// Orders of coins, inputs and outputs; secrets never come from it.
    var random: PRNG
    private var dirty: [(key: [UInt8], value: [UInt8]?)] = []
    private var dirtyHeaders: Set<Int> = []
    /// Transactions that are new or changed since the last ``takeNotices()``.
    private var notices: [(wallet: Int, number: Int)] = []
    /// Records as they were read back, until the first use.
    private var records: [[UInt8]: [UInt8]] = [:]
    private var legacy = LegacyWallets()
    private var isRestored = true
    /// How many records were read back, those that later ones replaced among them.
    private var restoredRecords = 0
    /// Earlier records hold what must not stay on the disk, or are mostly stale: all is to be written anew.
    var mustRewrite = false
    /// Whether a wallet that was loaded when the node ended is loaded again without having asked to be.
    /// Bitcoin Core says no.
    var reloadsWallets = true

    init(seed: [UInt8], session: [UInt8] = [], network: AddressNetwork, gap: Int) {
        self.seed = seed
        self.session = session
        self.network = network
        self.gap = gap
        let start = taggedHash("lab/wallet/order", seed).bytes[..<8]
        random = PRNG(seed: start.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }

    func index(of name: String) -> Int? { wallets.firstIndex { $0.name == name } }
    var loaded: [Int] { wallets.indices.filter { wallets[$0].isLoaded } }

    /// Names of the loaded wallets, also before the first use after a restart.
    var loadedNames: [String] {
        guard !isRestored else { return loaded.map { wallets[$0].name } }
        var copy = self
        copy.finishRestoring()
        return copy.loaded.map { copy.wallets[$0].name }
    }

    // MARK: Making

    /// A new wallet, with descriptors of all four types unless it is to be blank. `extra` is mixed into its
    /// seed; for an encrypted one it holds what only the passphrase yields.
    mutating func create(
        _ name: String, flags: Wallet.Flags, birth: UInt32, best: (hash: Hash256, height: Int)
    ) -> Int {
        var wallet = Wallet(number: wallets.count, name: name, network: network, flags: flags, birth: birth)
        wallet.best = best
        wallets.append(wallet)
        let number = wallets.count - 1
        markHeader(number)
        return number
    }

    /// Bytes that nobody can guess without the seeds of node and session, different for every wallet and use.
    func entropy(_ wallet: Int, _ use: String, _ extra: [UInt8] = []) -> [UInt8] {
        let own = wallets[wallet]
        return taggedHash(
            "lab/wallet/entropy", seed, Array(use.utf8), WalletRecord.number(own.number),
            WalletRecord.number(own.descriptors.count), WalletRecord.number(Int(own.birth)),
            Array(own.name.utf8), extra, session
        ).bytes
    }

    /// Descriptors of the four types, both branches, from a fresh master key.
    mutating func addKeys(_ wallet: Int, extra: [UInt8] = [], now: UInt32) {
        guard let master = ExtendedKey(seed: entropy(wallet, "master", extra)) else {
            preconditionFailure("a seed without keys: probability 2^-127")
        }
        let coin: UInt32 = network == .mainnet ? 0 : 1
        for isInternal in [false, true] {
            for type in AddressType.allCases {
                var key = KeyExpression(root: .extended(master))
                key.path =
                    [type.purpose, coin, 0].map { $0 | ExtendedKey.hardened } + [isInternal ? 1 : 0]
                key.wildcard = .normal
                let secret = OutputDescriptor(type.expression(key), network: network)
                guard let watch = secret.normalized else { continue }
                add(
                    WalletDescriptor(
                        watch: watch, secrets: .plain(secret), timestamp: now, isActive: true,
                        isInternal: isInternal, range: 0..<UInt32(gap), next: 0), to: wallet)
            }
        }
        wallets[wallet].flags.remove(.isBlank)
        markHeader(wallet)
    }

    /// Adds a descriptor, sealed if the wallet is encrypted; an active one takes the place of its like.
    @discardableResult
    mutating func add(_ descriptor: WalletDescriptor, to wallet: Int) -> Int {
        var descriptor = descriptor
        if let key = wallets[wallet].encryption?.openKey { descriptor.seal(key) }
        let number = wallets[wallet].add(descriptor)
        markDescriptor(wallet, number)
        if descriptor.isActive {
            for other in wallets[wallet].activate(number, isInternal: descriptor.isInternal) {
                markDescriptor(wallet, other)
            }
        }
        return number
    }

    /// The next script of an active descriptor.
    mutating func issue(_ wallet: Int, _ type: AddressType, isInternal: Bool) -> Script? {
        guard let number = wallets[wallet].active(type, isInternal: isInternal),
            let script = wallets[wallet].issue(number, gap: gap)
        else { return nil }
        markDescriptor(wallet, number)
        return script
    }

    // MARK: The chain and the pool

    mutating func connected(_ block: Block, at place: Wallet.BlockPlace, now: UInt32?) {
        for wallet in loaded {
            var changes = Wallet.Changes()
            wallets[wallet].connected(block, at: place, now: now, gap: gap, into: &changes)
            mark(changes, wallet)
            // The place is written now and then, so that a restart looks at few blocks again.
            if place.height % ChainLimits.walletPlaceInterval == 0 { markHeader(wallet) }
        }
    }

    mutating func disconnected(
        _ block: Block, hash: Hash256, previous: (hash: Hash256, height: Int)
    ) {
        for wallet in loaded {
            var changes = Wallet.Changes()
            wallets[wallet].disconnected(block, hash: hash, previous: previous, into: &changes)
            mark(changes, wallet)
            markHeader(wallet)
        }
    }

    mutating func transactionAdded(_ transaction: Transaction, now: UInt32) {
        for wallet in loaded {
            var changes = Wallet.Changes()
            wallets[wallet].entered(transaction, now: now, gap: gap, into: &changes)
            mark(changes, wallet)
        }
    }

    // MARK: Marking

    mutating func markHeader(_ wallet: Int) { dirtyHeaders.insert(wallet) }

    mutating func markDescriptor(_ wallet: Int, _ number: Int) {
        dirty.append(
            (
                WalletRecord.key(2, wallet, WalletRecord.number(number)),
                wallets[wallet].descriptors[number].record
            ))
    }

    mutating func markTransaction(_ wallet: Int, _ number: Int) {
        let txid = wallets[wallet].transactions[number].txid
        dirty.append((WalletRecord.key(4, wallet, txid.bytes), wallets[wallet].transactionRecord(number)))
    }

    mutating func mark(_ changes: Wallet.Changes, _ wallet: Int) {
        guard !changes.isEmpty else { return }
        for number in changes.descriptors { markDescriptor(wallet, number) }
        for number in changes.transactions {
            markTransaction(wallet, number)
            notices.append((wallet, number))
        }
        markHeader(wallet)
    }

    /// Forgets a transaction.
    mutating func remove(_ txid: Hash256, from wallet: Int) {
        wallets[wallet].remove(txid)
        dirty.append((WalletRecord.key(4, wallet, txid.bytes), nil))
    }

    mutating func setLabel(_ wallet: Int, _ address: String, _ text: String, purpose: String) {
        let key = Array(address.utf8)
        wallets[wallet].labels[key] = Wallet.LabelBox(text: text, purpose: purpose)
        let box = Wallet.LabelBox(text: text, purpose: purpose)
        dirty.append((WalletRecord.key(3, wallet, key), Self.label(box)))
    }

    mutating func markLock(_ wallet: Int, _ outPoint: OutPoint, isSet: Bool) {
        dirty.append((WalletRecord.key(5, wallet, WalletRecord.outPoint(outPoint)), isSet ? [1] : nil))
    }

    /// What must be written now: a value for each key, or nil to forget it.
    mutating func takeDirty() -> [(key: [UInt8], value: [UInt8]?)] {
        if mustRewrite {
            mustRewrite = false
            dirty.removeAll()
            dirtyHeaders.removeAll()
            return allRecords.map { ($0.key, $0.value) }
        }
        for wallet in dirtyHeaders.sorted() {
            dirty.append((WalletRecord.key(1, wallet), wallets[wallet].record))
        }
        dirtyHeaders.removeAll(keepingCapacity: true)
        defer { dirty.removeAll(keepingCapacity: true) }
        return dirty
    }

    /// What to tell of: each transaction once.
    mutating func takeNotices() -> [(wallet: Int, number: Int)] {
        var seen = Set<[Int]>()
        defer { notices.removeAll(keepingCapacity: true) }
        return notices.filter { seen.insert([$0.wallet, $0.number]).inserted }
    }

    // MARK: Restoring

    /// Records of an append-only journal: 4 sets a key (length, key, value), 5 removes one; 1 to 3 are those
    /// of the first version, whose wallets had P2WPKH addresses of the node's seed alone.
    mutating func restore(_ record: RawSpan) {
        isRestored = false
        restoredRecords += 1
        var reader = ByteReader(record)
        do throws(ByteReaderError) {
            switch try reader.u8() {
            case 4:
                let key = try reader.bytes(Int(try reader.u16()))
                records[key] = try reader.bytes(reader.remaining)
            case 5: records[try reader.bytes(reader.remaining)] = nil
            default: legacy.restore(record)
            }
        } catch {
            return
        }
    }

    static func write(_ key: [UInt8], _ value: [UInt8]?, into writer: inout ByteWriter) {
        writer.write(u8: value == nil ? 5 : 4)
        if let value {
            writer.write(u16: UInt16(key.count))
            writer.write(key)
            writer.write(value)
        } else {
            writer.write(key)
        }
    }

    /// Builds the wallets of the records that were read back. A wallet is loaded if it asked to be.
    mutating func finishRestoring() {
        isRestored = true
        let keys = records.keys.sorted { $0.lexicographicallyPrecedes($1) }
        let count = max(
            legacy.names.count, (keys.last { $0.first == 1 }.map { Int($0[1]) << 8 | Int($0[2]) } ?? -1) + 1)
        for number in 0..<count where !wallets.indices.contains(number) {
            if let record = records[WalletRecord.key(1, number)],
                let wallet = Wallet(number: number, record: record, network: network)
            {
                wallets.append(wallet)
                wallets[number].isLoaded =
                    wallets[number].loadsOnStart ?? (reloadsWallets && wallet.isLoaded)
            } else {
                wallets.append(legacy.wallet(number, seed: seed, network: network, gap: gap))
            }
        }
        var found: [Int: [(order: Int, entry: WalletTransaction)]] = [:]
        for key in keys where key.count >= 3 && key[0] > 1 {
            let wallet = Int(key[1]) << 8 | Int(key[2])
            guard wallets.indices.contains(wallet), let value = records[key] else { continue }
            restore(Array(key[3...]), value, kind: key[0], wallet, into: &found)
        }
        for wallet in wallets.indices {
            for (_, entry) in (found[wallet] ?? []).sorted(by: { $0.order < $1.order }) {
                _ = wallets[wallet].insert(entry)
            }
        }
        // A journal of the first version, one with the keys of a wallet that is encrypted now, or a long one.
        let stale = restoredRecords - records.count
        mustRewrite =
            mustRewrite || !legacy.names.isEmpty || stale > records.count + ChainLimits.walletStaleRecords
            || stale > 0 && wallets.contains { $0.encryption != nil }
        restoredRecords = records.count
        records.removeAll()
    }

    /// Everything that is kept, in the order of the keys.
    var allRecords: [(key: [UInt8], value: [UInt8])] {
        wallets.indices.flatMap { records(of: $0) }
    }

    /// What is kept of one wallet.
    func records(of wallet: Int) -> [(key: [UInt8], value: [UInt8])] {
        let own = wallets[wallet]
        var all = [(key: WalletRecord.key(1, wallet), value: own.record)]
        for (number, descriptor) in own.descriptors.enumerated() {
            all.append((WalletRecord.key(2, wallet, WalletRecord.number(number)), descriptor.record))
        }
        for (key, box) in own.labels.entries {
            all.append((WalletRecord.key(3, wallet, key), Self.label(box)))
        }
        for number in own.transactions.indices {
            let txid = own.transactions[number].txid
            all.append((WalletRecord.key(4, wallet, txid.bytes), own.transactionRecord(number)))
        }
        for lock in own.lockedCoins where lock.isPersistent {
            all.append((WalletRecord.key(5, wallet, WalletRecord.outPoint(lock.outPoint)), [1]))
        }
        return all
    }

    private static func label(_ box: Wallet.LabelBox) -> [UInt8] {
        [UInt8(box.purpose == "send" ? 1 : 0)] + Array(box.text.utf8)
    }

    // MARK: Backups

    private static let backupMagic = Array("lab wallet 1\n".utf8)

    /// The same as ``backup(of:)`` without private keys.
    func watchOnlyBackup(of wallet: Int) -> [UInt8] {
        var copy = self
        copy.wallets[wallet].encryption = nil
        copy.wallets[wallet].flags.insert(.disablesPrivateKeys)
        for number in copy.wallets[wallet].descriptors.indices {
            copy.wallets[wallet].descriptors[number].secrets = .none
        }
        return copy.backup(of: wallet)
    }

    /// One wallet as a file: keys and values of its records, each with its length.
    func backup(of wallet: Int) -> [UInt8] {
        var writer = ByteWriter(capacity: 4_096)
        writer.write(Self.backupMagic)
        for (key, value) in records(of: wallet) {
            writer.write(compactSize: UInt64(key.count))
            writer.write(key)
            writer.write(compactSize: UInt64(value.count))
            writer.write(value)
        }
        return writer.bytes
    }

    /// Adds the wallet of a backup under a name; nil if the file is none.
    mutating func restore(backup: [UInt8], as name: String) -> Int? {
        guard backup.starts(with: Self.backupMagic) else { return nil }
        let number = wallets.count
        let content = Array(backup.dropFirst(Self.backupMagic.count))
        var reader = ByteReader(content.span.bytes)
        var found: [Int: [(order: Int, entry: WalletTransaction)]] = [:]
        do throws(ByteReaderError) {
            while reader.remaining > 0 {
                let key = try reader.bytes(Int(clamping: try reader.compactSize()))
                let value = try reader.bytes(Int(clamping: try reader.compactSize()))
                guard key.count >= 3 else { return forget(number) }
                if key[0] == 1 {
                    guard wallets.count == number,
                        var wallet = Wallet(number: number, record: value, network: network)
                    else { return forget(number) }
                    wallet.name = name
                    wallet.isLoaded = true
                    wallets.append(wallet)
                } else {
                    guard wallets.count == number + 1 else { return forget(number) }
                    restore(Array(key[3...]), value, kind: key[0], number, into: &found)
                }
            }
        } catch {
            return forget(number)
        }
        guard wallets.count == number + 1 else { return nil }
        for (_, entry) in (found[number] ?? []).sorted(by: { $0.order < $1.order }) {
            _ = wallets[number].insert(entry)
        }
        for (key, value) in records(of: number) { dirty.append((key, value)) }
        return number
    }

    private mutating func forget(_ number: Int) -> Int? {
        wallets.removeSubrange(min(number, wallets.count)...)
        return nil
    }

    private mutating func restore(
        _ key: [UInt8], _ value: [UInt8], kind: UInt8, _ wallet: Int,
        into found: inout [Int: [(order: Int, entry: WalletTransaction)]]
    ) {
        switch kind {
        case 2:
            guard let descriptor = WalletDescriptor(record: value, network: network) else { return }
            _ = wallets[wallet].add(descriptor)
        case 3:
            guard let purpose = value.first else { return }
            wallets[wallet].labels[key] = Wallet.LabelBox(
                text: String(decoding: value.dropFirst(), as: UTF8.self),
                purpose: purpose == 1 ? "send" : "receive")
        case 4:
            guard let entry = Wallet.transaction(value) else { return }
            found[wallet, default: []].append(entry)
        case 5:
            guard key.count == 36, let txid = Hash256(bytes: Array(key[..<32])) else { return }
            let index = key[32...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            wallets[wallet].lockedCoins.append(
                Wallet.LockedCoin(outPoint: OutPoint(txid: txid, index: index), isPersistent: true))
        default: break
        }
    }
}
