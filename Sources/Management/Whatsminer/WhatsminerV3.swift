import Firmware
import Hardware
import JSONText
import SansIO
import Stratum

/// MicroBT's newer API, TCP 4433: a length (u32, little-endian) and JSON, both ways; the connection stays open.
struct WhatsminerV3: Sendable {
    let labels: DeviceLabels
    let access: APIAccess

    struct Outcome {
        var reply: JSON
        var commands: [OperatorCommand] = []
        var refused: JSON?
    }

    func respond(to bytes: [UInt8], _ tokens: WhatsminerTokens, _ status: DeviceStatus) -> Outcome {
        guard let object = (try? JSON.parse(bytes, depthLimit: 8))?.objectValue,
            let command = object["cmd"]?.stringValue
        else { return Outcome(reply: reply(-2, "invalid json", "", status)) }
        guard command.hasPrefix("set.") else {
            guard let message = read(command, object["param"], tokens, status) else {
                return Outcome(reply: reply(-1, "invalid command", command, status))
            }
            return Outcome(reply: reply(0, message, command, status))
        }
        let time = object["ts"]?.numberText ?? ""
        guard access == .everything, object["account"]?.stringValue == "super",
            tokens.proves(object["token"]?.stringValue ?? "", command: command, time: time)
        else { return Outcome(reply: reply(-4, "no permission", command, status)) }
        switch write(command, object["param"] ?? .null, status) {
        case nil: return Outcome(reply: reply(-1, "invalid command", command, status))
        case .some(nil): return Outcome(reply: reply(-2, "invalid parameter", command, status))
        case .some(let commands?):
            return Outcome(
                reply: reply(0, "ok", command, status), commands: commands,
                refused: reply(-2, "invalid parameter", command, status))
        }
    }

    private func reply(_ code: Int, _ message: JSON, _ command: String, _ status: DeviceStatus) -> JSON {
        ["code": .int(code), "when": .int(status.time), "msg": message, "desc": .string(command)]
    }

    // MARK: Reading

    private func read(
        _ command: String, _ parameter: JSON?, _ tokens: WhatsminerTokens, _ status: DeviceStatus
    ) -> JSON? {
        switch command {
        case "get.device.info":
            let all = information(tokens, status)
            guard let name = parameter?.stringValue else { return .object(all) }
            return all[name].map { .object(JSONObject([(name, $0)])) }
        case "get.miner.status":
            switch parameter?.stringValue {
            case "summary": return ["summary": summary(status), "pools": pools(status)]
            case "pools": return ["pools": pools(status)]
            case "edevs": return ["edevs": boards(status)]
            default: return ["summary": summary(status), "pools": pools(status), "edevs": boards(status)]
            }
        case "get.miner.setting":
            return [
                "power-limit": .whole(labels.nominalPower.watts), "power-mode": "normal",
                "fast-boot": "disable",
                "heat-mode": "normal", "target-freq": .whole(status.configuredFrequency.megahertz),
                "power-percent": "100%", "coin-type": "BTC",
            ]
        case "get.system.setting":
            return [
                "web-pools": "disable", "ntp-server": "", "timezone": "UTC",
                "hostname": .string(labels.hostname),
            ]
        case "get.fan.setting":
            return [
                "fan-poweroff-cool": 0, "fan-zero-speed": 0,
                "temp-offset": .whole(status.targetTemperature.degrees - 80),
            ]
        default: return nil
        }
    }

    private func information(_ tokens: WhatsminerTokens, _ status: DeviceStatus) -> JSONObject {
        var miner: JSONObject = [
            "working": .string(status.isAsleep ? "false" : "true"),
            "type": .string(WhatsminerForms.modelName(labels)),
            "hash-board": .string("H88"), "cointype": "BTC", "miner-sn": .string(labels.serial),
            "power-limit-set": .whole(labels.nominalPower.watts), "web-pool": 0, "fast-boot": "disable",
        ]
        for (index, serial) in labels.boardSerials.enumerated() {
            miner.append("pcbsn\(index)", .string(serial))
        }
        return [
            "network": [
                "ip": .string(labels.address), "proto": "dhcp", "netmask": "255.0.0.0", "dns": "",
                "mac": .string(labels.macText), "gateway": "", "hostname": .string(labels.hostname),
            ],
            "miner": .object(miner),
            "system": [
                "api": "3.0.0", "platform": "H616", "fwversion": .string(labels.firmwareVersion),
                "control-board-version": "CB6V10", "btrom": "0",
                "ledstatus": .string(status.isIdentifying ? "manual" : "auto"),
            ],
            "hardware": [
                "boards": .int(labels.boards), "fans": .int(labels.fans),
                "chips-per-board": .int(labels.chipsPerBoard),
            ],
            "power": [
                "type": "P222B", "mode": "normal", "hwversion": "V01", "swversion": "V01.02",
                "model": "P222B",
                "iin": .decimal(status.power.watts / 230, 2), "vin": 230, "pin": .whole(status.power.watts),
                "fanspeed": 6_000, "sn": .string(labels.serial), "vender": "7",
            ],
            "salt": .string(tokens.salt),
            "error-code": .array(
                WhatsminerForms.errorCodes(status).map {
                    .object(JSONObject([(String($0), .int(status.time))]))
                }),
        ]
    }

    private func summary(_ status: DeviceStatus) -> JSON {
        let chips = status.boards.map(\.chipTemperature.degrees)
        let tera = { (rate: HashRate) -> JSON in .decimal(rate.terahashes, 3) }
        let rate = status.rates.minute.terahashes
        return [
            "elapsed": .whole(status.uptime.seconds), "bootup-time": .whole(status.uptime.seconds),
            "freq-avg": .whole(status.frequency.megahertz),
            "target-freq": .whole(status.configuredFrequency.megahertz),
            "factory-hash": tera(labels.nominalHashRate), "hash-average": tera(status.rates.average),
            "hash-1min": tera(status.rates.minute), "hash-15min": tera(status.rates.fifteenMinutes),
            "hash-realtime": tera(status.rates.fiveSeconds),
            "power-rate": .decimal(rate > 0 ? status.power.watts / rate : 0, 2),
            "power-5min": .whole(status.power.watts), "power-realtime": .whole(status.power.watts),
            "environment-temperature": .decimal(status.ambient.degrees, 1),
            "board-temperature": .array(status.boards.map { .decimal($0.boardTemperature.degrees, 1) }),
            "chip-temp-min": .decimal(chips.min() ?? 0, 1), "chip-temp-max": .decimal(chips.max() ?? 0, 1),
            "chip-temp-avg": .decimal(
                WhatsminerForms.average(status.boards) { $0.chipTemperature.degrees }, 1),
            "power-limit": .whole(labels.nominalPower.watts), "up-freq-finish": .int(status.isMining ? 1 : 0),
            "fan-speed-in": .whole(status.fans.first?.revolutionsPerMinute ?? 0),
            "fan-speed-out": .whole(status.fans.last?.revolutionsPerMinute ?? 0),
        ]
    }

    private func pools(_ status: DeviceStatus) -> JSON {
        .array(
            status.pools.enumerated().map { index, pool in
                let all = pool.counters.accepted + pool.counters.rejected
                return [
                    "id": .int(index + 1), "url": .string(pool.account.url.description),
                    "status": .string(pool.counters.isAlive ? "alive" : "dead"),
                    "account": .string(pool.account.user),
                    "stratum-active": .bool(index == status.activePool),
                    "reject-rate": .decimal(
                        CgminerAPI.percent(Double(pool.counters.rejected), of: Double(all)), 4),
                    "last-share-time": .int(pool.lastShareTime),
                ]
            })
    }

    private func boards(_ status: DeviceStatus) -> JSON {
        .array(
            status.boards.enumerated().map { index, board in
                [
                    "id": .int(index), "slot": .int(index),
                    "hash-average": .decimal(board.hashRate.terahashes, 3),
                    "factory-hash": .decimal(
                        labels.nominalHashRate.terahashes / Double(max(1, labels.boards)), 3),
                    "freq": .whole(board.frequency.megahertz), "effective-chips": .int(board.chips),
                    "chip-temp-min": .decimal(board.inletTemperature.degrees, 1),
                    "chip-temp-avg": .decimal(board.chipTemperature.degrees, 1),
                    "chip-temp-max": .decimal(board.chipTemperature.degrees, 1),
                ]
            })
    }

    // MARK: Writing

    /// Outer nil: no such command. Inner nil: a parameter that it does not take.
    private func write(_ command: String, _ parameter: JSON, _ status: DeviceStatus) -> [OperatorCommand]?? {
        let number = parameter.double ?? parameter.stringValue.flatMap { Double($0.replacing("%", with: "")) }
        let nominal = labels.nominalFrequency.megahertz
        func frequency(_ share: Double?, _ range: ClosedRange<Double>) -> [OperatorCommand]? {
            share.flatMap { range.contains($0) ? [.setFrequency(Megahertz(nominal * $0))] : nil }
        }
        switch command {
        case "set.miner.pools":
            var accounts: [PoolAccount] = []
            for entry in parameter.arrayValue ?? [] {
                guard let url = entry["pool"]?.stringValue, !url.isEmpty else { continue }
                guard
                    let account = PoolAccount(
                        url: url, user: entry["worker"]?.stringValue ?? "",
                        password: entry["passwd"]?.stringValue ?? "")
                else { return .some(nil) }
                accounts.append(account)
            }
            return .some(accounts.isEmpty ? nil : [.setPools(accounts)])
        case "set.miner.service":
            switch parameter.stringValue {
            case "start", "enable": return [.setSleep(false)]
            case "stop", "disable": return [.setSleep(true)]
            case "restart": return [.restart]
            default: return .some(nil)
            }
        case "set.miner.power_mode":
            let shares = ["low": 0.85, "normal": 1.0, "high": 1.1]
            return .some(frequency(parameter.stringValue.flatMap { shares[$0] }, 0...2))
        case "set.miner.power_limit":
            return .some(frequency(number.map { min(1, $0 / max(1, labels.nominalPower.watts)) }, 0.01...1))
        case "set.miner.power_percent":
            let percent =
                number ?? parameter["percent"]?.stringValue.flatMap { Double($0.replacing("%", with: "")) }
            return .some(frequency(percent.map { $0 / 100 }, 0.01...1))
        case "set.miner.target_freq": return .some(frequency(number.map { 1 + $0 / 100 }, 0.01...2))
        case "set.fan.temp_offset":
            return .some(number.flatMap { abs($0) <= 30 ? [.setTargetTemperature(Celsius(80 + $0))] : nil })
        case "set.system.reboot": return [.restart]
        case "set.system.led": return [.identify(parameter.stringValue != "auto")]
        case "set.miner.fastboot", "set.miner.heat_mode", "set.miner.upfreq_speed", "set.system.hostname",
            "set.system.webpools", "set.system.ntp_server", "set.system.timezone", "set.fan.poweroff_cool",
            "set.fan.zero_speed":
            return []
        default: return nil
        }
    }
}
