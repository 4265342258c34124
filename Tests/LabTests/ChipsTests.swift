import Bitcoin
import Foundation
import Hardware
import Testing

/// `lab chips` from the other end of its line.
@Suite("Served chips", .serialized)
struct ChipsTests {
    @Test("A driver over TCP counts the chip, sets it up and mines, and the trace says every frame in words")
    func tcp() async throws {
        let chips = try LabProcess([
            "chips", "--profile", "bitaxe-gamma", "--tcp", "127.0.0.1:0", "--trace", "--pace", "1e6",
            "--difficulty-shift", "20",
        ])
        let port = try #require(UInt16(try await chips.word(after: "127.0.0.1:")))
        var host = SerialHost(try Loopback.connect(to: port, sending: []), .bm1370)
        host.isShort = true
        host.send(.read(register: 0, of: .all))
        #expect(
            try await host.reply() == .register(RegisterReply(value: 0x1370_0000, address: 0, register: 0)))
        try await Self.setUp(&host)
        let header = Self.header
        host.send(ChipJob(id: 0x18, content: .header(header)).frame(for: .bm1370) ?? [])
        var nonces: [NonceReply] = []
        while nonces.count < 5 {
            guard case .nonce(let nonce) = try await host.reply() else { continue }
            nonces.append(nonce)
        }
        for nonce in nonces {
            #expect(nonce.jobID(.bm1370).id == 0x18)
            var solved = header
            solved.version |= UInt32(nonce.version) << ChipFamily.versionShift
            solved.nonce = nonce.headerNonce
            #expect(
                256 - UInt256(littleEndian: solved.hash).bitWidth >= 12, "32 bits less the 20 of the option")
        }
        // Noise is dropped and said to be; what follows is understood.
        host.send([0x00, 0xff, 0x55, 0xaa, 0x99, 0x05])
        host.send(.read(register: 0x18, of: .one(0)))
        var value: UInt32?
        while value == nil {
            if case .register(let register) = try await host.reply(), register.register == 0x18 {
                value = register.value
            }
        }
        #expect(value == 0xf000_c100)
        host.close()
        // One line for each frame: seconds, direction, bytes, meaning.
        for line in [
            "> 55aa520500000a  read register 00 of all", "< aa55137000000000", "= 13700000",
            "> 55aa5305000003  chain inactive", "> 55aa400500001c  set address 0",
            "> 55aa51090018f000c10004  write register 18 = f000c100 to all",
            "job 24 version 20000000 time 1700000000",
            " bytes dropped", "read register 18 of chip 0", "register 18 of chip 0 = f000c100",
            "disconnected",
        ] {
            #expect(
                try await Poll.until(seconds: 10) { chips.output.contains(line) }, "\(line)\n\(chips.output)")
        }
        let first = try #require(nonces.first)
        #expect(
            chips.output.contains(
                "nonce \(String(first.nonce, radix: 16).leftPadded(to: 8)) of job 24 part \(first.jobID(.bm1370).part)"
            ),
            "\(chips.output)")
        try await Self.stop(chips)
    }

    @Test(
        "A terminal's speed is the host's: at the wrong one the chips hear nothing, at the right one all answer"
    )
    func terminal() async throws {
        let chips = try LabProcess(["chips", "--family", "BM1366", "--chips", "4", "--pty", "--trace"])
        let name = "/dev/pts/" + (try await chips.word(after: "/dev/pts/"))
        let descriptor = open(name, O_RDWR | O_NOCTTY)
        try #require(descriptor >= 0, "\(name)")
        var host = SerialHost(descriptor, .bm1366)
        host.send(.write(register: 0xa4, value: 0x9000_ffff, to: .all))
        host.send(.read(register: 0, of: .all))
        for _ in 0..<4 {
            #expect(
                try await host.reply()
                    == .register(RegisterReply(value: 0x1366_0000, address: 0, register: 0)))
        }
        host.send(.write(register: 0x28, value: 0x1130_0200, to: .all))
        #expect(try await Poll.until(seconds: 10) { chips.output.contains("write register 28") })
        host.send(.read(register: 0x14, of: .all))
        #expect(try await Poll.until(seconds: 10) { chips.output.contains("read register 14 of all") })
        host.setSpeed(speed_t(B1000000))
        // The first frame after garbage may be lost to it: drivers ask again, and so does this one.
        var answered = 0
        let deadline = ContinuousClock.now + .seconds(20)
        while answered == 0, ContinuousClock.now < deadline {
            host.send(.read(register: 0x18, of: .all))
            while let reply = try await host.next(within: 1) {
                guard case .register(let register) = reply else { continue }
                #expect(register.register == 0x18, "what was asked at the wrong speed is not answered")
                answered += 1
            }
        }
        #expect(answered == 4, "\(chips.output)")
        host.close()
        try await Self.stop(chips)
    }

    @Test(
        "What cannot be served is said in one line, with the status of its kind",
        arguments: [
            (["--profile", "bitaxe-gama", "--pty"], 65, "did you mean bitaxe-gamma?"),
            (["--profile", "avalon-1246", "--pty"], 1, "the serial protocol of"),
            (["--family", "BM1370"], 64, "one of --pty, --tcp and --usbredir is needed"),
            (
                ["--family", "BM1370", "--pty", "--tcp", "127.0.0.1:0"], 64,
                "one of --pty, --tcp and --usbredir"
            ),
            (["--pty"], 64, "one of --profile and --family is needed"),
            (["--family", "BM1371", "--pty"], 64, "BM1371"),
            (["--family", "BM1370", "--chips", "257", "--pty"], 64, "--chips must be 1 to 256"),
            (["--family", "BM1370", "--pace", "0", "--pty"], 64, "--pace"),
            (["--family", "BM1370", "--fault", "crc=2", "--pty"], 64, "--fault"),
            (["--family", "BM1370", "--tcp", "192.0.2.1:7000"], 1, "cannot listen on 192.0.2.1:7000"),
        ])
    func refused(arguments: [String], status: Int32, message: String) async throws {
        let result = try await LabProcess.run(["chips"] + arguments)
        #expect(result.status == status, "\(result.fault)")
        #expect(result.fault.contains(message), "\(result.fault)")
        #expect(result.output == "")
    }

    @Test("A port that is taken is said so, and whoever has it keeps it")
    func takenPort() async throws {
        let first = try LabProcess(["chips", "--family", "BM1370", "--tcp", "127.0.0.1:0"])
        let port = try #require(UInt16(try await first.word(after: "127.0.0.1:")))
        let second = try await LabProcess.run(["chips", "--family", "BM1370", "--tcp", "127.0.0.1:\(port)"])
        #expect(second.status == 1)
        #expect(second.fault.contains("cannot listen on 127.0.0.1:\(port): "), "\(second.fault)")
        var host = SerialHost(try Loopback.connect(to: port, sending: []), .bm1370)
        host.isShort = true
        host.send(.read(register: 0, of: .all))
        #expect(
            try await host.reply() == .register(RegisterReply(value: 0x1370_0000, address: 0, register: 0)))
        host.close()
        try await Self.stop(first)
    }

    // MARK: Hosts

    static let header = BlockHeader(
        version: 0x2000_0000, previousBlockHash: SHA256.double([1]), merkleRoot: SHA256.double([2]),
        time: 1_700_000_000, bits: CompactTarget(bits: 0x1703_4219), nonce: 0)

    /// As ESP-Miner does it, the parts that matter.
    private static func setUp(_ host: inout SerialHost) async throws {
        host.send(.write(register: 0xa4, value: 0x9000_ffff, to: .all))
        host.isShort = false
        host.send(.write(register: 0x18, value: 0xf000_c100, to: .all))
        host.send(.chainInactive)
        host.send(.setAddress(0))
        let setting = try #require(PLLSetting(nearest: Megahertz(525), for: .bm1370))
        host.send(.write(register: 0x08, value: setting.word(for: .bm1370), to: .all))
        host.send(.write(register: 0x10, value: 0x0000_1eb5, to: .all))
        host.send(.read(register: 0, of: .one(0)))
        #expect(
            try await host.reply() == .register(RegisterReply(value: 0x1370_0000, address: 0, register: 0)))
    }

    private static func stop(_ process: LabProcess) async throws {
        process.signal(SIGTERM)
        #expect(try await process.status(within: 20) == 0, "\(process.output)\(process.fault)")
    }
}

/// A driver's end of a line: a socket or a terminal.
private struct SerialHost {
    private let descriptor: Int32
    private let family: ChipFamily
    private var decoder: ChipReplyDecoder

    var isShort: Bool {
        get { decoder.isShort }
        set { decoder.isShort = newValue }
    }

    init(_ descriptor: Int32, _ family: ChipFamily) {
        self.descriptor = descriptor
        self.family = family
        decoder = ChipReplyDecoder(family: family)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    func send(_ bytes: [UInt8]) { _ = write(descriptor, bytes, bytes.count) }

    func send(_ command: ChipCommand) { send(command.frame(for: family) ?? []) }

    func close() { _ = Glibc.close(descriptor) }

    func setSpeed(_ speed: speed_t) {
        var mode = termios()
        tcgetattr(descriptor, &mode)
        cfsetspeed(&mode, speed)
        tcsetattr(descriptor, TCSANOW, &mode)
    }

    /// The next reply; nil when none comes in time.
    mutating func next(within seconds: Double) async throws -> ChipReply? {
        if let reply = decoder.next() { return reply }
        var reply: ChipReply?
        _ = try await Poll.until(seconds: seconds) {
            var chunk = [UInt8](repeating: 0, count: 4_096)
            let count = read(descriptor, &chunk, chunk.count)
            if count > 0 { decoder.append(chunk[..<count]) }
            reply = decoder.next()
            return reply != nil
        }
        return reply
    }

    /// The next reply, which must come.
    mutating func reply() async throws -> ChipReply {
        let reply = try await next(within: 30)
        return try #require(reply)
    }
}

extension String {
    fileprivate func leftPadded(to count: Int) -> String {
        String(repeating: "0", count: max(0, count - self.count)) + self
    }
}
