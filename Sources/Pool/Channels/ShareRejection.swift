/// Why a share was refused.
public enum ShareRejection: UInt8, Sendable, CaseIterable {
    case unknownChannel
    case unknownJob
    case stale
    case timeOutOfRange
    case versionRollingNotAllowed
    case nonRollableVersionBit
    case badExtranonceSize
    case difficultyTooLow
    case duplicate

    /// The `error_code` of SubmitShares.Error: the reference implementation's constants.
    public var code: String {
        switch self {
        case .unknownChannel: "invalid-channel-id"
        case .unknownJob: "invalid-job-id"
        case .stale: "stale-share"
        case .timeOutOfRange: "invalid-share"
        case .versionRollingNotAllowed: "version-rolling-not-allowed"
        case .nonRollableVersionBit: "invalid-non-rollable-version-bit"
        case .badExtranonceSize: "bad-extranonce-size"
        case .difficultyTooLow: "difficulty-too-low"
        case .duplicate: "duplicate-share"
        }
    }
}
