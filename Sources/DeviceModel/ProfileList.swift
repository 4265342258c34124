import Hardware
import SansIO

/// A list of tables in profile files, `[[faults]]`: its elements' keys, and what becomes of them.
public struct ProfileList: Sendable {
    /// Dotted: `room.ambient`. An element's key is `room.ambient.0.celsius`.
    public let path: String
    public let documentation: String
    /// Paths within an element.
    public let fields: [ProfileKey]
    let assign: @Sendable (inout DeviceProfile, [Row]) throws(ProfileError) -> Void

    /// One element.
    struct Row {
        let path: String
        let values: [String: ProfileValue]

        func number(_ name: String) -> Double? {
            switch values[name] {
            case .number(let value): value
            case .integer(let value): Double(value)
            default: nil
            }
        }
        func integer(_ name: String) -> Int? {
            if case .integer(let value)? = values[name] { Int(value) } else { nil }
        }
        func text(_ name: String) -> String? {
            if case .text(let value)? = values[name] { value } else { nil }
        }
        /// - Throws: ``ProfileError/missing(key:expected:)``
        func needed(_ name: String, _ expected: String) throws(ProfileError) -> Double {
            guard let value = number(name) else { throw .missing(key: path + "." + name, expected: expected) }
            return value
        }
    }

    /// Reads the elements that there are and notes what is wrong with them.
    func fill(
        _ profile: inout DeviceProfile, from values: (String) -> ProfileValue?, faults: inout [ProfileError]
    ) {
        var rows: [Row] = []
        let before = faults.count
        for index in 0..<Limits.listElementsMax {
            let element = "\(path).\(index)"
            var row: [String: ProfileValue] = [:]
            var missing: ProfileKey?
            for field in fields {
                guard let value = values(element + "." + field.path) else {
                    if field.isRequired, missing == nil { missing = field }
                    continue
                }
                row[field.path] = value
                if let fault = field.fault(of: value, at: element + "." + field.path) { faults.append(fault) }
            }
            guard !row.isEmpty else { break }
            if let missing {
                faults.append(.missing(key: element + "." + missing.path, expected: missing.expectation))
            }
            rows.append(Row(path: element, values: row))
        }
        guard faults.count == before, !rows.isEmpty else { return }
        do { try assign(&profile, rows) } catch { faults.append(error) }
    }
}

extension ProfileList {
    static let all: [ProfileList] = [voltageCurve, ambient, faults]

    private static let voltageCurve = ProfileList(
        path: "chip.voltage_curve", documentation: "the voltage that a clock asks for, two points or more",
        fields: [
            .number("mhz", "MHz", 0.001...10_000, "clock", required: true) { _, _ in },
            .number("volts", "V", 0.05...20, "voltage that it asks for", required: true) { _, _ in },
        ]
    ) { (profile, rows) throws(ProfileError) in
        let points = rows.map {
            VoltageCurve.Point(megahertz: $0.number("mhz") ?? 0, volts: $0.number("volts") ?? 0)
        }
        guard let curve = VoltageCurve(points: points) else {
            throw .contradiction(
                key: "chip.voltage_curve",
                reason: "needs two points or more, with clocks and voltages that rise")
        }
        profile.chip.voltageCurve = curve
    }

    private static let ambient = ProfileList(
        path: "room.ambient", documentation: "the room's temperature over time, lines between points",
        fields: [
            .number("at_seconds", "s", 0...31_622_400, "after the device was plugged in", required: true) {
                _, _ in
            },
            .number("celsius", "°C", -40...80, "the room's temperature then", required: true) { _, _ in },
        ]
    ) { (profile, rows) throws(ProfileError) in
        profile.room.points = rows.map {
            AmbientCurve.Point(
                at: Interval(seconds: $0.number("at_seconds") ?? 0), celsius: $0.number("celsius") ?? 0)
        }
        guard profile.room.curve != nil else {
            throw .contradiction(
                key: "room.ambient", reason: "needs times that rise and fit into room.repeat_seconds")
        }
    }

    private static let faults = ProfileList(
        path: "faults", documentation: "what goes wrong with the device, once or again and again",
        fields: [
            .choice("kind", DeviceFault.Kind.names, "what goes wrong", required: true) { _, _ in },
            .number("at_seconds", "s", 0...31_622_400, "once, after the device was plugged in") { _, _ in },
            .number("per_hour", "1/h", 0...3_600, "again and again, this often in the mean") { _, _ in },
            .number("duration_seconds", "s", 0.001...31_622_400, "without it the fault stays") { _, _ in },
            .number("kelvin", "K", 0...100, "overheating: warmer air at the inlet") { _, _ in },
            .integer("fans", "", 1...16, "fan-loss: how many; all without it") { _, _ in },
            .number("share", "", 0...1, "voltage-sag, duplicate-nonces, checksum-errors, wrong-ids") { _, _ in
            },
            .choice(
                "sensor", DeviceFault.SensorFailure.allCases.map(\.rawValue), "sensor-failure: how it fails"
            ) { _, _ in },
            .number("years", "a", 0...50, "ageing: older by it") { _, _ in },
            .integer("board", "", 0...15, "missing-chips, stuck-domain, silent-chain: counted from 0") {
                _, _ in
            },
            .integer("domain", "", 0...1_023, "stuck-domain: counted from 0") { _, _ in },
            .integer("chips", "", 1...1_024, "missing-chips: how many") { _, _ in },
        ]
    ) { (profile, rows) throws(ProfileError) in
        profile.faults = []
        for row in rows { profile.faults.append(try fault(row, in: profile)) }
    }

    private static func fault(_ row: Row, in profile: DeviceProfile) throws(ProfileError) -> DeviceFault {
        let onset: DeviceFault.Onset
        switch (row.number("at_seconds"), row.number("per_hour")) {
        case (let seconds?, nil): onset = .at(Interval(seconds: seconds))
        case (nil, let rate?): onset = .perHour(rate)
        case (nil, nil): onset = .at(.zero)
        case (_?, _?):
            throw .contradiction(
                key: row.path + ".per_hour", reason: "stands beside at_seconds; a fault has one of them")
        }
        return DeviceFault(
            try kind(row, in: profile), onset,
            duration: row.number("duration_seconds").map { Interval(seconds: $0) })
    }

    private static func kind(_ row: Row, in profile: DeviceProfile) throws(ProfileError) -> DeviceFault.Kind {
        let share = "a share from 0.0 to 1.0"
        switch row.text("kind") ?? "" {
        case "overheating":
            return .overheating(kelvin: try row.needed("kelvin", "the kelvin that the inlet is warmer"))
        case "fan-loss": return .fanLoss(fans: row.integer("fans"))
        case "supply-drop": return .supplyDrop
        case "voltage-sag": return .voltageSag(share: try row.needed("share", share))
        case "sensor-failure":
            return .sensorFailure(
                row.text("sensor").flatMap(DeviceFault.SensorFailure.init(rawValue:)) ?? .silent)
        case "ageing": return .ageing(years: try row.needed("years", "the years that it is older"))
        case "missing-chips":
            let board = try board(row, in: profile)
            let chips = Int(try row.needed("chips", "how many chips are missing"))
            guard chips <= profile.boards.chipsPerBoard else {
                throw .contradiction(key: row.path + ".chips", reason: "more than boards.chips_per_board")
            }
            return .missingChips(board: board, count: chips)
        case "stuck-domain":
            let domain = Int(try row.needed("domain", "the number of a domain, from 0"))
            guard domain < profile.boards.domains else {
                throw .contradiction(key: row.path + ".domain", reason: "not below boards.domains")
            }
            return .stuckDomain(board: try board(row, in: profile), domain: domain)
        case "silent-chain": return .silentChain(board: try board(row, in: profile))
        case "duplicate-nonces": return .duplicateNonces(share: try row.needed("share", share))
        case "checksum-errors": return .checksumErrors(share: try row.needed("share", share))
        default: return .wrongIDs(share: try row.needed("share", share))
        }
    }

    private static func board(_ row: Row, in profile: DeviceProfile) throws(ProfileError) -> Int {
        let board = Int(try row.needed("board", "the number of a board, from 0"))
        guard board < profile.boards.count else {
            throw .contradiction(key: row.path + ".board", reason: "not below boards.count")
        }
        return board
    }
}
