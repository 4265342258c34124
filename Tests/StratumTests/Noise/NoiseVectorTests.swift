import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Stratum

/// Every value of the published handshakes, recomputed by both sides.
@Suite struct NoiseVectorTests {
    static let names = [
        "normal", "odd parity", "even parity", "encoding beyond p", "clock skew", "expired", "not yet valid",
        "forged",
    ]

    private struct Case {
        var json: JSON
        var initiator: NoiseInitiator
        var responder: NoiseResponder
        var authority: AuthorityPublicKey
        var unixTime: UInt32
    }

    private static func load(_ name: String) throws -> Case {
        let all = try #require(try VectorFile.json("noise/handshakes.json")["handshakes"]?.arrayValue)
        #expect(all.count == names.count)
        let json = try #require(all.first { $0["name"] == .string(name) })
        func part(_ key: String) throws -> JSON { try #require(json[key]) }
        func secret(_ key: String) throws -> SecretKey {
            let bytes = try part(key).bytes("secret")
            return try #require(SecretKey(bytes: bytes))
        }
        let certificate = try part("certificate")
        let authorityText = try part("authority").text("public_text")
        let credentials = NoiseCredentials(
            staticKey: try secret("responder_static"),
            certificate: NoiseCertificate(
                validFrom: UInt32(try certificate.number("valid_from")),
                notValidAfter: UInt32(try certificate.number("not_valid_after")),
                signature: try certificate.bytes("signature")),
            staticEncoding: try part("responder_static").bytes("ellswift"))
        return Case(
            json: json,
            initiator: NoiseInitiator(
                ephemeral: try secret("initiator_ephemeral"),
                encoding: try part("initiator_ephemeral").bytes("ellswift")),
            responder: NoiseResponder(
                credentials: credentials, ephemeral: try secret("responder_ephemeral"),
                randomness: try part("responder_ephemeral").bytes("randomness")),
            authority: try #require(AuthorityPublicKey(authorityText)),
            unixTime: UInt32(try json.number("unix_time")))
    }

    @Test("every intermediate value of both sides is the published one", arguments: names)
    func steps(name: String) throws {
        let vector = try Self.load(name)
        let steps = try #require(vector.json["steps"])
        var seen: [NoiseStep: [UInt8]] = [:]
        let answer = vector.responder.respond(act1: vector.initiator.act1) { seen[$0] = $1 }
        let expected = try vector.json.text("act2")
        #expect(answer.act2.hex == expected)
        #expect(seen.count == NoiseStep.allCases.count)
        for step in NoiseStep.allCases {
            #expect(seen[step]?.hex == steps[step.rawValue]?.stringValue, "\(step)")
        }

        seen = [:]
        let ephemeral = try #require(vector.json["initiator_ephemeral"]).bytes("secret")
        _ = NoiseInitiator(
            ephemeral: try #require(SecretKey(bytes: ephemeral)), encoding: vector.initiator.act1,
            trace: { seen[$0] = $1 })
        _ = try vector.initiator.finish(act2: answer.act2[...], expecting: nil, unixTime: 0) { seen[$0] = $1 }
        for step in NoiseStep.allCases {
            #expect(seen[step]?.hex == steps[step.rawValue]?.stringValue, "\(step)")
        }
    }

    @Test("keys, encodings and certificate bytes follow from the secrets", arguments: names)
    func derived(name: String) throws {
        let json = try Self.load(name).json
        for key in ["initiator_ephemeral", "responder_ephemeral", "responder_static"] {
            let part = try #require(json[key])
            let secret = try #require(SecretKey(bytes: try part.bytes("secret")))
            let x = try part.bytes("public_x")
            let published = try part.bytes("ellswift")
            #expect(secret.xOnlyPublicKey.bytes == x)
            #expect(ElligatorSwift.decode(published) == x)
            if let randomness = part["randomness"]?.stringValue.flatMap({ [UInt8](hex: $0) }) {
                let encoding = ElligatorSwift.encode(secret: secret, randomness: randomness)
                #expect(encoding == published)
            }
        }
        let certificate = try #require(json["certificate"])
        let authorityPart = try #require(json["authority"])
        let authorityText = try authorityPart.text("secret_text")
        let authority = try #require(AuthoritySecretKey(authorityText))
        let publicText = try authorityPart.text("public_text")
        #expect(authority.publicKey.description == publicText)
        let staticSecret = try #require(json["responder_static"]).bytes("secret")
        let staticKey = try #require(SecretKey(bytes: staticSecret))
        let issued = NoiseCredentials.issue(
            authority: authority, staticKey: staticKey,
            validFrom: UInt32(try certificate.number("valid_from")),
            notValidAfter: UInt32(try certificate.number("not_valid_after"))
        ).certificate
        let expected = try certificate.text("message")
        #expect(issued.message(for: staticKey.xOnlyPublicKey).hex == expected)
        let isForged = try json.text("expect") == "bad signature"
        let publishedBytes = try certificate.text("bytes")
        #expect((issued.bytes.hex == publishedBytes) != isForged)
    }

    @Test("the certificate decides as published", arguments: names)
    func verdict(name: String) throws {
        let vector = try Self.load(name)
        let answer = vector.responder.respond(act1: vector.initiator.act1)
        func finish() throws {
            _ = try vector.initiator.finish(
                act2: answer.act2[...], expecting: vector.authority, unixTime: vector.unixTime)
        }
        let now = vector.unixTime
        switch try vector.json.text("expect") {
        case "expired":
            #expect(throws: NoiseError.certificate(.expired(after: now - 11, now: now))) { try finish() }
        case "not yet valid":
            #expect(throws: NoiseError.certificate(.notYetValid(from: now + 11, now: now))) { try finish() }
        case "bad signature": #expect(throws: NoiseError.certificate(.badSignature)) { try finish() }
        default: try finish()
        }
    }

    @Test("the first messages encrypt to the published bytes and decrypt again", arguments: names)
    func transport(name: String) throws {
        let vector = try Self.load(name)
        let answer = vector.responder.respond(act1: vector.initiator.act1)
        let client = try vector.initiator.finish(act2: answer.act2[...], expecting: nil, unixTime: 0)
        let server = answer.session
        var (there, back) = (client.transport, server.transport)
        for entry in vector.json["transport"]?.arrayValue ?? [] {
            let length = Int(try entry.number("payload_length"))
            let payload =
                try entry["payload"] != nil
                ? entry.bytes("payload") : (0..<length).map { UInt8($0 % 251) }
            if entry["payload_sha256"] != nil {
                let expected = try entry.text("payload_sha256")
                #expect(SHA256.hash(payload).hex == expected)
            }
            let isThere = try entry.text("direction") == "initiator to responder"
            let firstCounter = try entry.number("first_counter")
            #expect((isThere ? there : back).send.counter == firstCounter)
            let plain = V2Frame(
                extensionType: UInt16(try entry.number("extension_type")),
                messageType: UInt8(try entry.number("message_type")), payload: payload)
            var sealed = Array(plain.bytes[..<6]) + [UInt8](repeating: 0, count: 16) + payload
            sealed += [UInt8](repeating: 0, count: NoiseTransport.encryptedLength(length) - length)
            sealed.withUnsafeMutableBufferPointer {
                if isThere {
                    there.seal(frame: $0.baseAddress!, payloadLength: length)
                } else {
                    back.seal(frame: $0.baseAddress!, payloadLength: length)
                }
            }
            let sealedLength = try entry.number("encrypted_length")
            #expect(UInt64(sealed.count) == sealedLength)
            let sealedHash = try entry.text("encrypted_sha256")
            #expect(SHA256.hash(sealed).hex == sealedHash)
            if let encrypted = entry["encrypted"]?.stringValue { #expect(sealed.hex == encrypted) }
        }
    }

    @Test("the specification's and the reference implementation's authority keys read and print")
    func authorityTexts() throws {
        let text = "9bXiEd8boQVhq7WddEcERUL5tyyJVFYdU8th3HfbNXK3Yw6GRXh"
        let key = try #require(AuthorityPublicKey(text))
        #expect(key.key.bytes.hex == "76637000979c1c11af0c300bcd8c7fe48610fce9b9c11e3daee35ae0b08a7455")
        #expect(key.description == text)
        let secret = try #require(AuthoritySecretKey("mkDLTBBRxdBv998612qipDYoTK3YUrqLe8uWw7gu3iXbSrn2n"))
        #expect(secret.publicKey.description == "9auqWEzQDVyd2oe1JVGFLMLHZtCo2FFqZwtKA5gd9xbuEu7PH72")
        #expect(secret.text == "mkDLTBBRxdBv998612qipDYoTK3YUrqLe8uWw7gu3iXbSrn2n")
        #expect(AuthorityPublicKey(String(text.dropLast()) + "i") == nil)
        #expect(AuthorityPublicKey("") == nil)
        #expect(AuthorityPublicKey(secret.text) == nil)
    }
}
