import Bitcoin
import DeviceModel
import Firmware
import Hardware
import Rig
import SansIO
import Stratum

/// Configurations and peers that several tests use.
enum TestRigs {
    static let authority: AuthoritySecretKey = {
        var secrets = SecretGenerator(seed: Array("authority".utf8))
        return AuthoritySecretKey(secrets.secretKey())
    }()

    static let wallClock = WallClock(unixSecondsAtStart: 1_700_000_000)

    static func credentials() -> NoiseCredentials {
        var secrets = SecretGenerator(seed: Array("static".utf8))
        return NoiseCredentials.issue(
            authority: authority, staticKey: secrets.secretKey(), validFrom: 1_600_000_000,
            notValidAfter: 2_000_000_000)
    }

    static var v2URL: PoolURL {
        PoolURL(
            scheme: .stratumV2(authority: authority.publicKey),
            endpoint: Endpoint(host: "pool.example", port: 3_333))
    }

    /// About `hashes` expected hashes per share.
    static func target(hashes: Double) -> Target { StratumMath.target(hashRate: hashes, sharesPerMinute: 60) }

    /// A device that hashes 100 H/s at its scale, so that a target of 1,000 hashes gives six shares a minute.
    static func configuration(_ profile: DeviceProfile = bitaxe, rate: Double = 100) -> RigConfiguration {
        var configuration = RigConfiguration(
            profile: profile, pools: [v2URL], userIdentity: "lab.worker", seed: 7, stream: 3,
            wallClock: wallClock)
        configuration.hashrateScale = rate / profile.nominalHashRate.hashesPerSecond
        return configuration
    }

    static var bitaxe: DeviceProfile { load("bitaxe-gamma") }
    static var antminer: DeviceProfile { load("antminer-s19j-pro") }

    private static func load(_ name: String) -> DeviceProfile {
        do {
            return try ProfileFile.load(name)
        } catch { fatalError("profile \(name): \(error)") }
    }
}
