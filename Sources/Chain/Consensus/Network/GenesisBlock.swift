import Bitcoin

/// The first blocks of the networks, built from what chainparams states of them.
enum GenesisBlock {
    static let timesMessage = Array(
        "The Times 03/Jan/2009 Chancellor on brink of second bailout for banks".utf8)

    static let timesKey: [UInt8] =
        [UInt8](
            hex: "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb6"
                + "49f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f") ?? []

    static func make(
        time: UInt32, nonce: UInt32, bits: UInt32, message: [UInt8] = timesMessage, key: [UInt8] = timesKey
    ) -> Block {
        var input = Script(bytes: [])
        input.append(push: [0xff, 0xff, 0x00, 0x1d])
        input.append(push: [0x04])
        input.append(push: message)
        var output = Script(bytes: [])
        output.append(push: key)
        output.append(op: Opcode.checkSig)
        let coinbase = Transaction(
            version: 1,
            inputs: [TransactionInput(previousOutput: .null, scriptSig: input)],
            outputs: [TransactionOutput(value: 50 * 100_000_000, scriptPubKey: output)],
            lockTime: 0)
        let header = BlockHeader(
            version: 1, previousBlockHash: .zero, merkleRoot: coinbase.txid, time: time,
            bits: CompactTarget(bits: bits), nonce: nonce)
        return Block(header: header, transactions: [coinbase])
    }
}
