//! Revocations: tokens that are still valid by themselves, but that nobody may use any more.
//!
//! An access token is good for a quarter of an hour, and nobody asks the store about it. What is
//! ended meanwhile stands on this list, which every instance keeps for itself. Readers are checked against it
//! without a look at the store, writers against the store itself, in the transaction that writes.

use crate::{
    id::{SignInId, UserId},
    token::{ACCESS_TOKEN_TIME, Bearer, Standing},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use time::OffsetDateTime;

/// How far two instances' clocks may be apart. What ended is remembered for so much longer than the tokens
/// that it concerns.
const CLOCKS_APART: Duration = Duration::from_secs(60);

/// How long something that ended is remembered: afterwards every token that it concerns has expired.
///
/// Shorter would let tokens live again; longer costs memory, some 60 bytes for each that ended.
pub const REMEMBERED: Duration = ACCESS_TOKEN_TIME.saturating_add(CLOCKS_APART);

/// Something that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The thing that has ended.
    pub what: Ended,
    /// The moment; tokens signed before it are no longer good for what has ended.
    pub at: OffsetDateTime,
}

/// A thing that can end before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    /// A sign-in, with every token of it.
    SignIn(SignInId),
    /// A user's permissions, because their role allows less: tokens from before say too much.
    Permissions(UserId),
    /// An elevation of a user. Tokens from before that have one say too much.
    Elevation(UserId),
}

/// The list. Shared by all that read on this instance.
#[derive(Debug, Default)]
pub struct Revocations {
    entries: RwLock<Entries>,
    /// Grows with each that is new.
    version: AtomicU64,
}

#[derive(Debug, Default)]
struct Entries {
    sign_ins: HashMap<SignInId, OffsetDateTime>,
    permissions: HashMap<UserId, OffsetDateTime>,
    elevations: HashMap<UserId, OffsetDateTime>,
}

/// Notes the latest end; whether that is news.
fn record_end<K: Eq + Hash>(ends: &mut HashMap<K, OffsetDateTime>, of: K, at: OffsetDateTime) -> bool {
    match ends.entry(of) {
        Entry::Occupied(mut known) if *known.get() < at => {
            known.insert(at);
            true
        }
        Entry::Occupied(_) => false,
        Entry::Vacant(place) => {
            place.insert(at);
            true
        }
    }
}

/// Tokens name milliseconds. One of the very millisecond in which something ended counts as from before it.
fn is_from_before(issued_at: OffsetDateTime, end: Option<&OffsetDateTime>) -> bool {
    end.is_some_and(|end| issued_at <= *end)
}

impl Revocations {
    /// Adds what ended. What is known already changes nothing.
    pub fn add(&self, ended: &[Revocation]) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let mut news = 0;
        for Revocation { what, at } in ended {
            news += u64::from(match *what {
                Ended::SignIn(sign_in) => record_end(&mut entries.sign_ins, sign_in, *at),
                Ended::Permissions(user) => record_end(&mut entries.permissions, user, *at),
                Ended::Elevation(user) => record_end(&mut entries.elevations, user, *at),
            });
        }
        self.version.fetch_add(news, Ordering::Release);
    }

    /// Forgets what ended so long ago that no token can be left of it.
    pub fn forget(&self, now: OffsetDateTime) {
        let lately = |end: &OffsetDateTime| *end + REMEMBERED > now;
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.sign_ins.retain(|_, end| lately(end));
        entries.permissions.retain(|_, end| lately(end));
        entries.elevations.retain(|_, end| lately(end));
    }

    /// Whether nothing of this token has ended.
    pub fn holds(&self, standing: &Standing) -> bool {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let is_over = standing.sign_in.is_some_and(|sign_in| entries.sign_ins.contains_key(&sign_in));
        let before = |ends: &HashMap<UserId, OffsetDateTime>| {
            is_from_before(standing.issued_at, ends.get(&standing.user))
        };
        let says_too_much =
            before(&entries.permissions) || (standing.is_elevated() && before(&entries.elevations));
        !is_over && !says_too_much
    }

    /// The same of whoever was let in by a token. A guest's ends in the rooms and in the store.
    pub fn admits(&self, bearer: &Bearer) -> bool {
        match bearer {
            Bearer::Caller(caller) => self.holds(&caller.standing()),
            Bearer::Guest(_) => true,
        }
    }

    /// A number that is another as soon as something was added.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.sign_ins.len() + entries.permissions.len() + entries.elevations.len()
    }

    /// Whether nothing has ended lately.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests;
