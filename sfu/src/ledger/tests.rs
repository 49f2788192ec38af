use super::*;
use common::{
    clock::ManualClock,
    id::{TrackId, UserId},
    protocol::media::{Participant, ParticipantState, Route, TrackSource},
};

struct Stage {
    clock: Arc<ManualClock>,
    ledger: Ledger,
    account: AccountId,
    room: RoomId,
}

impl Stage {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let ledger = Ledger::new(Arc::<ManualClock>::clone(&clock));
        let (account, room) = (AccountId::generate(&*clock), RoomId::generate(&*clock));
        Self { clock, ledger, account, room }
    }

    fn someone(&self) -> Participant {
        let source = TrackSource::Microphone;
        let track_id = TrackId::generate(&*self.clock);
        Participant {
            connection_id: ConnectionId::generate(&*self.clock),
            user_id: UserId::generate(&*self.clock),
            name: "Ada".to_owned(),
            state: ParticipantState::default(),
            tracks: vec![Track { track_id, kind: source.kind(), source, muted: false }],
        }
    }

    fn note(&self, people: &[&Participant]) {
        let participants = people.iter().map(|one| (*one).clone()).collect();
        let state = State { route: Route::Server, participants, revision: 1, locked: false, recorded: false };
        self.ledger.note_state(self.account, self.room, &state);
    }

    fn take(&self) -> Vec<SessionReport> {
        let account = BTreeSet::from([self.account]);
        self.ledger.take(&account, &account)
    }

    /// Somebody comes and goes, who was alone.
    fn call(&self) {
        self.note(&[&self.someone()]);
        self.note(&[]);
        self.ledger.note_over(self.room);
    }
}

#[test]
fn what_happens_is_there_to_be_taken_once_in_order_with_how_it_stands() {
    let stage = Stage::new();
    let ada = stage.someone();
    stage.note(&[&ada]);
    assert!(stage.take().is_empty(), "nobody follows");
    stage.ledger.follow();
    stage.note(&[&ada]);
    let news = stage.take();
    let [SessionReport { facts, standing: SessionStanding::GoesOn(session), .. }] = &*news else {
        panic!("{news:?}")
    };
    assert!(matches!(&**facts, [SessionFact::Joined(..), SessionFact::Published(..)]), "{facts:?}");
    assert_eq!(session.participants.len(), 1);
    stage.note(&[&ada]);
    assert!(stage.take().is_empty(), "nothing is new");
    stage.ledger.note_tracks(stage.room, ada.connection_id, &[]);
    stage.ledger.note_reason(stage.room, ada.connection_id, LeaveReason::Removed);
    stage.note(&[]);
    stage.ledger.note_over(stage.room);
    let news = stage.take();
    let [SessionReport { facts, standing: SessionStanding::Over(_), .. }] = &*news else {
        panic!("{news:?}")
    };
    assert!(
        matches!(&**facts, [SessionFact::Unpublished(..), SessionFact::Left(_, LeaveReason::Removed, _)]),
        "{facts:?}"
    );
    assert!(stage.take().is_empty());
}

#[test]
fn a_session_that_goes_elsewhere_is_not_over_and_nobody_has_left() {
    let stage = Stage::new();
    stage.ledger.follow();
    stage.note(&[&stage.someone()]);
    stage.take();
    stage.ledger.note_elsewhere(stage.room);
    stage.note(&[]);
    stage.ledger.note_over(stage.room);
    let news = stage.take();
    let [SessionReport { facts, standing: SessionStanding::Elsewhere, .. }] = &*news else {
        panic!("{news:?}")
    };
    assert_eq!(**facts, []);
}

#[test]
fn what_nobody_takes_has_a_bound_and_how_it_stands_is_right_all_the_same() {
    let stage = Stage::new();
    stage.ledger.follow();
    let (stays, comes_and_goes) = (stage.someone(), stage.someone());
    stage.note(&[&stays]);
    for _ in 0..FACTS_MAX {
        stage.note(&[&stays, &comes_and_goes]);
        stage.note(&[&stays]);
    }
    stage.note(&[&stays, &comes_and_goes]);
    let news = stage.take();
    let [SessionReport { facts, standing: SessionStanding::GoesOn(session), .. }] = &*news else {
        panic!("{} news", news.len())
    };
    assert!((FACTS_MAX - 3..=FACTS_MAX).contains(&facts.len()), "{}", facts.len());
    assert_eq!(session.participants.len(), 2);
    assert!(stage.ledger.left_out() > 0, "it is said how many");
    assert_eq!(stage.ledger.left_out(), 0);
    for _ in 0..ENDED_MAX + 9 {
        let room = RoomId::generate(&*stage.clock);
        let other = Stage { clock: Arc::clone(&stage.clock), ledger: stage.ledger.clone(), room, ..stage };
        other.note(&[&stays]);
        other.ledger.note_over(room);
    }
    let news = stage.take();
    assert_eq!((news.len(), stage.ledger.left_out()), (ENDED_MAX, 9 * 3));
    // What is given back is held to the same.
    stage.note(&[&stays]);
    for _ in 0..3 {
        stage.ledger.put_back(news.clone());
    }
    assert_eq!(stage.take().len(), ENDED_MAX + 1);
}

/// As while the database is away.
#[test]
fn what_is_given_back_is_taken_again_before_what_has_happened_since() {
    let stage = Stage::new();
    stage.ledger.follow();
    let (ada, ben) = (stage.someone(), stage.someone());
    stage.call();
    stage.note(&[&ada]);
    let news = stage.take();
    assert_eq!(news.len(), 2);
    stage.ledger.put_back(news.clone());
    assert_eq!(stage.take(), news, "as if it had not been taken");
    // It goes on, or has ended since, and another one has begun.
    stage.note(&[&ada, &ben]);
    stage.ledger.put_back(news.clone());
    let more = stage.take();
    assert_eq!(more[0], news[0]);
    let (before, SessionStanding::GoesOn(session)) = (news[1].facts.len(), &more[1].standing) else {
        panic!("{more:?}")
    };
    assert_eq!(more[1].facts[..before], news[1].facts[..]);
    assert_eq!((session.participants.len(), more[1].facts.len()), (2, before + 2));
    stage.note(&[]);
    stage.ledger.note_over(stage.room);
    stage.note(&[&stage.someone()]);
    stage.ledger.put_back(more);
    let most = stage.take();
    let over = most.iter().map(|one| matches!(one.standing, SessionStanding::Over(_)));
    assert_eq!(over.collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(most[1].facts.len(), before + 2 + 2);
    // Now there is nothing left to which it belongs.
    stage.note(&[]);
    stage.ledger.note_over(stage.room);
    stage.take();
    stage.ledger.put_back(vec![most[2].clone()]);
    assert!(stage.take().is_empty());
    assert!(stage.ledger.left_out() > 0);
}

#[test]
fn two_calls_of_one_room_are_two_also_if_nobody_looks_meanwhile() {
    let stage = Stage::new();
    stage.ledger.follow();
    stage.call();
    stage.call();
    assert_eq!(stage.ledger.rooms(), BTreeSet::from([stage.room]), "they are not lost");
    let news = stage.take();
    assert_eq!(news.iter().map(|one| one.facts.len()).collect::<Vec<_>>(), [3, 3]);
    assert!(stage.ledger.rooms().is_empty());
}

/// Whose news was asked for is known before it is taken.
#[test]
fn what_happens_between_asking_and_taking_stays() {
    let stage = Stage::new();
    stage.ledger.follow();
    let asked = stage.ledger.accounts();
    stage.note(&[&stage.someone()]);
    assert!(stage.ledger.take(&asked, &asked).is_empty());
    assert_eq!(stage.take()[0].facts.len(), 2);
}

#[test]
fn how_a_session_stands_is_said_again_for_who_begins_to_listen_in_the_middle_of_it() {
    let stage = Stage::new();
    stage.ledger.follow();
    stage.note(&[&stage.someone()]);
    let account = BTreeSet::from([stage.account]);
    assert!(stage.ledger.take(&account, &BTreeSet::new()).is_empty(), "nobody wants to know");
    assert_eq!(stage.ledger.going(), [(stage.account, stage.room)]);
    stage.ledger.repeat(&BTreeSet::from([stage.room]));
    let news = stage.take();
    let [SessionReport { facts, standing: SessionStanding::GoesOn(session), .. }] = &*news else {
        panic!("{news:?}")
    };
    assert_eq!((facts.len(), session.participants.len()), (0, 1));
    assert!(stage.take().is_empty());
}

#[test]
fn what_happens_in_accounts_that_nobody_asks_for_is_not_kept() {
    let stage = Stage::new();
    stage.ledger.follow();
    stage.note(&[&stage.someone()]);
    assert_eq!(stage.ledger.accounts(), BTreeSet::from([stage.account]));
    let account = BTreeSet::from([stage.account]);
    assert!(stage.ledger.take(&account, &BTreeSet::new()).is_empty());
    assert!(stage.ledger.accounts().is_empty());
    stage.ledger.note_over(stage.room);
    assert!(matches!(stage.take()[0].standing, SessionStanding::Over(_)));
}

#[tokio::test]
async fn whoever_follows_is_told_when_there_is_something_and_when_there_is_no_more() {
    let stage = Stage::new();
    stage.ledger.follow();
    let ledger = stage.ledger.clone();
    stage.note(&[&stage.someone()]);
    assert!(ledger.changed().await);
    stage.take();
    stage.ledger.note_over(stage.room);
    stage.ledger.close();
    assert!(ledger.changed().await, "there is still something");
    stage.take();
    assert!(!ledger.changed().await);
}
