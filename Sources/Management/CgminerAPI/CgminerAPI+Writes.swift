import Firmware
import Hardware
import JSONText

// Commands that change something. Codes and words are cgminer's.

extension CgminerAPI {
    mutating func write(_ request: APIRequest, _ status: DeviceStatus) -> APIAnswer {
        switch request.command {
        case "addpool": return addPool(request)
        case "switchpool", "enablepool", "disablepool", "removepool": return changePool(request, status)
        case "poolpriority": return prioritise(request)
        case "ascset": return setDevice(request, status)
        case "ascidentify":
            return withDevice(request) { index in
                APIAnswer(
                    APIReply(.success, 113, "Identify command sent to ASC\(index)"),
                    [.identify(!status.isIdentifying)])
            }
        case "ascenable", "ascdisable":
            return withDevice(request) { index in
                request.command == "ascenable"
                    ? APIAnswer(APIReply(.info, 108, "ASC \(index) already enabled"))
                    : APIAnswer(APIReply(.info, 111, "ASC \(index) set disable flag"), [.setSleep(true)])
            }
        case "zero": return zero(request, status)
        case "restart":
            // The real one answers with a bare word and starts anew.
            return APIAnswer(APIReply(raw: ["STATUS": "RESTART"]), [.restart])
        case "quit": return APIAnswer(APIReply(raw: ["STATUS": "BYE"]), [.restart])
        case "save": return APIAnswer(APIReply(.success, 44, "Configuration saved to file 'cgminer.conf'"))
        case "failover-only":
            return APIAnswer(APIReply(.error, 126, "Deprecated config option 'failover-only'"))
        default: return APIAnswer(APIReply(.error, 14, "Invalid command"))
        }
    }

    // MARK: Pools

    private mutating func addPool(_ request: APIRequest) -> APIAnswer {
        guard let text = request.parameter, !text.isEmpty else {
            return APIAnswer(APIReply(.error, 52, "Missing addpool details"))
        }
        let fields = Self.fields(text)
        guard fields.count >= 3, !fields[1].isEmpty,
            let account = PoolAccount(
                url: fields[0], user: fields[1], password: fields[2...].joined(separator: ","))
        else {
            return APIAnswer(APIReply(.error, 53, "Invalid addpool details '\(text)'"))
        }
        guard pools.count < Limits.pools else {
            return APIAnswer(APIReply(.error, 54, "Reached maximum number of pools (\(Limits.pools))"))
        }
        pools.add(account)
        return APIAnswer(
            APIReply(.success, 55, "Added pool \(pools.count - 1): '\(account.url)'"),
            [.setPools(pools.accounts)])
    }

    private mutating func changePool(_ request: APIRequest, _ status: DeviceStatus) -> APIAnswer {
        guard pools.count > 0 else { return APIAnswer(APIReply(.error, 8, "No pools")) }
        guard let text = request.parameter, !text.isEmpty else {
            return APIAnswer(APIReply(.error, 25, "Missing pool id parameter"))
        }
        guard let number = Int(text), pools.entries.indices.contains(number) else {
            return APIAnswer(
                APIReply(.error, 26, "Invalid pool id \(Int(text) ?? 0) - range is 0 - \(pools.count - 1)"))
        }
        let entry = pools.entries[number]
        let name = "\(number):'\(entry.account.url)'"
        let isLast = entry.isEnabled && pools.enabledCount == 1
        switch request.command {
        case "switchpool":
            pools.enable(number, true)
            pools.prefer([number])
            return APIAnswer(APIReply(.success, 27, "Switching to pool \(name)"), [.setPools(pools.accounts)])
        case "enablepool":
            guard !entry.isEnabled else {
                return APIAnswer(APIReply(.info, 49, "Pool \(name) already enabled"))
            }
            pools.enable(number, true)
            return APIAnswer(APIReply(.success, 47, "Enabling pool \(name)"), [.setPools(pools.accounts)])
        case "disablepool":
            guard entry.isEnabled else {
                return APIAnswer(APIReply(.info, 50, "Pool \(name) already disabled"))
            }
            guard !isLast else {
                return APIAnswer(APIReply(.error, 51, "Cannot disable last active pool \(name)"))
            }
            pools.enable(number, false)
            return APIAnswer(APIReply(.success, 48, "Disabling pool \(name)"), [.setPools(pools.accounts)])
        default:
            guard pools.count > 1 else {
                return APIAnswer(APIReply(.error, 66, "Cannot remove last pool \(name)"))
            }
            guard pools.place(of: number).map({ $0 != status.activePool }) ?? true, !isLast else {
                return APIAnswer(APIReply(.error, 67, "Cannot remove active pool \(name)"))
            }
            pools.remove(number)
            return APIAnswer(APIReply(.success, 68, "Removed pool \(name)"), [.setPools(pools.accounts)])
        }
    }

    private mutating func prioritise(_ request: APIRequest) -> APIAnswer {
        guard let text = request.parameter, !text.isEmpty else {
            return APIAnswer(APIReply(.error, 25, "Missing pool id parameter"))
        }
        var numbers: [Int] = []
        for field in text.split(separator: ",") {
            guard let number = Int(field), pools.entries.indices.contains(number) else {
                return APIAnswer(
                    APIReply(
                        .error, 26, "Invalid pool id \(Int(field) ?? 0) - range is 0 - \(pools.count - 1)"))
            }
            guard !numbers.contains(number) else {
                return APIAnswer(APIReply(.error, 74, "Duplicate pool specified \(number)"))
            }
            numbers.append(number)
        }
        pools.prefer(numbers)
        return APIAnswer(APIReply(.success, 73, "Changed pool priorities"), [.setPools(pools.accounts)])
    }

    /// Parted at commas; `\,` is a comma.
    private static func fields(_ text: String) -> [String] {
        var fields = [""]
        var isEscaped = false
        for character in text {
            if isEscaped {
                fields[fields.count - 1].append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "," {
                fields.append("")
            } else {
                fields[fields.count - 1].append(character)
            }
        }
        return fields
    }

    // MARK: Devices

    private func withDevice(_ request: APIRequest, _ body: (Int) -> APIAnswer) -> APIAnswer {
        guard let text = request.parameter?.split(separator: ",").first else {
            return APIAnswer(APIReply(.error, 15, "Missing device id parameter"))
        }
        guard let index = Int(text), (0..<deviceCount).contains(index) else {
            return APIAnswer(
                APIReply(.error, 107, "Invalid ASC id \(Int(text) ?? 0) - range is 0 - \(deviceCount - 1)"))
        }
        return body(index)
    }

    /// `ascset|N,OPTION[,VALUE]`. Families that have other options are in their own files.
    private func setDevice(_ request: APIRequest, _ status: DeviceStatus) -> APIAnswer {
        withDevice(request) { index in
            let fields = (request.parameter ?? "").split(
                separator: ",", maxSplits: 2, omittingEmptySubsequences: false
            ).map(String.init)
            guard fields.count > 1, !fields[1].isEmpty else {
                return APIAnswer(APIReply(.error, 116, "Missing option after ASC number"))
            }
            let value = fields.count > 2 ? fields[2] : nil
            switch labels.dialect {
            case .avalon: return avalonSet(index, fields[1], value, status)
            case .cgminerGekko, .cgminer, .braiins, .antminer, .axeOS, .whatsminer:
                return plainSet(index, fields[1], value)
            }
        }
    }

    private func plainSet(_ index: Int, _ option: String, _ value: String?) -> APIAnswer {
        let number = value.flatMap(Double.init)
        switch option {
        case "help":
            return APIAnswer(
                APIReply(
                    .info, 118,
                    "ASC \(index) set help: freq: MHz, voltage: mV, fan: 0-100 or -1 for automatic, "
                        + "target: degrees C, reset: no value"))
        case "reset": return Self.accepted(index, [.restart])
        case "freq", "target-freq", "frequency", "chip":
            return number.map { Self.accepted(index, [.setFrequency(Megahertz($0))]) }
                ?? Self.failed(index, "missing or invalid \(option)")
        case "voltage", "corev":
            return number.map { Self.accepted(index, [.setVoltage(Volts($0 / 1_000))]) }
                ?? Self.failed(index, "missing or invalid \(option)")
        case "fan":
            guard let number, number >= -1, number <= 100 else {
                return Self.failed(index, "invalid fan value, valid range -1 - 100")
            }
            return Self.accepted(index, [.setFan(number < 0 ? nil : FanDuty(number / 100))])
        case "target", "targettemp":
            guard let number, number >= 0, number <= 120 else {
                return Self.failed(index, "invalid temperature, valid range 0 - 120")
            }
            return Self.accepted(index, [.setTargetTemperature(Celsius(number))])
        default: return Self.failed(index, "Unknown option: \(option)")
        }
    }

    static func accepted(_ index: Int, _ commands: [OperatorCommand]) -> APIAnswer {
        APIAnswer(
            APIReply(.success, 119, "ASC \(index) set OK"), commands,
            refused: APIReply(.error, 120, "ASC \(index) set failed: value out of range"))
    }

    static func failed(_ index: Int, _ why: String) -> APIAnswer {
        APIAnswer(APIReply(.error, 120, "ASC \(index) set failed: \(why)"))
    }

    private func zero(_ request: APIRequest, _ status: DeviceStatus) -> APIAnswer {
        guard let text = request.parameter, !text.isEmpty else {
            return APIAnswer(APIReply(.error, 94, "Missing zero parameters"))
        }
        let fields = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard ["all", "bestshare"].contains(fields[0].lowercased()) else {
            return APIAnswer(APIReply(.error, 95, "Invalid zero parameter '\(fields[0])'"))
        }
        guard fields.count > 1, !fields[1].isEmpty else {
            return APIAnswer(APIReply(.error, 75, "Missing parameter: true/false"))
        }
        let name = fields[0].lowercased() == "all" ? "All" : "BestShare"
        switch fields[1].lowercased() {
        case "true", "false":
            let code = fields[1].lowercased() == "true" ? 96 : 97
            let words = code == 96 ? "with" : "without"
            return APIAnswer(
                APIReply(.success, code, "Zeroed \(name) stats \(words) summary"), [.resetCounters])
        default: return APIAnswer(APIReply(.error, 76, "Invalid parameter should be true or false"))
        }
    }
}
