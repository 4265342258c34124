import Bitcoin
import SansIO
import Stratum

/// A V1 pool in memory: real lines, shares judged by independent hashing.
struct ScriptedV1Pool: ScriptedPool {
    var difficulty: Double
    var accepted: [BlockHeader] = []
    var rejected: [Int] = []
    var calls: [String] = []
    var suggested: [Double] = []
    var authorizes = true
    /// Nil: the pool does not know mining.configure.
    var versionMask: UInt32? = 0x1fff_e000
    var extranonce1: [UInt8] = [0xaa, 0xbb, 0xcc, 0xdd]
    var extranonce2Size = 4
    var connections = 0
    var prevHash = SHA256.hash([1])
    private var jobs: [(notify: V1.Notify, difficulty: Double, extranonce1: [UInt8])] = []
    private var nextJob = 1
    private var decoder = V1LineDecoder()
    private var output = ByteWriter()
    private var closing = false

    init(difficulty: Double) { self.difficulty = difficulty }

    mutating func opened() {
        connections += 1
        decoder = V1LineDecoder()
        jobs = []
        output.removeAll()
    }

    mutating func receive(_ bytes: [UInt8]) throws {
        decoder.receive(bytes.span.bytes)
        while let message = try decoder.nextMessage() {
            guard case .request(let request) = message else { continue }
            calls.append(request.method)
            let call = try V1.ClientCall(request)
            switch call {
            case .configure(let wish):
                if let versionMask {
                    let result = V1.ConfigureResult(versionMask: versionMask)
                    V1.Response.ok(request.id, result.json(answering: wish)).encode(into: &output)
                } else {
                    V1.Response.refused(request.id, .other).encode(into: &output)
                }
            case .subscribe:
                let result = V1.SubscribeResult(
                    sessionID: "s", extranonce1: extranonce1, extranonce2Size: extranonce2Size)
                V1.Response.ok(request.id, result.json).encode(into: &output)
            case .authorize:
                guard authorizes else {
                    V1.Response.refused(request.id, .unauthorized).encode(into: &output)
                    continue
                }
                V1.Response.ok(request.id).encode(into: &output)
                setDifficulty(difficulty)
                notify(clean: true)
            case .submit(let share): judge(share, request)
            case .suggestDifficulty(let value):
                suggested.append(value)
                V1.Response.ok(request.id).encode(into: &output)
            default: V1.Response.ok(request.id).encode(into: &output)
            }
        }
    }

    mutating func takeOutput() -> [UInt8] {
        defer { output.removeAll() }
        return output.bytes
    }

    mutating func takeClose() -> Bool {
        defer { closing = false }
        return closing
    }

    mutating func close() { closing = true }

    mutating func send(_ notification: V1.Notification) { notification.encode(into: &output) }

    mutating func setDifficulty(_ value: Double) {
        difficulty = value
        send(V1.SetDifficulty(value).notification)
    }

    mutating func notify(clean: Bool) {
        if clean {
            prevHash = SHA256.hash(prevHash.bytes)
            jobs = []
        }
        let job = V1.Notify(
            jobID: "job\(nextJob)", prevHash: prevHash, coinbase1: Array("one \(nextJob)".utf8),
            coinbase2: Array("two".utf8), merkleBranch: [SHA256.hash([9])], version: 0x2000_0000,
            nBits: 0x207f_ffff, nTime: 1_700_000_000, cleanJobs: clean)
        nextJob += 1
        jobs.append((job, difficulty, extranonce1))
        send(job.notification)
    }

    private mutating func judge(_ share: V1.Submit, _ request: V1.Request) {
        guard let job = jobs.first(where: { $0.notify.jobID == share.jobID }) else {
            return refuse(request, .jobNotFound)
        }
        let notify = job.notify
        var root = SHA256.double(notify.coinbase1 + job.extranonce1 + share.extranonce2 + notify.coinbase2)
        for sibling in notify.merkleBranch { root = SHA256.double(root.bytes + sibling.bytes) }
        let mask = versionMask ?? 0
        let version = (notify.version & ~mask) | ((share.versionBits ?? 0) & mask)
        let header = BlockHeader(
            version: version, previousBlockHash: notify.prevHash, merkleRoot: root, time: share.nTime,
            bits: CompactTarget(bits: notify.nBits), nonce: share.nonce)
        guard Target(difficulty: job.difficulty).isMet(by: SHA256.double(header.bytes)) else {
            return refuse(request, .lowDifficulty)
        }
        guard share.extranonce2.count == extranonce2Size else { return refuse(request, .other) }
        guard !accepted.contains(header) else { return refuse(request, .duplicateShare) }
        accepted.append(header)
        V1.Response.ok(request.id).encode(into: &output)
    }

    private mutating func refuse(_ request: V1.Request, _ refusal: V1.Refusal) {
        rejected.append(refusal.code)
        V1.Response.refused(request.id, refusal).encode(into: &output)
    }
}
