import SansIO

enum Limits {
    /// Different reasons of refusal kept for a fleet: a pool's words are its own, and a bad one may count upwards.
    static let reasonsMax = 32
    /// Deadlines served later than this make latencies of the generator's own.
    static let loopLagMax = Interval.milliseconds(100)
    /// The part of the machine that a generator beside its target may use before it measures itself.
    static let processorMax = 0.9
    /// Distinct values up to which a histogram is a list: less than a hundredth of the dense form's memory.
    static let fewBucketsMax = 64
    /// Seconds of a run: a week.
    static let secondsMax = 7 * 86_400
    /// Pieces of news whose fan-out is kept: a block a second for three hours.
    static let fanOutsMax = 10_000
}
