import Firmware
import Hardware
import JSONText
import SansIO

// Devices and their statistics: what differs most between the families.

extension CgminerAPI {
    var deviceName: String {
        switch labels.dialect {
        case .antminer: "BC5"
        case .whatsminer: "SM"
        case .avalon: "AVA10"
        case .cgminerGekko: "GSX"
        case .braiins: ""
        case .axeOS, .cgminer: "CPU"
        }
    }

    func devices(_ status: DeviceStatus) -> APIReply {
        let items = (0..<deviceCount).map { deviceItem($0, status) }
        guard !items.isEmpty else { return APIReply(.error, 10, "No ASCs") }
        return APIReply(.success, 9, "\(items.count) ASC(s)", section: "DEVS", items: items)
    }

    /// `asc|N`
    func device(_ request: APIRequest, _ status: DeviceStatus) -> APIReply {
        guard let text = request.parameter, !text.isEmpty else {
            return APIReply(.error, 15, "Missing device id parameter")
        }
        guard let index = Int(text), (0..<deviceCount).contains(index) else {
            return APIReply(.error, 107, "Invalid ASC id \(Int(text) ?? 0) - range is 0 - \(deviceCount - 1)")
        }
        return APIReply(.success, 106, "ASC\(index)", section: "ASC", items: [deviceItem(index, status)])
    }

    private func deviceItem(_ index: Int, _ status: DeviceStatus) -> JSONObject {
        let share = 1 / Double(max(1, deviceCount))
        let counters = status.counters
        let difficulty = Difficulties(status)
        let board = deviceCount > 1 && status.boards.indices.contains(index) ? status.boards[index] : nil
        let temperature = board?.boardTemperature ?? status.hottestBoard
        let errors = board?.hardwareErrors ?? counters.hardwareErrors
        let minutes = max(status.uptime.seconds / 60, 1.0 / 60)
        let active = status.activePool.flatMap { status.pools.indices.contains($0) ? status.pools[$0] : nil }
        var item: JSONObject = [
            "ASC": .int(index), "Name": .string(deviceName), "ID": .int(index), "Enabled": "Y",
            "Status": .string(status.isMining ? "Alive" : status.phase == .faulty ? "Dead" : "NoStart"),
            "Temperature": .decimal(temperature.degrees, 2),
        ]
        let rates = board?.rates ?? status.rates
        for (key, rate) in windows(rates) { item.append("MHS " + key, megahashes(rate)) }
        item.append("Accepted", .whole(Double(counters.accepted) * share))
        item.append("Rejected", .whole(Double(counters.rejected) * share))
        item.append("Hardware Errors", .int(errors))
        item.append("Utility", .decimal(Double(counters.accepted) * share / minutes, 2))
        item.append("Last Share Pool", .int(status.activePool.flatMap { pools.number(at: $0) } ?? -1))
        item.append("Last Share Time", .int(active?.lastShareTime ?? 0))
        item.append("Total MH", .decimal(rates.total / 1e6, 4))
        item.append("Diff1 Work", .whole(difficulty.all * share))
        item.append("Difficulty Accepted", .decimal(difficulty.accepted * share, 8))
        item.append("Difficulty Rejected", .decimal(difficulty.rejected * share, 8))
        item.append("Last Share Difficulty", .decimal(status.jobDifficulty, 8))
        item.append("No Device", false)
        item.append("Last Valid Work", .int(status.isMining ? status.time : 0))
        item.append("Device Hardware%", .decimal(status.hardwareErrorPercent, 4))
        item.append("Device Rejected%", .decimal(Self.percent(difficulty.rejected, of: difficulty.all), 4))
        item.append("Device Elapsed", .whole(status.uptime.seconds))
        if labels.dialect == .whatsminer, let board { whatsminerBoard(index, board, status, into: &item) }
        return item
    }

    var deviceDetails: APIReply {
        let (driver, kernel, model) =
            switch labels.dialect {
            case .antminer: ("bitmain", "", labels.model)
            case .braiins: ("", "", labels.model)
            case .whatsminer: ("bitmicro", "", WhatsminerForms.modelName(labels))
            case .avalon: ("avalon10", "", "")
            case .cgminerGekko: ("gekko", "", labels.model)
            case .axeOS, .cgminer: ("cpu", "", labels.model)
            }
        let items = (0..<deviceCount).map { index -> JSONObject in
            [
                "DEVDETAILS": .int(index), "Name": .string(deviceName), "ID": .int(index),
                "Driver": .string(driver),
                "Kernel": .string(kernel), "Model": .string(model), "Device Path": "",
            ]
        }
        return APIReply(.success, 69, "Device Details", section: "DEVDETAILS", items: items)
    }

    func statistics(_ request: APIRequest, _ status: DeviceStatus) -> APIReply {
        switch labels.dialect {
        case .antminer:
            if request.extras["new_api"]?.boolValue == true {
                return APIReply(raw: AntminerForms.statistics(labels, status, form: .api))
            }
            return APIReply(
                .success, 70, "CGMiner stats", section: "STATS",
                items: AntminerForms.apiStatistics(labels, status))
        case .avalon:
            return APIReply(
                .success, 70, "CGMiner stats", section: "STATS",
                items: AvalonForms.statistics(labels, status, isFull: request.command == "estats"))
        case .cgminerGekko: return gekkoStatistics(status)
        default:
            let items = (0..<deviceCount).map { statisticsHead($0, deviceName, status) }
            return APIReply(.success, 70, "CGMiner stats", section: "STATS", items: items)
        }
    }

    func statisticsHead(_ index: Int, _ name: String, _ status: DeviceStatus) -> JSONObject {
        [
            "STATS": .int(index), "ID": .string("\(name)\(index)"), "Elapsed": .whole(status.uptime.seconds),
            "Calls": 0, "Wait": .decimal(0, 6), "Max": .decimal(0, 6), "Min": .decimal(99_999_999, 6),
        ]
    }

    /// What the gekko driver tells of its stick.
    private func gekkoStatistics(_ status: DeviceStatus) -> APIReply {
        let items = (0..<deviceCount).map { index -> JSONObject in
            var item = statisticsHead(index, deviceName, status)
            item.append("Serial", .string(labels.serial))
            item.append("Nonces", .int(status.counters.found + status.counters.hardwareErrors))
            item.append("Accepted", .int(status.counters.accepted))
            item.append("TicketDiff", 16)
            item.append("RollingGHS", .decimal(status.rates.minute.hashesPerSecond / 1e9, 6))
            item.append("Frequency", .decimal(status.frequency.megahertz, 6))
            item.append("FreqComputed", .decimal(status.frequency.megahertz, 6))
            item.append("FreqReq", .decimal(status.configuredFrequency.megahertz, 6))
            item.append("FreqStart", .decimal(status.configuredFrequency.megahertz, 6))
            item.append("FreqSel", .decimal(status.configuredFrequency.megahertz, 6))
            item.append("Temp", .decimal(status.hottestChip.degrees, 2))
            item.append("Dups", 0)
            item.append("Require", .decimal(0.65, 4))
            item.append("RequireGH", .decimal(status.idealHashRate.hashesPerSecond * 0.65 / 1e9, 6))
            item.append("TotalMissing", .int(status.boards.reduce(0) { $0 + $1.expectedChips - $1.chips }))
            for chip in 0..<min(status.chips, 32) {
                let clock = (status.tuning?.clocks ?? .uniform).frequency(
                    ofChip: chip, base: status.frequency)
                item.append("Chip\(chip)Freqs", .string(Decimals.text(clock.megahertz, 2)))
            }
            return item
        }
        return APIReply(.success, 70, "CGMiner stats", section: "STATS", items: items)
    }
}
