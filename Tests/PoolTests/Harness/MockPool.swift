import Bitcoin
import SansIO
import Stratum

@testable import Pool

/// A scripted pool: a real Noise connection that answers and sends what the test wants.
final class MockPool {
    enum Answer {
        case accept
        case refuse(String)
        case silence
    }

    let host: String
    var isUp = true
    var peer = WirePeer(.plain())
    var setup = Answer.accept
    var setupFlags: UInt32 = 0
    var open = Answer.accept
    /// Nil: RequestExtensions is not understood and not answered.
    var extensions: [UInt16]? = []
    /// Whether a job and its tip follow each channel at once.
    var givesWork = true
    /// About 64 hashes a share.
    var target = StratumMath.target(hashRate: 64, sharesPerMinute: 60)
    var group: UInt32 = 1
    var rollable: UInt16 = 16
    var jobVersion: UInt32 = 0x2000_0000
    var prefix: [UInt8] = [0, 7, 7, 7]
    var payout = Script.p2wpkh(Hash160(bytes: [UInt8](repeating: 0x42, count: 20))!)
    private(set) var channels: [UInt32] = []
    private(set) var connections = 0
    private var provider = FakeTemplateProvider()
    private var nextChannel: UInt32 = 2
    private var nextJob: UInt32 = 1
    private var tips: UInt8 = 0

    init(_ host: String) { self.host = host }

    func connected(unixTime: UInt32, secrets: inout SecretGenerator) -> WirePeer {
        let credentials = NoiseCredentials.issue(
            authority: AuthoritySecretKey(secrets.secretKey()), staticKey: secrets.secretKey(),
            validFrom: unixTime, notValidAfter: unixTime + 3_600)
        peer = WirePeer(.responder(credentials: credentials, secrets: &secrets))
        peer.onFrame = { [unowned self] in self.handle($1, on: $0) }
        connections += 1
        channels = []
        return peer
    }

    /// The pool ends the connection.
    func hangUp() { peer.closed = .peerClosed }

    private func handle(_ frame: V2Frame, on peer: WirePeer) {
        if frame.messageType == Common.SetupConnection.messageType, frame.extensionNumber == 0 {
            switch setup {
            case .accept: peer.send(Common.SetupConnectionSuccess(usedVersion: 2, flags: setupFlags))
            case .refuse(let code): peer.send(Common.SetupConnectionError(flags: 0, errorCode: code))
            case .silence: break
            }
            return
        }
        if let request = try? ExtensionsNegotiation.RequestExtensions(frame: frame), let extensions {
            peer.send(
                ExtensionsNegotiation.RequestExtensionsSuccess(
                    requestID: request.requestID, supportedExtensions: extensions))
        }
        if let request = try? Mining.OpenExtendedMiningChannel(frame: frame) {
            switch open {
            case .accept: grant(request.requestID)
            case .refuse(let code):
                peer.send(Mining.OpenMiningChannelError(requestID: request.requestID, errorCode: code))
            case .silence: break
            }
        }
    }

    @discardableResult
    func grant(_ requestID: UInt32) -> UInt32 {
        let channel = nextChannel
        nextChannel += 1
        channels.append(channel)
        peer.send(
            Mining.OpenExtendedMiningChannelSuccess(
                requestID: requestID, channelID: channel, target: target, extranonceSize: rollable,
                extranoncePrefix: prefix, groupChannelID: group))
        if givesWork { sendTip(to: channel, for: sendJob(to: channel, future: true)) }
        return channel
    }

    /// A job for a channel or a group; a future one waits for its tip.
    @discardableResult
    func sendJob(to channel: UInt32, future: Bool) -> UInt32 {
        let job = nextJob
        nextJob += 1
        let coinbase = try! Coinbase(
            template: provider.template(future: future), rewards: RewardOutputs(payout), tag: [], number: job,
            extranonceSize: prefix.count + Int(rollable), scriptSigLimit: 100)
        peer.send(
            Mining.NewExtendedMiningJob(
                channelID: channel, jobID: job, minNTime: future ? nil : PoolWorld.unixStart - 100,
                version: jobVersion, versionRollingAllowed: true, merklePath: [],
                coinbaseTxPrefix: coinbase.prefix, coinbaseTxSuffix: coinbase.suffix))
        return job
    }

    func sendTip(to channel: UInt32, for job: UInt32) {
        tips += 1
        peer.send(
            Mining.SetNewPrevHash(
                channelID: channel, jobID: job, prevHash: SHA256.hash([tips]),
                minNTime: PoolWorld.unixStart - 100, nBits: CompactTarget(Target(difficulty: 1)).bits))
    }

    /// The messages of one type that the translator sent on the present connection.
    func all<M: V2Message>(_ type: M.Type) throws -> [M] { try peer.all(type) }

    var identities: [String] {
        ((try? all(Mining.OpenExtendedMiningChannel.self)) ?? []).map(\.userIdentity)
    }
}
