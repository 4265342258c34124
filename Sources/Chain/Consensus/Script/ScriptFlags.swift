/// Which script rules apply. Consensus rules are soft forks that are active; policy rules bind the pool only.
public struct ScriptFlags: OptionSet, Sendable, Hashable {
    public var rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// BIP16.
    public static let p2sh = ScriptFlags(rawValue: 1 << 0)
    public static let strictEncoding = ScriptFlags(rawValue: 1 << 1)
    /// BIP66.
    public static let strictDER = ScriptFlags(rawValue: 1 << 2)
    public static let lowS = ScriptFlags(rawValue: 1 << 3)
    /// BIP147.
    public static let nullDummy = ScriptFlags(rawValue: 1 << 4)
    public static let signaturePushOnly = ScriptFlags(rawValue: 1 << 5)
    public static let minimalData = ScriptFlags(rawValue: 1 << 6)
    public static let discourageUpgradableNops = ScriptFlags(rawValue: 1 << 7)
    public static let cleanStack = ScriptFlags(rawValue: 1 << 8)
    /// BIP65.
    public static let checkLockTime = ScriptFlags(rawValue: 1 << 9)
    /// BIP112.
    public static let checkSequence = ScriptFlags(rawValue: 1 << 10)
    /// BIP141, 143.
    public static let witness = ScriptFlags(rawValue: 1 << 11)
    public static let discourageUpgradableWitnessProgram = ScriptFlags(rawValue: 1 << 12)
    public static let minimalIf = ScriptFlags(rawValue: 1 << 13)
    public static let nullFail = ScriptFlags(rawValue: 1 << 14)
    public static let witnessPublicKeyType = ScriptFlags(rawValue: 1 << 15)
    public static let constScriptCode = ScriptFlags(rawValue: 1 << 16)
    /// BIP341, 342.
    public static let taproot = ScriptFlags(rawValue: 1 << 17)
    public static let discourageUpgradableTaprootVersion = ScriptFlags(rawValue: 1 << 18)
    public static let discourageOpSuccess = ScriptFlags(rawValue: 1 << 19)
    public static let discourageUpgradablePublicKeyType = ScriptFlags(rawValue: 1 << 20)

    /// What a block must hold to on a chain where every soft fork is active.
    public static let consensus: ScriptFlags = [
        .p2sh, .strictDER, .nullDummy, .checkLockTime, .checkSequence, .witness, .taproot,
    ]
    /// What the memory pool asks for.
    public static let standard: ScriptFlags = [
        consensus, .strictEncoding, .minimalData, .discourageUpgradableNops, .cleanStack, .minimalIf,
        .nullFail,
        .lowS, .discourageUpgradableWitnessProgram, .witnessPublicKeyType, .constScriptCode,
        .discourageUpgradableTaprootVersion, .discourageOpSuccess, .discourageUpgradablePublicKeyType,
    ]
}

/// Why a script failed; the text is Core's and appears in reject reasons.
public enum ScriptError: String, Error, Sendable, Equatable, CaseIterable {
    case evalFalse = "Script evaluated without error but finished with a false/empty top stack element"
    case verify = "Script failed an OP_VERIFY operation"
    case equalVerify = "Script failed an OP_EQUALVERIFY operation"
    case checkMultisigVerify = "Script failed an OP_CHECKMULTISIGVERIFY operation"
    case checkSigVerify = "Script failed an OP_CHECKSIGVERIFY operation"
    case numEqualVerify = "Script failed an OP_NUMEQUALVERIFY operation"
    case scriptSize = "Script is too big"
    case pushSize = "Push value size limit exceeded"
    case opCount = "Operation limit exceeded"
    case stackSize = "Stack size limit exceeded"
    case sigCount = "Signature count negative or greater than pubkey count"
    case pubkeyCount = "Pubkey count negative or limit exceeded"
    case badOpcode = "Opcode missing or not understood"
    case disabledOpcode = "Attempted to use a disabled opcode"
    case invalidStackOperation = "Operation not valid with the current stack size"
    case invalidAltStackOperation = "Operation not valid with the current altstack size"
    case opReturn = "OP_RETURN was encountered"
    case unbalancedConditional = "Invalid OP_IF construction"
    case negativeLockTime = "Negative locktime"
    case unsatisfiedLockTime = "Locktime requirement not satisfied"
    case sigHashType = "Signature hash type missing or not understood"
    case sigDER = "Non-canonical DER signature"
    case minimalData = "Data push larger than necessary"
    case sigPushOnly = "Only push operators allowed in signatures"
    case sigHighS = "Non-canonical signature: S value is unnecessarily high"
    case sigNullDummy = "Dummy CHECKMULTISIG argument must be zero"
    case minimalIf = "OP_IF/NOTIF argument must be minimal"
    case nullFail = "Signature must be zero for failed CHECK(MULTI)SIG operation"
    case discourageUpgradableNops = "NOPx reserved for soft-fork upgrades"
    case discourageUpgradableWitnessProgram = "Witness version reserved for soft-fork upgrades"
    case discourageUpgradableTaprootVersion = "Taproot version reserved for soft-fork upgrades"
    case discourageOpSuccess = "OP_SUCCESSx reserved for soft-fork upgrades"
    case discourageUpgradablePublicKeyType = "Public key version reserved for soft-fork upgrades"
    case publicKeyType = "Public key is neither compressed or uncompressed"
    case cleanStack = "Stack size must be exactly one after execution"
    case witnessProgramWrongLength = "Witness program has incorrect length"
    case witnessProgramEmpty = "Witness program was passed an empty witness"
    case witnessProgramMismatch = "Witness program hash mismatch"
    case witnessMalleated = "Witness requires empty scriptSig"
    case witnessMalleatedP2SH = "Witness requires only-redeemscript scriptSig"
    case witnessUnexpected = "Witness provided for non-witness script"
    case witnessPublicKeyType = "Using non-compressed keys in segwit"
    case schnorrSigSize = "Invalid Schnorr signature size"
    case schnorrSigHashType = "Invalid Schnorr signature hash type"
    case schnorrSig = "Invalid Schnorr signature"
    case taprootWrongControlSize = "Invalid Taproot control block size"
    case tapscriptValidationWeight = "Too much signature validation relative to witness weight"
    case tapscriptCheckMultisig = "OP_CHECKMULTISIG(VERIFY) is not available in tapscript"
    case tapscriptMinimalIf = "OP_IF/NOTIF argument must be minimal in tapscript"
    case tapscriptEmptyPublicKey = "Empty public key in tapscript"
    case opCodeSeparator = "Using OP_CODESEPARATOR in non-witness script"
    case sigFindAndDelete = "Signature is found in scriptCode"
    case scriptNumber = "Script number overflowed or is non-minimally encoded"
}
