import HTTPTypes
import Hummingbird
import JSONText
import NIOCore

/// Replies in the explorer's few forms.
enum Reply {
    static func html(_ text: String, status: Int = 200) -> Response {
        make(text, type: "text/html; charset=utf-8", status: status)
    }

    static func json(_ json: JSON, status: Int = 200) -> Response {
        var bytes: [UInt8] = []
        json.write(into: &bytes)
        bytes.append(10)
        return Response(
            status: .init(code: status), headers: headers("application/json", cache: "no-store"),
            body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    static func text(_ text: String, status: Int = 200) -> Response {
        make(text, type: "text/plain; charset=utf-8", status: status)
    }

    static func bytes(_ bytes: [UInt8]) -> Response {
        Response(
            status: .ok, headers: headers("application/octet-stream", cache: "no-store"),
            body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// A file whose address changes with its content.
    static func asset(_ text: String, type: String) -> Response {
        Response(
            status: .ok, headers: headers(type, cache: "public, max-age=31536000, immutable"),
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    static func redirect(to place: String) -> Response {
        Response(status: .seeOther, headers: [.location: place, .cacheControl: "no-store"])
    }

    private static func make(_ text: String, type: String, status: Int) -> Response {
        Response(
            status: .init(code: status), headers: headers(type, cache: "no-store"),
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    private static func headers(_ type: String, cache: String) -> HTTPFields {
        [.contentType: type, .cacheControl: cache]
    }
}

/// Headers that keep a page to itself: nothing is loaded from anywhere else, nothing may frame it, and no
/// address is told to anyone.
struct SecurityHeaders<Context: RequestContext>: RouterMiddleware {
    static var policy: String {
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        response.headers[.contentSecurityPolicy] = Self.policy
        response.headers[.xContentTypeOptions] = "nosniff"
        if let name = HTTPField.Name("Referrer-Policy") { response.headers[name] = "no-referrer" }
        if let name = HTTPField.Name("X-Frame-Options") { response.headers[name] = "DENY" }
        if let name = HTTPField.Name("Cross-Origin-Resource-Policy") {
            response.headers[name] = "same-origin"
        }
        return response
    }
}
