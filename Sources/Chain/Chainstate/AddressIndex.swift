public import Bitcoin
import SansIO

/// What happened to one script in one transaction of the active chain.
public struct AddressEvent: Sendable, Equatable {
    public var height: Int
    /// The transaction's place in its block.
    public var position: Int
    public var txid: Hash256
    /// Satoshi that its outputs pay to the script.
    public var received: Int64
    /// Satoshi of the script's coins that it spends.
    public var spent: Int64
}

/// An unspent output of one script.
public struct AddressCoin: Sendable, Equatable {
    public var outPoint: OutPoint
    public var value: Int64
    public var height: Int
    public var isCoinbase: Bool
}

/// History and coins by script hash: the single SHA-256 of the script, as the Electrum protocol has it. A history
/// entry's key is script hash, height, place in the block; a coin's is script hash and outpoint.
enum AddressIndex {
    static func key(of script: Script) -> [UInt8] { SHA256.hash(script.bytes).bytes }

    static func connect(_ block: Block, height: Int, spent: [Coin], in storage: any DurableStorage) {
        var rest = spent[...]
        for (position, transaction) in block.transactions.enumerated() {
            var events: [(script: [UInt8], received: Int64, spent: Int64)] = []
            if !transaction.isCoinbase {
                for input in transaction.inputs {
                    guard let coin = rest.popFirst() else { return }
                    let script = key(of: coin.scriptPubKey)
                    storage.remove(.addressCoins, script + ChainKey.coin(input.previousOutput))
                    add(0, coin.value, to: script, of: &events)
                }
            }
            let txid = transaction.txid
            for (index, output) in transaction.outputs.enumerated()
            where !CoinSet.isUnspendable(output.scriptPubKey.bytes) {
                let script = key(of: output.scriptPubKey)
                let coin = Coin(
                    value: output.value, scriptPubKey: Script(), height: UInt32(height),
                    isCoinbase: transaction.isCoinbase)
                store(coin, at: OutPoint(txid: txid, index: UInt32(index)), of: script, in: storage)
                add(output.value, 0, to: script, of: &events)
            }
            for event in events {
                var value = ByteWriter(capacity: 48)
                value.write(hash: txid)
                value.write(u64: UInt64(bitPattern: event.received))
                value.write(u64: UInt64(bitPattern: event.spent))
                storage.set(.addressHistory, historyKey(event.script, height, position), value.bytes)
            }
        }
    }

    static func disconnect(_ block: Block, height: Int, spent: [Coin], in storage: any DurableStorage) {
        var rest = spent[...]
        for (position, transaction) in block.transactions.enumerated().reversed() {
            let txid = transaction.txid
            for (index, output) in transaction.outputs.enumerated()
            where !CoinSet.isUnspendable(output.scriptPubKey.bytes) {
                let script = key(of: output.scriptPubKey)
                storage.remove(
                    .addressCoins, script + ChainKey.coin(OutPoint(txid: txid, index: UInt32(index))))
                storage.remove(.addressHistory, historyKey(script, height, position))
            }
            guard !transaction.isCoinbase else { continue }
            for input in transaction.inputs.reversed() {
                guard let coin = rest.popLast() else { return }
                let script = key(of: coin.scriptPubKey)
                store(coin, at: input.previousOutput, of: script, in: storage)
                storage.remove(.addressHistory, historyKey(script, height, position))
            }
        }
    }

    private static func add(
        _ received: Int64, _ spent: Int64, to script: [UInt8],
        of events: inout [(script: [UInt8], received: Int64, spent: Int64)]
    ) {
        if let place = events.lastIndex(where: { $0.script == script }) {
            events[place].received += received
            events[place].spent += spent
        } else {
            events.append((script, received, spent))
        }
    }

    private static func store(
        _ coin: Coin, at outPoint: OutPoint, of script: [UInt8], in storage: any DurableStorage
    ) {
        var value = ByteWriter(capacity: 12)
        Coin(value: coin.value, scriptPubKey: Script(), height: coin.height, isCoinbase: coin.isCoinbase)
            .encode(into: &value)
        storage.set(.addressCoins, script + ChainKey.coin(outPoint), value.bytes)
    }

    private static func historyKey(_ script: [UInt8], _ height: Int, _ position: Int) -> [UInt8] {
        script + ChainKey.bigEndian(UInt32(height)) + ChainKey.bigEndian(UInt32(position))
    }
}

extension Chainstate {
    /// What happened to a script, the latest first, from before the place `before` (height and place in the block)
    /// if given. Nil when the address index is off.
    public func history(
        of script: Script, before: (height: Int, position: Int)? = nil, limit: Int
    ) -> [AddressEvent]? {
        guard options.addressIndex else { return nil }
        let prefix = AddressIndex.key(of: script)
        var events: [AddressEvent] = []
        func visit(_ key: RawSpan, _ value: RawSpan) -> Bool {
            let key = key.withUnsafeBytes { Array($0) }
            let value = value.withUnsafeBytes { Array($0) }
            guard key.count == 40, value.count == 48, let txid = Hash256(bytes: Array(value[..<32])) else {
                return false
            }
            func amount(_ range: Range<Int>) -> Int64 {
                Int64(bitPattern: ChainKey.number(value[range].reversed()))
            }
            events.append(
                AddressEvent(
                    height: Int(ChainKey.number(Array(key[32..<36]))),
                    position: Int(ChainKey.number(Array(key[36...]))), txid: txid, received: amount(32..<40),
                    spent: amount(40..<48)))
            return events.count < limit
        }
        guard limit > 0 else { return [] }
        if let before {
            let end =
                prefix + ChainKey.bigEndian(UInt32(clamping: before.height))
                + ChainKey.bigEndian(UInt32(clamping: before.position))
            storage.scan(.addressHistory, from: prefix, to: end, backwards: true, visit)
        } else {
            storage.scan(.addressHistory, prefix: prefix, backwards: true, visit)
        }
        return events
    }

    /// The unspent outputs of a script in the order of their outpoints' bytes. Nil when the address index is off.
    public func coins(of script: Script, limit: Int) -> [AddressCoin]? {
        guard options.addressIndex else { return nil }
        var coins: [AddressCoin] = []
        guard limit > 0 else { return [] }
        storage.scan(.addressCoins, prefix: AddressIndex.key(of: script)) { key, value in
            guard key.byteCount == 68, let outPoint = ChainKey.outPoint(key.extracting(32..<68)),
                let coin = Coin(encoded: value.withUnsafeBytes { Array($0) })
            else { return false }
            coins.append(
                AddressCoin(
                    outPoint: outPoint, value: coin.value, height: Int(coin.height),
                    isCoinbase: coin.isCoinbase))
            return coins.count < limit
        }
        return coins
    }
}
