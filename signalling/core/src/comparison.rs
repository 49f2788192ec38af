//! When what is known of other instances is compared with what the bus says, and how far that is believed.

use crate::roster::Trust;
use common::id::ConnectionId;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// How often it is compared while there is reason to doubt.
///
/// Longer spares the bus the reading of everybody; shorter puts right sooner what was not heard.
pub const COMPARE_EVERY: Duration = Duration::from_secs(5);

/// How long after an outage other instances may take to say again who is with them.
pub const SETTLING_TIME: Duration = Duration::from_secs(10);

/// How long there is doubt after an instance has come or gone: longer than the entries outlive one that died,
/// which is 15 s.
pub const DOUBT_TIME: Duration = Duration::from_secs(20);

#[derive(Debug)]
enum State {
    /// Not now; then it is, if ever.
    Next { at: Option<Instant> },
    /// Everybody is being read. Who has come or gone meanwhile is not in what is read, or still is.
    Underway { began_at: Instant, touched: BTreeSet<ConnectionId>, is_late: bool },
}

/// What has to be known of a comparison that has come to its end.
#[derive(Debug)]
pub struct Compared {
    /// How far what was read is to be believed.
    pub trust: Trust,
    /// Those of whom there was news while it was read: it says nothing about them.
    pub touched: BTreeSet<ConnectionId>,
    /// Something happened meanwhile for which it has to be read again.
    pub is_late: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Comparison {
    state: State,
    /// From then on, the bus's word on who is elsewhere is taken as whole.
    trusted_from: Instant,
    /// What is read later than this needs no comparison after it.
    doubted_until: Instant,
}

impl Comparison {
    /// The first one is due at once.
    pub fn new(now: Instant) -> Self {
        // What was said just before this instance listened may not be in the set yet.
        let doubted_until = now + COMPARE_EVERY;
        Self { state: State::Next { at: Some(now) }, trusted_from: now, doubted_until }
    }

    /// Whether everybody is to be read now. If they are being read already, they are once more afterwards.
    pub fn begin(&mut self, now: Instant) -> bool {
        match &mut self.state {
            State::Next { .. } => {
                self.state = State::Underway { began_at: now, touched: BTreeSet::new(), is_late: false };
                true
            }
            State::Underway { is_late, .. } => {
                *is_late = true;
                false
            }
        }
    }

    /// There is news of somebody.
    pub fn touch(&mut self, connection: ConnectionId) {
        if let State::Underway { touched, .. } = &mut self.state {
            touched.insert(connection);
        }
    }

    /// Everybody was read; `is_fresh` says whether other instances were within reach.
    pub fn end(&mut self, is_fresh: bool, now: Instant) -> Compared {
        let is_whole = is_fresh && now >= self.trusted_from;
        let (touched, is_late, is_sure) = match &mut self.state {
            State::Underway { began_at, touched, is_late } => {
                (std::mem::take(touched), *is_late, is_whole && *began_at >= self.doubted_until)
            }
            State::Next { .. } => (BTreeSet::new(), false, false),
        };
        self.state = State::Next { at: (!is_sure).then(|| now + COMPARE_EVERY) };
        Compared { trust: if is_whole { Trust::Whole } else { Trust::Partial }, touched, is_late }
    }

    /// They cannot be read now.
    pub fn fail(&mut self, now: Instant) {
        self.state = State::Next { at: Some(now + COMPARE_EVERY) };
    }

    /// Other instances have ceased or begun to be within reach.
    pub fn unsettle(&mut self, now: Instant) {
        self.trusted_from = now + SETTLING_TIME;
        self.doubt(now, SETTLING_TIME);
    }

    /// What is read within this time may not be so for long.
    pub fn doubt(&mut self, now: Instant, time: Duration) {
        self.doubted_until = self.doubted_until.max(now + time);
        self.expect_by(now + COMPARE_EVERY);
    }

    /// What is read before then may not be so for long.
    pub fn doubt_until(&mut self, until: Instant, now: Instant) {
        if until > self.doubted_until {
            self.doubt(now, until.saturating_duration_since(now));
        }
    }

    /// It is compared at that time, unless it is sooner, and what is read before then is not the last word.
    pub fn doubt_soon(&mut self, due: Instant) {
        self.doubted_until = self.doubted_until.max(due);
        match &mut self.state {
            State::Next { .. } => self.expect_by(due),
            State::Underway { is_late, .. } => *is_late = true,
        }
    }

    /// It is compared at that time, unless it is sooner.
    pub fn expect_by(&mut self, due: Instant) {
        if let State::Next { at } = &mut self.state {
            *at = Some(at.map_or(due, |at| at.min(due)));
        }
    }

    /// When it is due.
    pub const fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Next { at } => at,
            State::Underway { .. } => None,
        }
    }
}
