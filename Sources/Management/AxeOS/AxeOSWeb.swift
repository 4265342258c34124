import Firmware
import HTTPText
import Hardware
import JSONText
import SansIO
import Stratum

/// The HTTP API of ESP-Miner, port 80, without credentials. Source: ESP-Miner's `http_server.c`; keys and units as in
/// hardware reference section 4.2.
struct AxeOSWeb: Sendable {
    static let version = "v2.9.0"

    let labels: DeviceLabels
    /// What the firmware has no use for, but its pages keep.
    private var hostname: String
    private var settings: JSONObject = [
        "rotation": 0, "invertscreen": 0, "displayTimeout": -1, "display": "SSD1306 (128x32)",
        "overclockEnabled": 0,
        "statsFrequency": 120, "minFanSpeed": 25,
    ]

    init(labels: DeviceLabels) {
        self.labels = labels
        hostname = labels.hostname
    }

    mutating func answer(_ request: HTTPRequest, _ status: DeviceStatus, _ history: AxeOSStatistics)
        -> WebAnswer
    {
        let path = request.path.split(separator: "?", maxSplits: 1).first.map(String.init) ?? "/"
        var answer = page(path, request, status, history)
        if path.hasPrefix("/api/") {
            answer.headers += [
                ("Access-Control-Allow-Origin", "*"),
                ("Access-Control-Allow-Methods", "GET, POST, PATCH, OPTIONS"),
                ("Access-Control-Allow-Headers", "Content-Type"),
            ]
        }
        return answer
    }

    private mutating func page(
        _ path: String, _ request: HTTPRequest, _ status: DeviceStatus, _ history: AxeOSStatistics
    ) -> WebAnswer {
        switch (request.method, path) {
        case ("OPTIONS", _) where path.hasPrefix("/api/"): return WebAnswer(200, type: "text/plain", body: "")
        case ("GET", "/api/system/info"): return WebAnswer(information(status))
        case ("GET", "/api/system/asic"): return WebAnswer(asic(status))
        case ("GET", "/api/system/statistics"), ("GET", "/api/system/statistics/dashboard"):
            return WebAnswer(history.json(request.path, at: status))
        case ("PATCH", "/api/system"): return patch(request, status)
        case ("POST", "/api/system/restart"):
            return WebAnswer(200, type: "text/html", body: "System will restart shortly.", [.restart])
        case ("POST", "/api/system/identify"):
            return WebAnswer(
                200, type: "text/html", body: "Device says \"Hi!\"", [.identify(!status.isIdentifying)])
        case ("POST", "/api/system/pause"): return WebAnswer(["message": "Mining paused"], [.setSleep(true)])
        case ("POST", "/api/system/resume"):
            return WebAnswer(["message": "Mining resumed"], [.setSleep(false)])
        case ("GET", "/api/ws"), ("GET", "/api/ws/live"):
            guard let accept = WebSocket.accept(request) else {
                return WebAnswer(400, type: "text/html", body: "Bad request")
            }
            var answer = WebAnswer(
                101, body: "",
                headers: [
                    ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept),
                ])
            answer.opensLog = true
            return answer
        case (_, "/api/system/info"), (_, "/api/system/asic"), (_, "/api/system"), (_, "/api/system/restart"),
            (_, "/api/system/statistics"), (_, "/api/system/pause"), (_, "/api/system/resume"),
            (_, "/api/system/identify"), (_, "/api/ws"):
            return WebAnswer(405, type: "text/html", body: "Specified method is invalid for this resource")
        case ("GET", _) where !path.hasPrefix("/api/"):
            // The page is one application; it answers under every path.
            return WebAnswer(
                200, type: "text/html",
                body: "<!doctype html><html lang=\"en\"><head><title>AxeOS</title></head><body></body></html>"
            )
        default: return .notFound
        }
    }

    // MARK: What is shown

    private func asic(_ status: DeviceStatus) -> JSON {
        let megahertz = labels.nominalFrequency.megahertz
        let volts = labels.nominalVoltage.volts * 1_000
        return [
            "ASICModel": .string(labels.chip), "deviceModel": .string(deviceName), "swarmColor": "purple",
            "asicCount": .int(labels.boards * labels.chipsPerBoard), "defaultFrequency": .whole(megahertz),
            "frequencyOptions": .array(
                [0.76, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2].map {
                    .whole((megahertz * $0 / 5).rounded() * 5)
                }),
            "defaultVoltage": .whole(volts),
            "voltageOptions": .array([-150.0, -90, -50, 0, 50, 100].map { .whole(volts + $0) }),
        ]
    }

    private var deviceName: String {
        labels.model.split(separator: " ").last.map(String.init) ?? labels.model
    }

    private func information(_ status: DeviceStatus) -> JSON {
        var item = electrical(status)
        rates(status, into: &item)
        shares(status, into: &item)
        system(status, into: &item)
        poolSettings(status, into: &item)
        for (key, value) in settings.entries { item.append(key, value) }
        return .object(item)
    }

    private func electrical(_ status: DeviceStatus) -> JSONObject {
        let volts = 5.0
        return [
            "power": .decimal(status.power.watts, 2), "voltage": .whole(volts * 1_000),
            "current": .whole(status.power.watts / volts * 1_000),
            "temp": .decimal(status.hottestChip.degrees, 3),
            "temp2": .decimal(labels.boards * labels.chipsPerBoard > 1 ? status.hottestChip.degrees : -1, 3),
            "vrTemp": .whole((status.regulatorTemperature ?? status.hottestBoard).degrees), "maxPower": 40,
            "nominalVoltage": 5, "coreVoltage": .whole(status.voltage.volts * 1_000),
            "coreVoltageActual": .whole(status.isMining ? status.voltage.volts * 1_000 : 0),
            "frequency": .decimal(status.configuredFrequency.megahertz, 2),
            "actualFrequency": .decimal(status.frequency.megahertz, 2),
            "fanspeed": .whole(status.fanDuty.percent),
            "fanrpm": .whole(status.fans.first?.revolutionsPerMinute ?? 0),
            "fan2rpm": .whole(status.fans.count > 1 ? status.fans[1].revolutionsPerMinute : 0),
            "autofanspeed": .int(status.manualFan == nil ? 1 : 0),
            "manualFanSpeed": .whole((status.manualFan ?? .full).percent),
            "temptarget": .whole(status.targetTemperature.degrees),
            "overheat_mode": .int(status.faults.contains(.overheated) ? 1 : 0),
        ]
    }

    private func rates(_ status: DeviceStatus, into item: inout JSONObject) {
        let giga = { (rate: HashRate) -> JSON in .decimal(rate.hashesPerSecond / 1e9, 4) }
        item.append("hashRate", giga(status.rates.fiveSeconds))
        item.append("hashRate_1m", giga(status.rates.minute))
        item.append("hashRate_10m", giga(status.rates.tenMinutes))
        item.append("hashRate_1h", giga(status.rates.hour))
        item.append("expectedHashrate", giga(status.idealHashRate))
        item.append("errorPercentage", .decimal(status.hardwareErrorPercent, 4))
        let asics = status.boards.map { board -> JSON in
            [
                "total": giga(board.hashRate), "errorCount": .int(board.hardwareErrors),
                "domains": .array(
                    Array(repeating: .decimal(board.hashRate.hashesPerSecond / 4e9, 4), count: 4)),
            ]
        }
        item.append("hashrateMonitor", ["asics": .array(asics)])
    }

    private func shares(_ status: DeviceStatus, into item: inout JSONObject) {
        let counters = status.counters
        item.append("bestDiff", .decimal(status.bestDifficulty, 3))
        item.append("bestSessionDiff", .decimal(status.bestDifficulty, 3))
        item.append("poolDifficulty", .decimal(status.jobDifficulty, 9))
        item.append("sharesAccepted", .int(counters.accepted))
        item.append("sharesRejected", .int(counters.rejected))
        let pending = counters.submitted - min(counters.submitted, counters.accepted + counters.rejected)
        item.append("sharesPending", .int(pending))
        let reasons: [(String, UInt64)] = [
            ("Stale", counters.rejectedStale), ("Duplicate share", counters.rejectedDuplicate),
            ("Above target", counters.rejectedLowDifficulty), ("Job not found", counters.rejectedUnknownJob),
            ("Other", counters.rejectedOther),
        ]
        item.append(
            "sharesRejectedReasons",
            .array(reasons.filter { $0.1 > 0 }.map { ["message": .string($0.0), "count": .int($0.1)] }))
        item.append("responseTime", 0)
        item.append("processTime", 0)
        item.append("workReceived", .int(counters.jobs))
        item.append("blockFound", 0)
        item.append("blockHeight", 0)
        item.append("networkDifficulty", 0)
    }

    private func system(_ status: DeviceStatus, into item: inout JSONObject) {
        item.append("uptimeSeconds", .whole(status.uptime.seconds))
        item.append("totalUptimeSeconds", .whole(status.uptime.seconds))
        item.append("cpuUsage", .decimal(4.2, 1))
        item.append("freeHeap", 8_300_000)
        item.append("freeHeapInternal", 120_000)
        item.append("freeHeapSpiram", 8_180_000)
        item.append("isPSRAMAvailable", 1)
        item.append("wifiStatus", "Connected!")
        item.append("wifiRSSI", -48)
        item.append("ssid", "lab")
        item.append("ipv4", .string(labels.address))
        item.append("ipv6", "")
        item.append("macAddr", .string(labels.macText))
        item.append("hostname", .string(hostname))
        item.append("version", .string(labels.firmwareVersion))
        item.append("axeOSVersion", .string(labels.firmwareVersion))
        item.append("idfVersion", "v5.5.1")
        item.append("boardVersion", .string(boardVersion))
        item.append("runningPartition", "factory")
        item.append("ASICModel", .string(labels.chip))
        item.append("smallCoreCount", .whole(labels.coresPerChip))
        // Newer firmware tells it under /api/system/asic only; fleet software looks here.
        item.append("asicCount", .int(labels.boards * labels.chipsPerBoard))
        item.append("miningPaused", .bool(status.isAsleep))
        if status.faults.contains(where: { if case .chipsMissing = $0 { true } else { false } }) {
            item.append("hardware_fault", "ASIC chip count 0")
        }
        if status.faults.contains(.supplyLost) { item.append("power_fault", "Power fault detected") }
    }

    private var boardVersion: String {
        switch labels.chip {
        case "BM1397": "102"
        case "BM1366": "204"
        case "BM1368": "402"
        default: labels.boards * labels.chipsPerBoard > 1 ? "801" : "601"
        }
    }

    private func poolSettings(_ status: DeviceStatus, into item: inout JSONObject) {
        for (index, prefix) in ["stratum", "fallbackStratum"].enumerated() {
            let pool = status.pools.indices.contains(index) ? status.pools[index].account : nil
            item.append(prefix + "URL", .string(pool?.url.endpoint.host ?? ""))
            item.append(prefix + "Port", .int(pool?.url.endpoint.port ?? 3_333))
            item.append(prefix + "User", .string(pool?.user ?? ""))
            item.append(prefix + "Protocol", .string(pool?.url.isV2 == true ? "SV2" : "SV1"))
            item.append(prefix + "AuthorityKey", .string(pool?.url.authority.map { "\($0)" } ?? ""))
            item.append(prefix + "TLS", 0)
            item.append(prefix + "SuggestedDifficulty", 1_000)
            item.append(prefix + "ExtranonceSubscribe", 0)
        }
        item.append("isUsingFallbackStratum", .int((status.activePool ?? 0) > 0 ? 1 : 0))
        item.append("poolConnectionInfo", .string(status.activePool == nil ? "Not connected" : "IPv4"))
    }

    // MARK: What is set

    private mutating func patch(_ request: HTTPRequest, _ status: DeviceStatus) -> WebAnswer {
        let invalid = WebAnswer(400, type: "text/html", body: "Invalid JSON")
        guard let object = (try? JSON.parse(request.body, depthLimit: 6))?.objectValue else { return invalid }
        let wrong = WebAnswer(400, type: "text/html", body: "Wrong API input")
        var commands: [OperatorCommand] = []
        let numbers: [(String, (Double) -> OperatorCommand?)] = [
            ("frequency", { $0 > 0 ? .setFrequency(Megahertz($0)) : nil }),
            ("coreVoltage", { $0 > 0 ? .setVoltage(Volts($0 / 1_000)) : nil }),
            ("temptarget", { (35...66).contains($0) ? .setTargetTemperature(Celsius($0)) : nil }),
        ]
        for (key, make) in numbers {
            guard let value = object[key] else { continue }
            guard let number = value.double, let command = make(number) else { return wrong }
            commands.append(command)
        }
        switch fan(object, status) {
        case .some(let command?): commands.append(command)
        case .some(nil): return wrong
        case nil: break
        }
        switch pools(object, status) {
        case .some(let command?): commands.append(command)
        case .some(nil): return wrong
        case nil: break
        }
        if let name = object["hostname"] {
            guard let text = name.stringValue, (1...32).contains(text.utf8.count) else { return wrong }
            hostname = text
        }
        for key in settings.keys {
            guard let value = object[key] else { continue }
            guard value.numberText != nil || (value.stringValue?.utf8.count ?? 999) <= Limits.settingText
            else {
                return wrong
            }
            settings[key] = value
        }
        var answer = WebAnswer(200, type: "application/json", body: "{}", commands)
        answer.refused = Array("Wrong API input".utf8)
        answer.refusedStatus = 400
        return answer
    }

    /// Nil when the request does not speak of the fan; inner nil for what is no speed.
    private func fan(_ object: JSONObject, _ status: DeviceStatus) -> OperatorCommand?? {
        let speed = object["manualFanSpeed"] ?? object["fanspeed"]
        let automatic = object["autofanspeed"]
        guard speed != nil || automatic != nil else { return nil }
        let percent = speed.map { $0.double ?? -1 } ?? (status.manualFan ?? .full).percent
        guard (0...100).contains(percent) else { return .some(nil) }
        let isAutomatic = automatic.map { $0.boolValue ?? ($0.double != 0) } ?? (status.manualFan == nil)
        return .some(.setFan(isAutomatic ? nil : FanDuty(percent / 100)))
    }

    private func pools(_ object: JSONObject, _ status: DeviceStatus) -> OperatorCommand?? {
        var accounts = status.pools.map(\.account)
        var isTouched = false
        for (index, prefix) in ["stratum", "fallbackStratum"].enumerated() {
            let keys = ["URL", "Port", "User", "Password", "Protocol", "AuthorityKey"].map { prefix + $0 }
            guard keys.contains(where: { object[$0] != nil }) else { continue }
            let old = accounts.indices.contains(index) ? accounts[index] : nil
            guard var host = object[prefix + "URL"]?.stringValue ?? old?.url.endpoint.host else {
                return .some(nil)
            }
            if index == 1, host.isEmpty {
                accounts = Array(accounts.prefix(1))
                isTouched = true
                continue
            }
            var port = object[prefix + "Port"]?.double.map { Decimals.text($0, 0) }
            // Fleet software gives a whole address where a host name belongs.
            if let url = PoolURL(host), host.contains(":") {
                (host, port) = (url.endpoint.host, port ?? String(url.endpoint.port))
            }
            let name =
                object[prefix + "Protocol"]?.stringValue?.uppercased()
                ?? (old?.url.isV2 == true ? "SV2" : "SV1")
            let key = object[prefix + "AuthorityKey"]?.stringValue ?? old?.url.authority.map { "\($0)" } ?? ""
            let scheme = name == "SV2" ? "stratum2+tcp" : "stratum+tcp"
            let tail = name == "SV2" && !key.isEmpty ? "/" + key : ""
            let url = "\(scheme)://\(host):\(port ?? String(old?.url.endpoint.port ?? 3_333))\(tail)"
            guard
                let account = PoolAccount(
                    url: url, user: object[prefix + "User"]?.stringValue ?? old?.user ?? "",
                    password: object[prefix + "Password"]?.stringValue ?? old?.password ?? "x")
            else { return .some(nil) }
            if accounts.indices.contains(index) {
                accounts[index] = account
            } else {
                accounts.append(account)
            }
            isTouched = true
        }
        return isTouched ? .some(.setPools(accounts)) : nil
    }
}
