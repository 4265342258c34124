import Bitcoin
import JSONText

extension NodeMachine {
    /// getdeploymentinfo of the chain that ends with a block.
    func deploymentInfo(_ id: BlockID) -> JSON {
        let entry = chain.tree[id]
        let forks = configuration.network.softForks
        var deployments = JSONObject()
        for (name, height) in [
            ("bip34", forks.bip34), ("bip66", forks.bip66), ("bip65", forks.bip65), ("csv", forks.csv),
            ("segwit", forks.segwit),
        ] where height < Int(Int32.max) {
            deployments.append(
                name,
                ["type": "buried", "active": .bool(entry.height + 1 >= height), "height": .int(height)])
        }
        if configuration.network.testDummy.startTime != VersionBitsDeployment.neverActiveTime {
            deployments.append(
                "testdummy", deploymentJSON(chain.deploymentStatus(at: id), height: entry.height))
        }
        return [
            "hash": .string(entry.hash.displayHex), "height": .int(entry.height),
            "script_flags": .array(chain.scriptFlagNames(at: id).map { .string($0) }),
            "deployments": .object(deployments),
        ]
    }

    private func deploymentJSON(_ status: DeploymentStatus, height: Int) -> JSON {
        let rules = configuration.network.testDummy
        var bip9 = JSONObject()
        if status.statistics != nil { bip9.append("bit", .int(rules.bit)) }
        bip9.append("start_time", .int(rules.startTime))
        bip9.append("timeout", .int(rules.timeout))
        bip9.append("min_activation_height", .int(rules.minActivationHeight))
        bip9.append("status", .string(status.current.rawValue))
        bip9.append("since", .int(status.since))
        bip9.append("status_next", .string(status.next.rawValue))
        if let counted = status.statistics {
            var statistics: JSONObject = ["period": .int(counted.period), "elapsed": .int(counted.elapsed)]
            statistics.append("count", .int(counted.count))
            if counted.threshold > 0 || counted.isPossible {
                statistics.append("threshold", .int(counted.threshold))
                statistics.append("possible", .bool(counted.isPossible))
            }
            bip9.append("statistics", .object(statistics))
            bip9.append("signalling", .string(status.signalling))
        }
        var object: JSONObject = ["type": "bip9"]
        if let since = status.activeSince { object.append("height", .int(since)) }
        object.append("active", .bool(status.activeSince.map { $0 <= height + 1 } ?? false))
        object.append("bip9", .object(bip9))
        return .object(object)
    }

    /// What getblocktemplate says of the soft forks on the tip: the rules, and the bits that may be signalled.
    var templateRules: (rules: JSON, available: JSON) {
        var rules: [JSON] = ["csv"]
        if chain.height + 1 >= configuration.network.softForks.segwit { rules += ["!segwit", "taproot"] }
        if configuration.network.signetChallenge != nil { rules.append("!signet") }
        var available = JSONObject()
        switch chain.tip.versionBits.next {
        case .started, .lockedIn: available.append("testdummy", .int(configuration.network.testDummy.bit))
        case .active: rules.append("testdummy")
        case .defined, .failed: break
        }
        return (.array(rules), .object(available))
    }
}
