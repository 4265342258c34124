/// Why runs cannot be kept or read, in one line.
public enum RunStoreFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file is another program's, or of a version that this one does not know.
    case foreign(String, String)
    case damaged(String)
    /// No run of that name, or several.
    case unknown(String)
    case system(String)

    public var description: String {
        switch self {
        case .foreign(let path, let what): "\(path) \(what)"
        case .damaged(let what), .unknown(let what), .system(let what): what
        }
    }
}
