//! What a stream consists of: server-sent events (HTML Standard, section 9.2.5).

use super::source::Source;
use crate::{connection::ping_interval, hub::Hub, pipe::Taken};
use axum::body::{Body, Bytes};
use futures_util::stream;
use ingress::Problem;
use serde_json::json;
use std::{
    convert::Infallible,
    io::Write as _,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// A stream begins with so many bytes that say nothing: scanners on the way that look at the beginning of an answer
/// then let it go.
const PADDING_BYTES: usize = 2048;

/// So long after that something short is said: if a client hears it late, something on the way gathers what is said.
const PROBE_AFTER: Duration = Duration::from_millis(100);

/// How often a stream shows that it lives.
///
/// Longer costs less; shorter is noticed sooner, and keeps streams alive through proxies that give up on quiet ones.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What says nothing: a comment.
const NOTHING: &[u8] = b":\n\n";

/// How long a stream lasts. The client comes back for the next one, which shows that it is there.
pub(crate) fn stream_time(hub: &Hub) -> Duration {
    ping_interval(hub) * 2
}

/// How a client wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// One answer that goes on.
    Stream,
    /// An answer for whatever comes next, after so long at most.
    Poll(Duration),
}

impl Mode {
    /// By the query: `wait`, in seconds, asks for one answer.
    pub(super) fn of(query: &str, hub: &Hub) -> Result<Self, Problem> {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let Some((_, wait)) = pairs.find(|(name, _)| *name == "wait") else { return Ok(Self::Stream) };
        let seconds = wait.parse().map_err(|_| Problem::invalid("`wait` is a number of seconds"))?;
        Ok(Self::Poll(Duration::from_secs(seconds).min(ping_interval(hub))))
    }
}

struct Stream {
    hub: Hub,
    source: Source,
    id: Uuid,
    /// The last frame that was handed out.
    after: u64,
    mode: Mode,
    /// What comes next.
    next: Next,
    probe_at: Option<Instant>,
    ends_at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Beginning,
    Frames,
    Nothing,
}

/// The body of an answer: what is said behind `after`.
pub(super) fn body(hub: Hub, source: Source, id: Uuid, after: u64, mode: Mode) -> Body {
    let now = hub.clock().now();
    let (next, probe_at) = match mode {
        Mode::Stream => (Next::Beginning, Some(now + PROBE_AFTER)),
        Mode::Poll(_) => (Next::Frames, None),
    };
    let ends_at = now + stream_time(&hub);
    let begun = Stream { hub, source, id, after, mode, next, probe_at, ends_at };
    Body::from_stream(stream::unfold(begun, |mut stream| async move {
        let piece = Box::pin(stream.piece()).await?;
        Some((Ok::<_, Infallible>(Bytes::from(piece)), stream))
    }))
}

impl Stream {
    /// The next piece; `None` at the end.
    async fn piece(&mut self) -> Option<Vec<u8>> {
        match self.next {
            Next::Nothing => return None,
            Next::Beginning => {
                self.next = Next::Frames;
                return Some(beginning());
            }
            Next::Frames => {}
        }
        let now = self.hub.clock().now();
        if now >= self.ends_at {
            return None;
        }
        if self.probe_at.is_some_and(|at| now >= at) {
            self.probe_at = None;
            return Some(event("flowing", "{}"));
        }
        let left = self.probe_at.unwrap_or(self.ends_at).saturating_duration_since(now);
        let wait = match self.mode {
            Mode::Stream => left.min(HEARTBEAT),
            Mode::Poll(wait) => wait,
        };
        let taken = self.source.take(&self.hub, self.id, self.after, wait).await.ok()?;
        if self.mode != Mode::Stream || taken.closed.is_some() {
            self.next = Next::Nothing;
        }
        self.after = taken.frames.last().map_or(self.after, |(number, _)| *number);
        Some(text(&taken))
    }
}

fn beginning() -> Vec<u8> {
    let mut text = vec![b' '; PADDING_BYTES];
    text.insert(0, b':');
    text.extend_from_slice(b"\n\n");
    text
}

fn event(name: &str, data: &str) -> Vec<u8> {
    format!("event: {name}\ndata: {data}\n\n").into_bytes()
}

/// Line breaks in a frame stand between parts of its JSON, where they mean nothing.
fn text(taken: &Taken) -> Vec<u8> {
    if taken.is_empty() {
        return NOTHING.to_vec();
    }
    let mut text = Vec::with_capacity(taken.frames.iter().map(|(_, frame)| frame.len() + 32).sum());
    for (number, frame) in &taken.frames {
        let _memory_takes_it = writeln!(text, "id: {number}");
        for line in frame.split(|byte| matches!(byte, b'\n' | b'\r')) {
            text.extend_from_slice(b"data: ");
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        text.push(b'\n');
    }
    if let Some((code, reason)) = &taken.closed {
        text.extend_from_slice(&event("close", &json!({ "code": code, "reason": reason }).to_string()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_has_its_frames_with_their_numbers_and_why_it_ends() {
        let frame = |number, text: &'static str| (number, Bytes::from(text));
        let taken = Taken {
            frames: vec![frame(7, "{\"a\":1}"), frame(8, "{}")],
            closed: Some((4000, "reads too slowly".to_owned())),
        };
        let shown = String::from_utf8(text(&taken)).unwrap();
        let close = "event: close\ndata: {\"code\":4000,\"reason\":\"reads too slowly\"}\n\n";
        assert_eq!(shown, format!("id: 7\ndata: {{\"a\":1}}\n\nid: 8\ndata: {{}}\n\n{close}"));
        assert_eq!(text(&Taken::default()), NOTHING);
        let broken = Taken { frames: vec![frame(1, "{\r\n}")], closed: None };
        assert_eq!(text(&broken), b"id: 1\ndata: {\ndata: \ndata: }\n\n");
    }
}
