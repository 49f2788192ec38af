//! Pages of a room's members that somebody keeps open, and what has to be told of them.
//!
//! A page is the first so many of those after a place in the order of their connections. What those who follow it are
//! told is the difference between what they were told last and who is on it by then.

use crate::roster::Change;
use common::{
    id::{ConnectionId, RoomId},
    protocol::room::{Member, PageChanged},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// The place after which a page begins; none is the first.
pub type After = Option<ConnectionId>;

/// How long a page is left alone for each member that was told by name.
///
/// Longer spares those who look while many come at once; shorter shows each sooner. Fifty names a second of ordinary
/// length are 7 KB a second.
pub const REST_PER_NAME: Duration = Duration::from_millis(20);

/// Pages that are told in a row, before others may do something in the room.
const TOLD_AT_ONCE: usize = 16;

/// Those who were told the same of a page.
#[derive(Debug)]
struct Cohort {
    /// Who is on it as they know it.
    known: BTreeSet<ConnectionId>,
    more: bool,
    followers: BTreeSet<ConnectionId>,
}

#[derive(Debug, Default)]
struct Page {
    cohorts: Vec<Cohort>,
    /// When it is told what has changed, if something may have.
    due: Option<Instant>,
    /// It is told nothing before.
    rests_until: Option<Instant>,
}

/// What some are told.
#[derive(Debug, PartialEq)]
pub struct Told {
    /// Those who knew the same of it.
    pub followers: BTreeSet<ConnectionId>,
    /// Where the page begins.
    pub after: After,
    /// Who came onto it.
    pub joined: Vec<Member>,
    /// Who is on it no longer.
    pub left: Vec<ConnectionId>,
    /// Whether there are others after it.
    pub more: bool,
}

impl Told {
    /// As it is told in this room.
    pub fn into_event(self, room_id: RoomId) -> (BTreeSet<ConnectionId>, PageChanged) {
        let Self { followers, after, joined, left, more } = self;
        (followers, PageChanged { room_id, after, joined, left, more })
    }
}

/// The open pages of a room: one at most for each of those who are there.
#[derive(Debug, Default)]
pub struct Pages {
    open: BTreeMap<After, Page>,
    followed: BTreeMap<ConnectionId, After>,
}

impl Pages {
    /// Whether nobody follows any.
    pub fn is_empty(&self) -> bool {
        self.followed.is_empty()
    }

    /// Somebody follows the page after this place from now on, and no other. They know that `members` are on it.
    pub fn follow(&mut self, follower: ConnectionId, after: After, members: &[Member], more: bool) {
        self.unfollow(follower);
        self.followed.insert(follower, after);
        let page = self.open.entry(after).or_default();
        let known: BTreeSet<ConnectionId> = members.iter().map(|member| member.connection_id).collect();
        let alike = page.cohorts.iter_mut().find(|cohort| cohort.more == more && cohort.known == known);
        match alike {
            Some(cohort) => {
                cohort.followers.insert(follower);
            }
            None => page.cohorts.push(Cohort { known, more, followers: BTreeSet::from([follower]) }),
        }
    }

    /// They follow none any more.
    pub fn unfollow(&mut self, follower: ConnectionId) {
        let Some(after) = self.followed.remove(&follower) else { return };
        let Some(page) = self.open.get_mut(&after) else { return };
        for cohort in &mut page.cohorts {
            cohort.followers.remove(&follower);
        }
        page.cohorts.retain(|cohort| !cohort.followers.is_empty());
        if page.cohorts.is_empty() {
            self.open.remove(&after);
        }
    }

    /// Everybody in the room was told this: those who follow a page know it already.
    pub fn note_told(&mut self, change: &Change) {
        let (Change::Joined(Member { connection_id, .. }) | Change::Left(Member { connection_id, .. })) =
            change;
        for (_, page) in self.open.iter_mut().filter(|(after, _)| **after < Some(*connection_id)) {
            for cohort in &mut page.cohorts {
                match change {
                    Change::Joined(_) => cohort.known.insert(*connection_id),
                    Change::Left(_) => cohort.known.remove(connection_id),
                };
            }
        }
    }

    /// Somebody has come or gone who was not told to everybody. It is told at `due`, to those whose page does not rest.
    pub fn note_untold(&mut self, due: Instant) {
        for page in self.open.values_mut() {
            page.due.get_or_insert(page.rests_until.map_or(due, |until| until.max(due)));
        }
    }

    /// When the next page is to be told.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.open.values().filter_map(|page| page.due).min()
    }

    /// What is to be told by now, given who is on a page. Some of those that are due may be left for another time.
    pub fn tell(&mut self, now: Instant, read: impl Fn(After) -> (Vec<Member>, bool)) -> Vec<Told> {
        let due = self.open.iter_mut().filter(|(_, page)| page.due.is_some_and(|due| due <= now));
        let told = due.take(TOLD_AT_ONCE).flat_map(|(after, page)| page.tell(*after, now, &read));
        told.collect()
    }
}

impl Page {
    fn tell(&mut self, after: After, now: Instant, read: impl Fn(After) -> (Vec<Member>, bool)) -> Vec<Told> {
        let (members, more) = read(after);
        let present: BTreeSet<ConnectionId> = members.iter().map(|member| member.connection_id).collect();
        let (mut told, mut everybody, mut names) = (Vec::new(), BTreeSet::new(), 0);
        for Cohort { known, more: knew_more, followers } in self.cohorts.drain(..) {
            everybody.extend(&followers);
            let is_new = |member: &&Member| !known.contains(&member.connection_id);
            let joined: Vec<Member> = members.iter().filter(is_new).cloned().collect();
            let left: Vec<ConnectionId> = known.difference(&present).copied().collect();
            if joined.is_empty() && left.is_empty() && knew_more == more {
                continue;
            }
            names = names.max(joined.len());
            told.push(Told { followers, after, joined, left, more });
        }
        self.cohorts.push(Cohort { known: present, more, followers: everybody });
        self.due = None;
        let rest = REST_PER_NAME.saturating_mul(u32::try_from(names).unwrap_or(u32::MAX));
        self.rests_until = (!rest.is_zero()).then(|| now + rest);
        told
    }
}

#[cfg(test)]
mod tests;
