import Bitcoin
import Testing

@testable import Stratum

@Suite struct ChaChaPolyTests {
    /// RFC 8439 A.5's key is used with our nonce layout, whose first four bytes are zero as in the example's
    /// `00 00 00 00 01 02 03 04 05 06 07 08`.
    @Test("RFC 8439 A.5 opens, and a changed tag does not")
    func rfc8439() throws {
        let key = try #require(
            Hash256(hex: "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0"))
        let associated = try #require([UInt8](hex: "f33388860000000000004e91"))
        let sealed = try #require(
            [UInt8](
                hex: """
                    64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43ee\
                    a09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b9481\
                    14ad176e008d33bd60f982b1ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0\
                    f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e\
                    af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a0bb2316053fa7699\
                    1955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff77987130\
                    305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709beead9d67890cbb22392336fea1851f\
                    38
                    """))
        let count = sealed.count - 16
        var plain = [UInt8](repeating: 0, count: count + 1)
        func open(_ bytes: [UInt8]) -> Bool {
            associated.withUnsafeBytes { associated in
                ChaChaPoly.open(
                    key: key, counter: 0x0807_0605_0403_0201, associated: associated, source: bytes,
                    count: count,
                    target: &plain)
            }
        }
        #expect(open(sealed))
        #expect(String(decoding: plain.prefix(26), as: UTF8.self) == "Internet-Drafts are draft ")
        var again = Array(plain.prefix(count)) + [UInt8](repeating: 0, count: 16)
        associated.withUnsafeBytes { associated in
            again.withUnsafeMutableBufferPointer {
                ChaChaPoly.seal(
                    key: key, counter: 0x0807_0605_0403_0201, associated: associated, data: $0.baseAddress!,
                    count: count, tag: $0.baseAddress! + count)
            }
        }
        #expect(again == sealed)
        var changed = sealed
        changed[changed.count - 1] ^= 1
        #expect(!open(changed))
    }

    @Test("short messages of every length come out as OpenSSL makes them, and no changed bit opens")
    func shortMessagesAgree() {
        for count in 0...ChaChaPoly.shortMax {
            // Bytes of all ones reach the carries of the tag's arithmetic.
            let isExtreme = count % 3 == 0
            let bytes = (0..<UInt64(96 + count)).map { isExtreme ? 0xff : UInt8(($0 &* 181 &+ 7) & 0xff) }
            let key = taggedHash("key", Array(bytes.prefix(count % 90)))
            let associated = Array(bytes.prefix(count % 40))
            let counter = UInt64(count) << (count % 60)
            var own = Array(bytes.suffix(count)) + [UInt8](repeating: 0, count: ChaChaPoly.tagLength)
            var other = own
            associated.withUnsafeBytes { associated in
                own.withUnsafeMutableBufferPointer {
                    ChaChaPoly.seal(
                        key: key, counter: counter, associated: associated, data: $0.baseAddress!,
                        count: count, tag: $0.baseAddress! + count)
                }
                other.withUnsafeMutableBufferPointer {
                    ChaChaPoly.sealByOpenSSL(
                        key: key, counter: counter, associated: associated, data: $0.baseAddress!,
                        count: count, tag: $0.baseAddress! + count)
                }
                #expect(own == other, "\(count) bytes")
                var plain = [UInt8](repeating: 0, count: count + 1)
                func opens(_ sealed: [UInt8]) -> Bool {
                    ChaChaPoly.open(
                        key: key, counter: counter, associated: associated, source: sealed, count: count,
                        target: &plain)
                }
                #expect(opens(own) && Array(plain.prefix(count)) == Array(bytes.suffix(count)))
                own[count * 7 % own.count] ^= 1 << UInt8(count % 8)
                #expect(!opens(own))
            }
        }
    }
}
