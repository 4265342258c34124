import JSONText
import SansIO

extension RPCMethod {
    static let diagnostics: [RPCMethod] = [
        RPCMethod("getrpcinfo", in: "Control", "The RPC server's state.") { node, call, _ in
            // Calls are answered one after the other; beside this one only held ones are under way.
            var active: [JSON] = []
            for connection in node.rpc.connections {
                guard let held = connection.held else { continue }
                active.append([
                    "method": held.call["method"] ?? .null,
                    "duration": .int((call.now - held.since).nanoseconds / 1_000),
                ])
            }
            active.append(["method": .string(call.method.name), "duration": 0])
            return ["active_commands": .array(active), "logpath": .string(node.configuration.rpc.logPath)]
        },
        RPCMethod("getmemoryinfo", "mode:str?", in: "Control", "Memory usage.") {
            _, call, _ throws(RPCError) in
            switch try call.optionalString(0) ?? "stats" {
            case "stats":
                // No memory is locked against swapping.
                return [
                    "locked": [
                        "used": 0, "free": 0, "total": 0, "locked": 0, "chunks_used": 0, "chunks_free": 0,
                    ]
                ]
            case "mallocinfo": throw .parameter("mallocinfo mode not available")
            case let mode: throw .parameter("unknown mode \(mode)")
            }
        },
        RPCMethod(
            "logging", "include:arr? exclude:arr?", in: "Control",
            "Reads and sets the categories of the debug log. They are kept and told; the log itself has one level."
        ) { node, call, _ throws(RPCError) in try node.setLogCategories(call) },
        RPCMethod(
            "mockscheduler", "delta_time:num", in: "",
            "Lets this many seconds pass for what is scheduled; for tests."
        ) { node, call, effects throws(RPCError) in
            let delta = try call.int(0)
            guard (1...3_600).contains(delta) else {
                throw .misc("delta_time must be between 1 and 3600 seconds (1 hr)")
            }
            node.advanceSchedule(by: .seconds(UInt64(delta)), at: call.now)
            return .null
        },
        RPCMethod(
            "syncwithvalidationinterfacequeue", in: "",
            "Waits until everybody heard of every block; here they always have."
        ) { _, _, _ in .null },
        RPCMethod("echo", echoed, in: "", "Gives back its parameters.", run: echo),
        RPCMethod("echojson", echoed, in: "", "Gives back its parameters.", run: echo),
        RPCMethod("echoipc", "arg:str", in: "", "Gives back its parameter.") {
            _, call, _ throws(RPCError) in .string(try call.string(0))
        },
    ]

    private static let echoed =
        "arg0? arg1? arg2? arg3? arg4? arg5? arg6? arg7? arg8? arg9?"

    private static let echo: RPCHandler = { _, call, _ in .array(call.values) }
}

/// The names of Core's log categories.
enum LogCategories {
    static let all = [
        "addrman", "bench", "blockstorage", "cmpctblock", "coindb", "estimatefee", "http", "i2p", "ipc",
        "kernel", "leveldb", "mempool", "mempoolrej", "net", "privatebroadcast", "proxy", "prune", "qt",
        "rand", "reindex", "rpc", "scan", "selectcoins", "tor", "txpackages", "txreconciliation",
        "validation", "walletdb", "zmq",
    ]

    static func isAll(_ name: String) -> Bool { name == "1" || name == "all" || name.isEmpty }
}

extension NodeMachine {
    /// Brings forward what is done now and then: announcing own transactions again.
    fileprivate mutating func advanceSchedule(by delta: Interval, at now: Instant) {
        guard let next = peers.nextRebroadcast else { return }
        let rest = (next - now).nanoseconds
        peers.nextRebroadcast = now + .nanoseconds(rest > delta.nanoseconds ? rest - delta.nanoseconds : 0)
        timers.set(.peers, now)
    }

    fileprivate mutating func setLogCategories(_ call: RPCArguments) throws(RPCError) -> JSON {
        for (index, isOn) in [(0, true), (1, false)] {
            for value in try call.array(index) ?? [] {
                guard let name = value.stringValue,
                    LogCategories.isAll(name) || LogCategories.all.contains(name)
                else { throw .parameter("unknown logging category \(value.stringValue ?? value.text)") }
                let names = LogCategories.isAll(name) ? LogCategories.all : [name]
                rpc.logCategories.removeAll(where: names.contains)
                if isOn { rpc.logCategories += names }
            }
        }
        var object = JSONObject()
        for name in LogCategories.all { object.append(name, .bool(rpc.logCategories.contains(name))) }
        return .object(object)
    }
}
