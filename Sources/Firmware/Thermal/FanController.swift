import Hardware
import SansIO

/// The fan loop of ESP-Miner: PID with gains 5, 0.1 and 2 on an average of the readings, set-point the target
/// temperature, output in percent. The original runs every 100 ms with a smoothing factor of 0.2; this one takes any
/// interval, with the smoothing recomputed so that its time constant (0.45 s) stays.
struct FanController: Sendable {
    private static let proportional = 5.0
    private static let integral = 0.1
    private static let derivative = 2.0
    private static let smoothingSeconds = 0.45

    private var target: Double
    private let minimum: Double
    private var smoothed: Double?
    private var sum: Double
    private var last: Double?

    init(target: Celsius, minimum: FanDuty, start: FanDuty) {
        self.target = target.degrees
        self.minimum = minimum.percent
        sum = start.percent
    }

    /// The duty after one more reading, in whole percent as a PWM register takes it.
    mutating func duty(for reading: Celsius, after interval: Interval) -> FanDuty {
        let seconds = max(interval.seconds, 0.1)
        let weight = seconds / (seconds + Self.smoothingSeconds)
        let input = smoothed.map { $0 + weight * (reading.degrees - $0) } ?? reading.degrees
        let error = input - target
        // At most two seconds' worth of change enters the derivative: sensors are noisier than sinks are fast.
        let slope = last.map { (input - $0) / max(seconds, 2) } ?? 0
        sum = clamp(sum + Self.integral * error * min(seconds, 10))
        smoothed = input
        last = input
        let output = clamp(sum + Self.proportional * error + Self.derivative * slope)
        return FanDuty(Double(Int(output + 0.5)) / 100)
    }

    /// Forgets the past, for a start after cool-down.
    mutating func reset(to start: FanDuty) {
        smoothed = nil
        last = nil
        sum = start.percent
    }

    mutating func setTarget(_ new: Celsius) { target = new.degrees }

    private func clamp(_ percent: Double) -> Double { min(100, max(minimum, percent)) }
}
