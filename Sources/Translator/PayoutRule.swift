import Bitcoin
import SansIO
import Stratum

/// What a coinbase must pay for an identity that names an address, in the pattern of the reference implementation's
/// solo pools: `sri/solo/ADDRESS[/worker]` all, `sri/donate/PERCENT/ADDRESS[/worker]` what is not donated, and a
/// bare `ADDRESS[.worker]` at least nine tenths. Every other identity, `sri/donate[/worker]` among them, leaves
/// the reward to the pool.
public struct PayoutRule: Sendable, Equatable {
    public let script: Script
    /// Of the coinbase's value, in percent.
    public let leastPercent: Int

    /// Nil when the identity names no address.
    public init?(identity: String) {
        let parts = identity.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let (address, percent): (String, Int)
        switch (parts.first, parts.count > 1 ? parts[1] : nil) {
        case ("sri", "solo") where parts.count >= 3: (address, percent) = (parts[2], 100)
        case ("sri", "donate") where parts.count >= 4:
            guard let donated = Int(parts[2]), (1...99).contains(donated) else { return nil }
            (address, percent) = (parts[3], 100 - donated)
        case ("sri", _): return nil
        default: (address, percent) = (parts[0].split(separator: ".").first.map(String.init) ?? "", 90)
        }
        guard let script = PayoutRule.script(address) else { return nil }
        self.script = script
        leastPercent = percent
    }

    /// On whichever network; the script is the same.
    private static func script(_ address: String) -> Script? {
        for network in [AddressNetwork.mainnet, .testnet, .regtest] {
            if let parsed = Address(address, network: network) { return parsed.scriptPubKey }
        }
        return nil
    }

    /// Why a job's coinbase does not keep the rule; nil when it does. `extranonceSize` is that of the full
    /// extranonce.
    func fault(in job: Mining.NewExtendedMiningJob, extranonceSize: Int) -> String? {
        let bytes =
            job.coinbaseTxPrefix + [UInt8](repeating: 0, count: extranonceSize) + job.coinbaseTxSuffix
        guard let coinbase = try? Transaction(bytes: bytes, witness: false), coinbase.isCoinbase else {
            return "the job's coinbase is no coinbase"
        }
        var (paid, total): (Int64, Int64) = (0, 0)
        for output in coinbase.outputs {
            guard output.value >= 0, output.value <= 21_000_000 * 100_000_000 else {
                return "the job's coinbase pays an impossible amount"
            }
            total += output.value
            if output.scriptPubKey == script { paid += output.value }
        }
        // Rounding a percentage to whole satoshi may cost one.
        guard (paid + 1) * 100 >= total * Int64(leastPercent), paid > 0 else {
            return "the job pays \(paid) of \(total) satoshi to the identity's address"
        }
        return nil
    }
}

extension TranslatorMachine {
    /// Whether a job may be worked on. A wrong payout ends the relation with the pool before a share is sent.
    mutating func paysRight(
        _ job: Mining.NewExtendedMiningJob, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) -> Bool {
        guard configuration.verifiesPayout, let rule = PayoutRule(identity: account) else { return true }
        guard let slot = upstream.slots(of: job.channelID).first, let channel = upstream.channels[slot] else {
            return true
        }
        let size = channel.extranoncePrefix.count + channel.rollableSize
        guard let fault = rule.fault(in: job, extranonceSize: size) else { return true }
        leaveUpstream(fault, at: now, into: &effects)
        return false
    }
}
