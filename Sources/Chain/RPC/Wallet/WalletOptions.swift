import Bitcoin
import JSONText
import SansIO

/// The options of send, sendall, fundrawtransaction, walletcreatefundedpsbt and bumpfee, under their old and
/// new names.
struct WalletOptions {
    let object: JSONObject

    init(_ object: JSONObject?) { self.object = object ?? JSONObject() }

    subscript(names: String...) -> JSON? {
        for name in names {
            if let value = object[name], !value.isNull { return value }
        }
        return nil
    }

    /// Refuses names that no method knows, as Core's strict type check does.
    func check(_ known: Set<String>) throws(RPCError) {
        for name in object.keys where !known.contains(name) {
            throw .type("Unexpected key \(name)")
        }
    }

    static let common: Set<String> = [
        "add_inputs", "include_unsafe", "add_to_wallet", "changeAddress", "change_address", "changePosition",
        "change_position", "change_type", "includeWatching", "include_watching", "inputs", "lockUnspents",
        "lock_unspents", "locktime", "fee_rate", "feeRate", "psbt", "solving_data", "subtractFeeFromOutputs",
        "subtract_fee_from_outputs", "input_weights", "max_tx_weight", "conf_target", "estimate_mode",
        "replaceable", "minconf", "maxconf", "send_max", "version",
    ]

    func bool(_ names: String..., default fallback: Bool) throws(RPCError) -> Bool {
        for name in names {
            guard let value = self[name] else { continue }
            guard let flag = value.boolValue else {
                throw .type(
                    "JSON value of type \(value.typeName) for field \(name) is not of expected type bool")
            }
            return flag
        }
        return fallback
    }

    func int(_ names: String...) throws(RPCError) -> Int64? {
        for name in names {
            guard let value = self[name] else { continue }
            guard case .number = value, let number = value.int64 else {
                throw .type(
                    "JSON value of type \(value.typeName) for field \(name) is not of expected type number")
            }
            return number
        }
        return nil
    }
}

extension WalletOptions {
    /// The options of send and sendall, and the fee that their parameters or these name; not both.
    static func ofSending(
        _ call: RPCArguments, fallback: Int64
    ) throws(RPCError) -> (options: WalletOptions, fee: (rate: Int64, isExplicit: Bool)) {
        let options = WalletOptions(call[4]?.objectValue)
        try options.check(common)
        let fee = try FeeChoice.rate(
            feeRate: call[3] ?? options["fee_rate"], target: call[1] ?? options["conf_target"],
            mode: try call.optionalString(2) ?? options["estimate_mode"]?.stringValue, fallback: fallback)
        return (options, fee)
    }

    /// The options of fundrawtransaction and walletcreatefundedpsbt, and the fee that they name.
    static func ofFunding(
        _ object: JSON?, fallback: Int64
    ) throws(RPCError) -> (options: WalletOptions, fee: (rate: Int64, isExplicit: Bool)) {
        let options = WalletOptions(object?.objectValue)
        try options.check(common)
        let fee = try FeeChoice.rate(
            feeRate: options["fee_rate"], target: options["conf_target"],
            mode: options["estimate_mode"]?.stringValue, old: options["feeRate"], fallback: fallback)
        return (options, fee)
    }
}

/// What a payment is to cost.
enum FeeChoice {
    /// In satoshi per 1000 virtual bytes, of the parameters that all spending methods share.
    static func rate(
        feeRate: JSON?, target: JSON?, mode: String?, old: JSON? = nil, fallback: Int64, code: Int = -4
    ) throws(RPCError) -> (rate: Int64, isExplicit: Bool) {
        if let mode {
            guard ["unset", "economical", "conservative"].contains(mode.lowercased()) else {
                throw .parameter(
                    "Invalid estimate_mode parameter, must be one of: \"unset\", \"economical\", "
                        + "\"conservative\"")
            }
        }
        if feeRate != nil, old != nil {
            throw .parameter(
                "Cannot specify both fee_rate (sat/vB) and feeRate (BTC/kvB)")
        }
        if let feeRate {
            if target != nil {
                throw .parameter(
                    "Cannot specify both conf_target and fee_rate. Please provide either a confirmation target "
                        + "in blocks for automatic fee estimation, or an explicit fee rate.")
            }
            if let mode, mode.lowercased() != "unset" {
                throw .parameter("Cannot specify both estimate_mode and fee_rate")
            }
            guard let text = feeRate.numberText ?? feeRate.stringValue else {
                throw .type("Amount is not a number or string")
            }
            return (try satoshiPerVirtualByte(text), true)
        }
        if let old {
            if target != nil {
                throw .parameter(
                    "Cannot specify both conf_target and feeRate. Please provide either a confirmation target "
                        + "in blocks for automatic fee estimation, or an explicit fee rate.")
            }
            return (try TransactionDraft.amount(old), true)
        }
        if let target {
            guard let blocks = target.int64, (1...1_008).contains(blocks) else {
                throw .parameter("Invalid conf_target, must be between 1 and 1008")
            }
        }
        guard fallback > 0 else {
            throw RPCError(
                code: code,
                message:
                    "Fee estimation failed. Fallbackfee is disabled. Wait a few blocks or enable -fallbackfee."
            )
        }
        return (fallback, false)
    }

    /// `1.234` satoshi for a virtual byte; at most three decimals.
    private static func satoshiPerVirtualByte(_ text: String) throws(RPCError) -> Int64 {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard let satoshi = RPCArguments.satoshi(text) else { throw .type("Invalid amount") }
        if parts.count == 2, parts[1].utf8.count > 3, satoshi % 100_000 != 0 { throw .type("Invalid amount") }
        guard satoshi >= 0 else { throw .type("Amount out of range") }
        guard satoshi % 100_000 == 0 else { throw .type("Invalid amount") }
        return satoshi / 100_000
    }
}
