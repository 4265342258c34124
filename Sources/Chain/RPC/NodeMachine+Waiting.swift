import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    /// Methods that are answered when the tip moved or their time is up.
    static let waiting: [RPCMethod] = [
        RPCMethod(
            "waitfornewblock", "timeout:num? current_tip:hex?", in: "Blockchain",
            "Waits for a new tip; milliseconds, 0 for no limit.",
            hold: { node, call throws(RPCError) in
                let tip = call[1] == nil ? node.chain.tip.hash : try node.hash(call, 1)
                return .tipOtherThan(tip, until: try node.waitEnd(call, 0))
            },
            run: tip),
        RPCMethod(
            "waitforblock", "blockhash:hex timeout:num?", in: "Blockchain",
            "Waits for a block to be the tip; milliseconds, 0 for no limit.",
            hold: { node, call throws(RPCError) in
                .tip(try node.hash(call, 0), until: try node.waitEnd(call, 1))
            },
            run: tip),
        RPCMethod(
            "waitforblockheight", "height:num timeout:num?", in: "Blockchain",
            "Waits for a tip of at least this height; milliseconds, 0 for no limit.",
            hold: { node, call throws(RPCError) in
                .height(try call.int32(0), until: try node.waitEnd(call, 1))
            },
            run: tip),
    ]

    private static let tip: RPCHandler = { node, call, _ throws(RPCError) in
        for (index, parameter) in call.method.parameters.enumerated() {
            if parameter.names[0] == "timeout" { _ = try node.waitEnd(call, index) }
            if parameter.kind == .hex, call[index] != nil { _ = try node.hash(call, index) }
        }
        return ["hash": .string(node.chain.tip.hash.displayHex), "height": .int(node.chain.height)]
    }
}

extension NodeMachine {
    fileprivate func waitEnd(_ call: RPCArguments, _ index: Int) throws(RPCError) -> Instant? {
        let milliseconds = try call.optionalInt(index) ?? 0
        guard milliseconds >= 0 else { throw .misc("Negative timeout") }
        // Longer than a year is as good as forever, and cannot overflow.
        return milliseconds == 0 || milliseconds > 31_536_000_000
            ? nil : call.now + .milliseconds(UInt64(milliseconds))
    }
}
