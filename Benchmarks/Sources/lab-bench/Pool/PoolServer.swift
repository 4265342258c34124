import Bitcoin
import Foundation
import NIOPosix
import Pool
import Runtime
import SansIO
import Stratum

/// The pool server by itself: one machine on one event loop, targets that every hash meets, no vardiff. What its
/// process costs is what the pool costs.
enum PoolServer {
    static let argument = "pool-server"

    /// `arguments`: the template provider's address, shares in one acknowledgement.
    static func run(_ arguments: [String]) -> Never {
        guard arguments.count == 2, let templates = Endpoint(arguments[0]), let batch = UInt32(arguments[1])
        else {
            print("\(argument) ADDRESS BATCH")
            exit(64)
        }
        let world = LiveWorld()
        var configuration = PoolConfiguration(
            authority: AuthoritySecretKey(SecretKey(bytes: Array(repeating: 7, count: 32))!),
            staticKey: SecretKey(bytes: Array(repeating: 9, count: 32))!, clock: world.wallClock,
            secretSeed: LiveWorld.entropy(32), templateProvider: templates,
            payout: .p2wpkh(.zero))
        configuration.sharesPerMinute = 1e6
        configuration.shareBatchSize = batch
        configuration.isVardiffEnabled = false
        configuration.jobRefresh = .hours(1)
        let host = MachineHost(
            PoolMachine(configuration), loop: MultiThreadedEventLoopGroup(numberOfThreads: 1).next(),
            world: world, observer: { _, _ in })
        Task {
            do {
                let endpoint = try await host.listen(.mining, on: Endpoint(host: "127.0.0.1", port: 0))
                host.start()
                print("mining \(endpoint)")
                fflush(nil)
            } catch {
                print("\(error)")
                exit(1)
            }
        }
        while true { sleep(3_600) }
    }
}
