//! One rule for all names on the wire, and one word for one thing.
//!
//! A name is lowerCamelCase, with dots where it has a subject. A segment of a path is the same word in kebab-case;
//! a table or column, which `xtask tidy` looks at, is it in snake_case.

use crate::asyncapi;
use common::{
    error::ErrorCode,
    permission::Permission,
    protocol::{Event, Request, feed::Table},
};
use serde_json::Value;
use std::collections::BTreeSet;

/// Names that are spelt otherwise, and why.
const OTHERWISE: &[(&str, &str)] = &[
    ("ADMIN", "a role of the products that are replaced"),
    ("USER", "a role of the products that are replaced"),
    ("AGENT_USER", "a role of the products that are replaced"),
    ("sdpMLineIndex", "W3C, RTCIceCandidateInit"),
    ("openapi.json", "a file"),
    ("asyncapi.json", "a file"),
];

/// A name in lowerCamelCase. Two capitals in a row would leave open how the word is cut.
fn is_camel_case(name: &str) -> bool {
    let letters = name.as_bytes();
    let is_word = letters.iter().all(u8::is_ascii_alphanumeric);
    let in_a_row = letters.windows(2).any(|pair| pair.iter().all(u8::is_ascii_uppercase));
    letters.first().is_some_and(u8::is_ascii_lowercase) && is_word && !in_a_row
}

fn is_kebab_case(segment: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    segment.split('-').all(is_word)
}

fn is_excepted(name: &str) -> bool {
    OTHERWISE.iter().any(|(known, _)| *known == name)
}

fn camel_case(segment: &str) -> String {
    let mut words = segment.split('-');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(1);
        name.extend([&first.to_uppercase(), rest]);
    }
    name
}

/// The names of members and the values of sets, wherever they are in a document.
fn names<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            let properties = members.get("properties").and_then(Value::as_object);
            found.extend(properties.into_iter().flatten().map(|(name, _)| name.as_str()));
            let values = members.get("enum").and_then(Value::as_array);
            found.extend(values.into_iter().flatten().filter_map(Value::as_str));
            for (name, member) in members {
                // Examples say what they like.
                if !name.starts_with("example") && name != "enum" {
                    names(member, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn paths() -> impl Iterator<Item = &'static str> {
    let paths = switchboard::api::openapi()["paths"].as_object().unwrap();
    paths.keys().map(|path| path.strip_prefix("/v1/").unwrap())
}

/// What is spelt in neither way: a dotted name, each part of which is to be in lowerCamelCase.
fn misspelt<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    // A minus before a member that lists are sorted by turns the order round.
    let word = |name: &'a str| name.strip_prefix('-').unwrap_or(name);
    let is_good = |name: &'a str| is_excepted(name) || word(name).split('.').all(is_camel_case);
    names.into_iter().filter(|name| !is_good(name)).collect()
}

#[test]
fn a_fault_is_found_in_either_way() {
    let good = ["room.join", "call.alreadyTaken", "cannedResponses.manage", "n8n", "AGENT_USER"];
    assert_eq!(misspelt(good), [""; 0]);
    let bad = ["call.already_taken", "canned-responses", "RoomJoin", "mediaSDP", "room..join", ""];
    assert_eq!(misspelt(bad), bad);
    assert!(is_kebab_case("canned-responses") && is_kebab_case("n8n"));
    assert!(
        !is_kebab_case("cannedResponses") && !is_kebab_case("canned_responses") && !is_kebab_case("a--b")
    );
    assert_eq!(camel_case("canned-responses"), "cannedResponses");
}

#[test]
fn methods_events_codes_and_permissions_are_camel_case() {
    let codes = ErrorCode::ALL.iter().map(ErrorCode::as_str);
    let permissions = Permission::ALL.iter().map(|permission| permission.as_str());
    let all = Request::METHODS.iter().chain(Event::NAMES).copied().chain(codes).chain(permissions);
    assert_eq!(misspelt(all), [""; 0]);
}

#[test]
fn members_and_values_are_camel_case() {
    let (asyncapi, openapi) = (asyncapi::document().unwrap(), switchboard::api::openapi());
    let mut found = BTreeSet::new();
    names(&asyncapi["components"]["schemas"], &mut found);
    names(&openapi["components"]["schemas"], &mut found);
    names(&openapi["paths"], &mut found);
    assert!(found.len() > 200, "only {} names were found", found.len());
    assert_eq!(misspelt(found), [""; 0]);
}

#[test]
fn segments_of_paths_are_kebab_case_and_parameters_camel_case() {
    let openapi = switchboard::api::openapi();
    for path in paths() {
        for segment in path.split('/') {
            let is_good = match segment.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
                Some(parameter) => is_camel_case(parameter),
                None => is_kebab_case(segment) || is_excepted(segment),
            };
            assert!(is_good, "{segment} in {path}");
        }
    }
    let operations = openapi["paths"].as_object().unwrap().values().filter_map(Value::as_object).flatten();
    for (_, operation) in operations {
        let id = operation["operationId"].as_str().unwrap();
        assert!(is_camel_case(id), "{id}");
        for parameter in
            operation["parameters"].as_array().into_iter().flatten().filter(|it| it["in"] == "query")
        {
            let name = parameter["name"].as_str().unwrap();
            assert!(is_camel_case(name), "{name} of {id}");
        }
    }
}

fn resources() -> BTreeSet<String> {
    paths().flat_map(|path| path.split('/')).filter(|it| !it.starts_with('{')).map(camel_case).collect()
}

/// The word before the dot of a permission is a resource, in the path as in the tag.
#[test]
fn permissions_are_named_for_resources() {
    let resources = resources();
    for permission in Permission::ALL {
        let (subject, _) = permission.as_str().split_once('.').unwrap();
        assert!(resources.contains(subject), "{} is for no resource", permission.as_str());
    }
}

/// A table that clients follow is a resource that they read: the same word in both, and in the document.
#[test]
fn tables_that_are_followed_are_resources() {
    let (protocol, resources) = (include_str!("../../docs/PROTOCOL.md"), resources());
    let (_, rest) = protocol.split_once("## Following rows").unwrap();
    let (section, _) = rest.split_once("\n## ").unwrap();
    for table in Table::ALL {
        assert!(resources.contains(table.as_str()), "{} is no resource", table.as_str());
        assert!(section.contains(&format!("`{}`", table.as_str())), "{} is not documented", table.as_str());
    }
}
