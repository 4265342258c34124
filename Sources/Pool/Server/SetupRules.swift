import Stratum

/// Which SetupConnection a mining server takes (SV2 sections 3.6 and 5.3.1).
struct SetupRules: Sendable {
    /// Client flags of the mining protocol.
    static let requiresStandardJobs: UInt32 = 1 << 0
    static let requiresWorkSelection: UInt32 = 1 << 1
    static let requiresVersionRolling: UInt32 = 1 << 2
    /// Server flag in SetupConnection.Success; its numbering is another one than the client's.
    static let requiresFixedVersion: UInt32 = 1 << 0

    var isVersionRollingAllowed: Bool
    /// Whether a client may bring its own jobs.
    var isWorkSelectionAllowed = true

    /// The answer to one that it does not take. The codes are the reference implementation's. The whole set of
    /// unsupported flags goes into the error, so that a client may probe with all of them.
    func refusal(of message: Common.SetupConnection) -> Common.SetupConnectionError? {
        guard message.protocol == .mining else {
            return Common.SetupConnectionError(flags: 0, errorCode: "unsupported-protocol")
        }
        guard message.minVersion <= v2ProtocolVersion, message.maxVersion >= v2ProtocolVersion else {
            return Common.SetupConnectionError(flags: 0, errorCode: "protocol-version-mismatch")
        }
        var supported = SetupRules.requiresStandardJobs
        if isWorkSelectionAllowed { supported |= SetupRules.requiresWorkSelection }
        if isVersionRollingAllowed { supported |= SetupRules.requiresVersionRolling }
        let unsupported = message.flags & ~supported
        guard unsupported == 0 else {
            return Common.SetupConnectionError(flags: unsupported, errorCode: "unsupported-feature-flags")
        }
        return nil
    }
}
