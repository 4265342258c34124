import SansIO
import Stratum

/// What the peer under test is.
public enum ConformanceRole: String, Sendable, Hashable, CaseIterable {
    /// A mining server: pool, or a proxy's Stratum V2 side.
    case pool
    /// A job declaration server.
    case jds
    /// The Stratum V1 side of a translator.
    case translator
    /// A template provider.
    case tp

    /// What SetupConnection asks for; nil for V1.
    public var v2Protocol: V2Protocol? {
        switch self {
        case .pool: .mining
        case .jds: .jobDeclaration
        case .tp: .templateDistribution
        case .translator: nil
        }
    }
}

/// What a check found.
public enum Verdict: Sendable, Hashable {
    case pass(String)
    /// The clause is broken; the text says how.
    case fail(String)
    /// The clause does not apply to this peer, or not now.
    case skip(String)
    /// The check could not get far enough to tell.
    case unknown(String)

    public var word: String {
        switch self {
        case .pass: "pass"
        case .fail: "fail"
        case .skip: "skip"
        case .unknown: "unknown"
        }
    }

    public var reason: String {
        switch self {
        case .pass(let text), .fail(let text), .skip(let text), .unknown(let text): text
        }
    }

    public var isFailure: Bool { word == "fail" }
}

/// One thing that was said or that happened in a check.
public struct Exchange: Sendable, Hashable {
    public enum Direction: String, Sendable, Hashable {
        case sent
        case received
        case event
    }

    /// Since the check began.
    public var at: Interval
    /// Which of the check's connections.
    public var slot: Int
    public var direction: Direction
    /// The message in words.
    public var text: String
    /// Its bytes, in plain text, cut at ``ConformanceLimits/evidenceBytes``.
    public var hex: String
}

/// What became of one check.
public struct CheckResult: Sendable, Hashable {
    public var id: String
    public var verdict: Verdict
    public var evidence: [Exchange]
    public var duration: Interval
}
