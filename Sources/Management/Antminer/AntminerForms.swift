import Firmware
import Hardware
import JSONText
import SansIO

/// The shapes in which Bitmain's firmware tells its state, on its web pages and by its API. Source: hardware reference
/// sections 4.1 and 4.3.
enum AntminerForms {
    static let compileTime = "Tue Dec 13 11:26:02 CST 2022"
    static let minerVersion = "uart_trans.1.3"

    /// Where an answer goes: the web pages and the newer API differ in what stands around the figures.
    enum Form {
        case web
        case api
    }

    private static let sectionVersion: JSON = "1.0.0"

    static func envelope(_ labels: DeviceLabels, _ status: DeviceStatus, _ name: String, _ items: [JSON])
        -> JSON
    {
        .object([
            "STATUS": [
                "STATUS": "S", "when": .int(status.time), "Msg": .string(name.lowercased()),
                "api_version": sectionVersion,
            ],
            "INFO": [
                "miner_version": .string(minerVersion), "CompileTime": .string(labels.firmwareVersion),
                "type": .string(labels.model),
            ],
            name: .array(items),
        ])
    }

    // MARK: The figures of `stats`

    static func statistics(_ labels: DeviceLabels, _ status: DeviceStatus, form: Form) -> JSON {
        var item: JSONObject = [
            "elapsed": .whole(status.uptime.seconds), "rate_5s": giga(status.rates.fiveSeconds),
            "rate_30m": giga(status.rates.thirtyMinutes), "rate_avg": giga(status.rates.average),
            "rate_ideal": giga(status.idealHashRate), "rate_unit": "GH/s", "chain_num": .int(labels.boards),
            "fan_num": .int(status.fans.count),
            "fan": .array(status.fans.map { .whole($0.revolutionsPerMinute) }),
            "hwp_total": .decimal(status.hardwareErrorPercent / 100, 4),
            "miner-mode": .int(status.isAsleep ? 1 : 0),
            "freq-level": .whole(frequencyLevel(labels, status)),
        ]
        item.append("chain", .array(status.boards.enumerated().map { chain($0, $1) }))
        return envelope(labels, status, "STATS", [.object(item)])
    }

    private static func frequencyLevel(_ labels: DeviceLabels, _ status: DeviceStatus) -> Double {
        let nominal = labels.nominalFrequency.megahertz
        return nominal > 0 ? status.configuredFrequency.megahertz / nominal * 100 : 100
    }

    private static func chain(_ index: Int, _ board: BoardStatus) -> JSON {
        let (inlet, outlet) = (whole(board.inletTemperature), whole(board.outletTemperature))
        let chips = board.chipTemperature.degrees - board.boardTemperature.degrees
        func chip(_ temperature: Celsius) -> JSON { .whole(temperature.degrees + chips) }
        return [
            "index": .int(index), "freq_avg": .whole(board.frequency.megahertz),
            "rate_ideal": giga(board.idealHashRate), "rate_real": giga(board.hashRate),
            "asic_num": .int(board.chips), "asic": .string(map(board)),
            "temp_pic": [inlet, inlet, outlet, outlet],
            "temp_pcb": [inlet, inlet, outlet, outlet],
            "temp_chip": [
                chip(board.inletTemperature), chip(board.inletTemperature), chip(board.outletTemperature),
                chip(board.outletTemperature),
            ],
            "hw": .int(board.hardwareErrors), "eeprom_loaded": true, "sn": .string(board.serial),
            "hwp": .decimal(0, 4), "tpl": [[.int(0), .int(0), .int(0)]],
        ]
    }

    /// Each chip a letter in groups of eight: `o` answers, `x` does not.
    private static func map(_ board: BoardStatus) -> String {
        var text = ""
        for chip in 0..<min(board.expectedChips, 512) {
            if chip % 8 == 0 { text += " " }
            text += chip < board.chips ? "o" : "x"
        }
        return text
    }

    static func giga(_ rate: HashRate) -> JSON { .decimal(rate.hashesPerSecond / 1e9, 2) }
    private static func whole(_ temperature: Celsius) -> JSON { .whole(temperature.degrees) }

    // MARK: The flat form of the API's `stats`

    /// Chains and fans are numbered from 1; the S9's sockets begin at 6 and its fans at 5.
    static func apiStatistics(_ labels: DeviceLabels, _ status: DeviceStatus) -> [JSONObject] {
        let head: JSONObject = [
            "BMMiner": "1.0.0", "Miner": .string(minerVersion),
            "CompileTime": .string(labels.firmwareVersion),
            "Type": .string(labels.model),
        ]
        let isOld = labels.model.hasPrefix("Antminer S9")
        let (firstChain, firstFan) = isOld ? (6, 5) : (1, 1)
        var item: JSONObject = [
            "STATS": 0, "ID": "BC50", "Elapsed": .whole(status.uptime.seconds), "Calls": 0, "Wait": 0,
            "Max": 0,
            "Min": 99_999_999, "GHS 5s": giga(status.rates.fiveSeconds), "GHS av": giga(status.rates.average),
            "rate_30m": giga(status.rates.thirtyMinutes), "Mode": .int(status.isAsleep ? 1 : 0),
            "miner_count": .int(status.boards.count), "frequency": .whole(status.frequency.megahertz),
            "fan_num": .int(status.fans.count),
        ]
        for slot in 1...8 {
            let fan = slot - firstFan
            let speed = status.fans.indices.contains(fan) ? status.fans[fan].revolutionsPerMinute : 0
            if slot <= 4 || isOld { item.append("fan\(slot)", .whole(speed)) }
        }
        item.append("temp_num", .int(status.boards.count))
        let boards = status.boards.enumerated().map { (firstChain + $0, $1) }
        for (slot, board) in boards { item.append("temp\(slot)", .whole(board.boardTemperature.degrees)) }
        for (slot, board) in boards { item.append("temp2_\(slot)", .whole(board.chipTemperature.degrees)) }
        for (slot, board) in boards {
            let (inlet, outlet) = (board.inletTemperature.degrees, board.outletTemperature.degrees)
            let text =
                "\(Decimals.text(inlet, 0))-\(Decimals.text(inlet, 0))-\(Decimals.text(outlet, 0))-"
                + Decimals.text(outlet, 0)
            item.append("temp_pcb\(slot)", .string(text))
        }
        for (slot, board) in boards { item.append("freq_avg\(slot)", .decimal(board.frequency.megahertz, 2)) }
        item.append("total_rateideal", giga(status.idealHashRate))
        item.append("total_freqavg", .decimal(status.frequency.megahertz, 2))
        item.append("total_acn", .int(status.chips))
        item.append("total_rate", giga(status.rates.fiveSeconds))
        for (slot, board) in boards { item.append("chain_rateideal\(slot)", giga(board.idealHashRate)) }
        item.append("temp_max", .whole(status.hottestChip.degrees))
        item.append("no_matching_work", .int(status.counters.hardwareErrors))
        for (slot, board) in boards { item.append("chain_acn\(slot)", .int(board.chips)) }
        for (slot, board) in boards { item.append("chain_acs\(slot)", .string(map(board))) }
        for (slot, board) in boards { item.append("chain_hw\(slot)", .int(board.hardwareErrors)) }
        for (slot, board) in boards {
            item.append("chain_rate\(slot)", .string(Decimals.text(board.hashRate.hashesPerSecond / 1e9, 2)))
        }
        item.append("miner_version", .string(minerVersion))
        item.append("miner_id", .string(labels.serial.lowercased()))
        item.append("rate_unit", "GH")
        return [head, item]
    }
}
