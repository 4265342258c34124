import SansIO

extension TemplateDistribution {
    /// Every message of this protocol (SV2 chapter 7), for one exhaustive `switch`.
    public enum Message: Sendable, Equatable {
        case coinbaseOutputConstraints(CoinbaseOutputConstraints)
        case newTemplate(NewTemplate)
        case setNewPrevHash(SetNewPrevHash)
        case requestTransactionData(RequestTransactionData)
        case requestTransactionDataSuccess(RequestTransactionDataSuccess)
        case requestTransactionDataError(RequestTransactionDataError)
        case submitSolution(SubmitSolution)

        /// Decodes a frame. Nil when its type or extension is none of this protocol; the caller then asks
        /// another protocol or ignores it (SV2 section 3.4). The `channel_msg` bit is not compared: peers
        /// that follow the text before May 2026 send it differently for some types.
        public init?(frame: V2Frame) throws(V2DecodeError) {
            guard frame.extensionNumber == 0 else { return nil }
            switch frame.messageType {
            case CoinbaseOutputConstraints.messageType:
                self = .coinbaseOutputConstraints(try CoinbaseOutputConstraints(payload: frame.payload))
            case NewTemplate.messageType: self = .newTemplate(try NewTemplate(payload: frame.payload))
            case SetNewPrevHash.messageType:
                self = .setNewPrevHash(try SetNewPrevHash(payload: frame.payload))
            case RequestTransactionData.messageType:
                self = .requestTransactionData(try RequestTransactionData(payload: frame.payload))
            case RequestTransactionDataSuccess.messageType:
                self = .requestTransactionDataSuccess(
                    try RequestTransactionDataSuccess(payload: frame.payload))
            case RequestTransactionDataError.messageType:
                self = .requestTransactionDataError(try RequestTransactionDataError(payload: frame.payload))
            case SubmitSolution.messageType:
                self = .submitSolution(try SubmitSolution(payload: frame.payload))
            default: return nil
            }
        }

        /// Appends the message as a plain frame, header and payload.
        public func encodeFrame(into writer: inout ByteWriter) {
            switch self {
            case .coinbaseOutputConstraints(let message): V2Framing.encode(message, into: &writer)
            case .newTemplate(let message): V2Framing.encode(message, into: &writer)
            case .setNewPrevHash(let message): V2Framing.encode(message, into: &writer)
            case .requestTransactionData(let message): V2Framing.encode(message, into: &writer)
            case .requestTransactionDataSuccess(let message): V2Framing.encode(message, into: &writer)
            case .requestTransactionDataError(let message): V2Framing.encode(message, into: &writer)
            case .submitSolution(let message): V2Framing.encode(message, into: &writer)
            }
        }

        /// The specification's name, with a dot before Success and Error.
        public var name: String {
            switch self {
            case .coinbaseOutputConstraints: "CoinbaseOutputConstraints"
            case .newTemplate: "NewTemplate"
            case .setNewPrevHash: "SetNewPrevHash"
            case .requestTransactionData: "RequestTransactionData"
            case .requestTransactionDataSuccess: "RequestTransactionData.Success"
            case .requestTransactionDataError: "RequestTransactionData.Error"
            case .submitSolution: "SubmitSolution"
            }
        }
    }
}
