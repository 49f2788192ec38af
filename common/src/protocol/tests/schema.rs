//! The reference says what is read and written: its schemas are held to the methods' and events' own words.

use super::{event, request};
use crate::protocol::{
    Event, Request,
    reference::{self, Shape},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn schema(shape: &Shape) -> &Value {
    &shape.schemas.iter().find(|(name, _)| *name == shape.name).unwrap().1
}

fn names(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect()
}

fn members(object: &Value) -> BTreeSet<String> {
    object.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

#[test]
fn the_reference_asks_of_a_method_what_the_server_asks() {
    let described = Request::described();
    assert_eq!(described.iter().map(|method| method.name).collect::<Vec<_>>(), Request::METHODS);
    for (method, sample) in described.iter().zip(request::methods()) {
        let schema = schema(&method.params);
        assert_eq!(members(&schema["properties"]), members(&sample.params), "{}", method.name);
        let mut required = members(&sample.params);
        required.retain(|member| !sample.optional.contains(&&**member));
        assert_eq!(names(&schema["required"]), required, "{}", method.name);
        assert!(method.doc.trim().ends_with('.'), "{}", method.name);
    }
}

#[test]
fn the_reference_has_of_an_event_what_the_server_writes() {
    let described = Event::described();
    assert_eq!(described.iter().map(|event| event.name).collect::<Vec<_>>(), Event::NAMES);
    for (event, (name, sample)) in described.iter().zip(event::events()) {
        let schema = schema(&event.params);
        assert_eq!(members(&schema["properties"]), members(&sample), "{name}");
        assert!(names(&schema["required"]).is_subset(&members(&sample)), "{name}");
    }
}

/// Every member on the wire is lowerCamelCase, however deep it stands.
#[test]
fn no_schema_has_a_member_in_another_spelling() {
    let methods = Request::described();
    let shapes = methods.iter().flat_map(|method| [&method.params, &method.result]);
    let events = Event::described();
    for (name, schema) in
        shapes.chain(events.iter().map(|event| &event.params)).flat_map(|shape| &shape.schemas)
    {
        for member in properties(schema) {
            assert!(is_camel_case(&member), "{member} of {name}");
        }
    }
}

fn is_camel_case(name: &str) -> bool {
    name.starts_with(|sign: char| sign.is_ascii_lowercase())
        && name.chars().all(|sign| sign.is_ascii_alphanumeric())
}

/// The members of a schema and of all that is written within it.
fn properties(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(object) => {
            let own = object.get("properties").map(members).unwrap_or_default();
            own.into_iter().chain(object.values().flat_map(properties)).collect()
        }
        Value::Array(parts) => parts.iter().flat_map(properties).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// A schema that another one names must come with it, or a document made of them points nowhere.
#[test]
fn every_schema_that_is_referred_to_is_there() {
    let methods = Request::described();
    let events = Event::described();
    let shapes = methods.iter().flat_map(|method| [&method.params, &method.result]);
    for shape in shapes.chain(events.iter().map(|event| &event.params)) {
        let known: BTreeSet<_> = shape.schemas.iter().map(|(name, _)| &**name).collect();
        for (name, schema) in &shape.schemas {
            let text = schema.to_string();
            for referred in text.split("#/components/schemas/").skip(1) {
                let referred = referred.split('"').next().unwrap();
                assert!(known.contains(referred), "{name} refers to {referred}, which {} lacks", shape.name);
            }
        }
    }
}

#[test]
fn an_example_is_one_if_it_reads_as_its_result_and_is_written_the_same() {
    let leave = &Request::described()[3];
    assert_eq!((leave.write_result)(&json!({ "unknown": 1 })).unwrap(), "{}");
    assert!((leave.write_result)(&json!(1)).is_err());
    assert!(reference::written::<u8>(&json!(256)).is_err());
}
