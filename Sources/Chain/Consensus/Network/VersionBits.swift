/// A soft fork that miners signal with a bit of the version (BIP9).
public struct VersionBitsDeployment: Sendable, Equatable {
    public var bit: Int
    /// Median time from which signals count; `neverActiveTime` and `alwaysActiveTime` as in Core.
    public var startTime: Int64
    /// Median time at which a deployment that is not locked in has failed.
    public var timeout: Int64 = .max
    public var minActivationHeight = 0
    /// Signalling blocks that lock it in.
    public var threshold: Int
    /// Blocks of a period.
    public var period: Int

    public static let alwaysActiveTime: Int64 = -1
    public static let neverActiveTime: Int64 = -2

    public init(bit: Int, startTime: Int64, threshold: Int, period: Int) {
        precondition((0..<29).contains(bit) && period > 0 && threshold > 0)
        self.bit = bit
        self.startTime = startTime
        self.threshold = threshold
        self.period = period
    }

    /// As the public networks have it.
    static func neverActive(threshold: Int) -> VersionBitsDeployment {
        VersionBitsDeployment(bit: 28, startTime: neverActiveTime, threshold: threshold, period: 2_016)
    }

    /// Whether a version counts as a signal: the top three bits are 001, and the deployment's is set.
    public func isSignalled(by version: UInt32) -> Bool {
        version >> 29 == 1 && version >> UInt32(bit) & 1 == 1
    }
}

/// Where a deployment stands, as getdeploymentinfo names it.
public enum DeploymentState: String, Sendable, Equatable {
    case defined
    case started
    case lockedIn = "locked_in"
    case active
    case failed

    /// Whether new blocks set the bit.
    var isSignalling: Bool { self == .started || self == .lockedIn }
}

/// A deployment's count at one block, carried from parent to child.
public struct VersionBitsCount: Sendable, Equatable {
    /// The state that binds this block's children.
    public var next: DeploymentState
    /// The height from which `next` holds.
    public var nextSince: Int
    /// Signalling blocks of the period up to this block.
    public var signals: Int

    /// Before the first block.
    init(_ deployment: VersionBitsDeployment) {
        switch deployment.startTime {
        case VersionBitsDeployment.alwaysActiveTime: next = .active
        case VersionBitsDeployment.neverActiveTime: next = .failed
        default: next = .defined
        }
        nextSince = 0
        signals = 0
    }

    /// Takes one more block into account.
    mutating func append(
        height: Int, version: UInt32, medianTime: UInt32, _ deployment: VersionBitsDeployment
    ) {
        if height % deployment.period == 0 { signals = 0 }
        if deployment.isSignalled(by: version) { signals += 1 }
        guard (height + 1) % deployment.period == 0 else { return }
        let before = next
        switch next {
        case .defined: if Int64(medianTime) >= deployment.startTime { next = .started }
        case .started:
            if signals >= deployment.threshold {
                next = .lockedIn
            } else if Int64(medianTime) >= deployment.timeout {
                next = .failed
            }
        case .lockedIn: if height + 1 >= deployment.minActivationHeight { next = .active }
        case .active, .failed: break
        }
        if next != before { nextSince = height + 1 }
    }
}
