//! docs/WALKTHROUGH.md: every frame in it is one that the server would read, or write.

use crate::repository::read;
use common::protocol::{Event, Incoming, Request, envelope::event_frame};
use serde_json::Value;
use std::collections::BTreeMap;

/// A frame of the page: who has the connection, whether it is theirs, and what it says.
struct Frame<'a> {
    person: &'a str,
    is_sent: bool,
    text: &'a str,
}

fn frames(page: &str) -> Vec<Frame<'_>> {
    let lines = page.lines().filter(|line| line.contains("\"jsonrpc\""));
    lines
        .map(|line| {
            let (head, text) = line.split_at(line.find('{').unwrap());
            let (person, arrow) = head.trim_end().split_once(' ').unwrap();
            Frame { person, is_sent: arrow.trim() == ">", text }
        })
        .collect()
}

#[test]
fn every_frame_is_one_that_the_server_reads_or_writes() {
    let page = read("docs/WALKTHROUGH.md").unwrap();
    let mut asked = BTreeMap::new();
    let frames = frames(&page);
    for Frame { person, is_sent, text } in &frames {
        let frame: Value = serde_json::from_str(text).unwrap();
        if *is_sent {
            let incoming = Incoming::parse(text).unwrap();
            let read = Request::parse(&incoming.method, incoming.params);
            assert!(read.is_ok(), "{text}: {}", read.unwrap_err().message);
            asked.insert((*person, frame["id"].to_string()), incoming.method.to_string());
        } else if frame["method"].is_string() {
            let event: Event = serde_json::from_value(frame.clone()).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&event_frame(&event)).unwrap(), frame, "{text}");
        } else {
            let method = asked
                .remove(&(*person, frame["id"].to_string()))
                .unwrap_or_else(|| panic!("nobody asked: {text}"));
            let method = Request::described().into_iter().find(|it| it.name == method).unwrap();
            let written = (method.write_result)(&frame["result"]).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), frame["result"], "{text}");
        }
    }
    assert!(asked.is_empty(), "without an answer: {asked:?}");
    assert!(frames.len() > 50, "only {} frames are read", frames.len());
}
