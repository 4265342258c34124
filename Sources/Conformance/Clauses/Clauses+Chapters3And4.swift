extension Clause {
    /// Why most of the untested clauses are untested.
    static let clientsDuty = Test.notFromOutside("a client's duty; the peer under test is a server")
    static let proxysDuty = Test.notFromOutside("a proxy's duty; seen only from both of its sides")
    static let unseen = Test.notFromOutside("what happens inside; nothing on the wire shows it")

    static let chapter3: [Clause] = [
        Clause(
            "SV2-3-01", .must, "clients which have full block templates MUST also propagate blocks",
            clientsDuty),
        Clause("SV2-3.1-01", .plain, "fields are serialized in the order and lengths of their data types"),
        Clause(
            "SV2-3.1-02", .must,
            "Recipients MUST NOT interpret bits outside of the least significant bit of a BOOL",
            .notFromOutside("no message that a server receives has a BOOL")),
        Clause("SV2-3.2.1-01", .plain, "channel_msg indicates a message which is specific to a channel"),
        Clause(
            "SV2-3.3-01", .must,
            "After a request to reconnect, the downstream node MUST run the handshake with the new node",
            clientsDuty),
        Clause(
            "SV2-3.4-01", .must, "extension_type MUST be experimental (0x4000-0x7fff) or allocated",
            .notFromOutside(
                "which numbers are allocated is a registry's matter; SV2-3.4.1-03 sees unknown ones")),
        Clause(
            "SV2-3.4-02", .should, "extensions SHOULD have BIPs written", .notFromOutside("about documents")),
        Clause(
            "SV2-3.4.1-01", .must,
            "Messages with an unknown extension_type to be processed locally MUST be discarded and ignored"),
        Clause(
            "SV2-3.4.1-02", .must,
            "with channel_msg set, the channel's endpoint is the final recipient: there it is discarded and ignored"
        ),
        Clause("SV2-3.4.1-03", .must, "Core protocol messages MUST have extension_type set to 0x0000"),
        Clause(
            "SV2-3.4.1-04", .must,
            "a proxy MUST forward channel messages of unknown extensions to the channel's device",
            proxysDuty),
        Clause(
            "SV2-3.4.1-05", .must,
            "channel_id mapping MUST be done on the first four bytes, nothing else modified",
            proxysDuty),
        Clause(
            "SV2-3.4.1-06", .must, "a known extension's messages MUST be processed by its specification",
            .notFromOutside("see EXT1 and EXT2")),
        Clause(
            "SV2-3.4.1-07", .must, "with TLVs the extension_type MUST NOT change",
            .notFromOutside("no server message is extended by a registered TLV")),
        Clause(
            "SV2-3.4.2-01", .must, "an implementation of extensions MUST first implement extension 1",
            .notFromOutside("a server without extensions is free to have none; see EXT1-4-01")),
        Clause(
            "SV2-3.4.2-02", .must, "Extensions MUST require negotiation before their messages are sent",
            .notFromOutside(
                "about extensions' texts; SV2-3.4.1-03 sees messages of extensions nobody asked for")),
        Clause(
            "SV2-3.4.3-01", .must,
            "If a TLV exceeds its maximum length, the recipient MUST reject the message"),
        Clause(
            "SV2-3.4.3-02", .must, "TLV fields MUST be placed at the end, ordered by extension_type",
            clientsDuty),
        Clause(
            "SV2-3.4.3-03", .must, "the recipient MUST process TLV fields in order of extension_type",
            .notFromOutside("one TLV is registered, so there is no order to observe")),
        Clause("SV2-3.5-01", .must, "error codes MUST NOT include control characters"),
        Clause("SV2-3.5-02", .should, "error codes SHOULD use printable ASCII"),
        Clause(
            "SV2-3.5-03", .must, "implementations MUST do a logging no-op for unknown error codes",
            clientsDuty),
        Clause(
            "SV2-3.5-04", .must, "Fallback or recovery MUST be based on the overall protocol state",
            clientsDuty),
        Clause(
            "SV2-3.5-05", .should, "pools SHOULD provide documentation on error codes",
            .notFromOutside("about documents")),
        Clause("SV2-3.6.1-01", .must, "SetupConnection MUST be the first message sent by the client"),
        Clause(
            "SV2-3.6.1-02", .must, "Server MUST respond with SetupConnection.Success or SetupConnection.Error"
        ),
        Clause(
            "SV2-3.6.1-03", .must,
            "clients MUST always set vendor; SHOULD set hardware_version, SHOULD empty device_id",
            clientsDuty),
        Clause("SV2-3.6.2-01", .plain, "used_version is a version proposed by the connecting node"),
        Clause(
            "SV2-3.6.3-01", .plain,
            "when version negotiation fails the server sends SetupConnection.Error prior to closing"),
        Clause(
            "SV2-3.6.3-02", .must, "The Server MUST provide the full set of flags which it does not support"),
        Clause(
            "SV2-3.6.3-03", .plain, "If flags is 0, the error is of another condition than unsupported flags"),
        Clause(
            "SV2-3.6.3-04", .must,
            "the same set of flags MUST consistently be supported on one hostname and port"),
        Clause("SV2-3.6.3-05", .should, "clients SHOULD probe with all flags set", clientsDuty),
        Clause("SV2-3.6.4-01", .must, "the intermediate proxy MUST send ChannelEndpointChanged", proxysDuty),
        Clause(
            "SV2-3.6.4-02", .must, "upon ChannelEndpointChanged any extension state MUST be reset"),
        Clause(
            "SV2-3.7-01", .must,
            "the coinbase of a block with SegWit transactions MUST have a witness and commitment",
            .notFromOutside("seen in blocks; SV2-7.2-04 sees the template's commitment")),
        Clause(
            "SV2-3.7.1-01", .must,
            "The server MUST retain the BIP141 fields so that it can reconstruct the coinbase",
            unseen),
        Clause(
            "SV2-3.7.2-01", .must,
            "BIP141 fields MUST NOT be stripped from DeclareMiningJob and SubmitSolution",
            clientsDuty),
    ]

    static let chapter4: [Clause] = [
        Clause(
            "SV2-4-01", .must, "clients MUST first initiate the cryptographic session state", clientsDuty),
        Clause(
            "SV2-4.2-01", .must, "Data MUST NOT let an adversary estimate the performance of a miner",
            .notFromOutside("a goal of the design, not an observable act")),
        Clause("SV2-4.3-01", .plain, "every 64 bytes are an ElligatorSwift encoding of a key (all zero)"),
        Clause("SV2-4.3-02", .plain, "every 64 bytes are an ElligatorSwift encoding of a key (all ones)"),
        Clause(
            "SV2-4.4-01", .must, "Should the decryption fail at any point, the session must be terminated"),
        Clause("SV2-4.4-02", .must, "after the handshake any subsequent traffic is encrypted"),
        Clause("SV2-4.5-01", .plain, "NX handshake: e; e, ee, s, es, SIGNATURE_NOISE_MESSAGE"),
        Clause(
            "SV2-4.5-02", .plain, "act 2 is 64 + 80 + 90 bytes (the text's 170 is older than ElligatorSwift)"),
        Clause("SV2-4.5-03", .plain, "the responder generates a fresh ephemeral key"),
        Clause(
            "SV2-4.5-04", .plain, "the certificate is valid at this time and signed by the pool's authority"),
        Clause("SV2-4.6-01", .plain, "frames are read by their length, however the transport cuts them"),
        Clause("SV2-4.6-02", .plain, "frames follow each other in the stream"),
        Clause("SV2-4.6-03", .plain, "a payload is split into 65519-byte chunks, each encrypted"),
    ]
}
