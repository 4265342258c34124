import Bitcoin
import SansIO
import Stratum

/// A template's coinbase, cut where the full extranonce goes. Without witness data, as jobs carry it (BIP141,
/// SV2 section 5.3.16).
struct Coinbase: Sendable {
    /// Everything before the full extranonce.
    let prefix: [UInt8]
    /// Everything behind it.
    let suffix: [UInt8]
    /// Bytes of the scriptSig before the extranonce; they end ``prefix``.
    let scriptPrefixSize: Int
    /// ``prefix``, hashed as far as it goes: the same for every share of the job.
    private let prefixHashed: SHA256Stream

    /// Why a template makes no coinbase.
    enum Failure: Error, Equatable, Sendable {
        case scriptSigTooLong(Int, limit: Int)
        case valueOutOfRange(UInt64)
        /// The template leaves less than the outputs after the first one get.
        case valueTooSmall(UInt64)
        case outputsTooLong(Int)
    }

    /// The scriptSig is: the template's prefix (BIP34 height), a push of the pool's tag, a push of the job's
    /// number and the extranonce. The number makes two jobs on one template different work, so that a miner that
    /// starts over finds no share twice; it is no earlier process's either, which nobody remembers the shares of.
    init(
        template: TemplateDistribution.NewTemplate, rewards: RewardOutputs, tag: [UInt8], number: UInt32,
        extranonceSize: Int, scriptSigLimit: Int
    ) throws(Failure) {
        var script = template.coinbasePrefix
        if !tag.isEmpty { script += Script.push(tag) }
        script.append(UInt8(4 + extranonceSize))
        for shift in [UInt32(0), 8, 16, 24] { script.append(UInt8(truncatingIfNeeded: number >> shift)) }
        let scriptSize = script.count + extranonceSize
        guard scriptSize <= scriptSigLimit else {
            throw .scriptSigTooLong(scriptSize, limit: scriptSigLimit)
        }
        guard template.coinbaseTxValueRemaining <= UInt64(RewardOutputs.moneyMax) else {
            throw .valueOutOfRange(template.coinbaseTxValueRemaining)
        }
        guard let outputs = rewards.paying(template.coinbaseTxValueRemaining) else {
            throw .valueTooSmall(template.coinbaseTxValueRemaining)
        }
        var writer = ByteWriter(capacity: 192)
        writer.write(u32: template.coinbaseTxVersion)
        writer.write(compactSize: 1)
        writer.write(hash: Hash256.zero)
        writer.write(u32: .max)
        writer.write(compactSize: UInt64(scriptSize))
        writer.write(script)
        let prefix = writer.bytes
        writer.removeAll()
        writer.write(u32: template.coinbaseTxInputSequence)
        writer.write(compactSize: UInt64(template.coinbaseTxOutputsCount) + UInt64(outputs.count))
        for output in outputs { output.encode(into: &writer) }
        writer.write(template.coinbaseTxOutputs)
        writer.write(u32: template.coinbaseTxLocktime)
        guard writer.count <= 0xffff else { throw .outputsTooLong(writer.count) }
        self.init(prefix: prefix, suffix: writer.bytes, scriptPrefixSize: script.count)
    }

    init(prefix: [UInt8], suffix: [UInt8], scriptPrefixSize: Int) {
        self.scriptPrefixSize = scriptPrefixSize
        self.prefix = prefix
        self.suffix = suffix
        var stream = SHA256Stream()
        stream.update(prefix)
        prefixHashed = stream
    }

    /// The coinbase's id. `head` and `tail` together are the full extranonce.
    func id(_ head: [UInt8], _ tail: [UInt8]) -> Hash256 {
        var stream = prefixHashed
        stream.update(head)
        if !tail.isEmpty { stream.update(tail) }
        stream.update(suffix)
        return stream.finalizeDouble()
    }

    /// The whole transaction with its witness, as SubmitSolution wants it (SV2 section 7.7).
    func transaction(_ head: [UInt8], _ tail: [UInt8]) -> [UInt8] {
        declaredPrefix + head + tail + declaredSuffix
    }

    /// ``prefix`` with the marker and flag of BIP141, as DeclareMiningJob wants it (SV2 section 6.4.4).
    var declaredPrefix: [UInt8] { prefix[..<4] + [0, 1] + prefix[4...] }

    /// ``suffix`` with the witness: one reserved value of 32 zero bytes.
    var declaredSuffix: [UInt8] {
        suffix[..<(suffix.count - 4)] + [1, 32] + [UInt8](repeating: 0, count: 32)
            + suffix[(suffix.count - 4)...]
    }

    /// The scriptSig before the extranonce: SetCustomMiningJob's `coinbase_prefix`.
    var scriptPrefix: [UInt8] { Array(prefix.suffix(scriptPrefixSize)) }

    /// All outputs with their count: SetCustomMiningJob's `coinbase_tx_outputs`.
    var outputs: [UInt8] { Array(suffix[4..<(suffix.count - 4)]) }
}

extension Script {
    /// A push of at most 75 bytes.
    fileprivate static func push(_ data: [UInt8]) -> [UInt8] {
        precondition(data.count <= 75)
        return [UInt8(data.count)] + data
    }
}
