import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let steering: [RPCMethod] = [
        RPCMethod("invalidateblock", "blockhash:hex", in: "", "Marks a block invalid and leaves its chain.") {
            node, call, effects throws(RPCError) in
            let hash = try node.steeredBlock(call)
            if let id = node.chain.tree.id(of: hash), node.chain.isActive(id), id != 0,
                !node.chain.canDisconnect(to: node.chain.tree[id].previous)
            {
                throw .misc("Block not available (pruned data)")
            }
            guard node.invalidate(hash, at: call.now, into: &effects) else {
                throw RPCError(code: -20, message: "")
            }
            return .null
        },
        RPCMethod("reconsiderblock", "blockhash:hex", in: "", "Takes invalidateblock back.") {
            node, call, effects throws(RPCError) in
            _ = node.reconsider(try node.steeredBlock(call), at: call.now, into: &effects)
            return .null
        },
        RPCMethod(
            "preciousblock", "blockhash:hex", in: "Blockchain",
            "Prefers a block among those of equal work, as if it had come first."
        ) { node, call, effects throws(RPCError) in
            _ = node.prefer(try node.steeredBlock(call), at: call.now, into: &effects)
            return .null
        },
    ]
}

extension NodeMachine {
    fileprivate func steeredBlock(_ call: RPCArguments) throws(RPCError) -> Hash256 {
        chain.tree[try blockID(call, 0)].hash
    }
}
