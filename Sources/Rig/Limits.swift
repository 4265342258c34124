/// The bounds of the wiring.
enum Limits {
    /// Rounds of command and answer within one event. A boot without delays takes four: power, count, clock, work.
    static let commandRoundsMax = 16
}
