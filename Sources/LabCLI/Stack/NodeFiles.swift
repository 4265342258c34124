import Chain
import Foundation
import Runtime
import SansIO
import Synchronization

/// What a node keeps beside its chain: mempool.dat and fee_estimates.dat, read at start and written at the end, and
/// whenever savemempool asks.
final class NodeFiles: Sendable {
    /// Nil for a node that keeps no pool.
    private let mempoolPath: String?
    private let savePath: String
    private let feesPath: String
    private let host = Mutex<MachineHost<NodeMachine>?>(nil)

    /// - Parameter keepsMempool: false is -persistmempool=0; savemempool writes all the same.
    init(directory: String, keepsMempool: Bool = true) {
        savePath = directory + "/mempool.dat"
        feesPath = directory + "/fee_estimates.dat"
        mempoolPath = keepsMempool ? savePath : nil
    }

    /// Estimates of this age say nothing about the fees of now.
    private static let estimatesAge: TimeInterval = 60 * 3_600

    func attach(_ machine: MachineHost<NodeMachine>) { host.withLock { $0 = machine } }

    /// - Parameter takesOld: estimates of any age (-acceptstalefeeestimates).
    func load(takesOld: Bool = false) {
        guard let machine = host.withLock({ $0 }) else { return }
        let attributes = try? FileManager.default.attributesOfItem(atPath: feesPath)
        if let written = attributes?[.modificationDate] as? Date,
            takesOld || Date.now.timeIntervalSince(written) < Self.estimatesAge,
            let data = FileManager.default.contents(atPath: feesPath)
        {
            machine.send(.loadFeeEstimates([UInt8](data)))
        }
        if let mempoolPath, let data = FileManager.default.contents(atPath: mempoolPath) {
            machine.send(.loadMempool([UInt8](data)))
        }
    }

    /// What the node asks of its driver about files. Called before the node's answer leaves.
    func observe(_ observation: NodeObservation) {
        switch observation {
        case .mempoolSaveRequested(let bytes): try? DataDirectory.write(bytes, to: savePath)
        case .fileWriteRequested(let path, let bytes, let replaces):
            let fault = Self.write(bytes, to: path, replaces: replaces)
            host.withLock { $0 }?.send(.fileWritten(path: path, fault: fault))
        case .fileRequested(let path):
            let content = FileManager.default.contents(atPath: path).map { [UInt8]($0) }
            host.withLock { $0 }?.send(.fileRead(path: path, content: content))
        default: break
        }
    }

    private static func write(_ bytes: [UInt8], to path: String, replaces: Bool) -> FileWriteFault? {
        if !replaces, FileManager.default.fileExists(atPath: path) { return .exists }
        let temporary = path + (replaces ? ".new" : ".incomplete")
        do { try DataDirectory.write(bytes, to: path, temporary: temporary) } catch { return .refused }
        return nil
    }

    /// Before the end: everything that the node knows becomes durable.
    func save() async {
        guard let machine = host.withLock({ $0 }) else { return }
        machine.send(.commit)
        guard let (pool, fees) = try? await machine.query({ ($0.mempoolFile.bytes(), $0.feeEstimatesFile) })
        else { return }
        if let mempoolPath { try? DataDirectory.write(pool, to: mempoolPath) }
        try? DataDirectory.write(fees, to: feesPath)
    }
}
