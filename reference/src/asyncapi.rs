//! The AsyncAPI 3.0 document of `/v1/ws`.
//!
//! It describes the server: an operation that *receives* is a method that clients call, one that *sends* is an
//! event that they are told.

use crate::{
    examples,
    prose::{line, paragraphs},
    repository::Error,
};
use common::protocol::{
    Event, Needs, Request,
    envelope::{Failure, RequestId},
    reference::{EventKind, Method, Shape},
};
use serde_json::{Map, Value, json};

const ABOUT: &str = "JSON-RPC 2.0 over a WebSocket, one message per text frame. The first request is \
    `connection.open` with an access token; everything else is described in docs/PROTOCOL.md. Where a network lets no \
    WebSocket through, the same messages go by HTTP: the channel `events`.";

const EVENTS: &str = "The same messages without a WebSocket. `POST /v1/events` opens a connection and answers its `id` \
    and `secret`; `GET /v1/events/{id}` is what the server says, as server-sent events whose `data` is a message, and \
    goes on behind `Last-Event-ID`; `POST /v1/events/{id}` with `{\"number\":1,\"frames\":[…]}` is what the client says; \
    `DELETE` closes it. All but the first carry the secret as a bearer token.";

const TOKEN: &str = "An access token, an outside issuer's token or a join token. It travels in the parameters of \
    `connection.open`, not in a header or the URL.";

pub(crate) fn document() -> Result<Value, Error> {
    let mut parts = Parts::default();
    parts.add_shape(&Shape::of::<RequestId>())?;
    parts.add_shape(&Shape::of::<Failure>())?;
    parts.add_failure()?;
    for method in Request::described() {
        parts.add_method(&method)?;
    }
    for event in Event::described() {
        parts.add_event(&event)?;
    }
    let in_channel = parts.messages.keys().map(|name| (name.clone(), to("components/messages", name)));
    let messages = in_channel.collect::<Map<_, _>>();
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Switchboard",
            "version": "1",
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": {
            "here": {
                "host": "{host}",
                "protocol": "wss",
                "description": "Where the REST layer is, too.",
                "variables": { "host": { "default": "localhost:7880" } },
                "security": [{ "$ref": "#/components/securitySchemes/token" }],
            },
            "withoutWebSocket": {
                "host": "{host}",
                "protocol": "https",
                "description": "The same, for networks that let no WebSocket through.",
                "variables": { "host": { "default": "localhost:7880" } },
                "security": [{ "$ref": "#/components/securitySchemes/token" }],
            },
        },
        "channels": {
            "ws": {
                "address": "/v1/ws",
                "servers": [{ "$ref": "#/servers/here" }],
                "messages": messages,
                "bindings": { "ws": { "method": "GET" } },
            },
            "events": {
                "address": "/v1/events/{id}",
                "description": EVENTS,
                "servers": [{ "$ref": "#/servers/withoutWebSocket" }],
                "parameters": { "id": { "description": "The connection, as `POST /v1/events` has named it." } },
                "messages": messages,
            },
        },
        "operations": parts.operations,
        "components": {
            "messages": parts.messages,
            "schemas": parts.schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": TOKEN },
            },
        },
    }))
}

/// Where the id is by which an answer belongs to its request.
const ID: &str = "$message.payload#/id";

/// The name of the message that answers a request with an error.
const FAILURE: &str = "failure";

#[derive(Default)]
struct Parts {
    operations: Map<String, Value>,
    messages: Map<String, Value>,
    schemas: Map<String, Value>,
}

impl Parts {
    /// A name means one shape.
    fn add_shape(&mut self, shape: &Shape) -> Result<(), Error> {
        for (name, schema) in &shape.schemas {
            let mut schema = schema.clone();
            straighten(&mut schema);
            match self.schemas.get(name) {
                Some(known) if *known != schema => {
                    return Err(Error::Code(format!("two schemas are called {name}")));
                }
                Some(_) => {}
                None => drop(self.schemas.insert(name.clone(), schema)),
            }
        }
        Ok(())
    }

    fn add_method(&mut self, method: &Method) -> Result<(), Error> {
        self.add_shape(&method.params)?;
        self.add_shape(&method.result)?;
        let name = method.name;
        let (asked, answered) = (format!("request.{name}"), format!("result.{name}"));
        let doc = paragraphs(method.doc);
        self.messages.insert(asked.clone(), json!({
            "name": name,
            "title": format!("Request {name}"),
            "summary": doc,
            "correlationId": { "location": ID },
            "payload": frame(&json!({ "id": to("components/schemas", "RequestId"), "method": { "const": name }, "params": to("components/schemas", &method.params.name) }), &["method"]),
            "examples": [{ "payload": examples::request(name)? }],
        }));
        self.messages.insert(answered.clone(), json!({
            "name": format!("{name} (result)"),
            "title": format!("Result of {name}"),
            "summary": format!("Answers `{name}`."),
            "correlationId": { "location": ID },
            "payload": frame(&json!({ "id": to("components/schemas", "RequestId"), "result": to("components/schemas", &method.result.name) }), &["id", "result"]),
            "examples": [{ "payload": examples::result(name)? }],
        }));
        self.operations.insert(
            asked.clone(),
            json!({
                "action": "receive",
                "channel": { "$ref": "#/channels/ws" },
                "summary": doc,
                "description": needs(method.needs),
                "messages": [to("channels/ws/messages", &asked)],
                "reply": {
                    "channel": { "$ref": "#/channels/ws" },
                    "messages": [to("channels/ws/messages", &answered), to("channels/ws/messages", FAILURE)],
                },
            }),
        );
        Ok(())
    }

    fn add_event(&mut self, event: &EventKind) -> Result<(), Error> {
        self.add_shape(&event.params)?;
        let name = event.name;
        let told = format!("event.{name}");
        let frames = examples::events(name)?.into_iter().map(|frame| json!({ "payload": frame }));
        self.messages.insert(told.clone(), json!({
            "name": name,
            "title": format!("Event {name}"),
            "summary": paragraphs(event.doc),
            "payload": frame(&json!({ "method": { "const": name }, "params": to("components/schemas", &event.params.name) }), &["method", "params"]),
            "examples": frames.collect::<Vec<_>>(),
        }));
        self.operations.insert(
            told.clone(),
            json!({
                "action": "send",
                "channel": { "$ref": "#/channels/ws" },
                "summary": line(event.doc),
                "messages": [to("channels/ws/messages", &told)],
            }),
        );
        Ok(())
    }

    fn add_failure(&mut self) -> Result<(), Error> {
        let failure: Value = serde_json::from_str(&examples::failure())?;
        let id = json!({ "oneOf": [to("components/schemas", "RequestId"), { "type": "null" }] });
        let payload =
            frame(&json!({ "id": id, "error": to("components/schemas", "Failure") }), &["id", "error"]);
        self.messages.insert(
            FAILURE.to_owned(),
            json!({
                "name": FAILURE,
                "title": "Error",
                "summary": "Answers any request that cannot be carried out; `error.data.code` is stable.",
                "correlationId": { "location": ID },
                "payload": payload,
                "examples": [{ "payload": failure }],
            }),
        );
        Ok(())
    }
}

/// What a caller must be allowed, in words.
fn needs(needs: Needs) -> String {
    let (person, guest) = crate::markdown::needs(needs);
    format!("A person needs: {person}. A guest needs: {guest}.")
}

fn to(place: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/{place}/{name}") })
}

/// A JSON-RPC frame with these members.
fn frame(members: &Value, required: &[&str]) -> Value {
    let mut properties = Map::new();
    properties.insert("jsonrpc".to_owned(), json!({ "const": "2.0" }));
    properties.extend(members.as_object().cloned().unwrap_or_default());
    let required: Vec<_> = std::iter::once("jsonrpc").chain(required.iter().copied()).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

/// Descriptions on one line for each paragraph, and no formats that JSON Schema does not know.
fn straighten(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = paragraphs(text);
            }
            if members.get("format").and_then(Value::as_str).is_some_and(|it| it.starts_with("int")) {
                members.remove("format");
            }
            members.values_mut().for_each(straighten);
        }
        Value::Array(items) => items.iter_mut().for_each(straighten),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_in_the_document() {
        let document = document().unwrap();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 200, "only {} references were found", found.len());
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    }

    #[test]
    fn every_method_and_event_is_an_operation_and_no_more() {
        let document = document().unwrap();
        let operations = document["operations"].as_object().unwrap();
        assert_eq!(operations.len(), Request::METHODS.len() + Event::NAMES.len());
        for name in Request::METHODS {
            assert_eq!(operations[&format!("request.{name}")]["action"], "receive");
        }
        for name in Event::NAMES {
            assert_eq!(operations[&format!("event.{name}")]["action"], "send");
        }
    }
}
