import Bitcoin
import SansIO

/// What a coinbase that a miner made must pay to the pool.
public struct CoinbasePayout: Sendable, Equatable {
    /// The pool's outputs; the first is where the reward goes (SV2 section 6.4.3).
    public var scripts: [Script]
    /// Hundredths of everything that the coinbase pays that must go to ``scripts``. With less than 100 a miner may
    /// keep the rest.
    public var percent: Int

    public init(scripts: [Script], percent: Int = 100) {
        precondition(!scripts.isEmpty && (0...100).contains(percent))
        self.scripts = scripts
        self.percent = percent
    }

    /// The outputs as a token's answer carries them: counted, without value.
    public var placeholders: [UInt8] {
        CoinbasePayout.encode(scripts.map { TransactionOutput(value: 0, scriptPubKey: $0) })
    }

    /// Whether these outputs keep the rule. Each script must be there, in any order and among any others.
    /// `least` is what the block is worth at least, in satoshi.
    public func isKept(by outputs: [TransactionOutput], least: Int64 = 0) -> Bool {
        var total: Int64 = 0
        var paid: Int64 = 0
        for output in outputs {
            guard output.value >= 0, output.value <= RewardOutputs.moneyMax - total else { return false }
            total += output.value
            if scripts.contains(output.scriptPubKey) { paid += output.value }
        }
        let areAllThere = scripts.allSatisfy { script in outputs.contains { $0.scriptPubKey == script } }
        return areAllThere && total >= least && paid * 100 >= total * Int64(percent)
    }

    /// Outputs as in a transaction, with their count.
    public static func encode(_ outputs: [TransactionOutput]) -> [UInt8] {
        var writer = ByteWriter(capacity: 64)
        writer.write(compactSize: UInt64(outputs.count))
        for output in outputs { output.encode(into: &writer) }
        return writer.bytes
    }

    /// Reads what ``encode(_:)`` writes; nil for anything else.
    public static func outputs(_ bytes: [UInt8]) -> [TransactionOutput]? {
        var reader = ByteReader(bytes.span.bytes)
        do throws(ByteReaderError) {
            let count = try reader.compactSize()
            // The smallest output has nine bytes.
            guard count <= UInt64(bytes.count / 9) else { return nil }
            var outputs: [TransactionOutput] = []
            outputs.reserveCapacity(Int(count))
            for _ in 0..<count { outputs.append(try TransactionOutput(from: &reader)) }
            try reader.end()
            return outputs
        } catch { return nil }
    }
}

/// The block height that a coinbase's scriptSig begins with (BIP34).
public enum CoinbaseHeight {
    /// Nil when the first push has another form.
    public static func read(_ scriptSig: [UInt8]) -> UInt32? {
        guard let first = scriptSig.first else { return nil }
        if (0x51...0x60).contains(first) { return UInt32(first - 0x50) }
        guard (1...4).contains(first), scriptSig.count > Int(first) else { return nil }
        return scriptSig[1...Int(first)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
