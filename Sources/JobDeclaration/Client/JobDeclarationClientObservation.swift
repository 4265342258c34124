import Bitcoin
import Pool
import SansIO
import Stratum

/// What happened in a job declaration client.
public enum JobDeclarationClientObservation: Sendable, Equatable {
    /// On the side of the devices; blocks too.
    case devices(PoolObservation)
    case templateProvider(TemplateProviderState)
    case upstream(JobDeclarationUpstreamState)
    /// From now on blocks pay the miner's own address.
    case soloStarted
    /// A template's way to the pool. `job` is the devices' id.
    case declaration(job: UInt32, DeclarationState)
    /// The pool credited shares.
    case sharesCredited(count: UInt32)
    /// The pool refused a share.
    case shareRefused(code: String)
    /// A block went to the template provider, and with `isPushed` to the job declaration server too.
    case solutionSent(Hash256, isPushed: Bool)
}

/// How the client stands with the pool of its choice.
public enum JobDeclarationUpstreamState: Sendable, Equatable {
    case dialing(Endpoint)
    /// Channel and token are there: devices work for it.
    case serving(Endpoint, identity: String)
    /// Given up or lost; the next one follows by itself.
    case left(Endpoint, reason: String)
}

/// A template's way to the pool.
public enum DeclarationState: Sendable, Equatable {
    /// The server judged it good.
    case declared
    /// The pool knows it by this id; `cached` shares went after it.
    case acknowledged(UInt32, cached: Int)
    /// Refused; what follows depends on whether a new tip explains it.
    case refused(code: String)
    /// Its tip is gone or its transactions are: `lost` cached shares were for nothing.
    case dropped(lost: Int)
}
