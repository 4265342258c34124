import Foundation
import Testing

/// A running lab and people who treat it badly: each gets a clear answer, and the lab mines on.
@Suite("Bad input", .serialized)
struct AbuseTests {
    @Test(
        "a second lab on the same data directory, a busy port, a wrong key and an unreachable pool are each said clearly"
    )
    func faults() async throws {
        let directory = try TemporaryDirectory()
        let lab = try await RunningLab(data: directory.path)
        let second = try await LabProcess.run(
            ["up", "--data", directory.path, "--ready", directory.path + "/r2.json", "--ports", "auto"])
        #expect(second.status == 69)
        #expect(second.fault.contains("in use by process \(lab.process.identifier)"), "\(second.fault)")
        #expect(!FileManager.default.fileExists(atPath: directory.path + "/r2.json"))

        let port = try lab.port("rpc")
        let busy = try await LabProcess.run(
            [
                "node", "--data", directory.path + "/other", "--rpc-port", "\(port)", "--p2p-port", "0",
                "--template-port", "0",
            ])
        #expect(busy.status == 69)
        #expect(
            busy.fault.contains("port \(port)") && busy.fault.contains("process \(lab.process.identifier)"))

        let pool = try lab.value("pool", "address")
        let key = try lab.value("template_provider", "authority")
        let wrongKey = try LabProcess(["device", "--pool", "stratum2+tcp://\(pool)/\(key)", "--instant-boot"])
        let said = try await Poll.until(seconds: 30) { wrongKey.output.contains("ertificate") }
        #expect(said, "\(wrongKey.output)")
        wrongKey.signal(SIGINT)
        #expect(try await wrongKey.status(within: 5) == 0)

        let nobody = try LabProcess(["device", "--pool", "stratum+tcp://127.0.0.1:1", "--instant-boot"])
        let refused = try await Poll.until(seconds: 30) { nobody.output.contains("refused") }
        #expect(refused, "\(nobody.output)")
        nobody.signal(SIGINT)
        #expect(try await nobody.status(within: 5) == 0)
        try await lab.stop()
    }

    @Test("garbage, oversize frames and half-open connections on every port leave the lab mining")
    func garbage() async throws {
        let directory = try TemporaryDirectory()
        let lab = try await RunningLab(data: directory.path)
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        var noise = [UInt8](repeating: 0, count: 70_000)
        for index in noise.indices { noise[index] = UInt8(truncatingIfNeeded: index &* 167 &+ index >> 5) }
        let attacks: [[UInt8]] = [
            [], [0], noise, Array("GET / HTTP/1.1\r\n".utf8), Array(repeating: 0xff, count: 64),
            Array("POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n".utf8), Array("{\"id\":1,".utf8),
            Array(repeating: 0x7b, count: 65_536),
        ]
        for role in ["rpc", "p2p", "pool", "template_provider", "jds", "jdc", "translator", "explorer"] {
            let port = try lab.port(role)
            for attack in attacks { sockets.append(try Loopback.connect(to: port, sending: attack)) }
        }
        let before = try await lab.height()
        let grew = try await Poll.until(seconds: 60) { try await lab.height() >= before + 3 }
        #expect(grew, "\(lab.process.output.suffix(2_000))")
        #expect(lab.process.isRunning)
        try await lab.stop()
    }
}
