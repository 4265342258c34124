import Bitcoin
import Chain
import DeviceModel
import Firmware
import Hardware
import JobDeclaration
import Ledger
import Pool
import Rig
import SansIO
import Simulation
import Stratum
import Translator

/// The machines as a lab's operator would set them up.
extension Campaign {
    static let credentials = "user:pass"
    static let tokenSecret = TokenSecret([1, 2, 3])
    static let payout = Script.p2wpkh(Hash160(bytes: [UInt8](repeating: 0x42, count: 20))!)
    static let soloPayout = Script.p2wpkh(Hash160(bytes: [UInt8](repeating: 0x21, count: 20))!)
    /// Hashes a second of one device, at its scale.
    static let deviceRate = 100.0
    /// The five devices together find a block in about two minutes.
    static let network = NetworkParameters.labnet(target: Target(UInt256(clamping: 0x1p256 / (500 * 120))))

    private func life(_ role: CampaignRole) -> UInt32 { lives[role, default: 0] }

    /// Keys that stay the same from life to life.
    private func keys(_ role: CampaignRole) -> SecretGenerator {
        SecretGenerator(seed: Array("campaign \(seed) \(role)".utf8))
    }

    private func secretSeed(_ role: CampaignRole) -> [UInt8] {
        var generator = SecretGenerator(seed: Array("campaign \(seed) \(role) \(life(role))".utf8))
        return generator.bytes(32)
    }

    private func authority(_ role: CampaignRole) -> (AuthoritySecretKey, SecretKey) {
        var keys = keys(role)
        return (AuthoritySecretKey(keys.secretKey()), keys.secretKey())
    }

    func nodeMachine(_ role: CampaignRole) throws -> NodeMachine {
        var keys = keys(role)
        var configuration = NodeConfiguration(
            network: Self.network, clock: Self.clock, secretSeed: keys.bytes(32),
            rpcCredentials: Self.credentials)
        configuration.sessionSeed = secretSeed(role)
        configuration.seed = seed ^ UInt64(role.rawValue)
        configuration.hasWallets = false
        if role == .minerNode { configuration.connect = [Address.poolPeer] }
        return try NodeMachine(
            configuration, storage: role == .poolNode ? poolNodeStorage : minerNodeStorage)
    }

    func poolMachine(_ start: LedgerStart) -> PoolMachine {
        let (authority, staticKey) = authority(.pool)
        var configuration = PoolConfiguration(
            authority: authority, staticKey: staticKey, clock: Self.clock, secretSeed: secretSeed(.pool),
            templateProvider: Address.poolTemplates, payout: Self.payout)
        configuration.certificateValidity = plan.certificateValidity
        configuration.sharesPerMinute = 10
        configuration.payoutScheme = .pplns
        configuration.ledger = start
        configuration.limits.ledgerSegmentBytes = 2_000
        configuration.customJobs = CustomJobPolicy(
            secret: Self.tokenSecret, payout: CoinbasePayout(scripts: [Self.payout]))
        return PoolMachine(configuration)
    }

    func serverMachine() -> JobDeclarationServerMachine {
        let (authority, staticKey) = authority(.server)
        return JobDeclarationServerMachine(
            JobDeclarationServerConfiguration(
                authority: authority, staticKey: staticKey, clock: Self.clock,
                secretSeed: secretSeed(.server), tokenSecret: Self.tokenSecret,
                payout: CoinbasePayout(scripts: [Self.payout]),
                node: .init(endpoint: Address.poolRPC, credentials: Self.credentials)))
    }

    func clientMachine() -> JobDeclarationClientMachine {
        let (authority, staticKey) = authority(.client)
        var devices = PoolConfiguration(
            authority: authority, staticKey: staticKey, clock: Self.clock, secretSeed: secretSeed(.client),
            templateProvider: Address.minerTemplates, payout: Self.soloPayout)
        devices.sharesPerMinute = 10
        var configuration = JobDeclarationClientConfiguration(devices: devices)
        configuration.mode = plan.mode
        configuration.upstreams = [
            JobDeclarationUpstream(
                pool: Address.pool, poolAuthority: self.authority(.pool).0.publicKey,
                server: Address.server, serverAuthority: self.authority(.server).0.publicKey,
                userIdentity: "declared.client")
        ]
        return JobDeclarationClientMachine(configuration)
    }

    func translatorMachine() -> TranslatorMachine {
        let upstream = plan.translatorIsDeclared ? CampaignRole.client : .pool
        let url = PoolURL(
            scheme: .stratumV2(authority: authority(upstream).0.publicKey),
            endpoint: plan.translatorIsDeclared ? Address.client : Address.pool)
        var configuration = TranslatorConfiguration(
            upstreams: [TranslatorUpstream(url: url)], clock: Self.clock, secretSeed: secretSeed(.translator))
        configuration.userIdentity = "translated"
        configuration.aggregatesChannels = plan.aggregates
        configuration.nominalHashRate = Self.deviceRate
        configuration.sharesPerMinute = 10
        return TranslatorMachine(configuration)
    }

    func rig(_ role: CampaignRole) -> RigMachine {
        let profile = role.speaksV1 ? antminer : bitaxe
        let scheme: PoolURL.Scheme =
            role.speaksV1
            ? .stratumV1
            : .stratumV2(authority: authority(role == .declaredRig ? .client : .pool).0.publicKey)
        var configuration = RigConfiguration(
            profile: profile, pools: [PoolURL(scheme: scheme, endpoint: role.target)],
            userIdentity: "\(role).w", seed: seed,
            stream: UInt64(role.rawValue) + 100 * UInt64(life(role)), wallClock: Self.clock)
        configuration.channel = role == .standardRig ? .standard : .extended
        configuration.hashrateScale = Self.deviceRate / profile.nominalHashRate.hashesPerSecond
        configuration.instantBoot = true
        configuration.telemetryMax = .minutes(5)
        return RigMachine(configuration, at: world.now)
    }
}
