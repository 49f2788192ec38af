//! What participants publish, by either way.

use super::*;
use TrackSource::{Camera, Microphone, Screen, ScreenAudio};
use common::protocol::media::TrackKind;
use std::cell::RefCell;

/// Ids as a test counts them, from 1.
#[derive(Default)]
struct Ids(RefCell<Vec<TrackId>>);

impl Ids {
    fn fresh(&self) -> TrackId {
        let id = TrackId::generate(&ManualClock::default());
        self.0.borrow_mut().push(id);
        id
    }

    /// The first participant's tracks as everybody sees them: number, source, muted.
    fn shown(&self, session: &Session) -> Vec<(usize, TrackSource, bool)> {
        let number = |id| 1 + self.0.borrow().iter().position(|known| *known == id).expect("given out here");
        let tracks = session.state().participants[0].tracks.clone();
        tracks.iter().map(|track| (number(track.track_id), track.source, track.muted)).collect()
    }
}

fn track(source: TrackSource) -> PublishTrack {
    PublishTrack { mid: None, source, muted: None }
}

/// Sections of these kinds, by their place.
fn sections(kinds: &[TrackKind]) -> Vec<SendingSection> {
    let section = |(place, kind): (usize, &TrackKind)| SendingSection {
        mid: place.to_string(),
        kind: *kind,
        is_taken: true,
    };
    kinds.iter().enumerate().map(section).collect()
}

#[test]
fn a_track_keeps_its_name_until_it_is_published_no_more_and_what_comes_again_is_another() {
    let (mut session, ids) = session_of(2, node());
    let (names, mut effects) = (Ids::default(), Vec::new());
    let mut publish = |sources: &[TrackSource]| {
        let tracks: Vec<_> = sources.iter().copied().map(track).collect();
        session.publish(ids[0], None, &tracks, || names.fresh(), &mut effects).unwrap();
        names.shown(&session)
    };
    assert_eq!(publish(&[Microphone, Camera]), [(1, Microphone, false), (2, Camera, false)]);
    let three = [(1, Microphone, false), (2, Camera, false), (3, Screen, false)];
    assert_eq!(publish(&[Screen, Microphone, Camera]), three, "in the order of publication");
    assert_eq!(publish(&[Microphone, Camera, Screen]), three);
    assert_eq!(publish(&[Microphone, Camera]), three[..2]);
    assert_eq!(publish(&[Microphone, Screen]), [(1, Microphone, false), (4, Screen, false)]);
    assert_eq!(effects.len(), 4, "nobody is told of what is not new");
}

#[test]
fn a_track_keeps_its_name_from_the_direct_way_to_the_server_and_to_another_connection() {
    let (mut session, ids) = session_of(2, node());
    let (names, mut effects) = (Ids::default(), Vec::new());
    let muted = PublishTrack { muted: Some(true), ..track(Camera) };
    session.publish(ids[0], None, &[track(ScreenAudio), muted], || names.fresh(), &mut effects).unwrap();
    let before = names.shown(&session);
    assert_eq!(before, [(1, ScreenAudio, false), (2, Camera, true)]);
    session.join(someone(), node(), MediaRights::default(), &mut effects).unwrap();
    assert_eq!(names.shown(&session), before, "nothing is known of the server's way yet");
    let described = sections(&[TrackKind::Video, TrackKind::Audio]);
    let screen = PublishTrack { mid: Some("1".to_owned()), ..track(ScreenAudio) };
    let publish = |session: &mut Session, id, tracks: &[PublishTrack]| {
        session.publish(id, Some(&described), tracks, || names.fresh(), &mut Vec::new()).unwrap()
    };
    let published = publish(&mut session, ids[0], std::slice::from_ref(&screen));
    assert_eq!(names.shown(&session), before);
    let mids: Vec<_> = published.iter().map(|track| (track.mid.as_deref().unwrap(), track.source)).collect();
    assert_eq!(mids, [("1", ScreenAudio), ("0", Camera)]);
    publish(&mut session, ids[0], &[]);
    assert_eq!(names.shown(&session), before, "an offer that restarts ICE may name nothing");

    let again =
        Participant { connection_id: someone().connection_id, ..session.state().participants[0].clone() };
    assert!(session.replace(ids[0], &again, node(), MediaRights::default(), &mut effects));
    assert_eq!(names.shown(&session), before);
    publish(&mut session, again.connection_id, &[screen]);
    assert_eq!(names.shown(&session), before);
}

#[test]
fn what_is_refused_changes_nothing() {
    let (mut session, ids) = session_of(2, node());
    let (names, mut effects) = (Ids::default(), Vec::new());
    session.publish(ids[0], None, &[track(Camera)], || names.fresh(), &mut effects).unwrap();
    let before = session.state();
    let twice = [track(Screen), track(Screen)];
    let mut refused = |id, sections: Option<&[SendingSection]>, tracks: &[PublishTrack]| {
        session.publish(id, sections, tracks, || names.fresh(), &mut effects).unwrap_err()
    };
    assert_eq!(refused(ids[0], None, &twice), PublishError::DuplicateSource(Screen));
    assert_eq!(refused(someone().connection_id, None, &[]), PublishError::NotSeated);
    let described = sections(&[TrackKind::Video]);
    assert_eq!(refused(ids[0], Some(&described), &[]), PublishError::NotSeated, "it goes directly");
    assert_eq!((session.state(), effects.len()), (before, 1));
    session.join(someone(), node(), MediaRights::default(), &mut effects).unwrap();
    let undescribed = session.publish(ids[0], None, &[track(Camera)], || names.fresh(), &mut effects);
    assert_eq!(undescribed, Err(PublishError::NoDescription));
}

#[test]
fn who_may_not_send_publishes_nothing_from_any_source() {
    let mut session = Session::new(0, LIMITS);
    let rights = MediaRights { send: false, receive: true, data: false };
    let listener = someone();
    let id = listener.connection_id;
    session.join(listener, node(), rights, &mut Vec::new()).unwrap();
    let described = sections(&[TrackKind::Audio]);
    let refused = session.publish(id, Some(&described), &[], || Ids::default().fresh(), &mut Vec::new());
    assert_eq!(refused, Err(PublishError::Forbidden(Microphone)));
}

#[test]
fn a_track_is_muted_by_its_source_and_one_that_is_not_there_is_not() {
    let (mut session, ids) = session_of(2, node());
    let (names, mut effects) = (Ids::default(), Vec::new());
    let both = [track(Microphone), track(Camera)];
    session.publish(ids[0], None, &both, || names.fresh(), &mut effects).unwrap();
    effects.clear();
    let mute = |source, muted| [TrackMute { source, muted }];
    let mut update = |mutes: &[TrackMute]| session.update(ids[0], change(true, false), mutes, &mut effects);
    assert_eq!(
        update(&[mute(Camera, true), mute(Screen, true)].concat()),
        Err(UpdateError::UnknownTrack(Screen))
    );
    assert_eq!(update(&mute(Camera, true)), Ok(()));
    assert_eq!(update(&mute(Camera, true)), Ok(()));
    assert_eq!(names.shown(&session), [(1, Microphone, false), (2, Camera, true)]);
    assert!(session.state().participants[0].state.muted);
    assert_eq!(effects.len(), 1, "once, and with what is said of the person");
}

/// What a client says of its tracks when it enters is nobody's word but the session's.
#[test]
fn who_enters_sends_nothing_yet_whatever_they_claim() {
    let (mut session, ids) = session_of(1, node());
    session.publish(ids[0], None, &[track(Camera)], || Ids::default().fresh(), &mut Vec::new()).unwrap();
    let claims = Participant { tracks: session.state().participants[0].tracks.clone(), ..someone() };
    session.join(claims, node(), MediaRights::default(), &mut Vec::new()).unwrap();
    assert_eq!(session.state().participants[1].tracks, []);
}
