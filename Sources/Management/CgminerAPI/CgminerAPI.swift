import Firmware
import JSONText
import SansIO

/// The API of cgminer and its relatives, TCP 4028: one request a connection, the answer with a trailing NUL, then the
/// end. Source: cgminer's `api.c` and `API-README`; the families' own fields as fleet software reads them.
struct CgminerAPI: Sendable {
    let labels: DeviceLabels
    let access: APIAccess
    var pools = PoolRoster()
    var whatsminer: WhatsminerTokens

    /// An answer as bytes, and what the device shall do before it goes out.
    struct Outcome {
        var bytes: [UInt8]
        var commands: [OperatorCommand] = []
        var refused: [UInt8]?
    }

    init(labels: DeviceLabels, access: APIAccess, seed: PRNG) {
        self.labels = labels
        self.access = access
        whatsminer = WhatsminerTokens(seed: seed)
    }

    /// What firmware calls itself in every answer.
    var description: String {
        labels.dialect == .whatsminer ? "btminer" : labels.dialect.program
    }

    mutating func respond(to bytes: [UInt8], _ status: DeviceStatus, at now: Instant) -> Outcome {
        pools.follow(status.pools.map(\.account))
        let request: APIRequest
        do throws(APIRequest.Fault) { request = try APIRequest(bytes) } catch {
            if labels.dialect == .whatsminer, let outcome = privileged(bytes, status, at: now) {
                return outcome
            }
            return Outcome(bytes: Self.render(reply(for: error), true, status, description))
        }
        if request.command.contains("+") { return joined(request, status, at: now) }
        if labels.dialect == .whatsminer, request.extras["token"] != nil {
            return Outcome(bytes: Self.render(Self.notEncrypted, true, status, description))
        }
        let answer = answer(request, status, at: now)
        func render(_ reply: APIReply) -> [UInt8] { Self.render(reply, request.isJSON, status, description) }
        return Outcome(
            bytes: render(answer.reply), commands: answer.commands, refused: answer.refused.map(render))
    }

    static func render(_ reply: APIReply, _ isJSON: Bool, _ status: DeviceStatus, _ description: String)
        -> [UInt8]
    {
        var bytes: [UInt8] = []
        if isJSON {
            JSON.object(reply.json(when: status.time, description: description)).write(into: &bytes)
        } else {
            bytes = Array(reply.text(when: status.time, description: description).utf8)
        }
        bytes.append(0)
        return bytes
    }

    /// `summary+pools`: each answer whole, under its command's name. Commands come once, and without parameters.
    private mutating func joined(_ request: APIRequest, _ status: DeviceStatus, at now: Instant) -> Outcome {
        if labels.dialect == .antminer {
            // The stock firmware does not know joined commands; software asks one by one then.
            let reply = APIReply(.error, 14, "Invalid command")
            return Outcome(bytes: Self.render(reply, request.isJSON, status, description))
        }
        var object = JSONObject()
        var text = ""
        for name in request.command.split(separator: "+").map(String.init).prefix(Limits.connections) {
            guard object[name] == nil else { continue }
            var single = APIRequest(command: name, isJSON: request.isJSON)
            single.extras = request.extras
            let answer =
                Self.writes.contains(name)
                ? APIAnswer(APIReply(.error, 45, "Access denied to '\(name)' command"))
                : answer(single, status, at: now)
            object.append(name, [.object(answer.reply.json(when: status.time, description: description))])
            text += "CMD=\(name)|" + answer.reply.text(when: status.time, description: description)
        }
        object.append("id", 1)
        guard request.isJSON else { return Outcome(bytes: Array(text.utf8) + [0]) }
        return Outcome(bytes: Array(JSON.object(object).text.utf8) + [0])
    }

    private func reply(for fault: APIRequest.Fault) -> APIReply {
        switch fault {
        case .invalidJSON: APIReply(.error, 23, "Invalid JSON")
        case .missingCommand: APIReply(.error, 24, "Missing JSON 'command'")
        case .invalidCommand: APIReply(.error, 14, "Invalid command")
        }
    }

    // MARK: Commands

    /// Commands that change something and therefore need privileged access.
    static let writes: Set<String> = [
        "addpool", "switchpool", "enablepool", "disablepool", "removepool", "poolpriority", "ascset",
        "ascenable",
        "ascdisable", "ascidentify", "zero", "restart", "quit", "save", "failover-only", "setconfig",
        "poolquota",
        "debug", "hotplug", "pgaset",
    ]

    /// Commands that every cgminer answers.
    static let reads: Set<String> = [
        "version", "config", "summary", "pools", "devs", "edevs", "devdetails", "notify", "stats", "estats",
        "check", "coin", "usbstats", "lcd", "asc", "asccount", "pgacount", "lockstats", "privileged",
    ]

    private static let notEncrypted = APIReply(
        raw: WhatsminerAnswer.failure(14, "invalid cmd"))

    mutating func answer(_ request: APIRequest, _ status: DeviceStatus, at now: Instant) -> APIAnswer {
        if labels.dialect == .whatsminer, let answer = whatsminerAnswer(request, status, at: now) {
            return answer
        }
        if Self.writes.contains(request.command) {
            guard access == .everything else {
                return APIAnswer(APIReply(.error, 45, "Access denied to '\(request.command)' command"))
            }
            return write(request, status)
        }
        return APIAnswer(read(request, status))
    }

    private func read(_ request: APIRequest, _ status: DeviceStatus) -> APIReply {
        switch request.command {
        case "version": version
        case "config": config(status)
        case "summary": summary(status)
        case "pools": poolList(status)
        case "devs", "edevs": devices(status)
        case "devdetails": deviceDetails
        case "notify": notify(status)
        case "stats", "estats": statistics(request, status)
        case "check": check(request)
        case "tunerstatus" where labels.dialect == .braiins: tunerStatus(status)
        case "coin": coin(status)
        case "usbstats": APIReply(.error, 88, "No USB Statistics")
        case "lockstats": APIReply(.warning, 124, "Lock stats not enabled")
        case "lcd": lcd(status)
        case "asc": device(request, status)
        case "asccount":
            APIReply(.success, 104, "ASC count", section: "ASCS", items: [["Count": .int(deviceCount)]])
        case "pgacount": APIReply(.success, 17, "PGA count", section: "PGAS", items: [["Count": 0]])
        case "privileged":
            access == .everything
                ? APIReply(.success, 46, "Privileged access OK")
                : APIReply(.error, 45, "Access denied to 'privileged' command")
        default: APIReply(.error, 14, "Invalid command")
        }
    }

    private func check(_ request: APIRequest) -> APIReply {
        guard let name = request.parameter, !name.isEmpty else {
            return APIReply(.error, 71, "Missing check cmd")
        }
        let exists = Self.reads.contains(name) || Self.writes.contains(name)
        let allowed = Self.reads.contains(name) || exists && access == .everything
        return APIReply(
            .success, 72, "Check command", section: "CHECK",
            items: [["Exists": exists ? "Y" : "N", "Access": allowed ? "Y" : "N"]])
    }
}

/// What the API's callers may do: cgminer's `--api-allow` with group W or without.
public enum APIAccess: String, Sendable, Hashable, CaseIterable {
    case everything
    case readOnly = "read-only"
}
