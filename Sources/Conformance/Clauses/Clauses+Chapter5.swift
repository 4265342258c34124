extension Clause {
    static let chapter5: [Clause] = [
        Clause(
            "SV2-5.1-00", .must, "roles MUST NOT use transaction selection or ordering for more hash space",
            unseen),
        Clause(
            "SV2-5.1-01", .must,
            "Mining servers MUST assign a unique subset of the search space to each device"),
        Clause("SV2-5.1.1-01", .plain, "the BIP323 bits of version are the miner's to roll"),
        Clause("SV2-5.1.1-02", .plain, "the only modifiable version bits are BIP323's"),
        Clause(
            "SV2-5.1.2-01", .plain, "coinbase = prefix + extranonce_prefix + suffix for a standard channel"),
        Clause(
            "SV2-5.1.3-01", .should,
            "never send SetNewPrevHash for a future job with a conflicting transaction",
            .notFromOutside("needs a block that conflicts with a template, made at the right moment")),
        Clause(
            "SV2-5.1.3-02", .should, "after SetNewPrevHash provide a non-future job as fast as possible",
            .notFromOutside("names no time; a template may already be the best")),
        Clause("SV2-5.2-01", .must, "There MUST NOT be two channels with the same ID in the same connection"),
        Clause(
            "SV2-5.2-02", .should, "proxies SHOULD aggregate channels into a smaller number of connections",
            proxysDuty),
        Clause("SV2-5.2.2-01", .must, "upstream servers providing work MUST also support Standard Channels"),
        Clause("SV2-5.2.2-02", .must, "servers which provide work MUST support Extended Channels"),
        Clause(
            "SV2-5.2.3-01", .must, "All channels of a group MUST have the same size of the full extranonce"),
        Clause(
            "SV2-5.3.1-01", .must, "REQUIRES_STANDARD_JOBS: extended jobs and SetGroupChannel cannot be sent"),
        Clause(
            "SV2-5.3.1-02", .must,
            "REQUIRES_VERSION_ROLLING: the server MUST NOT send jobs which do not allow it"),
        Clause(
            "SV2-5.3.1-03", .must, "REQUIRES_FIXED_VERSION: extended jobs MUST NOT indicate version rolling"),
        Clause(
            "SV2-5.3.2-01", .must,
            "Server MUST accept the target or respond by sending OpenMiningChannel.Error"),
        Clause("SV2-5.3.2-02", .must, "the same, of a target that nobody can serve: zero"),
        Clause(
            "SV2-5.3.2-03", .should, "without channels the server SHOULD close the connection for inactivity"),
        Clause("SV2-5.3.2-04", .must, "request_id MUST be connection-wide unique", clientsDuty),
        Clause(
            "SV2-5.3.2-05", .should, "clients SHOULD open channels after SetupConnection.Success", clientsDuty
        ),
        Clause("SV2-5.3.4-01", .plain, "min_extranonce_size is the minimum size needed by the device"),
        Clause(
            "SV2-5.3.7-01", .must,
            "When maximum_target is smaller than the used one, upstream MUST reflect it and send SetTarget"),
        Clause("SV2-5.3.7-02", .must, "an aggregating proxy MUST send UpdateChannel on change", proxysDuty),
        Clause("SV2-5.3.8-01", .plain, "UpdateChannel.Error is sent when UpdateChannel is invalid"),
        Clause("SV2-5.3.8-02", .plain, "when UpdateChannel is accepted no response is sent back"),
        Clause(
            "SV2-5.3.9-01", .must, "after CloseChannel the server MUST stop sending messages for the channel"),
        Clause("SV2-5.3.9-02", .must, "CloseChannel of a group: all channels of the group MUST be closed"),
        Clause(
            "SV2-5.3.9-03", .must, "a proxy MUST send CloseChannel for a lost downstream connection",
            proxysDuty),
        Clause(
            "SV2-5.3.9-04", .must, "proxies MUST keep the upstream notified of the downstream channels",
            proxysDuty),
        Clause(
            "SV2-5.3.10-01", .plain, "SetExtranoncePrefix holds for jobs sent after it",
            .notFromOutside("nothing that a client says makes a server send it")),
        Clause(
            "SV2-5.3.11-01", .must, "ntime MUST be greater than or equal to the minimum of SetNewPrevHash"),
        Clause("SV2-5.3.12-01", .must, "The extranonce's size MUST be equal to the negotiated size"),
        Clause("SV2-5.3.13-01", .plain, "SubmitShares.Success accepts results of a standard channel"),
        Clause("SV2-5.3.13-02", .plain, "SubmitShares.Success accepts results of an extended channel"),
        Clause("SV2-5.3.13-03", .must, "counts and sums are of the batch and MUST be reset for a new batch"),
        Clause(
            "SV2-5.3.14-01", .plain, "all submits leading to hashes higher than the target will be rejected"),
        Clause(
            "SV2-5.3.14-02", .plain, "an error is immediately submitted for every incorrect submit: the job"),
        Clause(
            "SV2-5.3.14-03", .plain,
            "an error is immediately submitted for every incorrect submit: the channel"),
        Clause(
            "SV2-5.3.15-01", .must,
            "NewMiningJob MUST be the first message after the channel has been opened, a future job"),
        Clause("SV2-5.3.15-02", .plain, "version is valid and reflects the current network consensus"),
        Clause(
            "SV2-5.3.15-03", .must, "with min_ntime set the client MUST start to mine immediately",
            clientsDuty),
        Clause(
            "SV2-5.3.15-04", .must, "downstream MUST NOT rely on the BIP323 bits of upstream", clientsDuty),
        Clause("SV2-5.3.16-01", .must, "MUST NOT assign a job_id in use by another valid job on the channel"),
        Clause("SV2-5.3.16-02", .must, "coinbase_tx_prefix and suffix MUST be stripped of BIP141 fields"),
        Clause(
            "SV2-5.3.16-03", .must,
            "A proxy MUST translate for standard channels with REQUIRES_STANDARD_JOBS", proxysDuty),
        Clause("SV2-5.3.17-01", .plain, "prevhash is distributed when a new downstream opens a channel"),
        Clause("SV2-5.3.17-02", .must, "MUST NOT reference a job_id not previously sent as a future job"),
        Clause("SV2-5.3.17-03", .plain, "nbits and min_ntime are header fields"),
        Clause(
            "SV2-5.3.17-04", .must, "Clients MUST immediately start to mine on the provided prevhash",
            clientsDuty),
        Clause("SV2-5.3.18-01", .must, "SetupConnection.flags MUST contain REQUIRES_WORK_SELECTION"),
        Clause(
            "SV2-5.3.18-02", .must, "of a group, the server MUST ignore the standard channels",
            .notFromOutside("needs a token of the pool's JDS and its pool at once; the suite tests one port")),
        Clause("SV2-5.3.19-01", .should, "the miner SHOULD mine optimistically and fall back", clientsDuty),
        Clause(
            "SV2-5.3.20-01", .must, "request_id from the request MUST be provided in the response message"),
        Clause(
            "SV2-5.3.21-01", .plain, "SetTarget holds for future jobs, not for jobs received with min_ntime",
            .notFromOutside("needs a share between the old target and the new on a known kind of job; a race")
        ),
        Clause(
            "SV2-5.3.22-01", .must, "a group channel MUST have a unique channel ID within one connection",
            .notFromOutside("tested by SV2-5.2-01")),
    ]
}
