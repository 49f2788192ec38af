use super::*;
use crate::comparison::{COMPARE_EVERY, SETTLING_TIME};
use Effect::{Compare, Tell};
use OnlineNews::{Came, Went};
use common::protocol::presence::Said;
use uuid::Uuid;

fn user(n: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(n))
}

/// A device; those of ten are one user's.
fn device(n: u128) -> Member {
    let connection_id = ConnectionId::from_uuid(Uuid::from_u128(n));
    Member { connection_id, user_id: user(n / 10), name: (n / 10).to_string() }
}

fn went(n: u128) -> OnlineNews {
    Went(device(n).connection_id)
}

/// A presence that somebody watches, its time, and what it has asked for.
struct Stage {
    presence: Presence<()>,
    now: Instant,
    effects: Vec<Effect>,
}

impl Stage {
    /// One that has read that these are there, and has no doubt.
    #[expect(clippy::disallowed_methods, reason = "a first instant, from which the test's time runs")]
    fn with(devices: &[u128]) -> Self {
        let now = Instant::now();
        let mut stage = Self { presence: Presence::new(now), now, effects: Vec::new() };
        stage.presence.watch(device(990).connection_id, ()).unwrap();
        for wait in [Duration::ZERO, COMPARE_EVERY] {
            assert!(stage.pass(wait).contains(&Compare));
            stage.read(devices);
        }
        stage.pass(GATHER_TIME);
        assert_eq!(stage.presence.next_deadline(), None, "it does not doubt");
        stage
    }

    /// What it asks for by the end of this time.
    fn pass(&mut self, time: Duration) -> Vec<Effect> {
        self.now += time;
        self.presence.handle_deadline(self.now, &mut self.effects);
        std::mem::take(&mut self.effects)
    }

    fn hear(&mut self, news: OnlineNews) {
        self.presence.handle_news(news, self.now);
    }

    fn read(&mut self, devices: &[u128]) {
        self.read_as(devices, true);
    }

    fn read_as(&mut self, devices: &[u128], is_fresh: bool) {
        self.presence.handle_devices(devices.iter().map(|n| device(*n)), is_fresh, self.now);
    }

    fn doubt(&mut self) {
        self.presence.handle_instances_changed(self.now, &mut self.effects);
        assert_eq!(std::mem::take(&mut self.effects), [Compare]);
    }

    /// Who is told to have come and gone once it is told.
    fn told(&mut self) -> (Vec<UserId>, Vec<UserId>) {
        let mut told = (Vec::new(), Vec::new());
        for effect in self.pass(GATHER_TIME) {
            if let Tell(changed) = effect {
                assert_eq!(changed.online_count, self.presence.page(None).online_count);
                told.0.extend(changed.online.iter().map(|one| one.user_id));
                told.1.extend(changed.offline);
            }
        }
        told
    }

    /// Once it is told.
    fn online(&mut self) -> Vec<UserId> {
        self.told();
        self.presence.page(None).users.iter().map(|one| one.user_id).collect()
    }
}

#[test]
fn a_user_is_online_while_any_of_their_devices_is() {
    let mut stage = Stage::with(&[]);
    stage.hear(Came(device(10)));
    assert_eq!(stage.told(), (vec![user(1)], vec![]));
    stage.hear(Came(device(11)));
    stage.hear(went(10));
    assert_eq!(stage.told(), (vec![], vec![]));
    stage.hear(went(11));
    assert_eq!(stage.told(), (vec![], vec![user(1)]));
    assert_eq!(stage.online(), []);
}

#[test]
fn who_reconnects_within_a_moment_was_never_gone() {
    let mut stage = Stage::with(&[10, 20]);
    stage.hear(went(10));
    stage.hear(Came(device(11)));
    stage.hear(went(20));
    assert_eq!(stage.told(), (vec![], vec![user(2)]));
    assert_eq!(stage.pass(GATHER_TIME), [], "nothing is left to be told");
}

/// Or they would never learn that who has just gone is not online.
#[test]
fn who_begins_to_watch_knows_what_the_others_know() {
    let mut stage = Stage::with(&[20]);
    stage.hear(Came(device(10)));
    stage.hear(went(20));
    stage.presence.watch(device(991).connection_id, ()).unwrap();
    let known =
        |stage: &Stage| stage.presence.page(None).users.iter().map(|one| one.user_id).collect::<Vec<_>>();
    assert_eq!(known(&stage), [user(2)]);
    stage.hear(went(10));
    assert_eq!(stage.told(), (vec![], vec![user(2)]));
    assert_eq!(known(&stage), []);
}

#[test]
fn a_thousand_changes_within_a_moment_are_told_together() {
    let mut stage = Stage::with(&[]);
    for n in 1..=1000 {
        stage.hear(Came(device(n * 10)));
    }
    let told: Vec<Effect> = stage.pass(GATHER_TIME);
    assert!(matches!(&told[..], [Tell(changed)] if changed.online_count == 1000), "{told:?}");
}

#[test]
fn nobody_is_read_while_nothing_is_amiss() {
    let mut stage = Stage::with(&[10]);
    for n in 2..200 {
        stage.hear(Came(device(n * 10)));
        stage.hear(went(n * 10));
        assert!(!stage.pass(COMPARE_EVERY).contains(&Compare));
    }
}

#[test]
fn news_said_twice_or_in_the_wrong_order_is_as_good_as_once() {
    let mut stage = Stage::with(&[]);
    stage.hear(went(10));
    stage.hear(Came(device(10)));
    stage.hear(Came(device(20)));
    stage.hear(Came(device(20)));
    stage.hear(went(20));
    assert_eq!(stage.told(), (vec![], vec![]));
}

#[test]
fn who_comes_or_goes_while_everybody_is_read_is_not_in_what_is_read() {
    let mut stage = Stage::with(&[10, 20]);
    stage.doubt();
    stage.hear(went(10));
    stage.hear(Came(device(30)));
    stage.read(&[10, 20]);
    assert_eq!(stage.told(), (vec![user(3)], vec![user(1)]));
}

/// What goes is said at once, and taken out of the set a moment later.
#[test]
fn who_has_gone_is_gone_though_they_are_still_read() {
    let mut stage = Stage::with(&[10, 20]);
    stage.hear(went(10));
    stage.doubt();
    stage.read(&[10, 20]);
    assert_eq!(stage.told(), (vec![], vec![user(1)]));
    assert_eq!(stage.online(), [user(2)]);
}

#[test]
fn an_instance_that_is_gone_takes_its_people_with_it() {
    let mut stage = Stage::with(&[10, 20]);
    stage.doubt();
    stage.read(&[20]);
    assert_eq!(stage.told(), (vec![], vec![user(1)]));
}

/// One that has paused writes its entries again; one that has just ended may have left some.
#[test]
fn everybody_is_read_until_a_doubt_has_passed_and_then_no_more() {
    let mut stage = Stage::with(&[10, 20]);
    stage.doubt();
    stage.read(&[20]);
    let mut reads = 0;
    while let Some(due) = stage.presence.next_deadline() {
        let effects = stage.pass(due - stage.now);
        if effects.contains(&Compare) {
            stage.read(&[10, 20]);
            reads += 1;
        }
    }
    assert_eq!(reads, DOUBT_TIME.as_secs() / COMPARE_EVERY.as_secs());
    assert_eq!(stage.online(), [user(1), user(2)]);
}

#[test]
fn after_an_outage_nobody_leaves_before_others_had_time_to_say_who_is_there() {
    let mut stage = Stage::with(&[10, 20]);
    stage.presence.handle_lost(stage.now, &mut stage.effects);
    assert_eq!(std::mem::take(&mut stage.effects), [Compare]);
    stage.read(&[30]);
    assert_eq!(stage.online(), [user(1), user(2), user(3)]);
    assert!(stage.pass(SETTLING_TIME).contains(&Compare));
    stage.read(&[30]);
    assert_eq!(stage.online(), [user(3)]);
    assert!(!stage.pass(COMPARE_EVERY).contains(&Compare));
}

/// The bus answers what it has seen last.
#[test]
fn what_is_not_fresh_is_not_the_last_word() {
    let mut stage = Stage::with(&[10]);
    stage.doubt();
    for _ in 0..10 {
        stage.read_as(&[20], false);
        assert!(stage.pass(COMPARE_EVERY).contains(&Compare), "it is read again");
        assert_eq!(stage.online(), [user(1), user(2)]);
    }
    stage.read(&[20]);
    assert_eq!(stage.online(), [user(2)]);
}

/// As instances of earlier versions say it.
#[test]
fn that_something_changed_has_everybody_read_once_however_often_it_is_said() {
    let mut stage = Stage::with(&[]);
    stage.hear(OnlineNews::Changed {});
    stage.hear(OnlineNews::Changed {});
    assert_eq!(stage.pass(Duration::ZERO), []);
    assert_eq!(stage.pass(GATHER_TIME), [Compare]);
    stage.hear(OnlineNews::Changed {});
    stage.read(&[10]);
    let effects = stage.pass(GATHER_TIME);
    assert!(effects.contains(&Compare), "what is being read may have been read before: {effects:?}");
    stage.read(&[10]);
    assert_eq!(stage.presence.next_deadline(), None);
    assert_eq!(stage.online(), [user(1)]);
}

#[test]
fn when_the_last_one_has_left_nobody_watches_any_more() {
    let mut stage = Stage::with(&[]);
    assert!(!stage.presence.close_if_empty());
    stage.presence.leave(device(990).connection_id);
    assert!(stage.presence.close_if_empty());
    assert_eq!(stage.presence.watch(device(1).connection_id, ()), Err(Closed));
}

fn said(n: u128, said: Said, revision: u32) -> OnlineNews {
    let status = DeviceStatus { said, in_call: false, revision };
    OnlineNews::Status { connection: device(n).connection_id, status }
}

/// Who is told as otherwise, and how.
fn told(effects: &[Effect]) -> Vec<(UserId, Status)> {
    let told = effects.iter().filter_map(|effect| match effect {
        Tell(changed) => Some(&changed.online),
        Compare => None,
    });
    told.flatten().map(|user| (user.user_id, user.status)).collect()
}

#[test]
fn a_user_is_told_as_away_when_all_of_their_devices_are_and_not_before() {
    let mut stage = Stage::with(&[10, 11, 20]);
    stage.hear(said(10, Said::Away, 1));
    assert_eq!(stage.pass(GATHER_TIME), [], "they are at the other one");
    stage.hear(said(11, Said::Away, 1));
    let effects = stage.pass(GATHER_TIME);
    assert_eq!(told(&effects), [(user(1), Status::Away)]);
    assert!(
        matches!(&effects[..], [Tell(changed)] if changed.online_count == 2 && changed.offline.is_empty())
    );
    assert_eq!(stage.presence.page(None).users[0].status, Status::Away, "who comes now sees it");
    stage.hear(said(11, Said::Online, 2));
    stage.hear(said(11, Said::Away, 1));
    assert_eq!(told(&stage.pass(GATHER_TIME)), [(user(1), Status::Online)], "what is old counts for nothing");
    stage.hear(went(11));
    assert_eq!(told(&stage.pass(GATHER_TIME)), [(user(1), Status::Away)], "the one that is left is away");
    stage.hear(said(11, Said::Busy, 9));
    assert_eq!(stage.pass(GATHER_TIME), [], "it is gone");
}

#[test]
fn what_was_not_heard_of_a_device_is_found_where_everybody_is_read() {
    let mut stage = Stage::with(&[10]);
    let status = DeviceStatus { said: Said::Busy, in_call: true, revision: 3 };
    stage.presence.handle_lost(stage.now, &mut stage.effects);
    stage.read(&[10, 20]);
    let (one, other) = (device(10).connection_id, device(20).connection_id);
    stage.presence.handle_statuses([(one, status), (other, DeviceStatus::default())], stage.now);
    assert_eq!(told(&stage.pass(GATHER_TIME)), [(user(1), Status::Busy), (user(2), Status::Online)]);
}

#[test]
fn how_a_device_is_that_nobody_knows_yet_is_read_soon_and_not_again() {
    let mut stage = Stage::with(&[10]);
    stage.hear(said(20, Said::Busy, 1));
    stage.hear(Came(device(20)));
    assert!(stage.pass(GATHER_TIME).contains(&Compare));
    stage.read(&[10, 20]);
    let status = DeviceStatus { said: Said::Busy, in_call: false, revision: 1 };
    let statuses = [20, 30].map(|n| (device(n).connection_id, status));
    stage.presence.handle_statuses(statuses, stage.now);
    assert_eq!(told(&stage.pass(GATHER_TIME)), [(user(2), Status::Busy)]);
    assert_eq!(stage.presence.next_deadline(), None, "who was read and has gone meanwhile is no reason");
    stage.hear(went(20));
    stage.pass(GATHER_TIME);
    stage.hear(said(20, Said::Away, 2));
    assert_eq!(stage.presence.next_deadline(), None, "nor is who has gone");
}
