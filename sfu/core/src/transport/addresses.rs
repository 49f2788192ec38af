//! From where a peer has proved itself, and when last.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Remote addresses of one transport at most.
///
/// A client has one per network interface and relay: a handful. Each is one
/// more that every request is compared with, and one more place to send to.
pub(crate) const ADDRESSES_MAX: usize = 16;

/// How long an address is sent to after its last authentic check.
///
/// Peers check every few seconds for as long as they want media (RFC 7675,
/// section 5.1, which also gives this time). Shorter interrupts those whose
/// checks are lost; longer lets media go on to one who never asked for it.
pub(crate) const CONSENT_TIME: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy)]
struct Known {
    local: SocketAddr,
    remote: SocketAddr,
    checked_at: Instant,
}

/// The addresses that authentic checks came from.
#[derive(Debug, Default)]
pub(crate) struct Addresses(Vec<Known>);

/// What an authentic check from somewhere means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    /// It is known to come from there.
    Known,
    /// It comes from there for the first time.
    New {
        /// The address that had to make room, if one had to.
        forgotten: Option<SocketAddr>,
    },
}

impl Addresses {
    /// Notes an authentic check. Where there are too many, the one whose last
    /// check is longest ago is forgotten, but never `kept`.
    pub(crate) fn note(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        kept: Option<SocketAddr>,
        now: Instant,
    ) -> Noted {
        let new = Known { local, remote, checked_at: now };
        if let Some(known) = self.0.iter_mut().find(|known| known.remote == remote) {
            *known = new;
            return Noted::Known;
        }
        if self.0.len() < ADDRESSES_MAX {
            self.0.push(new);
            return Noted::New { forgotten: None };
        }
        let others = self.0.iter_mut().filter(|known| Some(known.remote) != kept);
        let oldest = others.min_by_key(|known| known.checked_at);
        Noted::New { forgotten: oldest.map(|oldest| std::mem::replace(oldest, new).remote) }
    }

    /// Whether an address may still be sent to.
    pub(crate) fn consents(&self, remote: SocketAddr, now: Instant) -> bool {
        self.0.iter().any(|known| known.remote == remote && known.is_fresh(now))
    }

    /// From where to where to send, by the last check that gives consent.
    pub(crate) fn freshest(&self, now: Instant) -> Option<(SocketAddr, SocketAddr)> {
        let fresh = self.0.iter().filter(|known| known.is_fresh(now));
        fresh.max_by_key(|known| known.checked_at).map(|known| (known.local, known.remote))
    }

    /// All of them.
    pub(crate) fn remotes(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.iter().map(|known| known.remote)
    }
}

impl Known {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.checked_at) <= CONSENT_TIME
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    #[test]
    fn the_oldest_makes_room_but_never_the_one_in_use() {
        let clock = ManualClock::default();
        let mut addresses = Addresses::default();
        let mut note = |port| {
            clock.advance(Duration::from_millis(1));
            addresses.note(address(1), address(port), Some(address(100)), clock.now())
        };
        for port in 100..116 {
            assert_eq!(note(port), Noted::New { forgotten: None });
        }
        assert_eq!(note(101), Noted::Known);
        assert_eq!(note(200), Noted::New { forgotten: Some(address(102)) });
        assert_eq!(note(201), Noted::New { forgotten: Some(address(103)) });
        assert_eq!(addresses.remotes().count(), ADDRESSES_MAX);
        assert!(addresses.consents(address(100), clock.now()));
    }

    #[test]
    fn consent_ends_and_goes_to_who_checked_last() {
        let clock = ManualClock::default();
        let mut addresses = Addresses::default();
        addresses.note(address(1), address(100), None, clock.now());
        clock.advance(CONSENT_TIME / 2);
        addresses.note(address(2), address(101), None, clock.now());
        clock.advance(CONSENT_TIME / 2 + Duration::from_millis(1));
        assert!(!addresses.consents(address(100), clock.now()));
        assert_eq!(addresses.freshest(clock.now()), Some((address(2), address(101))));
        clock.advance(CONSENT_TIME);
        assert_eq!(addresses.freshest(clock.now()), None);
    }
}
