import SansIO

/// What is wrong with a chain, as data.
public struct ChipFault: Sendable, Equatable {
    public enum Kind: Sendable, Equatable, Hashable {
        /// The chip does not answer, hash or take an address; what comes for others passes through it.
        case missing(chip: Int)
        /// Nothing reaches this chip nor those behind it.
        case broken(from: Int)
        /// The chips of this voltage domain answer but do not hash.
        case stuckDomain(Int)
        /// A nonce is sent twice.
        case duplicateNonce
        /// A nonce that proves nothing is sent in a true one's place, as a miscomputing core does.
        case wrongNonce
        /// A bit of a reply is wrong.
        case checksum
        /// A nonce's job id is another one.
        case wrongID
        /// Nothing comes out of the chain.
        case silent
    }

    public enum Occurrence: Sendable, Equatable, Hashable {
        case always
        /// A share in 0...1 of the events that the fault is about (nonces, replies), by the chain's seed. For lasting
        /// faults (missing, broken, stuck) the same as always if above zero.
        case rate(Double)
        case during(from: Instant, until: Instant)
    }

    public var kind: Kind
    public var occurrence: Occurrence

    public init(_ kind: Kind, _ occurrence: Occurrence = .always) {
        self.kind = kind
        self.occurrence = occurrence
    }

    /// Whether it strikes an event now.
    func strikes(at now: Instant, _ random: inout PRNG) -> Bool {
        switch occurrence {
        case .always: true
        case .rate(let rate): rate > 0 && random.uniform() <= rate
        case .during(let from, let until): from <= now && now < until
        }
    }

    /// Whether it holds now, for faults that last.
    func holds(at now: Instant) -> Bool {
        switch occurrence {
        case .always: true
        case .rate(let rate): rate > 0
        case .during(let from, let until): from <= now && now < until
        }
    }
}
