import Stratum

/// Every message of the specification by number: what a frame is called, and which way it goes.
public struct MessageCatalog: Sendable {
    public struct Entry: Sendable {
        public let name: String
        public let extensionType: UInt16
        public let messageType: UInt8
        public let isChannelMessage: Bool

        init<M: V2Message>(_ type: M.Type, _ name: String) {
            self.name = name
            extensionType = M.extensionType
            messageType = M.messageType
            isChannelMessage = M.isChannelMessage
        }
    }

    /// In the order of their numbers (SV2 section 8, extension 0x0001).
    public static let entries: [Entry] = common + mining + jobDeclaration + templates + negotiation

    private static let common: [Entry] = [
        Entry(Common.SetupConnection.self, "SetupConnection"),
        Entry(Common.SetupConnectionSuccess.self, "SetupConnection.Success"),
        Entry(Common.SetupConnectionError.self, "SetupConnection.Error"),
        Entry(Common.ChannelEndpointChanged.self, "ChannelEndpointChanged"),
        Entry(Common.Reconnect.self, "Reconnect"),
    ]

    private static let mining: [Entry] = [
        Entry(Mining.OpenStandardMiningChannel.self, "OpenStandardMiningChannel"),
        Entry(Mining.OpenStandardMiningChannelSuccess.self, "OpenStandardMiningChannel.Success"),
        Entry(Mining.OpenMiningChannelError.self, "OpenMiningChannel.Error"),
        Entry(Mining.OpenExtendedMiningChannel.self, "OpenExtendedMiningChannel"),
        Entry(Mining.OpenExtendedMiningChannelSuccess.self, "OpenExtendedMiningChannel.Success"),
        Entry(Mining.NewMiningJob.self, "NewMiningJob"),
        Entry(Mining.UpdateChannel.self, "UpdateChannel"),
        Entry(Mining.UpdateChannelError.self, "UpdateChannel.Error"),
        Entry(Mining.CloseChannel.self, "CloseChannel"),
        Entry(Mining.SetExtranoncePrefix.self, "SetExtranoncePrefix"),
        Entry(Mining.SubmitSharesStandard.self, "SubmitSharesStandard"),
        Entry(Mining.SubmitSharesExtended.self, "SubmitSharesExtended"),
        Entry(Mining.SubmitSharesSuccess.self, "SubmitShares.Success"),
        Entry(Mining.SubmitSharesError.self, "SubmitShares.Error"),
        Entry(Mining.NewExtendedMiningJob.self, "NewExtendedMiningJob"),
        Entry(Mining.SetNewPrevHash.self, "SetNewPrevHash"),
        Entry(Mining.SetTarget.self, "SetTarget"),
        Entry(Mining.SetCustomMiningJob.self, "SetCustomMiningJob"),
        Entry(Mining.SetCustomMiningJobSuccess.self, "SetCustomMiningJob.Success"),
        Entry(Mining.SetCustomMiningJobError.self, "SetCustomMiningJob.Error"),
        Entry(Mining.SetGroupChannel.self, "SetGroupChannel"),
    ]

    private static let jobDeclaration: [Entry] = [
        Entry(JobDeclaration.AllocateMiningJobToken.self, "AllocateMiningJobToken"),
        Entry(JobDeclaration.AllocateMiningJobTokenSuccess.self, "AllocateMiningJobToken.Success"),
        Entry(JobDeclaration.ProvideMissingTransactions.self, "ProvideMissingTransactions"),
        Entry(
            JobDeclaration.ProvideMissingTransactionsSuccess.self, "ProvideMissingTransactions.Success"),
        Entry(JobDeclaration.DeclareMiningJob.self, "DeclareMiningJob"),
        Entry(JobDeclaration.DeclareMiningJobSuccess.self, "DeclareMiningJob.Success"),
        Entry(JobDeclaration.DeclareMiningJobError.self, "DeclareMiningJob.Error"),
        Entry(JobDeclaration.PushSolution.self, "PushSolution"),
    ]

    /// The template protocol's SetNewPrevHash has another number than mining's and the same name.
    private static let templates: [Entry] = [
        Entry(TemplateDistribution.CoinbaseOutputConstraints.self, "CoinbaseOutputConstraints"),
        Entry(TemplateDistribution.NewTemplate.self, "NewTemplate"),
        Entry(TemplateDistribution.SetNewPrevHash.self, "SetNewPrevHash"),
        Entry(TemplateDistribution.RequestTransactionData.self, "RequestTransactionData"),
        Entry(TemplateDistribution.RequestTransactionDataSuccess.self, "RequestTransactionData.Success"),
        Entry(TemplateDistribution.RequestTransactionDataError.self, "RequestTransactionData.Error"),
        Entry(TemplateDistribution.SubmitSolution.self, "SubmitSolution"),
    ]

    private static let negotiation: [Entry] = [
        Entry(ExtensionsNegotiation.RequestExtensions.self, "RequestExtensions"),
        Entry(ExtensionsNegotiation.RequestExtensionsSuccess.self, "RequestExtensions.Success"),
        Entry(ExtensionsNegotiation.RequestExtensionsError.self, "RequestExtensions.Error"),
    ]

    public static func entry(of frame: V2Frame) -> Entry? {
        entries.first { $0.extensionType == frame.extensionNumber && $0.messageType == frame.messageType }
    }

    /// The specification's name, or the numbers of a message that it does not know.
    public static func name(of frame: V2Frame) -> String {
        if let entry = entry(of: frame) { return entry.name }
        let type = hexadecimal(frame.messageType, digits: 2)
        return "unknown(\(hexadecimal(frame.extensionNumber, digits: 4))/\(type))"
    }

    static func hexadecimal(_ value: some FixedWidthInteger & UnsignedInteger, digits: Int) -> String {
        let text = String(value, radix: 16)
        return "0x" + String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
