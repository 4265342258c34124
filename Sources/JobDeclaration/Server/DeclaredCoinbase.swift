import Bitcoin
import Pool
import SansIO

/// The coinbase of DeclareMiningJob: two halves with the extranonce between them, which is the end of the scriptSig
/// (SV2 section 6.4.4).
struct DeclaredCoinbase: Sendable {
    /// With zeros where the extranonce goes, and with the witness that a commitment needs.
    let transaction: Transaction
    /// The scriptSig before the extranonce.
    let scriptPrefix: [UInt8]
    let extranonceSize: Int

    enum Fault: Error, Equatable {
        /// The halves and an extranonce between them are no transaction.
        case undecodable(String)
        /// It has not exactly one input that spends nothing, or its scriptSig cannot be.
        case input(String)
    }

    init(prefix: [UInt8], suffix: [UInt8], scriptSigLimit: Int = 100) throws(Fault) {
        (scriptPrefix, extranonceSize) = try DeclaredCoinbase.script(in: prefix, limit: scriptSigLimit)
        let bytes = prefix + [UInt8](repeating: 0, count: extranonceSize) + suffix
        var read: Transaction
        do throws(TransactionError) { read = try Transaction(bytes: bytes) } catch {
            throw .undecodable("\(error)")
        }
        guard read.isCoinbase else { throw .input("not a coinbase's input") }
        if !read.hasWitness, WitnessCommitment.outputIndex(in: read) != nil {
            // A client that strips BIP141 data all the same; a block needs the reserved value.
            read.inputs[0].witness = [[UInt8](repeating: 0, count: 32)]
            read.seal()
        }
        transaction = read
    }

    /// The scriptSig's beginning and the bytes that are left of it.
    private static func script(in prefix: [UInt8], limit: Int) throws(Fault) -> ([UInt8], Int) {
        var reader = ByteReader(prefix.span.bytes)
        do {
            try reader.skip(4)
            var inputs = try reader.compactSize()
            if inputs == 0 {
                guard try reader.u8() == 1 else { throw Fault.undecodable("unknown flags") }
                inputs = try reader.compactSize()
            }
            guard inputs == 1 else { throw Fault.input("\(inputs) inputs") }
            guard try OutPoint(from: &reader).isNull else { throw Fault.input("spends an output") }
            let size = Int(try reader.compactSize())
            guard (2...limit).contains(size) else { throw Fault.input("scriptSig of \(size) bytes") }
            let present = reader.remaining
            guard present <= size, size - present <= 32 else {
                throw Fault.input("scriptSig of \(size) bytes, \(present) of them before the extranonce")
            }
            return (try reader.bytes(present), size - present)
        } catch let fault as Fault {
            throw fault
        } catch {
            throw .undecodable("the first half ends early")
        }
    }

    /// The coinbase with this extranonce.
    func filled(_ extranonce: [UInt8]) -> Transaction {
        var input = transaction.inputs[0]
        input.scriptSig = Script(scriptPrefix + extranonce)
        return Transaction(
            version: transaction.version, inputs: [input], outputs: transaction.outputs,
            lockTime: transaction.lockTime)
    }

    /// BIP34's height; nil when the scriptSig has another form.
    var height: UInt32? { CoinbaseHeight.read(scriptPrefix) }
}
