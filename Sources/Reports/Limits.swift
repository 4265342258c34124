/// The bounds of reports and of the store.
enum Limits {
    /// Points of a line: more than a screen's pixels would only make the file heavy. The extremes of every step stay.
    static let plotPointsMax = 600
    /// Values from which a 99th percentile is more than the greatest of few.
    static let percentileValuesMin = 100
    /// Records of a run that a report shows in full; the others stand in its tables. Each costs some 200 kB.
    static let detailedRecordsMax = 12
    /// Milliseconds between commits of seconds that come faster, as virtual ones do; a live second is committed at
    /// once.
    static let commitMilliseconds: Int64 = 500
    /// How long another process may hold the file.
    static let databaseBusyMilliseconds: Int32 = 5_000
    /// Runs that may begin in one second under one name.
    static let sameNamesMax = 10_000
    /// Rejects with reasons of their own in a table of reasons.
    static let reasonsShownMax = 40
    /// Bytes of a second or a head as text: SQLite's own bound on a value is 1 GB.
    static let rowBytesMax = 256 << 20
    /// Seconds kept for a later attempt while the store refuses them: a day.
    static let unsavedSecondsMax = 86_400
}
