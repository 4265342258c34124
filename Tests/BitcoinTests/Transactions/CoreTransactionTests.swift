import Bitcoin
import Testing

/// Bitcoin Core's tx_valid.json and tx_invalid.json: here only that their bytes survive; scripts are the
/// node's.
@Suite(.enabled(if: Vectors.areShared, "3 tests skipped: \(Vectors.absent)"))
struct CoreTransactionTests {
    @Test(arguments: ["core/tx_valid.json", "core/tx_invalid.json"])
    func transactionsSurviveARoundTrip(_ file: String) throws {
        let rows = try #require(try Vectors.sharedJSON(file) as? [[Any]])
        var count = 0
        for row in rows where row.count == 3 {
            let text = try #require(row[1] as? String)
            let bytes = try #require([UInt8](hex: text))
            let transaction = try Transaction(bytes: bytes)
            #expect(transaction.bytes() == bytes)
            #expect(transaction.wtxid == SHA256.double(bytes))
            #expect(transaction.txid == SHA256.double(transaction.bytes(witness: false)))
            count += 1
        }
        #expect(count > 90)
    }

    @Test func signedTransactionsOfBIP143KeepTheirIds() throws {
        let bytes = try Vectors.shared("core/functional_data/util/tx394b54bb.hex")
        let hex = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
        let transaction = try Transaction(bytes: try #require([UInt8](hex: hex)))
        #expect(transaction.txid.displayHex.hasPrefix("394b54bb"))
    }
}
