//! How subjects and messages look in Redis.

use super::{
    in_flight::{RequestId, Verdict},
    partition::Partition,
};
use crate::exchange::Refusal;
use bytes::Bytes;
use common::id::NodeId;
use redis::{Cmd, cmd};
use std::time::Duration;
use uuid::Uuid;

/// Keys and channels under the installation's prefix: `prefix:{tag}:kind:name`, of which the tag is the
/// partition's that the name lies in.
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
        // A colon within is doubled, as the single one ends the prefix: the topic `x` of the installation
        // `a:t` would otherwise be the topic `t:x` of `a`. A brace within is none: it would begin the tag.
        Self { prefix: prefix.replace(':', "::").replace('{', ":(") }
    }

    fn within(&self, partition: Partition, kind: &str, name: &str) -> String {
        format!("{}:{{{}}}:{kind}:{name}", self.prefix, partition.tag())
    }

    fn named(&self, kind: &str, name: &str) -> String {
        self.within(Partition::of(name), kind, name)
    }

    pub(crate) fn topic(&self, subject: &str) -> String {
        self.named("t", subject)
    }

    pub(crate) fn service(&self, subject: &str) -> String {
        self.named("s", subject)
    }

    /// What the channels of a partition begin with by which nodes are answered and known to listen.
    pub(crate) fn replies_prefix(&self, partition: Partition) -> String {
        self.within(partition, "r", "")
    }

    /// Where a node hears what it asked services of a partition.
    pub(crate) fn replies(&self, partition: Partition, node: NodeId) -> String {
        self.within(partition, "r", &node.to_string())
    }

    pub(crate) fn rate(&self, name: &str) -> String {
        self.named("b", name)
    }

    pub(crate) fn history(&self, name: &str) -> String {
        self.named("h", name)
    }

    /// What a history has kept.
    pub(crate) fn entries(&self, name: &str) -> String {
        self.named("e", name)
    }

    pub(crate) fn lease(&self, name: &str) -> String {
        self.named("l", name)
    }

    pub(crate) fn presence(&self, set: &str) -> String {
        self.named("p", set)
    }

    /// Which nodes live, for all sets of a partition.
    pub(crate) fn nodes(&self, partition: Partition) -> String {
        self.within(partition, "n", "")
    }

    pub(crate) fn parse<'a>(&self, channel: &'a str) -> Option<Channel<'a>> {
        let (_tag, rest) = channel.strip_prefix(&self.prefix)?.strip_prefix(":{")?.split_once("}:")?;
        let (kind, subject) = rest.split_once(':')?;
        match kind {
            "t" => Some(Channel::Topic(subject)),
            "s" => Some(Channel::Service(subject)),
            "r" => Some(Channel::Replies),
            _ => None,
        }
    }
}

/// Tells those who listen to a channel. It is answered by how many they are.
pub(crate) fn publication(channel: &str, message: &[u8]) -> Cmd {
    let mut publication = cmd("SPUBLISH");
    publication.arg(channel).arg(message);
    publication
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
pub(crate) fn request(from: NodeId, id: RequestId, request: &Bytes) -> Vec<u8> {
    [from.as_uuid().as_bytes().as_slice(), &id.0.to_be_bytes(), request].concat()
}

pub(crate) fn parse_request(bytes: &Bytes) -> Option<(NodeId, RequestId, Bytes)> {
    let (from, rest) = parse_news(bytes)?;
    let (id, request) = parse_number(&rest)?;
    Some((from, id, request))
}

/// How a reply begins, after its request's number.
const ANSWERED: u8 = 0;
const NOBODY: u8 = 1;
const GIVEN_UP: u8 = 2;

/// A verdict with its request's number and its kind in front.
pub(crate) fn reply(id: RequestId, verdict: &Verdict) -> Vec<u8> {
    let (kind, answer): (u8, &[u8]) = match verdict {
        Verdict::Answer(answer) => (ANSWERED, answer),
        Verdict::Refused(Refusal::Nobody) => (NOBODY, &[]),
        Verdict::Refused(Refusal::GivenUp) => (GIVEN_UP, &[]),
    };
    [id.0.to_be_bytes().as_slice(), &[kind], answer].concat()
}

pub(crate) fn parse_reply(bytes: &Bytes) -> Option<(RequestId, Verdict)> {
    let (id, rest) = parse_number(bytes)?;
    let verdict = match *rest.first()? {
        ANSWERED => Verdict::Answer(rest.slice(1..)),
        NOBODY => Verdict::Refused(Refusal::Nobody),
        GIVEN_UP => Verdict::Refused(Refusal::GivenUp),
        _ => return None,
    };
    Some((id, verdict))
}

fn parse_number(bytes: &Bytes) -> Option<(RequestId, Bytes)> {
    let (id, _) = bytes.split_first_chunk::<8>()?;
    Some((RequestId(u64::from_be_bytes(*id)), bytes.slice(8..)))
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

#[cfg(test)]
mod tests;
