import Bitcoin
import JSONText

/// Transactions that callers describe in JSON: createrawtransaction, createpsbt, send and their kin.
enum TransactionDraft {
    /// What an output pays to, and whether its address may be found again.
    struct Payment {
        var output: TransactionOutput
        /// The address as it was given; nil for data.
        var address: String?
    }

    static func transaction(
        inputs: JSON?, outputs: JSON?, lockTime: JSON?, replaceable: Bool?, version: Int64?,
        network: AddressNetwork
    ) throws(RPCError) -> Transaction {
        let lock = try self.lockTime(lockTime)
        let version = version ?? 2
        guard (1...3).contains(version) else {
            throw .parameter("Invalid parameter, version out of range(1~3)")
        }
        let list = try self.inputs(inputs?.arrayValue ?? [], lockTime: lock, replaceable: replaceable)
        let paid = try payments(outputs, network: network)
        if replaceable == true, !list.isEmpty, !list.contains(where: { $0.sequence < 0xffff_fffe }) {
            throw .parameter(
                "Invalid parameter combination: Sequence number(s) contradict replaceable option")
        }
        return Transaction(
            version: UInt32(version), inputs: list, outputs: paid.map(\.output), lockTime: lock)
    }

    static func lockTime(_ value: JSON?) throws(RPCError) -> UInt32 {
        guard let value, !value.isNull else { return 0 }
        guard let number = value.int64 else { throw .type("JSON integer out of range") }
        guard let lock = UInt32(exactly: number) else {
            throw .parameter("Invalid parameter, locktime out of range")
        }
        return lock
    }

    static func inputs(
        _ list: [JSON], lockTime: UInt32, replaceable: Bool?
    ) throws(RPCError) -> [TransactionInput] {
        var inputs: [TransactionInput] = []
        for entry in list {
            let outPoint = try outPoint(entry)
            var sequence: UInt32 = replaceable ?? true ? 0xffff_fffd : lockTime != 0 ? 0xffff_fffe : .max
            if case .number = entry["sequence"] ?? .null {
                guard let number = entry["sequence"]?.int64, let given = UInt32(exactly: number) else {
                    throw .parameter("Invalid parameter, sequence number is out of range")
                }
                sequence = given
            }
            inputs.append(TransactionInput(previousOutput: outPoint, sequence: sequence))
        }
        return inputs
    }

    /// `{"txid": …, "vout": …}`.
    static func outPoint(_ entry: JSON) throws(RPCError) -> OutPoint {
        guard entry.objectValue != nil else {
            throw .type("JSON value of type \(entry.typeName) is not of expected type object")
        }
        guard let text = entry["txid"]?.stringValue else {
            throw .type(
                "JSON value of type \((entry["txid"] ?? .null).typeName) is not of expected type string")
        }
        guard text.utf8.count == 64 else {
            throw .parameter("txid must be of length 64 (not \(text.utf8.count), for '\(text)')")
        }
        guard let txid = Hash256(displayHex: text) else {
            throw .parameter("txid must be hexadecimal string (not '\(text)')")
        }
        guard case .number = entry["vout"] ?? .null, let index = entry["vout"]?.int64 else {
            throw .parameter("Invalid parameter, missing vout key")
        }
        guard index >= 0 else { throw .parameter("Invalid parameter, vout cannot be negative") }
        guard index <= Int64(Int32.max) else { throw .type("JSON integer out of range") }
        return OutPoint(txid: txid, index: UInt32(index))
    }

    /// An object of addresses and amounts, or an array of such with one entry each; `data` carries bytes.
    static func payments(_ value: JSON?, network: AddressNetwork) throws(RPCError) -> [Payment] {
        var entries: [(key: String, value: JSON)] = []
        switch value ?? .null {
        case .object(let object): entries = object.entries
        case .array(let list):
            for entry in list {
                guard let object = entry.objectValue else {
                    throw .parameter("Invalid parameter, key-value pair not an object as expected")
                }
                guard object.count == 1 else {
                    throw .parameter("Invalid parameter, key-value pair must contain exactly one key")
                }
                entries += object.entries
            }
        case .null: throw .parameter("Invalid parameter, output argument must be non-null")
        case let other:
            throw .type("JSON value of type \(other.typeName) is not of expected type array")
        }
        var payments: [Payment] = []
        var seen: Set<Script> = []
        for (name, value) in entries {
            if name == "data" {
                guard !payments.contains(where: { $0.address == nil }) else {
                    throw .parameter("Invalid parameter, duplicate key: data")
                }
                let text = value.stringValue ?? value.numberText ?? ""
                guard let data = [UInt8](hex: text), !text.isEmpty else {
                    throw .parameter("Data must be hexadecimal string (not '\(text)')")
                }
                payments.append(
                    Payment(output: TransactionOutput(value: 0, scriptPubKey: .opReturn(data)), address: nil))
                continue
            }
            let amount = try amount(value)
            guard let address = Address(name, network: network) else {
                throw .notFound("Invalid Bitcoin address: \(name)")
            }
            guard seen.insert(address.scriptPubKey).inserted else {
                throw .parameter("Invalid parameter, duplicated address: \(name)")
            }
            payments.append(
                Payment(
                    output: TransactionOutput(value: amount, scriptPubKey: address.scriptPubKey),
                    address: name))
        }
        return payments
    }

    /// An amount of bitcoin in satoshi, with Core's words.
    static func amount(_ value: JSON) throws(RPCError) -> Int64 {
        guard let text = value.numberText ?? value.stringValue else {
            throw .type("Amount is not a number or string")
        }
        guard let satoshi = RPCArguments.satoshi(text) else { throw .type("Invalid amount") }
        guard PSBTJSON.isMoney(satoshi) else { throw .type("Amount out of range") }
        return satoshi
    }
}
