import Bitcoin
import JSONText
import SansIO

/// Arguments that many methods take.
extension NodeMachine {
    /// 64 hex digits, with Core's words when they are not.
    func hash(_ arguments: RPCArguments, _ index: Int) throws(RPCError) -> Hash256 {
        try hash(try arguments.string(index), name: arguments.method.parameters[index].names[0])
    }

    func hash(_ text: String, name: String) throws(RPCError) -> Hash256 {
        guard text.utf8.count == 64 else {
            throw .parameter("\(name) must be of length 64 (not \(text.utf8.count), for '\(text)')")
        }
        guard let hash = Hash256(displayHex: text) else {
            throw .parameter("\(name) must be hexadecimal string (not '\(text)')")
        }
        return hash
    }

    func blockID(_ arguments: RPCArguments, _ index: Int, unknown: String = "Block not found")
        throws(RPCError) -> BlockID
    {
        guard let id = chain.tree.id(of: try hash(arguments, index)) else { throw .notFound(unknown) }
        return id
    }

    func address(_ text: String, or message: String) throws(RPCError) -> Script {
        guard let address = Address(text, network: configuration.network.addressNetwork) else {
            throw .notFound(message)
        }
        return address.scriptPubKey
    }

    ///
    /// - Parameter isWitness: the one reading that is tried; nil for both, as a transaction without inputs looks like
    ///   a witness marker.
    func transaction(
        _ text: String, isWitness: Bool? = nil, or message: String
    ) throws(RPCError) -> Transaction {
        guard let bytes = [UInt8](hex: text) else { throw .decode(message) }
        if isWitness ?? true, let transaction = try? Transaction(bytes: bytes) { return transaction }
        if !(isWitness ?? false), let transaction = try? Transaction(bytes: bytes, witness: false) {
            return transaction
        }
        throw .decode(message)
    }
}
