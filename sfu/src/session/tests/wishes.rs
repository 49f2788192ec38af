//! What participants wish of each other's tracks.

use super::*;
use common::protocol::media::TrackPriority;

/// Publishes a camera, straight to the other side; its track.
fn camera(session: &mut Session, connection: ConnectionId) -> TrackId {
    let clock = ManualClock::default();
    let tracks = [PublishTrack { mid: None, source: TrackSource::Camera, muted: None }];
    let fresh = || TrackId::generate(&clock);
    session.publish(connection, None, &tracks, fresh, &mut Vec::new()).unwrap()[0].track_id
}

const fn wish(track_id: TrackId, width: u16) -> TrackWish {
    TrackWish {
        track_id,
        enabled: true,
        width: Some(width),
        height: Some(90),
        priority: TrackPriority::Normal,
    }
}

#[test]
fn what_was_wished_while_media_went_straight_counts_once_it_goes_through_the_server() {
    let (mut session, ids) = session_of(2, node());
    let track = camera(&mut session, ids[1]);
    let mut effects = Vec::new();
    for width in [0, 160] {
        assert_eq!(session.subscribe(ids[0], &[wish(track, width)], None, &mut effects), Ok(()));
    }
    assert_eq!(effects, [], "nothing goes through the server");
    session.join(someone(), node(), MediaRights::default(), &mut effects).unwrap();
    let wishes: Vec<_> = effects.iter().filter(|effect| matches!(effect, Effect::Wish(..))).collect();
    assert_eq!(wishes, [&Effect::Wish(ids[0], vec![wish(track, 160)], Selection::ALL)]);
    let entered = effects.iter().position(|effect| matches!(effect, Effect::Enter(id, _) if *id == ids[0]));
    let wished = effects.iter().position(|effect| matches!(effect, Effect::Wish(..)));
    assert!(entered < wished, "a stay that has not begun knows of no wish");
}

#[test]
fn wishes_go_over_with_the_seat_and_those_for_tracks_that_ended_are_forgotten() {
    let (mut session, ids) = session_of(3, node());
    let sections = [SendingSection { mid: "0".to_owned(), kind: TrackSource::Camera.kind(), is_taken: true }];
    let publish = |session: &mut Session, id| {
        let clock = ManualClock::default();
        let fresh = || TrackId::generate(&clock);
        session.publish(id, Some(&sections), &[], fresh, &mut Vec::new()).unwrap()[0].track_id
    };
    let (second, third) = (publish(&mut session, ids[1]), publish(&mut session, ids[2]));
    let mut effects = Vec::new();
    session.subscribe(ids[0], &[wish(second, 320)], None, &mut effects).unwrap();
    assert_eq!(std::mem::take(&mut effects), [Effect::Wish(ids[0], vec![wish(second, 320)], Selection::ALL)]);
    let first = session.state().participants[0].clone();
    let again = Participant { connection_id: someone().connection_id, ..first };
    assert!(session.replace(ids[0], &again, node(), MediaRights::default(), &mut effects));
    assert!(
        effects.contains(&Effect::Wish(again.connection_id, vec![wish(second, 320)], Selection::ALL)),
        "{effects:?}"
    );
    effects.clear();
    session.leave(ids[1], &mut Vec::new());
    session.subscribe(again.connection_id, &[wish(third, 640)], None, &mut effects).unwrap();
    assert_eq!(effects, [Effect::Wish(again.connection_id, vec![wish(third, 640)], Selection::ALL)]);
}

#[test]
fn of_a_track_that_nobody_else_sends_nothing_can_be_wished() {
    let (mut session, ids) = session_of(2, node());
    let (own, theirs) = (camera(&mut session, ids[0]), camera(&mut session, ids[1]));
    let mut effects = Vec::new();
    let refused = session.subscribe(ids[0], &[wish(theirs, 320), wish(own, 320)], None, &mut effects);
    assert_eq!(refused, Err(SubscribeError::UnknownTrack(own)));
    let stranger = session.subscribe(someone().connection_id, &[wish(theirs, 320)], None, &mut effects);
    assert_eq!(stranger, Err(SubscribeError::NotSeated));
    session.join(someone(), node(), MediaRights::default(), &mut effects).unwrap();
    assert!(effects.iter().all(|effect| !matches!(effect, Effect::Wish(..))), "nothing has changed");
}

#[test]
fn what_is_wished_of_tracks_that_are_not_named_stays_until_it_is_said_again() {
    let (mut session, ids) = session_of(3, node());
    let select = |session: &mut Session, selection| {
        let mut effects = Vec::new();
        session.subscribe(ids[0], &[], selection, &mut effects).unwrap();
        effects
    };
    let few = Selection { auto_subscribe: false, last_n: Some(4) };
    let wished = |selection| [Effect::Wish(ids[0], Vec::new(), selection)];
    assert_eq!(select(&mut session, Some(few)), wished(few));
    assert_eq!(select(&mut session, None), wished(few));
    let first = session.state().participants[0].clone();
    let again = Participant { connection_id: someone().connection_id, ..first };
    let mut effects = Vec::new();
    assert!(session.replace(ids[0], &again, node(), MediaRights::default(), &mut effects));
    assert!(effects.contains(&Effect::Wish(again.connection_id, Vec::new(), few)), "{effects:?}");
    effects.clear();
    session.subscribe(again.connection_id, &[], Some(Selection::ALL), &mut effects).unwrap();
    assert_eq!(effects, [Effect::Wish(again.connection_id, Vec::new(), Selection::ALL)]);
}
