import Bitcoin
import HTTPText
import JSONText

extension NodeMachine {
    /// The user that a basic authorization header proves; nil for none.
    func authorizedUser(_ header: String?) -> String? {
        guard let header, header.hasPrefix("Basic "), let pair = Base64.bytes(of: String(header.dropFirst(6)))
        else {
            return nil
        }
        let text = String(decoding: pair, as: UTF8.self)
        var user: String?
        for known in [configuration.rpcCredentials, configuration.cookie] {
            guard let known, ConstantTime.equal(Array(known.utf8), pair) else { continue }
            user = String(known.prefix { $0 != ":" })
        }
        guard let colon = text.firstIndex(of: ":") else { return user }
        let name = Array(text[..<colon].utf8)
        let password = String(text[text.index(after: colon)...])
        for known in configuration.rpc.users
        where ConstantTime.equal(Array(known.name.utf8), name) && known.accepts(password) {
            user = known.name
        }
        return user
    }
}
