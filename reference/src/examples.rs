//! An example of every message, written by hand and held to be one by the types that read and write it.

use crate::repository::Error;
use common::{
    error::{ErrorCode, Fault},
    protocol::{
        Event, Failure,
        envelope::{RequestId, event_frame, failure_frame},
        reference::Method,
    },
};
use serde_json::{Value, json};
use std::{sync::LazyLock, time::Duration};

/// The parameters and results of methods, and the parameters of events, by name.
static WRITTEN: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("examples.json")).unwrap_or_default());

/// What is shown for a method.
pub(crate) fn request(method: &str) -> Result<Value, Error> {
    let params = written("methods", method)?["params"].clone();
    Ok(json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
}

/// What is answered to it.
pub(crate) fn result(method: &str) -> Result<Value, Error> {
    let result = written("methods", method)?["result"].clone();
    Ok(json!({ "jsonrpc": "2.0", "id": 1, "result": result }))
}

/// A request and its answer as they go over the wire, their members in the server's order.
pub(crate) fn exchange(method: &Method) -> Result<String, Error> {
    let written = written("methods", method.name)?;
    let (name, params) = (method.name, &written["params"]);
    let result = (method.write_result)(&written["result"])?;
    Ok(format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{name}\",\"params\":{params}}}\n{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{result}}}"
    ))
}

/// The frames of an event, one a line.
pub(crate) fn pushed(event: &str) -> Result<String, Error> {
    let mut frames = Vec::new();
    for frame in events(event)? {
        frames.push(event_frame(&serde_json::from_value::<Event>(frame)?));
    }
    Ok(frames.join("\n"))
}

/// What is shown for an event: one frame, or one for each form that it has.
pub(crate) fn events(event: &str) -> Result<Vec<Value>, Error> {
    let all = written("events", event)?.as_array().into_iter().flatten();
    Ok(all.map(|params| json!({ "jsonrpc": "2.0", "method": event, "params": params })).collect())
}

/// An answer that is an error.
pub(crate) fn failure() -> String {
    let failure = Failure::of(ErrorCode::RATE_LIMITED, Fault::Caller, "too many requests")
        .retry_after(Duration::from_millis(400));
    failure_frame(Some(&RequestId::Number(1)), &failure)
}

fn written(kind: &str, name: &str) -> Result<&'static Value, Error> {
    let all = WRITTEN.get(kind);
    all.and_then(|all| all.get(name)).ok_or_else(|| Error::Code(format!("examples.json shows no {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::protocol::{Incoming, Request};
    use std::collections::BTreeSet;

    #[test]
    fn every_request_is_read_by_the_type_that_reads_those_of_clients() {
        for method in Request::METHODS {
            let frame = request(method).unwrap().to_string();
            let incoming = Incoming::parse(&frame).unwrap();
            let read = Request::parse(&incoming.method, incoming.params);
            assert!(read.is_ok(), "{method}: {}", read.unwrap_err().message);
        }
    }

    /// Written again it is the same: no member is unknown, none is missing.
    #[test]
    fn every_result_and_event_is_what_the_server_would_write() {
        for method in Request::described() {
            let result = result(method.name).unwrap()["result"].clone();
            let written = (method.write_result)(&result).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), result, "{}", method.name);
        }
        for event in Event::NAMES {
            for frame in events(event).unwrap() {
                let read: Event = serde_json::from_value(frame.clone()).unwrap();
                assert_eq!(serde_json::from_str::<Value>(&event_frame(&read)).unwrap(), frame, "{event}");
            }
        }
    }

    #[test]
    fn nothing_is_shown_that_does_not_exist() {
        let shown = |kind: &str| WRITTEN[kind].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(shown("methods"), names(Request::METHODS));
        assert_eq!(shown("events"), names(Event::NAMES));
    }
}
