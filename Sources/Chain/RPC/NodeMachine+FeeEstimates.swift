import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let feeEstimates: [RPCMethod] = [
        RPCMethod(
            "estimaterawfee", "conf_target:num threshold:num?", in: "",
            "What each of the fee estimator's memories says by itself."
        ) { node, call, _ throws(RPCError) in try node.rawFee(call) }
    ]
}

extension NodeMachine {
    /// What fee_estimates.dat should hold now. The format is this node's own.
    public var feeEstimatesFile: [UInt8] { mempool.estimator.bytes }

    fileprivate func rawFee(_ call: RPCArguments) throws(RPCError) -> JSON {
        let target = try call.int(0)
        guard (1...1_008).contains(target) else {
            throw .parameter("Invalid conf_target, must be between 1 and 1008")
        }
        let threshold = call[1]?.numberText.flatMap(Double.init) ?? 0.95
        guard (0...1).contains(threshold) else { throw .parameter("Invalid threshold") }
        var object = JSONObject()
        for (name, horizon) in zip(["short", "medium", "long"], mempool.estimator.horizons)
        where Int(target) <= horizon.blocksMax {
            let waiting = mempool.slots.lazy.compactMap { $0?.txid }
            let judgement = mempool.estimator.raw(
                target: Int(target), threshold: threshold, horizon: horizon, waiting: waiting)
            object.append(name, .object(json(horizon, judgement)))
        }
        return .object(object)
    }

    private func json(_ horizon: FeeEstimator.Horizon, _ judgement: FeeEstimator.Judgement) -> JSONObject {
        var object = JSONObject()
        let rate = Int64(judgement.rate.rounded())
        if rate > 0 { object.append("feerate", .amount(satoshi: rate)) }
        object.append("decay", .measure(horizon.decay))
        object.append("scale", .int(horizon.scale))
        if rate > 0, let pass = judgement.pass { object.append("pass", json(pass)) }
        if let fail = judgement.fail { object.append("fail", json(fail)) }
        if rate <= 0 {
            object.append("errors", ["Insufficient data or no feerate found which meets threshold"])
        }
        return object
    }

    private func json(_ range: FeeEstimator.Judgement.Range) -> JSON {
        func hundredths(_ value: Double) -> JSON { .measure((value * 100).rounded() / 100) }
        let end = range.end.isFinite ? range.end.rounded() : 1e99
        return [
            "startrange": .measure(range.start.rounded()), "endrange": .measure(end),
            "withintarget": hundredths(range.within), "totalconfirmed": hundredths(range.total),
            "inmempool": hundredths(range.waiting), "leftmempool": hundredths(range.left),
        ]
    }
}
