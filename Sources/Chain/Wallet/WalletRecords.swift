import Bitcoin
import SansIO

/// What a wallet keeps on disk: keys and values, so that a value that must be forgotten can be overwritten.
///
/// Keys begin with a kind and the wallet's number: 1 the wallet itself, 2 a descriptor, 3 a label, 4 a
/// transaction, 5 a locked coin.
enum WalletRecord {
    static func key(_ kind: UInt8, _ wallet: Int, _ rest: [UInt8] = []) -> [UInt8] {
        [kind, UInt8(truncatingIfNeeded: wallet >> 8), UInt8(truncatingIfNeeded: wallet)] + rest
    }

    static func number(_ value: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    static func outPoint(_ outPoint: OutPoint) -> [UInt8] {
        outPoint.txid.bytes + number(Int(outPoint.index))
    }
}

extension ByteWriter {
    fileprivate mutating func write(block bytes: [UInt8]) {
        write(compactSize: UInt64(bytes.count))
        write(bytes)
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    fileprivate mutating func block() throws(ByteReaderError) -> [UInt8] {
        try bytes(Int(try compactSize()))
    }
    @_lifetime(self: copy self)
    fileprivate mutating func text() throws(ByteReaderError) -> String {
        String(decoding: try block(), as: UTF8.self)
    }
}

extension Wallet {
    var record: [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.write(block: Array(name.utf8))
        writer.write(u8: flags.rawValue)
        writer.write(u8: isLoaded ? 1 : 0)
        writer.write(u8: loadsOnStart.map { $0 ? 2 : 1 } ?? 0)
        writer.write(u32: birth)
        writer.write(hash: best?.hash ?? .zero)
        writer.write(u32: UInt32(clamping: best?.height ?? 0))
        writer.write(u8: encryption == nil ? 0 : 1)
        if let encryption {
            writer.write(block: encryption.salt)
            writer.write(u32: UInt32(clamping: encryption.rounds))
            writer.write(block: encryption.sealedKey)
        }
        return writer.bytes
    }

    init?(number: Int, record: [UInt8], network: AddressNetwork) {
        var reader = ByteReader(record.span.bytes)
        do throws(ByteReaderError) {
            let name = try reader.text()
            let flags = Flags(rawValue: try reader.u8())
            let isLoaded = try reader.u8() == 1
            let start = try reader.u8()
            self.init(
                number: number, name: name, network: network, flags: flags, birth: try reader.u32())
            self.isLoaded = isLoaded
            loadsOnStart = start == 0 ? nil : start == 2
            let hash = try reader.hash256()
            let height = Int(try reader.u32())
            best = hash.isZero ? nil : (hash, height)
            if try reader.u8() == 1 {
                let salt = try reader.block()
                let rounds = Int(try reader.u32())
                encryption = WalletEncryption(salt: salt, rounds: rounds, sealedKey: try reader.block())
            }
        } catch {
            return nil
        }
    }

    /// Takes over what an earlier record of the same wallet does not hold.
    mutating func restoreHeader(from other: Wallet) {
        name = other.name
        flags = other.flags
        isLoaded = other.isLoaded
        loadsOnStart = other.loadsOnStart
        birth = other.birth
        best = other.best
        encryption = other.encryption
    }

    // MARK: Transactions

    func transactionRecord(_ number: Int) -> [UInt8] {
        let entry = transactions[number]
        var writer = ByteWriter(capacity: 512)
        writer.write(u32: UInt32(clamping: number))
        writer.write(u32: entry.received)
        writer.write(u32: entry.time)
        switch entry.state {
        case .confirmed(let block, let height, let position, let time):
            writer.write(u8: 1)
            writer.write(hash: block)
            writer.write(u32: UInt32(clamping: height))
            writer.write(u32: UInt32(clamping: position))
            writer.write(u32: time)
        case .unconfirmed(let isAbandoned): writer.write(u8: isAbandoned ? 3 : 2)
        case .conflicted(let block, let height):
            writer.write(u8: 4)
            writer.write(hash: block)
            writer.write(u32: UInt32(clamping: height))
        }
        writer.write(compactSize: UInt64(entry.notes.count))
        for (key, value) in entry.notes {
            writer.write(block: Array(key.utf8))
            writer.write(block: Array(value.utf8))
        }
        writer.write(entry.transaction.bytes())
        return writer.bytes
    }

    static func transaction(_ record: [UInt8]) -> (order: Int, entry: WalletTransaction)? {
        var reader = ByteReader(record.span.bytes)
        do throws(ByteReaderError) {
            let order = Int(try reader.u32())
            let received = try reader.u32()
            let time = try reader.u32()
            let state: WalletTransaction.State
            switch try reader.u8() {
            case 1:
                let block = try reader.hash256()
                let height = Int(try reader.u32())
                let position = Int(try reader.u32())
                state = .confirmed(
                    block: block, height: height, position: position, time: try reader.u32())
            case 3: state = .unconfirmed(isAbandoned: true)
            case 4:
                let block = try reader.hash256()
                state = .conflicted(block: block, height: Int(try reader.u32()))
            default: state = .unconfirmed(isAbandoned: false)
            }
            var notes: [(key: String, value: String)] = []
            let count = try reader.compactSize()
            for _ in 0..<count {
                let key = try reader.text()
                notes.append((key, try reader.text()))
            }
            guard let transaction = try? Transaction(bytes: try reader.bytes(reader.remaining)) else {
                return nil
            }
            return (
                order,
                WalletTransaction(
                    transaction: transaction, state: state, received: received, time: time, notes: notes)
            )
        } catch {
            return nil
        }
    }
}

extension WalletDescriptor {
    var record: [UInt8] {
        var writer = ByteWriter(capacity: 512)
        writer.write(block: Array(watch.publicText.utf8))
        switch secrets {
        case .none: writer.write(u8: 0)
        case .plain(let descriptor):
            writer.write(u8: 1)
            writer.write(block: Array(descriptor.text(isPrivate: true).utf8))
        case .sealed(let box, _):
            writer.write(u8: 2)
            writer.write(block: box)
        }
        writer.write(u32: timestamp)
        writer.write(u8: (isActive ? 1 : 0) | (isInternal ? 2 : 0))
        writer.write(u32: rangeStart)
        writer.write(u32: rangeEnd)
        writer.write(u32: next)
        // Records of earlier versions end here.
        for root in roots { writer.write(block: Array(root.text(network: watch.network).utf8)) }
        return writer.bytes
    }

    init?(record: [UInt8], network: AddressNetwork) {
        var reader = ByteReader(record.span.bytes)
        do throws(ByteReaderError) {
            let text = try reader.text()
            let secrets: Secrets
            switch try reader.u8() {
            case 1:
                let secret = try reader.text()
                guard let descriptor = try? OutputDescriptor.parseSingle(secret, network: network) else {
                    return nil
                }
                secrets = .plain(descriptor)
            case 2: secrets = .sealed(try reader.block(), open: nil)
            default: secrets = .none
            }
            let timestamp = try reader.u32()
            let flags = try reader.u8()
            let start = try reader.u32()
            let end = try reader.u32()
            let next = try reader.u32()
            guard let watch = try? OutputDescriptor.parseSingle(text, network: network), start <= end else {
                return nil
            }
            self.init(
                watch: watch, secrets: secrets, timestamp: timestamp, isActive: flags & 1 != 0,
                isInternal: flags & 2 != 0, range: start..<end, next: next)
            while reader.remaining > 0 {
                if let root = ExtendedKey(try reader.text(), network: network) { roots.append(root) }
            }
        } catch {
            return nil
        }
    }
}
