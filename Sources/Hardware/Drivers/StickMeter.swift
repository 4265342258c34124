/// The microcontroller of a Compac A1 or A2, which measures for the driver: a serial line of its own (the second
/// interface of the CP2105, 115,200 baud), requests of two characters, answers of one byte per quantity. Source:
/// cgminer, driver-gekko.c and .h (`get_gsa1_telem`, `TELEM_MASK_V1` and its like).
///
/// It only asks. The controller also sets the chips' voltage, their regulator, a lamp and a fan; without a stick at
/// hand nothing of that is sent.
struct StickMeter: Sendable {
    /// What it said last; nil before its first whole answer.
    private(set) var telemetry: BoardTelemetry?
    /// High half: generation 1 to 3. Nil until it answered.
    private(set) var version: UInt8?
    private var fields: UInt8 = 0
    private var asked = Question.nothing
    private var answer: [UInt8] = []

    private enum Question {
        case nothing, version, fields, reading
    }

    /// Bits of the third generation's answer to `M.`; the older generations' are known.
    private enum Field {
        static let inputVolts: UInt8 = 0x01
        static let inputAmperes: UInt8 = 0x02
        static let chipTemperature: UInt8 = 0x10
        static let fan: UInt8 = 0x40
        static let wideAmperes: UInt8 = 0x80
    }
    /// vin, iin, vout, iout, two temperatures, tachometer.
    private static let readingBytes = 7

    /// The next question. What of an answer has not come by now does not come: the first generation says less.
    mutating func ask() -> [UInt8] {
        if asked == .reading, !answer.isEmpty { finish() }
        answer.removeAll()
        if version == nil {
            asked = .version
            return Array("?v".utf8)
        }
        if fields == 0 {
            asked = .fields
            return Array("M.".utf8)
        }
        asked = .reading
        return Array("G.".utf8)
    }

    mutating func received(_ bytes: [UInt8]) {
        answer += bytes.prefix(Self.readingBytes)
        guard let first = answer.first else { return }
        switch asked {
        case .nothing: answer.removeAll()
        case .version:
            asked = .nothing
            version = first
            fields = Self.fields(of: first)
        case .fields:
            asked = .nothing
            fields = first
        case .reading:
            guard answer.count >= Self.readingBytes else { return }
            finish()
        }
    }

    private mutating func finish() {
        asked = .nothing
        telemetry = Self.telemetry(answer, version: version ?? 0, fields: fields)
    }

    private static func fields(of version: UInt8) -> UInt8 {
        switch version {
        case 0x10...0x1f: 0x15
        case 0x21: 0x77
        case 0x20...0x2f: 0xdf
        default: 0
        }
    }

    private static func telemetry(_ bytes: [UInt8], version: UInt8, fields: UInt8) -> BoardTelemetry {
        func value(_ index: Int, _ field: UInt8) -> Double? {
            fields & field != 0 && index < bytes.count ? Double(bytes[index]) : nil
        }
        let volts = value(0, Field.inputVolts).map { $0 / 255 * (version >> 4 == 1 ? 6 : 2.048 * 12) }
        let range = fields & Field.wideAmperes != 0 ? 20 : 3.125
        let amperes = value(1, Field.inputAmperes).map { $0 / 255 * 2.048 * range }
        let power = volts.flatMap { volts in amperes.map { Watts(volts * $0) } }
        return BoardTelemetry(
            chipTemperature: value(4, Field.chipTemperature).flatMap(celsius),
            // What the second temperature is of, nobody says.
            regulatorTemperature: nil, fanSpeed: value(6, Field.fan).map { RPM($0 * 30) }, inputPower: power)
    }

    /// 0 says that there is no reading; 1 to 218 are -49 to 125 degrees.
    private static func celsius(_ value: Double) -> Celsius? {
        value == 0 ? nil : Celsius(min(125, value * 175 / 218 - 50))
    }
}
