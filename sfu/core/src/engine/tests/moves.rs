//! Clients whose address changes, from the first check on as clients do it.

use super::{
    client::{Client, talk},
    stage::{Stage, address, answer, cameras, device},
};
use crate::transport::{addresses::CHECK_INTERVAL, agent::FORMER_TIME, phase::AMPLIFICATION_MAX};
use common::clock::Clock;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

const STEP: Duration = Duration::from_millis(50);

/// A camera on port 1001 and its subscriber on port 1002, both connected.
struct Call {
    stage: Stage,
    camera: Client,
    screen: Client,
    sent: u64,
    /// Bytes that went to each port.
    bytes: BTreeMap<u16, usize>,
}

impl Call {
    fn new() -> Self {
        let mut stage = Stage::new(2);
        let mut camera = Client::new(&stage, 1001, false);
        let screen = Client::new(&stage, 1002, false);
        let offer = camera.describe(cameras(&[0]));
        let now = stage.clock.now();
        camera.read(&stage.engine.publish(device(1), &offer, now, &mut stage.output).unwrap());
        let mut call = Self { stage, camera, screen, sent: 0, bytes: BTreeMap::new() };
        call.answer(false);
        call.camera_checks(true);
        call.screen_checks(true);
        assert!(call.arrives(), "they are connected");
        call
    }

    /// The screen reads the offer that there is and answers it.
    fn answer(&mut self, restarts: bool) {
        let stage = &mut self.stage;
        let offer = stage.engine.pending_offer(device(2)).expect("something is offered");
        self.screen.read(&offer.sdp);
        let mut description = self.screen.describe(answer(&offer, |_| true));
        if restarts {
            description.ufrag = "wxyz".to_owned();
        }
        let now = stage.clock.now();
        stage.engine.answer(device(2), offer.revision, &description, now, &mut stage.output).unwrap();
        self.talk();
    }

    fn talk(&mut self) -> Vec<(u16, Vec<u8>)> {
        let log = talk(&mut self.stage, &mut [&mut self.camera, &mut self.screen]);
        for (port, datagram) in &log {
            *self.bytes.entry(*port).or_default() += datagram.len();
        }
        log
    }

    fn screen_checks(&mut self, nominates: bool) {
        let request = self.screen.check(nominates);
        self.stage.receive(address(self.screen.port), request);
        self.talk();
    }

    fn camera_checks(&mut self, nominates: bool) {
        let request = self.camera.check(nominates);
        self.stage.receive(address(self.camera.port), request);
        self.talk();
    }

    fn pass(&mut self, time: Duration) -> Vec<(u16, Vec<u8>)> {
        self.stage.pass(time);
        self.talk()
    }

    /// Whether the camera's next packet comes to the screen.
    fn arrives(&mut self) -> bool {
        self.sent += 1;
        self.screen.media.clear();
        self.camera.send(&mut self.stage, 2001, self.sent);
        self.talk();
        !self.screen.media.is_empty()
    }

    /// How long it takes until the camera's packets come, of which it sends one every [`STEP`].
    fn interruption(&mut self) -> Duration {
        let mut passed = Duration::ZERO;
        while !self.arrives() {
            self.pass(STEP);
            passed += STEP;
            assert!(passed < Duration::from_secs(60), "they never do");
        }
        passed
    }

    /// So many seconds in which both check as they do to keep a router's mind.
    fn live(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.screen_checks(false);
            self.camera_checks(false);
            self.pass(Duration::from_secs(1));
            assert!(self.arrives());
        }
    }

    /// The ports at which the camera is asked for a packet that it sent and that was lost.
    fn asked_again_at(&mut self) -> BTreeSet<u16> {
        self.sent += 1;
        self.arrives();
        let log = self.pass(2 * STEP);
        let is_rtcp = |datagram: &[u8]| (192..=223).contains(&datagram[1]) && datagram[0] >= 128;
        log.iter().filter(|(_, datagram)| is_rtcp(datagram)).map(|(port, _)| *port).collect()
    }
}

/// Chromium's way: every check nominates, and the new path is no better than the old one.
#[test]
fn who_nominates_from_another_port_is_followed_with_that_check() {
    let mut call = Call::new();
    call.live(3);
    call.screen.port = 3002;
    assert!(!call.arrives(), "it has said nothing yet");
    call.screen_checks(true);
    assert!(call.arrives());
    call.camera.port = 3001;
    call.camera_checks(true);
    assert!(call.arrives(), "what it sends from there is taken");
    assert_eq!(call.asked_again_at(), BTreeSet::from([3001]));
    call.screen.port = 1002;
    call.screen_checks(true);
    assert!(call.arrives(), "and back again");
}

/// The way of Firefox and Pion, which do not know that their router moved them, and nominated once.
#[test]
fn who_only_checks_from_another_port_is_followed_as_soon_as_the_former_does_not_answer() {
    let mut call = Call::new();
    call.live(3);
    call.screen.port = 3002;
    call.screen_checks(false);
    let interruption = call.interruption();
    assert!(interruption <= CHECK_INTERVAL && interruption >= STEP, "{interruption:?}");
    call.camera.port = 3001;
    call.camera_checks(false);
    assert!(call.arrives(), "what it sends from there is taken at once");
    call.pass(CHECK_INTERVAL);
    assert_eq!(call.asked_again_at(), BTreeSet::from([3001]));
}

/// And it may go on moving, at any moment of a check's round.
#[test]
fn who_moves_again_and_again_is_followed_every_time() {
    let mut call = Call::new();
    for port in 3000..3100 {
        call.pass(STEP * (u32::from(port) % 97));
        call.screen.port = port;
        call.screen_checks(false);
        let interruption = call.interruption();
        assert!(interruption <= CHECK_INTERVAL, "port {port}: {interruption:?}");
    }
}

/// Passes for the wrong reason if the second address could not be used: it is, when the first goes.
#[test]
fn who_checks_from_two_addresses_and_hears_at_both_stays_where_it_is() {
    let mut call = Call::new();
    call.screen.others = [4002].into();
    let mut second = Vec::new();
    for _ in 0..100 {
        call.screen.port = 4002;
        call.screen_checks(false);
        call.screen.port = 1002;
        call.screen_checks(false);
        second.extend(call.pass(Duration::from_millis(300)));
        call.arrives();
    }
    assert!(call.screen.media.len() == 1 && !second.iter().any(|(port, it)| *port == 4002 && it[0] >= 128));
    let asked =
        second.iter().filter(|(port, datagram)| *port == 1002 && datagram.starts_with(&[0, 1])).count();
    assert!(asked <= 31, "once a second, and not with every check: {asked}");
    (call.screen.port, call.screen.others) = (4002, [].into());
    call.screen_checks(false);
    assert!(call.interruption() <= CHECK_INTERVAL);
}

/// The attack: somebody on the way repeats what the client sends from an address of a victim's, or an own.
#[test]
fn a_check_that_somebody_repeats_from_elsewhere_moves_nothing_there() {
    let mut call = Call::new();
    for round in 0..400 {
        let request = call.screen.check(round % 2 == 0);
        let sent = request.len();
        call.stage.receive(address(6000), request.clone());
        call.talk();
        if round % 10 == 0 {
            call.stage.receive(address(1002), request);
        }
        call.pass(Duration::from_millis(100));
        *call.bytes.entry(0).or_default() += sent;
        assert!(call.arrives(), "round {round}");
    }
    let (sent, got) = (call.bytes[&0], call.bytes[&6000]);
    assert!(got > 0 && got <= AMPLIFICATION_MAX * sent, "{got} bytes for {sent}");
}

/// And without a nomination in it, the victim is asked nothing at all.
#[test]
fn where_nothing_was_nominated_nobody_is_asked_while_the_client_answers() {
    let mut call = Call::new();
    for _ in 0..100 {
        let request = call.screen.check(false);
        call.stage.receive(address(6000), request);
        let mut log = call.talk();
        log.extend(call.pass(Duration::from_millis(300)));
        let to_victim = log.iter().filter(|(port, _)| *port == 6000);
        assert!(to_victim.map(|(_, datagram)| &datagram[..2]).eq([[1, 1]]), "the response and no more");
        assert!(call.arrives());
    }
}

/// A relay in the middle may carry answers, too: while it does it is the path, and then the client is found again.
#[test]
fn a_client_is_found_again_when_who_carried_its_answers_is_gone() {
    let mut call = Call::new();
    call.screen.others = [6000].into();
    let request = call.screen.check(true);
    call.stage.receive(address(6000), request);
    call.talk();
    call.screen.others.clear();
    assert!(!call.arrives());
    call.screen_checks(false);
    assert!(call.interruption() <= CHECK_INTERVAL);
}

/// The last address of a client that is gone is asked for a while, and the server is not kept busy by it.
#[test]
fn an_idle_transport_is_looked_after_every_few_seconds() {
    let mut call = Call::new();
    call.pass(Duration::from_secs(1));
    let now = call.stage.clock.now();
    for transport in call.stage.engine.transports.iter() {
        let rest = transport.next_deadline().unwrap().saturating_duration_since(now);
        assert!(rest > CHECK_INTERVAL / 2 && rest <= CHECK_INTERVAL, "{rest:?}");
    }
}

#[test]
fn former_credentials_keep_the_path_until_the_new_ones_are_used() {
    let mut call = Call::new();
    let restart = |call: &mut Call| {
        let now = call.stage.clock.now();
        call.stage.engine.restart_ice(device(2), now, &mut call.stage.output);
    };
    let former = call.screen.check(false);
    restart(&mut call);
    call.answer(true);
    let responses = |call: &mut Call, from: u16, request: &[u8]| {
        call.stage.receive(address(from), request.to_vec());
        call.talk().iter().filter(|(port, it)| *port == from && it.starts_with(&[1, 1])).count()
    };
    assert_eq!(responses(&mut call, 1002, &former), 1, "the path that was there");
    assert_eq!(responses(&mut call, 3002, &former), 0, "and no other");
    assert!(call.arrives());
    let new = call.screen.check(true);
    assert_eq!(responses(&mut call, 3002, &new), 1);
    assert_eq!(responses(&mut call, 1002, &former), 0, "they are used");

    let former = call.screen.check(false);
    restart(&mut call);
    call.answer(false);
    call.pass(FORMER_TIME - Duration::from_millis(1));
    assert_eq!(responses(&mut call, 1002, &former), 1);
    call.pass(Duration::from_millis(1));
    assert_eq!(responses(&mut call, 1002, &former), 0, "they are over");
}

/// A restart's checks come before its answer, as those of the first description do.
#[test]
fn checks_under_offered_credentials_are_answered_before_the_offer_is() {
    let mut call = Call::new();
    let now = call.stage.clock.now();
    let former = call.screen.check(false);
    for _ in 0..3 {
        call.stage.engine.restart_ice(device(2), now, &mut call.stage.output);
        let offer = call.stage.engine.pending_offer(device(2)).unwrap();
        call.screen.read(&offer.sdp);
        call.screen.port += 1;
        let before = call.screen.responses;
        call.screen_checks(true);
        assert_eq!(call.screen.responses, before + 1);
        call.stage.receive(address(1002), former.clone());
        assert!(!call.talk().is_empty(), "who has not answered may go by what it had");
    }
    call.answer(true);
    assert!(call.arrives(), "and media goes there with the answer");
}
