import Dispatch
import Foundation
import Ledger
import Pool
import Runtime
import SansIO

/// A pool's books on disk: `<data>/ledger/ledger.sqlite`, and the journal's two segments beside it.
///
/// What survives what: a record is with the operating system before its acknowledgement leaves, so it survives the
/// pool's process. Once a second the keeper folds the journal into the database and forces that to the disk, so a power
/// cut takes at most that second and what the fold took, unless the journal itself is forced.
final class LedgerKeeper: @unchecked Sendable {
    static let folder = "ledger"
    private static let segments: [(store: StoreID, file: String)] = [
        (.ledgerEven, "ledger/even.journal"), (.ledgerOdd, "ledger/odd.journal"),
    ]
    private static let period = DispatchTimeInterval.seconds(1)

    /// Everything below belongs to it.
    private let queue = DispatchQueue(label: "ledger")
    private let storage: LiveStorage
    private var book: LedgerBook
    private var tails: [JournalTail]
    private var timer: (any DispatchSourceTimer)?
    private let directory: DataDirectory

    /// Opens the books and takes what the journal holds beyond them.
    init(_ directory: DataDirectory) throws {
        self.directory = directory
        do {
            storage = try LiveStorage(
                directory: directory.path(Self.folder), name: "ledger", logs: [], tables: LedgerBook.tables,
                access: .shared)
            book = try LedgerBook(storage)
            tails = Self.segments.map { JournalTail(path: directory.path($0.file)) }
            try fold()
        } catch let fault as LedgerFault { throw CommandFault(Self.text(of: fault)) } catch let fault
            as StorageFault
        { throw CommandFault(Self.text(of: .storage(fault))) }
    }

    /// Where a pool goes on.
    var start: LedgerStart { LedgerStart(book) }

    /// Gives the journal to the pool's host and folds it from now on.
    ///
    /// - Parameter forced: every record is on the disk itself before its acknowledgement leaves.
    func attach(_ host: MachineHost<PoolMachine>, forced: Bool) async throws {
        _ = try await host.open(
            stores: Self.segments.map { ($0.store, name: $0.file) }, under: directory, forced: forced)
        queue.sync {
            host.send(.ledgerFolded(through: book.sequence))
            let timer = DispatchSource.makeTimerSource(queue: queue)
            timer.schedule(deadline: .now() + Self.period, repeating: Self.period)
            timer.setEventHandler { [self] in
                let before = book.sequence
                do throws(LedgerFault) { try fold() } catch { Self.end(error) }
                if book.sequence != before { host.send(.ledgerFolded(through: book.sequence)) }
            }
            timer.resume()
            self.timer = timer
        }
    }

    /// The latest blocks of the books with their finders' names, newest first.
    func latestBlocks(limit: Int) async -> [(row: BlockRow, user: String)] {
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                continuation.resume(
                    returning: book.latestBlocks(limit: limit).map { ($0.row, book.name(of: $0.row.user)) })
            }
        }
    }

    /// After the host has stopped: the last records.
    func stop() {
        queue.sync {
            timer?.cancel()
            timer = nil
            do throws(LedgerFault) { try fold() } catch { Self.end(error) }
            storage.close()
        }
    }

    /// Takes what is new in the journal. A record belongs to one segment, and the next may be in the other.
    private func fold() throws(LedgerFault) {
        var gap: LedgerFault?
        var idlePasses = 0
        repeat {
            gap = nil
            var isProgress = false
            for index in tails.indices {
                try tails[index].read { record throws(LedgerFault) in
                    do throws(LedgerFault) {
                        if try book.take(record) { isProgress = true }
                        return true
                    } catch {
                        guard case .gap = error else { throw error }
                        gap = error
                        return false
                    }
                }
            }
            // The segments are not read at one moment: a gap is one when a second look finds it too.
            idlePasses = isProgress ? 0 : idlePasses + 1
        } while gap != nil && idlePasses < 2
        if let gap { throw gap }
        try book.commit()
    }

    static func text(of fault: LedgerFault) -> String {
        switch fault {
        case .storage(let fault): "the ledger: \(fault)"
        default:
            "the ledger: \(fault); restore its folder from a copy, or move it away to begin new books"
        }
    }

    /// Nothing may be acknowledged that is not stored.
    static func end(_ fault: LedgerFault) -> Never {
        Output.fault(text(of: fault))
        exit(69)
    }
}
