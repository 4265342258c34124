import Stratum

/// Stands where job declaration will be: a peer gets a whole handshake and an honest answer instead of a dead port.
enum DeclarationGate {
    /// What a client of the job declaration port should know: the protocol is right, the service is not there.
    static let code = "job-declaration-not-available"

    /// The answer to any SetupConnection on this port.
    static func refusal(of message: Common.SetupConnection) -> Common.SetupConnectionError {
        let isRightProtocol = message.protocol == .jobDeclaration
        return Common.SetupConnectionError(
            flags: 0, errorCode: isRightProtocol ? code : "unsupported-protocol")
    }
}
