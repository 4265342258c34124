import SansIO

/// Blurs the fee rate that feefilter tells, so that peers cannot recognise the node by it (Core's FeeFilterRounder):
/// steps of a tenth from half the default relay fee on.
enum FeeFilterRounder {
    /// Satoshi per 1000 virtual bytes, ascending.
    private static let steps: [Int64] = {
        var list: [Int64] = [0]
        var step = 50.0
        while step <= 1e7 {
            list.append(Int64(step))
            step *= 1.1
        }
        return list
    }()

    /// What is told while no transactions are wanted at all: the highest step.
    static let highest = steps[steps.count - 1]

    /// The step above, or two times in three the one below.
    static func round(_ rate: Int64, random: inout PRNG) -> Int64 {
        let place = steps.firstIndex { $0 >= rate } ?? steps.count
        if place == steps.count { return highest }
        return place > 0 && random.below(3) != 0 ? steps[place - 1] : steps[place]
    }
}
