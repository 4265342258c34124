import Experiments
import Foundation
import NIOCore
import NIOPosix
import SansIO
import Stratum

/// What an experiment needs of the live world.
enum LiveRequirements {
    /// Why an experiment cannot be run there; nil when it can.
    static func refusal(of experiment: Experiment) -> String? {
        for action in experiment.actions where action.what == .partition || action.what == .latency {
            return
                "the action \"\(action.what.rawValue)\" at \(DurationText.text(action.at)) changes links, and the live "
                + "world's are the host's own: run it with --virtual"
        }
        for fleet in experiment.fleets {
            if fleet.delay ?? .zero > .zero || fleet.jitter ?? .zero > .zero {
                return
                    "fleet \"\(fleet.name)\" asks for delay or jitter of its links, and the live world's are the host's "
                    + "own: run it with --virtual"
            }
            if !experiment.stack.targets.isEmpty, fleet.via == .jdc {
                return
                    "fleet \"\(fleet.name)\" dials the job declaration client, which a target by URL does not have"
            }
            if experiment.stack.targets.isEmpty, fleet.via == .target {
                return "fleet \"\(fleet.name)\" dials the target and there is none: set stack.target"
            }
        }
        if !experiment.stack.targets.isEmpty {
            let ours: Set<ActionPlan.What> = [.drain, .block, .reorganisation]
            for action in experiment.actions {
                let isTranslator = action.what == .kill && action.role == StackRole.translator.rawValue
                if ours.contains(action.what) || action.what == .kill && !isTranslator {
                    return
                        "the action \"\(action.what.rawValue)\" is for our own stack, and a target by URL is not ours"
                }
            }
        }
        return nil
    }

    /// What of an experiment is different in the live world, for the report.
    static func remarks(on experiment: Experiment) -> [String] {
        var remarks = ["links are the host's own; link profiles are not imitated"]
        if experiment.network.transactionsPerSecond > 0 { remarks.append("no transactions are made") }
        return remarks
    }

    /// The experiment's targets; nil where the stack is the lab's own.
    static func targets(of experiment: Experiment) throws -> [PoolURL?] {
        guard !experiment.stack.targets.isEmpty else { return [nil] }
        return try experiment.stack.targets.map { text in
            guard let url = PoolURL(text), url.isStratum else {
                throw UsageFault(
                    "stack.target \"\(text)\" is no pool: stratum+tcp://HOST:PORT or "
                        + "stratum2+tcp://HOST:PORT/AUTHORITY-KEY")
            }
            let needsV2 = experiment.fleets.contains { $0.via == .translator }
            if needsV2, !url.isV2 {
                throw UsageFault("stack.target \"\(text)\" speaks V1: a translator needs a V2 pool behind it")
            }
            return url
        }
    }

    /// Whether somebody listens there at all.
    static func probe(_ target: PoolURL) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let answer = await Result {
            try await ClientBootstrap(group: group).connectTimeout(.seconds(5))
                .connect(host: target.endpoint.host, port: Int(target.endpoint.port)).get()
        }
        let fault: String?
        switch answer {
        case .success(let channel):
            try? await channel.close()
            fault = nil
        case .failure(let error): fault = text(of: error)
        }
        try? await group.shutdownGracefully()
        if let fault { throw CommandFault("the target \(target) cannot be reached: \(fault)") }
    }

    private static func text(of error: any Error) -> String {
        if let error = error as? IOError { return String(cString: strerror(error.errnoCode)) }
        guard let error = error as? NIOConnectionError else { return "\(error)" }
        return error.connectionErrors.first.map { text(of: $0.error) } ?? "\(error.host) is not known"
    }
}

extension PoolURL {
    fileprivate var isStratum: Bool {
        if case .getBlockTemplate = scheme { return false }
        return true
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}

/// What this process may hold open.
enum Descriptors {
    /// Raises the limit as far as the system lets it, and answers it.
    static func raise() -> Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        if limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// Besides connections: listeners, event loops, files.
    static let reserve = 128
}
