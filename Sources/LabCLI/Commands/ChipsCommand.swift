import ASICSim
import ArgumentParser
import DeviceModel
import Experiments
import Foundation
import Hardware
import Runtime
import SansIO

/// A chain of simulated chips for other people's drivers.
struct ChipsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chips",
        abstract: "Serves simulated mining chips as a serial line or a USB stick.",
        discussion: """
            Any driver of the chip family can be tried against the chain: it answers byte for byte, and every nonce that \
            it reports is a true one, hashed by this machine. --usbredir serves a whole stick to QEMU's usb-redir \
            device.

            Examples:
              lab chips --family BM1370 --chips 1 --pty --trace
              lab chips --profile bitaxe-gamma --tcp 127.0.0.1:7000 --difficulty-shift 12
              lab chips --family BM1366 --chips 4 --pty --baud 1000000 --pace 2e6
              lab chips --stick compac-f --usbredir /run/user/1000/stick.sock --trace
              qemu-system-x86_64 ... -device qemu-xhci -chardev socket,id=r,path=/run/user/1000/stick.sock \
            -device usb-redir,chardev=r

            Sticks: \(StickIdentity.all.map(\.name).joined(separator: ", ")).
            """)

    @Option(help: ArgumentHelp("One board of this device profile.", valueName: "name"))
    var profile: String?
    @Option(help: "The chip family: \(ChipFamily.allCases.map(\.rawValue).joined(separator: ", ")).")
    var family: ChipFamilyArgument?
    @Option(help: "Chips on the chain, 1 to 256.") var chips: Int?
    @Option(help: ArgumentHelp("With --usbredir: which stick.", valueName: "name"))
    var stick: String?

    @Flag(help: "Open a pseudo terminal and print its name.") var pty = false
    @Option(help: ArgumentHelp("Listen on this address; port 0 takes a free one.", valueName: "host:port"))
    var tcp: Endpoint?
    @Option(help: ArgumentHelp("Listen on this Unix socket for QEMU.", valueName: "socket"))
    var usbredir: String?

    @Option(
        help: ArgumentHelp(
            """
            How fast the chips really hash: max, real, or hashes per second. Their registers always claim the modelled \
            rate.
            """, valueName: "rate"))
    var pace = PaceArgument(pace: .unlimited)
    @Option(
        help: ArgumentHelp(
            "Report hashes with so many zero bits fewer than the real rule asks for. 0 for drivers that check.",
            valueName: "bits"))
    var difficultyShift = 0
    @Option(
        help: ArgumentHelp(
            "The host's speed, where it cannot be seen: over TCP it follows the chips' if not given.",
            valueName: "bits/s"))
    var baud: Double?
    @Option(
        help: ArgumentHelp(
            """
            A fault, repeatable: missing:CHIP, broken:CHIP, stuck:DOMAIN, or silent, duplicate, wrong, crc, id with =RATE \
            (0 to 1).
            """, valueName: "fault"))
    var fault: [FaultArgument] = []
    @Option(help: "The seed of the faults.") var seed: UInt64 = 1
    @Flag(help: "Print every frame: seconds, direction, bytes, meaning.") var trace = false

    func validate() throws {
        let places = [pty, tcp != nil, usbredir != nil].filter { $0 }.count
        guard places == 1 else { throw ValidationError("one of --pty, --tcp and --usbredir is needed") }
        guard (0...32).contains(difficultyShift) else {
            throw ValidationError("--difficulty-shift must be 0 to 32")
        }
        if let baud, !(baud > 0 && baud <= 1e8) { throw ValidationError("--baud must be above 0") }
        if usbredir != nil {
            guard profile == nil, family == nil, chips == nil else {
                throw ValidationError("--usbredir serves a whole stick: name it with --stick")
            }
            guard let stick else { throw ValidationError("--usbredir needs --stick NAME") }
            guard StickIdentity.named(stick) != nil else {
                let names = StickIdentity.all.map(\.name).joined(separator: ", ")
                throw ValidationError("no stick '\(stick)'; there are \(names)")
            }
            return
        }
        if stick != nil { throw ValidationError("--stick goes with --usbredir") }
        guard (profile == nil) != (family == nil) else {
            throw ValidationError("one of --profile and --family is needed")
        }
        if let chips, !(1...256).contains(chips) { throw ValidationError("--chips must be 1 to 256") }
    }

    func run() async throws {
        let stop = StopSignal()
        do {
            if let usbredir, let identity = stick.flatMap(StickIdentity.named) {
                var device = USBLine(UsbRedirStick(identity, settings(identity.family, identity.chips)))
                device.stick.keepsLog = trace
                try await serve(device, on: .unix(usbredir), stop)
            } else {
                let (family, count) = try chain()
                let line = SerialLine(WireChain(settings(family, count)), isTraced: trace)
                try await serve(line, on: tcp.map { try .tcp($0) } ?? .pseudoTerminal(), stop)
            }
        } catch let fault as LineEndpoint.Fault {
            throw CommandFault("\(fault)")
        }
    }

    private func chain() throws -> (ChipFamily, Int) {
        if let family { return (family.family, chips ?? 1) }
        let profile = try ProfileCommand.library.load(self.profile ?? "")
        guard let family = ChipFamily(rawValue: profile.chip.family) else {
            let known = ChipFamily.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandFault(
                "the serial protocol of \(profile.chip.family) is not known; it is of \(known)")
        }
        return (family, chips ?? profile.boards.chipsPerBoard)
    }

    private func settings(_ family: ChipFamily, _ chips: Int) -> WireChainSettings {
        WireChainSettings(
            family: family, chips: chips, pace: pace.pace, difficultyShift: difficultyShift,
            faults: fault.map(\.fault), seed: seed)
    }

    private func serve(_ device: consuming some LineDevice, on endpoint: LineEndpoint, _ stop: StopSignal)
        async throws
    {
        let host = try LineHost()
        Output.line(endpoint.name)
        let baud = baud
        let device = device
        let served = Task {
            await withCheckedContinuation { continuation in
                // A chain that hashes never waits: it gets a thread, not a turn among the tasks.
                Thread.detachNewThread {
                    host.run(device, on: endpoint, baud: baud) { Output.line($0) }
                    continuation.resume()
                }
            }
        }
        let why = await stop.wait()
        host.stop()
        await served.value
        Output.error("\(why)\n")
    }
}

/// A chain as a serial line.
private struct SerialLine: LineDevice {
    var chain: WireChain
    var trace: WireTrace
    let isTraced: Bool
    private var log: [String] = []
    private var scratch: [LineOutput] = []

    init(_ chain: WireChain, isTraced: Bool) {
        self.chain = chain
        self.isTraced = isTraced
        trace = WireTrace(chain.settings.family)
    }

    var nextDeadline: Instant? { chain.nextDeadline }
    var isBusyUntil: Instant { chain.inputBusyUntil }
    var fault: String? { nil }

    mutating func takeLog() -> [String] {
        defer { log.removeAll() }
        return log
    }

    mutating func connected(at now: Instant, into output: inout [TimedBytes]) {}

    mutating func receive(_ bytes: [UInt8], baud: Double?, at now: Instant, into output: inout [TimedBytes]) {
        if isTraced { for line in trace.toChips(bytes, at: now) { log.append(line.description) } }
        chain.receive(bytes, baud: baud ?? chain.baud, at: now, into: &scratch)
        pass(&output)
    }

    mutating func deadlineReached(at now: Instant, into output: inout [TimedBytes]) {
        chain.deadlineReached(at: now, into: &scratch)
        pass(&output)
    }

    private mutating func pass(_ output: inout [TimedBytes]) {
        for reply in scratch {
            if isTraced { log.append(trace.fromChips(reply).description) }
            output.append(TimedBytes(bytes: reply.bytes, due: reply.due))
        }
        scratch.removeAll(keepingCapacity: true)
    }
}

/// A stick behind usbredir.
private struct USBLine: LineDevice {
    var stick: UsbRedirStick
    private var now = Instant.start

    init(_ stick: UsbRedirStick) { self.stick = stick }

    var nextDeadline: Instant? { stick.nextDeadline }
    var isBusyUntil: Instant { .start }
    var fault: String? { stick.fault }

    mutating func takeLog() -> [String] { stick.takeLog() }

    mutating func connected(at now: Instant, into output: inout [TimedBytes]) {
        var bytes: [UInt8] = []
        stick.connected(at: now, into: &bytes)
        output.append(TimedBytes(bytes: bytes, due: now))
    }

    mutating func receive(_ bytes: [UInt8], baud: Double?, at now: Instant, into output: inout [TimedBytes]) {
        var out: [UInt8] = []
        stick.receive(bytes, at: now, into: &out)
        if !out.isEmpty { output.append(TimedBytes(bytes: out, due: now)) }
    }

    mutating func deadlineReached(at now: Instant, into output: inout [TimedBytes]) {
        var out: [UInt8] = []
        stick.deadlineReached(at: now, into: &out)
        if !out.isEmpty { output.append(TimedBytes(bytes: out, due: now)) }
    }
}

struct ChipFamilyArgument: ExpressibleByArgument, Sendable {
    let family: ChipFamily

    init?(argument: String) {
        let found = ChipFamily.allCases.first { $0.rawValue.lowercased() == argument.lowercased() }
        guard let found else { return nil }
        family = found
    }
}

struct PaceArgument: ExpressibleByArgument, Sendable {
    let pace: HashPace

    init(pace: HashPace) { self.pace = pace }

    init?(argument: String) {
        switch argument {
        case "max": pace = .unlimited
        case "real": pace = .modelled(scale: 1)
        default:
            guard let rate = Double(argument), rate > 0, rate.isFinite else { return nil }
            pace = .rate(HashRate(rate))
        }
    }

    var defaultValueDescription: String { "max" }
}

struct FaultArgument: ExpressibleByArgument, Sendable {
    let fault: ChipFault

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1)
        let words = (parts.first ?? "").split(separator: ":", maxSplits: 1)
        let number = words.count == 2 ? Int(words[1]) : nil
        let kind: ChipFault.Kind
        switch (words.first ?? "", number) {
        case ("missing", let chip?): kind = .missing(chip: chip)
        case ("broken", let chip?): kind = .broken(from: chip)
        case ("stuck", let domain?): kind = .stuckDomain(domain)
        case ("silent", nil): kind = .silent
        case ("duplicate", nil): kind = .duplicateNonce
        case ("wrong", nil): kind = .wrongNonce
        case ("crc", nil): kind = .checksum
        case ("id", nil): kind = .wrongID
        default: return nil
        }
        guard parts.count == 2 else {
            fault = ChipFault(kind)
            return
        }
        guard let rate = Double(parts[1]), (0...1).contains(rate) else { return nil }
        fault = ChipFault(kind, .rate(rate))
    }
}
