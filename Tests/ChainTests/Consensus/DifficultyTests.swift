import Bitcoin
import SansIO
import Testing

@testable import Chain

/// Headers without proof of work, to look at what each must state.
@Suite struct DifficultyTests {
    private func tree(_ network: NetworkParameters) -> BlockTree {
        BlockTree(genesis: network.genesis, deployment: network.testDummy)
    }

    private func append(
        _ tree: inout BlockTree, time: UInt32, bits: CompactTarget, version: UInt32 = 0x2000_0000
    ) {
        let id = tree.entries.count - 1
        let header = BlockHeader(
            version: version, previousBlockHash: tree[id].hash, merkleRoot: .zero, time: time, bits: bits,
            nonce: UInt32(id))
        _ = tree.insert(header, hash: header.hash, after: id)
    }

    // Figures of real mainnet periods, as Core's pow_tests states them.
    @Test(
        "Retargets of mainnet's history",
        arguments: [
            (0x1d00_ffff, 1_261_130_161, 1_262_152_739, 0x1d00_d86a),
            (0x1d00_ffff, 1_231_006_505, 1_233_061_996, 0x1d00_ffff),
            (0x1c05_a3f4, 1_279_008_237, 1_279_297_671, 0x1c01_68fd),
            (0x1c38_7f6f, 1_263_163_443, 1_269_211_443, 0x1d00_e1fd),
        ] as [(UInt32, UInt32, UInt32, UInt32)])
    func history(bits: UInt32, first: UInt32, last: UInt32, next: UInt32) {
        let rules = NetworkParameters.mainnet.work
        #expect(
            rules.retarget(CompactTarget(bits: bits), firstTime: first, lastTime: last).bits == next)
    }

    @Test("testnet4: a slow block may be of difficulty one, but the period's first block keeps the real one")
    func testnet4() {
        let network = NetworkParameters.testnet4
        let rules = network.work
        var tree = tree(network)
        let start = network.genesis.header.time
        // A first period in half the time doubles the difficulty.
        for height in 1..<2_016 {
            append(&tree, time: start + UInt32(height) * 300, bits: network.bits)
        }
        var last = tree.entries.count - 1
        let real = tree.requiredBits(after: last, time: tree[last].header.time + 300, rules)
        #expect(real.target?.difficulty ?? 0 > 1.9)
        append(&tree, time: tree[last].header.time + 300, bits: real)
        last += 1
        #expect(tree.requiredBits(after: last, time: tree[last].header.time + 1_200, rules) == real)
        let easy = tree.requiredBits(after: last, time: tree[last].header.time + 1_201, rules)
        #expect(easy.bits == 0x1d00_ffff)
        append(&tree, time: tree[last].header.time + 1_201, bits: easy)
        last += 1
        // After the exception the real difficulty is back.
        #expect(tree.requiredBits(after: last, time: tree[last].header.time + 1, rules) == real)
        for _ in 0..<2_014 {
            last = tree.entries.count - 1
            append(&tree, time: tree[last].header.time + 1_201, bits: easy)
        }
        last = tree.entries.count - 1
        #expect(tree[last].height == 4_031)
        // All of the period was easy, and still the next one scales the first block's bits (BIP94).
        let next = tree.requiredBits(after: last, time: tree[last].header.time, rules)
        #expect(
            next
                == rules.retarget(
                    real, firstTime: tree[2_016].header.time, lastTime: tree[last].header.time))
        var old = rules
        old.enforcesBIP94 = false
        #expect(tree.requiredBits(after: last, time: tree[last].header.time, old).bits == 0x1d00_ffff)
    }

    @Test("testnet4: the first block of a period may not lie more than ten minutes before its parent")
    func timewarp() {
        let network = NetworkParameters.testnet4
        var tree = tree(network)
        let start = network.genesis.header.time
        for height in 1..<2_015 { append(&tree, time: start + UInt32(height) * 600, bits: network.bits) }
        append(&tree, time: start + 2_015 * 600 + 7_000, bits: network.bits)
        let last = tree.entries.count - 1
        func reason(_ time: UInt32) -> String? {
            let header = BlockHeader(
                version: 4, previousBlockHash: tree[last].hash, merkleRoot: .zero, time: time,
                bits: tree.requiredBits(after: last, time: time, network.work), nonce: 0)
            do throws(Rejection) {
                try BlockChecks.header(header, after: last, in: tree, network, now: .max)
                return nil
            } catch {
                return error.reason
            }
        }
        #expect(reason(tree[last].header.time - 601) == "time-timewarp-attack")
        #expect(reason(tree[last].header.time - 600) == nil)
    }

    @Test("A labnet with a block interval follows the hashrate; one without keeps its difficulty")
    func labnet() {
        var rules = LabnetRules(blockDifficulty: 1e-6)
        #expect(rules.fault == nil)
        let constant = NetworkParameters.labnet(rules)
        var still = tree(constant)
        for height in 1...300 {
            append(&still, time: constant.genesis.header.time + UInt32(height), bits: constant.bits)
        }
        #expect(still.requiredBits(after: 300, time: 2_000_000_000, constant.work) == constant.bits)

        rules.blockInterval = 10
        rules.retargetBlocks = 20
        rules.halvingInterval = 1_000
        rules.coinbaseMaturity = 5
        let network = NetworkParameters.labnet(rules)
        #expect(network.subsidy(at: 999) == 50_0000_0000)
        #expect(network.coinbaseMaturity == 5)
        #expect(network.genesis.hash != constant.genesis.hash, "other rules, another chain")
        var tree = tree(network)
        for height in 1..<20 {
            append(&tree, time: network.genesis.header.time + UInt32(height) * 5, bits: network.bits)
        }
        let harder = tree.requiredBits(after: 19, time: 0, network.work)
        #expect((harder.target?.difficulty ?? 0) > 1.9 * (network.bits.target?.difficulty ?? 1))
        rules.blockInterval = 0
        #expect(rules.fault != nil)
    }

    @Test(
        "regtest's test deployment: started, locked in when miners signal, then active and no longer signalled"
    )
    func versionBits() throws {
        let network = NetworkParameters.regtest
        var chain = Chainstate(network)
        func state(_ chain: Chainstate) -> DeploymentState { chain.deploymentStatus(at: chain.tipID).next }
        func mine(_ count: Int) throws {
            for _ in 0..<count {
                let template = BlockTemplate(on: chain, from: Mempool())
                let coinbase = template.coinbase(paying: Script([0x51]))
                let block = Draft.mine(template.block(coinbase: coinbase, time: chain.tip.header.time + 60))
                try #require(chain.accept(block, bytes: block.bytes(), now: .max).submitResult == nil)
            }
        }
        try mine(142)
        #expect(chain.nextVersion == 0x2000_0000)
        #expect(state(chain) == .defined)
        try mine(1)
        #expect(chain.nextVersion == 0x3000_0000)
        #expect(state(chain) == .started)
        try mine(7)
        let status = chain.deploymentStatus(at: chain.tipID)
        #expect(status.current == .started)
        #expect(status.since == 144)
        #expect(status.signalling == "#######")
        #expect(
            status.statistics == .init(period: 144, threshold: 108, elapsed: 7, count: 7, isPossible: true))
        try mine(137)
        #expect(state(chain) == .lockedIn)
        #expect(chain.nextVersion == 0x3000_0000)
        try mine(144)
        #expect(state(chain) == .active)
        #expect(chain.nextVersion == 0x2000_0000)
        #expect(chain.deploymentStatus(at: chain.tipID).activeSince == 432)
    }
}
