/// The bounds of the files.
enum Limits {
    /// Generations of profiles that inherit from each other. Three are used; more than this is a mistake.
    static let inheritanceDepthMax = 8
}
