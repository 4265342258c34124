import Measurement

/// What makes a live run's load: the devices of this process, or shards of them in others.
protocol LoadSource: Sendable {
    /// The run's seconds in their order, of all devices. Ends after the last one, or after ``finish()``.
    var seconds: AsyncStream<Second> { get }
    /// Plugs the devices in.
    ///
    /// - Returns: when the run begins, in Unix nanoseconds.
    func begin() async throws -> UInt64
    func finish()
    func stop() async
    /// What was not as asked for.
    var degradations: [String] { get }
    /// Why a device lost its connection or cannot mine, the latest such reason.
    var lastFault: String? { get }
}
