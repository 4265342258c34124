import Chain
import Foundation
import Runtime
import SansIO
import Synchronization

/// The pool's file: read at start, written at the end and whenever savemempool asks.
final class MempoolKeeper: Sendable {
    private let path: String
    private let host = Mutex<MachineHost<NodeMachine>?>(nil)

    init(path: String) { self.path = path }

    func attach(_ machine: MachineHost<NodeMachine>) { host.withLock { $0 = machine } }

    func load() {
        guard let data = FileManager.default.contents(atPath: path) else { return }
        host.withLock { $0 }?.send(.loadMempool([UInt8](data)))
    }

    func request() { Task { await save() } }

    func save() async {
        guard let machine = host.withLock({ $0 }) else { return }
        guard let bytes = try? await machine.query({ $0.mempoolFile.bytes() }) else { return }
        try? DataDirectory.write(bytes, to: path)
    }
}
