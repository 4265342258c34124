import JSONText
import Runtime
import SansIO
import Stratum

/// The one JSON object that a script waits for: where everything serves.
enum ReadyFile {
    static func value(
        network: String, node: NodeService, pool: PoolService,
        client: JobDeclarationClientService, translator: TranslatorService,
        explorerPort: Int
    ) -> JSON {
        [
            "network": .string(network),
            "rpc": [
                "url": .string("http://\(node.rpc)"), "user": .string(node.rpcUser),
                "password": .string(node.rpcPassword), "cookie": .string(node.cookiePath),
            ],
            "p2p": ["address": .string("\(node.peer)")],
            "pool": address(pool.mining, pool.authority),
            "template_provider": address(node.templates, node.templateAuthority),
            "jds": pool.jobDeclarationServer.map { address($0.endpoint, $0.authority) } ?? .null,
            "jdc": address(client.mining, client.authority),
            "translator": ["address": .string("\(translator.stratumV1)")],
            "explorer": ["url": .string("http://127.0.0.1:\(explorerPort)")],
        ]
    }

    static func write(_ value: JSON, to path: String) throws {
        var bytes: [UInt8] = []
        value.write(into: &bytes)
        bytes.append(0x0a)
        try DataDirectory.write(bytes, to: path, mode: 0o644)
    }

    private static func address(_ endpoint: Endpoint, _ authority: AuthorityPublicKey) -> JSON {
        ["address": .string("\(endpoint)"), "authority": .string("\(authority)")]
    }
}
