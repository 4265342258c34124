import Bitcoin
import SansIO
import Stratum
import Testing

@testable import Chain

/// A template client over Noise, driven by hand.
struct TemplateClient {
    let id: ConnectionID
    var connection: V2Connection
    private var frames: [V2Frame] = []

    init(_ node: inout NodeUnderTest) throws {
        id = node.open(.templateProvider)
        var secrets = SecretGenerator(seed: [UInt8](repeating: UInt8(id.raw), count: 32))
        let authority = try #require(AuthorityPublicKey(node.machine.templateAuthority))
        connection = .initiator(expecting: authority, secrets: &secrets)
        var out = ByteWriter()
        connection.start(into: &out)
        node.receive(out.bytes, on: id)
        try pull(&node)
        #expect(connection.isEstablished)
    }

    mutating func send(_ message: some V2Message, to node: inout NodeUnderTest) throws {
        var out = ByteWriter()
        connection.send(message, into: &out)
        node.receive(out.bytes, on: id)
        try pull(&node)
    }

    mutating func send(frame: V2Frame, to node: inout NodeUnderTest) throws {
        var out = ByteWriter()
        connection.send(frame: frame, into: &out)
        node.receive(out.bytes, on: id)
        try pull(&node)
    }

    mutating func pull(_ node: inout NodeUnderTest) throws {
        var out = ByteWriter()
        try connection.receive(node.take(id).span.bytes, unixTime: 1_700_020_000, into: &out)
        while let frame = try connection.nextFrame() { frames.append(frame) }
    }

    /// The frames since the last call.
    mutating func take() -> [V2Frame] {
        defer { frames = [] }
        return frames
    }

    mutating func messages(_ node: inout NodeUnderTest) throws -> [TemplateDistribution.Message] {
        try pull(&node)
        return try take().compactMap { try TemplateDistribution.Message(frame: $0) }
    }

    mutating func setUp(_ node: inout NodeUnderTest, size: UInt32 = 100) throws {
        try send(Self.setup(), to: &node)
        #expect(try Common.SetupConnectionSuccess(frame: try #require(take().first)).usedVersion == 2)
        try send(
            TemplateDistribution.CoinbaseOutputConstraints(
                coinbaseOutputMaxAdditionalSize: size, coinbaseOutputMaxAdditionalSigops: 0), to: &node)
    }

    static func setup(
        _ kind: V2Protocol = .templateDistribution, versions: ClosedRange<UInt16> = 2...2, flags: UInt32 = 0
    ) -> Common.SetupConnection {
        Common.SetupConnection(
            protocol: kind, minVersion: versions.lowerBound, maxVersion: versions.upperBound, flags: flags,
            endpointHost: "127.0.0.1", endpointPort: 18_447, vendor: "test", hardwareVersion: "",
            firmware: "",
            deviceID: "")
    }

    /// A coinbase on this template, and the solution with a nonce that meets the target.
    static func solve(
        _ template: TemplateDistribution.NewTemplate, _ previous: TemplateDistribution.SetNewPrevHash,
        extra: [UInt8] = [0xaa], value: UInt64? = nil
    ) throws -> TemplateDistribution.SubmitSolution {
        var reader = ByteReader(template.coinbaseTxOutputs.span.bytes)
        let commitment = try TransactionOutput(from: &reader)
        let coinbase = Transaction(
            version: template.coinbaseTxVersion,
            inputs: [
                TransactionInput(
                    previousOutput: .null, scriptSig: Script(bytes: template.coinbasePrefix + extra),
                    sequence: template.coinbaseTxInputSequence, witness: [WitnessCommitment.reservedValue])
            ],
            outputs: [
                TransactionOutput(
                    value: Int64(value ?? template.coinbaseTxValueRemaining), scriptPubKey: .anyone),
                commitment,
            ], lockTime: template.coinbaseTxLocktime)
        let root = Merkle.root(first: coinbase.txid, path: template.merklePath)
        let header = BlockHeader(
            version: template.version, previousBlockHash: previous.prevHash, merkleRoot: root,
            time: previous.headerTimestamp, bits: CompactTarget(bits: previous.nBits), nonce: 0)
        let nonce = try #require(
            HeaderScanner(header: header).find(target: previous.target, nonces: 0..<(1 << 32)))
        return TemplateDistribution.SubmitSolution(
            templateID: template.templateID, version: template.version,
            headerTimestamp: previous.headerTimestamp,
            headerNonce: nonce, coinbaseTx: coinbase.bytes())
    }
}
