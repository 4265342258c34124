public import Bitcoin

/// What tests, traces and the explorer see of a node.
public struct NodeSnapshot: Sendable, Equatable {
    public var height: Int
    public var tip: Hash256
    public var tipTime: UInt32
    public var chainWork: UInt256
    public var coins: Int
    public var mempoolCount: Int
    public var mempoolFees: Int64
    public var templateClients: Int
    public var templatesKept: Int
    public var rpcConnections: Int
    public var peers: Int
    public var wallets: [String]
}

extension NodeMachine {
    public var snapshot: NodeSnapshot {
        let tip = chain.tip
        return NodeSnapshot(
            height: chain.height, tip: tip.hash, tipTime: tip.header.time, chainWork: tip.chainWork,
            coins: chain.coins.count, mempoolCount: mempool.count, mempoolFees: mempool.totalFees,
            templateClients: provider.clients.count, templatesKept: provider.served.count,
            rpcConnections: rpc.connections.count, peers: peers.count,
            wallets: wallets.loadedNames)
    }
}
