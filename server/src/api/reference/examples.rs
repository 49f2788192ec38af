//! Examples for the reference, made from the schemas: what a field says of itself comes first, then what
//! fields of that name usually are, then what their format allows.

use serde_json::{Map, Value, json};

/// How deep schemas are followed; none of ours goes deeper.
const DEPTH_MAX: usize = 8;

/// The use of a schema's example.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// A request: its required members, and those that say how they look.
    Request,
    /// An answer: every member.
    Response,
}

/// Gives every body and every id in a path an example, unless it has one.
pub(super) fn add(document: &mut Value) {
    let schemas = document.pointer("/components/schemas").cloned().unwrap_or_default();
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(|item| item.values_mut()) {
        for parameter in members(operation, "parameters") {
            if parameter["in"] == "path" && parameter.get("example").is_none() {
                let name = parameter["name"].as_str().unwrap_or_default().to_owned();
                let schema = parameter["schema"].clone();
                parameter["example"] = example(&schemas, &schema, &name, Side::Request, 0);
            }
        }
        if let Some(body) = operation.get_mut("requestBody") {
            add_example(&schemas, body, Side::Request);
        }
        let answers = operation.get_mut("responses").and_then(Value::as_object_mut);
        for (status, answer) in answers.into_iter().flatten() {
            if status.starts_with('2') {
                add_example(&schemas, answer, Side::Response);
            } else if let Ok(status) = status.parse() {
                problem(answer, status);
            }
        }
    }
}

fn members<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Gives a body's JSON an example.
fn add_example(schemas: &Value, body: &mut Value, side: Side) {
    let Some(content) = body.pointer_mut("/content/application~1json") else { return };
    if content.get("example").is_none() {
        let schema = content["schema"].clone();
        content["example"] = example(schemas, &schema, "", side, 0);
    }
}

/// Gives an error its document, with the code that its description names or that its status usually has.
fn problem(answer: &mut Value, status: u16) {
    let named = answer["description"].as_str().and_then(|text| text.split('`').nth(1)).map(str::to_owned);
    let (title, code, detail) = match status {
        400 => ("Bad Request", "request.invalid", "the cursor is none of ours"),
        401 => ("Unauthorized", "auth.invalidToken", "the token is not valid or has expired"),
        403 => ("Forbidden", "auth.forbidden", "this needs the permission rooms.manage"),
        404 => ("Not Found", "resource.notFound", "there is no such thing"),
        409 => ("Conflict", "resource.conflict", "another one has this name or address"),
        412 => ("Precondition Failed", "resource.changedMeanwhile", "it was changed since you read it"),
        413 => ("Payload Too Large", "limit.size", "the body is too long"),
        415 => ("Unsupported Media Type", "request.invalid", "the content type is another"),
        422 => ("Unprocessable Entity", "request.invalid", "name must have 1 to 200 characters"),
        429 => ("Too Many Requests", "limit.rate", "too many tries; wait"),
        503 => ("Service Unavailable", "unavailable", "a part of the server is away; try again"),
        _ => return,
    };
    if let Some(content) = answer.pointer_mut("/content/application~1problem+json") {
        let code = named.as_deref().unwrap_or(code);
        content["example"] = json!({ "type": "about:blank", "title": title, "status": status, "detail": detail, "code": code });
    }
}

fn example(schemas: &Value, schema: &Value, name: &str, side: Side, depth: usize) -> Value {
    if let Some(example) = schema.get("example").or_else(|| schema["examples"].get(0)) {
        return example.clone();
    }
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    if let Some(target) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return example(schemas, &schemas[target], name, side, depth + 1);
    }
    for choice in ["oneOf", "anyOf"] {
        let some = schema[choice].as_array().into_iter().flatten().find(|one| one["type"] != "null");
        if let Some(some) = some {
            return example(schemas, some, name, side, depth + 1);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts {
            if let Value::Object(members) = example(schemas, part, name, side, depth + 1) {
                whole.extend(members);
            }
        }
        return Value::Object(whole);
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    let kind = schema["type"].as_str().or_else(|| {
        let kinds = schema["type"].as_array()?;
        kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null")
    });
    match kind {
        Some("string") => text(schema["format"].as_str(), name),
        Some("integer" | "number") => {
            schema.get("minimum").filter(|least| **least != 0).cloned().unwrap_or(json!(1))
        }
        Some("boolean") => json!(true),
        Some("array") => {
            json!([example(schemas, &schema["items"], name.trim_end_matches('s'), side, depth + 1)])
        }
        _ => object(schemas, schema, side, depth),
    }
}

fn object(schemas: &Value, schema: &Value, side: Side, depth: usize) -> Value {
    let required = schema["required"].as_array();
    let is_required = |name: &String| required.is_some_and(|all| all.iter().any(|one| one == name));
    let mut whole = Map::new();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        if side == Side::Response || is_required(name) || member.get("example").is_some() {
            whole.insert(name.clone(), example(schemas, member, name, side, depth + 1));
        }
    }
    if whole.is_empty()
        && let Some((name, member)) = schema["properties"].as_object().and_then(|all| all.iter().next())
    {
        whole.insert(name.clone(), example(schemas, member, name, side, depth + 1));
    }
    Value::Object(whole)
}

/// A string as fields of this format or name have it.
fn text(format: Option<&str>, name: &str) -> Value {
    let usual = match (format, name) {
        (Some("uuid"), _) => return json!(id(name)),
        (Some("date-time"), _) => "2026-11-20T09:30:00Z",
        (Some("password"), "password" | "new" | "current") => "correct horse battery staple",
        (Some("password"), _) => "EAAG1x2y3z",
        (_, "email") => "ada@example.com",
        (_, "phone") => "+1 555 0100",
        (_, "name") => "Support",
        (_, "text" | "preview" | "snippet") => "Is my order on its way?",
        (_, "url") => "https://hooks.example.com/switchboard",
        (_, "color") => "#1f6feb",
        (_, "shortcode") => "hi",
        (_, "accessToken" | "refreshToken" | "token" | "key" | "secret") => "3q2-7wAAAAE0Vn8fGkY",
        (_, "next" | "cursor") => "MDE5M2E1YzA",
        (_, "address") => "203.0.113.7",
        (_, "action") => "channel.updated",
        (_, "actorKind") => "user",
        (_, "objectKind") => "channel",
        (_, "userAgent") => "Mozilla/5.0",
        (_, "phoneNumberId" | "externalId") => "106540352242922",
        (_, "webhookPath") => "/v1/webhooks/whatsapp/0193a5c0-7b1e-7cc4-9d6c-2f1f0c8b6f10",
        (_, "event") => "messageCreated",
        (_, "scheme") => "phone",
        (_, "value") => "15550100",
        (_, "header") => "x-n8n-secret",
        (_, "roleName") => "ADMIN",
        (_, "urls") => "turn:turn.example.com:3478",
        _ => "text",
    };
    json!(usual)
}

/// An id that is always the same for the same name, so that examples fit together.
fn id(name: &str) -> String {
    let name = name.strip_suffix("Id").unwrap_or(name);
    let hash =
        name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("0193a5c0-7b1e-7cc4-9d6c-2f1f{hash:08x}")
}
