import ArgumentParser
import Bitcoin
import Chain
import DeviceModel
import Foundation
import Hardware
import SansIO
import Stratum
import Vardiff

extension PoolURL: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

extension VardiffAlgorithm: ExpressibleByArgument {}

extension Endpoint: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

extension AuthorityPublicKey: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

/// Which chain.
enum NetworkName: String, ExpressibleByArgument, CaseIterable, Sendable {
    case regtest
    case labnet
}

/// The chain that a node keeps.
struct NetworkOptions: ParsableArguments {
    @Option(
        help: "regtest is Bitcoin Core's own; labnet is the same with a block difficulty that you choose.")
    var network = NetworkName.regtest

    @Option(help: "labnet only: hashes per block on average; 2 is regtest's own difficulty.")
    var blockHashes = 1e6

    @Option(
        help: ArgumentHelp(
            "labnet only: a block should take so long, and the difficulty follows the hashrate.",
            valueName: "seconds"))
    var blockInterval: Int64?

    @Option(help: "labnet only: with an interval, the difficulty moves every so many blocks.")
    var retargetBlocks = 144

    @Option(help: "labnet only: blocks between two halvings of the subsidy.")
    var halvingInterval = 150

    @Option(help: "labnet only: confirmations that a coinbase needs before it is spent.")
    var coinbaseMaturity = 100

    private var rules: LabnetRules {
        var rules = LabnetRules(target: Target(UInt256(clamping: 0x1p256 / max(2, blockHashes))))
        rules.blockInterval = blockInterval
        rules.retargetBlocks = retargetBlocks
        rules.halvingInterval = halvingInterval
        rules.coinbaseMaturity = coinbaseMaturity
        return rules
    }

    var parameters: NetworkParameters {
        switch network {
        case .regtest: .regtest
        case .labnet: .labnet(rules)
        }
    }

    func validate() throws {
        guard blockHashes >= 2, blockHashes.isFinite else {
            throw ValidationError("--block-hashes must be at least 2")
        }
        if let fault = rules.fault { throw ValidationError("labnet: \(fault)") }
        if network == .regtest, rules != LabnetRules(target: rules.target) {
            throw ValidationError(
                "regtest stays as Bitcoin Core has it: block interval, halving and maturity need "
                    + "--network labnet")
        }
    }
}

/// A number of hashes a second with an optional unit: `1e6`, `500k`, `1.2T`, `30MH/s`.
struct HashRateArgument: ExpressibleByArgument, Sendable {
    let hashesPerSecond: Double

    init?(argument: String) {
        var text = argument.hasSuffix("H/s") ? String(argument.dropLast(3)) : argument
        text = text.trimmingCharacters(in: .whitespaces)
        let units: [Character: Double] = [
            "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
        ]
        var factor = 1.0
        if let last = text.last, let unit = units[last] {
            factor = unit
            text = text.dropLast().trimmingCharacters(in: .whitespaces)
        }
        guard let value = Double(text), value > 0, value.isFinite else { return nil }
        hashesPerSecond = value * factor
    }

    init(_ hashesPerSecond: Double) { self.hashesPerSecond = hashesPerSecond }

    var defaultValueDescription: String { Figures.hashRate(hashesPerSecond) }
}

/// A length of time: `90` (seconds), `500ms`, `30s`, `10m`, `24h`, `7d`.
struct DurationArgument: ExpressibleByArgument, Sendable {
    let interval: Interval

    init?(argument: String) {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)]
        let unit = units.first { argument.hasSuffix($0.0) }
        let text = unit.map { String(argument.dropLast($0.0.count)) } ?? argument
        guard let value = Double(text), value > 0, value < 1e9 else { return nil }
        interval = Interval(seconds: value * (unit?.1 ?? 1))
    }

    init(_ interval: Interval) { self.interval = interval }

    var defaultValueDescription: String { Figures.duration(interval.seconds) }
}

enum Payout {
    /// The script of an address or of a descriptor; of a ranged one the first. Regtest's and labnet's addresses come
    /// first; those of other networks are taken too, because a template provider may serve any.
    static func script(_ text: String?) throws -> Script? {
        guard let text else { return nil }
        let networks: [AddressNetwork] = [.regtest, .testnet, .mainnet]
        for network in networks {
            if let address = Address(text, network: network) { return address.scriptPubKey }
        }
        guard text.contains("(") else {
            throw CommandFault(
                "\(text) is no address (bcrt1…, tb1…, bc1…, m…, n…, 2…, 1… or 3…) and no descriptor such as "
                    + "addr(…)")
        }
        do {
            let others = networks.dropFirst().lazy.compactMap {
                try? OutputDescriptor.parseSingle(text, network: $0)
            }
            let descriptor: OutputDescriptor
            do { descriptor = try OutputDescriptor.parseSingle(text, network: .regtest) } catch {
                guard let other = others.first else { throw error }
                descriptor = other
            }
            guard let scripts = DescriptorExpander(descriptor)?.expand(at: 0)?.scripts, scripts.count == 1
            else {
                throw CommandFault("\(text) does not say one script; a hardened step needs the private key")
            }
            return scripts[0]
        } catch let error as DescriptorError { throw CommandFault(error.message) }
    }
}
