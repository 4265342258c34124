import Firmware
import Hardware
import JSONText
import SansIO

// btminer's own commands on port 4028: open ones, and those that are encrypted under a token.

extension CgminerAPI {
    /// Nil for what is cgminer's.
    mutating func whatsminerAnswer(_ request: APIRequest, _ status: DeviceStatus, at now: Instant)
        -> APIAnswer?
    {
        let when = status.time
        func success(_ message: JSON) -> APIAnswer {
            APIAnswer(APIReply(raw: WhatsminerAnswer.success(message, when: when)))
        }
        switch request.command {
        case "get_token":
            guard let token = whatsminer.issue(unixTime: when, at: now) else {
                return APIAnswer(APIReply(raw: WhatsminerAnswer.failure(136, "over max connect", when: when)))
            }
            return APIAnswer(APIReply(raw: WhatsminerAnswer.success(token, code: 134, when: when)))
        case "get_version":
            return success([
                "api_ver": .string(WhatsminerForms.apiVersion),
                "fw_ver": .string(labels.firmwareVersion),
                "platform": "H616", "chip": .string(labels.chip),
            ])
        case "get_miner_info":
            return success([
                "ip": .string(labels.address), "proto": "dhcp", "netmask": "255.0.0.0", "gateway": "",
                "dns": "",
                "hostname": .string(labels.hostname), "mac": .string(labels.macText),
                "ledstat": .string(status.isIdentifying ? "manual" : "auto"),
                "minersn": .string(labels.serial),
                "powersn": .string(labels.serial),
            ])
        case "get_psu":
            return success([
                "name": "P222B", "hw_version": "V01", "sw_version": "V01.02",
                "model": "P222B", "iin": .string(Decimals.text(status.power.watts / 230 * 1_000, 0)),
                "vin": "23000", "pin": .string(Decimals.text(status.power.watts, 0)), "fan_speed": "6000",
                "serial_no": .string(labels.serial), "vendor": "7",
                "temp0": .string(Decimals.text(status.ambient.degrees + 15, 1)),
            ])
        case "get_error_code":
            let codes = WhatsminerForms.errorCodes(status).map { code -> JSON in
                .object(JSONObject([(String(code), .string(String(status.time)))]))
            }
            return success(["error_code": .array(codes)])
        case "status":
            return success([
                "mineroff": .string(status.isAsleep ? "true" : "false"), "mineroff_reason": "",
                "mineroff_time": "", "FirmwareVersion": .string("'\(labels.firmwareVersion)'"),
                "power_mode": "Normal", "hash_percent": "100%",
            ])
        case let name where Self.writes.contains(name) || name.hasPrefix("set_") || name.hasPrefix("power_"):
            // Everything that changes something must come encrypted.
            return APIAnswer(APIReply(raw: WhatsminerAnswer.failure(45, "permission denied", when: when)))
        default: return nil
        }
    }

    /// `{"enc":1,"data":"…"}`; nil when the bytes are nothing of the kind.
    mutating func privileged(_ bytes: [UInt8], _ status: DeviceStatus, at now: Instant) -> Outcome? {
        var bytes = bytes
        while let last = bytes.last, last == 0 || last == 0x0a || last == 0x0d { bytes.removeLast() }
        guard let object = (try? JSON.parse(bytes, depthLimit: 8))?.objectValue, object["enc"] != nil,
            let data = object["data"]?.stringValue
        else { return nil }
        func plain(_ json: JSON) -> Outcome { Outcome(bytes: Array(json.text.utf8) + [0]) }
        guard let request = whatsminer.decrypt(data), let command = request["cmd"]?.stringValue else {
            return plain(WhatsminerAnswer.failure(137, "base64 decode error", when: status.time))
        }
        guard let signature = request["token"]?.stringValue, whatsminer.isValid(signature, at: now) else {
            return plain(WhatsminerAnswer.failure(135, "check token error", when: status.time))
        }
        guard access == .everything else {
            return plain(WhatsminerAnswer.failure(45, "can't access write cmd", when: status.time))
        }
        let tokens = whatsminer
        func sealed(_ json: JSON) -> [UInt8] {
            Array((["enc": .string(tokens.encrypt(json))] as JSON).text.utf8) + [0]
        }
        let success = WhatsminerAnswer.success(when: status.time)
        let failure = WhatsminerAnswer.failure(132, "API command ERROR", when: status.time)
        if command == "update_pwd" {
            let done = whatsminer.changePassword(
                from: request["old"]?.stringValue ?? "", to: request["new"]?.stringValue ?? "")
            return Outcome(bytes: sealed(done ? success : failure))
        }
        guard let commands = commands(command, request, status) else {
            return Outcome(
                bytes: sealed(WhatsminerAnswer.failure(14, "invalid cmd", when: status.time)))
        }
        switch commands {
        case .done(let commands):
            return Outcome(bytes: sealed(success), commands: commands, refused: sealed(failure))
        case .refused: return Outcome(bytes: sealed(failure))
        }
    }

    private enum Wish {
        case done([OperatorCommand])
        case refused
    }

    /// What a privileged command wants of the device; nil for an unknown one.
    private func commands(_ name: String, _ request: JSONObject, _ status: DeviceStatus) -> Wish? {
        func number(_ key: String) -> Double? {
            request[key]?.double ?? request[key]?.stringValue.flatMap { Double($0.replacing("%", with: "")) }
        }
        func share(_ percent: Double?, of base: Double, in range: ClosedRange<Double>) -> Wish {
            guard let percent, range.contains(percent) else { return .refused }
            return .done([.setFrequency(Megahertz(base * percent / 100))])
        }
        let nominal = labels.nominalFrequency.megahertz
        switch name {
        case "update_pools":
            var accounts: [PoolAccount] = []
            for index in 1...3 {
                guard let url = request["pool\(index)"]?.stringValue, !url.isEmpty else { continue }
                guard
                    let account = PoolAccount(
                        url: url, user: request["worker\(index)"]?.stringValue ?? "",
                        password: request["passwd\(index)"]?.stringValue ?? "")
                else { return .refused }
                accounts.append(account)
            }
            return accounts.isEmpty ? .refused : .done([.setPools(accounts)])
        case "power_off": return .done([.setSleep(true)])
        case "power_on": return .done([.setSleep(false)])
        case "restart_btminer", "reboot": return .done([.restart])
        case "set_led": return .done([.identify(request["param"]?.stringValue != "auto")])
        case "set_low_power": return share(85, of: nominal, in: 0...100)
        case "set_normal_power": return share(100, of: nominal, in: 0...100)
        case "set_high_power": return share(110, of: nominal, in: 0...200)
        case "set_power_pct": return share(number("percent"), of: nominal, in: 0...100)
        case "set_target_freq": return share(number("percent").map { 100 + $0 }, of: nominal, in: 0...200)
        case "adjust_power_limit":
            guard let watts = number("power_limit"), watts > 0, watts <= 99_999 else { return .refused }
            // What the device tells as its limit is rounded to the watt.
            let full = labels.nominalPower.watts.rounded()
            let share = min(1, watts / max(1, full))
            return .done([.setFrequency(Megahertz(nominal * share))])
        case "set_fan_speed", "set_fan":
            guard let percent = number("percent"), percent >= 0, percent <= 100 else { return .refused }
            return .done([.setFan(FanDuty(percent / 100))])
        case "enable_btminer_fast_boot", "disable_btminer_fast_boot", "enable_web_pools", "disable_web_pools",
            "set_hostname", "net_config", "factory_reset", "adjust_upfreq_speed", "set_poweroff_cool",
            "set_fan_zero_speed", "pre_power_on":
            return .done([])
        default: return nil
        }
    }
}
