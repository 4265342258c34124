import Bitcoin
import SansIO
import Stratum
import Testing

@testable import Pool

@Suite("Pool: custom jobs")
struct PoolCustomJobTests {
    typealias Code = V2ErrorCode.CustomJob

    static let secret = TokenSecret([1, 2, 3])
    static let payout = PoolWorld.configuration().payout

    static func configuration() -> PoolConfiguration {
        var configuration = PoolWorld.configuration()
        configuration.customJobs = CustomJobPolicy(
            secret: secret, payout: CoinbasePayout(scripts: [payout]))
        return configuration
    }

    /// A channel of a connection that selects its work, and what it sets.
    struct Client {
        let world: PoolWorld
        let peer: WirePeer
        let miner: TestMiner
        var serials: UInt8 = 0

        init(_ world: PoolWorld, identity: String = "alice") throws {
            self.world = world
            let (_, peer) = try world.miner(flags: 2)
            self.peer = peer
            miner = try TestMiner.open(world, peer, extended: true, hashRate: 1, identity: identity)
        }

        func message(_ token: [UInt8], requestID: UInt32 = 1) -> Mining.SetCustomMiningJob {
            Mining.SetCustomMiningJob(
                channelID: miner.channelID, requestID: requestID, miningJobToken: token, version: 0x2000_0000,
                prevHash: world.provider.prevHash, minNTime: world.provider.headerTime,
                nBits: world.provider.bits, coinbaseTxVersion: 2, coinbasePrefix: [0x02, 0xe0, 0x00, 0x51],
                coinbaseTxInputNSequence: 0xffff_fffe,
                coinbaseTxOutputs: CoinbasePayout.encode([
                    TransactionOutput(value: 5_000_000_000, scriptPubKey: PoolCustomJobTests.payout)
                ]), coinbaseTxLocktime: 223, merklePath: [SHA256.hash([1]), SHA256.hash([2])])
        }

        func token(
            serial: UInt8, identity: String = "alice", declaring work: Mining.SetCustomMiningJob? = nil,
            grant: MiningJobToken.Grant = .coinbaseOnly, expires: UInt32 = .max,
            secret: TokenSecret = PoolCustomJobTests.secret
        ) -> [UInt8] {
            MiningJobToken(
                serial: [UInt8](repeating: serial, count: 16), expires: expires,
                identity: secret.digest(.identity, Array(identity.utf8)),
                poolOutputs: secret.digest(
                    .poolOutputs, CoinbasePayout(scripts: [PoolCustomJobTests.payout]).placeholders),
                grant: work.map { .declared(DeclaredWork($0, secret: secret)) } ?? grant
            ).bytes(under: secret)
        }

        /// Sends it and answers the code, or nil for a job.
        func set(_ message: Mining.SetCustomMiningJob) throws -> String? {
            let errors = try peer.all(Mining.SetCustomMiningJobError.self).count
            let jobs = try peer.all(Mining.SetCustomMiningJobSuccess.self).count
            peer.send(message)
            try world.pump()
            let answers = try peer.all(Mining.SetCustomMiningJobError.self)
            if answers.count > errors {
                #expect(
                    answers.last?.channelID == message.channelID
                        && answers.last?.requestID == message.requestID)
                return answers.last?.errorCode
            }
            #expect(try peer.all(Mining.SetCustomMiningJobSuccess.self).count == jobs + 1)
            return nil
        }

        func share(
            _ message: Mining.SetCustomMiningJob, job: UInt32, rolled: UInt8 = 0, meeting target: Target
        ) throws -> Mining.SubmitSharesExtended {
            let extranonce = [UInt8](repeating: rolled, count: 16)
            let coinbase = Coinbase(message, extranonceSize: 20)
            let root = Merkle.root(
                first: coinbase.id(miner.extranoncePrefix, extranonce), path: message.merklePath)
            let scanner = HeaderScanner(
                header: BlockHeader(
                    version: message.version, previousBlockHash: message.prevHash, merkleRoot: root,
                    time: message.minNTime, bits: CompactTarget(bits: message.nBits), nonce: 0))
            let nonce = try #require(scanner.find(target: target, nonces: 0..<(1 << 32)))
            return Mining.SubmitSharesExtended(
                channelID: miner.channelID, sequenceNumber: 1, jobID: job, nonce: nonce,
                nTime: message.minNTime, version: message.version, extranonce: extranonce)
        }

        func errors() throws -> [String] { try peer.all(Mining.SubmitSharesError.self).map(\.errorCode) }
    }

    @Test("tokens that an operator took back set no job, whatever kind; those given out afterwards do")
    func revoked() throws {
        let world = try PoolWorld.ready(Self.configuration())
        let client = try Client(world)
        let before = world.unixTime + 1_800
        #expect(try client.set(client.message(client.token(serial: 1, expires: before))) == nil)
        try world.command(.revokeTokens(identity: "alice"))
        #expect(
            try client.set(client.message(client.token(serial: 2, expires: before)))
                == Code.invalidMiningJobToken)
        let declared = client.message([])
        #expect(
            try client.set(
                client.message(client.token(serial: 3, declaring: declared, expires: before)))
                == Code.invalidMiningJobToken)
        try world.advance(by: .seconds(5))
        #expect(
            try client.set(client.message(client.token(serial: 4, expires: world.unixTime + 1_800))) == nil)
        let other = try Client(world, identity: "bob")
        #expect(
            try other.set(
                other.message(other.token(serial: 5, identity: "bob", expires: before))) == nil)
    }

    @Test("more revocations than are remembered void everybody's older tokens and let none of the first in")
    func manyRevoked() throws {
        var configuration = Self.configuration()
        configuration.limits.revokedAccounts = 2
        let world = try PoolWorld.ready(configuration)
        let client = try Client(world)
        let before = world.unixTime + 1_800
        for name in ["alice", "bob", "carol"] {
            try world.command(.revokeTokens(identity: name))
            try world.advance(by: .seconds(1))
        }
        #expect(
            try client.set(client.message(client.token(serial: 1, expires: before)))
                == Code.invalidMiningJobToken)
        #expect(
            try client.set(client.message(client.token(serial: 2, expires: world.unixTime + 1_800))) == nil)
    }

    @Test(
        "without job declaration, or on a connection that does not select its work, it is not supported (row 7)"
    )
    func notSupported() throws {
        let without = try Client(PoolWorld.ready())
        #expect(
            try without.set(without.message(without.token(serial: 1))) == Code.jobDeclarationNotSupported)
        let world = try PoolWorld.ready(Self.configuration())
        let client = try Client(world)
        let (_, plain) = try world.miner()
        let miner = try TestMiner.open(world, plain, extended: true)
        var message = client.message(client.token(serial: 1))
        message.channelID = miner.channelID
        plain.send(message)
        try world.pump()
        #expect(
            try plain.last(Mining.SetCustomMiningJobError.self)?.errorCode == Code.jobDeclarationNotSupported)
    }

    @Test("a client that selects its work hears of no job and no tip (row 4)")
    func silence() throws {
        let world = try PoolWorld.ready(Self.configuration())
        let client = try Client(world)
        #expect(try client.set(client.message(client.token(serial: 1))) == nil)
        world.provider.newTip()
        world.provider.sendTemplate(future: false)
        try world.advance(by: .seconds(90))
        #expect(client.peer.types.filter { [0x15, 0x1f, 0x20].contains($0) } == [])
    }

    @Test("a token is good once: on the same connection, on another, and never again (row 50)")
    func replay() throws {
        let world = try PoolWorld.ready(Self.configuration())
        let client = try Client(world)
        let other = try Client(world)
        let token = client.token(serial: 1)
        #expect(try client.set(client.message(token)) == nil)
        #expect(try client.set(client.message(token)) == Code.invalidMiningJobToken)
        #expect(try other.set(other.message(token)) == Code.invalidMiningJobToken)
        world.provider.newTip()
        try world.pump()
        #expect(try other.set(other.message(token)) == Code.invalidMiningJobToken)
    }

    @Test("another identity is refused without consuming the token; the right one then works (row 51)")
    func identity() throws {
        let world = try PoolWorld.ready(Self.configuration())
        let alice = try Client(world)
        let bob = try Client(world, identity: "bob")
        let token = alice.token(serial: 1)
        #expect(try bob.set(bob.message(token)) == Code.invalidMiningJobToken)
        #expect(try alice.set(alice.message(token)) == nil)
    }

    @Test("tokens that nobody with the secret made, expired ones and undeclared ones are refused")
    func tokens() throws {
        let world = try PoolWorld.ready(Self.configuration())
        let client = try Client(world)
        let good = client.token(serial: 1)
        var flipped = good
        flipped[3] ^= 1
        for token in [
            [], [1], [UInt8](repeating: 0, count: 255), flipped, good + [0],
            client.token(serial: 2, secret: TokenSecret([7])),
            client.token(serial: 3, expires: world.unixTime - 1),
        ] {
            #expect(try client.set(client.message(token)) == Code.invalidMiningJobToken)
        }
        #expect(
            try client.set(client.message(client.token(serial: 4, grant: .declaration)))
                == Code.jobNotYetValidated)
        #expect(try client.set(client.message(good)) == nil)
    }

    /// A change of one field and the code that it must end in.
    static let changes:
        [(name: String, code: String, change: @Sendable (inout Mining.SetCustomMiningJob) -> Void)] = [
            ("bits", Code.invalidNBits, { $0.nBits += 1 }),
            ("early", Code.invalidMinNTime, { $0.minNTime -= 700 }),
            ("late", Code.invalidMinNTime, { $0.minNTime += 100_000 }),
            ("version", Code.invalidVersion, { $0.version = 3 }),
            ("negative version", Code.invalidVersion, { $0.version = 0x8000_0000 }),
            ("coinbase version", Code.invalidCoinbaseTxVersion, { $0.coinbaseTxVersion = 0 }),
            ("height", Code.invalidCoinbasePrefix, { $0.coinbasePrefix[1] += 1 }),
            ("no height", Code.invalidCoinbasePrefix, { $0.coinbasePrefix = [] }),
            ("script", Code.invalidCoinbasePrefix, { $0.coinbasePrefix += [UInt8](repeating: 0, count: 77) }),
            ("lock time", Code.invalidCoinbaseTxLocktime, { $0.coinbaseTxLocktime = 224 }),
            ("lock time as time", Code.invalidCoinbaseTxLocktime, { $0.coinbaseTxLocktime = 2_000_000_000 }),
            ("no outputs", Code.invalidCoinbaseTxOutputs, { $0.coinbaseTxOutputs = [0] }),
            ("empty outputs", Code.invalidCoinbaseTxOutputs, { $0.coinbaseTxOutputs = [] }),
            ("count of outputs", Code.invalidCoinbaseTxOutputs, { $0.coinbaseTxOutputs[0] = 0xfe }),
            ("trailing outputs", Code.invalidCoinbaseTxOutputs, { $0.coinbaseTxOutputs.append(0) }),
            ("unpaid", Code.invalidCoinbaseTxOutputs, { for i in 1...8 { $0.coinbaseTxOutputs[i] = 0 } }),
            ("overpaid", Code.invalidCoinbaseTxOutputs, { $0.coinbaseTxOutputs[8] = 0x7f }),
            ("negative", Code.invalidCoinbaseTxOutputs, { $0.coinbaseTxOutputs[8] = 0x80 }),
            ("to others", Code.invalidCoinbaseTxOutputs, { $0.coinbaseTxOutputs[20] ^= 1 }),
            (
                "path", Code.invalidMerklePath,
                { $0.merklePath = (0..<16).map { SHA256.hash([UInt8($0)]) } }
            ),
        ]

    @Test("each field of a coinbase-only job has its code, and no refusal consumes the token")
    func fields() throws {
        let world = try PoolWorld.ready(Self.configuration())
        let client = try Client(world)
        let token = client.token(serial: 1)
        for (name, code, change) in Self.changes {
            var message = client.message(token)
            change(&message)
            let given = try client.set(message)
            #expect(given == code, "\(name)")
        }
        #expect(try client.set(client.message(token)) == nil)
    }

    @Test("a declared job must be set as it was declared, to the last field")
    func declared() throws {
        let world = try PoolWorld.ready(Self.configuration())
        let client = try Client(world)
        let token = client.token(serial: 1, declaring: client.message([]))
        let changes: [(String, (inout Mining.SetCustomMiningJob) -> Void)] = [
            (Code.invalidNBits, { $0.nBits += 1 }),
            (Code.invalidVersion, { $0.version += 0x20 }),
            (Code.invalidMinNTime, { $0.minNTime -= 1 }),
            (Code.invalidCoinbaseTxVersion, { $0.coinbaseTxVersion = 1 }),
            (Code.invalidCoinbasePrefix, { $0.coinbasePrefix.append(0) }),
            (Code.invalidCoinbaseTxInputNSequence, { $0.coinbaseTxInputNSequence = 0 }),
            (Code.invalidCoinbaseTxOutputs, { $0.coinbaseTxOutputs[1] ^= 1 }),
            (Code.invalidCoinbaseTxLocktime, { $0.coinbaseTxLocktime = 0 }),
            (Code.invalidMerklePath, { $0.merklePath.removeLast() }),
            (Code.invalidMerklePath, { $0.merklePath.swapAt(0, 1) }),
        ]
        for (code, change) in changes {
            var message = client.message(token)
            change(&message)
            #expect(try client.set(message) == code)
        }
        #expect(try client.set(client.message(token)) == nil)
    }

    @Test("unknown channels are refused by name, and a job for the group counts on all its channels")
    func channels() throws {
        let world = try PoolWorld.ready(Self.configuration())
        let client = try Client(world)
        let second = try TestMiner.open(world, client.peer, extended: true, hashRate: 1, identity: "alice")
        var message = client.message(client.token(serial: 1))
        message.channelID = 99
        #expect(try client.set(message) == Code.invalidChannelID)
        message.channelID = 1
        #expect(try client.set(message) == nil)
        let job = try #require(try client.peer.last(Mining.SetCustomMiningJobSuccess.self)).jobID
        var share = try client.share(message, job: job, meeting: client.miner.target)
        client.peer.send(share)
        share.channelID = second.channelID
        client.peer.send(share)
        try world.pump()
        // The second channel has another prefix, so the same nonce is another hash there.
        #expect(try client.errors() == ["difficulty-too-low"])
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 1)
        // A group whose members are not one user has no token.
        _ = try TestMiner.open(world, client.peer, extended: true, hashRate: 1, identity: "bob")
        var mixed = client.message(client.token(serial: 2))
        mixed.channelID = 1
        #expect(try client.set(mixed) == Code.invalidMiningJobToken)
    }

    @Test("shares on custom jobs are judged as exactly as on the pool's own")
    func shares() throws {
        let world = try PoolWorld.ready(Self.configuration())
        let client = try Client(world)
        let message = client.message(client.token(serial: 1))
        #expect(try client.set(message) == nil)
        let job = try #require(try client.peer.last(Mining.SetCustomMiningJobSuccess.self)).jobID
        let good = try client.share(message, job: job, meeting: client.miner.target)
        var wrong = good
        client.peer.send(good)
        client.peer.send(good)
        wrong.jobID = job + 50
        client.peer.send(wrong)
        // The pool's own job is no job of this channel.
        wrong.jobID = try #require(world.machine.snapshot(at: world.now).currentJob)
        client.peer.send(wrong)
        wrong = good
        wrong.nTime -= 1
        client.peer.send(wrong)
        wrong = good
        wrong.version ^= 1
        client.peer.send(wrong)
        wrong = good
        wrong.extranonce.removeLast()
        client.peer.send(wrong)
        try world.pump()
        #expect(
            try client.errors() == [
                "duplicate-share", "invalid-job-id", "invalid-job-id", "invalid-share",
                "invalid-non-rollable-version-bit", "bad-extranonce-size",
            ])
        // An older job of the same tip stays good; a new tip ends both.
        let next = client.message(client.token(serial: 2))
        #expect(try client.set(next) == nil)
        client.peer.send(try client.share(message, job: job, rolled: 1, meeting: client.miner.target))
        try world.pump()
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 2)
        world.provider.newTip()
        try world.pump()
        client.peer.send(try client.share(message, job: job, rolled: 2, meeting: client.miner.target))
        try world.pump()
        #expect(try client.errors().last == "stale-share")
    }

    @Test(
        "a block on a declared job is handed over with all that makes it; the template provider gets nothing")
    func block() throws {
        let world = try PoolWorld.ready(Self.configuration(), networkTarget: Target(difficulty: 1e-8))
        let client = try Client(world)
        let message = client.message(client.token(serial: 7, declaring: client.message([])))
        #expect(try client.set(message) == nil)
        let job = try #require(try client.peer.last(Mining.SetCustomMiningJobSuccess.self)).jobID
        let share = try client.share(
            message, job: job, meeting: min(client.miner.target, Target(difficulty: 1e-8)))
        client.peer.send(share)
        try world.pump()
        #expect(
            world.observations.contains(
                .customBlockFound(
                    CustomSolution(
                        serial: [UInt8](repeating: 7, count: 16),
                        extranonce: client.miner.extranoncePrefix + share.extranonce,
                        prevHash: message.prevHash, nonce: share.nonce, nTime: share.nTime,
                        nBits: message.nBits, version: share.version))))
        #expect(world.provider.solutions.isEmpty)
    }

    @Test("a job on a tip that was is stale at once; one on a tip to come waits for it")
    func tips() throws {
        let world = try PoolWorld.ready(Self.configuration())
        let client = try Client(world)
        let old = client.message(client.token(serial: 1))
        world.provider.newTip()
        try world.pump()
        #expect(try client.set(old) == Code.staleChainTip)
        var never = client.message(client.token(serial: 2), requestID: 22)
        never.prevHash = SHA256.hash([9, 9])
        client.peer.send(never)
        try world.pump()
        #expect(try client.peer.all(Mining.SetCustomMiningJobError.self).count == 1)
        try world.advance(by: .seconds(3))
        #expect(
            try client.peer.last(Mining.SetCustomMiningJobError.self)
                == .init(
                    channelID: client.miner.channelID, requestID: 22, errorCode: Code.staleChainTip))
        // The provider's tips are numbered, so the next one's hash is known.
        var early = client.message(client.token(serial: 3), requestID: 33)
        let number = world.provider.tips + 1
        early.prevHash = SHA256.hash([UInt8(number), UInt8(number >> 8)])
        client.peer.send(early)
        try world.pump()
        world.provider.newTip()
        try world.pump()
        #expect(try client.peer.last(Mining.SetCustomMiningJobSuccess.self)?.requestID == 33)
    }

    @Test("custom jobs that wait for a tip are bounded, and answered even when their channel is gone")
    func held() throws {
        let world = try PoolWorld.ready(Self.configuration())
        let client = try Client(world)
        for number in 0..<6 {
            var message = client.message(client.token(serial: UInt8(number)), requestID: UInt32(number))
            message.prevHash = SHA256.hash([9, 9])
            client.peer.send(message)
        }
        try world.pump()
        #expect(try client.peer.all(Mining.SetCustomMiningJobError.self).map(\.requestID) == [4, 5])
        client.peer.send(Mining.CloseChannel(channelID: client.miner.channelID, reasonCode: "bye"))
        try world.advance(by: .seconds(3))
        #expect(try client.peer.all(Mining.SetCustomMiningJobError.self).count == 6)
    }

    @Test(
        "used tokens are remembered up to a bound; beyond it new ones are refused rather than old ones forgotten"
    )
    func spent() throws {
        var configuration = Self.configuration()
        configuration.limits.spentTokens = 2
        let world = try PoolWorld.ready(configuration)
        let client = try Client(world)
        let soon = world.unixTime + 60
        #expect(try client.set(client.message(client.token(serial: 1, expires: soon))) == nil)
        #expect(try client.set(client.message(client.token(serial: 2))) == nil)
        let third = client.token(serial: 3)
        #expect(try client.set(client.message(third)) == Code.invalidMiningJobToken)
        try world.advance(by: .seconds(61))
        #expect(try client.set(client.message(third)) == nil)
        #expect(try client.set(client.message(client.token(serial: 2))) == Code.invalidMiningJobToken)
    }
}

extension DeclaredWork {
    /// What a server would have written for a job that is set so.
    fileprivate init(_ message: Mining.SetCustomMiningJob, secret: TokenSecret) {
        self.init(
            version: message.version, prevHash: message.prevHash, nBits: message.nBits,
            minNTime: message.minNTime, coinbaseVersion: message.coinbaseTxVersion,
            sequence: message.coinbaseTxInputNSequence, lockTime: message.coinbaseTxLocktime,
            extranonceSize: 20, scriptPrefix: message.coinbasePrefix, outputs: message.coinbaseTxOutputs,
            merklePath: message.merklePath, secret: secret)
    }
}
