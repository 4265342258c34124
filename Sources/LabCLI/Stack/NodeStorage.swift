import Chain
import Foundation
import NIOPosix
import Runtime
import SansIO

/// The node's disk: `<data>/<network>/blocks/blk00000.dat…` and `rev00000.dat…`, `<data>/<network>/chain.sqlite`.
enum NodeStorage {
    /// Opens or rebuilds the chain and makes the host of its node. A fault while it runs ends the process with one
    /// line, because nothing may be acknowledged that is not stored.
    ///
    /// - Parameters:
    ///   - folder: where the files lie; nil for the network's folder of the data directory.
    ///   - name: the database's, which may lie in a folder of its own that exists.
    static func host(
        _ configuration: NodeConfiguration, settings: NodeSettings, runtime: LabRuntime,
        directory: DataDirectory, folder: String? = nil, name: String = "chain",
        observer: @escaping @Sendable (NodeObservation, Instant) -> Void
    ) throws -> (host: MachineHost<NodeMachine>, storage: LiveStorage) {
        let repair = settings.repair
        do throws(StorageFault) {
            let storage = try LiveStorage(
                directory: folder ?? directory.path(settings.network.name), name: name, logs: logs,
                tables: tables,
                rebuilding: settings.reindexes, bytesPerFile: settings.bytesPerFile)
            let machine = try NodeMachine(configuration, storage: storage) { progress in
                report(progress)
            }
            let host = MachineHost(
                machine, loop: runtime.group.next(), world: runtime.world, storage: storage,
                onFault: { fault in
                    Output.fault(Self.text(of: fault, repair: repair))
                    exit(69)
                }, observer: observer)
            return (host, storage)
        } catch {
            throw CommandFault(text(of: error, repair: repair))
        }
    }

    static let logs = [
        LiveStorage.Log(.blocks, name: "blk", isSource: true), .init(.undo, name: "rev", isSource: false),
    ]

    static let tables: [TableID] = [
        .facts, .blocks, .coins, .transactions, .addressHistory, .addressCoins, .coinStatistics, .wallets,
        .spenders, .filters,
    ]

    /// What is wrong, and what to do about it.
    static func text(of fault: StorageFault, repair: String) -> String {
        switch fault.kind {
        case .damaged: "\(fault); rebuild the database from the block files with: \(repair)"
        case .foreign: "\(fault); choose another directory with --data"
        case .system, .crashed: "\(fault)"
        }
    }

    private static func report(_ progress: RebuildProgress) {
        let percent = progress.bytesTotal == 0 ? 100 : progress.bytesRead * 100 / progress.bytesTotal
        Output.line("rebuilding the chain: \(progress.blocks) blocks, \(percent) % of the block files")
        guard progress.bytesRead == progress.bytesTotal else { return }
        for damage in progress.damage { Output.line("\(damage)") }
    }

    /// Earlier versions kept their blocks in one journal. It is read once and then renamed.
    static func importJournal(
        _ name: String, of directory: DataDirectory, into host: MachineHost<NodeMachine>
    ) async throws {
        guard let records = try directory.records(of: name) else { return }
        for record in records where record.first == 1 || record.first == 2 {
            host.send(.submitBlock(Array(record.dropFirst())))
        }
        _ = try await host.query { $0.chain.height }
        let path = directory.path(name)
        try FileManager.default.moveItem(atPath: path, toPath: path + ".imported")
        Output.line("\(records.count) records of \(path) imported; it is now \(path).imported")
    }
}
