// swift-tools-version: 6.2
import PackageDescription

/// For every target.
let languageSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

/// For rooms that others are built on: their code may be compiled into the rooms above. The top floor has nobody above.
let houseSettings =
    languageSettings + [.unsafeFlags(["-cross-module-optimization"], .when(configuration: .release))]

/// A room of the house. The arrows point down only; Tests/HouseTests holds them against Documentation/Architecture.md.
func room(_ name: String, _ below: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: below, exclude: exclude, swiftSettings: houseSettings)
}

func tests(_ name: String, _ subjects: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: subjects, exclude: exclude, swiftSettings: languageSettings)
}

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
]
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let tomlKit: Target.Dependency = .product(name: "TOMLKit", package: "TOMLKit")
let mustache: Target.Dependency = .product(name: "Mustache", package: "swift-mustache")

let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")

let ground: [Target] = [
    room("SansIO"),
    room("JSONText"),
    room("HTTPText", ["SansIO"]),
    .target(name: "CSHA256", cSettings: [.unsafeFlags(["-O2"])]),
    .target(name: "CChaChaPoly", cSettings: [.unsafeFlags(["-O2"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CLibSSL", pkgConfig: "libssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CSecp256k1", pkgConfig: "libsecp256k1", providers: [.apt(["libsecp256k1-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CLibUSB", pkgConfig: "libusb-1.0", providers: [.apt(["libusb-1.0-0-dev"])]),
]

let languages: [Target] = [
    room("Bitcoin", ["SansIO", "CSHA256", "COpenSSL", "CSecp256k1"]),
    room("Stratum", ["SansIO", "JSONText", "Bitcoin", "CChaChaPoly", "COpenSSL", "CSecp256k1"]),
    room("Hardware", ["SansIO", "Bitcoin"], exclude: ["REFERENCE.md"]),
]

let roles: [Target] = [
    room("Chain", ["SansIO", "JSONText", "HTTPText", "Bitcoin", "Stratum"]),
    room("Vardiff", ["SansIO"]),
    room("Ledger", ["SansIO", "Bitcoin"]),
    room("Pool", ["SansIO", "JSONText", "Bitcoin", "Stratum", "Vardiff", "Ledger"]),
    room("JobDeclaration", ["SansIO", "JSONText", "Bitcoin", "Stratum", "Pool"]),
    room("Tap", ["SansIO", "JSONText", "Bitcoin", "Stratum"]),
    room("Translator", ["SansIO", "JSONText", "Bitcoin", "Stratum", "Vardiff", "Pool"]),
    room("Conformance", ["SansIO", "JSONText", "Bitcoin", "Stratum", "Tap"]),
    room("DeviceModel", ["SansIO", "Hardware"]),
    room("ASICSim", ["SansIO", "Bitcoin", "Hardware"]),
    room("Firmware", ["SansIO", "JSONText", "Bitcoin", "Stratum", "Hardware"]),
    room("Rig", ["SansIO", "Bitcoin", "Stratum", "Hardware", "DeviceModel", "ASICSim", "Firmware"]),
    room(
        "Management",
        [
            "SansIO", "JSONText", "HTTPText", "COpenSSL", "Stratum", "Hardware", "DeviceModel", "Firmware",
            "Rig",
        ]),
]

let worlds: [Target] = [
    room("Simulation", ["SansIO"]),
    room("Measurement", ["SansIO", "JSONText", histogram]),
    room("Coordination", ["SansIO", "JSONText", "Measurement"]),
    room("Runtime", ["SansIO", "CSQLite", "CLibSSL"] + nio),
]

let edges: [Target] = [
    room(
        "Experiments",
        [
            "SansIO", "JSONText", "Bitcoin", "Stratum", "Hardware", "DeviceModel", "Chain", "Vardiff",
            "Ledger",
            "Pool", "JobDeclaration", "Translator", "Firmware", "Rig",
            "Simulation", "Measurement",
            tomlKit,
        ]),
    room("Reports", ["SansIO", "JSONText", "DeviceModel", "Measurement", "Experiments", "CSQLite"]),
    room("USB", ["Hardware", "CLibUSB"]),
    room("Operations", ["JSONText", hummingbird, logging, httpTypes] + nio),
    room("Explorer", ["SansIO", "JSONText", "Bitcoin", hummingbird, mustache, logging, httpTypes] + nio),
    .executableTarget(
        name: "LabCLI",
        dependencies: [
            "SansIO", "JSONText", "Bitcoin", "Stratum", "Hardware", "DeviceModel", "Chain", "Vardiff",
            "Ledger",
            "Pool", "JobDeclaration", "Tap", "Translator", "Conformance", "Firmware", "ASICSim",
            "Rig", "Management", "Simulation", "Measurement", "Coordination", "Runtime", "Experiments",
            "Reports", "Explorer", "Operations", "USB",
            arguments, tomlKit,
        ] + nio,
        swiftSettings: languageSettings),
]

let testRooms: [Target] = [
    tests("SansIO", ["SansIO"]),
    tests("JSONText", ["JSONText"]),
    tests("HTTPText", ["HTTPText", "SansIO"]),
    tests("Bitcoin", ["Bitcoin", "CSHA256", "SansIO"]),
    tests("Stratum", ["Stratum", "Bitcoin", "SansIO", "JSONText"]),
    tests(
        "Chain", ["Chain", "Runtime", "Stratum", "Bitcoin", "SansIO", "JSONText", "HTTPText"],
        exclude: ["Differential/kernel_judge.py"]),
    tests("Vardiff", ["Vardiff", "SansIO"]),
    tests("Ledger", ["Ledger", "Bitcoin", "SansIO"]),
    tests(
        "Pool",
        [
            "Pool", "Vardiff", "Ledger", "Translator", "JobDeclaration", "Chain", "Stratum", "Bitcoin",
            "SansIO",
            "JSONText",
        ]),
    tests(
        "JobDeclaration",
        ["JobDeclaration", "Pool", "Chain", "Simulation", "Stratum", "Bitcoin", "SansIO", "JSONText"]),
    tests(
        "Conformance",
        [
            "Conformance", "Tap", "Chain", "Pool", "Translator", "Simulation", "Stratum", "Bitcoin", "SansIO",
            "JSONText",
        ]),
    tests("Tap", ["Tap", "Chain", "Pool", "Simulation", "Stratum", "Bitcoin", "SansIO", "JSONText"]),
    tests("Hardware", ["Hardware", "Bitcoin", "SansIO"]),
    tests(
        "Rig",
        [
            "Rig", "Management", "Firmware", "ASICSim", "DeviceModel", "Hardware", "Stratum", "Bitcoin",
            "SansIO", "JSONText", "HTTPText",
        ]),
    tests("ASICSim", ["ASICSim", "Hardware", "Bitcoin", "SansIO"]),
    tests("Simulation", ["Simulation", "SansIO"]),
    tests("Measurement", ["Measurement", "SansIO", "JSONText"]),
    tests("Coordination", ["Coordination", "Measurement", "Simulation", "SansIO", "JSONText"]),
    tests(
        "Scenario",
        [
            "Experiments", "Rig", "Firmware", "DeviceModel", "Hardware", "Translator", "JobDeclaration",
            "Pool", "Ledger",
            "Chain", "Simulation", "Stratum", "Bitcoin", "SansIO",
        ]),
    tests("Runtime", ["Runtime", "SansIO"] + nio),
    tests(
        "Experiments",
        [
            "Experiments", "Measurement", "DeviceModel", "Hardware", "Simulation", "Chain", "Rig", "Firmware",
            "Stratum", "Bitcoin", "SansIO", "JSONText",
        ]),
    tests("Reports", ["Reports", "Experiments", "Measurement", "DeviceModel", "SansIO", "JSONText"]),
    tests("Explorer", ["Explorer", "SansIO", "Bitcoin", "JSONText"] + nio),
    tests("Operations", ["Operations", "JSONText"]),
    tests("USB", ["USB", "Hardware"]),
    tests("House", []),
    tests(
        "Lab",
        [
            "LabCLI", "Runtime", "Hardware", "Bitcoin", "Pool", "Firmware", "Stratum", "SansIO", "JSONText",
        ],
        exclude: ["verify_blocks.py", "read_fleet.py", "virtual_sticks.py", "guest_image.py"]),
]

let package = Package(
    name: "mining-lab",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "lab", targets: ["LabCLI"]),
        // For Benchmarks, which is a package of its own.
        .library(name: "Bitcoin", targets: ["Bitcoin", "CSHA256"]),
        .library(name: "Chain", targets: ["Chain", "Stratum", "SansIO"]),
        .library(name: "Rig", targets: ["Rig", "Firmware", "DeviceModel", "ASICSim", "Hardware", "SansIO"]),
        .library(name: "Pool", targets: ["Pool", "Runtime", "Stratum", "SansIO"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    ],
    targets: ground + languages + roles + worlds + edges + testRooms)
