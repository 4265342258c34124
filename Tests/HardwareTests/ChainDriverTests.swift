import Bitcoin
import Hardware
import SansIO
import Testing

/// A line whose far end answers by a script, in virtual time.
struct ScriptedLine {
    var driver: ChainDriver
    var now = Instant.start
    var written: [[UInt8]] = []
    var orders: [LineOrder] = []
    var events: [HashboardEvent] = []
    /// What the far end says to a frame.
    var answer: ([UInt8]) -> [UInt8]

    init(_ setup: ChainSetup, answer: @escaping ([UInt8]) -> [UInt8]) {
        driver = ChainDriver(setup)
        self.answer = answer
    }

    mutating func command(_ command: HashboardCommand) {
        var output = ChainDriver.Output()
        driver.command(command, at: now, into: &output)
        take(output)
    }

    mutating func receive(_ bytes: [UInt8]) {
        var output = ChainDriver.Output()
        driver.received(bytes, at: now, into: &output)
        take(output)
    }

    private mutating func take(_ output: ChainDriver.Output) {
        orders += output.orders
        events += output.events
        for case .write(let bytes) in output.orders {
            written.append(bytes)
            let reply = answer(bytes)
            if !reply.isEmpty { receive(reply) }
        }
    }

    /// Lets time pass from deadline to deadline.
    mutating func run(_ interval: Interval, until isEnough: (ScriptedLine) -> Bool = { _ in false }) {
        let end = now + interval
        while !isEnough(self), let next = driver.nextDeadline, next <= end {
            now = max(now, next)
            var output = ChainDriver.Output()
            driver.deadlineReached(at: now, into: &output)
            take(output)
        }
    }

    var counted: [Int] {
        events.compactMap { event in
            if case .enumerated(let chips) = event { return chips }
            return nil
        }
    }

    var nonces: [NonceReport] {
        events.compactMap { event in
            if case .nonce(let report) = event { return report }
            return nil
        }
    }
}

extension ScriptedLine {
    static let everyFamily: [ChipFamily] = ChipFamily.allCases

    /// Chips that are counted and find the genesis block's nonce in each job that has it.
    static func chain(_ family: ChipFamily, chips: Int, setup: ChainSetup? = nil) -> ScriptedLine {
        let detection = ChipJob(frame: detectionJob, of: .icarus)
        return ScriptedLine(setup ?? ChainSetup(family: family, chips: chips)) { bytes in
            var decoder = ChipFrameDecoder(family: family)
            decoder.append(bytes)
            guard let frame = decoder.next() else { return [] }
            switch frame {
            case .command(.read(let register, .all)) where register == 0:
                return (0..<chips).flatMap { _ in
                    ChipReply.register(RegisterReply(value: family.chipID, address: 0, register: 0))
                        .frame(for: family)
                }
            case .job(let job):
                if family.framing == .icarus, job.content == detection?.content {
                    return ChipReply.nonce(NonceReply(nonce: 0x0001_87a2, job: 0)).frame(for: family)
                }
                return Self.genesisReply(to: job, family)
            default: return []
            }
        }
    }

    static let detectionJob: [UInt8] =
        hex("4679ba4ec99876bf4bfe086082b400254df6c356451471139a3afa71e48f544a")
        + [UInt8](repeating: 0, count: 16) + hex("0000000087320b1a1426674f2fa722ce")

    static func hex(_ text: String) -> [UInt8] {
        let digits = text.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    private static func genesisReply(to job: ChipJob, _ family: ChipFamily) -> [UInt8] {
        let genesis = genesisHeader
        let reply = { (part: UInt8) in
            NonceReply(
                nonce: genesis.nonce.byteSwapped, job: NonceReply.jobByte(id: job.id, part: part, family))
        }
        switch job.content {
        case .header(var header):
            header.nonce = genesis.nonce
            return header == genesis ? ChipReply.nonce(reply(0)).frame(for: family) : []
        case .midstates(let states, let tail):
            guard let part = states.firstIndex(of: SHA256Midstate(genesis)), tail == HeaderTail(genesis)
            else { return [] }
            return ChipReply.nonce(reply(UInt8(part))).frame(for: family)
        }
    }

    static let genesisHeader: BlockHeader = {
        let bytes =
            hex("01000000") + [UInt8](repeating: 0, count: 32)
            + hex("3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c")
        // The header is a constant of the protocol; it cannot fail to decode.
        guard let header = try? BlockHeader(bytes: bytes) else { preconditionFailure("80 bytes") }
        return header
    }()

    static func genesisWork(id: UInt32 = 7, difficulty: Double = 1, mask: UInt32 = 0) -> MiningWork {
        var header = genesisHeader
        header.nonce = 0
        return MiningWork(
            id: WorkID(id), header: header, target: Target(difficulty: difficulty), versionMask: mask)
    }

    /// Switched on, counted, at its clock.
    mutating func start(at clock: Megahertz = Megahertz(100)) {
        command(.setPower(true))
        command(.enumerate)
        run(.seconds(20)) { !$0.counted.isEmpty }
        command(.setFrequency(clock))
        run(.seconds(2))
    }
}

@Suite("Chain driver") struct ChainDriverTests {
    @Test(
        "every family is counted, mines the genesis block and reports its nonce",
        arguments: ChipFamily.allCases)
    func minesGenesis(family: ChipFamily) {
        let chips = family.framing == .icarus ? 1 : 2
        var line = ScriptedLine.chain(family, chips: chips)
        line.start()
        #expect(line.counted == [chips])
        line.command(.load(ScriptedLine.genesisWork()))
        #expect(
            line.nonces.map(\.nonce) == [ScriptedLine.genesisHeader.nonce]
                || line.nonces.first?.nonce == ScriptedLine.genesisHeader.nonce)
        #expect(line.nonces.first?.version == 1)
        #expect(line.nonces.first?.work == WorkID(7))
        #expect(line.driver.statistics.invalidNonces == 0)
        #expect(line.driver.statistics.garbage == 0)
    }

    @Test(
        "midstate chips are given four versions at a time until all are used up",
        arguments: [ChipFamily.bm1387, .bm1397])
    func rollsVersions(family: ChipFamily) {
        var line = ScriptedLine.chain(family, chips: 1)
        line.start()
        let before = line.written.count
        line.command(.load(ScriptedLine.genesisWork(mask: 0x0000_e000)))
        line.run(.minutes(2)) { $0.events.contains(.exhausted(WorkID(7))) }
        var versions = 0
        for bytes in line.written[before...] {
            var decoder = ChipFrameDecoder(family: family)
            decoder.append(bytes)
            if case .job(let job)? = decoder.next(), case .midstates(let states, _) = job.content {
                versions += states.count
            }
        }
        #expect(versions == 8)
        #expect(line.events.contains(.exhausted(WorkID(7))))
    }

    @Test("what meets the ticket but not the pool's target is counted and not reported")
    func ticketNonces() {
        var line = ScriptedLine.chain(
            .bm1370, chips: 1, setup: ChainSetup(family: .bm1370, chips: 1, ticketMax: 16))
        line.start()
        // The genesis block has difficulty 2536.
        line.command(.load(ScriptedLine.genesisWork(difficulty: 1_000_000)))
        #expect(line.nonces.isEmpty)
        #expect(line.driver.statistics.validNonces == 1)
        #expect(line.driver.statistics.provenHashes == 0x1p36)
        #expect(line.written.contains(ScriptedLine.hex("55AA51090014000000F01E")))
    }

    @Test("a nonce that proves nothing goes to the firmware, which counts the error")
    func wrongNonce() {
        var line = ScriptedLine(ChainSetup(family: .bm1397, chips: 1)) { bytes in
            bytes == ScriptedLine.hex("55AA520500000A") ? ScriptedLine.hex("AA5513971800000006") : []
        }
        line.start()
        line.command(.load(ScriptedLine.genesisWork()))
        let job = line.written.last { $0.count > 50 }.map { $0[4] } ?? 0
        line.receive(ChipReply.nonce(NonceReply(nonce: 0x1234_5678, job: job)).frame(for: .bm1397))
        #expect(line.nonces.map(\.nonce) == [0x7856_3412])
        #expect(line.driver.statistics.invalidNonces == 1)
    }

    @Test("replies are found again after garbage, whatever it is and wherever it is cut", arguments: 0..<9)
    func resynchronises(cut: Int) {
        var line = ScriptedLine.chain(.bm1397, chips: 1)
        line.start()
        line.answer = { _ in [] }
        line.command(.load(ScriptedLine.genesisWork()))
        let id = line.written.last { $0.count > 50 }.map { $0[4] } ?? 0
        let good = ChipReply.nonce(
            NonceReply(nonce: ScriptedLine.genesisHeader.nonce.byteSwapped, job: id)
        ).frame(for: .bm1397)
        // A reply's head, noise with half a preamble, a reply with a flipped bit, and the good one in two pieces.
        var broken = good
        broken[4] ^= 0x10
        line.receive(Array(good.prefix(cut)) + [0xff, 0xaa, 0x00, 0xaa, 0x55] + broken)
        line.receive(Array(good.prefix(cut)))
        line.receive(Array(good.dropFirst(cut)))
        #expect(line.nonces.map(\.nonce) == [ScriptedLine.genesisHeader.nonce])
        #expect(line.driver.statistics.garbage > 0)
    }

    @Test("a silent chain is asked three times and then reported as none", arguments: ChipFamily.allCases)
    func silentChain(family: ChipFamily) {
        var line = ScriptedLine(ChainSetup(family: family, chips: 1)) { _ in [] }
        line.command(.setPower(true))
        line.command(.enumerate)
        line.run(.seconds(30))
        #expect(line.counted == [0])
        #expect(line.driver.nextDeadline == nil)
    }

    @Test("chips that never find anything are given up, and the device is reset")
    func deadDevice() {
        var line = ScriptedLine.chain(.icarus, chips: 1)
        line.start()
        line.answer = { _ in [] }
        line.command(.load(ScriptedLine.genesisWork(mask: 0x1fff_e000)))
        let began = line.now
        line.run(.seconds(2_000)) { $0.orders.last == .restart }
        #expect(line.orders.last == .restart)
        // 30 nonce ranges at 336 MH/s.
        #expect(abs((line.now - began).seconds - 383.5) < 1)
    }

    @Test("the clock rises by 6.25 MHz each 100 ms, in words of the family")
    func ramp() {
        var line = ScriptedLine.chain(.bm1370, chips: 1)
        line.start(at: Megahertz(50))
        let before = line.written.count
        line.command(.setFrequency(Megahertz(525)))
        line.run(.seconds(20))
        let words = line.written[before...].filter { $0.count == 11 && $0[5] == 8 }
        #expect(words.count == 76)
        #expect(words.last == ScriptedLine.hex("55AA51090008" + "40A80230" + "03"))
    }

    @Test("the line's speed changes after the chips were told, on both sides")
    func speed() {
        var line = ScriptedLine.chain(
            .bm1397, chips: 1, setup: ChainSetup(family: .bm1397, chips: 1, baud: 1_500_000))
        line.start()
        let told = line.orders.firstIndex(of: .write(ScriptedLine.hex("55AA51090018000061311C")))
        let changed = line.orders.firstIndex(of: .setBaud(1_500_000))
        #expect(told != nil && changed != nil)
        if let told, let changed { #expect(told < changed) }
    }

    @Test("a line that was lost is counted anew and mines again")
    func lostLine() {
        var line = ScriptedLine.chain(.bm1387, chips: 2)
        line.start()
        line.driver.lineLost()
        line.receive([1, 2, 3])
        #expect(line.driver.nextDeadline == nil)
        line.start()
        #expect(line.counted == [2, 2])
        line.command(.load(ScriptedLine.genesisWork()))
        #expect(line.nonces.count == 1)
    }

    @Test(
        "the clock codes of BM1384 are the makers'",
        arguments: [
            (100.0, UInt16(0x0783)), (125, 0x0983), (150, 0x0b83), (175, 0x0d83), (193.75, 0x0f03),
            (200, 0x0782), (206.25, 0x1006), (212.5, 0x1086), (218.75, 0x1106), (225, 0x0882),
            (237.5, 0x1286),
            (243.75, 0x1306), (250, 0x0982),
        ])
    func clockCodes(frequency: Double, code: UInt16) {
        // Two of the table's words have another of the same frequency.
        #expect(ClockCode.frequency(code) == Megahertz(frequency))
        #expect(ClockCode.frequency(ClockCode.nearest(to: Megahertz(frequency))) == Megahertz(frequency))
    }
}
