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
    /// ``prefix``, hashed as far as it goes: the same for every share of the job.
    private let prefixHashed: SHA256Stream

    /// Why a template makes no coinbase.
    enum Failure: Error, Equatable, Sendable {
        case scriptSigTooLong(Int, limit: Int)
        case valueOutOfRange(UInt64)
        case outputsTooLong(Int)
    }

    /// The scriptSig is: the template's prefix (BIP34 height), a push of the pool's tag, a push of the job's
    /// number and the extranonce. The job's number makes two jobs on one template different work, so that a
    /// miner that starts over finds no share twice.
    init(
        template: TemplateDistribution.NewTemplate, payout: Script, tag: [UInt8], jobID: UInt32,
        extranonceSize: Int, scriptSigLimit: Int
    ) throws(Failure) {
        var script = template.coinbasePrefix
        if !tag.isEmpty { script += Script.push(tag) }
        script.append(UInt8(4 + extranonceSize))
        for shift in [UInt32(0), 8, 16, 24] { script.append(UInt8(truncatingIfNeeded: jobID >> shift)) }
        let scriptSize = script.count + extranonceSize
        guard scriptSize <= scriptSigLimit else {
            throw .scriptSigTooLong(scriptSize, limit: scriptSigLimit)
        }
        guard template.coinbaseTxValueRemaining <= 21_000_000 * 100_000_000 else {
            throw .valueOutOfRange(template.coinbaseTxValueRemaining)
        }
        var writer = ByteWriter(capacity: 192)
        writer.write(u32: template.coinbaseTxVersion)
        writer.write(compactSize: 1)
        writer.write(hash: Hash256.zero)
        writer.write(u32: .max)
        writer.write(compactSize: UInt64(scriptSize))
        writer.write(script)
        prefix = writer.bytes
        writer.removeAll()
        writer.write(u32: template.coinbaseTxInputSequence)
        writer.write(compactSize: UInt64(template.coinbaseTxOutputsCount) + 1)
        writer.write(u64: template.coinbaseTxValueRemaining)
        writer.write(compactSize: UInt64(payout.bytes.count))
        writer.write(payout.bytes)
        writer.write(template.coinbaseTxOutputs)
        writer.write(u32: template.coinbaseTxLocktime)
        suffix = writer.bytes
        guard suffix.count <= 0xffff else { throw .outputsTooLong(suffix.count) }
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

    /// The whole transaction with its witness, as SubmitSolution wants it (SV2 section 7.7). The witness
    /// reserved value is 32 zero bytes.
    func transaction(_ head: [UInt8], _ tail: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(capacity: prefix.count + suffix.count + 72)
        writer.write(prefix[..<4])
        writer.write(u8: 0)
        writer.write(u8: 1)
        writer.write(prefix[4...])
        writer.write(head)
        writer.write(tail)
        writer.write(suffix[..<(suffix.count - 4)])
        writer.write(compactSize: 1)
        writer.write(compactSize: 32)
        writer.write(hash: Hash256.zero)
        writer.write(suffix[(suffix.count - 4)...])
        return writer.bytes
    }
}

extension Script {
    /// A push of at most 75 bytes.
    fileprivate static func push(_ data: [UInt8]) -> [UInt8] {
        precondition(data.count <= 75)
        return [UInt8(data.count)] + data
    }
}
