import Bitcoin
import SansIO
import Stratum

/// A V2 pool in memory: real Noise, real frames, one channel, shares judged by independent hashing.
struct ScriptedV2Pool: ScriptedPool {
    var credentials: NoiseCredentials
    var secrets = SecretGenerator(seed: Array("pool".utf8))
    var connection: V2Connection
    var target: Target
    /// What each accepted share was.
    var accepted: [BlockHeader] = []
    var rejected: [String] = []
    var received: [String] = []
    var setup: Common.SetupConnection?
    var identities: [String] = []
    var nominalHashRates: [Float] = []
    var jobTargets: [UInt32: Target] = [:]
    var jobs: [UInt32: V2TestJob] = [:]
    var tip = V2TestTip(prevHash: ScriptedV2Pool.hash(1), time: 1_700_000_000, bits: 0x207f_ffff)
    var nextJob: UInt32 = 1
    var prefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 7]
    var rollableSize = 4
    /// Jobs go to the group as extended jobs, also for a standard channel.
    var usesGroupJobs = false
    /// Answer the open request with this code.
    var refusal: String?
    var sendsJobs = true
    var versionRollingAllowed = true
    var extranonces: [[UInt8]] = []
    var connections = 0
    private var extended = false
    private var output = ByteWriter()
    private var closing = false

    static let channel: UInt32 = 2
    static let group: UInt32 = 1

    init(target: Target, credentials: NoiseCredentials) {
        self.target = target
        self.credentials = credentials
        connection = .plain()
    }

    static func hash(_ byte: UInt8) -> Hash256 { SHA256.hash([byte]) }

    mutating func opened() {
        connections += 1
        connection = .responder(credentials: credentials, secrets: &secrets)
        jobs = [:]
        extended = false
        output.removeAll()
        closing = false
    }

    mutating func receive(_ bytes: [UInt8]) throws {
        try connection.receive(bytes.span.bytes, unixTime: 1_700_000_000, into: &output)
        while let frame = try connection.nextFrame() {
            if let message = try Mining.Message(frame: frame) {
                received.append(message.name)
                handle(message)
            } else if let message = try Common.Message(frame: frame) {
                received.append(message.name)
                if case .setupConnection(let wish) = message {
                    setup = wish
                    send(Common.SetupConnectionSuccess(usedVersion: 2, flags: 0))
                }
            }
        }
    }

    mutating func send(_ message: some V2Message) { connection.send(message, into: &output) }

    mutating func sendRaw(_ frame: V2Frame) { connection.send(frame: frame, into: &output) }

    mutating func takeOutput() -> [UInt8] {
        defer { output.removeAll() }
        return output.bytes
    }

    mutating func takeClose() -> Bool {
        defer { closing = false }
        return closing
    }

    mutating func close() { closing = true }

    // MARK: Channel

    private mutating func handle(_ message: Mining.Message) {
        switch message {
        case .openStandardMiningChannel(let open):
            identities.append(open.userIdentity)
            nominalHashRates.append(open.nominalHashRate)
            if let refusal {
                return send(Mining.OpenMiningChannelError(requestID: open.requestID, errorCode: refusal))
            }
            send(
                Mining.OpenStandardMiningChannelSuccess(
                    requestID: open.requestID, channelID: Self.channel, target: target,
                    extranoncePrefix: prefix,
                    groupChannelID: Self.group))
            if sendsJobs { newBlock() }
        case .openExtendedMiningChannel(let open):
            identities.append(open.userIdentity)
            nominalHashRates.append(open.nominalHashRate)
            extended = true
            send(
                Mining.OpenExtendedMiningChannelSuccess(
                    requestID: open.requestID, channelID: Self.channel, target: target,
                    extranonceSize: UInt16(rollableSize), extranoncePrefix: prefix, groupChannelID: Self.group
                ))
            if sendsJobs { newBlock() }
        case .submitSharesStandard(let share):
            judge(
                share.jobID, share.sequenceNumber, nonce: share.nonce, time: share.nTime,
                version: share.version,
                extranonce: [])
        case .submitSharesExtended(let share):
            judge(
                share.jobID, share.sequenceNumber, nonce: share.nonce, time: share.nTime,
                version: share.version,
                extranonce: share.extranonce)
        default: break
        }
    }

    /// A future job and the previous hash that activates it.
    mutating func newBlock() {
        let job = sendJob(active: false)
        tip.prevHash = SHA256.hash(tip.prevHash.bytes)
        jobs = [job: jobs[job]!]
        jobs[job]?.tip = tip
        jobTargets[job] = target
        let recipient = usesGroupJobs ? Self.group : Self.channel
        send(
            Mining.SetNewPrevHash(
                channelID: recipient, jobID: job, prevHash: tip.prevHash, minNTime: tip.time, nBits: tip.bits)
        )
    }

    /// Sends a job and returns its id.
    @discardableResult
    mutating func sendJob(active: Bool) -> UInt32 {
        let id = nextJob
        nextJob += 1
        let recipient = usesGroupJobs ? Self.group : Self.channel
        let minTime: UInt32? = active ? tip.time : nil
        var job = V2TestJob(
            prefix: Array("coinbase \(id) ".utf8), suffix: Array(" tail".utf8),
            path: [Self.hash(UInt8(truncatingIfNeeded: id)), Self.hash(99)], root: nil, extranonce: prefix)
        if extended || usesGroupJobs {
            send(
                Mining.NewExtendedMiningJob(
                    channelID: recipient, jobID: id, minNTime: minTime, version: 0x2000_0000,
                    versionRollingAllowed: versionRollingAllowed, merklePath: job.path,
                    coinbaseTxPrefix: job.prefix,
                    coinbaseTxSuffix: job.suffix))
        } else {
            let root = Self.hash(UInt8(truncatingIfNeeded: id))
            job.root = root
            send(
                Mining.NewMiningJob(
                    channelID: recipient, jobID: id, minNTime: minTime, version: 0x2000_0000, merkleRoot: root
                ))
        }
        if active {
            job.tip = tip
            jobTargets[id] = target
        }
        jobs[id] = job
        return id
    }

    private mutating func judge(
        _ id: UInt32, _ sequence: UInt32, nonce: UInt32, time: UInt32, version: UInt32, extranonce: [UInt8]
    ) {
        guard let job = jobs[id], let tip = job.tip else { return refuse(sequence, "invalid-job-id") }
        let header = BlockHeader(
            version: version, previousBlockHash: tip.prevHash, merkleRoot: job.merkleRoot(extranonce),
            time: time, bits: CompactTarget(bits: tip.bits), nonce: nonce)
        let hash = SHA256.double(header.bytes)
        if (version ^ 0x2000_0000) & ~VersionRolling.bip320Mask != 0 {
            return refuse(sequence, "invalid-non-rollable-version-bit")
        }
        if time < tip.time { return refuse(sequence, "invalid-share") }
        if extended && extranonce.count != rollableSize { return refuse(sequence, "bad-extranonce-size") }
        guard jobTargets[id]?.isMet(by: hash) ?? false else { return refuse(sequence, "difficulty-too-low") }
        guard !accepted.contains(header) else { return refuse(sequence, "duplicate-share") }
        accepted.append(header)
        extranonces.append(extranonce)
        send(
            Mining.SubmitSharesSuccess(
                channelID: Self.channel, lastSequenceNumber: sequence, newSubmitsAcceptedCount: 1,
                newSharesSum: 1))
    }

    private mutating func refuse(_ sequence: UInt32, _ code: String) {
        rejected.append(code)
        send(Mining.SubmitSharesError(channelID: Self.channel, sequenceNumber: sequence, errorCode: code))
    }
}

struct V2TestTip {
    var prevHash: Hash256
    var time: UInt32
    var bits: UInt32
}

struct V2TestJob {
    var prefix: [UInt8]
    var suffix: [UInt8]
    var path: [Hash256]
    /// Nil for jobs with a coinbase.
    var root: Hash256?
    var extranonce: [UInt8]
    var tip: V2TestTip?

    /// Computed from first principles, not with the arithmetic under test.
    func merkleRoot(_ rollable: [UInt8]) -> Hash256 {
        if let root { return root }
        var hash = SHA256.double(prefix + extranonce + rollable + suffix)
        for sibling in path { hash = SHA256.double(hash.bytes + sibling.bytes) }
        return hash
    }
}
