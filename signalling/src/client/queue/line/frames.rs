//! Frames in a row, of which there is mostly one: it waits here, and not behind a pointer.

use super::Kind;
use crate::frame::Frame;
use std::collections::VecDeque;

type Entry = (Kind, Frame);

#[derive(Default)]
pub(super) struct Frames {
    /// There is one if there are any.
    first: Option<Entry>,
    rest: VecDeque<Entry>,
}

impl Frames {
    pub(super) fn push_back(&mut self, entry: Entry) {
        match self.first {
            None => self.first = Some(entry),
            Some(_) => self.rest.push_back(entry),
        }
    }

    pub(super) fn push_front(&mut self, entry: Entry) {
        if let Some(second) = self.first.replace(entry) {
            self.rest.push_front(second);
        }
    }

    pub(super) fn pop_front(&mut self) {
        self.first = self.rest.pop_front();
        if self.rest.is_empty() && self.rest.capacity() > 0 {
            // Who is at rest holds nothing.
            self.rest = VecDeque::new();
        }
    }

    pub(super) const fn front(&self) -> Option<&Entry> {
        self.first.as_ref()
    }

    /// Whether there is not more than one.
    pub(super) fn is_one(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.first.iter().chain(&self.rest)
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = Entry> {
        self.first.into_iter().chain(self.rest)
    }
}
