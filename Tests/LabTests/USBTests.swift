import Foundation
import Runtime
import Testing

/// Scripted sticks under umockdev: the program and its libusb are the real ones, the kernel's side is a script.
enum VirtualSticks {
    static let script = "\(LabProcess.root)/Tests/LabTests/virtual_sticks.py"
    static let wrapper = "/usr/bin/umockdev-wrapper"

    /// umockdev with its Python binding (apt: umockdev gir1.2-umockdev-1.0 python3-gi).
    static let isInstalled: Bool = {
        guard FileManager.default.fileExists(atPath: wrapper) else { return false }
        let probe = "import gi; gi.require_version('UMockdev', '1.0'); from gi.repository import UMockdev"
        guard
            let python = try? ChildProcess(
                "/usr/bin/python3", ["-c", probe], environment: ProcessInfo.processInfo.environment,
                output: .pipe, errors: .pipe)
        else { return false }
        let deadline = ContinuousClock.now + .seconds(20)
        while python.isRunning, ContinuousClock.now < deadline { Thread.sleep(forTimeInterval: 0.01) }
        return !python.isRunning && python.exitStatus == 0
    }()

    static func start(_ sticks: [String], pool: Bool = false, _ arguments: [String]) throws -> LabProcess {
        try LabProcess(
            ["/usr/bin/python3", script] + sticks.flatMap { ["--stick", $0] } + (pool ? ["--pool"] : [])
                + ["--", LabProcess.binary, "usb"] + arguments,
            executable: wrapper)
    }

    static func run(
        _ sticks: [String], _ arguments: [String]
    ) async throws -> (status: Int32?, output: String, fault: String) {
        let process = try start(sticks, arguments)
        let status = try await process.status(within: 120)
        _ = try await Poll.until(seconds: 2) { process.output.hasSuffix("\n") }
        return (status, process.output, process.fault)
    }

    static let mining = ["mine", "--pool", "POOL", "--clock", "100"]

    /// One of each bridge and of each family of chips.
    static let all = [
        "compac-f", "newpac", "compac", "compac-a1", "compac-a2", "block-erupter", "icarus",
        "bitforce-lancelot", "bitaxe-raw",
    ]
}

@Suite(
    "USB sticks", .serialized,
    .enabled(if: VirtualSticks.isInstalled, "umockdev is not installed: its sticks are not tested"))
struct USBTests {
    @Test("list names every stick, its bridge and its chips, all plugged in at once")
    func list() async throws {
        let result = try await VirtualSticks.run(VirtualSticks.all, ["list"])
        #expect(result.status == 0)
        for name in VirtualSticks.all { #expect(result.output.contains("(\(name), "), "\(result.output)") }
        for bridge in ["FT230X", "CP210x", "CP2105", "PL2303", "FT232R", "CDC-ACM x 2"] {
            #expect(result.output.contains(bridge), "\(result.output)")
        }
    }

    @Test("list says what holds a stick, and does not take a serial cable for one")
    func blocked() async throws {
        let result = try await VirtualSticks.run(["compac-f,driver=ftdi_sio", "cable"], ["list"])
        #expect(result.output.contains("comes back after"), "\(result.output)")
        #expect(result.output.contains("unknown, \"FT230X Basic UART\""), "\(result.output)")
    }

    @Test("probe counts the chips behind every bridge", arguments: VirtualSticks.all)
    func probe(stick: String) async throws {
        let result = try await VirtualSticks.run([stick], ["probe"])
        #expect(result.status == 0, "\(result.output)\(result.fault)")
        #expect(
            result.output.contains(stick == "newpac" ? "2 of 2 chips" : "1 of 1 chips"), "\(result.output)")
    }

    @Test("probe tells a stick whose chips are silent, and one whose bridge refuses its speed")
    func badSticks() async throws {
        let silent = try await VirtualSticks.run(["compac-f,silent=1"], ["probe"])
        #expect(silent.status == 1)
        #expect(silent.output.contains("0 of 1 chips"), "\(silent.output)")
        let refusing = try await VirtualSticks.run(["compac-f,refuse=3"], ["probe"])
        #expect(refusing.status == 1)
        #expect(refusing.output.contains("refuses request 3"), "\(refusing.output)")
    }

    @Test("every stick mines at the same time, and the pool accepts what it finds")
    func mine() async throws {
        let process = try VirtualSticks.start(VirtualSticks.all, pool: true, ["mine", "--pool", "POOL"])
        var missing = Set(VirtualSticks.all)
        _ = try await Poll.until(seconds: 120) {
            missing = try missing.filter {
                try !process.output.contains(Regex("\($0)-[0-9]+ \\(real\\): 1 accepted"))
            }
            return missing.isEmpty
        }
        #expect(missing.isEmpty, "\(missing): \(process.output)")
        #expect(!process.fault.contains("share refused"), "\(process.fault)")
        process.signal(SIGTERM)
        #expect(try await process.status(within: 20) == 0)
    }

    @Test(
        "noise, stalls and torn transfers lose no more than moments",
        arguments: [
            "compac-f,garbage=1", "compac-f,stall=40", "compac-f,short=1", "compac-a2,short=1,garbage=1",
        ])
    func faults(stick: String) async throws {
        let process = try VirtualSticks.start([stick], pool: true, VirtualSticks.mining)
        let isAccepted = try await Poll.until(seconds: 60) { process.output.contains(": 1 accepted") }
        #expect(isAccepted, "\(process.output)\(process.fault.suffix(2_000))")
        #expect(!process.fault.contains("share refused"))
    }

    @Test("a real stick mines beside its simulated twin, each marked in every line of both")
    func twin() async throws {
        let process = try VirtualSticks.start(
            ["compac-f"], pool: true,
            ["mine", "--pool", "POOL", "--clock", "100", "--twin", "compac-f", "--scale", "1e-9"])
        let wanted = [
            /compac-f-[0-9]+ \(real\): 1 accepted/, /compac-f \(simulated\): 1 accepted/,
            /compac-f-[0-9]+ \(real\): mining, .* [1-9][0-9]* accepted/,
            /\(simulated\): mining, .* [1-9][0-9]* accepted/,
        ]
        let isSaid = try await Poll.until(seconds: 90) { wanted.allSatisfy { process.output.contains($0) } }
        #expect(isSaid, "\(process.output)\(process.fault.suffix(2_000))")
        #expect(!process.fault.contains("share refused"))
        // The pool can tell them apart too.
        #expect(process.fault.contains("pool lab.usb share accepted"))
        #expect(process.fault.contains("pool lab.usb.twin share accepted"))
        for line in process.output.split(separator: "\n") where line.contains("accepted") {
            #expect(line.contains("(real)") != line.contains("(simulated)"), "\(line)")
        }
        process.signal(SIGTERM)
        #expect(try await process.status(within: 20) == 0)
    }

    @Test("what a Compac A1's controller measures is shown")
    func meter() async throws {
        let process = try VirtualSticks.start(["compac-a1"], pool: true, VirtualSticks.mining)
        // 125 * 24.576 / 255 volts and 24 * 6.4 / 255 amperes.
        let isShown = try await Poll.until(seconds: 120) { process.output.contains(", 45 °C, 7.3 W") }
        #expect(isShown, "\(process.output)\(process.fault.suffix(2_000))")
        process.signal(SIGTERM)
        #expect(try await process.status(within: 20) == 0)
    }

    @Test("a stick pulled out in the middle of mining mines on when it comes back")
    func surprise() async throws {
        let process = try VirtualSticks.start(
            ["compac-f,remove=8,back=11", "block-erupter"], pool: true, ["mine", "--pool", "POOL"])
        let isGone = try await Poll.until(seconds: 60) { process.output.contains("line closed: unplugged") }
        #expect(isGone, "\(process.output)\(process.fault.suffix(2_000))")
        let before = process.output.count
        let isBack = try await Poll.until(seconds: 60) {
            process.output.dropFirst(before).contains(/compac-f-[0-9]+ \(real\): 1 accepted/)
        }
        #expect(isBack, "\(process.output)\(process.fault.suffix(2_000))")
        // The other one heard nothing of it.
        #expect(!process.output.contains(/block-erupter-[0-9]+ \(real\): line closed/))
        process.signal(SIGTERM)
        #expect(try await process.status(within: 20) == 0)
    }
}

@Suite("USB commands") struct USBCommandTests {
    @Test(
        "without a bus, list says so and is no failure; mining is",
        .enabled(if: !FileManager.default.fileExists(atPath: "/dev/bus/usb"), "there is a USB bus"))
    func noBus() async throws {
        let list = try await LabProcess.run(["usb", "list"])
        #expect(list.status == 0)
        #expect(list.output.hasPrefix("no USB bus here"))
        let mine = try await LabProcess.run(["usb", "mine", "--pool", "stratum+tcp://127.0.0.1:1"])
        #expect(mine.status == 1)
        #expect(mine.fault.contains("no USB bus here"))
    }

    @Test("rules give every stick's numbers to udev")
    func rules() async throws {
        let rules = try await LabProcess.run(["usb", "rules"])
        #expect(rules.status == 0)
        for (vendor, product) in [("0403", "6015"), ("10c4", "ea60"), ("10c4", "ea70"), ("067b", "2303")] {
            let line = "ATTR{idVendor}==\"\(vendor)\", ATTR{idProduct}==\"\(product)\", MODE=\"0660\""
            #expect(rules.output.contains(line), "\(rules.output)")
        }
    }

    @Test("a stick that is not known, and a clock beyond its range, are said in one line")
    func badArguments() async throws {
        let unknown = try await LabProcess.run(["usb", "probe", "--profile", "compac-z"])
        #expect(unknown.status == 64)
        #expect(unknown.fault.contains("compac-f"))
        let clock = try await LabProcess.run(
            [
                "usb", "mine", "--profile", "compac-f", "--clock", "5000", "--pool",
                "stratum+tcp://127.0.0.1:1",
            ])
        #expect(clock.status == 64)
        #expect(clock.fault.contains("100.0 to 800.0 MHz"))
    }
}
