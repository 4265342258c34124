public import Bitcoin
public import SansIO

/// What an operator or a sibling may ask of the node.
public enum NodeCommand: Sendable, Equatable {
    /// A block as bytes, judged as submitblock would, the coinbase's witness filled in.
    case submitBlock([UInt8])
    case submitTransaction([UInt8])
    /// Mines `count` blocks that pay to `script`, at most `maxTries` hashes each.
    case generate(count: Int, script: Script, maxTries: UInt64)
    case setWallClock(WallClock)
    /// Unix seconds that stand still; nil goes back to the wall clock.
    case setMockTime(UInt32?)
    case invalidateBlock(Hash256)
    case reconsiderBlock(Hash256)
    case preciousBlock(Hash256)
    /// The content of mempool.dat, to be taken in bit by bit.
    case loadMempool([UInt8])
    /// Makes all that the chain holds durable now; the last thing before the process ends.
    case commit
    /// The content of banlist.json; before peers are let in.
    case loadBans([UInt8])
    /// What ``NodeMachine/addressFile`` gave in the last life.
    case loadAddresses([UInt8])
    /// The content of fee_estimates.dat; what is none is left alone.
    case loadFeeEstimates([UInt8])
    /// A file that a call asked for; nil when it cannot be read.
    case fileRead(path: String, content: [UInt8]?)
    /// A file that a call had written is there, or why it is not.
    case fileWritten(path: String, fault: FileWriteFault?)
    /// Loads a wallet, if there is one of that name (-wallet).
    case loadWallet(String)
}

/// Why a file was not written.
public enum FileWriteFault: Sendable, Equatable {
    /// Something of that name is there, and was not to be replaced.
    case exists
    /// The operating system refused.
    case refused
}

/// Where a block came from.
public enum BlockSource: Sendable, Equatable {
    case rpc
    case command
    case generated
    case peer(ConnectionID)
    case templateClient(ConnectionID)
}

/// What happened in the node.
public enum NodeObservation: Sendable, Equatable {
    case blockConnected(
        height: Int, hash: Hash256, transactions: Int, weight: Int, fees: Int64, coinbaseTag: String,
        source: BlockSource)
    case blockDisconnected(height: Int, hash: Hash256)
    case tipChanged(height: Int, hash: Hash256)
    /// Stored, but not on the best chain.
    case blockStored(height: Int, hash: Hash256, source: BlockSource)
    case blockRejected(hash: Hash256, reason: String, source: BlockSource)
    case transactionAccepted(Hash256, fee: Int64, virtualSize: Int)
    case transactionRejected(Hash256, reason: String)
    /// The file of the last life was read; `fault` says why it could not be.
    case mempoolLoaded(accepted: Int, of: Int, fault: String?)
    /// `savemempool` was called: the driver writes mempool.dat before it performs what follows.
    case mempoolSaveRequested([UInt8])
    /// A call needs a file's content, which the driver hands in as ``NodeCommand/fileRead(path:content:)``.
    case fileRequested(path: String)
    /// A call has a file written, under another name first; the driver answers ``NodeCommand/fileWritten(path:fault:)``.
    case fileWriteRequested(path: String, bytes: [UInt8], replaces: Bool)
    /// A wallet heard of a transaction, or of its block (nil while it waits for one).
    case walletTransaction(wallet: String, txid: Hash256, block: Hash256?, height: Int)
    case templateIssued(id: UInt64, height: Int, fees: Int64, transactions: Int, isFuture: Bool)
    case templateClientConnected(ConnectionID, vendor: String, firmware: String)
    case templateClientDisconnected(ConnectionID, reason: String)
    case solutionReceived(client: ConnectionID, templateID: UInt64, hash: Hash256, verdict: String)
    case rpcServed(method: String, status: Int)
    /// The driver writes ``NodeMachine/banListFile``.
    case bansChanged
    case peerConnected(ConnectionID, userAgent: String)
    case peerDisconnected(ConnectionID, reason: String)
    /// A connection could not be made; it is tried again if the operator asked for it to be kept.
    case peerDialFailed(Endpoint, reason: String)
    /// `stop` was called; the driver ends the process once the reply is out.
    case stopRequested
}
