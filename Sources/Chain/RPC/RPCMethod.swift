/// A parameter's names (the first is the proper one, the others are aliases) and whether it may be left out.
struct RPCParameter {
    var names: [String]
    var isOptional: Bool
}

/// Every method the node answers.
enum RPCMethod: String, CaseIterable {
    case getbestblockhash, getblock, getblockchaininfo, getblockcount, getblockhash, getblockheader,
        getchaintips
    case getdifficulty, getmempoolentry, getmempoolinfo, getrawmempool, gettxout, invalidateblock,
        preciousblock
    case reconsiderblock
    case generateblock, generatetoaddress, generatetodescriptor, setmocktime
    case help, stop, uptime
    case getblocktemplate, getmininginfo, getnetworkhashps, submitblock, submitheader
    case getconnectioncount, getnetworkinfo, getpeerinfo
    case decoderawtransaction, getrawtransaction, sendrawtransaction, testmempoolaccept
    case estimatesmartfee, validateaddress
    case createwallet, getaddressinfo, getbalance, getbalances, getnewaddress, getrawchangeaddress,
        getwalletinfo
    case listunspent, listwallets, loadwallet, sendtoaddress, unloadwallet

    /// The order and titles of `help`.
    var category: String {
        switch self {
        case .getbestblockhash, .getblock, .getblockchaininfo, .getblockcount, .getblockhash, .getblockheader,
            .getchaintips, .getdifficulty, .getmempoolentry, .getmempoolinfo, .getrawmempool, .gettxout,
            .invalidateblock, .preciousblock, .reconsiderblock:
            "Blockchain"
        case .help, .stop, .uptime, .setmocktime: "Control"
        case .generateblock, .generatetoaddress, .generatetodescriptor: "Generating"
        case .getblocktemplate, .getmininginfo, .getnetworkhashps, .submitblock, .submitheader: "Mining"
        case .getconnectioncount, .getnetworkinfo, .getpeerinfo: "Network"
        case .decoderawtransaction, .getrawtransaction, .sendrawtransaction, .testmempoolaccept:
            "Rawtransactions"
        case .estimatesmartfee, .validateaddress: "Util"
        case .createwallet, .getaddressinfo, .getbalance, .getbalances, .getnewaddress, .getrawchangeaddress,
            .getwalletinfo, .listunspent, .listwallets, .loadwallet, .sendtoaddress, .unloadwallet:
            "Wallet"
        }
    }

    /// Names in order; a question mark marks optional ones, a bar separates aliases.
    private var signature: String {
        switch self {
        case .getblock: "blockhash verbosity|verbose?"
        case .getblockhash: "height"
        case .getblockheader: "blockhash verbose?"
        case .getmempoolentry: "txid"
        case .getrawmempool: "verbose? mempool_sequence?"
        case .gettxout: "txid n include_mempool?"
        case .invalidateblock, .preciousblock, .reconsiderblock: "blockhash"
        case .generateblock: "output transactions submit?"
        case .generatetoaddress: "nblocks address maxtries?"
        case .generatetodescriptor: "num_blocks descriptor maxtries?"
        case .setmocktime: "timestamp"
        case .help: "command?"
        case .stop: "wait?"
        case .getblocktemplate: "template_request"
        case .getnetworkhashps: "nblocks? height?"
        case .submitblock: "hexdata dummy?"
        case .submitheader: "hexdata"
        case .decoderawtransaction: "hexstring iswitness?"
        case .getrawtransaction: "txid verbosity|verbose? blockhash?"
        case .sendrawtransaction: "hexstring maxfeerate? maxburnamount?"
        case .testmempoolaccept: "rawtxs maxfeerate?"
        case .estimatesmartfee: "conf_target estimate_mode?"
        case .validateaddress, .getaddressinfo: "address"
        case .createwallet:
            "wallet_name disable_private_keys? blank? passphrase? avoid_reuse? descriptors? load_on_startup? "
                + "external_signer?"
        case .getbalance: "dummy? minconf? include_watchonly? avoid_reuse?"
        case .getnewaddress: "label? address_type?"
        case .getrawchangeaddress: "address_type?"
        case .listunspent: "minconf? maxconf? addresses? include_unsafe? query_options?"
        case .loadwallet: "filename load_on_startup?"
        case .sendtoaddress:
            "address amount comment? comment_to? subtractfeefromamount? replaceable? conf_target? "
                + "estimate_mode? avoid_reuse? fee_rate? verbose?"
        case .unloadwallet: "wallet_name? load_on_startup?"
        case .getbestblockhash, .getblockchaininfo, .getblockcount, .getchaintips, .getdifficulty,
            .getmempoolinfo,
            .uptime, .getmininginfo, .getconnectioncount, .getnetworkinfo, .getpeerinfo, .getbalances,
            .getwalletinfo, .listwallets:
            ""
        }
    }

    private static let signatures = Dictionary(
        uniqueKeysWithValues: allCases.map { method in
            (
                method,
                method.signature.split(separator: " ").map { word in
                    RPCParameter(
                        names: word.filter { $0 != "?" }.split(separator: "|").map(String.init),
                        isOptional: word.hasSuffix("?"))
                }
            )
        })

    var parameters: [RPCParameter] { Self.signatures[self] ?? [] }

    var usage: String {
        let words = parameters.map { $0.isOptional ? "( \($0.names[0]) )" : $0.names[0] }
        return ([rawValue] + words).joined(separator: " ")
    }

    var help: String {
        "\(usage)\n\nSee Bitcoin Core's documentation of \(rawValue); this node answers the same way.\n"
    }

    /// What `help` without a command prints.
    static let overview: String = {
        var titles: [String] = []
        for method in allCases where !titles.contains(method.category) { titles.append(method.category) }
        return titles.sorted().map { title in
            let lines = allCases.filter { $0.category == title }.map(\.usage).sorted()
            return (["== \(title) =="] + lines).joined(separator: "\n")
        }.joined(separator: "\n\n")
    }()
}
