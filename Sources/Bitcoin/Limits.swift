/// Every bound of this room.
enum Limits {
    /// Bytes of the shortest possible input: outpoint 36, empty script 1, sequence 4. A count prefix never
    /// reserves more memory than the bytes behind it can fill.
    static let inputBytesMin = 41
    /// Value 8 and an empty script 1.
    static let outputBytesMin = 9
    /// Version 4, two counts, lock time 4.
    static let transactionBytesMin = 10
    /// Core's MAX_SCRIPT_SIZE: a longer script can never be spent.
    static let scriptBytesMax = 10_000
    /// BIP141: a witness program has 2 to 40 bytes.
    static let witnessProgramBytes = 2...40
    /// BIP173: a Bech32 string has at most 90 characters.
    static let bech32CharactersMax = 90
    /// Longest text that Base58 will look at. Decoding is quadratic, and no address or key has more than 111.
    static let base58CharactersMax = 512
    /// Candidates that a nonce scan collects before they are checked; the least that the kernels take, so
    /// that a scan stops at the first step with a candidate.
    static let scanCandidates = 16
    /// The same for a strided scan, which wants all candidates: room for those of an easy target in a few steps.
    static let stridedCandidates = 64
    /// Longest descriptor that is read: a miniscript may have a letter for each of its script's 330,000 bytes,
    /// and 999 extended keys with origins and paths, taproot's largest multisig, are shorter.
    static let descriptorBytesMax = 500_000
    /// Core's MAX_PUBKEYS_PER_MULTISIG.
    static let multisigKeysMax = 20
    /// Core's MAX_PUBKEYS_PER_MULTI_A: what fits on the stack beside the threshold.
    static let tapscriptMultisigKeysMax = 999
    /// Consensus: bytes of one stack element, hence of a P2SH script.
    static let scriptElementBytesMax = 520
    /// BIP341: nodes of a control block's path.
    static let taprootDepthMax = 128
    /// Core's MAX_STANDARD_P2WSH_SCRIPT_SIZE and MAX_STANDARD_P2WSH_STACK_ITEMS: what is relayed.
    static let witnessScriptBytesMax = 3_600
    static let witnessScriptStackMax = 100
    /// Consensus: counted opcodes of a witness script, and stack elements while any script runs.
    static let scriptOperationsMax = 201
    static let stackElementsMax = 1_000
    /// Core's MAX_STANDARD_TX_WEIGHT.
    static let transactionWeightMax = 400_000
}
