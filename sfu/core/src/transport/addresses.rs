//! From where a peer has proved itself, when last, and whether it hears us there.

use super::phase::AMPLIFICATION_MAX;
use crate::{
    address::TransportAddress,
    moment::{after, just_after},
    stun::Transaction,
};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Remote addresses of one transport at most.
///
/// A client has one per network interface and relay: a handful. Each is one
/// more that every request is compared with, and one more place to send to.
pub(crate) const ADDRESSES_MAX: usize = 16;

/// How long an address is sent to after it last answered a check of ours.
///
/// RFC 7675, section 5.1, gives this time. Shorter interrupts those whose
/// checks are lost; longer lets media go on to one who never asked for it.
pub(crate) const CONSENT_TIME: Duration = Duration::from_secs(30);

/// How long after an answer the next check is sent (RFC 7675, section 5.1).
///
/// Shorter costs datagrams; longer leaves fewer attempts within the consent time.
pub(crate) const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// How soon a check that is not answered is repeated.
///
/// What waits for it is media after a change of network: shorter shortens the
/// interruption where the first check is lost, longer costs fewer datagrams.
const REPEAT_INTERVAL: Duration = Duration::from_millis(250);

/// How long nobody else gets an address after its peer was last heard to be there.
///
/// Two checks fit in. Shorter lets who can forge an address take it from whoever uses it; longer keeps
/// out who comes to an address, behind the same router, that another has just left.
pub(crate) const HOLD_TIME: Duration = Duration::from_secs(10);

/// A check of ours that is not answered yet.
#[derive(Debug, Clone, Copy)]
struct Asked {
    transaction: Transaction,
    /// When it was sent for the first time, and for the last.
    first: Instant,
    last: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    local: SocketAddr,
    remote: TransportAddress,
    /// Of the credentials that its last check was signed with.
    generation: u64,
    /// The last authentic check from there. Its address can be forged.
    checked_at: Instant,
    /// When it last answered a check of ours: whoever did is there.
    answered_at: Option<Instant>,
    asked: Option<Asked>,
    /// Bytes that came from there and went there while it had not answered.
    received: usize,
    sent: usize,
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
        forgotten: Option<TransportAddress>,
    },
}

impl Addresses {
    /// Notes an authentic check of so many bytes, from the second address to the first. Where there
    /// are too many, the one whose last check is longest ago is forgotten, but never `kept`.
    pub(crate) fn note(
        &mut self,
        (local, remote): (SocketAddr, TransportAddress),
        (generation, bytes): (u64, usize),
        kept: Option<TransportAddress>,
        now: Instant,
    ) -> Noted {
        if let Some(known) = self.0.iter_mut().find(|known| known.remote == remote) {
            known.local = local;
            known.generation = generation;
            known.checked_at = now;
            known.received = known.received.saturating_add(bytes);
            return Noted::Known;
        }
        let new = Known {
            local,
            remote,
            generation,
            checked_at: now,
            answered_at: None,
            asked: None,
            received: bytes,
            sent: 0,
        };
        if self.0.len() < ADDRESSES_MAX {
            self.0.push(new);
            return Noted::New { forgotten: None };
        }
        let others = self.0.iter_mut().filter(|known| Some(known.remote) != kept);
        let oldest = others.min_by_key(|known| known.checked_at);
        Noted::New { forgotten: oldest.map(|oldest| std::mem::replace(oldest, new).remote) }
    }

    fn find(&self, remote: TransportAddress) -> Option<&Known> {
        self.0.iter().find(|known| known.remote == remote)
    }

    fn known(&mut self, remote: TransportAddress) -> Option<&mut Known> {
        self.0.iter_mut().find(|known| known.remote == remote)
    }

    /// The transaction of the check that is to be sent to an address now, if one is: `new` where the
    /// last was answered, so long ago as the interval, or not in time.
    pub(crate) fn ask(
        &mut self,
        remote: TransportAddress,
        interval: Duration,
        new: impl FnOnce() -> Transaction,
        now: Instant,
    ) -> Option<Transaction> {
        let known = self.known(remote).filter(|known| known.next_check(interval) <= now)?;
        let is_in_time = |asked: &Asked| now.saturating_duration_since(asked.first) < CHECK_INTERVAL;
        let asked = match known.asked.filter(is_in_time) {
            Some(asked) => Asked { last: now, ..asked },
            None => Asked { transaction: new(), first: now, last: now },
        };
        known.asked = Some(asked);
        Some(asked.transaction)
    }

    /// Nobody can be at an address any more.
    pub(crate) fn forget(&mut self, remote: TransportAddress) {
        self.0.retain(|known| known.remote != remote);
    }

    /// When an address is to be [asked](Self::ask) next.
    pub(crate) fn next_check(&self, remote: TransportAddress, interval: Duration) -> Option<Instant> {
        self.find(remote).map(|known| known.next_check(interval))
    }

    /// Since when it is asked in vain.
    pub(crate) fn unanswered_since(&self, remote: TransportAddress) -> Option<Instant> {
        Some(self.find(remote)?.asked?.first)
    }

    /// From where to where the peer's last check from there is answered.
    pub(crate) fn path(&self, remote: TransportAddress) -> Option<(SocketAddr, TransportAddress)> {
        self.find(remote).map(|known| (known.local, known.remote))
    }

    /// Of the credentials that the last check from there was signed with, if one came.
    pub(crate) fn generation(&self, remote: TransportAddress) -> Option<u64> {
        self.find(remote).map(|known| known.generation)
    }

    /// Takes an answer to a check of ours; false if none was sent there that is named so.
    pub(crate) fn answer(
        &mut self,
        remote: TransportAddress,
        transaction: Transaction,
        now: Instant,
    ) -> bool {
        let is_ours = |known: &&mut Known| known.asked.is_some_and(|asked| asked.transaction == transaction);
        let Some(known) = self.known(remote).filter(is_ours) else { return false };
        known.prove(now);
        true
    }

    /// The peer has proved in another way that it hears us there.
    pub(crate) fn prove(&mut self, remote: TransportAddress, now: Instant) {
        if let Some(known) = self.known(remote) {
            known.prove(now);
        }
    }

    /// Whether the peer has lately proved that it hears us at an address: media may be sent there.
    pub(crate) fn consents(&self, remote: TransportAddress, now: Instant) -> bool {
        self.consent_end(remote).is_some_and(|end| now < end)
    }

    /// The first moment at which it is too long ago.
    pub(crate) fn consent_end(&self, remote: TransportAddress) -> Option<Instant> {
        Some(just_after(after(self.find(remote)?.answered_at?, CONSENT_TIME)))
    }

    /// Whether so many bytes that are not media may be sent to an address now; if so, they count as
    /// sent. Without consent it gets no more than some times what came from there.
    pub(crate) fn take(&mut self, remote: TransportAddress, bytes: usize, now: Instant) -> bool {
        let consents = self.consents(remote, now);
        let Some(known) = self.known(remote) else { return false };
        let after = known.sent.saturating_add(bytes);
        let is_allowed = consents || after <= known.received.saturating_mul(AMPLIFICATION_MAX);
        if is_allowed && !consents {
            known.sent = after;
        }
        is_allowed
    }

    /// Whether the peer was lately heard to be at an address: by its answers if it `is_connected`, by
    /// its checks before.
    pub(crate) fn holds(&self, remote: TransportAddress, is_connected: bool, now: Instant) -> bool {
        let heard_at =
            self.find(remote).and_then(|it| if is_connected { it.answered_at } else { Some(it.checked_at) });
        heard_at.is_some_and(|at| now.saturating_duration_since(at) <= HOLD_TIME)
    }

    /// From where to where the peer checked last, but for one address and if that is not long ago.
    pub(crate) fn freshest(
        &self,
        except: Option<TransportAddress>,
        now: Instant,
    ) -> Option<(SocketAddr, TransportAddress)> {
        let is_fresh = |known: &&Known| {
            Some(known.remote) != except && now.saturating_duration_since(known.checked_at) <= CONSENT_TIME
        };
        let freshest = self.0.iter().filter(is_fresh).max_by_key(|known| known.checked_at);
        freshest.map(|known| (known.local, known.remote))
    }

    pub(crate) fn remotes(&self) -> impl Iterator<Item = TransportAddress> {
        self.0.iter().map(|known| known.remote)
    }
}

impl Known {
    const fn prove(&mut self, now: Instant) {
        self.answered_at = Some(now);
        self.asked = None;
        self.received = 0;
        self.sent = 0;
    }

    fn next_check(&self, interval: Duration) -> Instant {
        match (self.asked, self.answered_at) {
            (Some(asked), _) => after(asked.last, REPEAT_INTERVAL),
            (None, Some(answered_at)) => after(answered_at, interval),
            (None, None) => self.checked_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    fn local() -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], 1))
    }

    fn address(port: u16) -> TransportAddress {
        SocketAddr::from(([10, 0, 0, 1], port)).into()
    }

    /// Addresses that so many ports have checked from, each with 100 bytes.
    fn checked(ports: &[u16], clock: &ManualClock) -> Addresses {
        let mut addresses = Addresses::default();
        for &port in ports {
            addresses.note((local(), address(port)), (1, 100), None, clock.now());
        }
        addresses
    }

    #[test]
    fn the_oldest_makes_room_but_never_the_one_in_use() {
        let clock = ManualClock::default();
        let mut addresses = Addresses::default();
        let mut note = |port| {
            clock.advance(Duration::from_millis(1));
            addresses.note((local(), address(port)), (1, 1), Some(address(100)), clock.now())
        };
        for port in 100..116 {
            assert_eq!(note(port), Noted::New { forgotten: None });
        }
        assert_eq!(note(101), Noted::Known);
        assert_eq!(note(200), Noted::New { forgotten: Some(address(102)) });
        assert_eq!(note(201), Noted::New { forgotten: Some(address(103)) });
        assert_eq!(addresses.remotes().count(), ADDRESSES_MAX);
        assert_eq!(addresses.remotes().filter(|remote| *remote == address(100)).count(), 1);
    }

    /// A check from there says that it may be asked, and no more: its address can be forged.
    #[test]
    fn only_an_answer_to_what_we_sent_there_is_consent_and_it_ends() {
        let clock = ManualClock::default();
        let mut addresses = checked(&[100, 101], &clock);
        let asked = addresses.ask(address(100), CHECK_INTERVAL, || [1; 12], clock.now());
        assert_eq!(asked, Some([1; 12]));
        assert!(!addresses.consents(address(100), clock.now()));
        assert!(!addresses.answer(address(100), [2; 12], clock.now()), "a guess");
        assert!(!addresses.answer(address(101), [1; 12], clock.now()), "it was not asked there");
        assert!(addresses.answer(address(100), [1; 12], clock.now()));
        assert!(!addresses.answer(address(100), [1; 12], clock.now()), "said again it proves nothing");
        assert!(
            addresses.consents(address(100), clock.now()) && !addresses.consents(address(101), clock.now())
        );
        clock.advance(CONSENT_TIME + Duration::from_millis(1));
        assert!(!addresses.consents(address(100), clock.now()));
        assert_eq!(addresses.freshest(None, clock.now()), None);
        addresses.note((local(), address(101)), (1, 1), None, clock.now());
        assert_eq!(addresses.freshest(None, clock.now()), Some((local(), address(101))));
        assert_eq!(addresses.freshest(Some(address(101)), clock.now()), None);
    }

    #[test]
    fn a_check_is_repeated_until_it_is_answered_and_then_made_anew() {
        let clock = ManualClock::default();
        let mut addresses = checked(&[100], &clock);
        let mut ask = |time: Duration, n| {
            clock.advance(time);
            addresses.ask(address(100), CHECK_INTERVAL, || [n; 12], clock.now())
        };
        assert_eq!(ask(Duration::ZERO, 1), Some([1; 12]));
        assert_eq!(ask(REPEAT_INTERVAL / 2, 2), None);
        assert_eq!(ask(REPEAT_INTERVAL / 2, 2), Some([1; 12]), "the same: an answer to either is one");
        assert_eq!(ask(CHECK_INTERVAL, 2), Some([2; 12]), "who answers that late may have gone since");
        assert!(addresses.answer(address(100), [2; 12], clock.now()));
        assert_eq!(addresses.ask(address(100), CHECK_INTERVAL, || [3; 12], clock.now()), None);
        clock.advance(CHECK_INTERVAL);
        assert_eq!(addresses.ask(address(100), CHECK_INTERVAL, || [3; 12], clock.now()), Some([3; 12]));
        assert_eq!(
            addresses.ask(address(999), CHECK_INTERVAL, || [3; 12], clock.now()),
            None,
            "nobody checked from there"
        );
    }

    #[test]
    fn without_consent_an_address_gets_three_times_what_came_from_there() {
        let clock = ManualClock::default();
        let mut addresses = checked(&[100, 101], &clock);
        let mut take = |port, bytes| addresses.take(address(port), bytes, clock.now());
        assert!(take(100, 250) && !take(100, 51) && take(100, 50) && !take(100, 1));
        assert!(!take(999, 1), "nothing came from there");
        addresses.prove(address(101), clock.now());
        assert!(addresses.take(address(101), 1_000_000, clock.now()));
        clock.advance(CONSENT_TIME + Duration::from_millis(1));
        assert!(!addresses.take(address(101), 1, clock.now()));
    }

    #[test]
    fn an_address_is_held_for_some_seconds_after_a_sign_of_life() {
        let clock = ManualClock::default();
        let mut addresses = checked(&[100], &clock);
        assert!(addresses.holds(address(100), false, clock.now()), "while the handshake goes on");
        assert!(!addresses.holds(address(100), true, clock.now()), "a check may be forged");
        addresses.prove(address(100), clock.now());
        clock.advance(HOLD_TIME);
        assert!(addresses.holds(address(100), true, clock.now()));
        clock.advance(Duration::from_millis(1));
        assert!(!addresses.holds(address(100), true, clock.now()));
        assert!(!addresses.holds(address(101), false, clock.now()));
    }
}
