//! Our side of ICE: a lite agent, which answers checks and sends where the client wants it to (RFC 8445, section 2.5).
//!
//! Where to send changes for one of three reasons:
//! - The client nominates another address. The last nomination counts, whatever its priority: the client
//!   controls, and after a change of its network, or of a router's mind about its port, the new path is not
//!   better than the old one by any figure.
//! - It checks from another address without a nomination, and the one in use answers no check of ours: a client
//!   whose router gave it another port does not know, and need not nominate what it nominated before.
//! - The one in use has not answered for so long that consent has ended (RFC 7675).
//!
//! Where a datagram comes from can be forged though what it says is authentic, be it repeated by somebody on
//! the way. So nothing is sent to an address, but little, before it has answered a check of ours; and where
//! nothing was nominated, nothing at all while the address in use answers.

use super::{
    addresses::{Addresses, CHECK_INTERVAL, Noted},
    credentials::{Credentials, Generation},
};
use crate::{
    address::TransportAddress,
    moment::after,
    output::Output,
    stun::{
        Refusal, Transaction,
        attribute::{ICE_CONTROLLED, PRIORITY},
        kind::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS},
        read::{Addressee, Message},
        write::Writer,
    },
};
use rand::{RngExt, rngs::StdRng};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// How long credentials outlive a restart of ICE if the new ones are not used (RFC 8445, section 9).
///
/// They keep the paths that were there, and make no others. Longer keeps the path of a client that is slow
/// to restart; shorter frees what is no longer needed.
pub(crate) const FORMER_TIME: Duration = Duration::from_secs(30);

/// How soon after its last answer the address in use is asked again when checks come from another.
///
/// Shorter finds out earlier that a client has moved; longer costs fewer datagrams where it has several
/// addresses for long.
const DOUBT_INTERVAL: Duration = Duration::from_secs(1);

/// How long the address in use may take to answer then, before another is tried.
///
/// Two checks and a slow round trip fit in.
pub(crate) const DOUBT_TIME: Duration = Duration::from_millis(500);

/// The priority of a path that was learned from a check (RFC 8445, section 5.1.2.1).
const PRIORITY_LEARNED: u32 = 0x6E7F_00FF;

/// From where to where.
pub(super) type Path = (SocketAddr, TransportAddress);

struct Former {
    generation: Box<Generation>,
    until: Instant,
}

#[derive(Clone, Copy)]
struct Wanted {
    path: Path,
    is_nominated: bool,
    until: Instant,
}

/// An authentic request.
#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) noted: Noted,
    refusal: Option<Refusal>,
    generation: u64,
}

/// The agent of one transport.
///
/// Its keys, of a kilobyte each and read once a check, lie elsewhere: the path is read for every packet.
pub(super) struct Agent {
    current: Box<Generation>,
    /// What both went by before the last restart.
    former: Option<Former>,
    /// What was offered, and is not answered yet.
    next: Option<Box<Generation>>,
    addresses: Addresses,
    /// DTLS has proved who the peer is.
    is_connected: bool,
    /// On which we send. Once connected it leads only to where the peer has proved that it hears us.
    path: Option<Path>,
    /// On which we would send if the peer proved that it hears us there.
    wanted: Option<Wanted>,
    /// The peer checks from elsewhere than where we send to, which has not answered since.
    is_doubted: bool,
    /// Names our checks.
    random: StdRng,
}

impl Agent {
    /// One that goes by these credentials, and does not know the client's.
    pub(super) fn new(own: Credentials, random: StdRng) -> Self {
        Self {
            current: Box::new(Generation::new(0, own, None)),
            former: None,
            next: None,
            addresses: Addresses::default(),
            is_connected: false,
            path: None,
            wanted: None,
            is_doubted: false,
            random,
        }
    }

    /// What it goes by.
    pub(super) const fn credentials(&self) -> &Credentials {
        &self.current.local.credentials
    }

    /// What the client goes by, once it has said so.
    pub(super) fn remote(&self) -> Option<&Credentials> {
        self.current.remote.as_ref().map(|remote| &remote.credentials)
    }

    /// Names under which checks for it come.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let former = self.former.as_ref().map(|former| &former.generation);
        [Some(&self.current), self.next.as_ref(), former]
            .into_iter()
            .flatten()
            .map(|generation| generation.local.credentials.ufrag.as_str())
    }

    /// The client has said what it goes by.
    pub(super) fn describe(&mut self, remote: Credentials) {
        let own = self.credentials().clone();
        *self.current = Generation::new(self.current.number, own, Some(remote));
    }

    /// The client was offered other credentials of ours. The name that counts no more, if one does not.
    pub(super) fn expect(&mut self, own: Credentials) -> Option<String> {
        let number = self.current.number.saturating_add(1);
        let unanswered = self.next.replace(Box::new(Generation::new(number, own, None)));
        self.unused(unanswered)
    }

    /// Both sides go by other credentials from now on. The name that counts no more, if one does not.
    pub(super) fn restart(&mut self, own: Credentials, remote: Credentials, now: Instant) -> Option<String> {
        self.next = None;
        let number = self.current.number.saturating_add(1);
        let next = Box::new(Generation::new(number, own, Some(remote)));
        let before = std::mem::replace(&mut self.current, next);
        let former = Former { generation: before, until: after(now, FORMER_TIME) };
        let unused = self.former.replace(former).map(|former| former.generation);
        self.unused(unused)
    }

    fn unused(&self, generation: Option<Box<Generation>>) -> Option<String> {
        let name = generation?.local.credentials.ufrag;
        (!self.names().any(|used| used == name)).then_some(name)
    }

    pub(super) const fn path(&self) -> Option<Path> {
        self.path
    }

    /// The remote addresses that belong to it.
    pub(super) fn addresses(&self) -> impl Iterator<Item = TransportAddress> {
        self.addresses.remotes()
    }

    /// Whether its peer was lately heard to be at an address that it sends to.
    pub(super) fn holds(&self, address: TransportAddress, now: Instant) -> bool {
        self.path.is_some_and(|(_, destination)| destination == address)
            && self.addresses.holds(address, self.is_connected, now)
    }

    /// A TCP connection is gone: its peer is there no more, and what goes there is lost.
    pub(super) fn forget(&mut self, remote: TransportAddress) {
        self.addresses.forget(remote);
        self.path.take_if(|(_, destination)| *destination == remote);
        self.wanted.take_if(|wanted| wanted.path.1 == remote);
    }

    /// Takes a request. `None` if it is not authentic.
    pub(super) fn handle_request(
        &mut self,
        source: TransportAddress,
        destination: SocketAddr,
        message: &Message<'_>,
        now: Instant,
    ) -> Option<Request> {
        let generation = self.authenticate(source, message, now)?;
        if generation == self.current.number {
            // The client has got as far: what was before is over.
            self.former.iter_mut().for_each(|former| former.until = now);
        }
        let path = (destination, source);
        let kept = self.path.map(|(_, destination)| destination);
        let noted = self.addresses.note(path, (generation, message.bytes()), kept, now);
        let refusal = if !message.unknown().is_empty() {
            Some(Refusal::UnknownAttribute)
        } else if message.claims_controlled() {
            // The other side controls whatever it has drawn (RFC 8445, section 6.1.1).
            Some(Refusal::RoleConflict)
        } else {
            self.follow(path, message.nominates(), now);
            None
        };
        Some(Request { noted, refusal, generation })
    }

    /// The generation of whose password a request is proof (RFC 8445, section 7.3): the name of who asks says
    /// no more than that, and is not known before it has described itself.
    fn authenticate(&self, source: TransportAddress, message: &Message<'_>, now: Instant) -> Option<u64> {
        let Addressee::Named(name) = message.addressee()? else { return None };
        // Under former credentials it may go on from where it was, and come from nowhere else.
        let is_good = |former: &&Former| now < former.until && self.addresses.generation(source).is_some();
        let former = self.former.as_ref().filter(is_good).map(|former| &former.generation);
        let all = [Some(&self.current), self.next.as_ref(), former];
        let named =
            all.into_iter().flatten().find(|generation| generation.local.credentials.ufrag == name)?;
        message.is_signed_with(&named.local.key).then_some(named.number)
    }

    /// Writes the response to a request.
    pub(super) fn respond(
        &self,
        request: Request,
        source: TransportAddress,
        message: &Message<'_>,
        out: &mut Vec<u8>,
    ) {
        let transaction = message.transaction();
        let writer = match request.refusal {
            None => {
                Writer::new(out, BINDING_SUCCESS, transaction).mapped_address(source.socket(), transaction)
            }
            Some(refusal) => Writer::new(out, BINDING_ERROR, transaction).refusal(refusal, message.unknown()),
        };
        writer.sign(&self.generation(request.generation).local.key);
    }

    /// One of the generations that are known.
    fn generation(&self, number: u64) -> &Generation {
        let former = self.former.as_ref().map(|former| &former.generation);
        let others = [self.next.as_ref(), former].into_iter().flatten();
        others.into_iter().find(|generation| generation.number == number).unwrap_or(&self.current)
    }

    /// The peer has checked this path.
    fn follow(&mut self, path: Path, is_nominated: bool, now: Instant) {
        let is_elsewhere = self.path.is_none_or(|(_, destination)| destination != path.1);
        match (self.is_connected, is_nominated) {
            // Until a path is nominated, answers go where the peer was heard first.
            (false, false) => {
                self.path.get_or_insert(path);
            }
            (false, true) => self.path = Some(path),
            (true, true) if self.addresses.consents(path.1, now) => self.go(path),
            (true, true) => self.want(path, true, now),
            (true, false) if self.path.is_none() => {
                if self.wanted.is_none_or(|wanted| !wanted.is_nominated) {
                    self.want(path, false, now);
                }
            }
            (true, false) => self.is_doubted |= is_elsewhere,
        }
    }

    /// Sends there from now on.
    const fn go(&mut self, path: Path) {
        self.path = Some(path);
        self.wanted = None;
        self.is_doubted = false;
    }

    /// Would send there. Who answers later than it is asked may have gone since.
    fn want(&mut self, path: Path, is_nominated: bool, now: Instant) {
        self.wanted = Some(Wanted { path, is_nominated, until: after(now, CHECK_INTERVAL) });
    }

    /// Takes an answer to a check of ours: who gives it is there, and media may go there. `None` if it is none.
    pub(super) fn handle_answer(
        &mut self,
        source: TransportAddress,
        message: &Message<'_>,
        now: Instant,
    ) -> Option<()> {
        let remote = self.generation(self.addresses.generation(source)?).remote.as_ref()?;
        let is_answer =
            message.is_signed_with(&remote.key) && self.addresses.answer(source, message.transaction(), now);
        if !is_answer {
            return None;
        }
        if self.path.is_some_and(|(_, destination)| destination == source) {
            self.is_doubted = false;
            self.wanted.take_if(|wanted| !wanted.is_nominated);
        }
        let wanted = self.wanted.filter(|wanted| wanted.path.1 == source).map(|wanted| wanted.path);
        // Where there is no path any is good.
        let only = self.addresses.path(source).filter(|_| self.path.is_none());
        if let Some(path) = wanted.or(only) {
            self.go(path);
        }
        Some(())
    }

    /// DTLS is done: media flows from now on, to where the peer has `proved` that it hears us.
    pub(super) fn connect(&mut self, proved: Option<TransportAddress>, now: Instant) {
        self.is_connected = true;
        match self.path.take() {
            Some(path) if proved == Some(path.1) => {
                self.addresses.prove(path.1, now);
                self.path = Some(path);
            }
            Some(path) => self.want(path, true, now),
            None => {}
        }
    }

    /// Connects to where nobody was heard.
    #[cfg(any(test, feature = "simulation"))]
    pub(super) fn connect_directly(&mut self, path: Path, now: Instant) {
        self.addresses.note(path, (self.current.number, 0), None, now);
        self.path = Some(path);
        self.connect(Some(path.1), now);
    }

    /// Whether so many bytes that are not media may be sent to an address now; if so, they count as sent.
    pub(super) fn take(&mut self, remote: TransportAddress, bytes: usize, now: Instant) -> bool {
        self.addresses.take(remote, bytes, now)
    }

    /// When it has something to do next though nothing comes.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if !self.is_connected {
            return None;
        }
        let in_use = self.path.map(|(_, destination)| destination);
        let asked = in_use.filter(|_| self.is_doubted && self.wanted.is_none());
        let doubt = asked.and_then(|remote| self.addresses.unanswered_since(remote));
        let moments = [
            in_use.and_then(|remote| self.addresses.consent_end(remote)),
            doubt.map(|since| after(since, DOUBT_TIME)),
            self.wanted.map(|wanted| wanted.until),
        ];
        let checks = self.asked().filter_map(|((_, remote), interval)| self.next_check(remote, interval));
        moments.into_iter().flatten().chain(checks).min()
    }

    /// Lets time pass: consent ends, and is asked for again.
    pub(super) fn handle_timeout(&mut self, now: Instant, output: &mut Output) {
        if !self.is_connected {
            return;
        }
        self.path.take_if(|(_, destination)| !self.addresses.consents(*destination, now));
        self.wanted.take_if(|wanted| wanted.until <= now);
        if self.wanted.is_none() && self.is_silent(now) {
            let in_use = self.path.map(|(_, destination)| destination);
            match self.addresses.freshest(in_use, now) {
                // Where a connection has gone that was sent to, one that has answered lately need not be asked.
                Some(path) if self.path.is_none() && self.addresses.consents(path.1, now) => self.go(path),
                Some(path) => self.want(path, false, now),
                None => self.is_doubted = false,
            }
        }
        self.ask(now, output);
    }

    /// Whether nobody is where we send to: there is no such place, or it has not answered in time.
    fn is_silent(&self, now: Instant) -> bool {
        let Some((_, destination)) = self.path else { return true };
        let since = self.addresses.unanswered_since(destination);
        self.is_doubted && since.is_some_and(|since| after(since, DOUBT_TIME) <= now)
    }

    /// The paths that are asked about, and how long after its answer each is asked again.
    fn asked(&self) -> impl Iterator<Item = (Path, Duration)> + use<> {
        let interval = if self.is_doubted { DOUBT_INTERVAL } else { CHECK_INTERVAL };
        let in_use = self.path.map(|path| (path, interval));
        let wanted = self.wanted.map(|wanted| (wanted.path, CHECK_INTERVAL));
        [in_use, wanted].into_iter().flatten()
    }

    /// When an address is asked next; never while nobody knows under which password.
    fn next_check(&self, remote: TransportAddress, interval: Duration) -> Option<Instant> {
        self.generation(self.addresses.generation(remote)?).remote.as_ref()?;
        self.addresses.next_check(remote, interval)
    }

    /// Sends the checks that are due: whether the peer hears us where media goes, and where it wants it
    /// to go.
    fn ask(&mut self, now: Instant, output: &mut Output) {
        for ((source, destination), interval) in self.asked() {
            if self.next_check(destination, interval).is_none_or(|at| now < at) {
                continue;
            }
            let random = &mut self.random;
            let transaction = self.addresses.ask(destination, interval, || random.random(), now);
            let (Some(transaction), Some(number)) = (transaction, self.addresses.generation(destination))
            else {
                continue;
            };
            output.datagram(source, destination, |out| {
                let start = out.len();
                self.check(number, transaction, out);
                self.take(destination, out.len().saturating_sub(start), now)
            });
        }
    }

    /// Writes a check of ours (RFC 8445, section 7.2).
    fn check(&self, number: u64, transaction: Transaction, out: &mut Vec<u8>) {
        let Generation { local, remote, .. } = self.generation(number);
        let Some(remote) = remote else { return };
        Writer::new(out, BINDING_REQUEST, transaction)
            .username(&remote.credentials.ufrag, &local.credentials.ufrag)
            .attribute(PRIORITY, &[&PRIORITY_LEARNED.to_be_bytes()])
            .attribute(ICE_CONTROLLED, &[&[0; 8]])
            .sign(&remote.key);
    }
}
