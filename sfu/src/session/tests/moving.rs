//! What of a session goes to another node.

use super::*;
use crate::session::moving::Unfit;
use common::{
    protocol::media::{TrackKind, TrackPriority},
    subject::{media::Moderation, media_move::MovedSession},
};

/// Who publishes over HTTP stays behind, and so does what is found out anew.
#[test]
fn a_session_goes_to_another_node_as_it_is_but_for_what_is_bound_to_this_one() {
    let (mut session, ids) = session_of(3, node());
    let mut ignored = Vec::new();
    let over_http = someone();
    session.join(over_http.clone(), None, MediaRights::default(), &mut ignored).unwrap();
    let microphone = PublishTrack { mid: Some("0".to_owned()), source: TrackSource::Microphone, muted: None };
    let section = SendingSection { mid: "0".to_owned(), kind: TrackKind::Audio, is_taken: true };
    let fresh = || TrackId::generate(&ManualClock::default());
    session.publish(ids[0], Some(&[section]), &[microphone], fresh, &mut ignored).unwrap();
    session.speaks(ids[0], true, &mut ignored);
    let track = session.state().participants[0].tracks[0].track_id;
    let few = Selection { auto_subscribe: false, last_n: Some(2) };
    let wish = TrackWish {
        track_id: track,
        enabled: false,
        width: None,
        height: None,
        priority: TrackPriority::default(),
    };
    session.subscribe(ids[1], &[wish], Some(few), &mut ignored).unwrap();
    let (by, moderation) = (UserId::generate(&ManualClock::default()), Moderation::Lock { locked: true });
    session.moderate(by, moderation, &mut ignored).unwrap();

    let mut effects = Vec::new();
    let moved = Session::moved(session.to_move(), LIMITS, &mut effects).unwrap();
    let (before, after) = (session.state(), moved.state());
    assert!(after.revision > before.revision);
    assert_eq!((after.route, after.locked, after.recorded), (Route::Server, true, false));
    let mut expected = before.participants;
    expected.retain(|one| one.connection_id != over_http.connection_id);
    expected[0].state.speaking = false;
    assert_eq!(after.participants, expected);
    let all = MediaRights::default();
    let entered = ids.iter().map(|id| Effect::Enter(*id, all));
    let mut wanted = vec![Effect::Announce(after)];
    wanted.extend(entered);
    wanted.push(Effect::Wish(ids[1], vec![wish], few));
    assert_eq!(effects, wanted);
    let seats: Vec<_> = moved.seats().collect();
    assert_eq!(seats, session.seats().collect::<Vec<_>>(), "the same hub answers for them");
}

#[test]
fn nobody_somebody_twice_or_too_many_are_no_session_to_go_on_with() {
    let (session, _) = session_of(3, node());
    let moved = |change: fn(&mut MovedSession)| {
        let mut session = session.to_move();
        change(&mut session);
        Session::moved(session, LIMITS, &mut Vec::new()).map(|_| ())
    };
    assert_eq!(moved(|_| {}), Ok(()));
    assert_eq!(moved(|session| session.seats.clear()), Err(Unfit));
    assert_eq!(moved(|session| session.seats.push(session.seats[0].clone())), Err(Unfit));
    let few = SeatLimits { session: 2, user: 2 };
    assert!(Session::moved(session.to_move(), few, &mut Vec::new()).is_err());
}
