import SansIO

extension JobDeclaration {
    /// Every message of this protocol (SV2 section 6.4), for one exhaustive `switch`.
    public enum Message: Sendable, Equatable {
        case allocateMiningJobToken(AllocateMiningJobToken)
        case allocateMiningJobTokenSuccess(AllocateMiningJobTokenSuccess)
        case provideMissingTransactions(ProvideMissingTransactions)
        case provideMissingTransactionsSuccess(ProvideMissingTransactionsSuccess)
        case declareMiningJob(DeclareMiningJob)
        case declareMiningJobSuccess(DeclareMiningJobSuccess)
        case declareMiningJobError(DeclareMiningJobError)
        case pushSolution(PushSolution)

        /// Decodes a frame. Nil when its type or extension is none of this protocol; the caller then asks
        /// another protocol or ignores it (SV2 section 3.4). The `channel_msg` bit is not compared: peers
        /// that follow the text before May 2026 send it differently for some types.
        public init?(frame: V2Frame) throws(V2DecodeError) {
            guard frame.extensionNumber == 0 else { return nil }
            switch frame.messageType {
            case AllocateMiningJobToken.messageType:
                self = .allocateMiningJobToken(try AllocateMiningJobToken(payload: frame.payload))
            case AllocateMiningJobTokenSuccess.messageType:
                self = .allocateMiningJobTokenSuccess(
                    try AllocateMiningJobTokenSuccess(payload: frame.payload))
            case ProvideMissingTransactions.messageType:
                self = .provideMissingTransactions(try ProvideMissingTransactions(payload: frame.payload))
            case ProvideMissingTransactionsSuccess.messageType:
                self = .provideMissingTransactionsSuccess(
                    try ProvideMissingTransactionsSuccess(payload: frame.payload))
            case DeclareMiningJob.messageType:
                self = .declareMiningJob(try DeclareMiningJob(payload: frame.payload))
            case DeclareMiningJobSuccess.messageType:
                self = .declareMiningJobSuccess(try DeclareMiningJobSuccess(payload: frame.payload))
            case DeclareMiningJobError.messageType:
                self = .declareMiningJobError(try DeclareMiningJobError(payload: frame.payload))
            case PushSolution.messageType: self = .pushSolution(try PushSolution(payload: frame.payload))
            default: return nil
            }
        }

        /// Appends the message as a plain frame, header and payload.
        public func encodeFrame(into writer: inout ByteWriter) {
            switch self {
            case .allocateMiningJobToken(let message): V2Framing.encode(message, into: &writer)
            case .allocateMiningJobTokenSuccess(let message): V2Framing.encode(message, into: &writer)
            case .provideMissingTransactions(let message): V2Framing.encode(message, into: &writer)
            case .provideMissingTransactionsSuccess(let message): V2Framing.encode(message, into: &writer)
            case .declareMiningJob(let message): V2Framing.encode(message, into: &writer)
            case .declareMiningJobSuccess(let message): V2Framing.encode(message, into: &writer)
            case .declareMiningJobError(let message): V2Framing.encode(message, into: &writer)
            case .pushSolution(let message): V2Framing.encode(message, into: &writer)
            }
        }

        /// The specification's name, with a dot before Success and Error.
        public var name: String {
            switch self {
            case .allocateMiningJobToken: "AllocateMiningJobToken"
            case .allocateMiningJobTokenSuccess: "AllocateMiningJobToken.Success"
            case .provideMissingTransactions: "ProvideMissingTransactions"
            case .provideMissingTransactionsSuccess: "ProvideMissingTransactions.Success"
            case .declareMiningJob: "DeclareMiningJob"
            case .declareMiningJobSuccess: "DeclareMiningJob.Success"
            case .declareMiningJobError: "DeclareMiningJob.Error"
            case .pushSolution: "PushSolution"
            }
        }
    }
}
