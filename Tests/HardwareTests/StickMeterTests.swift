import Hardware
import SansIO
import Testing

@Suite("The controller of a Compac A1") struct StickMeterTests {
    private var driver: ChainDriver
    private var output = ChainDriver.Output()

    init() {
        var setup = ChainSetup(family: .bm1362, chips: 1)
        setup.hasMeter = true
        driver = ChainDriver(setup)
    }

    /// What it is asked, and what the driver knows then.
    private mutating func read() -> (question: String, known: BoardTelemetry?) {
        output = ChainDriver.Output()
        driver.command(.readTelemetry, at: .start, into: &output)
        var (question, known) = ("", BoardTelemetry?.none)
        for case .writeAside(let bytes) in output.orders {
            question += String(decoding: bytes, as: UTF8.self)
        }
        for case .telemetry(let telemetry) in output.events { known = telemetry }
        return (question, known)
    }

    @Test("asked who it is, then for its readings; volts times amperes are the watts")
    mutating func secondGeneration() {
        let first = read()
        #expect(first.question == "?v")
        #expect(first.known?.inputPower == nil && first.known?.chipTemperature == nil)
        driver.receivedAside([0x20])
        #expect(read().question == "G.")
        // In pieces, as a serial line may bring it.
        driver.receivedAside([124, 8, 75])
        driver.receivedAside([120, 118, 0, 100])
        let known = read().known
        let watts = 124.0 / 255 * 2.048 * 12 * (8.0 / 255 * 2.048 * 20)
        #expect(abs((known?.inputPower?.watts ?? 0) - watts) < 1e-9)
        #expect(abs((known?.chipTemperature?.degrees ?? 0) - (118.0 * 175 / 218 - 50)) < 1e-9)
        #expect(known?.fanSpeed == RPM(3_000))
    }

    @Test("the low range of amperes is a sixth of the high one")
    mutating func lowRange() {
        _ = read()
        driver.receivedAside([0x21])
        _ = read()
        driver.receivedAside([124, 80, 75, 0, 118, 0, 0])
        let watts = 124.0 / 255 * 2.048 * 12 * (80.0 / 255 * 2.048 * 3.125)
        #expect(abs((read().known?.inputPower?.watts ?? 0) - watts) < 1e-9)
    }

    @Test("the first generation measures no current: its watts stay unknown, its temperature does not")
    mutating func firstGeneration() {
        _ = read()
        driver.receivedAside([0x10])
        _ = read()
        driver.receivedAside([200, 0, 75, 0, 118])
        let known = read().known
        #expect(known?.inputPower == nil)
        #expect(known?.chipTemperature != nil && known?.fanSpeed == nil)
    }

    @Test("the third generation is asked what it has; a reading of zero is no temperature")
    mutating func thirdGeneration() {
        _ = read()
        driver.receivedAside([0x30])
        #expect(read().question == "M.")
        driver.receivedAside([0x13])
        #expect(read().question == "G.")
        driver.receivedAside([124, 80, 75, 120, 0, 118, 100])
        let known = read().known
        #expect(known?.inputPower != nil && known?.chipTemperature == nil && known?.fanSpeed == nil)
    }

    @Test("a controller that says nothing, or noise unasked, leaves everything unknown and is asked again")
    mutating func silence() {
        driver.receivedAside([UInt8](repeating: 0x20, count: 300))
        for _ in 0..<3 {
            let now = read()
            #expect(now.question == "?v")
            #expect(now.known?.inputPower == nil)
        }
    }
}

@Suite("The clock of Antminer U sticks") struct AntminerClockTests {
    @Test(
        "cgminer's codes: its search for U1 and U2, its table for U3",
        arguments: [
            (25, 200, 0x0380), (25, 250, 0x0480), (50, 225, 0x0882), (50, 100, 0x0783), (50, 250, 0x0982),
        ]
            as [(Double, Double, UInt16)])
    func codes(reference: Double, megahertz: Double, code: UInt16) {
        let clock = Megahertz(megahertz)
        #expect(
            (reference == 25 ? ClockCode.antminer(nearest: clock) : ClockCode.nearest(to: clock)) == code)
    }

    @Test("the clock is set once the stick has answered, and its hashrate follows")
    func set() {
        var setup = ChainSetup(family: .antminerU, chips: 1, initialClock: Megahertz(225))
        setup.unitsPerChip = 252
        var line = ScriptedLine(setup) { $0.count == 64 ? [0x00, 0x01, 0x87, 0xa2, 0] : [] }
        line.command(.setPower(true))
        line.command(.enumerate)
        line.run(.seconds(5))
        #expect(line.counted == [1])
        line.command(.setFrequency(Megahertz(250)))
        line.run(.seconds(5))
        #expect(line.written.contains { $0.count == 4 && $0.prefix(3) == [0x82, 0x09, 0x82] })
        #expect(line.driver.nominalHashRate == HashRate(63e9))
    }
}
