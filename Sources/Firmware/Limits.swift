import Hardware
import SansIO

/// The bounds of the firmware.
enum Limits {
    /// Work that chips may still answer for: the present one and those replaced within the last moments. A BM1370
    /// returns at most two nonces of an older job after a load.
    static let issuedWorkMax = 4
    /// Future jobs kept until SetNewPrevHash chooses one; ESP-Miner keeps 8.
    static let futureJobsMax = 8
    /// V1 jobs whose text ids are remembered for submitting.
    static let v1JobsMax = 8
    /// Shares in flight whose sending time is remembered.
    static let submittedMax = 16
    /// A pool may send this many undecodable or senseless messages on one connection before it is left.
    static let protocolErrorsMax = 16
    /// Pools in the list of one device: miners' web pages offer three; rooms for failover tests leave more.
    static let poolsMax = 8
    /// Steps of the clock's ramp at boot; the real firmware makes one each 100 ms, which would cost events.
    static let rampSteps = 8
    /// A watchdog never fires sooner.
    static let watchdogMin = Interval.minutes(2)
    /// Nonces that a repetition is looked for in.
    static let recentNonces = 8
    /// A pool's request to wait before reconnecting is believed up to this.
    static let reconnectWaitMax = Interval.seconds(300)
    /// The longest extranonce2 that fits a counter.
    static let extranonceCounterBytesMax = 8

    /// The head of an HTTP answer; nodes send some two hundred bytes.
    static let httpHeadMax = 16 << 10
    /// The body of an HTTP answer: a full block's template is its 4 MB in hexadecimal digits and as much again of
    /// hashes where transactions are small.
    static let httpBodyMax = 32 << 20
    /// A coinbase script has at most 100 bytes (consensus, `bad-cb-length`).
    static let coinbaseScriptMax = 100
    /// Templates that blocks may still be found for: the present one and those of the same tip before it. A full one
    /// has 2 MB.
    static let templatesKept = 3
    /// Blocks whose answer is awaited; there is one at a time unless the node is slow.
    static let blocksWaitingMax = 4
    /// A block that the node was too busy for, or whose connection broke, is sent so often.
    static let blockAttemptsMax = 10
    /// Characters that are kept of a node's own words.
    static let refusalTextMax = 255
    /// A template is renewed so often even when nobody says that it must: header times go on, fees grow, and a node's
    /// connection of 30 s without a call would be closed by it.
    static let templateRefresh = Interval.seconds(20)
    /// Wait before a node that is loading or busy is asked again.
    static let nodeBusyWait = Interval.seconds(1)
    /// Wait before a node without peers, or that is catching up, is asked again.
    static let nodeBehindWait = Interval.seconds(5)
    /// Between two long polls, so that a node which answers at once is not asked in circles.
    static let pollPause = Interval.milliseconds(100)
    /// Wait after a long poll that failed.
    static let pollRetry = Interval.seconds(5)

    /// Steps that a chip's clock may lie from the device's: 100 MHz either way.
    static let tuningStepsMax: Int8 = 16
    /// Windows after which tuning rests, settled or not: two hours.
    static let tuningRoundsMax = 24
    /// Counted nonces per chip, on the mean, below which a window says nothing.
    static let tuningCountsMin = 200.0
    /// Tuning begins anew when one in so many chips is too fast.
    static let tuningBadShare = 25
    /// Power may lie so far over the target before clocks are lowered; meters are no better.
    static let tuningPowerSlack = 1.02

    /// A fan told to run at this duty or more must turn; below it small fans may stand.
    static let fanCheckDuty = 0.3
    /// Readings that differ by no more than the coarsest sensor's step are the same.
    static let steadyKelvin = 1.0
    /// Fan changes that sensor noise of 0.3 K causes through the proportional gain stay below it.
    static let steadyPercent = 5.0
}
