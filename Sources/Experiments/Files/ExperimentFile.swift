import DeviceModel
import Foundation
import SansIO

/// An experiment's TOML file, and the experiments that it stands for: one, or one for each value of its sweep.
public struct ExperimentFile: Sendable {
    public let path: String
    /// The text as it was read, for the report.
    public let text: String
    private let entries: [SettingsFile.Entry]

    /// - Throws: ``FileError`` for a file that is none.
    public init(path: String) throws {
        guard let data = FileManager.default.contents(atPath: path),
            let text = String(data: data, encoding: .utf8)
        else {
            let exists = FileManager.default.fileExists(atPath: path)
            throw FileError(path: path, line: nil, message: exists ? "cannot be read" : "no such file")
        }
        try self.init(path: path, text: text)
    }

    public init(path: String, text: String) throws {
        self.path = path
        self.text = text
        entries = try SettingsFile(path: path, text: text, takesLists: true).entries
    }

    /// The experiment with other values for some keys (`fleets.0.count`), as `--set` and sweeps give them.
    ///
    /// - Throws: ``FileError`` with file, line, key, what was expected and the nearest right spelling.
    public func experiment(changing changes: [(key: String, value: ProfileValue)] = []) throws -> Experiment {
        let (experiment, faults) = read(changing: changes)
        if let first = faults.first { throw first }
        return experiment
    }

    /// One experiment for each value of the sweep; one where there is none.
    ///
    /// - Parameter isLong: with the values that only long runs take.
    public func experiments(
        changing changes: [(key: String, value: ProfileValue)] = [], isLong: Bool = false
    ) throws -> [(value: ProfileValue?, experiment: Experiment)] {
        let first = try experiment(changing: changes)
        guard let sweep = first.sweep else { return [(nil, first)] }
        return try (sweep.values + (isLong ? sweep.long : [])).map { value in
            (value, try experiment(changing: changes + [(sweep.key, value)]))
        }
    }

    /// Everything that is wrong with the file, in the order of its lines.
    public var faults: [FileError] { read(changing: []).faults }

    /// The same, and the device and link profiles that are not there or are wrong themselves.
    public func faults(in library: ExperimentLibrary) -> [FileError] {
        let (experiment, faults) = read(changing: [])
        var all = faults
        for (index, fleet) in experiment.fleets.enumerated() {
            func note(_ key: String, _ error: any Error) {
                let path = "fleets.\(index).\(key)"
                let line = entries.first { $0.path == path }?.line
                let message = (error as? FileError)?.message ?? "\(error)"
                all.append(FileError(path: self.path, line: line, message: "\(path): \(message)"))
            }
            for part in fleet.parts {
                do { _ = try library.devices.load(part.profile) } catch { note("profiles", error) }
            }
            do { _ = try library.links.load(fleet.link) } catch { note("link", error) }
        }
        return all.sorted { ($0.line ?? .max) < ($1.line ?? .max) }
    }

    private func read(
        changing changes: [(key: String, value: ProfileValue)]
    ) -> (experiment: Experiment, faults: [FileError]) {
        var entries = entries
        var faults: [FileError] = []
        for (key, value) in changes {
            let line = entries.first { $0.path == key }?.line
            entries.removeAll { $0.path == key }
            entries.append(SettingsFile.Entry(path: key, value: value, line: line))
        }
        var experiment = Experiment()
        var given: Set<String> = []
        // Lists whose elements others refer to come first; otherwise as the file has them.
        let order = { (entry: SettingsFile.Entry) in
            entry.path.hasPrefix("fleets.") ? 0 : entry.path.hasPrefix("phases.") ? 1 : 2
        }
        for entry in entries.enumerated().sorted(by: {
            (order($0.element), $0.offset) < (order($1.element), $1.offset)
        }).map(\.element) {
            do throws(PlanError) { try take(entry, into: &experiment, given: &given) } catch {
                faults.append(
                    FileError(path: path, line: entry.line, message: "\(entry.path) \(error)"))
            }
        }
        faults += missing(experiment, given: given)
        faults += contradictions(experiment)
        return (experiment, faults.sorted { ($0.line ?? .max) < ($1.line ?? .max) })
    }

    private func take(
        _ entry: SettingsFile.Entry, into experiment: inout Experiment, given: inout Set<String>
    ) throws(PlanError) {
        let (pattern, index) = Self.pattern(of: entry.path)
        guard let key = Experiment.schema.first(where: { $0.path == pattern }) else {
            let nearest = Spelling.nearest(to: pattern, among: Experiment.schema.map(\.path))
            throw PlanError("is not a key of an experiment", nearest: nearest)
        }
        if !key.isList, given.contains(entry.path) {
            throw PlanError("is a list: it must be \(key.expectation)")
        }
        given.insert(entry.path)
        if index > 100_000 { throw PlanError("is one of too many") }
        experiment.makeRoom(for: pattern, index)
        try key.assign(&experiment, index, try key.input(entry.value))
    }

    /// `fleets.2.count` is `fleets.*.count` and 2.
    static func pattern(of path: String) -> (pattern: String, index: Int) {
        var index = 0
        let parts = path.split(separator: ".").map { part in
            guard let number = Int(part) else { return String(part) }
            index = number
            return "*"
        }
        return (parts.joined(separator: "."), index)
    }

    private func missing(_ experiment: Experiment, given: Set<String>) -> [FileError] {
        var faults: [FileError] = []
        for key in Experiment.schema where key.isRequired {
            let count = key.path.contains("*") ? experiment.count(of: key.path) : 1
            for index in 0..<count {
                let path = key.path.replacingOccurrences(of: "*", with: "\(index)")
                guard !given.contains(path) else { continue }
                let table = path.split(separator: ".").dropLast().joined(separator: ".")
                let line = entries.first { $0.path.hasPrefix(table + ".") }?.line
                faults.append(
                    FileError(
                        path: self.path, line: line,
                        message: "\(path) is missing: it must be \(key.expectation)"))
            }
        }
        for (name, isEmpty) in [("fleets", experiment.fleets.isEmpty), ("phases", experiment.phases.isEmpty)]
        where isEmpty {
            faults.append(
                FileError(
                    path: path, line: nil, message: "\(name) is missing: at least one [[\(name)]] is needed"))
        }
        return faults
    }

    private func contradictions(_ experiment: Experiment) -> [FileError] {
        var faults: [FileError] = []
        func fault(_ key: String, _ message: String) {
            let line = entries.first { $0.path == key || $0.path.hasPrefix(key + ".") }?.line
            faults.append(FileError(path: path, line: line, message: "\(key): \(message)"))
        }
        for (index, fleet) in experiment.fleets.enumerated() {
            if experiment.fleets.prefix(index).contains(where: { $0.name == fleet.name }) {
                fault("fleets.\(index).name", "another fleet is called \"\(fleet.name)\" too")
            }
            if (fleet.via == .target) != !experiment.stack.targets.isEmpty {
                fault(
                    "fleets.\(index)",
                    experiment.stack.targets.isEmpty
                        ? "via = \"target\" needs stack.target" : "with stack.target, via must be \"target\"")
            }
            if fleet.via == .translator, fleet.speech != .v1 {
                fault(
                    "fleets.\(index)", "a translator speaks Stratum V1 with devices: protocol must be \"v1\"")
            }
            if fleet.speech == .v1, fleet.via == .pool || fleet.via == .jdc {
                fault("fleets.\(index)", "Stratum V1 devices need via = \"translator\" or \"target\"")
            }
        }
        for (index, phase) in experiment.phases.enumerated()
        where experiment.phases.prefix(index).contains(where: { $0.name == phase.name }) {
            fault("phases.\(index).name", "another phase is called \"\(phase.name)\" too")
        }
        for (index, action) in experiment.actions.enumerated() {
            if action.at > experiment.duration {
                fault("actions.\(index).at", "the run ends after \(DurationText.text(experiment.duration))")
            }
            if action.what == .kill, action.role.isEmpty { fault("actions.\(index)", "kill needs a role") }
            if action.what == .fault, action.fault.isEmpty {
                fault("actions.\(index)", "fault needs the fault's name")
            }
        }
        for threshold in experiment.thresholds {
            let line = entries.first { $0.path == "thresholds" && $0.value == .text(threshold.text) }?.line
            faults += scopeFaults(
                threshold.measure, "thresholds: \"\(threshold.text)\"", line: line, experiment)
        }
        for (index, reference) in experiment.references.enumerated() {
            let path = "references.\(index).measure"
            let line = entries.first { $0.path == path }?.line
            guard let measure = Measure.scoped(reference.measure) else { continue }
            faults += scopeFaults(measure, "\(path): \"\(reference.measure)\"", line: line, experiment)
            if reference.low > reference.high {
                fault("references.\(index)", "low is above high")
            }
            if let value = reference.sweep, experiment.sweep?.all.contains(value) != true {
                fault("references.\(index).sweep", "\(value.description) is no value of the sweep")
            }
        }
        if let sweep = experiment.sweep { faults += sweepFaults(sweep) }
        return faults
    }

    private func scopeFaults(
        _ measure: Measure, _ place: String, line: Int?, _ experiment: Experiment
    ) -> [FileError] {
        var faults: [FileError] = []
        func check(_ name: String?, _ names: [String], _ what: String) {
            guard let name, !names.contains(name) else { return }
            let hint = Spelling.nearest(to: name, among: names).map { ": did you mean \"\($0)\"?" } ?? ""
            faults.append(
                FileError(
                    path: path, line: line,
                    message: "\(place): no \(what) is called \"\(name)\"\(hint)"))
        }
        check(measure.fleet, experiment.fleets.map(\.name), "fleet")
        check(measure.phase, experiment.phases.map(\.name), "phase")
        return faults
    }

    private func sweepFaults(_ sweep: SweepPlan) -> [FileError] {
        let (pattern, _) = Self.pattern(of: sweep.key)
        let line = entries.first { $0.path.hasPrefix("sweep.") }?.line
        guard let key = Experiment.schema.first(where: { $0.path == pattern }), !pattern.hasPrefix("sweep.")
        else {
            let nearest = Spelling.nearest(to: sweep.key, among: Experiment.schema.map(\.path))
            let hint = nearest.map { ": did you mean \"\($0)\"?" } ?? ""
            return [
                FileError(
                    path: path, line: line, message: "sweep.key is \"\(sweep.key)\": no such key\(hint)")
            ]
        }
        guard !sweep.values.isEmpty else {
            return [
                FileError(
                    path: path, line: line, message: "sweep.values is missing: at least one value is needed")
            ]
        }
        return sweep.all.compactMap { value in
            do throws(PlanError) { _ = try key.input(value) } catch {
                return FileError(path: path, line: line, message: "sweep.values: \(sweep.key) \(error)")
            }
            return nil
        }
    }
}

extension Experiment {
    /// Elements of lists appear with their first key.
    fileprivate mutating func makeRoom(for pattern: String, _ index: Int) {
        if pattern.hasPrefix("fleets.*") { while fleets.count <= index { fleets.append(FleetPlan()) } }
        if pattern.hasPrefix("phases.*") { while phases.count <= index { phases.append(PhasePlan()) } }
        if pattern.hasPrefix("actions.*") { while actions.count <= index { actions.append(ActionPlan()) } }
        if pattern.hasPrefix("references.*") {
            while references.count <= index { references.append(ReferencePlan()) }
        }
    }

    fileprivate func count(of pattern: String) -> Int {
        if pattern.hasPrefix("fleets.") { return fleets.count }
        if pattern.hasPrefix("phases.") { return phases.count }
        if pattern.hasPrefix("actions.") { return actions.count }
        return references.count
    }
}
