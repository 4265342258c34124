import Chain
import Foundation
import Runtime

/// -loadblock: blocks of a file with bitcoind's framing, such as bootstrap.dat, judged as if they came from a peer.
enum BlockImport {
    /// Blocks that are under way to the node at the same time.
    private static let batch = 1_000

    static func load(
        _ path: String, magic: [UInt8], into host: MachineHost<NodeMachine>
    ) async throws {
        guard let data = FileManager.default.contents(atPath: path) else { return }
        let bytes = [UInt8](data)
        var at = 0
        var count = 0
        while at + 8 < bytes.count {
            guard bytes[at] == magic[0], bytes[at..<at + 4].elementsEqual(magic) else {
                at += 1
                continue
            }
            let length = (0..<4).reduce(0) { $0 | Int(bytes[at + 4 + $1]) << (8 * $1) }
            guard length >= 80, at + 8 + length <= bytes.count else {
                at += 1
                continue
            }
            host.send(.submitBlock(Array(bytes[at + 8..<at + 8 + length])))
            at += 8 + length
            count += 1
            if count % batch == 0 { _ = try await host.query { $0.chain.height } }
        }
        _ = try await host.query { $0.chain.height }
    }
}
