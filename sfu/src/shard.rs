//! The packet loop: receive a batch, let the media plane work, send a batch.
//!
//! One thread owns one socket, one engine and the sessions assigned to it.
//! Nothing else touches them, so nothing on a packet's way locks or waits.
//! Commands come in by a bounded channel and a wake-up.

mod command;
mod handle;
mod notices;

pub(crate) use command::{Command, Listener, Notice};
pub(crate) use handle::{ShardHandle, Unresponsive};

use crate::{
    addresses::Addresses,
    meter::Meter,
    recording::Feed,
    socket::{self, Datagram, Ready, Received, Run, Sender},
    tcp::{Connections, NEWCOMERS_MAX},
};
use common::{clock::Clock, error::Chain};
use notices::Notices;
use sfu_core::{Engine, EngineConfig, EngineError, Output, TransportAddress};
use std::{
    io,
    net::UdpSocket,
    os::unix::net::UnixDatagram,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    oneshot,
};
use tracing::error;

/// How many commands may wait for a shard. Who sends one more waits, and gives
/// up after [`handle::DEADLINE`].
pub(crate) const COMMANDS_MAX: usize = 1024;

/// How soon an event that nobody had room for is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// How often figures are handed to the metrics.
const METER_INTERVAL: Duration = Duration::from_secs(1);

/// A shard that is bound, not yet running.
pub(crate) struct Shard {
    index: u16,
    clock: Arc<dyn Clock>,
    socket: UdpSocket,
    addresses: Addresses,
    engine: Engine,
    output: Output,
    connections: Connections,
    commands: mpsc::Receiver<Command>,
    woken: UnixDatagram,
    notices: Notices,
    meter: Meter,
    /// Where what is recorded goes.
    feed: Feed,
}

/// Why a shard cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShardStartError {
    /// The socket cannot be had.
    #[error("the media socket cannot be used")]
    Socket(#[from] io::Error),
    /// The media plane cannot be set up.
    #[error("the media plane cannot start")]
    Engine(#[from] EngineError),
}

impl Shard {
    /// Sets up a shard over `socket`, and the handle by which it is commanded.
    ///
    /// # Errors
    /// [`ShardStartError`].
    pub(crate) fn new(
        index: u16,
        clock: Arc<dyn Clock>,
        socket: UdpSocket,
        addresses: Addresses,
        feed: Feed,
    ) -> Result<(Self, ShardHandle), ShardStartError> {
        let (waker, woken) = UnixDatagram::pair()?;
        waker.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let (handle, commands) = mpsc::channel(COMMANDS_MAX);
        let (door, newcomers) = mpsc::channel(NEWCOMERS_MAX);
        let now = clock.now();
        #[expect(clippy::disallowed_methods, reason = "this is where the engine's seed comes in")]
        let config = EngineConfig {
            candidates: addresses.candidates.clone(),
            tcp_candidates: addresses.tcp_candidates.clone(),
            shard: index,
            seed: rand::random(),
        };
        let shard = Self {
            index,
            engine: Engine::new(config)?,
            output: Output::default(),
            meter: Meter::new(index, now),
            notices: Notices::default(),
            clock,
            socket,
            addresses,
            connections: Connections::new(newcomers)?,
            commands,
            woken,
            feed,
        };
        Ok((shard, ShardHandle::new(handle, door, waker)))
    }

    /// Starts the thread. What is returned resolves when it has ended: with an
    /// error if it could not go on.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub(crate) fn start(mut self) -> io::Result<oneshot::Receiver<io::Result<()>>> {
        let (ended, end) = oneshot::channel();
        thread::Builder::new().name(format!("media-{}", self.index)).spawn(move || {
            let result = self.run();
            if let Err(error) = &result {
                error!(shard = self.index, error = %Chain(&error), "Shard {} cannot go on", self.index);
            }
            // Nobody waits any more when the process is ending.
            let _ = ended.send(result);
        })?;
        Ok(end)
    }

    /// The buffers of the system calls are made here: they point into themselves and stay on this thread.
    fn run(&mut self) -> io::Result<()> {
        let mut received = Received::new(&self.socket)?;
        let mut sender = Sender::new(&self.socket, self.addresses.pins_source)?;
        let mut now = self.clock.now();
        let mut ready = Ready { socket: true, waker: true, connections: true };
        loop {
            if ready.waker {
                self.forget_wakes();
            }
            if self.handle_commands(now) == Next::Stop {
                return Ok(());
            }
            let taken = if ready.socket { received.fill(&self.socket)? } else { 0 };
            if taken > 0 {
                self.take_datagrams(&mut received, now);
            }
            self.take_frames(ready.connections, now)?;
            if self.engine.next_deadline().is_some_and(|deadline| deadline <= now) {
                self.engine.handle_deadline(now, &mut self.output);
            }
            self.flush(&mut sender, now);
            if self.meter.is_due(now) {
                self.meter.update(now, &mut self.engine, self.connections.tally);
                let engine = &self.engine;
                self.connections.look_after(now, |address| engine.knows_address(address));
            }
            // Where as many were taken as one call takes, more wait, and a deadline is looked at each time round.
            ready = if taken == socket::BATCH {
                Ready { socket: true, waker: false, connections: true }
            } else {
                // Counted from when the turn began: what it took is less than a deadline is late by anyway.
                socket::wait(&self.socket, &self.woken, self.connections.descriptor(), Some(self.rest(now)))?
            };
            now = self.clock.now();
        }
    }

    /// How long there is nothing to do unless something comes in.
    fn rest(&self, now: Instant) -> Duration {
        if self.connections.has_work() {
            return Duration::ZERO;
        }
        let until = |deadline: Instant| deadline.saturating_duration_since(now);
        let longest = if self.notices.are_waiting() { RETRY_INTERVAL } else { METER_INTERVAL };
        self.engine.next_deadline().map_or(longest, until).min(longest)
    }

    /// Empties the socket by which the loop is woken, each byte of which a command came before.
    fn forget_wakes(&self) {
        let mut wakes = [0; 64];
        while self.woken.recv(&mut wakes).is_ok() {}
    }

    /// Carries out the commands that wait.
    fn handle_commands(&mut self, now: Instant) -> Next {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return Next::Stop,
                Ok(command) => self.carry_out(command, now),
                Err(TryRecvError::Empty) => return Next::Continue,
            }
        }
    }

    /// Nobody may be waiting for a reply any more; that is not the shard's concern.
    fn carry_out(&mut self, command: Command, now: Instant) {
        let (engine, output) = (&mut self.engine, &mut self.output);
        match command {
            Command::Join { session, participant, rights, listener } => {
                if self.notices.listen(participant, listener) {
                    engine.leave(participant, now, output);
                }
                engine.join(session, participant, rights.receive, now, output);
                engine.allow_data(participant, rights.data);
            }
            Command::Leave { participant, stay } => {
                if self.notices.forget(participant, stay) {
                    engine.leave(participant, now, output);
                }
            }
            Command::Publish { participant, offer, reply } => {
                let _gave_up = reply.send(engine.publish(participant, &offer, now, output));
            }
            Command::Play { participant, offer, reply } => {
                let _gave_up = reply.send(engine.play(participant, &offer, now, output));
            }
            Command::Cast { players, cast } => engine.cast(&players, cast, now, output),
            Command::Answer { participant, revision, answer, reply } => {
                let _gave_up = reply.send(engine.answer(participant, revision, &answer, now, output));
            }
            Command::SetWishes { participant, wishes, selection } => {
                engine.set_wishes(participant, &wishes, selection, now);
            }
            Command::Record { session, is_recorded, reply } => {
                engine.record(session, is_recorded, now, output);
                let _gave_up = reply.send(());
            }
            Command::WantRecordedKeyFrame { stream, encoding } => {
                engine.want_recorded_key_frame(stream, encoding, now, output);
            }
            Command::SetSpeaking { participant, speaks } => engine.set_speaking(participant, speaks),
            Command::TellLayers { participant } => engine.tell_layers(participant, now, output),
            Command::RestartIce { participant } => engine.restart_ice(participant, now, output),
            Command::PendingOffer { participant, reply } => {
                let _gave_up = reply.send(engine.pending_offer(participant));
            }
            Command::Measure { participants, receives, reply } => {
                let all = participants.iter().map(|it| engine.statistics(*it, receives, now));
                let _gave_up = reply.send(all.collect());
            }
            Command::Stop => {}
        }
    }

    fn take_datagrams(&mut self, received: &mut Received, now: Instant) {
        for Datagram { source, destination, bytes } in received.datagrams() {
            let meant = self.addresses.candidate_for(destination);
            self.engine.handle_datagram(source, meant, bytes, now, &mut self.output);
        }
        self.engine.flush(now, &mut self.output);
    }

    /// Takes what came on connections, if something did, and those that are new; and has the engine hear of those that
    /// have ended.
    fn take_frames(&mut self, is_ready: bool, now: Instant) -> io::Result<()> {
        let Self { connections, engine, output, .. } = self;
        let mut has_any =
            connections.welcome(now, |from, to, check| engine.handle_datagram(from, to, check, now, output));
        if (is_ready && !connections.is_empty()) || connections.has_work() {
            has_any |= connections.take_packets(now, |from, to, packet| {
                engine.handle_datagram(from, to, packet, now, output)
            })?;
        }
        while let Some(gone) = connections.take_gone() {
            engine.forget_address(gone, now, output);
        }
        if has_any {
            engine.flush(now, output);
        }
        Ok(())
    }

    fn flush(&mut self, sender: &mut Sender, now: Instant) {
        let runs = self.output.runs().filter_map(|run| match run.destination {
            TransportAddress::Udp(destination) => {
                Some(Run { source: run.source.ip(), destination, segment: run.segment, bytes: run.bytes })
            }
            TransportAddress::Tcp(..) => None,
        });
        self.meter.note(sender.send(&self.socket, runs));
        if !self.connections.is_empty() {
            self.connections.send(self.output.runs());
        }
        self.output.clear_datagrams();
        if let Some(recorded) = self.output.take_recorded() {
            self.feed.give(recorded, now);
        }
        for event in self.output.take_events() {
            self.notices.tell(event);
        }
        if self.notices.are_waiting() {
            self.notices.retry();
        }
    }
}

/// Whether the loop goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Continue,
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use common::{
        clock::{ManualClock, SystemClock},
        id::ConnectionId,
        subject::media::MediaRights,
    };
    use sfu_core::SessionId;
    use std::{
        net::Ipv4Addr,
        sync::atomic::{AtomicBool, Ordering},
    };

    /// Full batches are taken one after the other, without waiting in between.
    ///
    /// Passes for the wrong reason if fewer come than are taken: two senders outrun one receiver that also thinks.
    #[tokio::test]
    async fn commands_are_carried_out_while_more_datagrams_come_than_a_batch_takes() {
        let clock = Arc::new(SystemClock);
        let socket = socket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let local = socket.local_addr().unwrap();
        let addresses = Addresses::of(&Config::default(), local).unwrap();
        let (shard, handle) = Shard::new(0, clock.clone(), socket, addresses, Feed::default()).unwrap();
        let ended = shard.start().unwrap();
        let floods = Arc::new(AtomicBool::new(true));
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let (floods, sender) = (Arc::clone(&floods), UdpSocket::bind("127.0.0.1:0").unwrap());
                thread::spawn(move || {
                    while floods.load(Ordering::Relaxed) {
                        let _full = sender.send_to(&[0x80; 100], local);
                    }
                })
            })
            .collect();
        let participant = ConnectionId::generate(&*clock);
        for _ in 0..20 {
            assert_eq!(handle.pending_offer(participant).await, Ok(None));
        }
        handle.stop().await.unwrap();
        ended.await.unwrap().unwrap();
        floods.store(false, Ordering::Relaxed);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    }

    #[test]
    fn the_end_of_a_stay_that_is_heard_late_does_not_end_the_next() {
        let clock = Arc::new(ManualClock::default());
        let socket = socket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let addresses = Addresses::of(&Config::default(), socket.local_addr().unwrap()).unwrap();
        let (mut shard, _handle) =
            Shard::new(0, Arc::<ManualClock>::clone(&clock), socket, addresses, Feed::default()).unwrap();
        let (participant, now) = (ConnectionId::generate(&*clock), clock.now());
        let (notices, _told) = mpsc::channel(1);
        let join = |stay| {
            let listener = Listener { stay, notices: notices.clone() };
            Command::Join {
                session: SessionId::new(1),
                participant,
                rights: MediaRights::default(),
                listener,
            }
        };
        let count = |shard: &Shard| shard.engine.stats().participants;
        shard.carry_out(join(1), now);
        shard.carry_out(join(2), now);
        shard.carry_out(Command::Leave { participant, stay: 1 }, now);
        assert_eq!(count(&shard), 1);
        shard.carry_out(Command::Leave { participant, stay: 2 }, now);
        assert_eq!(count(&shard), 0);
    }
}
