import ArgumentParser
import Bitcoin
import Firmware
import Foundation
import SansIO
import Stratum

/// An address as minerd's users write it: a pool's or a node's, with user and password in it or not.
struct MinerAddress: ExpressibleByArgument, Sendable {
    let url: PoolURL
    let user: String?
    let password: String?

    init?(argument: String) {
        guard let scheme = argument.firstRange(of: "://"), !argument.hasPrefix("http://"),
            let at = argument[scheme.upperBound...].lastIndex(of: "@")
        else {
            guard let url = PoolURL(argument) else { return nil }
            (self.url, user, password) = (url, nil, nil)
            return
        }
        let account = argument[scheme.upperBound..<at].split(separator: ":", maxSplits: 1)
        let rest = String(argument[..<scheme.upperBound]) + String(argument[argument.index(after: at)...])
        guard let url = PoolURL(rest),
            let name = account.first?.removingPercentEncoding
        else { return nil }
        self.url = url
        user = name
        password = account.count > 1 ? account[1].removingPercentEncoding : nil
    }
}

/// What of the network a payee's address is for does not matter to a script: any will do.
enum Payee {
    static func script(_ text: String) -> Script? {
        for network in AddressNetwork.allCases {
            if let address = Address(text, network: network) { return address.scriptPubKey }
        }
        return nil
    }
}

/// `user:password` of a node's cookie file, which the node writes anew whenever it starts.
struct CookieFile: Sendable {
    let path: String

    func read() throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFault("\(path): cannot be read; the node writes it when it starts")
        }
        let text = String(decoding: data.prefix(1_024), as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        guard text.contains(":") else { throw CommandFault("\(path): is no cookie (user:password)") }
        return text
    }
}
