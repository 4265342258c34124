import ArgumentParser
import DeviceModel
import Experiments
import Pool
import Runtime
import SansIO
import Stratum
import Translator
import Vardiff

struct TranslatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "translator",
        abstract: "Translates Stratum V1 miners to a Stratum V2 pool.",
        discussion: """
            Each miner gets an extended channel of its own, or all share one with --aggregate-channels. Miners may
            put d=DIFFICULTY (fixed) and md=DIFFICULTY (least) into their password. The reference translator's TOML
            files are read as they are.

            Examples:
              lab translator --pool stratum2+tcp://127.0.0.1:34254/KEY
              lab translator --pool stratum2+tcp://pool.example:34254/KEY --user-identity account --port 34255
              lab translator --aggregate-channels --user-identity farm --pool stratum2+tcp://10.0.0.2:34254/KEY
              lab translator --pool stratum2+tcp://solo.example:3333/KEY --verify-payout \\
                --user-identity sri/solo/bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4/rack1
              lab translator --pool stratum2+tcp://first:34254/KEY --user-identity me \\
                --pool stratum2+tcp://second:34254/KEY --user-identity me.too
              lab translator --tls-port 34443 --pool stratum2+tcp://127.0.0.1:34254/KEY
              lab translator --config tproxy-config.toml
              LAB_TRANSLATOR_USER_IDENTITY=me lab translator --config tproxy-config.toml --api-port 9092
            """)

    @OptionGroup var role: RoleOptions
    @Option(
        help: ArgumentHelp(
            "Upstream pools in order of preference; may be given several times.", valueName: "url"))
    var pool: [PoolURL] = []
    @Option(
        name: [.customLong("user-identity"), .customLong("identity")],
        help: ArgumentHelp(
            "The account at the pool; channels open as identity.worker. Once for all pools, or once for each.",
            valueName: "name"))
    var identity: [String] = []
    @Option(help: "Stratum V1; 0 takes a free port.") var port: UInt16 = 34_255
    @Option(
        help: ArgumentHelp(
            "Stratum V1 in TLS as well (stratum+ssl); 0 takes a free port. (default: none)",
            valueName: "port"))
    var tlsPort: UInt16?
    @Option(
        help: ArgumentHelp(
            "PEM file of the certificate chain for --tls-port; self-signed without it.", valueName: "file"))
    var tlsCertificate: String?
    @Option(help: ArgumentHelp("PEM file of the certificate's key.", valueName: "file"))
    var tlsKey: String?
    @Flag(help: "One channel at the pool for all miners.") var aggregateChannels = false
    @Flag(
        inversion: .prefixedNo,
        help: "Own difficulty control of each miner. (default: with --aggregate-channels only)")
    var enableVardiff: Bool?
    @Option(help: "Its algorithm: lab, or classic or ckpool as others have it; see lab vardiff.")
    var vardiff = VardiffAlgorithm.lab
    @Option(
        name: [.customLong("hash-rate"), .customLong("min-individual-miner-hashrate")],
        help: "Announced for a miner that suggests no difficulty; difficulty control assumes no less.")
    var hashRate = HashRateArgument(1e9)
    @Option(help: "Shares per minute and miner that difficulty control, ours or the pool's, aims at.")
    var sharesPerMinute = 6.0
    @Option(
        name: [.customLong("extranonce1-size")], help: "Bytes that tell miners apart, 1 to 8.")
    var extranonce1Size = 4
    @Option(
        name: [.customLong("downstream-extranonce2-size")],
        help: "Bytes that a miner rolls, 2 to 16; cgminer takes no more than 8.")
    var extranonce2Size = 4
    @Option(help: "Seconds after which an idle miner gets its job again; 0 for never.")
    var jobKeepaliveIntervalSecs: UInt64 = 60
    @Option(
        help: ArgumentHelp(
            "Round difficulties above this down to a power of two; exact without it.", valueName: "difficulty"
        ))
    var roundDifficultyAbove: Double?
    @Flag(help: "Leave a pool whose jobs do not pay the address in the identity.") var verifyPayout = false
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "Extensions to ask the pool for; 2 sends workers' names. (default: 2 with --aggregate-channels)",
            valueName: "number"))
    var supportedExtensions: [UInt16] = []
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("Extensions without which a pool is left.", valueName: "number"))
    var requiredExtensions: [UInt16] = []
    @OptionGroup var api: OperationsOptions
    @OptionGroup var logging: LogOptions

    func validate() throws {
        guard !pool.isEmpty else { throw ValidationError("--pool stratum2+tcp://host:port/KEY is needed") }
        for url in pool where !url.isV2 {
            throw ValidationError(
                "--pool \(url) is Stratum V1; a translator needs stratum2+tcp://host:port/KEY")
        }
        guard identity.count <= 1 || identity.count == pool.count else {
            throw ValidationError(
                "--user-identity is given \(identity.count) times for \(pool.count) pools; once for all or "
                    + "once for each")
        }
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw ValidationError("--tls-certificate and --tls-key belong together")
        }
        guard tlsPort != nil || tlsCertificate == nil else {
            throw ValidationError("--tls-certificate needs --tls-port")
        }
        guard sharesPerMinute > 0, sharesPerMinute <= 6_000 else {
            throw ValidationError("--shares-per-minute must be above 0 and at most 6000")
        }
        guard (1...8).contains(extranonce1Size) else {
            throw ValidationError("--extranonce1-size must be 1 to 8")
        }
        guard (2...16).contains(extranonce2Size) else {
            throw ValidationError("--downstream-extranonce2-size must be 2 to 16")
        }
        guard jobKeepaliveIntervalSecs <= 86_400 else {
            throw ValidationError("--job-keepalive-interval-secs must be at most 86400")
        }
        if let threshold = roundDifficultyAbove, !(threshold >= 0) {
            throw ValidationError("--round-difficulty-above must not be negative")
        }
        for number in requiredExtensions where number != V2Extension.workerHashrateTracking {
            throw ValidationError("--required-extensions \(number) is not known here; 2 is")
        }
        if verifyPayout {
            for name in identity.isEmpty ? [""] : identity where PayoutRule(identity: name) == nil {
                throw ValidationError(
                    "--verify-payout needs an address in --user-identity (sri/solo/ADDRESS, "
                        + "sri/donate/PERCENT/ADDRESS or ADDRESS), not \"\(name)\"")
            }
        }
    }

    func run() async throws {
        let stop = StopSignal()
        let log = try logging.log("translator")
        let runtime = LabRuntime(threads: 1)
        let journal = RoleJournal(clock: runtime.world.wallClock, isOn: api.isWanted)
        let upstreams = pool.enumerated().map { index, url in
            TranslatorUpstream(url: url, userIdentity: identity.count > 1 ? identity[index] : identity.first)
        }
        let translator = try await TranslatorService.start(
            upstreams: upstreams, listen: Endpoint(host: role.bind, port: port), tls: try tls(),
            runtime: runtime, change: configure
        ) { observation, now in
            TranslatorLines.note(observation, in: log)
            journal.translator(observation, at: now)
        }
        let mode = aggregateChannels ? "one channel for all" : "a channel for each miner"
        log.note(
            "listening",
            "translator \("stratum+tcp://\(translator.stratumV1)", as: "url") -> \(pool[0].endpoint, as: "pool"), \(mode, as: "mode")"
        )
        if let sealed = translator.stratumV1TLS {
            log.note("listening_tls", "translator \("stratum+ssl://\(sealed)", as: "url")")
        }
        let reload = try TranslatorCommand.reload(translator, log: log)
        let hangUp = HangUpSignal(reload)
        let operations = try await api.serve(
            TranslatorOperations(translator: translator, journal: journal, reload: reload), log: log)
        await RoleRunner.run(log, until: stop) {
            await operations?.stop()
            if let totals = try? await translator.host.query({ $0.snapshot.totals }) {
                TranslatorLines.note(totals, in: log)
            }
            await translator.stop()
        }
        withExtendedLifetime(hangUp) {}
    }

    /// What a running translator takes anew.
    static func reload(_ translator: TranslatorService, log: EventLog) throws -> ReloadCall {
        let options: Set = ["shares-per-minute", "hash-rate", "job-keepalive-interval-secs", "log-level"]
        return try ReloadCall(TranslatorCommand.self, takes: options, log: log) { command, changed in
            var change = TranslatorChange()
            if changed.contains("shares-per-minute") { change.sharesPerMinute = command.sharesPerMinute }
            if changed.contains("hash-rate") { change.nominalHashRate = command.hashRate.hashesPerSecond }
            if changed.contains("job-keepalive-interval-secs") {
                change.keepAliveSeconds = command.jobKeepaliveIntervalSecs
            }
            if changed.contains("log-level") { log.level = command.logging.logLevel }
            if change != TranslatorChange() { translator.host.send(.change(change)) }
            return [:]
        }
    }

    private func tls() throws -> (TLSServer, Endpoint)? {
        guard let tlsPort else { return nil }
        let server: TLSServer
        do throws(TLSFault) {
            if let tlsCertificate, let tlsKey {
                server = try TLSServer(certificate: tlsCertificate, key: tlsKey)
            } else {
                server = try TLSServer(selfSignedFor: "mining-lab translator")
            }
        } catch { throw CommandFault(error.description) }
        return (server, Endpoint(host: role.bind, port: tlsPort))
    }

    private func configure(_ configuration: inout TranslatorConfiguration) {
        configuration.aggregatesChannels = aggregateChannels
        configuration.enablesVardiff = enableVardiff
        configuration.vardiff = vardiff
        configuration.nominalHashRate = hashRate.hashesPerSecond
        configuration.sharesPerMinute = sharesPerMinute
        configuration.extranonce1Size = extranonce1Size
        configuration.extranonce2Size = extranonce2Size
        configuration.keepAliveInterval =
            jobKeepaliveIntervalSecs == 0 ? nil : .seconds(jobKeepaliveIntervalSecs)
        configuration.roundsDifficultyAbove = roundDifficultyAbove
        configuration.verifiesPayout = verifyPayout
        if !supportedExtensions.isEmpty { configuration.supportedExtensions = supportedExtensions }
        configuration.requiredExtensions = requiredExtensions
    }
}

/// A translator's observations as lines.
enum TranslatorLines {
    static func note(_ observation: TranslatorObservation, in log: EventLog) {
        switch observation {
        case .minerAuthorized(_, let worker, let agent):
            log.note(observation, "V1 miner \(worker) (\(agent))", as: "translator")
        case .minerDisconnected(_, let reason):
            log.note(observation, "V1 miner left: \(reason)", as: "translator")
        case .sessionResumed(_, let session):
            log.note(observation, "V1 miner back in session \(session)", as: "translator")
        case .channelRefused(_, let code):
            log.note(observation, "translator: the pool refused a channel: \(code)", as: "translator")
        case .shareRejectedUpstream(_, let code):
            log.note(observation, "translator: the pool refused a share: \(code)", as: "translator")
        case .upstream(.ready(let endpoint)):
            log.note(observation, "translator: pool \(endpoint) ready", as: "translator")
        case .upstream(.refused(let endpoint, let code)):
            log.note(observation, "translator: pool \(endpoint) refused: \(code)", as: "translator")
        case .upstream(.lost(let endpoint, let reason)):
            log.note(observation, "translator: pool \(endpoint) lost: \(reason)", as: "translator")
        case .upstream(.dialing), .minerConnected, .channelOpened, .jobForwarded, .jobRepeated,
            .targetChanged,
            .difficultyChanged, .shareForwarded, .shareCountedHere, .shareRefused, .sharesCredited,
            .extensions:
            log.debug(observation, as: "translator")
        }
    }

    static func note(_ totals: TranslatorTotals, in log: EventLog) {
        log.note(
            "totals",
            "\(totals.sharesForwarded, as: "shares_sent") shares sent to the pool, "
                + "\(totals.sharesCredited, as: "shares_credited") credited, "
                + "\(totals.sharesRejectedUpstream, as: "shares_rejected_upstream") rejected by it; "
                + "\(totals.sharesCountedHere, as: "shares_below") below its difficulty, "
                + "\(totals.sharesRefused, as: "shares_refused") refused here")
    }
}

extension TranslatorCommand: ForeignKeys {
    static func refusal(of entry: SettingsFile.Entry) -> String? { ReferenceKeys.refusal(of: entry) }

    /// The reference translator's keys (its `tproxy-config.toml`) as this command's options.
    static func options(for entry: SettingsFile.Entry, among entries: [SettingsFile.Entry]) -> [String]? {
        let parts = entry.path.split(separator: ".").map(String.init)
        switch parts[0] {
        case "downstream_address": return ["--bind=\(entry.text)"]
        case "downstream_port": return ["--port=\(entry.text)"]
        case "downstream_difficulty_config" where parts.count == 2:
            let name = parts[1].replacing("_", with: "-")
            if case .boolean(let isOn) = entry.value { return [isOn ? "--\(name)" : "--no-\(name)"] }
            return ["--\(name)=\(entry.text)"]
        // Said for each pool, below.
        case "user_identity" where entries.contains { $0.path.hasPrefix("upstreams.") }: return []
        case "upstreams" where parts.count == 3 && parts[2] == "address":
            func value(_ key: String) -> String? {
                entries.first { $0.path == "upstreams.\(parts[1]).\(key)" }?.text
            }
            let host = entry.text.contains(":") ? "[\(entry.text)]" : entry.text
            let key = value("authority_pubkey").map { "/\($0)" } ?? ""
            let own = value("user_identity") ?? entries.first { $0.path == "user_identity" }?.text
            return ["--pool=stratum2+tcp://\(host):\(value("port") ?? "34254")\(key)"]
                + (own.map { ["--user-identity=\($0)"] } ?? [])
        case "upstreams"
        where parts.count == 3 && ["port", "authority_pubkey", "user_identity"].contains(parts[2]):
            return []
        default: return ReferenceKeys.options(for: entry)
        }
    }
}
