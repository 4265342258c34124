import Bitcoin
import SansIO
import Stratum

/// A pool and its job declaration server that do what the test wants, through real connections.
final class MockUpstream {
    enum Answer: Equatable {
        case success
        case nothing
        case error(String)
    }

    let name: String
    /// False: dials fail.
    var isUp = true
    var pool: (id: ConnectionID, peer: WirePeer)?
    var server: (id: ConnectionID, peer: WirePeer)?

    var setupError: String?
    var serverSetupError: String?
    var setups: [Common.SetupConnection] = []
    var opens: [Mining.OpenExtendedMiningChannel] = []
    var updates: [Mining.UpdateChannel] = []
    var customJobs: [Mining.SetCustomMiningJob] = []
    var shares: [Mining.SubmitSharesExtended] = []
    var tokenRequests: [JobDeclaration.AllocateMiningJobToken] = []
    var declared: [JobDeclaration.DeclareMiningJob] = []
    var provided: [JobDeclaration.ProvideMissingTransactionsSuccess] = []
    var solutions: [JobDeclaration.PushSolution] = []

    var opening = Answer.success
    var tokens = Answer.success
    var declaring = Answer.success
    var setting = Answer.success
    var sharing = Answer.success
    /// Asked for before a declaration is answered.
    var missing: [UInt16] = []

    var target = Target(difficulty: 1e-9)
    var prefix: [UInt8] = [1, 2, 3, 4]
    var extranonceSize: UInt16 = 16
    var outputs: [TransactionOutput] = [
        TransactionOutput(
            value: 0, scriptPubKey: .p2wpkh(Hash160(bytes: [UInt8](repeating: 0x77, count: 20))!))
    ]
    static let channelID: UInt32 = 9
    private(set) var lastJobID: UInt32 = 500
    private var lastToken: UInt8 = 0
    /// By the pool's job id.
    private(set) var jobs: [UInt32: Mining.SetCustomMiningJob] = [:]

    init(_ name: String) { self.name = name }

    func connected(
        _ id: ConnectionID, isServer: Bool, unixTime: UInt32, secrets: inout SecretGenerator
    ) -> WirePeer {
        let credentials = NoiseCredentials.issue(
            authority: AuthoritySecretKey(secrets.secretKey()), staticKey: secrets.secretKey(),
            validFrom: unixTime, notValidAfter: unixTime + 3_600)
        let peer = WirePeer(.responder(credentials: credentials, secrets: &secrets))
        if isServer {
            server = (id, peer)
            peer.onFrame = { [unowned self] in self.handleServer($1, on: $0) }
        } else {
            pool = (id, peer)
            peer.onFrame = { [unowned self] in self.handlePool($1, on: $0) }
        }
        return peer
    }

    private func answerSetup(_ frame: V2Frame, error: String?, on peer: WirePeer) -> Bool {
        guard frame.messageType == Common.SetupConnection.messageType, frame.extensionNumber == 0 else {
            return false
        }
        if let setup = try? Common.SetupConnection(frame: frame) { setups.append(setup) }
        if let error {
            peer.send(Common.SetupConnectionError(flags: 0, errorCode: error))
        } else {
            peer.send(Common.SetupConnectionSuccess(usedVersion: 2, flags: 0))
        }
        return true
    }

    private func handlePool(_ frame: V2Frame, on peer: WirePeer) {
        if answerSetup(frame, error: setupError, on: peer) { return }
        guard let message = try? Mining.Message(frame: frame) else { return }
        switch message {
        case .openExtendedMiningChannel(let request):
            opens.append(request)
            switch opening {
            case .success:
                peer.send(
                    Mining.OpenExtendedMiningChannelSuccess(
                        requestID: request.requestID, channelID: MockUpstream.channelID, target: target,
                        extranonceSize: extranonceSize, extranoncePrefix: prefix, groupChannelID: 1))
            case .error(let code):
                peer.send(Mining.OpenMiningChannelError(requestID: request.requestID, errorCode: code))
            case .nothing: break
            }
        case .updateChannel(let message): updates.append(message)
        case .setCustomMiningJob(let request):
            customJobs.append(request)
            answer(request, with: setting)
        case .submitSharesExtended(let share):
            shares.append(share)
            if case .error(let code) = sharing {
                peer.send(
                    Mining.SubmitSharesError(
                        channelID: share.channelID, sequenceNumber: share.sequenceNumber, errorCode: code))
            } else if sharing == .success {
                peer.send(
                    Mining.SubmitSharesSuccess(
                        channelID: share.channelID, lastSequenceNumber: share.sequenceNumber,
                        newSubmitsAcceptedCount: 1, newSharesSum: 1))
            }
        default: break
        }
    }

    /// Answers a custom job, at once or later.
    func answer(_ request: Mining.SetCustomMiningJob, with answer: Answer) {
        switch answer {
        case .success:
            lastJobID += 1
            jobs[lastJobID] = request
            pool?.peer.send(
                Mining.SetCustomMiningJobSuccess(
                    channelID: request.channelID, requestID: request.requestID, jobID: lastJobID))
        case .error(let code):
            pool?.peer.send(
                Mining.SetCustomMiningJobError(
                    channelID: request.channelID, requestID: request.requestID, errorCode: code))
        case .nothing: break
        }
    }

    private func handleServer(_ frame: V2Frame, on peer: WirePeer) {
        if answerSetup(frame, error: serverSetupError, on: peer) { return }
        guard let message = try? JobDeclaration.Message(frame: frame) else { return }
        switch message {
        case .allocateMiningJobToken(let request):
            tokenRequests.append(request)
            guard tokens == .success else { return }
            lastToken += 1
            var writer = ByteWriter()
            writer.write(compactSize: UInt64(outputs.count))
            for output in outputs { output.encode(into: &writer) }
            peer.send(
                JobDeclaration.AllocateMiningJobTokenSuccess(
                    requestID: request.requestID, miningJobToken: [0xa0, lastToken],
                    coinbaseTxOutputs: writer.bytes))
        case .declareMiningJob(let request):
            declared.append(request)
            if missing.isEmpty {
                answer(request, with: declaring)
            } else {
                peer.send(
                    JobDeclaration.ProvideMissingTransactions(
                        requestID: request.requestID, unknownTxPositionList: missing))
            }
        case .provideMissingTransactionsSuccess(let answer):
            provided.append(answer)
            if let request = declared.last(where: { $0.requestID == answer.requestID }) {
                self.answer(request, with: declaring)
            }
        case .pushSolution(let solution): solutions.append(solution)
        default: break
        }
    }

    func answer(_ request: JobDeclaration.DeclareMiningJob, with answer: Answer) {
        switch answer {
        case .success:
            server?.peer.send(
                JobDeclaration.DeclareMiningJobSuccess(
                    requestID: request.requestID,
                    newMiningJobToken: [0xd0] + request.miningJobToken))
        case .error(let code):
            server?.peer.send(
                JobDeclaration.DeclareMiningJobError(
                    requestID: request.requestID, errorCode: code, errorDetails: []))
        case .nothing: break
        }
    }

    /// The coinbase without witness as the pool makes it from a custom job, with the whole extranonce.
    static func coinbase(_ job: Mining.SetCustomMiningJob, extranonce: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(u32: job.coinbaseTxVersion)
        writer.write(u8: 1)
        writer.write(hash: Hash256.zero)
        writer.write(u32: .max)
        writer.write(compactSize: UInt64(job.coinbasePrefix.count + extranonce.count))
        writer.write(job.coinbasePrefix)
        writer.write(extranonce)
        writer.write(u32: job.coinbaseTxInputNSequence)
        writer.write(job.coinbaseTxOutputs)
        writer.write(u32: job.coinbaseTxLocktime)
        return writer.bytes
    }

    /// The hash of a share as this pool computes it, from what it was told in SetCustomMiningJob alone.
    func hash(of share: Mining.SubmitSharesExtended) -> Hash256? {
        guard let job = jobs[share.jobID], share.extranonce.count == Int(extranonceSize) else { return nil }
        let coinbase = MockUpstream.coinbase(job, extranonce: prefix + share.extranonce)
        let root = Merkle.root(first: SHA256.double(coinbase), path: job.merklePath)
        return BlockHeader(
            version: share.version, previousBlockHash: job.prevHash, merkleRoot: root, time: share.nTime,
            bits: CompactTarget(bits: job.nBits), nonce: share.nonce
        ).hash
    }

    /// Whether the pool would credit all shares that it got.
    var areSharesGood: Bool {
        shares.allSatisfy { share in hash(of: share).map { target.isMet(by: $0) } ?? false }
    }
}
