import Firmware
import Hardware
import JSONText
import SansIO

/// How MicroBT's firmware tells its state. Source: hardware reference sections 4.1 and 4.4.
enum WhatsminerForms {
    static let apiVersion = "2.0.5"
    /// Below 20241100, so that software uses the API on 4028 and knows of 4433 as well.
    static let firmwareVersion = "20230911.12.Rel"

    /// `M50_VH50` of `Whatsminer M50`: the variant is the one with so many chips on a board.
    static func modelName(_ labels: DeviceLabels) -> String {
        let model = labels.model.split(separator: " ").last.map(String.init) ?? labels.model
        guard !model.contains("_") else { return model }
        let variant: String
        switch (model, labels.chipsPerBoard) {
        case ("M30S++", 105): variant = "VH110"
        case ("M30S++", 111): variant = "VH30"
        case ("M30S++", _): variant = "VH20"
        case ("M50", 105): variant = "VH50"
        case ("M50", _): variant = "VH20"
        case ("M60", 164): variant = "VK10"
        case ("M60", _): variant = "VK20"
        default: variant = "VH20"
        }
        return model + "_" + variant
    }

    /// btminer's error codes: fans 1xx, supply 2xx (202: output voltage), temperature sensors 3xx, hashboards 5xx, pools 20xx.
    static func errorCodes(_ status: DeviceStatus) -> [Int] {
        status.faults.map { fault in
            switch fault {
            case .fanLost: 110
            case .supplyLost: 202
            case .overheated: 350
            case .sensorLost: 300
            case .chipsMissing(let board, let found, _): (found == 0 ? 530 : 540) + board
            case .noPool: 2_010
            }
        }
    }

    static func average(_ boards: [BoardStatus], _ value: (BoardStatus) -> Double) -> Double {
        boards.isEmpty ? 0 : boards.reduce(0) { $0 + value($1) } / Double(boards.count)
    }
}

extension CgminerAPI {
    func whatsminerSummary(_ status: DeviceStatus, into item: inout JSONObject) {
        let chips = status.boards.map(\.chipTemperature.degrees)
        let terahashes = status.rates.minute.hashesPerSecond / 1e12
        let fans = status.fans.map(\.revolutionsPerMinute)
        item.append("HS RT", megahashes(status.rates.fiveSeconds))
        item.append("Temperature", .decimal(status.hottestBoard.degrees, 2))
        item.append("freq_avg", .whole(status.frequency.megahertz))
        item.append("Fan Speed In", .whole(fans.first ?? 0))
        item.append("Fan Speed Out", .whole(fans.last ?? 0))
        item.append("Voltage", .whole(status.voltage.volts * 100))
        item.append("Power", .whole(status.power.watts))
        item.append("Power_RT", .whole(status.power.watts))
        item.append("Power Rate", .decimal(terahashes > 0 ? status.power.watts / terahashes : 0, 2))
        item.append("Power Limit", .whole(labels.nominalPower.watts))
        item.append("Power Mode", "Normal")
        item.append("Chip Temp Min", .decimal(chips.min() ?? 0, 2))
        item.append("Chip Temp Max", .decimal(chips.max() ?? 0, 2))
        item.append(
            "Chip Temp Avg",
            .decimal(WhatsminerForms.average(status.boards) { $0.chipTemperature.degrees }, 2))
        item.append("Env Temp", .decimal(status.ambient.degrees, 2))
        item.append("Debug", "-0.0_100.0_354")
        item.append("Btminer Fast Boot", "disable")
        item.append("Uptime", .whole(status.uptime.seconds))
        item.append("MAC", .string(labels.macText))
        item.append("Factory GHS", .whole(labels.nominalHashRate.hashesPerSecond / 1e9))
        item.append("Firmware Version", .string("'\(labels.firmwareVersion)'"))
        item.append("Target Freq", .whole(status.configuredFrequency.megahertz))
        item.append("Target MHS", .whole(labels.nominalHashRate.hashesPerSecond / 1e6))
        item.append("Upfreq Complete", .int(status.isMining ? 1 : 0))
        let codes = WhatsminerForms.errorCodes(status)
        item.append("Error Code Count", .int(codes.count))
        for (index, code) in codes.enumerated() { item.append("Error Code \(index)", .int(code)) }
    }

    func whatsminerBoard(
        _ index: Int, _ board: BoardStatus, _ status: DeviceStatus, into item: inout JSONObject
    ) {
        let ideal = board.idealHashRate
        item.append("Slot", .int(index))
        item.append("Chip Frequency", .whole(board.frequency.megahertz))
        item.append("HS RT", megahashes(board.hashRate))
        item.append("HS Factory", megahashes(ideal))
        item.append("Effective Chips", .int(board.chips))
        item.append("PCB SN", .string(board.serial))
        item.append("Chip Data", "K88Z347-2039   BINV01-195001B")
        item.append("Chip Temp Min", .decimal(board.inletTemperature.degrees, 2))
        item.append("Chip Temp Max", .decimal(board.chipTemperature.degrees, 2))
        item.append("Chip Temp Avg", .decimal(board.chipTemperature.degrees, 2))
        item.append("chip_vol_diff", 9)
        item.append(
            "Factory GHS",
            .whole(labels.nominalHashRate.hashesPerSecond / Double(max(1, labels.boards)) / 1e9))
        item.append("Upfreq Complete", .int(status.isMining ? 1 : 0))
    }
}
