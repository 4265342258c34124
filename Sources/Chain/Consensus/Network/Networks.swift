public import Bitcoin
import SansIO

extension NetworkParameters {
    /// Core's regtest (chainparams.cpp): no retarget, halving every 150 blocks, all soft forks active.
    public static let regtest = NetworkParameters(
        name: "regtest",
        magic: [0xfa, 0xbf, 0xb5, 0xda],
        genesis: GenesisBlock.make(time: 1_296_688_602, nonce: 2, bits: 0x207f_ffff),
        work: ProofOfWorkRules(
            limit: regtestLimit, targetTimespan: 86_400, allowsMinDifficulty: true, retargets: false),
        softForks: .fromGenesis,
        testDummy: VersionBitsDeployment(bit: 28, startTime: 0, threshold: 108, period: 144),
        halvingInterval: 150,
        coinbaseMaturity: 100,
        addressNetwork: .regtest,
        peerPort: 18_444,
        rpcPort: 18_443,
        templatePort: 18_447,
        isTestChain: true,
        minimumChainWork: .zero)

    /// The main network.
    public static let mainnet: NetworkParameters = {
        var forks = SoftForks(
            bip34: 227_931, bip66: 363_725, bip65: 388_381, csv: 419_328, segwit: 481_824,
            bip34Hash: hash("000000000000024b89b42a942fe0d9fea3bb44ab7bd1b19115dd6a759c0808b8"))
        forks.scriptExceptions = [
            .init(
                block: hash("00000000000002dc756eebf4f49723ed8d30cc28a5f108eb94b1ba88ac4f9c22"), flags: []),
            .init(
                block: hash("0000000000000000000f14c35b2d841e986ab5441de8c585d5ffe55ea1e395ad"),
                flags: [.p2sh, .witness]),
        ]
        forks.repeatedCoinbases = [
            hash("00000000000a4d0a398161ffc163c503763b1f4360639393e0e4c8e300e0caec"),
            hash("00000000000743f190a18c5577a3c2d2a1f610ae9601ac046a38084ccb7cd721"),
        ]
        return NetworkParameters(
            name: "main",
            magic: [0xf9, 0xbe, 0xb4, 0xd9],
            genesis: GenesisBlock.make(time: 1_231_006_505, nonce: 2_083_236_893, bits: 0x1d00_ffff),
            work: ProofOfWorkRules(limit: publicLimit),
            softForks: forks,
            testDummy: .neverActive(threshold: 1_815),
            halvingInterval: 210_000,
            coinbaseMaturity: 100,
            addressNetwork: .mainnet,
            peerPort: 8_333,
            rpcPort: 8_332,
            templatePort: 8_442,
            isTestChain: false,
            minimumChainWork: number("1128750f82f4c366153a3a030"))
    }()

    /// The third test network.
    public static let testnet3: NetworkParameters = {
        var forks = SoftForks(
            bip34: 21_111, bip66: 330_776, bip65: 581_885, csv: 770_112, segwit: 834_624,
            bip34Hash: hash("0000000023b3a96d3484e5abb3755c413e7d41500f8e2a5c3f0dd01299cd8ef8"))
        forks.scriptExceptions = [
            .init(block: hash("00000000dd30457c001f4095d208cc1296b0eed002427aa599874af7a432b105"), flags: [])
        ]
        return NetworkParameters(
            name: "test",
            magic: [0x0b, 0x11, 0x09, 0x07],
            genesis: GenesisBlock.make(time: 1_296_688_602, nonce: 414_098_458, bits: 0x1d00_ffff),
            work: ProofOfWorkRules(limit: publicLimit, allowsMinDifficulty: true),
            softForks: forks,
            testDummy: .neverActive(threshold: 1_512),
            halvingInterval: 210_000,
            coinbaseMaturity: 100,
            addressNetwork: .testnet,
            peerPort: 18_333,
            rpcPort: 18_332,
            templatePort: 18_442,
            isTestChain: true,
            minimumChainWork: number("17dde1c649f3708d14b6"))
    }()

    /// The fourth test network (BIP94).
    public static let testnet4 = NetworkParameters(
        name: "testnet4",
        magic: [0x1c, 0x16, 0x3f, 0x28],
        genesis: GenesisBlock.make(
            time: 1_714_777_860, nonce: 393_743_547, bits: 0x1d00_ffff,
            message: Array(
                "03/May/2024 000000000000000000001ebd58c244970b3aa9d783bb001011fbe8ea8e98e00e".utf8),
            key: [UInt8](repeating: 0, count: 33)),
        work: ProofOfWorkRules(limit: publicLimit, allowsMinDifficulty: true, enforcesBIP94: true),
        softForks: SoftForks(bip34: 1, bip66: 1, bip65: 1, csv: 1, segwit: 1),
        testDummy: .neverActive(threshold: 1_512),
        halvingInterval: 210_000,
        coinbaseMaturity: 100,
        addressNetwork: .testnet,
        peerPort: 48_333,
        rpcPort: 48_332,
        templatePort: 48_442,
        isTestChain: true,
        minimumChainWork: number("9a0fe15d0177d086304"))

    /// The public signet.
    public static let signet: NetworkParameters = {
        var network = signet(
            challenge: [UInt8](
                hex: "512103ad5e0edad18cb1f0fc0d28a3d4f1f3e445640337489abb10404f2d1e086be4"
                    + "30210359ef5021964fe22d6f8e05b2463c9540ce96883fe3b278760f048f5189f2e6c452ae") ?? [])
        network.minimumChainWork = number("b463ea0a4b8")
        return network
    }()

    /// A signet of one's own (BIP325): the challenge is a locking script; the magic follows from it.
    public static func signet(challenge: [UInt8]) -> NetworkParameters {
        var script = ByteWriter(capacity: challenge.count + 9)
        Script(bytes: challenge).encode(into: &script)
        return NetworkParameters(
            name: "signet",
            magic: Array(SHA256.double(script.bytes).bytes.prefix(4)),
            genesis: GenesisBlock.make(time: 1_598_918_400, nonce: 52_613_770, bits: 0x1e03_77ae),
            work: ProofOfWorkRules(limit: Target(UInt256(0x0377_ae) << 216)),
            softForks: SoftForks(bip34: 1, bip66: 1, bip65: 1, csv: 1, segwit: 1),
            testDummy: .neverActive(threshold: 1_815),
            signetChallenge: challenge,
            halvingInterval: 210_000,
            coinbaseMaturity: 100,
            addressNetwork: .testnet,
            peerPort: 38_333,
            rpcPort: 38_332,
            templatePort: 38_442,
            isTestChain: true,
            minimumChainWork: .zero)
    }

    static let regtestLimit = Target(UInt256.max >> 1)
    private static let publicLimit = Target(UInt256.max >> 32)

    private static func hash(_ display: String) -> Hash256 {
        guard let hash = Hash256(displayHex: display) else { preconditionFailure("no hash: \(display)") }
        return hash
    }

    private static func number(_ hex: String) -> UInt256 {
        let padded = String(repeating: "0", count: 64 - hex.count) + hex
        guard let value = UInt256(hex: padded) else { preconditionFailure("no number: \(hex)") }
        return value
    }
}
