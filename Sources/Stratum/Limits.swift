/// Bounds of Stratum V2, each with its reason.
public enum V2Limits {
    /// A frame's length has 24 bits (SV2 section 3.2).
    public static let payloadMax = 0xff_ffff

    /// What a mining server needs to accept from a client. The longest is SetCustomMiningJob: 64 KiB of
    /// outputs, 255 hashes, two strings of 255 and some 40 bytes of integers, below 74,300 bytes.
    public static let payloadFromMiningClientMax = 74_300

    /// What a mining client needs to accept. The longest is NewExtendedMiningJob: two coinbase halves of 64
    /// KiB and 255 hashes, below 139,300 bytes; SetGroupChannel of 65,535 channels is 262,150.
    public static let payloadFromMiningServerMax = 262_150

    /// Plain text per encrypted block: 65,535 bytes of Noise message less the 16 of its tag (SV2 section
    /// 4.6).
    public static let noiseBlockPlaintextMax = 65_519

    /// Input storage that an idle connection keeps. Two shares fit; larger bursts give their storage back, so
    /// that a hundred thousand idle connections stay small.
    public static let idleInputCapacity = 192

    /// TLVs behind one message. One extension with one field is registered; the rest is room.
    public static let tlvCountMax = 16

    /// Extension 0x0002: a user identity has at most 32 bytes.
    public static let tlvUserIdentityMax = 32
}

/// Bounds of Stratum V1, each with its reason.
public enum V1Limits {
    /// A client's line. The longest legal one is mining.submit with a long worker name, below 1 KiB; 10 KiB
    /// leaves room for firmware that sends its whole configuration.
    public static let lineFromClientMax = 10 * 1024

    /// A server's line: mining.notify with a coinbase of 100 kB in hexadecimal is more than any block allows
    /// in practice (ckpool and public pools stay below 4 KiB).
    public static let lineFromServerMax = 256 * 1024

    /// Nesting of a V1 message: an array in an array in an object.
    public static let jsonDepthMax = 8

    /// Bytes of extranonce1; more breaks cgminer and the Apollo firmware.
    public static let extranonce1Max = 16

    /// Bytes of extranonce2: cgminer allows 8, some firmware 16.
    public static let extranonce2Max = 16

    /// Siblings of a job: a block has fewer than 2^16 transactions, so a path has at most 16; 32 is room.
    public static let merkleBranchMax = 32

    /// Text fields that a peer names (worker, password, user agent).
    public static let textMax = 255
}
