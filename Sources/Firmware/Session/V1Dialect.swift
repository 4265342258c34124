/// How a firmware begins a Stratum V1 session: what it says, in which order, and what it never says.
///
/// Sources: ESP-Miner (`stratum_v1_task.c`: everything at once, then the answers), cgminer (`util.c`: subscribe, wait,
/// authorize; the session's id again on the next connection). The makers' own firmwares derive from cgminer.
public struct V1Dialect: Sendable, Equatable {
    /// The program's name in `mining.subscribe`; nil is put together from the device's identity.
    public var userAgent: String?
    /// `mining.configure` goes out before `mining.subscribe`; otherwise after its answer.
    public var configuresFirst = true
    /// `mining.authorize` does not wait for the answer to `mining.subscribe`.
    public var authorizesAtOnce = false
    public var suggestsDifficulty = true
    public var subscribesExtranonce = true
    /// Gives the last session's id in the next `mining.subscribe`, and begins without one when that is refused.
    public var resumesSession = false

    public init() {}

    init(_ personality: Personality) {
        switch personality {
        case .antminer:
            userAgent = "bmminer/2.0.0"
            suggestsDifficulty = false
            subscribesExtranonce = false
            resumesSession = true
        case .braiins:
            userAgent = "bosminer-plus-tuner 22.08.1"
            suggestsDifficulty = false
            configuresFirst = false
        case .espMiner:
            authorizesAtOnce = true
            subscribesExtranonce = false
        case .cgminerGekko:
            userAgent = "cgminer/4.13.1"
            suggestsDifficulty = false
            subscribesExtranonce = false
            resumesSession = true
        case .whatsminer:
            userAgent = "btminer/3.1.0"
            suggestsDifficulty = false
            resumesSession = true
        case .avalon:
            userAgent = "cgminer/4.11.1"
            suggestsDifficulty = false
            subscribesExtranonce = false
            resumesSession = true
        case .cpuMiner: break
        }
    }
}
