public import Bitcoin

/// A script that failed, and where.
public struct ScriptFailure: Error, Equatable, Sendable {
    public var error: ScriptError
    /// Core's words for the place.
    public var place: String

    /// Verifies every input of a transaction, on this thread. With a cache, known signatures are not verified
    /// again, and good ones are remembered.
    public static func check(
        _ transaction: Transaction, spending outputs: [TransactionOutput], flags: ScriptFlags,
        cache: ValidationCache? = nil
    ) throws(ScriptFailure) {
        let hasher = SignatureHasher(transaction, spending: outputs)
        for index in transaction.inputs.indices {
            let checker = SignatureChecker(hasher, input: index, cache: cache, remembers: true)
            if let failure = checker.failure(flags) { throw failure }
        }
        // Policy's flags contain those of a block, so a block's scripts are known to pass as well.
        if let cache, flags.isSuperset(of: .consensus) {
            cache.insertScripts(of: transaction.wtxid, flags: .consensus)
        }
    }
}

extension SignatureChecker {
    /// Runs the scripts of the input.
    func failure(_ flags: ScriptFlags) -> ScriptFailure? {
        let transaction = hasher.transaction
        let input = transaction.inputs[index]
        do throws(ScriptError) {
            try ScriptVerifier.verify(
                scriptSig: input.scriptSig, scriptPubKey: hasher.spentOutputs[index].scriptPubKey,
                witness: input.witness, flags: flags, checker: self)
            return nil
        } catch {
            let out = input.previousOutput
            return ScriptFailure(
                error: error,
                place: "input \(index) of \(transaction.txid.displayHex) "
                    + "(wtxid \(transaction.wtxid.displayHex)), "
                    + "spending \(out.txid.displayHex):\(out.index)")
        }
    }
}

/// The scripts of a block, collected while its coins are spent and then run on all processors.
struct ScriptChecks {
    private var checkers: [SignatureChecker] = []
    private let flags: ScriptFlags
    private let cache: ValidationCache

    init(flags: ScriptFlags, cache: ValidationCache) {
        self.flags = flags
        self.cache = cache
    }

    mutating func add(_ transaction: Transaction, spending outputs: [TransactionOutput]) {
        if !cache.hasNoScripts, cache.containsScripts(of: transaction.wtxid, flags: flags) { return }
        let hasher = SignatureHasher(transaction, spending: outputs)
        for index in transaction.inputs.indices {
            checkers.append(SignatureChecker(hasher, input: index, cache: cache))
        }
    }

    /// The first failure in block order; the same one however many processors there are.
    func run() throws(ScriptFailure) {
        let first = ForkJoin.firstFailure(among: checkers.count) { checkers[$0].failure(flags) == nil }
        if let first, let failure = checkers[first].failure(flags) { throw failure }
    }
}
