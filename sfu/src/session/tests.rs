//! The session's rules, one by one.

mod moderating;
mod moving;

use super::*;
use common::{clock::ManualClock, id::UserId};

fn someone() -> Participant {
    let clock = ManualClock::default();
    Participant {
        connection_id: ConnectionId::generate(&clock),
        user_id: UserId::generate(&clock),
        name: "Someone".to_owned(),
        state: ParticipantState::default(),
        tracks: Vec::new(),
    }
}

fn node() -> NodeId {
    NodeId::generate(&ManualClock::default())
}

const LIMITS: SeatLimits = SeatLimits { session: 10, user: 2 };

/// A session with `count` participants of one hub, and who they are.
fn session_of(count: usize, hub: NodeId) -> (Session, Vec<ConnectionId>) {
    let mut session = Session::new(0, LIMITS);
    let people: Vec<_> = (0..count).map(|_| someone()).collect();
    let ids = people.iter().map(|person| person.connection_id).collect();
    for person in people {
        session.join(person, hub, MediaRights::default(), &mut Vec::new()).unwrap();
    }
    (session, ids)
}

fn order(session: &Session) -> Vec<ConnectionId> {
    session.state().participants.iter().map(|person| person.connection_id).collect()
}

#[test]
fn two_participants_exchange_media_directly() {
    let (session, ids) = session_of(2, node());
    assert_eq!(session.state().route, Route::PeerToPeer);
    assert_eq!(order(&session), ids, "the first is the one who offers");
    assert!(!session.is_served(ids[0]));
}

#[test]
fn the_third_participant_sends_everybody_through_the_server() {
    let (mut session, ids) = session_of(2, node());
    let third = someone();
    let mut effects = Vec::new();
    session.join(third.clone(), node(), MediaRights::default(), &mut effects).unwrap();
    assert_eq!(
        effects,
        [
            Effect::Enter(ids[0], MediaRights::default()),
            Effect::Enter(ids[1], MediaRights::default()),
            Effect::Enter(third.connection_id, MediaRights::default()),
            Effect::Announce(session.state()),
        ]
    );
    assert_eq!(session.state().route, Route::Server);
}

#[test]
fn whose_call_is_recorded_is_told_so_and_sends_through_the_server() {
    let (mut session, ids) = session_of(2, node());
    let mut effects = Vec::new();
    session.record(true, &mut effects);
    session.record(true, &mut effects);
    let all = MediaRights::default();
    let told = Effect::Announce(session.state());
    assert_eq!(effects, [Effect::Enter(ids[0], all), Effect::Enter(ids[1], all), told]);
    assert!(session.state().recorded && session.is_served(ids[0]));
    let third = someone();
    session.join(third, node(), all, &mut Vec::new()).unwrap();
    assert!(session.state().recorded, "whoever comes is told");
    let mut effects = Vec::new();
    session.record(false, &mut effects);
    assert_eq!(effects, [Effect::Announce(session.state())]);
    assert_eq!((session.state().recorded, session.state().route), (false, Route::Server));
    session.end(&mut Vec::new());
    session.record(true, &mut Vec::new());
    assert!(!session.state().recorded, "nobody is there");
}

#[test]
fn a_fourth_participant_enters_alone() {
    let (mut session, _) = session_of(3, node());
    let fourth = someone();
    let mut effects = Vec::new();
    session.join(fourth.clone(), node(), MediaRights::default(), &mut effects).unwrap();
    assert_eq!(
        effects,
        [Effect::Enter(fourth.connection_id, MediaRights::default()), Effect::Announce(session.state())]
    );
}

#[test]
fn media_stays_on_the_server_until_the_session_is_empty() {
    let (mut session, ids) = session_of(3, node());
    let mut effects = Vec::new();
    session.leave(ids[2], &mut effects);
    session.leave(ids[0], &mut effects);
    assert_eq!(session.state().route, Route::Server);
    session.leave(ids[1], &mut effects);
    assert!(session.is_empty());
    session.join(someone(), node(), MediaRights::default(), &mut effects).unwrap();
    assert_eq!(session.state().route, Route::PeerToPeer);
}

#[test]
fn leaving_is_told_to_the_media_plane_only_where_it_carries_the_media() {
    let (mut direct, ids) = session_of(2, node());
    let mut effects = Vec::new();
    direct.leave(ids[0], &mut effects);
    assert_eq!(effects, [Effect::Announce(direct.state())]);

    let (mut served, ids) = session_of(3, node());
    effects.clear();
    served.leave(ids[0], &mut effects);
    assert_eq!(effects, [Effect::Exit(ids[0]), Effect::Announce(served.state())]);
}

#[test]
fn every_change_and_nothing_else_raises_the_revision() {
    let (mut session, ids) = session_of(2, node());
    assert_eq!(session.state().revision, 2);
    let again = session.state().participants[0].clone();
    let mut effects = Vec::new();
    session.join(again, node(), MediaRights::default(), &mut effects).unwrap();
    session.leave(someone().connection_id, &mut effects);
    assert_eq!((session.state().revision, effects.len()), (2, 0));
    session.leave(ids[0], &mut effects);
    assert_eq!(session.state().revision, 3);
}

#[test]
fn a_lost_hub_takes_its_own_participants_only() {
    let (lost, kept) = (node(), node());
    let (mut session, ids) = session_of(3, lost);
    let other = someone();
    session.join(other.clone(), kept, MediaRights::default(), &mut Vec::new()).unwrap();
    let mut effects = Vec::new();
    session.leave_hub(lost, &mut effects);
    assert_eq!(order(&session), [other.connection_id]);
    let exits: Vec<_> = ids.into_iter().map(Effect::Exit).collect();
    assert_eq!(effects[..3], exits[..]);
    assert_eq!(effects[3..], [Effect::Announce(session.state())], "one announcement for all");
}

#[test]
fn a_participant_who_moved_to_another_hub_does_not_go_with_the_old_one() {
    let (old, new) = (node(), node());
    let (mut session, _) = session_of(1, old);
    let moved = session.state().participants[0].clone();
    session.join(moved, new, MediaRights::default(), &mut Vec::new()).unwrap();
    session.leave_hub(old, &mut Vec::new());
    assert!(!session.is_empty());
}

#[test]
fn a_full_session_refuses_and_stays_as_it_was() {
    let mut session = Session::new(7, SeatLimits { session: 1, ..LIMITS });
    session.join(someone(), node(), MediaRights::default(), &mut Vec::new()).unwrap();
    let before = session.state();
    let mut effects = Vec::new();
    assert_eq!(session.join(someone(), node(), MediaRights::default(), &mut effects), Err(JoinError::Full));
    assert_eq!((session.state(), effects.len()), (before, 0));
}

#[test]
fn the_end_announces_an_empty_session() {
    let (mut session, ids) = session_of(3, node());
    let mut effects = Vec::new();
    session.end(&mut effects);
    assert_eq!(effects.len(), ids.len() + 1);
    let state = session.state();
    assert!(state.participants.is_empty());
    assert_eq!(effects.last(), Some(&Effect::Announce(state)));
}

#[test]
fn one_who_may_not_do_all_takes_everybody_to_the_server() {
    let (mut session, ids) = session_of(1, node());
    let (listener, rights) = (someone(), MediaRights { send: false, receive: true, data: false });
    let mut effects = Vec::new();
    session.join(listener.clone(), node(), rights, &mut effects).unwrap();
    assert_eq!(session.state().route, Route::Server);
    let entered = Effect::Enter(listener.connection_id, rights);
    assert_eq!(effects[..2], [Effect::Enter(ids[0], MediaRights::default()), entered]);
    assert!(session.may_send(ids[0]) && !session.may_send(listener.connection_id));
}

#[test]
fn one_user_does_not_take_the_seats_of_the_others() {
    let (mut session, mut effects) = (Session::new(0, LIMITS), Vec::new());
    let user = someone();
    let mut join = |participant| session.join(participant, node(), MediaRights::default(), &mut effects);
    let devices: Vec<_> = (0..3).map(|_| Participant { user_id: user.user_id, ..someone() }).collect();
    assert_eq!(join(devices[0].clone()), Ok(()));
    assert_eq!(join(devices[1].clone()), Ok(()));
    assert_eq!(join(devices[2].clone()), Err(JoinError::UserFull));
    assert_eq!(join(someone()), Ok(()), "somebody else");
    assert_eq!(join(devices[1].clone()), Ok(()), "one who is seated already");
    session.leave(devices[0].connection_id, &mut effects);
    assert_eq!(session.join(devices[2].clone(), node(), MediaRights::default(), &mut effects), Ok(()));
}

#[test]
fn a_seat_that_was_taken_again_is_kept() {
    let (mut session, ids) = session_of(2, node());
    let asked: Vec<_> = session.seats().collect();
    let again = session.state().participants[0].clone();
    let mut effects = Vec::new();
    session.join(again, node(), MediaRights::default(), &mut effects).unwrap();
    for (connection, _, entry) in asked {
        session.leave_as_of(connection, entry, &mut effects);
    }
    assert_eq!(order(&session), [ids[0]]);
}

#[test]
fn a_user_takes_over_their_own_seat_by_another_connection_and_nobody_elses() {
    let (mut session, ids) = session_of(2, node());
    let [first, second] = [0, 1].map(|at| session.state().participants[at].clone());
    let again = Participant { connection_id: someone().connection_id, ..first };
    let mut effects = Vec::new();
    let all = MediaRights::default();
    assert!(!session.replace(second.connection_id, &again, node(), all, &mut effects), "another's");
    let fewer = MediaRights { send: false, receive: true, data: false };
    assert!(!session.replace(ids[0], &again, node(), fewer, &mut effects), "by other rights");
    assert_eq!(effects, []);
    assert!(session.replace(ids[0], &again, node(), all, &mut effects));
    assert_eq!(effects, [Effect::Announce(session.state())]);
    assert_eq!(session.state().route, Route::PeerToPeer, "nothing is set up anew");
    assert_eq!(order(&session), [again.connection_id, ids[1]], "in the same place");
    effects.clear();
    session.leave(ids[0], &mut effects);
    assert_eq!(effects, [], "the one before has no seat any more");
}

#[test]
fn through_the_server_whoever_takes_over_a_seat_leaves_and_enters() {
    let (mut session, ids) = session_of(3, node());
    let first = session.state().participants[0].clone();
    let again = Participant { connection_id: someone().connection_id, ..first };
    let (mut effects, all) = (Vec::new(), MediaRights::default());
    assert!(session.replace(ids[0], &again, node(), all, &mut effects));
    let expected =
        [Effect::Exit(ids[0]), Effect::Enter(again.connection_id, all), Effect::Announce(session.state())];
    assert_eq!(effects, expected);
}

fn change(muted: bool, speaking: bool) -> StateChange {
    StateChange { muted: Some(muted), speaking: Some(speaking), ..StateChange::default() }
}

#[test]
fn what_a_participant_says_of_itself_is_told_once_and_shown_to_who_comes_later() {
    let (mut session, ids) = session_of(2, node());
    let (before, mut effects) = (session.state().revision, Vec::new());
    assert_eq!(session.update(ids[0], change(false, true), &[], &mut effects), Ok(()));
    assert_eq!(session.update(ids[0], change(false, true), &[], &mut effects), Ok(()), "again is harmless");
    let state = ParticipantState { speaking: true, ..ParticipantState::default() };
    let revision = before + 1;
    let told = Effect::AnnounceUpdate { connection: ids[0], state, tracks: Vec::new(), revision };
    assert_eq!(std::mem::take(&mut effects), [told]);
    assert_eq!(session.state().participants[0].state, state);
    assert_eq!(session.state().participants[1].state, ParticipantState::default());
    assert_eq!(session.state().revision, before + 1);
    let stranger = session.update(someone().connection_id, change(true, false), &[], &mut effects);
    assert_eq!(stranger, Err(UpdateError::NotSeated), "no seat, no state");
    assert_eq!(effects, []);
}

#[test]
fn who_comes_back_by_another_connection_is_as_muted_as_before() {
    let (mut session, ids) = session_of(2, node());
    session.update(ids[0], change(true, false), &[], &mut Vec::new()).unwrap();
    let user_id = session.state().participants[0].user_id;
    let back = Participant { user_id, ..someone() };
    assert!(session.replace(ids[0], &back, node(), MediaRights::default(), &mut Vec::new()));
    assert!(session.state().participants[0].state.muted);
    assert_eq!(session.state().participants[0].connection_id, back.connection_id);
}

#[test]
fn who_may_not_send_is_not_shown_as_one_who_speaks() {
    let mut session = Session::new(0, LIMITS);
    let rights = MediaRights { send: false, receive: true, data: false };
    let listener =
        Participant { state: ParticipantState { speaking: true, ..Default::default() }, ..someone() };
    let id = listener.connection_id;
    session.join(listener, node(), rights, &mut Vec::new()).unwrap();
    assert!(!session.state().participants[0].state.speaking);
    let mut effects = Vec::new();
    session.update(id, change(false, true), &[], &mut effects).unwrap();
    assert_eq!(effects, []);
    let raised = StateChange { hand_raised: Some(true), ..StateChange::default() };
    session.update(id, raised, &[], &mut effects).unwrap();
    assert!(session.state().participants[0].state.hand_raised);
}

#[test]
fn whose_packets_say_how_loud_they_are_is_not_asked_whether_they_speak() {
    let (mut session, ids) = session_of(3, node());
    let is_shown = |session: &Session| session.state().participants[0].state.speaking;
    let mut effects = Vec::new();
    session.update(ids[0], change(false, true), &[], &mut effects).unwrap();
    session.speaks(ids[0], false, &mut effects);
    session.update(ids[0], change(false, true), &[], &mut effects).unwrap();
    assert!(!is_shown(&session));
    session.speaks(ids[0], true, &mut effects);
    assert!(is_shown(&session));
    // Muted they do not, whatever is still on its way; afterwards they do, as they still speak.
    for (muted, speaking) in [(true, false), (false, true)] {
        session.update(ids[0], change(muted, false), &[], &mut effects).unwrap();
        assert_eq!(is_shown(&session), speaking);
    }
    assert!(matches!(effects.last(), Some(Effect::AnnounceUpdate { state, .. }) if state.speaking));
    session.speaks(someone().connection_id, true, &mut effects);
}

mod tracks;
mod wishes;
