import Bitcoin
import SansIO
import Stratum

/// A template provider that says what the test wants, through a real connection.
final class FakeTemplateProvider {
    var peer: WirePeer?
    var connection: ConnectionID?
    var networkTarget = Target(difficulty: 1)
    /// Siblings of the coinbase.
    var merklePath: [Hash256] = (0..<12).map { SHA256.hash([UInt8($0)]) }
    /// Whether the first template and tip follow the constraints at once.
    var answersConstraints = true
    /// What is in every template besides its coinbase, and who asked for it.
    var transactions: [[UInt8]] = []
    var transactionRequests: [UInt64] = []
    /// The error that such a request is answered with, and whether it is answered at all.
    var transactionError: String?
    var answersTransactions = true
    var solutions: [TemplateDistribution.SubmitSolution] = []
    var constraints: [TemplateDistribution.CoinbaseOutputConstraints] = []
    var templateID: UInt64 = 0
    var tips = 0
    var prevHash = Hash256.zero
    var headerTime = PoolWorld.unixStart - 100
    var bits: UInt32 { CompactTarget(networkTarget).bits }

    static let witnessOutput = [UInt8](
        hex: "0000000000000000266a24aa21a9ed" + String(repeating: "5a", count: 32))!

    func connected(_ id: ConnectionID, unixTime: UInt32, secrets: inout SecretGenerator) -> WirePeer {
        let credentials = NoiseCredentials.issue(
            authority: AuthoritySecretKey(secrets.secretKey()), staticKey: secrets.secretKey(),
            validFrom: unixTime, notValidAfter: unixTime + 3_600)
        let peer = WirePeer(.responder(credentials: credentials, secrets: &secrets))
        peer.onFrame = { [unowned self] in self.handle($1, on: $0) }
        self.peer = peer
        connection = id
        return peer
    }

    private func handle(_ frame: V2Frame, on peer: WirePeer) {
        if frame.messageType == Common.SetupConnection.messageType {
            peer.send(Common.SetupConnectionSuccess(usedVersion: 2, flags: 0))
            return
        }
        guard let message = try? TemplateDistribution.Message(frame: frame) else { return }
        switch message {
        case .coinbaseOutputConstraints(let value):
            constraints.append(value)
            if answersConstraints { newTip() }
        case .submitSolution(let solution): solutions.append(solution)
        case .requestTransactionData(let request):
            transactionRequests.append(request.templateID)
            if answersTransactions { sendTransactions(of: request.templateID) }
        default: break
        }
    }

    func sendTransactions(of templateID: UInt64) {
        if let transactionError {
            peer?.send(
                TemplateDistribution.RequestTransactionDataError(
                    templateID: templateID, errorCode: transactionError))
        } else {
            peer?.send(
                TemplateDistribution.RequestTransactionDataSuccess(
                    templateID: templateID, excessData: [], transactionList: transactions))
        }
    }

    func template(future: Bool) -> TemplateDistribution.NewTemplate {
        templateID += 1
        return TemplateDistribution.NewTemplate(
            templateID: templateID, futureTemplate: future, version: 0x2000_0000, coinbaseTxVersion: 2,
            coinbasePrefix: [0x02, 0xe0, 0x00], coinbaseTxInputSequence: 0xffff_fffe,
            coinbaseTxValueRemaining: 2_500_000_000 + templateID, coinbaseTxOutputsCount: 1,
            coinbaseTxOutputs: FakeTemplateProvider.witnessOutput, coinbaseTxLocktime: 223,
            merklePath: merklePath)
    }

    func sendTemplate(future: Bool) { peer?.send(template(future: future)) }

    func sendTip(for templateID: UInt64) {
        tips += 1
        prevHash = SHA256.hash([UInt8(truncatingIfNeeded: tips), UInt8(truncatingIfNeeded: tips >> 8)])
        peer?.send(
            TemplateDistribution.SetNewPrevHash(
                templateID: templateID, prevHash: prevHash, headerTimestamp: headerTime, nBits: bits,
                target: networkTarget))
    }

    /// A future template and its tip.
    func newTip() {
        sendTemplate(future: true)
        sendTip(for: templateID)
    }
}
