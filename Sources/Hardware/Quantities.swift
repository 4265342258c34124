/// A temperature in degrees Celsius.
public struct Celsius: Hashable, Comparable, Sendable {
    public var degrees: Double
    @inlinable
    public init(_ degrees: Double) { self.degrees = degrees }
    @inlinable
    public static func < (a: Celsius, b: Celsius) -> Bool { a.degrees < b.degrees }
}

/// A power in watts.
public struct Watts: Hashable, Comparable, Sendable {
    public var watts: Double
    @inlinable
    public init(_ watts: Double) { self.watts = watts }
    public static let zero = Watts(0)
    @inlinable
    public static func < (a: Watts, b: Watts) -> Bool { a.watts < b.watts }
}

/// An energy in joules (watt-seconds).
public struct Joules: Hashable, Comparable, Sendable {
    public var joules: Double
    @inlinable
    public init(_ joules: Double) { self.joules = joules }
    public static let zero = Joules(0)
    public var kilowattHours: Double { joules / 3_600_000 }
    @inlinable
    public static func < (a: Joules, b: Joules) -> Bool { a.joules < b.joules }
}

/// Double SHA-256 hashes of headers per second.
public struct HashRate: Hashable, Comparable, Sendable {
    public var hashesPerSecond: Double
    @inlinable
    public init(_ hashesPerSecond: Double) { self.hashesPerSecond = hashesPerSecond }
    public static let zero = HashRate(0)
    public static func megahashes(_ value: Double) -> HashRate { HashRate(value * 1e6) }
    public static func terahashes(_ value: Double) -> HashRate { HashRate(value * 1e12) }
    public var terahashes: Double { hashesPerSecond / 1e12 }
    @inlinable
    public static func < (a: HashRate, b: HashRate) -> Bool { a.hashesPerSecond < b.hashesPerSecond }
}

/// A clock frequency in megahertz.
public struct Megahertz: Hashable, Comparable, Sendable {
    public var megahertz: Double
    @inlinable
    public init(_ megahertz: Double) { self.megahertz = megahertz }
    public static let zero = Megahertz(0)
    @inlinable
    public static func < (a: Megahertz, b: Megahertz) -> Bool { a.megahertz < b.megahertz }
}

/// An electric potential in volts.
public struct Volts: Hashable, Comparable, Sendable {
    public var volts: Double
    @inlinable
    public init(_ volts: Double) { self.volts = volts }
    public static let zero = Volts(0)
    @inlinable
    public static func < (a: Volts, b: Volts) -> Bool { a.volts < b.volts }
}

/// A rotational speed in revolutions per minute.
public struct RPM: Hashable, Comparable, Sendable {
    public var revolutionsPerMinute: Double
    @inlinable
    public init(_ revolutionsPerMinute: Double) { self.revolutionsPerMinute = revolutionsPerMinute }
    public static let zero = RPM(0)
    @inlinable
    public static func < (a: RPM, b: RPM) -> Bool { a.revolutionsPerMinute < b.revolutionsPerMinute }
}

/// What a fan controller is told: a share of full drive in 0...1. Values outside are clamped.
public struct FanDuty: Hashable, Comparable, Sendable {
    public let fraction: Double
    @inlinable
    public init(_ fraction: Double) { self.fraction = fraction > 0 ? (fraction < 1 ? fraction : 1) : 0 }
    public static let off = FanDuty(0)
    public static let full = FanDuty(1)
    public var percent: Double { fraction * 100 }
    @inlinable
    public static func < (a: FanDuty, b: FanDuty) -> Bool { a.fraction < b.fraction }
}
