import Firmware

/// The families of interfaces that fleet software tells apart.
public enum Dialect: String, Sendable, Hashable, CaseIterable {
    /// Bitmain's own firmware: bmminer's API and the web pages behind digest authentication.
    case antminer
    /// The API of BraiinsOS's BOSminer.
    case braiins
    /// MicroBT's btminer, with the v3 API on a port of its own.
    case whatsminer
    case avalon
    /// ESP-Miner's HTTP API.
    case axeOS
    /// cgminer with GekkoScience's driver.
    case cgminerGekko
    /// cgminer with any other device.
    case cgminer

    init(_ personality: Personality, family: String) {
        self =
            switch personality {
            case .antminer: .antminer
            case .braiins: .braiins
            case .espMiner: .axeOS
            case .cgminerGekko: .cgminerGekko
            case .whatsminer: .whatsminer
            case .avalon: .avalon
            case .cpuMiner: .cgminer
            }
    }

    /// The ports that the family's devices listen on.
    public var listeners: [ManagementPort] {
        switch self {
        case .axeOS: [.web]
        case .whatsminer: [.web, .api, .apiV3]
        case .antminer, .avalon: [.web, .api]
        case .braiins, .cgminerGekko, .cgminer: [.api]
        }
    }

    /// What `Description` and `version` call the program.
    var program: String {
        switch self {
        case .antminer, .cgminer: "cgminer 4.11.1"
        case .cgminerGekko: "cgminer 4.13.1"
        case .braiins: "BOSminer boser-openwrt 0.1.0"
        case .whatsminer: "btminer"
        case .avalon: "cgminer 4.11.1"
        case .axeOS: "esp-miner"
        }
    }

    var apiVersion: String {
        switch self {
        case .antminer: "3.1"
        default: "3.7"
        }
    }

    var serialPrefix: String {
        switch self {
        case .antminer, .braiins: "NGSBADABF"
        case .whatsminer: "HTM31X71"
        case .avalon: "0201"
        default: "LAB"
        }
    }

    var boardPrefix: String {
        switch self {
        case .antminer, .braiins: "NGSBPCB"
        case .whatsminer: "H2M3"
        default: "LABPCB"
        }
    }

    func hostname(mac: [UInt8]) -> String {
        let tail = mac.suffix(3).map(DeviceLabels.hex).joined()
        return switch self {
        case .antminer: "Antminer"
        case .braiins: "braiins-" + tail.lowercased()
        case .whatsminer: "WhatsMiner"
        case .avalon: "Avalon"
        case .axeOS: "bitaxe"
        case .cgminerGekko, .cgminer: "miner-" + tail.lowercased()
        }
    }
}

/// The fixed ports that fleet software looks at.
public enum ManagementPort: UInt16, Sendable, Hashable, CaseIterable {
    case web = 80
    case api = 4028
    case apiV3 = 4433
}
