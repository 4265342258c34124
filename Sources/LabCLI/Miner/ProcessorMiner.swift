import Bitcoin
import Firmware
import Foundation
import Hardware
import NIOCore
import NIOPosix
import Rig
import Runtime
import SansIO
import Stratum
import Synchronization

/// The firmware on its loop, the cores on their threads, and the lines in between.
struct ProcessorMiner {
    let settings: FirmwareSettings
    let cores: ProcessorCores
    let report: MinerReport
    let cookie: CookieFile?
    /// Failed attempts in a row before it gives up; nil never does.
    let retries: Int?

    /// Seconds between two lines of a thread.
    static let reportPause = 5

    /// Mines until a signal comes.
    ///
    /// - Throws: ``CommandFault`` when it has given up.
    func run() async throws {
        let runtime = LabRuntime(threads: 1)
        let stop = StopSignal()
        let began = runtime.world.now
        let machine = AttachedMachine(
            MinerFirmware(
                settings: settings, wallClock: runtime.world.wallClock,
                secrets: SecretGenerator(seed: LiveWorld.entropy(32)),
                seed: PRNG(seed: UInt64.random(in: .min ... .max))))
        let watcher = AccountWatcher(accounts: settings.accounts, cookie: cookie)
        let host = MachineHost(machine, loop: runtime.group.next(), world: runtime.world) {
            observation, _ in
            if case .commanded(let command) = observation { return cores.carryOut(command) }
            report.observe(observation)
            guard case .disconnected = observation else { return }
            watcher.lookAgain()
            if let retries, report.counts.failures > retries { stop.request("gave up") }
        }
        watcher.moved = { host.send(.operate(.setPools($0))) }
        cores.start { event, handled in
            host.send(.hardware(event))
            host.loop.execute(handled)
        }
        report.note(
            "started",
            "\(cores.meters.count, as: "threads") miner threads started, using 'sha256d' algorithm.")
        for account in settings.accounts {
            report.note("pool", "\(account.url, as: "url") as \(account.user, as: "user")")
        }
        host.start()
        host.send(.powerOn)
        let lines = Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(Self.reportPause))
                if !Task.isCancelled { report.threads() }
            }
        }
        let why = await stop.wait()
        lines.cancel()
        host.send(.powerOff)
        await host.stop()
        cores.stop()
        report.threads()
        report.end(after: (runtime.world.now - began).seconds)
        if why == "gave up" { throw CommandFault(report.counts.lastFault) }
    }
}

/// A node writes its cookie anew whenever it starts: after a connection was lost the file is read again.
private final class AccountWatcher: @unchecked Sendable {
    private let accounts: [PoolAccount]
    private let cookie: CookieFile?
    private let last = Mutex<String?>(nil)
    /// Set before the first look; called when the accounts are others now.
    var moved: @Sendable ([PoolAccount]) -> Void = { _ in }

    init(accounts: [PoolAccount], cookie: CookieFile?) {
        self.accounts = accounts
        self.cookie = cookie
        let text = try? cookie?.read()
        last.withLock { $0 = text }
    }

    func lookAgain() {
        guard let text = try? cookie?.read() else { return }
        let isNew = last.withLock { last in
            defer { last = text }
            return last != text
        }
        guard isNew else { return }
        moved(
            accounts.map { account in
                guard case .getBlockTemplate(_, let path) = account.url.scheme else { return account }
                var account = account
                account.url.scheme = .getBlockTemplate(credentials: text, path: path)
                return account
            })
    }
}
