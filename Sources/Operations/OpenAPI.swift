import JSONText

/// The OpenAPI 3.1 document of a role's interface, made of what the role has.
enum OpenAPI {
    static func document(_ facts: RoleFacts, controls: [ControlCall]) -> JSON {
        var paths: JSONObject = [
            "/api/v1/health": get("Whether the role works; 503 when something is missing."),
            "/api/v1/global": get("Totals of the role."),
            "/api/v1/events": get(
                "Totals once a second as server-sent events.", type: "text/event-stream"),
            "/api/v1/openapi.json": get("This document."),
            "/metrics": get("Prometheus text format.", type: "text/plain"),
        ]
        for list in facts.lists {
            paths.append("/api/v1/\(list.name)", get("The \(list.name), by pages.", parameters: paging))
            if list.isKeyed {
                paths.append("/api/v1/\(list.name)/{id}", get("One of the \(list.name).", parameters: [id]))
            }
        }
        for absence in facts.absences {
            paths.append("/api/v1/\(absence.list)", missing("Not in this role: \(absence.reason)"))
        }
        for call in controls {
            paths.append("/api/v1/control/\(call.name)", post(call))
            if call.name == "reload" { paths.append("/api/v1/reload", post(call)) }
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": .string("mining lab: \(facts.role)"), "version": .string(facts.version),
            ],
            "paths": .object(paths),
            "components": ["securitySchemes": ["token": ["type": "http", "scheme": "bearer"]]],
        ]
    }

    private static var paging: [JSON] {
        [
            parameter("offset", in: "query", ["type": "integer", "minimum": 0, "default": 0]),
            parameter(
                "limit", in: "query",
                [
                    "type": "integer", "minimum": 1, "maximum": .int(OperationsDesk.pageMax),
                    "default": .int(OperationsDesk.pageDefault),
                ]),
        ]
    }

    private static var id: JSON { parameter("id", in: "path", ["type": "string"]) }

    private static func parameter(_ name: String, in place: String, _ schema: JSON) -> JSON {
        [
            "name": .string(name), "in": .string(place), "required": .bool(place == "path"),
            "schema": schema,
        ]
    }

    private static func get(
        _ summary: String, type: String = "application/json", parameters: [JSON] = []
    ) -> JSON {
        [
            "get": [
                "summary": .string(summary), "parameters": .array(parameters),
                "responses": [
                    "200": ["description": "ok", "content": .object(JSONObject([(type, .object([:]))]))]
                ],
            ]
        ]
    }

    private static func missing(_ summary: String) -> JSON {
        ["get": ["summary": .string(summary), "responses": ["404": ["description": "not in this role"]]]]
    }

    private static func post(_ call: ControlCall) -> JSON {
        var properties: JSONObject = [:]
        for field in call.fields {
            properties.append(
                field.name, ["type": .string(field.type), "description": .string(field.meaning)])
        }
        let schema: JSON = ["type": "object", "properties": .object(properties)]
        return [
            "post": [
                "summary": .string(call.summary), "security": [["token": []]],
                "requestBody": ["content": ["application/json": ["schema": schema]]],
                "responses": [
                    "200": ["description": "done"], "400": ["description": "a field makes no sense"],
                    "401": ["description": "no or a wrong token"],
                    "404": ["description": "no such channel, connection or address"],
                ],
            ]
        ]
    }
}
