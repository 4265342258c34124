public import Bitcoin

/// What getdeploymentinfo says of the deployment that signals by version bits, at one block.
public struct DeploymentStatus: Sendable, Equatable {
    /// The state that bound this block.
    public var current: DeploymentState
    /// The state that binds its children.
    public var next: DeploymentState
    /// The first block that `current` bound.
    public var since: Int
    /// The count of the period; nil where no signals count.
    public var statistics: Statistics?
    /// `#` for each signalling block of the period and `-` for the others, first block first.
    public var signalling = ""
    /// The first height at which the rules bind, if that is known.
    public var activeSince: Int?

    public struct Statistics: Sendable, Equatable {
        public var period: Int
        /// Zero once locked in, when no count matters any more.
        public var threshold: Int
        /// Blocks of the period so far.
        public var elapsed: Int
        /// Signalling blocks among them.
        public var count: Int
        /// Whether the threshold can still be reached in this period.
        public var isPossible: Bool
    }
}

extension Chainstate {
    /// Where the version-bits deployment stands at a block (Core's VersionBitsCache::Info).
    public func deploymentStatus(at id: BlockID) -> DeploymentStatus {
        let deployment = parameters.testDummy
        let entry = tree[id]
        let before =
            entry.previous >= 0 ? tree[entry.previous].versionBits : VersionBitsCount(deployment)
        var status = DeploymentStatus(
            current: before.next, next: entry.versionBits.next, since: before.nextSince)
        if status.current == .active {
            status.activeSince = status.since
        } else if status.next == .active {
            status.activeSince = entry.height + 1
        }
        guard before.next.isSignalling else { return status }
        let elapsed = 1 + entry.height % deployment.period
        let count = entry.versionBits.signals
        let isLockedIn = before.next == .lockedIn
        status.statistics = .init(
            period: deployment.period, threshold: isLockedIn ? 0 : deployment.threshold, elapsed: elapsed,
            count: count,
            isPossible: !isLockedIn && deployment.period - deployment.threshold >= elapsed - count)
        var signs: [UInt8] = []
        var at = id
        for _ in 0..<elapsed {
            signs.append(deployment.isSignalled(by: tree[at].header.version) ? 0x23 : 0x2d)
            at = tree[at].previous
        }
        status.signalling = String(decoding: signs.reversed(), as: UTF8.self)
        return status
    }

    /// The rules under which the scripts of a block run, sorted by name as getdeploymentinfo lists them.
    public func scriptFlagNames(at id: BlockID) -> [String] {
        let flags = parameters.softForks.scriptFlags(height: tree[id].height, hash: tree[id].hash)
        let names: [(ScriptFlags, String)] = [
            (.checkLockTime, "CHECKLOCKTIMEVERIFY"), (.checkSequence, "CHECKSEQUENCEVERIFY"),
            (.strictDER, "DERSIG"), (.nullDummy, "NULLDUMMY"), (.p2sh, "P2SH"), (.taproot, "TAPROOT"),
            (.witness, "WITNESS"),
        ]
        return names.filter { flags.contains($0.0) }.map(\.1)
    }
}
