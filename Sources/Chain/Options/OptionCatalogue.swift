/// The names of bitcoind's options (v31). What the node does not act on is taken all the same, so that scripts
/// and files written for bitcoind work; what nobody knows is refused.
enum OptionCatalogue {
    /// Apply off mainnet only from the command line or the network's own section.
    static let networkOnly: Set<String> = [
        "addnode", "bind", "connect", "port", "rpcbind", "rpcport", "wallet", "walletdir",
    ]

    /// `-noX` makes no sense for them.
    static let notNegatable: Set<String> = ["datadir", "signetchallenge", "signetseednode"]

    static let networks = ["main", "regtest", "signet", "test", "testnet4", "labnet"]

    static func knows(_ name: String) -> Bool { names.contains(name) }

    private static let names: Set<String> = Set(
        (chainAndFiles + " " + connection + " " + rpcAndWatching + " " + debugging + " " + policyAndMining
            + " "
            + wallets + " " + client)
            .split(separator: " ").map(String.init))

    private static let chainAndFiles = """
        ? h help version alertnotify assumevalid blocksdir blocksxor blocknotify blockreconstructionextratxn \
        blocksonly coinstatsindex conf daemon daemonwait datadir dbbatchsize dbcache allowignoredconf includeconf \
        loadblock maxmempool mempoolexpiry minimumchainwork par persistmempool persistmempoolv1 pid prune reindex \
        reindex-chainstate settings shutdownnotify startupnotify txindex txospenderindex blockfilterindex chain \
        regtest testnet testnet4 signet signetchallenge signetseednode testactivationheight vbparams fastprune \
        prevoutfetchthreads addressindex labnet blockhashes sv2 sv2port sv2bind sv2interval sv2feedelta
        """
    private static let connection = """
        addnode asmap bantime bind cjdnsreachable connect discover dns dnsseed externalip fixedseeds forcednsseed \
        listen listenonion maxconnections maxreceivebuffer maxsendbuffer maxuploadtarget natpmp networkactive \
        onion i2psam i2pacceptincoming onlynet v2transport peerblockfilters peerbloomfilters port proxy \
        proxyrandomize seednode timeout peertimeout torcontrol torpassword whitebind whitelist whitelistrelay \
        whitelistforcerelay txreconciliation privatebroadcast txsendrate inboundrelaypercent capturemessages
        """
    private static let rpcAndWatching = """
        rest rpcallowip rpcauth rpcbind rpccookiefile rpccookieperms rpcdoccheck rpcpassword rpcport \
        rpcservertimeout rpcthreads rpcuser rpcwhitelist rpcwhitelistdefault rpcworkqueue server ipcbind \
        zmqpubhashblock zmqpubhashblockhwm zmqpubhashtx zmqpubhashtxhwm zmqpubrawblock zmqpubrawblockhwm \
        zmqpubrawtx zmqpubrawtxhwm zmqpubsequence zmqpubsequencehwm deprecatedrpc
        """
    private static let debugging = """
        checkaddrman checkblockindex checkblocks checklevel checkmempool checkpoints debug debugexclude \
        debuglogfile limitancestorcount limitancestorsize limitclustercount limitclustersize limitdescendantcount \
        limitdescendantsize logips loglevel loglevelalways logratelimit logsourcelocations logthreadnames \
        logtimemicros logtimestamps maxsigcachesize maxtipage mocktime printpriority printtoconsole \
        shrinkdebugfile stopafterblockimport stopatheight test uacomment
        """
    private static let policyAndMining = """
        acceptnonstdtxn acceptstalefeeestimates bytespersigop datacarrier datacarriersize dustrelayfee \
        incrementalrelayfee minrelaytxfee permitbaremultisig blockmaxweight blockmintxfee blockreservedweight \
        blockversion
        """
    private static let wallets = """
        addresstype avoidpartialspends changetype consolidatefeerate disablewallet discardfee fallbackfee keypool \
        maxapsfee maxtxfee mintxfee signer spendzeroconfchange txconfirmtarget unsafesqlitesync wallet \
        walletbroadcast walletcrosschain walletdir walletnotify walletrbf walletrejectlongchains paytxfee
        """
    /// bitcoin-cli's own; a file may hold them.
    private static let client = """
        rpcconnect rpcwait rpcwaittimeout rpcwallet rpcclienttimeout stdin stdinrpcpass stdinwalletpassphrase \
        named getinfo netinfo addrinfo generate color rpcid ipcconnect
        """
}
