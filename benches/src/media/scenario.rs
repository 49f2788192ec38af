//! Who is in which room, and what they send.

use super::{
    description::Stream,
    flow::{self, Window},
    peer::{Identity, Peer},
    target::{Seat, Server},
};
use std::{error::Error, io, net::IpAddr};
use switchboard_tests::description::Kind;
use tokio::{sync::watch, task::JoinSet};

#[derive(Debug, Clone, Copy)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    rooms: usize,
    /// Of each room: who sends and, if there are others, receives.
    senders: usize,
    /// Of each room: who only receives.
    listeners: usize,
    speaks: bool,
    /// Packets of one frame, sent one behind the other.
    frame_packets: u32,
    /// What the CPU time is divided by: packets that came to people, or those that the server took in.
    pub(super) per: Per,
    /// Budget of CPU time per packet, in microseconds.
    pub(super) budget_us: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Per {
    Delivered,
    TakenIn,
}

/// Those of the design's table.
pub(super) const ALL: [Scenario; 4] = [
    Scenario { name: "one camera to 5", listeners: 5, budget_us: 6.0, ..ONE },
    Scenario { name: "one camera to 50", listeners: 50, budget_us: 2.0, ..ONE },
    Scenario { name: "meeting of 10", senders: 10, budget_us: 2.2, ..CALL },
    Scenario { name: "30 alone", rooms: 30, per: Per::TakenIn, budget_us: 3.0, ..CALL },
];

/// A camera of 150 packets a second, in bursts of five.
const ONE: Scenario = Scenario {
    name: "",
    rooms: 1,
    senders: 1,
    listeners: 0,
    speaks: false,
    frame_packets: 5,
    per: Per::Delivered,
    budget_us: 0.0,
};

/// Speech of 50 packets a second and a camera of 90, in bursts of three.
const CALL: Scenario = Scenario { speaks: true, frame_packets: 3, ..ONE };

/// A scenario under way at one server. Ended when dropped.
pub(super) struct Stage {
    pub(super) window: watch::Sender<Window>,
    _people: JoinSet<io::Result<()>>,
}

impl Scenario {
    /// Connects everybody; nothing is sent until a window is opened.
    pub(super) async fn set(
        &self,
        server: &mut impl Server,
        identity: &Identity,
        ip: IpAddr,
    ) -> Result<Stage, Box<dyn Error>> {
        let (window, opened) = watch::channel(Window::default());
        let mut people = JoinSet::new();
        let seats =
            |count| (0..self.rooms).flat_map(move |room| (0..count).map(move |person| Seat { room, person }));
        let size = self.senders + self.listeners;
        for seat in seats(size) {
            server.join(seat, seat.person < self.senders, size > 1).await?;
        }
        for seat in seats(self.senders) {
            let mut peer = Peer::open(identity, ip).await?;
            let streams = self.streams(seat);
            let answer = server.publish(seat, peer.offer(&streams)).await?;
            peer.connect(&answer).await?;
            people.spawn(flow::send(peer, streams, self.frame_packets, opened.clone()));
        }
        for seat in seats(size).filter(|seat| self.is_sent_something(*seat)) {
            let mut peer = Peer::open(identity, ip).await?;
            let mut is_connected = false;
            while let Some(offer) = server.subscribe(seat).await? {
                server.answer(seat, peer.answer(&offer)).await?;
                if !is_connected {
                    peer.connect(&offer).await?;
                    is_connected = true;
                }
            }
            people.spawn(flow::listen(peer, opened.clone()));
        }
        Ok(Stage { window, _people: people })
    }

    const fn is_sent_something(&self, seat: Seat) -> bool {
        self.senders > 1 || seat.person >= self.senders
    }

    fn streams(&self, seat: Seat) -> Vec<Stream> {
        let first = u32::try_from(seat.room * 1000 + seat.person * 2).unwrap_or(0) + 100_000;
        let speech = self.speaks.then_some(Stream { kind: Kind::Audio, ssrc: first });
        speech.into_iter().chain([Stream { kind: Kind::Video, ssrc: first + 1 }]).collect()
    }

    /// Packets that are to be delivered when as many were sent.
    pub(super) const fn due(&self, sent: u64) -> u64 {
        let others = self.senders + self.listeners - 1;
        sent * others as u64
    }
}
