/// Every check that there is, in the order of a report.
public enum ConformanceSuite {
    public static let checks: [Check] =
        ConnectionChecks.all + SetupChecks.all + SurveyChecks.all + ChannelChecks.all + JobChecks.all
        + ShareChecks.all + ExtensionChecks.all + DeclarationChecks.all + TemplateChecks.all + LineChecks.all
}
