import ArgumentParser
import Bitcoin
import Firmware
import Foundation
import Hardware
import Rig
import Runtime
import SansIO
import Stratum

struct MinerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "miner",
        abstract: "Mines with this machine's CPU: every nonce is hashed.",
        discussion: """
            Takes minerd's options. The address decides the protocol: stratum+tcp:// is Stratum V1, stratum2+tcp:// \
            is Stratum V2, http:// is a node's getblocktemplate with long poll. Work is hashed on all cores at the \
            lowest priority; SIGINT or SIGTERM ends it with a line of figures.

            Examples:
              lab miner -o stratum+tcp://127.0.0.1:34255 -u lab.cpu -t 2
              lab miner -o stratum2+tcp://127.0.0.1:34254/KEY --hash-rate 5M
              lab miner -o http://127.0.0.1:18443 -O user:password --coinbase-addr bcrt1q…
              lab miner -o http://127.0.0.1:18443 --cookie ~/.bitcoin/regtest/.cookie --coinbase-addr bcrt1q…
              lab miner --benchmark
            """)

    @Option(
        name: [.customShort("o"), .long], help: "A pool's or a node's address; several are taken in order.")
    var url: [MinerAddress] = []
    @Option(help: "The same as -o.") var pool: [MinerAddress] = []
    @Option(
        name: [.customShort("O"), .long],
        help: ArgumentHelp("User and password in one.", valueName: "user:password"))
    var userpass: String?
    @Option(name: .shortAndLong, help: "The account at the pool; --identity unless given.") var user: String?
    @Option(name: [.customShort("p"), .customLong("pass")], help: "The password; x unless given.")
    var password: String?
    @Option(help: "The account at the pool.") var identity = "lab.cpu"
    @Option(name: .shortAndLong, help: "Hashing threads; one for each core unless given.") var threads: Int?
    @Option(name: [.customShort("a"), .long], help: "What is hashed: sha256d and nothing else.")
    var algo = "sha256d"
    @Option(
        name: .customLong("coinbase-addr"),
        help: ArgumentHelp("Who is paid by blocks of a node's templates.", valueName: "address"))
    var coinbaseAddress: String?
    @Option(
        name: .customLong("coinbase-sig"), help: ArgumentHelp("Text in their coinbase.", valueName: "text"))
    var coinbaseSignature = ""
    @Option(help: ArgumentHelp("The node's cookie file in place of user and password.", valueName: "file"))
    var cookie: String?
    @Option(help: "The most it hashes; without one as fast as the cores go.") var hashRate: HashRateArgument?
    @Option(name: [.customShort("r"), .long], help: "Give up after so many failed attempts in a row.")
    var retries: Int?
    @Option(
        name: [.customShort("R"), .long],
        help: ArgumentHelp(
            "Wait between attempts; without one 1 s, doubled up to a minute.", valueName: "seconds"))
    var retryPause: Double?
    @Flag(name: .shortAndLong, help: "No lines of single threads and of new blocks.") var quiet = false
    @Flag(help: "Only measure: no pool, until a signal comes.") var benchmark = false
    @Option(
        name: [.customShort("s"), .long],
        help: "Taken for minerd's sake: new work comes when there is some.")
    var scantime: Int?
    @Flag(help: "Taken for minerd's sake: getwork is never used.") var noGetwork = false
    @OptionGroup var logging: LogOptions
    @Option(help: ArgumentHelp("Options from a TOML file; the command line wins.", valueName: "file"))
    var config: String?

    private var addresses: [MinerAddress] { url + pool }

    func validate() throws {
        guard algo == "sha256d" else {
            throw ValidationError("-a \(algo): this miner knows sha256d and nothing else")
        }
        if let threads, !(1...Self.threadsMax).contains(threads) {
            throw ValidationError("-t must be from 1 to \(Self.threadsMax)")
        }
        if let retries, retries < 0 { throw ValidationError("-r must not be negative") }
        if let retryPause, !(0.1...86_400).contains(retryPause) {
            throw ValidationError("-R must be from 0.1 to 86400 seconds")
        }
        if benchmark { return }
        guard !addresses.isEmpty else {
            throw ValidationError("-o URL is needed, or --benchmark: see lab miner --help")
        }
        guard addresses.count <= Self.poolsMax else {
            throw ValidationError("more than \(Self.poolsMax) addresses")
        }
        if let userpass, !userpass.contains(":") { throw ValidationError("-O is user:password") }
        if let coinbaseAddress, Payee.script(coinbaseAddress) == nil {
            throw ValidationError("--coinbase-addr \(coinbaseAddress) is no Bitcoin address")
        }
        if addresses.contains(where: \.url.isGetBlockTemplate), coinbaseAddress == nil {
            throw ValidationError("--coinbase-addr is needed to mine a node's templates (http://…)")
        }
        guard coinbaseSignature.utf8.count <= Self.signatureMax else {
            throw ValidationError("--coinbase-sig has more than \(Self.signatureMax) bytes")
        }
    }

    /// More threads than any machine has cores say that the number is a slip.
    private static let threadsMax = 1_024
    /// What a device's firmware keeps in its list.
    private static let poolsMax = 8
    /// A coinbase script has 100 bytes, of which height, counter and a node's own data take some.
    private static let signatureMax = 64

    func run() async throws {
        let threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
        let cores = ProcessorCores(threads: threads, rate: hashRate?.hashesPerSecond)
        let report = MinerReport(
            cores: cores, urls: addresses.map(\.url), isQuiet: quiet,
            log: try logging.log("miner", stamp: MinerReport.stamp))
        if benchmark { return await MinerBenchmark.run(cores, report) }
        let cookieFile = cookie.map(CookieFile.init(path:))
        var settings = try settings(threads: threads, cookie: cookieFile?.read())
        settings.payout = coinbaseAddress.flatMap(Payee.script)
        settings.coinbaseSignature = Array(coinbaseSignature.utf8)
        let miner = ProcessorMiner(
            settings: settings, cores: cores, report: report, cookie: cookieFile, retries: retries)
        try await miner.run()
    }

    private func settings(threads: Int, cookie: String?) throws -> FirmwareSettings {
        let rate = hashRate?.hashesPerSecond ?? MinerBenchmark.quickRate() * Double(threads)
        var settings = FirmwareSettings(
            identity: DeviceIdentity(
                vendor: "mining-lab", hardwareVersion: "CPU miner", firmware: LabVersion.text,
                deviceID: "cpu-\(ProcessInfo.processInfo.processIdentifier)"),
            pools: [], userIdentity: "", announcedHashRate: HashRate(rate), expectedChips: threads,
            frequency: Megahertz(1), voltage: Volts(1))
        let pair = userpass.map { $0.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false) }
        settings.accounts = addresses.map { address in
            var url = address.url
            if let cookie, case .getBlockTemplate(_, let path) = url.scheme {
                url.scheme = .getBlockTemplate(credentials: cookie, path: path)
            }
            return PoolAccount(
                url: url, user: user ?? pair.map { String($0[0]) } ?? address.user ?? identity,
                password: password ?? pair.map { String($0[1]) } ?? address.password ?? "x")
        }
        if let retryPause {
            settings.backoff.initial = Interval(seconds: retryPause)
            settings.backoff.maximum = settings.backoff.initial
            settings.backoff.jitter = 0
        }
        return settings
    }
}
