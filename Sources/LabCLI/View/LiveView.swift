import Explorer

/// The live terminal's picture of the lab: a pure function of a snapshot.
enum LiveView {
    struct Model {
        var feed: LabFeed
        var network: String
        var upSeconds: Double
        var height: Int
        var blocks: Int
        /// Newest last.
        var events: [String]
    }

    static func lines(_ model: Model, columns: Int, rows: Int) -> [String] {
        var lines = [title(model, columns: columns), ""]
        lines += roles(model.feed.roles, columns: columns)
        lines += ["", totals(model), ""]
        let room = max(3, rows - lines.count - 9)
        lines += devices(model.feed.devices, limit: room)
        lines += ["", StyledText.dim("EVENTS")]
        let left = max(1, rows - lines.count - 1)
        lines += model.events.suffix(left)
        return lines
    }

    private static func title(_ model: Model, columns: Int) -> String {
        let left = "mining lab · \(model.network) · up \(Figures.duration(model.upSeconds))"
        let right = "q quits"
        let gap = max(2, columns - left.count - right.count)
        return StyledText.bold(left) + String(repeating: " ", count: gap) + StyledText.dim(right)
    }

    private static func roles(_ roles: [RoleRow], columns: Int) -> [String] {
        let header = StyledText.dim(
            [StyledText.pad("ROLE", 18), StyledText.pad("STATE", 10), StyledText.pad("ADDRESS", 23), "NOW"]
                .joined(separator: " "))
        return [header]
            + roles.map { role in
                let state = StyledText.pad(role.state.rawValue, 10)
                return [
                    StyledText.pad(role.name, 18), colour(state, role.state),
                    StyledText.pad(role.address, 23),
                    role.detail,
                ].joined(separator: " ")
            }
    }

    private static func totals(_ model: Model) -> String {
        let pool = model.feed.pool ?? PoolTotals()
        return [
            StyledText.bold("height \(model.height)"),
            "\(Figures.grouped(pool.blocksFound)) blocks found",
            "\(Figures.decimal(pool.sharesPerSecond, 2)) shares/s",
            "\(Figures.grouped(pool.accepted)) accepted",
            "\(Figures.grouped(pool.rejected)) rejected (\(Figures.grouped(pool.stale)) stale)",
            "\(pool.channels) channels",
            Figures.hashRate(pool.hashRate),
        ].joined(separator: "   ")
    }

    private static func devices(_ devices: [DeviceRow], limit: Int) -> [String] {
        let header = StyledText.dim(
            [
                StyledText.pad("DEVICE", 20), StyledText.pad("MODEL", 18), StyledText.pad("VIA", 8),
                StyledText.pad("STATE", 9), StyledText.right("HASHRATE", 11), StyledText.right("TEMP", 7),
                StyledText.right("POWER", 8), StyledText.right("FAN", 5), StyledText.right("ACCEPTED", 9),
                StyledText.right("REJ", 5), StyledText.right("STALE", 6), StyledText.right("DIFFICULTY", 11),
            ].joined(separator: " "))
        var lines = [header] + devices.prefix(limit).map(row)
        if devices.count > limit { lines.append(StyledText.dim("… and \(devices.count - limit) more")) }
        return lines
    }

    private static func row(_ device: DeviceRow) -> String {
        [
            StyledText.pad(device.name, 20), StyledText.pad(device.model, 18),
            StyledText.pad(device.transport, 8),
            colour(StyledText.pad(device.state.rawValue, 9), device.state),
            StyledText.right(Figures.hashRate(device.hashRate), 11),
            StyledText.right(device.temperature.map { "\(Figures.decimal($0, 1)) °C" } ?? "–", 7),
            StyledText.right(device.power.map { "\(Figures.decimal($0, 1)) W" } ?? "–", 8),
            StyledText.right(device.fan.map { "\(Figures.decimal($0, 0)) %" } ?? "–", 5),
            StyledText.right(Figures.grouped(device.accepted), 9), StyledText.right("\(device.rejected)", 5),
            StyledText.right("\(device.stale)", 6),
            StyledText.right(device.difficulty.map(Figures.difficulty) ?? "–", 11),
        ].joined(separator: " ")
    }

    private static func colour(_ text: String, _ state: RoleRow.State) -> String {
        switch state {
        case .running: StyledText.green(text)
        case .starting, .degraded: StyledText.yellow(text)
        case .stopped, .failed: StyledText.red(text)
        }
    }

    private static func colour(_ text: String, _ state: DeviceRow.State) -> String {
        switch state {
        case .hashing: StyledText.green(text)
        case .starting, .throttled, .idle: StyledText.yellow(text)
        case .offline, .failed: StyledText.red(text)
        }
    }
}
