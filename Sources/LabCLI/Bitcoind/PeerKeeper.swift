import Chain
import Foundation
import Runtime
import SansIO
import Synchronization

/// The files of bans and of known addresses: read before peers are let in, written at the end, the bans whenever they
/// change.
final class PeerKeeper: Sendable {
    private let bans: String
    private let addresses: String
    private let host = Mutex<MachineHost<NodeMachine>?>(nil)

    init(bans: String, addresses: String) {
        self.bans = bans
        self.addresses = addresses
    }

    func load(into machine: MachineHost<NodeMachine>, log: DebugLog) async {
        host.withLock { $0 = machine }
        if let data = FileManager.default.contents(atPath: bans) {
            machine.send(.loadBans([UInt8](data)))
        } else {
            log.note("Recreating the banlist database")
            await writeBans()
        }
        if let data = FileManager.default.contents(atPath: addresses) {
            machine.send(.loadAddresses([UInt8](data)))
        }
    }

    func saveBans() { Task { await writeBans() } }

    private func writeBans() async {
        guard let machine = host.withLock({ $0 }),
            let bytes = try? await machine.query({ $0.banListFile })
        else { return }
        try? DataDirectory.write(bytes, to: bans)
    }

    func save() async {
        await writeBans()
        guard let machine = host.withLock({ $0 }),
            let bytes = try? await machine.query({ $0.addressFile })
        else { return }
        try? DataDirectory.write(bytes, to: addresses)
    }
}
