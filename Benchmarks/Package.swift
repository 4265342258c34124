// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that a plain build of the lab does not build the benchmarks.
let package = Package(
    name: "lab-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "mining-lab", path: "..")],
    targets: [
        .executableTarget(
            name: "lab-bench",
            dependencies: [
                .product(name: "Bitcoin", package: "mining-lab"),
                .product(name: "Chain", package: "mining-lab"),
                .product(name: "Pool", package: "mining-lab"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)])
    ])
