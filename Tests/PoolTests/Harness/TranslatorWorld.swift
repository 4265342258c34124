import Bitcoin
import JSONText
import SansIO
import Stratum
import Testing

@testable import Pool
@testable import Translator

/// A translator between V1 miners and a real pool, in memory and on one virtual clock.
final class TranslatorWorld {
    let pool: PoolWorld
    var machine: TranslatorMachine
    var effects = EffectBuffer<TranslatorObservation>()
    var observations: [TranslatorObservation] = []
    var miners: [ConnectionID: V1TestMiner] = [:]
    /// Where dials went.
    var dialed: [Endpoint] = []
    var poolIsUp = true
    private var nextID: UInt64 = 1
    /// The newest last: while a pool of more preference is tried there are two.
    private var links: [Link] = []
    /// Pools that say what the test wants, by the host that is dialled.
    private var mocks: [String: MockPool] = [:]

    /// The translator's connection to a pool.
    private struct Link {
        let translator: ConnectionID
        /// Nil for a scripted pool.
        let pool: ConnectionID?
        let peer: WirePeer
    }

    /// A translator before scripted pools, in the order of preference.
    init(mocks: [MockPool], change: (inout TranslatorConfiguration) -> Void = { _ in }) {
        pool = PoolWorld()
        for mock in mocks { self.mocks[mock.host] = mock }
        var configuration = TranslatorConfiguration(
            upstreams: mocks.map {
                TranslatorUpstream(
                    url: PoolURL(
                        scheme: .stratumV2(authority: nil), endpoint: Endpoint(host: $0.host, port: 3333)))
            }, clock: WallClock(unixSecondsAtStart: PoolWorld.unixStart), secretSeed: [5])
        configuration.nominalHashRate = 20
        change(&configuration)
        machine = TranslatorMachine(configuration)
    }

    init(pool: PoolWorld, change: (inout TranslatorConfiguration) -> Void = { _ in }) {
        self.pool = pool
        let url = PoolURL(
            scheme: .stratumV2(authority: pool.machine.authorityPublicKey),
            endpoint: Endpoint(host: "pool", port: 3333))
        var configuration = TranslatorConfiguration(
            upstreams: [TranslatorUpstream(url: url)],
            clock: WallClock(unixSecondsAtStart: PoolWorld.unixStart), secretSeed: [5])
        configuration.nominalHashRate = 20
        change(&configuration)
        machine = TranslatorMachine(configuration)
    }

    var now: Instant { pool.now }

    func connect() throws -> V1TestMiner {
        let id = ConnectionID(nextID)
        nextID += 1
        let miner = V1TestMiner(id)
        miners[id] = miner
        machine.connectionOpened(
            id, origin: .accepted(on: .stratumV1, from: "test"), at: now, into: &effects)
        try pump()
        return miner
    }

    /// A miner that subscribed, configured and authorized, in cpuminer's order.
    func miner(
        _ user: String = "alice.rig1", password: String = "x", mask: UInt32? = nil, session: String? = nil
    ) throws -> V1TestMiner {
        let miner = try connect()
        if let mask {
            miner.call(.configure(V1.Configure(versionRolling: .init(mask: mask))))
            try pump()
        }
        miner.call(.subscribe(V1.Subscribe(userAgent: "test/1", sessionID: session)))
        try pump()
        miner.user = user
        miner.call(.authorize(V1.Authorize(user: user, password: password)))
        try pump()
        return miner
    }

    func losePool() throws {
        guard let upstream = links.popLast() else { return }
        machine.connectionClosed(upstream.translator, reason: .peerClosed, at: now, into: &effects)
        if let id = upstream.pool { try pool.closeByPeer(id) }
        try pump()
    }

    /// The miner's connection breaks.
    func lose(_ miner: V1TestMiner) throws {
        miners[miner.id] = nil
        machine.connectionClosed(miner.id, reason: .peerClosed, at: now, into: &effects)
        try pump()
    }

    func advance(by interval: Interval) throws {
        let end = now + interval
        try pump()
        while let deadline = [machine.nextDeadline, pool.machine.nextDeadline].compactMap({ $0 }).min(),
            deadline <= end
        {
            if deadline > now { try pool.advance(by: deadline - now) } else { try pool.advance(by: .zero) }
            if let own = machine.nextDeadline, own <= now { machine.deadlineReached(at: now, into: &effects) }
            try pump()
        }
        try pool.advance(by: end - now)
        try pump()
    }

    /// To the pool and to the miners until nobody has anything to say.
    func pump() throws {
        var progress = true
        while progress {
            progress = try drain()
            for id in miners.keys.sorted() {
                guard let miner = miners[id], miner.outgoing.count > 0 else { continue }
                let bytes = miner.outgoing.bytes
                miner.outgoing.removeAll()
                guard miner.closed == nil else { continue }
                machine.bytesReceived(bytes.span.bytes, on: id, at: now, into: &effects)
                progress = true
            }
            for link in links {
                let bytes = try taken(from: link)
                if !bytes.isEmpty {
                    machine.bytesReceived(bytes.span.bytes, on: link.translator, at: now, into: &effects)
                    progress = true
                }
                if let reason = link.peer.closed {
                    links.removeAll { $0.translator == link.translator }
                    machine.connectionClosed(link.translator, reason: reason, at: now, into: &effects)
                    progress = true
                }
            }
        }
    }

    /// What the pool has to say.
    private func taken(from link: Link) throws -> [UInt8] {
        if link.pool == nil {
            defer { link.peer.outgoing.removeAll() }
            return link.peer.outgoing.bytes
        }
        try pool.pump()
        defer { link.peer.raw = [] }
        return link.peer.raw
    }

    private func drain() throws -> Bool {
        guard !effects.isEmpty else { return false }
        var actions: [() throws -> Void] = []
        for effect in effects.effects {
            switch effect {
            case .send(let id, let range):
                let bytes = Array(effects.bytes(range))
                actions.append { [self] in
                    if let link = links.first(where: { $0.translator == id }) {
                        if let id = link.pool {
                            try pool.deliver(bytes, on: id)
                        } else {
                            try link.peer.receive(bytes, unixTime: pool.unixTime)
                        }
                    } else {
                        try miners[id]?.receive(bytes)
                    }
                }
            case .close(let id, let reason):
                actions.append { [self] in
                    if let index = links.firstIndex(where: { $0.translator == id }) {
                        if let id = links.remove(at: index).pool { try pool.closeByPeer(id) }
                    } else {
                        miners[id]?.closed = reason
                    }
                    machine.connectionClosed(id, reason: reason, at: now, into: &effects)
                }
            case .dial(let dial, let endpoint):
                actions.append { [self] in try answer(dial, endpoint) }
            case .observe(let observation): observations.append(observation)
            case .store, .restart, .pauseReads: break
            }
        }
        effects.reset()
        for action in actions { try action() }
        return true
    }

    private func answer(_ dial: DialID, _ endpoint: Endpoint) throws {
        dialed.append(endpoint)
        guard poolIsUp else {
            machine.dialFailed(dial, reason: .networkFailure("refused"), at: now, into: &effects)
            return
        }
        let id = ConnectionID(nextID)
        nextID += 1
        if let mock = mocks[endpoint.host] {
            guard mock.isUp else {
                machine.dialFailed(dial, reason: .networkFailure("refused"), at: now, into: &effects)
                return
            }
            let peer = mock.connected(unixTime: pool.unixTime, secrets: &pool.secrets)
            links.append(Link(translator: id, pool: nil, peer: peer))
        } else {
            let (poolSide, peer) = try pool.connect(noise: false)
            links.append(Link(translator: id, pool: poolSide, peer: peer))
        }
        machine.connectionOpened(id, origin: .dialed(dial), at: now, into: &effects)
    }
}

/// A V1 miner that keeps what it was told.
final class V1TestMiner {
    let id: ConnectionID
    var outgoing = ByteWriter()
    var closed: CloseReason?
    var messages: [V1.Message] = []
    var extranonce1: [UInt8] = []
    var extranonce2Size = 0
    var difficulty: Double?
    /// What it signs its shares with.
    var user = "alice.rig1"
    var sessionID = ""
    /// The lines as they came.
    var lines: [String] = []
    var versionMasks: [UInt32] = []
    /// Each job with the difficulty it counts with.
    var jobs: [(notify: V1.Notify, difficulty: Double)] = []
    private var decoder = V1LineDecoder(lineMax: V1Limits.lineFromServerMax)
    private var nextCall = 1
    private var counter: UInt32 = 0

    init(_ id: ConnectionID) { self.id = id }

    func call(_ call: V1.ClientCall) {
        call.request(id: .int(nextCall)).encode(into: &outgoing)
        nextCall += 1
    }

    func receive(_ bytes: [UInt8]) throws {
        decoder.receive(bytes.span.bytes)
        while let line = try decoder.nextLine() {
            lines.append(String(decoding: line, as: UTF8.self))
            let message = try V1.Message(line: line)
            messages.append(message)
            switch message {
            case .response(let response):
                if let result = try? V1.SubscribeResult(response.result), result.extranonce2Size > 0 {
                    extranonce1 = result.extranonce1
                    sessionID = result.sessionID
                    extranonce2Size = result.extranonce2Size
                }
            case .notification(let notice):
                switch try V1.ServerCall(notice) {
                case .notify(let notify): jobs.append((notify, difficulty ?? 1))
                case .setDifficulty(let set): difficulty = set.difficulty
                case .setVersionMask(let mask): versionMasks.append(mask)
                default: break
                }
            case .request: break
            }
        }
    }

    var responses: [V1.Response] {
        messages.compactMap { if case .response(let response) = $0 { response } else { nil } }
    }

    /// Finds a share of a job, by the newest if none is named.
    ///
    /// - Parameter not: a target that the share must not meet.
    func solve(
        _ index: Int? = nil, versionBits: UInt32? = nil, mask: UInt32 = 0, not: Target? = nil
    ) throws -> V1.Submit {
        let (job, difficulty) = try #require(index.map { jobs[$0] } ?? jobs.last)
        counter += 1
        let extranonce2 = (0..<extranonce2Size).map {
            UInt8(truncatingIfNeeded: counter >> (8 * UInt32(min($0, 3))))
        }
        let root = StratumMath.extendedMerkleRoot(
            prefix: job.coinbase1, extranonce: extranonce1 + extranonce2, suffix: job.coinbase2,
            path: job.merkleBranch)
        let version = versionBits.map { VersionRolling.version(job: job.version, bits: $0, mask: mask) }
        let scanner = HeaderScanner(
            header: BlockHeader(
                version: version ?? job.version, previousBlockHash: job.prevHash, merkleRoot: root,
                time: job.nTime, bits: CompactTarget(bits: job.nBits), nonce: 0))
        var nonce = try #require(
            scanner.find(target: Target(difficulty: difficulty), nonces: 0..<(1 << 32)))
        while let not, not.isMet(by: scanner.hash(nonce: nonce)) {
            nonce = try #require(
                scanner.find(
                    target: Target(difficulty: difficulty), nonces: (UInt64(nonce) + 1)..<(1 << 32)))
        }
        return V1.Submit(
            worker: user, jobID: job.jobID, extranonce2: extranonce2, nTime: job.nTime, nonce: nonce,
            versionBits: versionBits)
    }
}
