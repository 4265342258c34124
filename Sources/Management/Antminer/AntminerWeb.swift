import Firmware
import HTTPText
import Hardware
import JSONText
import SansIO
import Stratum

/// The web pages of Bitmain's firmware, port 80: everything behind digest authentication, each page a CGI that answers
/// JSON.
struct AntminerWeb: Sendable {
    let labels: DeviceLabels
    var digest: DigestAuthentication
    /// What `get_miner_conf.cgi` gives back beside what the firmware knows.
    private var settings = JSONObject()

    static let realm = "antMiner Configuration"

    init(labels: DeviceLabels, credentials: WebCredentials, seed: PRNG) {
        self.labels = labels
        digest = DigestAuthentication(realm: Self.realm, credentials: credentials, seed: seed)
    }

    mutating func answer(_ request: HTTPRequest, _ status: DeviceStatus, at now: Instant) -> WebAnswer {
        switch digest.judge(request, at: now) {
        case .granted: break
        case .denied(let challenge):
            return WebAnswer(
                401, type: "text/html",
                body:
                    "<html><head><title>401 - Unauthorized</title></head><body><h1>401 - Unauthorized</h1></body></html>",
                headers: [("WWW-Authenticate", challenge)])
        }
        let path = request.path.split(separator: "?", maxSplits: 1).first.map(String.init) ?? "/"
        if path == "/" || path == "/index.html" {
            return WebAnswer(
                200, type: "text/html",
                body: "<html><head><title>Ant Miner</title></head><body></body></html>")
        }
        guard path.hasPrefix("/cgi-bin/"), path.hasSuffix(".cgi") else { return .notFound }
        return page(String(path.dropFirst(9).dropLast(4)), request, status)
    }

    private mutating func page(_ name: String, _ request: HTTPRequest, _ status: DeviceStatus) -> WebAnswer {
        switch name {
        case "get_system_info": WebAnswer(systemInformation)
        case "get_network_info": WebAnswer(networkInformation)
        case "summary": WebAnswer(summary(status))
        case "stats": WebAnswer(AntminerForms.statistics(labels, status, form: .web))
        case "pools": WebAnswer(pools(status))
        case "get_miner_conf": WebAnswer(configuration(status))
        case "get_blink_status": WebAnswer(["blink": .bool(status.isIdentifying)])
        case "miner_type": WebAnswer(["miner_type": .string(labels.model), "subtype": "AMLCtrl_BHB42XXX"])
        case "get_kernel_log", "log", "hlog":
            WebAnswer(200, type: "text/plain", body: "")
        case "reboot":
            WebAnswer(["stats": "success", "code": "R000", "msg": "OK!"], [.restart])
        case "blink": blink(request)
        case "set_miner_conf": setConfiguration(request, status)
        default: .notFound
        }
    }

    // MARK: What is shown

    private var systemInformation: JSON {
        [
            "minertype": .string(labels.model), "nettype": "DHCP", "netdevice": "eth0",
            "macaddr": .string(labels.macText), "hostname": .string(labels.hostname),
            "ipaddress": .string(labels.address), "netmask": "255.0.0.0", "gateway": "", "dnsservers": "",
            "system_mode": "GNU/Linux",
            "system_kernel_version": "Linux 4.6.0-xilinx-gff8137b #28 SMP PREEMPT",
            "system_filesystem_version": .string(labels.firmwareVersion), "firmware_type": "Release",
            "Algorithm": "sha256d", "serinum": .string(labels.serial),
        ]
    }

    private var networkInformation: JSON {
        [
            "nettype": "DHCP", "netdevice": "eth0", "macaddr": .string(labels.macText),
            "ipaddress": .string(labels.address), "netmask": "255.0.0.0", "conf_nettype": "DHCP",
            "conf_hostname": .string(labels.hostname), "conf_ipaddress": "", "conf_netmask": "",
            "conf_gateway": "",
            "conf_dnsservers": "",
        ]
    }

    private func summary(_ status: DeviceStatus) -> JSON {
        let item: JSON = [
            "elapsed": .whole(status.uptime.seconds), "rate_5s": AntminerForms.giga(status.rates.fiveSeconds),
            "rate_30m": AntminerForms.giga(status.rates.thirtyMinutes),
            "rate_avg": AntminerForms.giga(status.rates.average),
            "rate_ideal": AntminerForms.giga(status.idealHashRate), "rate_unit": "GH/s",
            "hw_all": .int(status.counters.hardwareErrors), "bestshare": .whole(status.bestDifficulty),
            "status": .array(lamps(status)),
        ]
        return AntminerForms.envelope(labels, status, "SUMMARY", [item])
    }

    /// The four lamps of the page: rate, network, fans, temperature.
    private func lamps(_ status: DeviceStatus) -> [JSON] {
        func lamp(_ type: String, _ fault: String?) -> JSON {
            [
                "type": .string(type), "status": fault == nil ? "s" : "e", "code": .int(fault == nil ? 0 : 1),
                "msg": .string(fault ?? ""),
            ]
        }
        let missing = status.faults.contains { if case .chipsMissing = $0 { true } else { false } }
        return [
            lamp(
                "rate",
                status.faults.contains(.supplyLost)
                    ? "ERROR_POWER_LOST: power voltage rise or drop"
                    : missing ? "ERROR_CHIP_NUM: asic number is not enough" : nil),
            lamp(
                "network",
                status.faults.contains(.noPool) ? "ERROR_NETWORK_LOST: network connection lost" : nil),
            lamp("fans", status.faults.contains(.fanLost) ? "ERROR_FAN_LOST: fan lost" : nil),
            lamp(
                "temp",
                status.faults.contains(.overheated)
                    ? "ERROR_TEMP_TOO_HIGH: over max temp"
                    : status.faults.contains(.sensorLost) ? "ERROR_TEMP_LOST: temp sensor lost" : nil),
        ]
    }

    private func pools(_ status: DeviceStatus) -> JSON {
        let items = status.pools.enumerated().map { index, pool -> JSON in
            let counters = pool.counters
            let age = pool.lastShareTime == 0 ? 0 : Int(status.time) - Int(pool.lastShareTime)
            return [
                "index": .int(index), "url": .string(pool.account.url.description),
                "user": .string(pool.account.user),
                "status": .string(counters.isAlive ? "Alive" : "Dead"), "priority": .int(index),
                "getworks": .int(index == status.activePool ? status.counters.jobs : 0),
                "accepted": .int(counters.accepted), "rejected": .int(counters.rejected),
                "discarded": .int(index == status.activePool ? status.counters.discarded : 0),
                "stale": .int(counters.stale),
                "diff": .string(index == status.activePool ? Decimals.text(status.jobDifficulty, 3) : ""),
                "diff1": .whole(counters.difficultyAccepted + counters.difficultyRejected),
                "diffa": .decimal(counters.difficultyAccepted, 6),
                "diffr": .decimal(counters.difficultyRejected, 6),
                "diffs": 0, "lsdiff": .decimal(status.jobDifficulty, 6), "lstime": .string(Self.clock(age)),
            ]
        }
        return AntminerForms.envelope(labels, status, "POOLS", items)
    }

    private static func clock(_ seconds: Int) -> String {
        func two(_ value: Int) -> String { (value < 10 ? "0" : "") + String(value) }
        return "\(seconds / 3_600):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    }

    // MARK: What is set

    private func configuration(_ status: DeviceStatus) -> JSON {
        var pools = status.pools.map { pool -> JSON in
            [
                "url": .string(pool.account.url.description), "user": .string(pool.account.user),
                "pass": .string(pool.account.password),
            ]
        }
        while pools.count < 3 { pools.append(["url": "", "user": "", "pass": ""]) }
        var object: JSONObject = [
            "pools": .array(pools), "api-listen": true, "api-network": true,
            "api-groups": "A:stats:pools:devs:summary:version", "api-allow": "A:0/0,W:*",
            "bitmain-fan-ctrl": .bool(status.manualFan != nil),
            "bitmain-fan-pwm": .string(Decimals.text((status.manualFan ?? .full).percent, 0)),
            "bitmain-use-vil": true,
            "bitmain-freq": .string(Decimals.text(status.configuredFrequency.megahertz, 0)),
            "bitmain-voltage": .string(Decimals.text(status.voltage.volts * 1_000, 0)),
            "bitmain-ccdelay": "0", "bitmain-pwth": "0",
            "bitmain-work-mode": .string(status.isAsleep ? "1" : "0"), "bitmain-freq-level": "100",
        ]
        for (key, value) in settings.entries { object[key] = value }
        return .object(object)
    }

    private mutating func setConfiguration(_ request: HTTPRequest, _ status: DeviceStatus) -> WebAnswer {
        let failure: JSON = ["stats": "error", "code": "M001", "msg": "Illegal request!"]
        guard request.method == "POST",
            let object = (try? JSON.parse(request.body, depthLimit: 8))?.objectValue
        else {
            return WebAnswer(failure)
        }
        var commands: [OperatorCommand] = []
        if let list = object["pools"]?.arrayValue {
            var accounts: [PoolAccount] = []
            for entry in list.prefix(Limits.pools) {
                guard let url = entry["url"]?.stringValue, !url.isEmpty else { continue }
                guard
                    let account = PoolAccount(
                        url: url, user: entry["user"]?.stringValue ?? "",
                        password: entry["pass"]?.stringValue ?? "")
                else { return WebAnswer(failure) }
                accounts.append(account)
            }
            if !accounts.isEmpty { commands.append(.setPools(accounts)) }
        }
        let isManual = object["bitmain-fan-ctrl"].flatMap(Self.flag)
        let duty = (object["bitmain-fan-pwm"] ?? object["fan-pwm"]).flatMap(Self.number)
        if let duty, duty < 0 || duty > 100 { return WebAnswer(failure) }
        if let isManual { commands.append(.setFan(isManual ? FanDuty((duty ?? 100) / 100) : nil)) }
        if let megahertz = (object["bitmain-freq"] ?? object["freq"]).flatMap(Self.number), megahertz > 0 {
            commands.append(.setFrequency(Megahertz(megahertz)))
        }
        if let millivolts = (object["bitmain-voltage"] ?? object["voltage"]).flatMap(Self.number),
            millivolts > 0
        {
            commands.append(.setVoltage(Volts(millivolts / 1_000)))
        }
        if let mode = (object["miner-mode"] ?? object["bitmain-work-mode"]).flatMap(Self.number) {
            commands.append(.setSleep(mode == 1))
        }
        if let level = object["freq-level"] ?? object["bitmain-freq-level"] {
            settings["bitmain-freq-level"] = .string(level.stringValue ?? level.numberText ?? "100")
        }
        return WebAnswer(["stats": "success", "code": "M000", "msg": "OK!"], commands, refused: failure)
    }

    private func blink(_ request: HTTPRequest) -> WebAnswer {
        let value = (try? JSON.parse(request.body, depthLimit: 4))?["blink"]
        guard let value, let on = Self.flag(value) else {
            return WebAnswer(["stats": "error", "code": "B001", "msg": "Illegal request!"])
        }
        return WebAnswer(["code": .string(on ? "B000" : "B100")], [.identify(on)])
    }

    /// The pages' scripts send numbers and truths as such or as text.
    private static func number(_ json: JSON) -> Double? {
        json.double ?? json.stringValue.flatMap(Double.init)
    }

    private static func flag(_ json: JSON) -> Bool? {
        json.boolValue
            ?? json.stringValue.flatMap { ["true": true, "1": true, "false": false, "0": false][$0] }
    }
}
