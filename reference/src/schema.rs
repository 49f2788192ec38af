//! What a JSON Schema says, in the notation of TypeScript.

use serde_json::Value;

/// A member of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    /// Its name on the wire.
    pub(crate) name: &'a str,
    /// What it may be.
    pub(crate) schema: &'a Value,
    /// Whether it is always there.
    pub(crate) is_required: bool,
}

/// What a JSON Pointer (RFC 6901) leads to; null if there is nothing.
pub(crate) fn at<'a>(document: &'a Value, pointer: &str) -> &'a Value {
    document.pointer(pointer).unwrap_or(&Value::Null)
}

/// The members of an object, in their order.
pub(crate) fn members(schema: &Value) -> Vec<Member<'_>> {
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
    let all = schema["properties"].as_object().into_iter().flatten();
    all.map(|(name, schema)| Member { name, schema, is_required: is_required(name) }).collect()
}

/// The forms that a value may have, if it has several.
pub(crate) fn forms(schema: &Value) -> Option<&Vec<Value>> {
    ["oneOf", "anyOf"].into_iter().find_map(|choice| schema[choice].as_array())
}

/// What is said of a schema.
pub(crate) fn description(schema: &Value) -> &str {
    // Of what may be null, it is said beside the reference to what it is else.
    let beside =
        || forms(schema)?.iter().find_map(|form| form["$ref"].as_str().and(form["description"].as_str()));
    schema["description"].as_str().or_else(beside).unwrap_or_default()
}

/// The name of the schema that is referred to.
pub(crate) fn referred(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// The type of a value; `named` says how a schema with a name is written.
pub(crate) fn type_of(schema: &Value, named: &dyn Fn(&str) -> String) -> String {
    if let Some(name) = referred(schema) {
        return named(name);
    }
    if let Some(forms) = forms(schema) {
        return union(forms.iter().map(|form| type_of(form, named)));
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().map(|part| type_of(part, named)).collect::<Vec<_>>().join(" & ");
    }
    if let Some(values) = schema["enum"].as_array() {
        return union(values.iter().map(literal));
    }
    if let Some(value) = schema.get("const") {
        return literal(value);
    }
    match schema["type"].as_array() {
        Some(kinds) => union(kinds.iter().map(|kind| of_kind(kind.as_str(), schema, named))),
        None => of_kind(schema["type"].as_str(), schema, named),
    }
}

/// Null comes last, as one reads it.
fn union(types: impl Iterator<Item = String>) -> String {
    let (mut all, null): (Vec<_>, Vec<_>) = types.partition(|it| it != "null");
    all.extend(null);
    all.dedup();
    all.join(" | ")
}

fn literal(value: &Value) -> String {
    match value.as_str() {
        Some(text) => format!("'{text}'"),
        None => value.to_string(),
    }
}

fn of_kind(kind: Option<&str>, schema: &Value, named: &dyn Fn(&str) -> String) -> String {
    match kind {
        Some("integer" | "number") => "number".to_owned(),
        Some(kind @ ("string" | "boolean" | "null")) => kind.to_owned(),
        Some("array") => match type_of(&schema["items"], named) {
            item if item.contains(' ') => format!("({item})[]"),
            item => format!("{item}[]"),
        },
        Some("object") if schema["properties"].is_object() => {
            let members = members(schema).into_iter().map(|member| {
                let mark = if member.is_required { "" } else { "?" };
                format!("{}{mark}: {}", member.name, type_of(member.schema, named))
            });
            format!("{{ {} }}", members.collect::<Vec<_>>().join("; "))
        }
        Some("object") => match schema.get("additionalProperties") {
            Some(values) if values.is_object() => format!("Record<string, {}>", type_of(values, named)),
            _ => "Record<string, unknown>".to_owned(),
        },
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_are_written_as_typescript_has_them() {
        let written = |schema: Value| type_of(&schema, &str::to_owned);
        assert_eq!(written(json!({ "type": ["string", "null"] })), "string | null");
        assert_eq!(
            written(json!({ "oneOf": [{ "type": "null" }, { "$ref": "#/a/State" }] })),
            "State | null"
        );
        assert_eq!(written(json!({ "type": "array", "items": { "enum": ["a", "b"] } })), "('a' | 'b')[]");
        assert_eq!(
            written(json!({ "type": "object", "additionalProperties": { "type": "integer" } })),
            "Record<string, number>"
        );
        assert_eq!(written(json!({ "type": "object" })), "Record<string, unknown>");
        assert_eq!(
            written(
                json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": "boolean" }, "b": {} } })
            ),
            "{ a: boolean; b?: unknown }"
        );
    }
}
