//! How subjects and messages look in Redis.

use bytes::Bytes;
use common::id::NodeId;
use std::time::Duration;
use uuid::Uuid;

/// Keys and channels under the installation's prefix.
pub(crate) struct Names {
    prefix: String,
}

/// A channel of ours, taken apart.
pub(crate) enum Channel<'a> {
    Topic(&'a str),
    Service(&'a str),
    Replies,
}

impl Names {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    pub(crate) fn topic(&self, subject: &str) -> String {
        format!("{}:t:{subject}", self.prefix)
    }

    pub(crate) fn service(&self, subject: &str) -> String {
        format!("{}:s:{subject}", self.prefix)
    }

    pub(crate) fn replies(&self, node: NodeId) -> String {
        format!("{}:r:{node}", self.prefix)
    }

    pub(crate) fn lease(&self, name: &str) -> String {
        format!("{}:l:{name}", self.prefix)
    }

    pub(crate) fn presence(&self, set: &str) -> String {
        format!("{}:p:{set}", self.prefix)
    }

    pub(crate) fn node_prefix(&self) -> String {
        format!("{}:n:", self.prefix)
    }

    pub(crate) fn node(&self, node: NodeId) -> String {
        format!("{}:n:{node}", self.prefix)
    }

    pub(crate) fn parse<'a>(&self, channel: &'a str) -> Option<Channel<'a>> {
        let (kind, subject) = channel.strip_prefix(&self.prefix)?.strip_prefix(':')?.split_once(':')?;
        match kind {
            "t" => Some(Channel::Topic(subject)),
            "s" => Some(Channel::Service(subject)),
            "r" => Some(Channel::Replies),
            _ => None,
        }
    }
}

/// A message with its sender in front, who ignores its own echo.
pub(crate) fn news(from: NodeId, message: &Bytes) -> Vec<u8> {
    [from.as_uuid().as_bytes().as_slice(), message].concat()
}

pub(crate) fn parse_news(bytes: &Bytes) -> Option<(NodeId, Bytes)> {
    let (from, _) = bytes.split_first_chunk::<16>()?;
    Some((NodeId::from_uuid(Uuid::from_bytes(*from)), bytes.slice(16..)))
}

/// A request with its asker and number in front.
pub(crate) fn request(from: NodeId, id: u64, request: &Bytes) -> Vec<u8> {
    [from.as_uuid().as_bytes().as_slice(), &id.to_be_bytes(), request].concat()
}

pub(crate) fn parse_request(bytes: &Bytes) -> Option<(NodeId, u64, Bytes)> {
    let (from, rest) = parse_news(bytes)?;
    let (id, request) = parse_reply(&rest)?;
    Some((from, id, request))
}

/// An answer with its request's number in front.
pub(crate) fn reply(id: u64, answer: &Bytes) -> Vec<u8> {
    [id.to_be_bytes().as_slice(), answer].concat()
}

pub(crate) fn parse_reply(bytes: &Bytes) -> Option<(u64, Bytes)> {
    let (id, _) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*id), bytes.slice(8..)))
}

/// A presence entry with its node in front, in text for the script that reads it.
pub(crate) fn entry(node: NodeId, entry: &Bytes) -> Vec<u8> {
    [node.to_string().as_bytes(), entry].concat()
}

pub(crate) fn parse_entry(bytes: &[u8]) -> Option<(NodeId, Bytes)> {
    let (node, entry) = bytes.split_at_checked(36)?;
    let node = std::str::from_utf8(node).ok()?.parse().ok()?;
    Some((node, Bytes::copy_from_slice(entry)))
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
