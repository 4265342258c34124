import Bitcoin
import SansIO
import Stratum

/// Judges SetCustomMiningJob field by field (SV2 section 5.3.18). The codes are the reference implementation's.
struct CustomJobRules {
    typealias Code = V2ErrorCode.CustomJob

    let policy: CustomJobPolicy
    let limits: PoolLimits
    /// Of this pool's coinbases, in bytes.
    let extranonceSize: Int
    let unixTime: UInt32
    let tip: Tip
    /// The next block's, if a template said so.
    let height: UInt32?
    /// What the pool's own template is worth, in satoshi; 0 without one.
    let templateValue: UInt64

    enum Verdict: Equatable { case accepted(MiningJobToken), refused(String) }

    /// Nothing is consumed, so that a refused token can be used again by whom it was meant for.
    func judge(
        _ message: Mining.SetCustomMiningJob, identity: String, isSpent: ([UInt8]) -> Bool
    ) -> Verdict {
        let secret = policy.secret
        guard let token = MiningJobToken(message.miningJobToken, under: secret), token.expires >= unixTime,
            token.identity == secret.digest(.identity, Array(identity.utf8)), !isSpent(token.serial)
        else { return .refused(Code.invalidMiningJobToken) }
        guard message.prevHash == tip.prevHash else { return .refused(Code.staleChainTip) }
        guard message.nBits == tip.bits else { return .refused(Code.invalidNBits) }
        let code: String?
        switch token.grant {
        case .declaration: code = Code.jobNotYetValidated
        case .declared(let work): code = refusal(of: message, work) ?? payoutRefusal(of: message, token)
        case .coinbaseOnly: code = refusal(of: message) ?? payoutRefusal(of: message, token)
        }
        return code.map { .refused($0) } ?? .accepted(token)
    }

    /// Every field must be what was declared.
    private func refusal(of message: Mining.SetCustomMiningJob, _ work: DeclaredWork) -> String? {
        let secret = policy.secret
        if work.prevHash != message.prevHash { return Code.staleChainTip }
        if work.nBits != message.nBits { return Code.invalidNBits }
        if work.version != message.version { return Code.invalidVersion }
        if message.minNTime < work.minNTime || message.minNTime > latestTime { return Code.invalidMinNTime }
        if work.coinbaseVersion != message.coinbaseTxVersion { return Code.invalidCoinbaseTxVersion }
        if work.scriptPrefix != secret.digest(.scriptPrefix, message.coinbasePrefix)
            || Int(work.extranonceSize) != extranonceSize
        {
            return Code.invalidCoinbasePrefix
        }
        if work.sequence != message.coinbaseTxInputNSequence { return Code.invalidCoinbaseTxInputNSequence }
        if work.outputs != secret.digest(.outputs, message.coinbaseTxOutputs) {
            return Code.invalidCoinbaseTxOutputs
        }
        if work.lockTime != message.coinbaseTxLocktime { return Code.invalidCoinbaseTxLocktime }
        if work.merklePath != secret.digest(.merklePath, message.merklePath.flatMap(\.bytes)) {
            return Code.invalidMerklePath
        }
        return nil
    }

    /// Nobody saw the block: what consensus asks of a header and a coinbase, as far as it can be told.
    private func refusal(of message: Mining.SetCustomMiningJob) -> String? {
        // BIP34, BIP65 and BIP66 made versions below 4 invalid; the field is signed.
        if Int32(bitPattern: message.version) < 4 { return Code.invalidVersion }
        let (earliest, underflow) = tip.minNTime.subtractingReportingOverflow(limits.customJobTimeBehind)
        if message.minNTime < (underflow ? 0 : earliest) || message.minNTime > latestTime {
            return Code.invalidMinNTime
        }
        if message.coinbaseTxVersion == 0 { return Code.invalidCoinbaseTxVersion }
        let scriptSize = message.coinbasePrefix.count + extranonceSize
        if scriptSize > limits.scriptSigBytes { return Code.invalidCoinbasePrefix }
        if let height, CoinbaseHeight.read(message.coinbasePrefix) != height {
            return Code.invalidCoinbasePrefix
        }
        if message.coinbaseTxInputNSequence != .max, message.coinbaseTxLocktime != 0 {
            let isHeight = message.coinbaseTxLocktime < 500_000_000
            let isFinal =
                isHeight
                ? height.map { message.coinbaseTxLocktime < $0 } ?? true
                : message.coinbaseTxLocktime < tip.minNTime
            if !isFinal { return Code.invalidCoinbaseTxLocktime }
        }
        if message.merklePath.count > limits.merklePath { return Code.invalidMerklePath }
        return nil
    }

    private func payoutRefusal(of message: Mining.SetCustomMiningJob, _ token: MiningJobToken) -> String? {
        let promised = policy.secret.digest(.poolOutputs, policy.payout.placeholders)
        let least: Int64 = templateValue > 0 ? 1 : 0
        guard token.poolOutputs == promised,
            let outputs = CoinbasePayout.outputs(message.coinbaseTxOutputs),
            policy.payout.isKept(by: outputs, least: least)
        else { return Code.invalidCoinbaseTxOutputs }
        return nil
    }

    private var latestTime: UInt32 {
        let (latest, overflow) = max(unixTime, tip.minNTime).addingReportingOverflow(limits.nTimeAhead)
        return overflow ? .max : latest
    }
}
