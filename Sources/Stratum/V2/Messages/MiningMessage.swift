import SansIO

extension Mining {
    /// Every message of this protocol (SV2 section 5.3), for one exhaustive `switch`.
    public enum Message: Sendable, Equatable {
        case openStandardMiningChannel(OpenStandardMiningChannel)
        case openStandardMiningChannelSuccess(OpenStandardMiningChannelSuccess)
        case openMiningChannelError(OpenMiningChannelError)
        case openExtendedMiningChannel(OpenExtendedMiningChannel)
        case openExtendedMiningChannelSuccess(OpenExtendedMiningChannelSuccess)
        case newMiningJob(NewMiningJob)
        case updateChannel(UpdateChannel)
        case updateChannelError(UpdateChannelError)
        case closeChannel(CloseChannel)
        case setExtranoncePrefix(SetExtranoncePrefix)
        case submitSharesStandard(SubmitSharesStandard)
        case submitSharesExtended(SubmitSharesExtended)
        case submitSharesSuccess(SubmitSharesSuccess)
        case submitSharesError(SubmitSharesError)
        case newExtendedMiningJob(NewExtendedMiningJob)
        case setNewPrevHash(SetNewPrevHash)
        case setTarget(SetTarget)
        case setCustomMiningJob(SetCustomMiningJob)
        case setCustomMiningJobSuccess(SetCustomMiningJobSuccess)
        case setCustomMiningJobError(SetCustomMiningJobError)
        case setGroupChannel(SetGroupChannel)

        /// Decodes a frame. Nil when its type or extension is none of this protocol; the caller then asks
        /// another protocol or ignores it (SV2 section 3.4). The `channel_msg` bit is not compared: peers
        /// that follow the text before May 2026 send it differently for some types.
        public init?(frame: V2Frame) throws(V2DecodeError) {
            guard frame.extensionNumber == 0 else { return nil }
            switch frame.messageType {
            case OpenStandardMiningChannel.messageType:
                self = .openStandardMiningChannel(try OpenStandardMiningChannel(payload: frame.payload))
            case OpenStandardMiningChannelSuccess.messageType:
                self = .openStandardMiningChannelSuccess(
                    try OpenStandardMiningChannelSuccess(payload: frame.payload))
            case OpenMiningChannelError.messageType:
                self = .openMiningChannelError(try OpenMiningChannelError(payload: frame.payload))
            case OpenExtendedMiningChannel.messageType:
                self = .openExtendedMiningChannel(try OpenExtendedMiningChannel(payload: frame.payload))
            case OpenExtendedMiningChannelSuccess.messageType:
                self = .openExtendedMiningChannelSuccess(
                    try OpenExtendedMiningChannelSuccess(payload: frame.payload))
            case NewMiningJob.messageType: self = .newMiningJob(try NewMiningJob(payload: frame.payload))
            case UpdateChannel.messageType: self = .updateChannel(try UpdateChannel(payload: frame.payload))
            case UpdateChannelError.messageType:
                self = .updateChannelError(try UpdateChannelError(payload: frame.payload))
            case CloseChannel.messageType: self = .closeChannel(try CloseChannel(payload: frame.payload))
            case SetExtranoncePrefix.messageType:
                self = .setExtranoncePrefix(try SetExtranoncePrefix(payload: frame.payload))
            case SubmitSharesStandard.messageType:
                self = .submitSharesStandard(try SubmitSharesStandard(payload: frame.payload))
            case SubmitSharesExtended.messageType:
                self = .submitSharesExtended(try SubmitSharesExtended(payload: frame.payload))
            case SubmitSharesSuccess.messageType:
                self = .submitSharesSuccess(try SubmitSharesSuccess(payload: frame.payload))
            case SubmitSharesError.messageType:
                self = .submitSharesError(try SubmitSharesError(payload: frame.payload))
            case NewExtendedMiningJob.messageType:
                self = .newExtendedMiningJob(try NewExtendedMiningJob(payload: frame.payload))
            case SetNewPrevHash.messageType:
                self = .setNewPrevHash(try SetNewPrevHash(payload: frame.payload))
            case SetTarget.messageType: self = .setTarget(try SetTarget(payload: frame.payload))
            case SetCustomMiningJob.messageType:
                self = .setCustomMiningJob(try SetCustomMiningJob(payload: frame.payload))
            case SetCustomMiningJobSuccess.messageType:
                self = .setCustomMiningJobSuccess(try SetCustomMiningJobSuccess(payload: frame.payload))
            case SetCustomMiningJobError.messageType:
                self = .setCustomMiningJobError(try SetCustomMiningJobError(payload: frame.payload))
            case SetGroupChannel.messageType:
                self = .setGroupChannel(try SetGroupChannel(payload: frame.payload))
            default: return nil
            }
        }

        /// Appends the message as a plain frame, header and payload.
        public func encodeFrame(into writer: inout ByteWriter) {
            switch self {
            case .openStandardMiningChannel(let message): V2Framing.encode(message, into: &writer)
            case .openStandardMiningChannelSuccess(let message): V2Framing.encode(message, into: &writer)
            case .openMiningChannelError(let message): V2Framing.encode(message, into: &writer)
            case .openExtendedMiningChannel(let message): V2Framing.encode(message, into: &writer)
            case .openExtendedMiningChannelSuccess(let message): V2Framing.encode(message, into: &writer)
            case .newMiningJob(let message): V2Framing.encode(message, into: &writer)
            case .updateChannel(let message): V2Framing.encode(message, into: &writer)
            case .updateChannelError(let message): V2Framing.encode(message, into: &writer)
            case .closeChannel(let message): V2Framing.encode(message, into: &writer)
            case .setExtranoncePrefix(let message): V2Framing.encode(message, into: &writer)
            case .submitSharesStandard(let message): V2Framing.encode(message, into: &writer)
            case .submitSharesExtended(let message): V2Framing.encode(message, into: &writer)
            case .submitSharesSuccess(let message): V2Framing.encode(message, into: &writer)
            case .submitSharesError(let message): V2Framing.encode(message, into: &writer)
            case .newExtendedMiningJob(let message): V2Framing.encode(message, into: &writer)
            case .setNewPrevHash(let message): V2Framing.encode(message, into: &writer)
            case .setTarget(let message): V2Framing.encode(message, into: &writer)
            case .setCustomMiningJob(let message): V2Framing.encode(message, into: &writer)
            case .setCustomMiningJobSuccess(let message): V2Framing.encode(message, into: &writer)
            case .setCustomMiningJobError(let message): V2Framing.encode(message, into: &writer)
            case .setGroupChannel(let message): V2Framing.encode(message, into: &writer)
            }
        }

        /// The specification's name, with a dot before Success and Error.
        public var name: String {
            switch self {
            case .openStandardMiningChannel: "OpenStandardMiningChannel"
            case .openStandardMiningChannelSuccess: "OpenStandardMiningChannel.Success"
            case .openMiningChannelError: "OpenMiningChannel.Error"
            case .openExtendedMiningChannel: "OpenExtendedMiningChannel"
            case .openExtendedMiningChannelSuccess: "OpenExtendedMiningChannel.Success"
            case .newMiningJob: "NewMiningJob"
            case .updateChannel: "UpdateChannel"
            case .updateChannelError: "UpdateChannel.Error"
            case .closeChannel: "CloseChannel"
            case .setExtranoncePrefix: "SetExtranoncePrefix"
            case .submitSharesStandard: "SubmitSharesStandard"
            case .submitSharesExtended: "SubmitSharesExtended"
            case .submitSharesSuccess: "SubmitShares.Success"
            case .submitSharesError: "SubmitShares.Error"
            case .newExtendedMiningJob: "NewExtendedMiningJob"
            case .setNewPrevHash: "SetNewPrevHash"
            case .setTarget: "SetTarget"
            case .setCustomMiningJob: "SetCustomMiningJob"
            case .setCustomMiningJobSuccess: "SetCustomMiningJob.Success"
            case .setCustomMiningJobError: "SetCustomMiningJob.Error"
            case .setGroupChannel: "SetGroupChannel"
            }
        }
    }
}
