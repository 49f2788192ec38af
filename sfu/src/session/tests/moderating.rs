//! What moderators do to others.

use super::*;
use common::subject::media::Moderation;

/// A session of two, of whom the second sends sound and a picture, and who they are.
fn two() -> (Session, [ConnectionId; 2]) {
    let (mut session, ids) = session_of(2, node());
    let tracks = [TrackSource::Microphone, TrackSource::Camera].map(|source| PublishTrack {
        mid: None,
        source,
        muted: None,
    });
    let fresh = || TrackId::generate(&ManualClock::default());
    session.publish(ids[1], None, &tracks, fresh, &mut Vec::new()).unwrap();
    (session, [ids[0], ids[1]])
}

fn user(session: &Session, place: usize) -> UserId {
    session.state().participants[place].user_id
}

#[test]
fn who_is_muted_is_told_by_whom_and_shown_to_all_and_may_end_it() {
    let (mut session, [_, ben]) = two();
    let by = user(&session, 0);
    let mute = Moderation::Mute { connection: ben, source: TrackSource::Microphone };
    let mut effects = Vec::new();
    session.moderate(by, mute, &mut effects).unwrap();
    let shown = session.state().participants[1].clone();
    assert!(shown.state.muted && !shown.state.camera_off && shown.tracks[0].muted && !shown.tracks[1].muted);
    let revision = session.state().revision;
    let (state, tracks) = (shown.state, shown.tracks);
    let updated = Effect::AnnounceUpdate { connection: ben, state, tracks, revision };
    let muted = Effect::Muted { connection: ben, source: TrackSource::Microphone, by };
    assert_eq!(effects, [updated, muted]);

    effects.clear();
    session.moderate(by, mute, &mut effects).unwrap();
    assert_eq!(effects, [], "muted already");

    let change = StateChange { muted: Some(false), ..StateChange::default() };
    let mutes = [TrackMute { source: TrackSource::Microphone, muted: false }];
    session.update(ben, change, &mutes, &mut effects).unwrap();
    assert!(!session.state().participants[1].tracks[0].muted);
}

#[test]
fn who_is_removed_hears_it_first_and_may_come_again() {
    let (mut session, [ada, ben]) = two();
    let (by, removed) = (user(&session, 0), session.state().participants[1].clone());
    let mut effects = Vec::new();
    session.moderate(by, Moderation::Remove { connection: ben }, &mut effects).unwrap();
    assert_eq!(effects, [Effect::Removed { connection: ben, by }, Effect::Announce(session.state())]);
    assert_eq!(order(&session), [ada]);
    session.join(removed, node(), MediaRights::default(), &mut effects).unwrap();
}

#[test]
fn into_a_locked_session_come_those_who_were_in_it_and_were_not_removed_until_it_is_over() {
    let (mut session, [ada, ben]) = two();
    let [by, whom] = [0, 1].map(|place| user(&session, place));
    let mut effects = Vec::new();
    session.moderate(by, Moderation::Lock { locked: true }, &mut effects).unwrap();
    assert!(session.state().locked);
    assert_eq!(effects, [Effect::Announce(session.state())]);
    let device = |user_id| Participant { user_id, ..someone() };
    let stranger = someone();
    let mut join = |session: &mut Session, participant: &Participant| {
        session.join(participant.clone(), node(), MediaRights::default(), &mut effects)
    };
    assert_eq!(join(&mut session, &stranger), Err(JoinError::Locked));
    assert_eq!(join(&mut session, &device(whom)), Ok(()), "another device");
    session.leave(ada, &mut Vec::new());
    assert_eq!(join(&mut session, &device(by)), Ok(()), "after a reconnect");
    session.moderate(by, Moderation::Remove { connection: ben }, &mut Vec::new()).unwrap();
    assert_eq!(join(&mut session, &device(whom)), Err(JoinError::Locked), "removed");
    session.end(&mut Vec::new());
    assert!(!session.state().locked);
    assert_eq!(join(&mut session, &stranger), Ok(()));
}

#[test]
fn nothing_is_done_to_who_is_not_there_or_could_not_be_told() {
    let (mut session, [ada, ben]) = two();
    let by = user(&session, 0);
    let encoder = someone();
    session.join(encoder.clone(), None, MediaRights::default(), &mut Vec::new()).unwrap();
    let (stranger, before) = (someone().connection_id, session.state());
    let mut effects = Vec::new();
    let mute = |connection, source| Moderation::Mute { connection, source };
    for (moderation, error) in [
        (mute(stranger, TrackSource::Camera), ModerateError::NoSuchParticipant),
        (mute(ben, TrackSource::Screen), ModerateError::UnknownTrack(TrackSource::Screen)),
        (mute(ada, TrackSource::Camera), ModerateError::UnknownTrack(TrackSource::Camera)),
        (mute(encoder.connection_id, TrackSource::Camera), ModerateError::Unheard),
        (Moderation::Remove { connection: stranger }, ModerateError::NoSuchParticipant),
    ] {
        assert_eq!(session.moderate(by, moderation, &mut effects), Err(error));
    }
    assert_eq!((session.state(), effects), (before, Vec::new()));
}
