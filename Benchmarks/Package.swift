// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that a plain build of the lab does not build the benchmarks.
let package = Package(
    name: "lab-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "mining-lab", path: ".."),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        .executableTarget(
            name: "lab-bench",
            dependencies: [
                .product(name: "Bitcoin", package: "mining-lab"),
                .product(name: "Chain", package: "mining-lab"),
                .product(name: "Pool", package: "mining-lab"),
                .product(name: "Rig", package: "mining-lab"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)])
    ])
