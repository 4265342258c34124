import Firmware
import Hardware
import JSONText
import SansIO

/// How Canaan's firmware tells its state: one long line of `KEY[value]`. Source: hardware reference section 4.
enum AvalonForms {
    /// `1246` of `Avalon 1246` and `AvalonMiner 1246`; the A15 calls itself 15-194.
    static func modelNumber(_ model: String) -> String {
        var words = model.split(separator: " ").map(String.init).filter {
            !$0.lowercased().hasPrefix("avalon")
        }
        if words.first == "A15" || words.first == "A1566" || words.first == "1566" { words[0] = "15-194" }
        return words.joined(separator: " ")
    }

    /// What `version` calls `PROD`: industrial ones are AvalonMiners, home ones Avalons.
    static func product(_ model: String) -> String {
        let number = modelNumber(model)
        guard let first = number.first, !first.isNumber else { return "AvalonMiner " + number }
        return "Avalon " + number.split(separator: " ").joined()
    }

    static func statistics(_ labels: DeviceLabels, _ status: DeviceStatus, isFull: Bool) -> [JSONObject] {
        var head: JSONObject = [
            "STATS": 0, "ID": "AVA100", "Elapsed": .whole(status.uptime.seconds), "Calls": 0,
            "Wait": .decimal(0, 6),
            "Max": .decimal(0, 6), "Min": .decimal(99_999_999, 6),
        ]
        head.append("MM ID0", .string(line(labels, status)))
        head.append("MM Count", 1)
        head.append("Smart Speed", 1)
        head.append("Voltage Level Offset", 0)
        head.append("Nonce Mask", 24)
        let pools = status.pools.indices.map { index -> JSONObject in
            [
                "STATS": .int(index + 1), "ID": .string("POOL\(index)"),
                "Elapsed": .whole(status.uptime.seconds),
                "Calls": 0, "Wait": .decimal(0, 6), "Max": .decimal(0, 6), "Min": .decimal(99_999_999, 6),
                "Pool Calls": 0, "Pool Attempts": 0, "Pool Wait": .decimal(0, 6), "Pool Max": .decimal(0, 6),
                "Pool Min": .decimal(99_999_999, 6), "Pool Av": .decimal(0, 6), "Work Had Roll Time": false,
                "Work Can Roll": false, "Work Had Expire": false, "Work Roll Time": 0,
                "Work Diff": .decimal(status.jobDifficulty, 8), "Min Diff": .decimal(status.jobDifficulty, 8),
                "Max Diff": .decimal(status.jobDifficulty, 8), "Min Diff Count": 0, "Max Diff Count": 0,
                "Times Sent": 0, "Bytes Sent": 0, "Times Recv": 0, "Bytes Recv": 0, "Net Bytes Sent": 0,
                "Net Bytes Recv": 0,
            ]
        }
        return isFull ? [head] : [head] + pools
    }

    private static func line(_ labels: DeviceLabels, _ status: DeviceStatus) -> String {
        let boards = status.boards
        let number = modelNumber(labels.model).replacing(" ", with: "")
        let work = status.isAsleep ? "In Idle" : status.isMining ? "In Work" : "In Init"
        let megahertz = Decimals.text(status.frequency.megahertz, 2)
        var keys: [(String, String)] = [
            ("Ver", "\(number)-83-\(labels.firmwareVersion)"), ("DNA", labels.serial.lowercased()),
            ("MEMFREE", "1382848.1380480"), ("NETFAIL", "0 0 0 0 0 0 0 0"),
            ("SYSTEMSTATU", "Work: \(work), Hash Board: \(boards.count)"),
            ("Elapsed", Decimals.text(status.uptime.seconds, 0)), ("BOOTBY", "0x01.00000000"),
            ("LW", String(status.counters.jobs)), ("MH", list(boards) { String($0.hardwareErrors) }),
            ("DHW", String(status.counters.hardwareErrors)), ("HW", String(status.counters.hardwareErrors)),
            ("DH", Decimals.text(status.hardwareErrorPercent, 3) + "%"), ("Temp", whole(status.ambient)),
            ("TMax", whole(status.hottestChip)), ("TAvg", whole(mean(boards))),
        ]
        for (index, fan) in status.fans.enumerated() {
            keys.append(("Fan\(index + 1)", Decimals.text(fan.revolutionsPerMinute, 0)))
        }
        let volts = Decimals.text(status.voltage.volts * 100, 0)
        let watts = Decimals.text(status.power.watts, 0)
        let ideal = Decimals.text(status.idealHashRate.hashesPerSecond / 1e9, 2)
        let spd = Decimals.text(status.rates.fiveSeconds.hashesPerSecond / 1e9, 2)
        let average = Decimals.text(status.rates.average.hashesPerSecond / 1e9, 2)
        keys += [
            ("FanR", Decimals.text(status.fanDuty.percent, 0) + "%"), ("Vo", volts),
            ("PS", "0 1212 \(volts) \(watts) \(watts) \(volts) 1206"), ("WALLPOWER", watts),
            ("GHSspd", spd), ("DHspd", Decimals.text(status.hardwareErrorPercent, 3) + "%"), ("GHSmm", ideal),
            ("GHSavg", average),
            ("WU", Decimals.text(status.rates.average.hashesPerSecond * 60 / 4_294_967_296, 2)),
            ("Freq", megahertz), ("Led", status.isIdentifying ? "1" : "0"),
            ("MGHS", list(boards) { Decimals.text($0.hashRate.hashesPerSecond / 1e9, 2) }),
            ("MTmax", list(boards) { whole($0.chipTemperature) }),
            ("MTavg", list(boards) { whole($0.boardTemperature) }),
            ("TA", String(status.chips)), ("Core", labels.chip), ("PING", "20"), ("POWS", "0"),
            ("HASHS", list(boards) { $0.chips == $0.expectedChips ? "0" : "2" }), ("POOLS", "0"),
            ("SoftOFF", status.isAsleep ? "1" : "0"),
            ("ECHU", list(boards) { $0.chips == $0.expectedChips ? "0" : "512" }),
            ("ECMM", status.faults.contains(.overheated) ? "1" : "0"),
        ]
        for (index, board) in boards.enumerated() {
            let temperature = whole(board.chipTemperature)
            let expected = min(board.expectedChips, 512)
            let list = (0..<expected).map { $0 < board.chips ? temperature : "0" }.joined(separator: " ")
            keys.append(("PVT_T\(index)", list))
            keys.append(("SF\(index)", "\(megahertz) \(megahertz) \(megahertz) \(megahertz)"))
        }
        keys += [
            ("CRC", list(boards) { _ in "0" }), ("COMCRC", list(boards) { _ in "0" }),
            ("MPO", Decimals.text(labels.nominalPower.watts, 0)), ("WORKMODE", "0"), ("WORKLEVEL", "0"),
        ]
        return keys.map { "\($0.0)[\($0.1)]" }.joined(separator: " ")
    }

    private static func list(_ boards: [BoardStatus], _ text: (BoardStatus) -> String) -> String {
        boards.map(text).joined(separator: " ")
    }

    private static func whole(_ temperature: Celsius) -> String { Decimals.text(temperature.degrees, 0) }

    private static func mean(_ boards: [BoardStatus]) -> Celsius {
        guard !boards.isEmpty else { return Celsius(0) }
        return Celsius(boards.reduce(0) { $0 + $1.chipTemperature.degrees } / Double(boards.count))
    }
}

extension CgminerAPI {
    /// Canaan's options of `ascset`: `frequency,MHz` or a list `F1:F2:…`, `voltage` in hundredths of a volt, `fan-spd,N`
    /// (-1 is automatic), `softoff,1:TIME`, `softon,1:TIME`, `led,0-1`, `reboot`.
    func avalonSet(_ index: Int, _ option: String, _ value: String?, _ status: DeviceStatus) -> APIAnswer {
        switch option {
        case "frequency":
            guard let first = value?.split(separator: ":").first, let megahertz = Double(first) else {
                return Self.failed(index, "missing or invalid frequency")
            }
            return Self.accepted(index, [.setFrequency(Megahertz(megahertz))])
        case "voltage":
            guard let hundredths = value.flatMap(Double.init) else {
                return Self.failed(index, "missing or invalid voltage")
            }
            return Self.accepted(index, [.setVoltage(Volts(hundredths / 100))])
        case "fan", "fan-spd":
            guard let first = value?.split(separator: "..").first, let percent = Double(first), percent >= -1,
                percent <= 100
            else { return Self.failed(index, "invalid fan, valid range -1 - 100") }
            return Self.accepted(index, [.setFan(percent < 0 ? nil : FanDuty(percent / 100))])
        case "target-temp":
            guard let degrees = value.flatMap(Double.init), degrees >= 0, degrees <= 120 else {
                return Self.failed(index, "invalid target-temp, valid range 0 - 120")
            }
            return Self.accepted(index, [.setTargetTemperature(Celsius(degrees))])
        case "softoff", "softon":
            let isOff = option == "softoff"
            guard let parts = value?.split(separator: ":"), parts.first == "1" else {
                return Self.failed(index, "invalid \(option)")
            }
            return APIAnswer(
                APIReply(.info, 118, "ASC \(index) set info: success \(option): \(value ?? "")"),
                [.setSleep(isOff)])
        case "led":
            guard let last = value?.split(separator: "-").last, let on = ["0": false, "1": true][last] else {
                return Self.failed(index, "invalid led")
            }
            return Self.accepted(index, [.identify(on)])
        case "reboot", "reset": return Self.accepted(index, [.restart])
        case "worklevel", "workmode", "loop", "smart-speed", "hashpower", "nonce-mask":
            return Self.accepted(index, [])
        case "help":
            return APIAnswer(
                APIReply(
                    .info, 118,
                    "ASC \(index) set help: fan-spd|frequency|voltage|target-temp|led|reboot|softoff|softon"))
        default: return Self.failed(index, "Unknown option: \(option)")
        }
    }
}
