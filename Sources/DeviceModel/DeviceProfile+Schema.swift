extension DeviceProfile {
    /// Fills a profile from a file's values, asked for by dotted path. Keys that are absent keep the default of
    /// their parameter group unless they are required.
    ///
    /// - Throws: The first of ``faults(in:)``.
    public init(values: (String) -> ProfileValue?) throws(ProfileError) {
        let (profile, faults) = DeviceProfile.read(values)
        if let first = faults.first { throw first }
        self = profile
    }

    /// Everything that is wrong with a file's values; empty for a profile that can be used. Contradictions between
    /// values are looked for when each for itself is right.
    public static func faults(in values: (String) -> ProfileValue?) -> [ProfileError] { read(values).faults }

    private static func read(
        _ values: (String) -> ProfileValue?
    ) -> (profile: DeviceProfile, faults: [ProfileError]) {
        var profile = DeviceProfile.empty
        var faults: [ProfileError] = []
        for key in schema {
            guard let value = values(key.path) else {
                if key.isRequired { faults.append(.missing(key: key.path, expected: key.expectation)) }
                continue
            }
            if let fault = key.fault(of: value, at: key.path) {
                faults.append(fault)
            } else {
                key.assign(&profile, value)
            }
        }
        guard faults.isEmpty else { return (profile, faults) }
        for list in lists { list.fill(&profile, from: values, faults: &faults) }
        if faults.isEmpty { faults = profile.contradictions }
        return (profile, faults)
    }

    /// Lists of tables that a device profile may have.
    public static var lists: [ProfileList] { ProfileList.all }

    /// Refuses a path that no key of the schema has, with the nearest spelling.
    public static func check(key: String) throws(ProfileError) {
        let paths = schema.map(\.path)
        guard !paths.contains(key) else { return }
        // `faults.0.kind`: the number is any element's.
        let parts = key.split(separator: ".", omittingEmptySubsequences: false)
        if let index = parts.lastIndex(where: { Int($0) != nil }), index > 0 {
            let list = parts[..<index].joined(separator: ".")
            let element = parts[...index].joined(separator: ".") + "."
            let fields = lists.first { $0.path == list }?.fields.map { element + $0.path } ?? []
            guard !fields.contains(key) else { return }
            let known = fields.isEmpty ? lists.map(\.path) : fields
            throw .unknown(key: key, nearest: Spelling.nearest(to: fields.isEmpty ? list : key, among: known))
        }
        throw .unknown(key: key, nearest: Spelling.nearest(to: key, among: paths + lists.map(\.path)))
    }

    static let empty = DeviceProfile(
        name: "", maker: "", chip: ChipParameters(), boards: BoardParameters(), thermal: ThermalParameters(),
        power: PowerParameters(), fan: FanParameters(), sensors: SensorParameters(),
        limits: LimitParameters(),
        boot: BootParameters(), firmware: FirmwareParameters(), errors: ErrorParameters())
}
