//! A camera as somebody sees it: which of its pictures can be decoded, and when.

use super::content::Part;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Pictures behind the newest that could still be decoded.
const HOPE: u32 = 300;

/// For how long pictures that cannot be decoded are waited for before a key frame is asked for, as in browsers.
const PATIENCE: Duration = Duration::from_millis(300);

/// A picture of which something came.
struct Picture {
    came: BTreeSet<u8>,
    count: u8,
    builds_on: Option<u32>,
}

/// What somebody sees of one camera.
#[derive(Default)]
pub(crate) struct Screen {
    /// By encoding and number.
    coming: BTreeMap<(u8, u32), Picture>,
    decoded: BTreeSet<(u8, u32)>,
    newest: Option<u32>,
    /// When the newest was shown, or was to come from; nothing while it is known to be paused.
    shown_at: Duration,
    is_paused: bool,
    asked_at: Duration,
    /// Every picture that was shown: when, after how long, and of which encoding.
    pub(crate) shown: Vec<(Duration, Duration, u8)>,
}

impl Screen {
    /// One who looks at it from then on.
    pub(crate) fn new(at: Duration) -> Self {
        Self { shown_at: at, ..Self::default() }
    }

    /// A part of a picture arrives.
    pub(crate) fn take(&mut self, part: Part, at: Duration) {
        let key = (part.encoding, part.picture);
        let Part { count, builds_on, .. } = part;
        let picture =
            self.coming.entry(key).or_insert_with(|| Picture { came: BTreeSet::new(), count, builds_on });
        picture.came.insert(part.place);
        while let Some(key) = self.decodable() {
            self.coming.remove(&key);
            self.decoded.insert(key);
            self.show(key, at);
        }
        let oldest = self.newest.unwrap_or(0).saturating_sub(HOPE);
        self.coming.retain(|(_, number), _| *number >= oldest);
        self.decoded.retain(|(_, number)| *number >= oldest);
    }

    /// A picture that is there and can be decoded.
    fn decodable(&self) -> Option<(u8, u32)> {
        let is_decodable = |((encoding, _), picture): &(&(u8, u32), &Picture)| {
            let is_whole = picture.came.len() == usize::from(picture.count);
            is_whole && picture.builds_on.is_none_or(|number| self.decoded.contains(&(*encoding, number)))
        };
        self.coming.iter().find(is_decodable).map(|(key, _)| *key)
    }

    fn show(&mut self, (encoding, number): (u8, u32), at: Duration) {
        if self.newest.is_some_and(|newest| newest >= number) {
            return;
        }
        self.newest = Some(number);
        if !self.is_paused {
            self.shown.push((at, at - self.shown_at, encoding));
        }
        self.shown_at = at;
    }

    /// It is said to be paused, or not.
    pub(crate) fn pause(&mut self, is_paused: bool, at: Duration) {
        if is_paused != self.is_paused {
            self.end(at);
            self.is_paused = is_paused;
            self.shown_at = at;
        }
    }

    /// How long nothing was shown for until now counts, too.
    pub(crate) fn end(&mut self, at: Duration) {
        if !self.is_paused {
            let encoding = self.shown.last().map_or(0, |(_, _, encoding)| *encoding);
            self.shown.push((at, at - self.shown_at, encoding));
        }
    }

    /// Whether a key frame is to be asked for: something comes, and cannot be decoded.
    pub(crate) fn asks(&mut self, now: Duration) -> bool {
        let waits_since = self.shown_at.max(self.asked_at);
        let asks = !self.coming.is_empty() && now >= waits_since + PATIENCE;
        if asks {
            self.asked_at = now;
        }
        asks
    }
}
