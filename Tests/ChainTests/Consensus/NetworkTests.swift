import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

@Suite struct NetworkTests {
    @Test("Every network starts from the genesis that the world knows")
    func genesis() {
        let known: [(NetworkParameters, String)] = [
            (.mainnet, "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"),
            (.testnet3, "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943"),
            (.testnet4, "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043"),
            (.signet, "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6"),
            (.regtest, "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"),
        ]
        for (network, hash) in known {
            #expect(network.genesis.hash.displayHex == hash, "\(network.name)")
            #expect(network.genesis.merkleRoot().root == network.genesis.header.merkleRoot)
        }
        #expect(NetworkParameters.testnet4.genesis.header.merkleRoot.displayHex.hasPrefix("7aa0a7ae1e223414"))
        #expect(NetworkParameters.signet.magic == [0x0a, 0x03, 0xcf, 0x40])
        #expect(CompactTarget(NetworkParameters.signet.proofOfWorkLimit).bits == 0x1e03_77ae)
    }

    @Test(
        "Core's own description of each network is ours: limit, spacing, interval, port, magic, prefix",
        .enabled(
            if: Vectors.exists("vectors/core/functional_data/util/getchainparams-signet.json"),
            "1 test needs vectors/core; set LAB_SHARED to the folder with vectors/"))
    func descriptions() throws {
        let customChallenge =
            "512102f7561d208dd9ae99bf497273e16f389bdbd6c4742ddb8e6b216e64fa2928ad8f51ae"
        let networks: [(String, NetworkParameters)] = [
            ("mainnet", .mainnet), ("testnet", .testnet3), ("testnet4", .testnet4), ("signet", .signet),
            ("signet-custom", .signet(challenge: try #require([UInt8](hex: customChallenge)))),
            ("regtest", .regtest),
        ]
        for (name, network) in networks {
            let json = try Vectors.json("vectors/core/functional_data/util/getchainparams-\(name).json")
            #expect(json["chain"]?.stringValue == network.name, "\(name)")
            // Core prints this hash in wire order.
            #expect(json["genesis"]?.stringValue == network.genesis.hash.hex, "\(name)")
            #expect(json["subsidy_halving_interval"]?.int64 == Int64(network.halvingInterval))
            #expect(json["pow"]?["limit"]?.stringValue == network.proofOfWorkLimit.value.hex, "\(name)")
            if let spacing = json["pow"]?["target_spacing"]?.int64 {
                #expect(spacing == network.work.targetSpacing)
                #expect(json["pow"]?["difficulty_retarget_interval"]?.int64 == Int64(network.work.interval))
            }
            #expect(json["net"]?["default_port"]?.int64 == Int64(network.peerPort))
            #expect(json["net"]?["magic"]?.stringValue == network.magic.hex, "\(name)")
            #expect(json["addresses"]?["bech32_hrp"]?.stringValue == network.addressNetwork.bech32Prefix)
            #expect(json["test_chain"]?.boolValue ?? true == network.isTestChain, "\(name)")
        }
    }

    @Test(
        "2,016 blocks mined for mainnet's rules: difficulty rises fourfold at the first retarget",
        .enabled(
            if: Vectors.exists("vectors/core/functional_data/mainnet_alt.json"),
            "1 test needs vectors/core; set LAB_SHARED to the folder with vectors/"))
    func mainnetRetarget() throws {
        let json = try Vectors.json("vectors/core/functional_data/mainnet_alt.json")
        let times = (json["timestamps"]?.arrayValue ?? []).compactMap { $0.int64.map { UInt32($0) } }
        let nonces = (json["nonces"]?.arrayValue ?? []).compactMap { $0.int64.map { UInt32($0) } }
        try #require(times.count == 2_016 && nonces.count == 2_016)
        var chain = Chainstate(.mainnet)
        for index in times.indices {
            let height = index + 1
            let bits = chain.nextBits(time: times[index])
            #expect(bits.bits == (height < 2_016 ? 0x1d00_ffff : 0x1c3f_ffc0))
            let block = Self.alternate(height: height, on: chain, bits: bits, times[index], nonces[index])
            let verdict = chain.accept(block, bytes: block.bytes(), now: .max)
            try #require(verdict.submitResult == nil, "height \(height)")
            if height == 2_016 {
                var easy = block.header
                easy.bits = CompactTarget(bits: 0x1d00_ffff)
                var copy = Chainstate(.mainnet)
                #expect(throws: Rejection.self) { try copy.accept(easy, hash: easy.hash, now: .max) }
            }
        }
        #expect(chain.height == 2_016)
    }

    /// The block that Core's test data stands for.
    static func alternate(
        height: Int, on chain: Chainstate, bits: CompactTarget, _ time: UInt32, _ nonce: UInt32
    ) -> Block {
        let coinbase = Transaction(
            version: 2,
            inputs: [
                TransactionInput(
                    previousOutput: .null,
                    // Core's test library pads small heights to two bytes.
                    scriptSig: Script(
                        Script.heightPush(height) + (height <= 16 ? [0x00] : [])), sequence: .max)
            ],
            outputs: [
                TransactionOutput(
                    value: 50_0000_0000,
                    scriptPubKey: Script(hex: "76a914eadbac7f36c37e39361168b7aaee3cb24a25312d88ac")
                        ?? Script())
            ])
        return Block(
            header: BlockHeader(
                version: 0x2000_0000, previousBlockHash: chain.tip.hash, merkleRoot: coinbase.txid,
                time: time,
                bits: bits, nonce: nonce),
            transactions: [coinbase])
    }

    @Test(
        "A real mainnet block stands by itself, its witness commitment included",
        .enabled(
            if: Vectors.exists("vectors/core/block413567.raw"),
            "1 test needs vectors/core; set LAB_SHARED to the folder with vectors/"))
    func realBlock() throws {
        let block = try Block(bytes: try Vectors.bytes("vectors/core/block413567.raw"))
        try BlockChecks.proofOfWork(
            block.header, hash: block.hash, limit: NetworkParameters.mainnet.proofOfWorkLimit)
        try BlockChecks.contextFree(block)
        try BlockChecks.contextual(
            block, height: 413_567, medianTime: block.header.time - 3_600, NetworkParameters.mainnet.softForks
        )
        #expect(block.transactions.count > 1_000)
    }

    @Test("Script rules of mainnet's past: one by one as the soft forks activate, and the two excused blocks")
    func softForks() throws {
        let forks = NetworkParameters.mainnet.softForks
        let base: ScriptFlags = [.p2sh, .witness, .taproot]
        #expect(forks.scriptFlags(height: 1, hash: .zero) == base)
        #expect(forks.scriptFlags(height: 363_725, hash: .zero) == base.union(.strictDER))
        #expect(forks.scriptFlags(height: 481_824, hash: .zero) == .consensus)
        let excused = try #require(
            Hash256(displayHex: "0000000000000000000f14c35b2d841e986ab5441de8c585d5ffe55ea1e395ad"))
        #expect(!forks.scriptFlags(height: 692_261, hash: excused).contains(.taproot))
        #expect(forks.leastVersion(at: 1) < 0)
        #expect(forks.leastVersion(at: 227_931) == 2)
        #expect(forks.leastVersion(at: 363_725) == 3)
        #expect(forks.leastVersion(at: 388_381) == 4)
    }

    @Test("Subsidies halve as each network says and end at nothing")
    func subsidies() {
        let mainnet = NetworkParameters.mainnet
        #expect(mainnet.subsidy(at: 209_999) == 50_0000_0000)
        #expect(mainnet.subsidy(at: 210_000) == 25_0000_0000)
        #expect(mainnet.subsidy(at: 840_000) == 3_1250_0000)
        #expect(mainnet.subsidy(at: 210_000 * 33) == 0)
        #expect(mainnet.subsidy(at: 210_000 * 64) == 0)
        #expect(NetworkParameters.regtest.subsidy(at: 150) == 25_0000_0000)
    }
}
