import ArgumentParser
import Bitcoin
import Foundation
import JSONText
import Ledger
import Runtime

extension PayoutScheme: ExpressibleByArgument {}

/// Looks into a pool's books, whether the pool runs or not.
struct LedgerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger",
        abstract: "Shows a pool's books: users, workers, shares, blocks, payouts.",
        discussion: """
            The books of a running pool are at most a second behind it. Work is the expected number of hashes of the \
            accepted shares, an exact integer.

            Examples:
              lab ledger --data /tmp/pool users
              lab ledger workers --json
              lab ledger payouts --scheme pplns --window 2 --fee 1.5 --dust 546
            """)

    enum Page: String, ExpressibleByArgument, CaseIterable {
        case users, workers, channels, shares, blocks, rejects, payouts
    }

    @Argument(help: "What to show.") var page = Page.users
    @Option(help: "The pool's directory of state.") var data = LabRuntime.defaultData
    @Flag(help: "One JSON value instead of a table.") var json = false
    @Option(help: "payouts: how rewards are divided.") var scheme = PayoutScheme.pplns
    @Option(help: ArgumentHelp("payouts: the pool's fee.", valueName: "percent")) var fee = 0.0
    @Option(help: ArgumentHelp("payouts: PPLNS window in blocks' worth of work.", valueName: "blocks"))
    var window = 2.0
    @Option(help: ArgumentHelp("payouts: balances below it are carried.", valueName: "satoshis"))
    var dust: UInt64 = 546
    @Option(help: "How many rows at most, the newest of shares and blocks.") var limit = 100

    func validate() throws {
        guard (0...100).contains(fee) else { throw ValidationError("--fee is a percentage, 0 to 100") }
        guard window > 0, window <= 1_000 else {
            throw ValidationError("--window is above 0 and at most 1000")
        }
        guard (1...1_000_000).contains(limit) else { throw ValidationError("--limit is 1 to 1000000") }
    }

    func run() throws {
        let folder = try folder()
        let book: LedgerBook
        do {
            book = try LedgerBook(
                LiveStorage(
                    directory: folder, name: "ledger", logs: [], tables: LedgerBook.tables, access: .reader))
        } catch let fault as LedgerFault { throw CommandFault(LedgerKeeper.text(of: fault)) } catch {
            throw CommandFault("\(folder)/ledger.sqlite cannot be read: \(error)")
        }
        let pages = LedgerPages(book: book, limit: limit, unixTime: max(book.time, UInt32(time(nil))))
        let table =
            switch page {
            case .users: pages.users
            case .workers: pages.workers
            case .channels: pages.channels
            case .shares: pages.slices
            case .blocks: pages.blocks
            case .rejects: pages.rejects
            case .payouts:
                pages.payouts(
                    LedgerBook.PayoutTerms(
                        scheme, feeBasisPoints: UInt32((fee * 100).rounded()),
                        windowPermille: UInt32((window * 1_000).rounded())), dust: dust)
            }
        Output.text(json ? table.json.text + "\n" : table.text)
    }

    /// The books of `lab pool`, or of `lab up`.
    private func folder() throws -> String {
        for role in ["/pool", "", "/regtest", "/labnet"] {
            let folder = "\(data)\(role)/\(LedgerKeeper.folder)"
            if FileManager.default.fileExists(atPath: folder + "/ledger.sqlite") { return folder }
        }
        throw CommandFault("\(data) holds no pool's books; name the pool's directory with --data")
    }
}

/// Rows under headings: for people, and as JSON objects for programs.
struct LedgerTable {
    var columns: [String]
    var rows: [[JSON]] = []

    var json: JSON {
        .array(rows.map { row in .object(JSONObject(Array(zip(columns, row)))) })
    }

    var text: String {
        let cells = [columns] + rows.map { $0.map { $0.stringValue ?? ($0 == .null ? "-" : $0.text) } }
        let widths = columns.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.map { row in
            var line = row.enumerated().map { index, cell in
                cell + String(repeating: " ", count: widths[index] - cell.count)
            }.joined(separator: "  ")
            while line.hasSuffix(" ") { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}

struct LedgerPages {
    var book: LedgerBook
    var limit: Int
    /// For the rates.
    var unixTime: UInt32

    private static let rates = WorkWindows.Window.allCases.map { "hashrate_\($0.label)" }

    var users: LedgerTable {
        var table = LedgerTable(
            columns: ["user", "name", "workers", "shares", "work", "rejected", "blocks", "last_share"]
                + Self.rates)
        for user in book.users(at: unixTime).prefix(limit) {
            table.rows.append(
                [
                    .int(user.id.raw), .string(user.name), .int(user.workers), .int(user.shares),
                    Self.exact(user.work), .int(user.rejected), .int(user.blocks), .int(user.lastSeen),
                ] + user.hashRates.map { Self.rate($0) })
        }
        return table
    }

    var workers: LedgerTable {
        var table = LedgerTable(
            columns: [
                "worker", "user", "name", "solo", "pool_percent", "shares", "work", "rejected", "blocks",
                "first_share", "last_share",
            ] + Self.rates)
        book.eachWorker { id, row in
            guard table.rows.count < limit else { return }
            table.rows.append(
                [
                    .int(id.raw), .string(book.name(of: row.user)), .string(row.name), .bool(row.isSolo),
                    .int(row.poolPercent), .int(row.shares), Self.exact(row.work), .int(row.rejected),
                    .int(row.blocks), .int(row.firstSeen), .int(row.lastSeen),
                ] + WorkWindows.Window.allCases.map { Self.rate(row.windows.hashRate($0, at: unixTime)) })
        }
        return table
    }

    var channels: LedgerTable {
        var table = LedgerTable(
            columns: [
                "account", "worker", "kind", "opened", "closed", "shares", "work", "last_sequence_number",
            ])
        let first = AccountID(book.lastAccount.raw - min(book.lastAccount.raw, UInt64(limit)) + 1)
        for (id, row) in book.accounts(from: first, limit: limit) {
            table.rows.append([
                .int(id.raw), .int(row.worker.raw), .string(row.isExtended ? "extended" : "standard"),
                .int(row.opened), row.closed == 0 ? .null : .int(row.closed), .int(row.shares),
                Self.exact(row.work), .int(row.lastSequenceNumber),
            ])
        }
        return table
    }

    var slices: LedgerTable {
        var table = LedgerTable(
            columns: ["slice", "start", "height", "reward", "network_work", "shares", "work"])
        for (index, row) in book.latestSlices(limit: limit) {
            table.rows.append([
                .int(index), .int(row.start), .int(row.height), .int(row.reward), Self.exact(row.networkWork),
                .int(row.shares), Self.exact(row.work),
            ])
        }
        return table
    }

    var blocks: LedgerTable {
        var table = LedgerTable(
            columns: ["height", "hash", "time", "user", "worker", "solo", "reward", "fate"])
        for (_, row) in book.latestBlocks(limit: limit) {
            table.rows.append([
                .int(row.height), .string(row.hash.displayHex), .int(row.unixTime),
                .string(book.name(of: row.user)), .int(row.worker.raw), .bool(row.isSolo), .int(row.reward),
                .string("\(row.fate)"),
            ])
        }
        return table
    }

    var rejects: LedgerTable {
        var table = LedgerTable(columns: ["reason", "count"])
        for (code, count) in book.rejects() { table.rows.append([.string(code), .int(count)]) }
        return table
    }

    /// What every user is owed for all blocks that were not orphaned; under FPPS for all shares.
    func payouts(_ terms: LedgerBook.PayoutTerms, dust: UInt64) -> LedgerTable {
        var balances: [Payment] = []
        var pool: UInt64 = 0
        for (_, block) in book.latestBlocks(limit: .max)
        where block.fate == .accepted || block.fate == .matured {
            let paid = book.distribution(of: block, terms: terms)
            balances += paid.payments
            pool += paid.pool
        }
        if terms.scheme == .fpps, let last = book.latestSlices(limit: 1).first?.index {
            let paid = book.fullPayPerShare(from: 1, through: last, feeBasisPoints: terms.feeBasisPoints)
            balances += paid.payments
        }
        let settlement = Settlement(balances, threshold: dust)
        var table = LedgerTable(columns: ["user", "name", "satoshis", "state"])
        for one in settlement.paid {
            table.rows.append([
                .int(one.user.raw), .string(book.name(of: one.user)), .int(one.satoshis), .string("payable"),
            ])
        }
        for one in settlement.carried {
            table.rows.append([
                .int(one.user.raw), .string(book.name(of: one.user)), .int(one.satoshis), .string("carried"),
            ])
        }
        table.rows.append([.int(0), .string("the pool"), .int(pool), .string("kept")])
        return table
    }

    /// Beyond 2^53 a program would round a JSON number.
    private static func exact(_ work: UInt128) -> JSON {
        work < 1 << 53 ? .int(work) : .string(String(work))
    }

    private static func rate(_ hashesPerSecond: Double) -> JSON {
        .number(Figures.decimal(hashesPerSecond, 1))
    }
}
