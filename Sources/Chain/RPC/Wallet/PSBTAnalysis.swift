import Bitcoin
import JSONText

/// What analyzepsbt says.
enum PSBTAnalysis {
    private enum Role: String, Comparable {
        case creator, updater, signer, finalizer, extractor

        private var order: Int {
            switch self {
            case .creator: 0
            case .updater: 1
            case .signer: 2
            case .finalizer: 3
            case .extractor: 4
            }
        }
        static func < (a: Role, b: Role) -> Bool { a.order < b.order }
    }

    private struct InputState {
        var hasOutput = true
        var isFinal = false
        var next = Role.extractor
        var missing = JSONObject()

        var json: JSON {
            var object: JSONObject = [
                "has_utxo": .bool(hasOutput), "is_final": .bool(isFinal), "next": .string(next.rawValue),
            ]
            if !missing.isEmpty { object.append("missing", .object(missing)) }
            return .object(object)
        }
    }

    static func json(_ psbt: PSBT) -> JSON {
        guard let unsigned = psbt.unsignedTransaction else {
            return invalid("PSBT cannot be made into a valid transaction")
        }
        let context = psbt.hasher(unsigned)
        var total: Int64 = 0
        var states: [InputState] = []
        for (index, input) in psbt.inputs.enumerated() {
            if let spent = input.spent {
                guard PSBTJSON.isMoney(spent.value), PSBTJSON.isMoney(total + spent.value) else {
                    return invalid("PSBT is not valid. Input \(index) has invalid value")
                }
                total += spent.value
                if spent.scriptPubKey.isUnspendable {
                    return invalid("PSBT is not valid. Input \(index) spends unspendable output")
                }
            }
            states.append(state(psbt, index, context))
        }
        var object = JSONObject()
        if !states.isEmpty { object.append("inputs", .array(states.map(\.json))) }
        if states.allSatisfy(\.hasOutput) {
            var out: Int64 = 0
            for output in psbt.outputs {
                guard PSBTJSON.isMoney(output.value), PSBTJSON.isMoney(out + output.value) else {
                    return invalid("PSBT is not valid. Output amount invalid")
                }
                out += output.value
            }
            let fee = total - out
            if let size = estimatedSize(psbt, unsigned) {
                object.append("estimated_vsize", .int(size))
                object.append("estimated_feerate", .amount(satoshi: fee * 1_000 / Int64(size)))
            }
            object.append("fee", .amount(satoshi: fee))
        }
        object.append("next", .string((states.map(\.next).min() ?? .extractor).rawValue))
        return .object(object)
    }

    private static func invalid(_ message: String) -> JSON {
        ["next": .string(Role.creator.rawValue), "error": .string(message)]
    }

    private static func state(
        _ psbt: PSBT, _ index: Int, _ context: (hasher: SignatureHasher, knowsAllSpent: Bool)
    ) -> InputState {
        var state = InputState()
        guard psbt.inputs[index].spent != nil else {
            state.hasOutput = false
            state.next = .updater
            return state
        }
        if psbt.isSigned(index, context) {
            state.isFinal = true
            return state
        }
        var copy = psbt
        let (outcome, data) = copy.sign(index, knowing: SpendingKnowledge(), context)
        guard outcome != .complete else {
            state.next = .finalizer
            return state
        }
        if !data.missingKeys.isEmpty {
            state.missing.append("pubkeys", .array(data.missingKeys.map { .string($0.hex) }))
        }
        if let hash = data.missingRedeemScript { state.missing.append("redeemscript", .string(hash.hex)) }
        if let hash = data.missingWitnessScript { state.missing.append("witnessscript", .string(hash.hex)) }
        let lacksMore = !state.missing.isEmpty
        if !data.missingSignatures.isEmpty {
            state.missing.append("signatures", .array(data.missingSignatures.map { .string($0.hex) }))
        }
        state.next = !lacksMore && !data.missingSignatures.isEmpty ? .signer : .updater
        return state
    }

    /// Virtual bytes of the transaction with signatures of the usual size; nil if scripts are unknown.
    private static func estimatedSize(_ psbt: PSBT, _ unsigned: Transaction) -> Int? {
        var copy = psbt
        for index in copy.inputs.indices {
            guard copy.sign(index, knowing: SpendingKnowledge(), nil).outcome == .complete else { return nil }
        }
        return copy.extracted?.virtualSize
    }
}
