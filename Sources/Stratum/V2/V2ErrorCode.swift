/// The error codes that implementations use. The specification removed its suggestions in June 2026: codes
/// are for logs and operators, an unknown code is no fault, and recovery follows the protocol's state (SV2
/// section 3.5). These are the reference implementation's, so that logs read alike everywhere.
public enum V2ErrorCode {
    /// SetupConnection.Error.
    public enum Setup {
        public static let unsupportedFeatureFlags = "unsupported-feature-flags"
        public static let unsupportedProtocol = "unsupported-protocol"
        public static let protocolVersionMismatch = "protocol-version-mismatch"
        public static let missingDeclareTxDataFlag = "missing-declare-tx-data-flag"
    }

    /// OpenMiningChannel.Error.
    public enum OpenChannel {
        public static let unknownUser = "unknown-user"
        public static let invalidUserIdentity = "invalid-user-identity"
        public static let invalidNominalHashRate = "invalid-nominal-hashrate"
        public static let maxTargetOutOfRange = "max-target-out-of-range"
        public static let minExtranonceSizeTooLarge = "min-extranonce-size-too-large"
        public static let unsupportedMinExtranonceSize = "unsupported-min-extranonce-size"
        public static let standardChannelsNotSupportedForCustomWork =
            "standard-channels-not-supported-for-custom-work"
        public static let extendedChannelsNotSupportedForStandardJobs =
            "extended-channels-not-supported-for-standard-jobs"
        public static let channelCapacityExhausted = "channel-capacity-exhausted"
    }

    /// UpdateChannel.Error.
    public enum UpdateChannel {
        public static let invalidChannelID = "invalid-channel-id"
        public static let invalidNominalHashRate = "invalid-nominal-hashrate"
    }

    /// SubmitShares.Error.
    public enum SubmitShares {
        public static let invalidChannelID = "invalid-channel-id"
        public static let invalidShare = "invalid-share"
        public static let staleShare = "stale-share"
        public static let invalidJobID = "invalid-job-id"
        public static let difficultyTooLow = "difficulty-too-low"
        public static let duplicateShare = "duplicate-share"
        public static let badExtranonceSize = "bad-extranonce-size"
        public static let versionRollingNotAllowed = "version-rolling-not-allowed"
        public static let invalidNonRollableVersionBit = "invalid-non-rollable-version-bit"
    }

    /// SetCustomMiningJob.Error.
    public enum CustomJob {
        public static let jobDeclarationNotSupported = "jd-not-supported"
        public static let invalidChannelID = "invalid-channel-id"
        public static let invalidMiningJobToken = "invalid-mining-job-token"
        public static let jobNotYetValidated = "job-not-yet-validated"
        public static let staleChainTip = "stale-chain-tip"
        public static let invalidMinNTime = "invalid-min-ntime"
        public static let invalidNBits = "invalid-nbits"
        public static let invalidVersion = "invalid-version"
        public static let invalidCoinbaseTx = "invalid-coinbase-tx"
        public static let invalidCoinbaseTxVersion = "invalid-coinbase-tx-version"
        public static let invalidCoinbasePrefix = "invalid-coinbase-prefix"
        public static let invalidCoinbaseTxInputNSequence = "invalid-coinbase-tx-input-n-sequence"
        public static let invalidCoinbaseTxOutputs = "invalid-coinbase-tx-outputs"
        public static let invalidCoinbaseTxLocktime = "invalid-coinbase-tx-locktime"
        public static let invalidMerklePath = "invalid-merkle-path"
    }

    /// DeclareMiningJob.Error.
    public enum DeclareJob {
        public static let invalidMiningJobToken = "invalid-mining-job-token"
        public static let missingTransactions = "missing-txs"
        public static let invalidCoinbaseTx = "invalid-coinbase-tx"
        public static let invalidCoinbaseTxInput = "invalid-coinbase-tx-input"
        public static let internalError = "internal-error"
        public static let staleChainTip = "stale-chain-tip"
        public static let invalidJob = "invalid-job"
    }

    /// RequestTransactionData.Error.
    public enum TransactionData {
        public static let templateIDNotFound = "template-id-not-found"
        public static let staleTemplateID = "stale-template-id"
    }
}

extension Mining {
    /// Flags of SetupConnection, client to server (SV2 section 5.3.1).
    public enum SetupFlags {
        /// Only standard jobs: no extended jobs, no group channels.
        public static let requiresStandardJobs: UInt32 = 1 << 0
        /// The client will send its own jobs (SetCustomMiningJob).
        public static let requiresWorkSelection: UInt32 = 1 << 1
        /// The client must be allowed to roll version bits.
        public static let requiresVersionRolling: UInt32 = 1 << 2
        public static let all: UInt32 = 0b111
    }

    /// Flags of SetupConnection.Success, server to client; another numbering (SV2 section 5.3.1).
    public enum SetupSuccessFlags {
        /// Header versions must be left as they are.
        public static let requiresFixedVersion: UInt32 = 1 << 0
        /// Only extended channels can be opened.
        public static let requiresExtendedChannels: UInt32 = 1 << 1
    }
}

extension JobDeclaration {
    /// Flags of SetupConnection, client to server (SV2 section 6.4.1).
    public enum SetupFlags {
        /// Full-template mode; without it coinbase-only.
        public static let declareTxData: UInt32 = 1 << 0
    }
}
