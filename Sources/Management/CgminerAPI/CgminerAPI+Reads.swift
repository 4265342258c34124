import Firmware
import Hardware
import JSONText
import SansIO
import Stratum

// What every cgminer answers, with the members that the families add.

extension CgminerAPI {
    /// An Avalon is one device to its cgminer, whatever is in it; the others count boards.
    var deviceCount: Int { labels.dialect == .avalon ? 1 : labels.boards }

    var version: APIReply {
        var item: JSONObject
        switch labels.dialect {
        case .antminer:
            item = [
                "BMMiner": "1.0.0", "API": "3.1", "Miner": "uart_trans.1.3",
                "CompileTime": .string(labels.firmwareVersion), "Type": .string(labels.model),
            ]
        case .braiins:
            item = ["API": "3.7", "BOSminer+": .string(labels.firmwareVersion)]
        case .avalon:
            let number = AvalonForms.modelNumber(labels.model)
            item = [
                "CGMiner": "4.11.1", "API": "3.7", "STM8": "20.08.01",
                "PROD": .string(AvalonForms.product(labels.model)),
                "MODEL": .string(number), "HWTYPE": "MM4v1_X3", "SWTYPE": "MM315",
                "LVERSION": .string(labels.firmwareVersion), "BVERSION": .string(labels.firmwareVersion),
                "CGVERSION": .string(labels.firmwareVersion), "DNA": .string(labels.serial.lowercased()),
                "MAC": .string(labels.mac.map(DeviceLabels.hex).joined().lowercased()), "UPAPI": "2",
            ]
        case .whatsminer, .axeOS: item = ["CGMiner": "4.11.1", "API": "3.7"]
        case .cgminerGekko, .cgminer: item = ["CGMiner": .string(labels.firmwareVersion), "API": "3.7"]
        }
        let message = labels.dialect == .braiins ? "BOSminer versions" : "CGMiner versions"
        return APIReply(.success, 22, message, section: "VERSION", items: [item])
    }

    func config(_ status: DeviceStatus) -> APIReply {
        let code =
            switch labels.dialect {
            case .avalon: "AV10 "
            case .cgminerGekko: "GSX "
            default: ""
            }
        return APIReply(
            .success, 33, "CGMiner config", section: "CONFIG",
            items: [
                [
                    "ASC Count": .int(deviceCount), "PGA Count": 0, "Pool Count": .int(pools.count),
                    "Strategy": "Failover", "Log Interval": 5, "Device Code": .string(code), "OS": "Linux",
                    "Hotplug": .string(labels.dialect == .cgminerGekko ? "5" : "None"),
                ]
            ])
    }

    // MARK: Summary

    func summary(_ status: DeviceStatus) -> APIReply {
        let counters = status.counters
        let difficulty = Difficulties(status)
        let minutes = max(status.uptime.seconds / 60, 1.0 / 60)
        let rates = status.rates
        var item = JSONObject([("Elapsed", .whole(status.uptime.seconds))])
        if labels.dialect == .antminer {
            item.append("GHS 5s", gigahashes(rates.fiveSeconds))
            item.append("GHS av", gigahashes(rates.average))
            item.append("GHS 30m", gigahashes(rates.thirtyMinutes))
        }
        for (key, rate) in windows(rates) { item.append("MHS " + key, megahashes(rate)) }
        item.append("Found Blocks", 0)
        item.append("Getworks", .int(counters.jobs))
        item.append("Accepted", .int(counters.accepted))
        item.append("Rejected", .int(counters.rejected))
        item.append("Hardware Errors", .int(counters.hardwareErrors))
        item.append("Utility", .decimal(Double(counters.accepted) / minutes, 2))
        item.append("Discarded", .int(counters.discarded))
        item.append("Stale", .int(counters.rejectedStale))
        item.append("Get Failures", .int(status.pools.reduce(0) { $0 + $1.counters.failures }))
        item.append("Local Work", .int(counters.found + counters.hardwareErrors))
        item.append("Remote Failures", 0)
        item.append("Network Blocks", 0)
        item.append("Total MH", .decimal(rates.total / 1e6, 4))
        item.append("Work Utility", .decimal(difficulty.all / minutes, 2))
        item.append("Difficulty Accepted", .decimal(difficulty.accepted, 8))
        item.append("Difficulty Rejected", .decimal(difficulty.rejected, 8))
        item.append("Difficulty Stale", .decimal(0, 8))
        item.append("Best Share", .whole(status.bestDifficulty))
        item.append("Device Hardware%", .decimal(status.hardwareErrorPercent, 4))
        item.append("Device Rejected%", .decimal(Self.percent(difficulty.rejected, of: difficulty.all), 4))
        item.append("Pool Rejected%", .decimal(Self.percent(difficulty.rejected, of: difficulty.all), 4))
        item.append("Pool Stale%", .decimal(0, 4))
        item.append("Last getwork", .int(status.time))
        if labels.dialect == .whatsminer { whatsminerSummary(status, into: &item) }
        return APIReply(.success, 11, "Summary", section: "SUMMARY", items: [item])
    }

    /// Sums over the pool list.
    struct Difficulties {
        var accepted = 0.0
        var rejected = 0.0
        var all: Double { accepted + rejected }

        init(_ status: DeviceStatus) {
            for pool in status.pools {
                accepted += pool.counters.difficultyAccepted
                rejected += pool.counters.difficultyRejected
            }
        }
    }

    func windows(_ rates: HashRates) -> [(String, HashRate)] {
        [
            ("av", rates.average), ("5s", rates.fiveSeconds), ("1m", rates.minute), ("5m", rates.fiveMinutes),
            ("15m", rates.fifteenMinutes),
        ]
    }

    func megahashes(_ rate: HashRate) -> JSON { .decimal(rate.hashesPerSecond / 1e6, 2) }
    func gigahashes(_ rate: HashRate) -> JSON { .decimal(rate.hashesPerSecond / 1e9, 2) }

    static func percent(_ part: Double, of all: Double) -> Double { all > 0 ? part / all * 100 : 0 }

    // MARK: Pools

    func poolList(_ status: DeviceStatus) -> APIReply {
        let items = pools.entries.indices.map { poolItem($0, status) }
        guard !items.isEmpty else { return APIReply(.error, 8, "No pools") }
        return APIReply(.success, 7, "\(items.count) Pool(s)", section: "POOLS", items: items)
    }

    private func poolItem(_ number: Int, _ status: DeviceStatus) -> JSONObject {
        let entry = pools.entries[number]
        let place = pools.place(of: number)
        let known = place.flatMap { status.pools.indices.contains($0) ? status.pools[$0] : nil }
        let counters = known?.counters ?? PoolCounters()
        let isActive = place != nil && place == status.activePool
        let state = !entry.isEnabled ? "Disabled" : counters.isAlive ? "Alive" : "Dead"
        let all = counters.difficultyAccepted + counters.difficultyRejected
        let url = entry.account.url
        return [
            "POOL": .int(number), "URL": .string(url.description), "Status": .string(state),
            "Priority": .int(entry.priority), "Quota": 1, "Long Poll": "N",
            "Getworks": .int(isActive ? status.counters.jobs : 0), "Accepted": .int(counters.accepted),
            "Rejected": .int(counters.rejected), "Works": .int(isActive ? status.counters.jobs : 0),
            "Discarded": .int(isActive ? status.counters.discarded : 0), "Stale": .int(counters.stale),
            "Get Failures": .int(counters.failures), "Remote Failures": 0,
            "User": .string(entry.account.user),
            "Last Share Time": .int(known?.lastShareTime ?? 0), "Diff": .string(Self.difficultyText(status)),
            "Diff1 Shares": .whole(all), "Proxy Type": "", "Proxy": "",
            "Difficulty Accepted": .decimal(counters.difficultyAccepted, 8),
            "Difficulty Rejected": .decimal(counters.difficultyRejected, 8),
            "Difficulty Stale": .decimal(0, 8), "Last Share Difficulty": .decimal(status.jobDifficulty, 8),
            "Work Difficulty": .decimal(isActive ? status.jobDifficulty : 0, 8), "Has Stratum": true,
            "Stratum Active": .bool(isActive), "Stratum URL": .string(isActive ? url.endpoint.host : ""),
            "Stratum Difficulty": .decimal(isActive ? status.jobDifficulty : 0, 8), "Has Vmask": true,
            "Has GBT": false, "Best Share": .whole(isActive ? status.bestDifficulty : 0),
            "Pool Rejected%": .decimal(Self.percent(counters.difficultyRejected, of: all), 4),
            "Pool Stale%": .decimal(0, 4), "Bad Work": 0, "Current Block Height": 0,
            "Current Block Version": .int(0x2000_0000),
        ]
    }

    private static func difficultyText(_ status: DeviceStatus) -> String {
        status.jobDifficulty >= 1_000
            ? Decimals.text(status.jobDifficulty / 1_000, 0) + "K" : Decimals.text(status.jobDifficulty, 3)
    }

    // MARK: Small ones

    func notify(_ status: DeviceStatus) -> APIReply {
        let heat = status.faults.contains(.overheated) ? 1 : 0
        let items = (0..<deviceCount).map { index -> JSONObject in
            [
                "NOTIFY": .int(index), "Name": .string(deviceName), "ID": .int(index),
                "Last Well": .int(status.isMining ? status.time : 0), "Last Not Well": 0,
                "Reason Not Well": .string(heat > 0 ? "Thermal cutoff" : "None"), "*Thread Fail Init": 0,
                "*Thread Zero Hash": 0, "*Thread Fail Queue": 0, "*Dev Sick Idle 60s": 0,
                "*Dev Dead Idle 600s": 0,
                "*Dev Nostart": 0, "*Dev Over Heat": .int(heat), "*Dev Thermal Cutoff": .int(heat),
                "*Dev Comms Error": 0, "*Dev Throttle": .int(status.phase == .throttled ? 1 : 0),
            ]
        }
        return APIReply(.success, 60, "Notify", section: "NOTIFY", items: items)
    }

    func coin(_ status: DeviceStatus) -> APIReply {
        APIReply(
            .success, 78, "CGMiner coin", section: "COIN",
            items: [
                [
                    "Hash Method": "sha256", "Current Block Time": .decimal(Double(status.time), 6),
                    "Current Block Hash": "", "LP": .bool(status.activePool != nil), "Network Difficulty": 0,
                ]
            ])
    }

    func lcd(_ status: DeviceStatus) -> APIReply {
        let active = status.activePool.flatMap { status.pools.indices.contains($0) ? status.pools[$0] : nil }
        return APIReply(
            .success, 125, "LCD", section: "LCD",
            items: [
                [
                    "Elapsed": .whole(status.uptime.seconds), "GHS av": gigahashes(status.rates.average),
                    "GHS 5m": gigahashes(status.rates.fiveMinutes),
                    "GHS 5s": gigahashes(status.rates.fiveSeconds),
                    "Temperature": .decimal(status.hottestChip.degrees, 2),
                    "Last Share Difficulty": .decimal(status.jobDifficulty, 8),
                    "Last Share Time": .int(active?.lastShareTime ?? 0),
                    "Best Share": .whole(status.bestDifficulty), "Last Valid Work": .int(status.time),
                    "Found Blocks": 0, "Current Pool": .string(active?.account.url.description ?? ""),
                    "User": .string(active?.account.user ?? ""),
                ]
            ])
    }
}
