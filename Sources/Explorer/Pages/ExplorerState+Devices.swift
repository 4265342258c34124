import Foundation

/// How a reader wants the fleet's table.
struct DeviceQuery: Sendable, Equatable {
    enum Sort: String, Sendable, CaseIterable {
        case name, state, transport, rate, temperature, power, efficiency, fan, accepted, rejected, stale,
            difficulty, best
        case share
    }

    var text = ""
    var state: DeviceRow.State?
    var sort = Sort.name
    var isDescending = false
    var page = 1

    func link(
        state: DeviceRow.State?? = nil, sort: Sort? = nil, isDescending: Bool? = nil, page: Int = 1
    ) -> String {
        let chosenState = state ?? self.state
        let chosenSort = sort ?? self.sort
        let down = isDescending ?? self.isDescending
        var parts: [String] = []
        if !text.isEmpty { parts.append("q=\(ExplorerState.encoded(text))") }
        if let chosenState { parts.append("state=\(chosenState.rawValue)") }
        if chosenSort != .name || down { parts.append("sort=\(down ? "-" : "")\(chosenSort.rawValue)") }
        if page > 1 { parts.append("page=\(page)") }
        return "/devices" + (parts.isEmpty ? "" : "?" + parts.joined(separator: "&"))
    }
}

struct DeviceText: Sendable {
    let deviceName: String
    let model: String
    let deviceState: String
    let transport: String
    let rate: String
    let scaled: Bool
    let temperature: String
    let heat: String
    let power: String
    let efficiency: String
    let fan: String
    let accepted: String
    let rejected: String
    let stale: String
    let staleTone: String
    let difficulty: String
    let best: String
    let lastShare: String
}

struct DeviceColumn: Sendable {
    let columnName: String
    let columnLink: String
    let isNumber: Bool
    let isSorted: Bool
}

struct DevicesContent: Sendable {
    let labTitle: String?
    let tiles: [Tile]
    let hasFleet: Bool
    let filterText: String
    let filterState: String?
    let sortKey: String
    let allLink: String
    let fleetCount: String
    let states: [StateCount]
    let columns: [DeviceColumn]
    let devices: [DeviceText]
    let pager: Pager?
    let hasRoles: Bool
    let roles: [RoleText]
}

extension ExplorerState {
    func devicesPage(_ query: DeviceQuery) -> Page {
        let chosen = chosenDevices(query)
        let page = Pager.clamp(query.page, total: chosen.count, size: Limits.devicesPerPage)
        let rows = chosen.dropFirst((page - 1) * Limits.devicesPerPage).prefix(Limits.devicesPerPage)
        return Page(
            title: "Devices", template: "devices",
            content: DevicesContent(
                labTitle: feed.title.isEmpty ? nil : Characters.visible(feed.title), tiles: fleetTiles(),
                hasFleet: !feed.devices.isEmpty, filterText: query.text, filterState: query.state?.rawValue,
                sortKey: (query.isDescending ? "-" : "") + query.sort.rawValue,
                allLink: query.link(state: .some(nil)),
                fleetCount: Characters.grouped(feed.devices.count), states: stateCounts(query),
                columns: deviceColumns(query), devices: rows.map(Self.deviceText),
                pager: Pager(
                    total: chosen.count, page: page, size: Limits.devicesPerPage,
                    link: { query.link(page: $0) },
                    names: ("previous", "next")),
                hasRoles: !feed.roles.isEmpty, roles: feed.roles.map(RoleText.init)),
            place: .devices, topics: [.feed])
    }

    func chosenDevices(_ query: DeviceQuery) -> [DeviceRow] {
        let needle = query.text.lowercased()
        let chosen = feed.devices.filter { row in
            (query.state == nil || row.state == query.state)
                && (needle.isEmpty || row.name.lowercased().contains(needle)
                    || row.model.lowercased().contains(needle) || row.transport.lowercased().contains(needle))
        }
        // Equal keys stay in the feed's order.
        let order = chosen.enumerated().sorted { a, b in
            let (first, second) = query.isDescending ? (b.element, a.element) : (a.element, b.element)
            switch Self.compare(first, second, query.sort) {
            case 0: return a.offset < b.offset
            case let sign: return sign < 0
            }
        }
        return order.map(\.element)
    }

    private static func compare(_ a: DeviceRow, _ b: DeviceRow, _ sort: DeviceQuery.Sort) -> Int {
        func by<Value: Comparable>(_ x: Value, _ y: Value) -> Int { x < y ? -1 : x > y ? 1 : 0 }
        func byFigure(_ x: Double?, _ y: Double?) -> Int { by(x ?? -.infinity, y ?? -.infinity) }
        switch sort {
        case .name: return a.name.compare(b.name, options: .numeric).rawValue
        case .state: return by(a.state.rawValue, b.state.rawValue)
        case .transport: return by(a.transport, b.transport)
        case .rate: return by(a.hashRate, b.hashRate)
        case .temperature: return byFigure(a.temperature, b.temperature)
        case .power: return byFigure(a.power, b.power)
        case .efficiency: return byFigure(a.efficiency, b.efficiency)
        case .fan: return byFigure(a.fan, b.fan)
        case .accepted: return by(a.accepted, b.accepted)
        case .rejected: return by(a.rejected, b.rejected)
        case .stale: return by(a.staleShare, b.staleShare)
        case .difficulty: return byFigure(a.difficulty, b.difficulty)
        case .best: return byFigure(a.bestDifficulty, b.bestDifficulty)
        case .share: return byFigure(a.lastShareAge, b.lastShareAge)
        }
    }

    private func deviceColumns(_ query: DeviceQuery) -> [DeviceColumn] {
        let columns: [(String, DeviceQuery.Sort, Bool)] = [
            ("Device", .name, false), ("State", .state, false), ("Hashrate", .rate, true),
            ("Temp", .temperature, true), ("Power", .power, true),
            ("J/TH", .efficiency, true), ("Fan", .fan, true), ("Accepted", .accepted, true),
            ("Rejected", .rejected, true), ("Stale", .stale, true), ("Difficulty", .difficulty, true),
            ("Best", .best, true), ("Last share", .share, true), ("Protocol", .transport, false),
        ]
        return columns.map { name, sort, isNumber in
            let isSorted = sort == query.sort
            // The first click on a figure shows the largest first.
            let down = isSorted ? !query.isDescending : isNumber
            let mark = isSorted ? (query.isDescending ? " ↓" : " ↑") : ""
            return DeviceColumn(
                columnName: name + mark, columnLink: query.link(sort: sort, isDescending: down),
                isNumber: isNumber,
                isSorted: isSorted)
        }
    }

    func stateCounts(_ query: DeviceQuery = DeviceQuery()) -> [StateCount] {
        DeviceRow.State.allCases.compactMap { state in
            let count = feed.devices.lazy.filter { $0.state == state }.count
            guard count > 0 || query.state == state else { return nil }
            return StateCount(
                state: state.rawValue, count: Characters.grouped(count), isOn: query.state == state,
                stateLink: query.link(state: .some(state)))
        }
    }

    func labSummary() -> LabSummary? {
        guard !feed.isEmpty else { return nil }
        return LabSummary(
            labTitle: feed.title.isEmpty ? nil : Characters.visible(feed.title), labTiles: fleetTiles(),
            hasRoles: !feed.roles.isEmpty, roles: feed.roles.map(RoleText.init),
            hasDevices: !feed.devices.isEmpty,
            deviceStates: stateCounts())
    }

    private func fleetTiles() -> [Tile] {
        var tiles: [Tile] = []
        let devices = feed.devices
        if let pool = feed.pool {
            let judged = Double(pool.accepted + pool.rejected + pool.stale)
            tiles.append(
                Tile("Pool hashrate", Figures.hashRate(pool.hashRate), note: "from accepted shares"))
            tiles.append(
                Tile(
                    "Shares", Figures.significant(pool.sharesPerSecond, digits: 3), unit: "/s",
                    note: "\(Characters.grouped(pool.accepted)) accepted"))
            tiles.append(
                Tile(
                    "Stale", Figures.percent(Double(pool.stale), of: judged, decimals: 2),
                    note:
                        "\(pool.stale) stale, \(pool.rejected) rejected"
                ))
            tiles.append(
                Tile(
                    "Connections", Characters.grouped(pool.connections),
                    note: "\(Characters.grouped(pool.channels)) channels"))
            tiles.append(Tile("Blocks found", Characters.grouped(pool.blocksFound)))
        }
        if !devices.isEmpty {
            let hashing = devices.lazy.filter { $0.state == .hashing || $0.state == .throttled }.count
            let rate = devices.reduce(0) { $0 + $1.hashRate }
            let power = devices.reduce(0) { $0 + ($1.power ?? 0) }
            tiles.append(
                Tile(
                    "Devices", Characters.grouped(devices.count),
                    note: "\(Characters.grouped(hashing)) hashing"))
            tiles.append(
                Tile(
                    "Fleet hashrate", Figures.hashRate(rate),
                    note: devices.contains { $0.isScaled } ? "scaled" : nil))
            if power > 0 {
                let efficiency = rate > 0 ? power / rate * 1e12 : nil
                tiles.append(
                    Tile(
                        "Power", Figures.scaled(power, unit: "W"),
                        note: devices.contains { $0.isScaled }
                            ? nil : efficiency.map { "\(Figures.significant($0, digits: 3)) J/TH" }))
            }
            if let hottest = devices.compactMap(\.temperature).max() {
                tiles.append(Tile("Hottest", Figures.fixed(hottest, 1), unit: "°C"))
            }
        }
        return tiles
    }

    private static func deviceText(_ row: DeviceRow) -> DeviceText {
        let heat = row.temperature.map { $0 >= 90 ? "hot" : $0 >= 80 ? "warm" : "" } ?? ""
        let stalePercent = row.staleShare * 100
        return DeviceText(
            deviceName: Characters.visible(row.name), model: Characters.visible(row.model),
            deviceState: row.state.rawValue, transport: Characters.visible(row.transport),
            rate: Figures.hashRate(row.hashRate), scaled: row.isScaled,
            temperature: row.temperature.map { "\(Figures.fixed($0, 1)) °C" } ?? "–", heat: heat,
            power: row.power.map { Figures.scaled($0, unit: "W") } ?? "–",
            efficiency: row.efficiency.map { Figures.significant($0, digits: 3) } ?? "–",
            fan: row.fan.map { "\(Figures.fixed($0, 0)) %" } ?? "–",
            accepted: Characters.grouped(row.accepted),
            rejected: Characters.grouped(row.rejected),
            stale: row.stale == 0
                ? "0" : "\(Characters.grouped(row.stale)) (\(Figures.fixed(stalePercent, 1)) %)",
            staleTone: stalePercent >= 2 ? "warm" : "",
            difficulty: row.difficulty.map(Figures.difficulty) ?? "–",
            best: row.bestDifficulty.map(Figures.difficulty) ?? "–",
            lastShare: row.lastShareAge.map { Figures.span($0) } ?? "–")
    }
}

extension DeviceRow {
    /// Joules per terahash; nil when power is unknown or the hashrate is scaled, since the ratio would mean
    /// nothing.
    var efficiency: Double? {
        guard let power, hashRate > 0, !isScaled else { return nil }
        return power / hashRate * 1e12
    }

    /// Stale shares as a part of all, 0...1.
    var staleShare: Double {
        let all = Double(accepted) + Double(rejected) + Double(stale)
        return all > 0 ? Double(stale) / all : 0
    }
}
