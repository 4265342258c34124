import ArgumentParser
import Bitcoin
import Experiments
import Runtime
import SansIO
import Stratum

extension LogLevel: ExpressibleByArgument {}
extension LogFormat: ExpressibleByArgument {}

/// Options that every live role has.
struct RoleOptions: ParsableArguments {
    @Option(help: "The directory of state and keys, locked while in use.")
    var data = LabRuntime.defaultData

    @Option(help: "The address to listen on.")
    var bind = "127.0.0.1"

    @Option(
        help: ArgumentHelp(
            """
            Options from a TOML file. The environment stands above it (LAB_POOL_SHARES_PER_MINUTE for \
            --shares-per-minute of lab pool), the command line above both.
            """, valueName: "file"))
    var config: String?

    func directory(_ role: String) throws -> DataDirectory { try DataDirectory("\(data)/\(role)") }
}

/// What a role writes about itself.
struct LogOptions: ParsableArguments {
    @Option(
        help: "The least line that is written: debug is everything, each share too; warning what is wrong.")
    var logLevel = LogLevel.info
    @Option(
        help:
            "How lines are written: text, or json: an object a line with time, level, role, event and the event's fields."
    )
    var logFormat = LogFormat.text
    @Option(help: ArgumentHelp("Lines go to this file as well.", valueName: "file"))
    var logFile: String?

    func log(
        _ role: String, prints: Bool = true,
        stamp: @escaping @Sendable () -> String = { EventLog.timeOfDay() + "  " }
    ) throws -> EventLog {
        let log = EventLog(role: role, prints: prints, format: logFormat, stamp: stamp)
        log.level = logLevel
        if let logFile { try log.write(to: logFile) }
        return log
    }
}

/// The keys of a server: what peers know it by. The names are the reference implementation's.
struct AuthorityOptions: ParsableArguments {
    @Option(help: "The authority's secret key; without one a key of the data directory.")
    var authoritySecretKey: String?
    @Option(help: "Its public key, only to see that the two belong together.")
    var authorityPublicKey: AuthorityPublicKey?
    @Option(help: "How long a certificate is good, in seconds.") var certValiditySec: UInt64 = 3_600

    func validate() throws {
        guard (60...315_360_000).contains(certValiditySec) else {
            throw ValidationError("--cert-validity-sec must be from 60 to 315360000")
        }
        if let authoritySecretKey, AuthoritySecretKey(authoritySecretKey) == nil {
            throw ValidationError("--authority-secret-key is no base58check text of 32 bytes")
        }
    }

    var validity: Interval { .seconds(certValiditySec) }

    /// The given key, or the data directory's under `name`.
    func key(_ keys: KeyRing, _ name: String) throws -> AuthoritySecretKey {
        let authority =
            authoritySecretKey.flatMap { AuthoritySecretKey($0) } ?? AuthoritySecretKey(keys.secretKey(name))
        if let authorityPublicKey, authorityPublicKey != authority.publicKey {
            throw CommandFault(
                "--authority-public-key is \(authorityPublicKey), the secret's is \(authority.publicKey)")
        }
        return authority
    }
}

/// Keys that the reference implementation's programs share, as options of ours.
enum ReferenceKeys {
    /// As ``ForeignKeys/options(for:among:)``.
    static func options(for entry: SettingsFile.Entry) -> [String]? {
        // Variables of the environment have no capital letters.
        let parts = entry.path.lowercased().split(separator: ".").map(String.init)
        switch parts[0] {
        // There is one version, the interface has no cache, nobody scans the LAN, and jobs are kept as the limits say.
        case "max_supported_version", "min_supported_version", "monitoring_cache_refresh_secs",
            "miner_telemetry", "max_past_jobs":
            return []
        case "monitoring_address":
            return endpoint(entry.text).map { ["--api-bind=\($0.host)", "--api-port=\($0.port)"] }
        case "template_provider_type":
            switch parts.dropFirst() {
            case ["sv2tp", "address"]: return ["--template-provider=\(entry.text)"]
            case ["sv2tp", "public_key"]: return ["--tp-key=\(entry.text)"]
            default: return nil
            }
        default: return nil
        }
    }

    static func refusal(of entry: SettingsFile.Entry) -> String? {
        entry.path.lowercased().hasPrefix("template_provider_type.bitcoincoreipc")
            ? "Bitcoin Core's IPC is not spoken here; run sv2-tp beside it and name that in "
                + "[template_provider_type.Sv2Tp]" : nil
    }

    /// `--bind` and `--port`, or nil.
    static func listen(_ entry: SettingsFile.Entry) -> [String]? {
        endpoint(entry.text).map { ["--bind=\($0.host)", "--port=\($0.port)"] }
    }

    static func endpoint(_ text: String) -> Endpoint? { Endpoint(text) }
}
