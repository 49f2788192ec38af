//! The types of the wire protocol and of the REST layer for TypeScript, and for JavaScript with types in comments.

use crate::{
    prose::paragraphs,
    repository::Error,
    schema::{self, Member, type_of},
};
use common::{
    error::ErrorCode,
    protocol::{Event, Request},
};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

const HEAD: &str = "\
// Made from the code by `cargo xtask generate`: what the server takes and says over REST.
";

const PROTOCOL_HEAD: &str = "\
// Made from the code by `cargo xtask generate`: what the server takes and says on /v1/ws.
";

/// The schema whose values are listed, so that whoever compares one is told of what is not there.
const ERROR_CODE: &str = "ErrorCode";

/// The types of the wire protocol, which need nothing of REST: the client library has no others.
pub(crate) fn protocol_module(asyncapi: &Value) -> String {
    let mut schemas = object(schema::at(asyncapi, "/components/schemas"));
    let named = schemas.clone();
    schemas.values_mut().for_each(|schema| refer(schema, &named, false));
    let mut module = PROTOCOL_HEAD.to_owned();
    declare_all(&mut module, &schemas);
    protocol(&mut module);
    module
}

/// The types of the REST layer, and those of the protocol by their names in `protocol_path`.
pub(crate) fn module(asyncapi: &Value, openapi: &Value, protocol_path: &str) -> Result<String, Error> {
    let mut schemas = object(schema::at(openapi, "/components/schemas"));
    let shared = object(schema::at(asyncapi, "/components/schemas"));
    for (name, schema) in &shared {
        if schemas.get(name).is_some_and(|known| shape(known) != shape(schema)) {
            return Err(Error::Code(format!("REST and the protocol each have another {name}")));
        }
    }
    schemas.extend(shared.clone());
    let named = schemas.clone();
    schemas.values_mut().for_each(|schema| refer(schema, &named, false));
    schemas.retain(|name, _| !shared.contains_key(name));
    let mut module = HEAD.to_owned();
    let mut names: Vec<_> = shared.keys().map(String::as_str).collect();
    names.sort_unstable();
    let _never_fails = writeln!(module, "\nimport type {{ {} }} from '{protocol_path}';", names.join(", "));
    let _never_fails = writeln!(module, "export type * from '{protocol_path}';");
    declare_all(&mut module, &schemas);
    operations(&mut module, openapi);
    Ok(module)
}

fn declare_all(module: &mut String, schemas: &Map<String, Value>) {
    let mut all: Vec<_> = schemas.iter().collect();
    all.sort_unstable_by_key(|(name, _)| *name);
    for (name, schema) in all {
        if name == ERROR_CODE { error_codes(module, schema) } else { declare(module, name, schema) }
    }
}

/// Later servers know more codes than this list: whoever reads one must expect another.
fn error_codes(module: &mut String, schema: &Value) {
    module.push('\n');
    comment(module, "", schema::description(schema));
    module.push_str("export type ErrorCode =\n");
    for (code, meaning) in ErrorCode::ALL.iter().zip(ErrorCode::MEANINGS) {
        comment(module, "  ", meaning);
        let _never_fails = writeln!(module, "  | '{}'", code.as_str());
    }
    module.push_str("  | (string & {});\n");
}

/// What is written out where it has a name is referred to by it, as in pages of things.
fn refer(schema: &mut Value, named: &Map<String, Value>, is_part: bool) {
    let is_object = is_part && schema["properties"].is_object();
    if is_object && let Some((name, _)) = named.iter().find(|(_, it)| *it == schema) {
        *schema = json!({ "$ref": format!("#/components/schemas/{name}") });
    }
    match schema {
        Value::Object(members) => members.values_mut().for_each(|member| refer(member, named, true)),
        Value::Array(items) => items.iter_mut().for_each(|item| refer(item, named, true)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// What a schema allows, without what it says about it.
fn shape(schema: &Value) -> String {
    let members = schema::members(schema);
    if members.is_empty() { type_of(schema, &str::to_owned) } else { members.iter().map(member).collect() }
}

fn declare(module: &mut String, name: &str, schema: &Value) {
    module.push('\n');
    comment(module, "", schema::description(schema));
    let members = schema::members(schema);
    let _never_fails = if members.is_empty() || schema::forms(schema).is_some() {
        let of_type = type_of(schema, &str::to_owned);
        writeln!(module, "export type {name} = {of_type};")
    } else {
        let _never_fails = writeln!(module, "export interface {name} {{");
        for it in &members {
            comment(module, "  ", schema::description(it.schema));
            let _never_fails = writeln!(module, "  {};", member(it));
        }
        writeln!(module, "}}")
    };
}

fn member(member: &Member<'_>) -> String {
    let mark = if member.is_required { "" } else { "?" };
    format!("{}{mark}: {}", member.name, type_of(member.schema, &str::to_owned))
}

fn comment(module: &mut String, indent: &str, text: &str) {
    let text = paragraphs(text).replace("*/", "*\\/");
    let mut lines = text.lines().filter(|line| !line.is_empty());
    match (lines.next(), lines.clone().next()) {
        (None, _) => {}
        (Some(line), None) => {
            let _never_fails = writeln!(module, "{indent}/** {line} */");
        }
        (Some(first), Some(_)) => {
            let _never_fails = writeln!(module, "{indent}/**\n{indent} * {first}");
            for line in lines {
                let _never_fails = writeln!(module, "{indent} * {line}");
            }
            let _never_fails = writeln!(module, "{indent} */");
        }
    }
}

/// The methods and events, by name.
fn protocol(module: &mut String) {
    module.push_str("\n/** What a client may ask over `/v1/ws`, by method. */\nexport interface Methods {\n");
    for method in Request::described() {
        comment(module, "  ", method.doc);
        let (params, result) = (method.params.name, method.result.name);
        let _never_fails = writeln!(module, "  '{}': {{ params: {params}; result: {result} }};", method.name);
    }
    module
        .push_str("}\n\n/** What the server pushes over `/v1/ws`, by event. */\nexport interface Events {\n");
    for event in Event::described() {
        comment(module, "  ", event.doc);
        let _never_fails = writeln!(module, "  '{}': {};", event.name, event.params.name);
    }
    module.push_str("}\n");
}

/// The operations of the REST layer, by method and path.
fn operations(module: &mut String, openapi: &Value) {
    module.push_str("\n/** What the REST layer offers, by method and path: what is sent, and what is answered with 2xx. */\n");
    module.push_str("export interface Operations {\n");
    for (path, methods) in object(&openapi["paths"]) {
        for (method, operation) in object(&methods) {
            comment(module, "  ", schema::at(&operation, "/summary").as_str().unwrap_or_default());
            let parts = [
                ("path", parameters(&operation, "path")),
                ("query", parameters(&operation, "query")),
                ("body", body(schema::at(&operation, "/requestBody"))),
                ("answer", answer(&operation)),
            ];
            let parts: Vec<_> = parts
                .into_iter()
                .filter_map(|(name, of_type)| Some(format!("{name}: {}", of_type?)))
                .collect();
            let _never_fails =
                writeln!(module, "  '{} {path}': {{ {} }};", method.to_uppercase(), parts.join("; "));
        }
    }
    module.push_str("}\n");
}

fn parameters(operation: &Value, place: &str) -> Option<String> {
    let all = operation["parameters"].as_array()?.iter().filter(|it| it["in"] == place);
    let members: Vec<_> = all
        .map(|it| {
            let mark = if it["required"] == true { "" } else { "?" };
            let name = it["name"].as_str().unwrap_or_default();
            format!("{name}{mark}: {}", type_of(&it["schema"], &str::to_owned))
        })
        .collect();
    (!members.is_empty()).then(|| format!("{{ {} }}", members.join("; ")))
}

fn body(body: &Value) -> Option<String> {
    let schema = body.pointer("/content/application~1json/schema")?;
    Some(type_of(schema, &str::to_owned))
}

fn answer(operation: &Value) -> Option<String> {
    let all = object(&operation["responses"]);
    let good = all.iter().filter(|(status, _)| status.starts_with('2'));
    let mut types: Vec<_> =
        good.map(|(_, answer)| body(answer).unwrap_or_else(|| "void".to_owned())).collect();
    types.dedup();
    Some(types.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, schema: &Value) -> Value {
        json!({ "components": { "schemas": { name: schema } } })
    }

    #[test]
    fn objects_are_interfaces_and_everything_else_is_a_type() {
        let page = json!({
            "description": "A page.",
            "type": "object",
            "required": ["items"],
            "properties": {
                "items": { "type": "array", "items": { "$ref": "#/components/schemas/User" }, "description": "One\n\nby one" },
                "next": { "type": ["string", "null"] },
            },
        });
        let kind = with("Kind", &json!({ "enum": ["a", "b"] }));
        let written_by_rest = module(&kind, &with("Page", &page), "./protocol.js").unwrap();
        let written = "/** A page. */\nexport interface Page {\n  /**\n   * One\n   * by one\n   */\n  items: User[];\n  \
            next?: string | null;\n}\n";
        assert!(written_by_rest.contains(written), "{written_by_rest}");
        assert!(
            written_by_rest.contains("import type { Kind } from './protocol.js';\n"),
            "{written_by_rest}"
        );
        assert!(protocol_module(&kind).contains("export type Kind = 'a' | 'b';\n"));
    }

    #[test]
    fn every_code_of_an_error_is_listed_and_others_are_allowed() {
        let written = protocol_module(&with(ERROR_CODE, &json!({ "type": "string" })));
        assert!(
            written.contains("  /** There is no such method. */\n  | 'protocol.unknownMethod'\n"),
            "{written}"
        );
        assert!(written.contains("  | (string & {});\n"), "{written}");
    }

    #[test]
    fn one_name_for_two_shapes_is_refused() {
        let (one, other) = (json!({ "enum": ["a"] }), json!({ "enum": ["b"] }));
        let both = |other: &Value| {
            let rest = with("Kind", &json!({ "oneOf": [other] }));
            module(&with("Kind", &json!({ "oneOf": [one] })), &rest, "./protocol.js")
        };
        assert!(both(&one).is_ok());
        assert!(both(&other).is_err());
    }
}
