import Bitcoin
import Stratum

/// The outputs that a server adds to a template's coinbase, in their order. The first one gets what the template and
/// the other ones leave.
public struct RewardOutputs: Sendable, Hashable {
    /// The values of all but the first are what these outputs get, in satoshi.
    public let outputs: [TransactionOutput]

    public init(_ script: Script) { outputs = [TransactionOutput(value: 0, scriptPubKey: script)] }

    /// Outputs as AllocateMiningJobToken.Success has them: counted, the first being the pool's (SV2 section 6.4.3).
    /// Nil when they do not decode, when there is none, or when a value is no money.
    public init?(counted bytes: [UInt8]) {
        guard let outputs = CoinbasePayout.outputs(bytes), !outputs.isEmpty,
            outputs.allSatisfy({ $0.value >= 0 && $0.value <= RewardOutputs.moneyMax })
        else { return nil }
        self.outputs = outputs
    }

    /// What a template provider must leave room for (SV2 section 7.1).
    public var constraints: TemplateDistribution.CoinbaseOutputConstraints {
        let size = outputs.reduce(0) { sum, output in
            let length = output.scriptPubKey.bytes.count
            return sum + 8 + (length < 0xfd ? 1 : 3) + length
        }
        let operations = outputs.reduce(0) { $0 + $1.scriptPubKey.signatureOperationsAtMost * 4 }
        return TemplateDistribution.CoinbaseOutputConstraints(
            coinbaseOutputMaxAdditionalSize: UInt32(clamping: size),
            coinbaseOutputMaxAdditionalSigops: UInt16(clamping: operations))
    }

    /// The outputs with their values, or nil when the template leaves less than the later ones get.
    func paying(_ total: UInt64) -> [TransactionOutput]? {
        var left = Int64(total)
        for output in outputs.dropFirst() {
            guard output.value <= left else { return nil }
            left -= output.value
        }
        var paid = outputs
        paid[0].value = left
        return paid
    }

    static let moneyMax: Int64 = 21_000_000 * 100_000_000
}

extension Script {
    /// Legacy signature operations if every CHECKMULTISIG counted twenty, as consensus counts outputs.
    fileprivate var signatureOperationsAtMost: Int {
        var count = 0
        var instructions = self.instructions
        while let instruction = instructions.next() {
            switch instruction.opcode {
            case 0xac, 0xad: count += 1
            case 0xae, 0xaf: count += 20
            default: break
            }
        }
        return count
    }
}
