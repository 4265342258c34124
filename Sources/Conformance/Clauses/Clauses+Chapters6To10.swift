extension Clause {
    static let chapter6: [Clause] = [
        Clause("SV2-6.3.1-01", .plain, "coinbase-only: the DeclareMiningJob message is never used"),
        Clause("SV2-6.3.1-02", .should, "JDC SHOULD mine optimistically and cache shares", clientsDuty),
        Clause(
            "SV2-6.4.2-01", .plain, "AllocateMiningJobToken is answered by a token, with the request's id"),
        Clause("SV2-6.4.2-02", .plain, "a token uniquely identifies"),
        Clause("SV2-6.4.3-01", .must, "JDS MUST reserve the first output, of 0 sats, for the pool payout"),
        Clause("SV2-6.4.3-02", .must, "MUST NOT change the additional size unless the configuration changed"),
        Clause(
            "SV2-6.4.3-03", .must, "JDC MUST allocate sats into the pool payout output and keep the order",
            clientsDuty),
        Clause(
            "SV2-6.4.3-04", .should, "JDS and Pool SHOULD reject custom jobs without sats for the pool",
            .notFromOutside("needs a template of a node that JDS trusts; the suite has none")),
        Clause("SV2-6.4.4-01", .plain, "coinbase prefix and suffix are halves of a transaction"),
        Clause("SV2-6.4.4-02", .must, "BIP141 fields MUST NOT be stripped in DeclareMiningJob", clientsDuty),
        Clause("SV2-6.4.6-01", .plain, "DeclareMiningJob.Error has the identifier of the original request"),
        Clause(
            "SV2-6.4.9-01", .must, "on PushSolution JDS MUST attempt to reconstruct and propagate the block",
            .notFromOutside("needs a declared job and its solution; the suite has no template")),
    ]

    static let chapter7: [Clause] = [
        Clause(
            "SV2-7-01", .must,
            "to CoinbaseOutputConstraints the server MUST immediately reply with a template"),
        Clause("SV2-7-02", .must, "MUST attempt to broadcast blocks; upon a new best block SetNewPrevHash"),
        Clause(
            "SV2-7-03", .must,
            "MUST NOT provide templates of consensus-invalid blocks with the additional size"),
        Clause("SV2-7-04", .must, "the client MUST immediately send CoinbaseOutputConstraints", clientsDuty),
        Clause(
            "SV2-7-05", .should, "SHOULD push new templates when the fee increases materially",
            .notFromOutside("needs transactions in the provider's mempool")),
        Clause("SV2-7-06", .must, "Template Providers MUST track the work which they provided", unseen),
        Clause("SV2-7.1-01", .must, "MUST reserve 1168 + 4*size weight units"),
        Clause("SV2-7.1-02", .must, "JDC MUST discover the size and communicate it", clientsDuty),
        Clause("SV2-7.2-01", .plain, "template_id is strictly increasing"),
        Clause("SV2-7.2-02", .plain, "coinbase_prefix has up to 8 bytes"),
        Clause(
            "SV2-7.2-03", .must,
            "coinbase_tx_outputs MUST NOT be CompactSize-prefixed; the count is its own field"),
        Clause("SV2-7.2-04", .must, "coinbase_tx_outputs MUST carry the witness commitment"),
        Clause("SV2-7.3-01", .must, "prior to SetNewPrevHash the server MUST send a future NewTemplate"),
        Clause("SV2-7.3-02", .plain, "target may be lower than nBits implies, not higher"),
        Clause("SV2-7.3-03", .plain, "the previous hash is the node's, for every client"),
        Clause("SV2-7.3-04", .should, "clients SHOULD keep the future templates and match them", clientsDuty),
        Clause("SV2-7.5-01", .plain, "RequestTransactionData is answered with its template_id"),
        Clause("SV2-7.5-02", .must, "transaction data MUST include what is required to verify"),
        Clause("SV2-7.5-03", .must, "JD MUST NOT interpret the excess data", clientsDuty),
        Clause("SV2-7.6-01", .plain, "RequestTransactionData.Error has the template_id and a reason"),
        Clause(
            "SV2-7.7-01", .must, "header_timestamp and version of SubmitSolution MUST be within their bounds",
            clientsDuty),
    ]

    static let extensions: [Clause] = [
        Clause("SV2-8-01", .plain, "message types are those of the table"),
        Clause("SV2-8-02", .plain, "messages travel in the direction of their heading"),
        Clause("SV2-10-01", .must, "Pool MUST accept nTime rolled once per second"),
        Clause("SV2-10-02", .should, "Pool SHOULD accept nTime which is within the consensus limits"),
        Clause("SV2-10-03", .plain, "nTime is limited by MAX_FUTURE_BLOCK_TIME"),
        Clause(
            "SV2-10-04", .should, "server SHOULD queue work on a prevhash that the miner knew first",
            .notFromOutside("needs a block that the pool does not know yet")),
        Clause("EXT1-2-01", .must, "the answer has the request's id and extension_type 0x0001"),
        Clause(
            "EXT1-4-01", .must,
            "Servers MUST respond with Error if none of the requested extensions are supported"),
        Clause(
            "EXT1-4-02", .must,
            "required extensions that were not requested MUST be listed, and the client disconnected",
            .notFromOutside("no server is known that requires one; EXT1-4-01 shows the list")),
        Clause(
            "EXT1-4-03", .must, "Clients MUST send RequestExtensions right after Success, and wait",
            clientsDuty),
        Clause("EXT2-1.3-01", .must, "negotiated: the user_identity MUST be included"),
        Clause("EXT2-1.3-02", .must, "not negotiated: the server MUST ignore any unexpected TLV fields"),
        Clause("EXT2-1.1-01", .must, "user_identity MUST NOT be padded", clientsDuty),
    ]

    /// What users need beyond the specification's text, and Stratum V1.
    static let others: [Clause] = [
        Clause("LAB-FRAME-01", .lab, "a frame's announced length costs nothing before its bytes come"),
        Clause("LAB-FRAME-02", .lab, "a peer that does not speak Noise costs nothing"),
        Clause("LAB-SETUP-01", .lab, "a connection is set up once"),
        Clause("LAB-SETUP-02", .lab, "unknown core messages are survived"),
        Clause("LAB-OPEN-01", .lab, "nominal_hash_rate that is NaN is refused"),
        Clause("LAB-OPEN-02", .lab, "nominal_hash_rate below zero is refused"),
        Clause("LAB-OPEN-03", .must, "Proxy MUST send 0.0f when no devices are connected: so it is accepted"),
        Clause("LAB-UPDATE-01", .lab, "UpdateChannel with NaN and target zero is survived"),
        Clause("LAB-CLOSE-01", .lab, "CloseChannel of an unknown channel is survived"),
        Clause("LAB-SHARE-01", .lab, "a share is paid once"),
        Clause("LAB-SHARE-02", .lab, "a share of the wrong kind is survived"),
        Clause("LAB-WORK-01", .lab, "another protocol's messages are survived"),
        Clause("LAB-TP-01", .lab, "a wrong solution is survived"),
        Clause("LAB-JD-01", .lab, "a solution of nothing is survived"),
        Clause("LAB-JD-02", .lab, "transactions nobody asked for harm nobody else"),
        Clause("LAB-JD-03", .lab, "a long user name is answered"),
        Clause("V1-01", .lab, "mining.subscribe"), Clause("V1-02", .lab, "mining.authorize"),
        Clause("V1-03", .lab, "mining.set_difficulty before mining.notify"),
        Clause("V1-04", .lab, "mining.notify"), Clause("V1-05", .lab, "errors carry the call's id"),
        Clause("V1-06", .lab, "mining.submit of an unknown job"),
        Clause("V1-07", .lab, "mining.configure (BIP310)"),
        Clause("V1-08", .lab, "damaged lines"), Clause("V1-09", .lab, "endless lines"),
        Clause("V1-10", .lab, "extranonces are unique"),
    ]
}
