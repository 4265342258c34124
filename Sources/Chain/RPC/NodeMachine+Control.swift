import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    private static let generateNote =
        "generate\n\nhas been replaced by the -generate cli option. Refer to -help for more information.\n"

    static let control: [RPCMethod] = [
        RPCMethod(
            "stop", "wait:num?", in: "Control", "Requests a graceful stop.",
            hold: { node, call throws(RPCError) in
                // For tests: the answer, and with it the end, waits for so many milliseconds.
                guard let wait = try call.optionalInt(0), wait > 0 else { return nil }
                return .time(call.now + .milliseconds(UInt64(min(wait, 600_000))))
            }
        ) { node, call, effects in
            node.answerHeldCalls(at: call.now, into: &effects)
            node.mustCommit = true
            effects.observe(.stopRequested)
            return "Bitcoin Core stopping"
        },
        RPCMethod("generate", in: "", RPCMethod.generateNote) { _, _, _ throws(RPCError) in
            throw RPCError(code: -32601, message: RPCMethod.generateNote)
        },
        RPCMethod("uptime", in: "Control", "Seconds since the start.") { _, call, _ in
            .int(call.now.nanoseconds / 1_000_000_000)
        },
        RPCMethod("setmocktime", "timestamp:num", in: "", "Sets the clock; 0 goes back to the system's.") {
            node, call, effects throws(RPCError) in
            let time = try call.int(0)
            guard (0...Int64(UInt32.max)).contains(time) else {
                throw .parameter("Mocktime must be in the range [0, 4294967295], not \(time).")
            }
            node.mockTime = time == 0 ? nil : UInt32(time)
            node.checkPeers(at: call.now, into: &effects)
            return .null
        },
        RPCMethod("help", "command:str?", in: "Control", "Lists all commands, or explains one.") {
            _, call, _ throws(RPCError) in
            guard let name = try call.optionalString(0), !name.isEmpty else {
                return .string(RPCMethod.overview)
            }
            if name == "dump_all_command_conversions" { return RPCMethod.conversions }
            return .string(RPCMethod.named(name)?.help ?? "help: unknown command: \(name)")
        },
    ]
}
