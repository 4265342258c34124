import Bitcoin
import SansIO

/// One named wallet: descriptors, their scripts, and every transaction that touches them.
struct Wallet: Sendable {
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt8
        static let disablesPrivateKeys = Flags(rawValue: 1)
        static let avoidsReuse = Flags(rawValue: 2)
        /// Made without descriptors.
        static let isBlank = Flags(rawValue: 4)
    }

    struct LockedCoin: Sendable, Equatable {
        var outPoint: OutPoint
        /// Kept over restarts.
        var isPersistent: Bool
    }

    let number: Int
    var name: String
    let network: AddressNetwork
    var isLoaded = true
    /// Nil: as Core's settings without an entry; otherwise loaded at the node's start or not.
    var loadsOnStart: Bool?
    var flags: Flags
    /// Unix seconds.
    var birth: UInt32
    var encryption: WalletEncryption?
    var descriptors: [WalletDescriptor] = []
    private(set) var places: [Script: ScriptPlace] = [:]

    private(set) var transactions: [WalletTransaction] = []
    private(set) var transactionIndex: [Hash256: Int] = [:]
    private(set) var outputs: [WalletOutput] = []
    private(set) var outputIndex: [OutPoint: Int] = [:]
    /// Which transactions spend an outpoint, in the order of arrival.
    private(set) var spenders: [OutPoint: [Int]] = [:]

    /// By address text.
    var labels = ByteMap<LabelBox>()
    var lockedCoins: [LockedCoin] = []
    /// The last block that was looked at.
    var best: (hash: Hash256, height: Int)?

    struct LabelBox: Sendable, Equatable {
        var text: String
        var purpose: String
    }

    init(number: Int, name: String, network: AddressNetwork, flags: Flags, birth: UInt32) {
        self.number = number
        self.name = name
        self.network = network
        self.flags = flags
        self.birth = birth
    }

    var hasPrivateKeys: Bool { !flags.contains(.disablesPrivateKeys) }
    var isLocked: Bool { encryption.map { $0.openKey == nil } ?? false }

    // MARK: Scripts

    func place(of script: Script) -> ScriptPlace? { places[script] }
    func isMine(_ script: Script) -> Bool { places[script] != nil }

    /// Adds a descriptor with the scripts of its range.
    mutating func add(_ descriptor: WalletDescriptor) -> Int {
        descriptors.append(descriptor)
        let number = descriptors.count - 1
        addScripts(of: number, descriptor.rangeStart..<descriptor.rangeEnd)
        return number
    }

    /// The active descriptor of a type.
    func active(_ type: AddressType, isInternal: Bool) -> Int? {
        descriptors.lastIndex { $0.isActive && $0.type == type && $0.isInternal == isInternal }
    }

    /// Makes a descriptor the one that gives out its type's addresses.
    mutating func activate(_ number: Int, isInternal: Bool) -> [Int] {
        var changed = [number]
        for other in descriptors.indices where other != number {
            let entry = descriptors[other]
            if entry.isActive, entry.type == descriptors[number].type, entry.isInternal == isInternal {
                descriptors[other].isActive = false
                changed.append(other)
            }
        }
        descriptors[number].isActive = true
        descriptors[number].isInternal = isInternal
        return changed
    }

    /// Keeps `gap` scripts known beyond the last that was used; true if there are more now.
    @discardableResult
    mutating func topUp(_ number: Int, gap: Int) -> Bool {
        let entry = descriptors[number]
        guard entry.isRanged, entry.expander != nil else { return false }
        let end = min(UInt64(entry.next) + UInt64(gap), UInt64(ExtendedKey.hardened))
        guard end > UInt64(entry.rangeEnd) else { return false }
        descriptors[number].rangeEnd = UInt32(end)
        addScripts(of: number, entry.rangeEnd..<UInt32(end))
        return true
    }

    mutating func extend(_ number: Int, to end: UInt32) {
        let start = descriptors[number].rangeEnd
        guard end > start else { return }
        descriptors[number].rangeEnd = end
        addScripts(of: number, start..<end)
    }

    private mutating func addScripts(of number: Int, _ range: Range<UInt32>) {
        for index in range {
            for script in descriptors[number].scripts(at: index) where places[script] == nil {
                places[script] = ScriptPlace(descriptor: number, index: index)
            }
        }
    }

    /// The next script of a descriptor; nil when it is used up or cannot be derived.
    mutating func issue(_ number: Int, gap: Int) -> Script? {
        topUp(number, gap: gap)
        let index = descriptors[number].next
        guard index < descriptors[number].rangeEnd, let script = descriptors[number].scripts(at: index).first
        else { return nil }
        descriptors[number].next = index + 1
        return script
    }

    /// What is known of spending a script.
    func knowledge(of script: Script, withSecrets: Bool) -> SpendingKnowledge? {
        places[script].map {
            descriptors[$0.descriptor].knowledge(at: $0.index, withSecrets: withSecrets)
        }
    }

    // MARK: Transactions

    func transaction(_ txid: Hash256) -> WalletTransaction? {
        transactionIndex[txid].map { transactions[$0] }
    }

    func output(_ outPoint: OutPoint) -> WalletOutput? { outputIndex[outPoint].map { outputs[$0] } }

    /// Whether it pays to or from this wallet.
    func concerns(_ transaction: Transaction) -> Bool {
        if transaction.outputs.contains(where: { places[$0.scriptPubKey] != nil }) { return true }
        return !transaction.isCoinbase
            && transaction.inputs.contains { outputIndex[$0.previousOutput] != nil }
    }

    mutating func insert(_ entry: WalletTransaction) -> Int {
        let number = transactions.count
        transactions.append(entry)
        transactionIndex[entry.txid] = number
        register(number)
        return number
    }

    /// Forgets a transaction and what hangs on its place.
    mutating func remove(_ txid: Hash256) {
        guard let number = transactionIndex[txid] else { return }
        let kept = transactions[..<number] + transactions[(number + 1)...]
        transactions = []
        transactionIndex = [:]
        outputs = []
        outputIndex = [:]
        spenders = [:]
        for entry in kept { _ = insert(entry) }
    }

    mutating func update(_ number: Int, _ body: (inout WalletTransaction) -> Void) {
        body(&transactions[number])
    }

    /// Notes a transaction's spends, and its outputs that are the wallet's; again after new scripts.
    mutating func register(_ number: Int) {
        let transaction = transactions[number].transaction
        if !transaction.isCoinbase {
            for input in transaction.inputs {
                let known = spenders[input.previousOutput, default: []]
                // What is spent needs no lock any more.
                lockedCoins.removeAll { $0.outPoint == input.previousOutput }
                if !known.contains(number) { spenders[input.previousOutput] = known + [number] }
            }
        }
        for (index, output) in transaction.outputs.enumerated() where places[output.scriptPubKey] != nil {
            let outPoint = OutPoint(txid: transaction.txid, index: UInt32(index))
            guard outputIndex[outPoint] == nil else { continue }
            outputIndex[outPoint] = outputs.count
            outputs.append(
                WalletOutput(
                    outPoint: outPoint, value: output.value, script: output.scriptPubKey, transaction: number,
                    isCoinbase: transaction.isCoinbase))
        }
    }

    /// The scripts of this transaction that are the wallet's are used: later ones come into view.
    mutating func markUsed(_ transaction: Transaction, gap: Int) -> [Int] {
        var changed: [Int] = []
        for output in transaction.outputs {
            guard let place = places[output.scriptPubKey], descriptors[place.descriptor].isRanged else {
                continue
            }
            if place.index >= descriptors[place.descriptor].next {
                descriptors[place.descriptor].next = place.index + 1
                changed.append(place.descriptor)
            }
            if topUp(place.descriptor, gap: gap) { changed.append(place.descriptor) }
        }
        return changed
    }

    // MARK: Labels and locks

    func label(_ address: String) -> LabelBox? { labels[Array(address.utf8)] }

    func address(_ script: Script) -> String? {
        script.kind == .pubkey ? nil : Address(script: script, network: network)?.text
    }

    /// Change: the wallet's own script that was never given out under a label.
    func isChange(_ script: Script) -> Bool {
        guard isMine(script) else { return false }
        guard let address = address(script) else { return true }
        return label(address) == nil
    }

    func isLockedCoin(_ outPoint: OutPoint) -> Bool { lockedCoins.contains { $0.outPoint == outPoint } }
}
