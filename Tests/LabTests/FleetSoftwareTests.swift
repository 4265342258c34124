import Foundation
import Runtime
import Testing

/// The management interfaces over real sockets, read by programs that others wrote.
@Suite("Fleet software", .serialized)
struct FleetSoftwareTests {
    /// Profile, what pyasic calls it, chips on each of its boards.
    struct Device: Sendable {
        let profile: String
        let make: String
        let model: String
        let terahashes: ClosedRange<Double>
        let boards: Int
        let chips: Int
        let fans: Int
    }

    static let devices = [
        Device(
            profile: "antminer-s19j-pro", make: "AntMiner", model: "S19j Pro", terahashes: 80...130,
            boards: 3,
            chips: 126, fans: 4),
        Device(
            profile: "antminer-s21", make: "AntMiner", model: "S21", terahashes: 150...250, boards: 3,
            chips: 108,
            fans: 4),
        Device(
            profile: "whatsminer-m50", make: "WhatsMiner", model: "M50 VH50", terahashes: 85...145, boards: 3,
            chips: 105, fans: 2),
        Device(
            profile: "avalon-1246", make: "AvalonMiner", model: "Avalon 1246", terahashes: 65...115,
            boards: 3,
            chips: 120, fans: 4),
        Device(
            profile: "bitaxe-gamma", make: "BitAxe", model: "Gamma", terahashes: 0.8...1.4, boards: 1,
            chips: 1,
            fans: 1),
    ].filter {
        FileManager.default.fileExists(atPath: "\(LabProcess.root)/Profiles/devices/\($0.profile).toml")
    }

    @Test(
        "pyasic finds and reads the devices, sets their pools and puts them to sleep",
        .enabled(if: FleetSoftware.isThere, "pyasic is not installed"),
        .enabled(if: FleetSoftware.mayListen, "port 80 is for privileged programs"))
    func pyasic() async throws {
        let base = FleetSoftware.base(4)
        let directory = try TemporaryDirectory()
        let lab = try await RunningLab(data: directory.path)
        let pool = try #require(lab.ready["pool"])
        let url = "stratum2+tcp://\(pool["address"] ?? "")/\(pool["authority"] ?? "")"
        let fleet = try LabProcess(
            ["fleet", "--count", "\(Self.devices.count)", "--scale", "1e-10", "--ramp", "1s", "--pool", url]
                + Self.devices.flatMap { ["--profile", $0.profile] } + ["--manage", "--manage-base", base])
        let addresses = Self.devices.indices.map { FleetSoftware.address(base, $0) }
        let isUp = try await Poll.until(seconds: 60) {
            fleet.output.contains("interfaces: ") || !fleet.isRunning
        }
        #expect(isUp && fleet.isRunning, "\(fleet.fault)")

        var seen: [[String: Any]] = []
        // Averages and fans need some seconds of mining.
        let isMining = try await Poll.until(seconds: 90) {
            seen = try FleetSoftware.run(["read"] + addresses)
            return zip(seen, Self.devices).allSatisfy { report, device in
                (report["hashrate"] as? Double).map { device.terahashes.contains($0) } ?? false
            }
        }
        #expect(isMining, "\(seen)")
        for (report, device) in zip(seen, Self.devices) { try check(report, device) }

        for (address, device) in zip(addresses, Self.devices) {
            let steered = try #require(
                try FleetSoftware.run(["steer", address, "stratum+tcp://127.0.0.1:9", "moved.worker"]).first)
            let canSteer = device.make == "AntMiner" || device.make == "WhatsMiner"
            if canSteer {
                #expect(steered["stop_mining"] as? Bool == true, "\(steered)")
                #expect(steered["mines_after_stop"] as? Bool == false, "\(steered)")
                #expect(steered["resume_mining"] as? Bool == true, "\(steered)")
            }
            if canSteer || device.make == "BitAxe" {
                #expect((steered["pools"] as? [String])?.first == "stratum+tcp://127.0.0.1:9", "\(steered)")
            }
            if device.make == "AvalonMiner" { #expect(steered["stop_mining"] as? Bool == true, "\(steered)") }
        }
        fleet.signal(SIGINT)
        #expect(try await fleet.status(within: 20) == 0, "\(fleet.fault)")
        lab.process.signal(SIGINT)
        _ = try await lab.process.status(within: 20)
    }

    private func check(_ report: [String: Any], _ device: Device) throws {
        let text: Comment = "\(device.profile): \(report)"
        #expect(report["make"] as? String == device.make && report["model"] as? String == device.model, text)
        let boards = report["boards"] as? [[String: Any]] ?? []
        #expect(boards.count == device.boards, text)
        for board in boards {
            #expect(board["chips"] as? Int == device.chips && board["missing"] as? Bool == false, text)
            #expect((15...110).contains(board["chip_temp"] as? Double ?? 0), text)
            #expect((15...110).contains(board["temp"] as? Double ?? 0), text)
            #expect(
                (board["hashrate"] as? Double ?? 0) > device.terahashes.lowerBound / Double(device.boards)
                    / 2, text)
        }
        let fans = report["fans"] as? [Double] ?? []
        #expect(fans.count == device.fans && fans.allSatisfy { $0 > 200 }, text)
        #expect((report["uptime"] as? Int ?? 0) > 0 && (report["errors"] as? [String]) == [], text)
        #expect((report["mac"] as? String)?.hasPrefix("02:") == true, text)
        // pyasic asks Bitaxes for no pools.
        guard device.make != "BitAxe" else { return }
        let pools = report["pools"] as? [[String: Any]] ?? []
        #expect(pools.count == 1 && (pools[0]["user"] as? String)?.hasPrefix("fleet.") == true, text)
        #expect(pools.first?["alive"] as? Bool == true, text)
    }

    @Test(
        "a port that is taken and an address that is none are told in a line",
        .enabled(if: FleetSoftware.mayListen, "port 80 is for privileged programs"))
    func taken() async throws {
        let base = FleetSoftware.base(5)
        let arguments = ["device", "--pool", "stratum+tcp://127.0.0.1:9", "--manage", "--manage-base"]
        let first = try LabProcess(arguments + [base])
        _ = try await Poll.until(seconds: 30) { first.output.contains("interfaces: ") || !first.isRunning }
        let second = try await LabProcess.run(arguments + [base])
        #expect(second.status == 69)
        #expect(second.fault.contains("port 80 on \(base) is in use"), "\(second.fault)")
        #expect(second.fault.contains("--manage-base"))
        first.signal(SIGINT)
        #expect(try await first.status(within: 20) == 0)
        for wrong in ["10.0.0.1", "127.0.0.0", "nonsense", "127.0.0.256"] {
            let refused = try await LabProcess.run(arguments + [wrong])
            #expect(
                refused.status == 64 && refused.fault.contains("--manage-base must be"), "\(refused.fault)")
        }
    }
}

/// pyasic, installed by `./lab test` where PyPI can be reached.
enum FleetSoftware {
    static let packages = "\(LabProcess.root)/.build/fleet-software"
    static var isThere: Bool { FileManager.default.fileExists(atPath: packages + "/pyasic") }

    /// Whether this process may listen on port 80.
    static var mayListen: Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(80).bigEndian
        address.sin_addr.s_addr = inet_addr("127.250.250.250")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return result == 0
    }

    /// Addresses of this process alone, for runs at the same time.
    static func base(_ group: Int) -> String {
        let process = UInt32(getpid())
        return "127.\(100 + group).\(process >> 8 & 255).\(16 + process & 127)"
    }

    static func address(_ base: String, _ index: Int) -> String {
        var parts = base.split(separator: ".").compactMap { Int($0) }
        parts[3] += index
        return parts.map(String.init).joined(separator: ".")
    }

    /// The script's answers, one JSON object a line.
    static func run(_ arguments: [String]) throws -> [[String: Any]] {
        var environment = ProcessInfo.processInfo.environment
        environment["PYTHONPATH"] = packages
        let process = try ChildProcess(
            "/usr/bin/env", ["python3", "\(LabProcess.root)/Tests/LabTests/read_fleet.py"] + arguments,
            environment: environment, output: .pipe)
        let text = process.output?.readDataToEndOfFile() ?? Data()
        _ = process.wait()
        return try text.split(separator: UInt8(ascii: "\n")).map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
        }
    }
}
