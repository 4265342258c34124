/// Why a block or transaction was refused, in Core's words.
public struct Rejection: Error, Equatable, Sendable {
    /// What kind of fault it is; decides whether the block is remembered as bad.
    public enum Kind: Sendable, Equatable {
        /// Breaks a rule of consensus and always will.
        case consensus
        /// The body does not match the header; another body with this header may be good, so it is not
        /// remembered.
        case mutated
        case invalidHeader
        case missingPrevious
        case invalidPrevious
        /// Too far ahead of our clock; may become good.
        case timeFuture
        /// Known to be bad already.
        case cachedInvalid
        /// Policy of the memory pool, not consensus.
        case policy
        /// Pays too little by itself; may stand in a package or later.
        case reconsiderable
        /// Policy, because of witnesses that another relay may have put there; the transaction by its txid
        /// may be good.
        case witnessMutated
        /// Failed without witnesses where there should be some; the transaction by its txid may be good.
        case witnessStripped
        /// Inputs that are unknown or spent.
        case missingInputs
    }

    public var kind: Kind
    /// BIP22's reject string, e.g. `bad-cb-amount`.
    public var reason: String
    /// More for people; not part of the reason.
    public var detail: String

    public init(_ kind: Kind, _ reason: String, detail: String = "") {
        self.kind = kind
        self.reason = reason
        self.detail = detail
    }

    public static func consensus(_ reason: String, detail: String = "") -> Rejection {
        Rejection(.consensus, reason, detail: detail)
    }
    public static func mutated(_ reason: String) -> Rejection { Rejection(.mutated, reason) }
    public static func header(_ reason: String) -> Rejection { Rejection(.invalidHeader, reason) }
    public static func policy(_ reason: String, detail: String = "") -> Rejection {
        Rejection(.policy, reason, detail: detail)
    }
}
