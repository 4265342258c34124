import Bitcoin

/// How a pool takes jobs that miners made. Without one every SetCustomMiningJob ends in `jd-not-supported`.
public struct CustomJobPolicy: Sendable {
    /// What the pool shares with its job declaration servers.
    public var secret: TokenSecret
    public var payout: CoinbasePayout

    public init(secret: TokenSecret, payout: CoinbasePayout) {
        self.secret = secret
        self.payout = payout
    }
}

/// A block on a declared job, for the server that holds its transactions.
public struct CustomSolution: Sendable, Equatable {
    /// ``MiningJobToken/serial`` of the token that the job was set with.
    public var serial: [UInt8]
    /// The whole extranonce, prefix first.
    public var extranonce: [UInt8]
    public var prevHash: Hash256
    public var nonce: UInt32
    public var nTime: UInt32
    public var nBits: UInt32
    public var version: UInt32

    public init(
        serial: [UInt8], extranonce: [UInt8], prevHash: Hash256, nonce: UInt32, nTime: UInt32, nBits: UInt32,
        version: UInt32
    ) {
        self.serial = serial
        self.extranonce = extranonce
        self.prevHash = prevHash
        self.nonce = nonce
        self.nTime = nTime
        self.nBits = nBits
        self.version = version
    }
}
