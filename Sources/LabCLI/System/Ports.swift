import ArgumentParser
import Runtime
import SansIO

/// Which port each role listens on: the field's usual ones, or whatever is free.
enum PortChoice: String, ExpressibleByArgument, CaseIterable, Sendable {
    case standard = "default"
    case auto
}

/// The ports of a whole stack.
struct Ports: Sendable {
    var rpc: UInt16 = 18_443
    var peer: UInt16 = 18_444
    var templates: UInt16 = 8_442
    var pool: UInt16 = 34_254
    var jobDeclarationServer: UInt16 = 34_264
    var jobDeclarationClient: UInt16 = 34_265
    var translator: UInt16 = 34_255
    var explorer: UInt16 = 3_002

    init(_ choice: PortChoice) {
        guard choice == .auto else { return }
        (rpc, peer, templates, pool) = (0, 0, 0, 0)
        (jobDeclarationServer, jobDeclarationClient, translator, explorer) = (0, 0, 0, 0)
    }
}
