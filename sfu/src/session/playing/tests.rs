use super::*;
use crate::session::SeatLimits;
use common::{
    clock::ManualClock,
    id::{NodeId, TrackId},
    protocol::media::{Participant, ParticipantState, PublishTrack, StateChange, TrackMute},
};

const LIMITS: SeatLimits = SeatLimits { session: 10, user: 2 };

/// A session with somebody who plays what user `of` sends, or whoever is featured.
struct Show {
    clock: ManualClock,
    session: Session,
    player: ConnectionId,
    effects: Vec<Effect>,
}

impl Show {
    fn new() -> Self {
        let mut show = Self {
            clock: ManualClock::default(),
            session: Session::new(0, LIMITS),
            player: ConnectionId::generate(&ManualClock::default()),
            effects: Vec::new(),
        };
        show.player = show.plays(None);
        show
    }

    fn plays(&mut self, of: Option<UserId>) -> ConnectionId {
        let (player, user) = (ConnectionId::generate(&self.clock), UserId::generate(&self.clock));
        self.session.play(player, user, of, &mut self.effects).unwrap();
        player
    }

    /// Somebody comes, over HTTP or by a connection, and sends from these sources.
    fn comes(&mut self, user: UserId, is_over_http: bool, sources: &[TrackSource]) -> ConnectionId {
        let connection = ConnectionId::generate(&self.clock);
        let participant = Participant {
            connection_id: connection,
            user_id: user,
            name: "Somebody".to_owned(),
            state: ParticipantState::default(),
            tracks: Vec::new(),
        };
        let hub = (!is_over_http).then(|| NodeId::generate(&self.clock));
        self.session.join(participant, hub, MediaRights::default(), &mut self.effects).unwrap();
        self.sends(connection, sources);
        connection
    }

    fn sends(&mut self, connection: ConnectionId, sources: &[TrackSource]) {
        let mid = |source: TrackSource| Some(source.to_string());
        let sections: Vec<_> = sources
            .iter()
            .map(|&source| crate::session::SendingSection {
                mid: source.to_string(),
                kind: source.kind(),
                is_taken: true,
            })
            .collect();
        let named: Vec<_> =
            sources.iter().map(|&source| PublishTrack { mid: mid(source), source, muted: None }).collect();
        let fresh = || TrackId::generate(&self.clock);
        self.session.publish(connection, Some(&sections), &named, fresh, &mut self.effects).unwrap();
    }

    fn someone(&self) -> UserId {
        UserId::generate(&self.clock)
    }

    fn speaks(&mut self, connection: ConnectionId, is_speaking: bool) {
        self.session.speaks(connection, is_speaking, &mut self.effects);
    }

    /// What a player was told last that it is shown.
    fn cast_of(&self, player: ConnectionId) -> Cast {
        let told = self.effects.iter().rev().find_map(|effect| {
            let Effect::Cast(players, cast) = effect else { return None };
            players.contains(&player).then_some(*cast)
        });
        told.unwrap_or_default()
    }

    fn track(&self, of: ConnectionId, source: TrackSource) -> Option<TrackId> {
        let state = self.session.state();
        let participant = state.participants.iter().find(|it| it.connection_id == of)?;
        participant.tracks.iter().find(|track| track.source == source).map(|track| track.track_id)
    }

    /// The same, and of whom: the names of sources.
    fn shown_to(&self, player: ConnectionId) -> (Option<ConnectionId>, Vec<TrackSource>) {
        let cast = self.cast_of(player);
        let state = self.session.state();
        let all =
            state.participants.iter().flat_map(|it| it.tracks.iter().map(|track| (it.connection_id, track)));
        let shown: Vec<_> =
            all.filter(|(_, track)| [cast.sound, cast.picture].contains(&Some(track.track_id))).collect();
        (shown.first().map(|(from, _)| *from), shown.iter().map(|(_, track)| track.source).collect())
    }

    fn shown(&self) -> Option<ConnectionId> {
        self.shown_to(self.player).0
    }
}

const BOTH: [TrackSource; 2] = [TrackSource::Microphone, TrackSource::Camera];

#[test]
fn who_plays_is_there_for_nobody_and_keeps_the_session_open() {
    let mut show = Show::new();
    assert!(show.session.plays(show.player) && !show.session.is_empty() && show.session.is_deserted());
    assert_eq!(show.session.state().participants, []);
    assert_eq!(show.session.state().route, Route::Server);
    assert!(show.effects.iter().all(|effect| !matches!(effect, Effect::Announce(_))), "nobody is told");
    let sender = show.comes(show.someone(), false, &BOTH);
    assert_eq!(show.session.state().participants.len(), 1);
    show.session.leave(sender, &mut show.effects);
    assert!(!show.session.is_empty());
    show.effects.clear();
    show.session.end_playing(show.player, &mut show.effects);
    assert_eq!(show.effects, [Effect::Exit(show.player)]);
    assert!(show.session.is_empty());
}

#[test]
fn two_who_talk_directly_move_to_the_server_when_somebody_plays() {
    let mut show = Show::new();
    show.session.end(&mut show.effects);
    let ada = show.comes_directly();
    assert_eq!(show.session.state().route, Route::PeerToPeer);
    show.effects.clear();
    let player = show.plays(None);
    let rights = MediaRights::default();
    let told = Effect::Announce(show.session.state());
    assert_eq!(show.effects, [Effect::Enter(player, RIGHTS), Effect::Enter(ada, rights), told]);
}

impl Show {
    fn comes_directly(&mut self) -> ConnectionId {
        let connection = ConnectionId::generate(&self.clock);
        let participant = Participant {
            connection_id: connection,
            user_id: self.someone(),
            name: "Somebody".to_owned(),
            state: ParticipantState::default(),
            tracks: Vec::new(),
        };
        let hub = NodeId::generate(&self.clock);
        self.session.join(participant, hub, MediaRights::default(), &mut self.effects).unwrap();
        connection
    }
}

#[test]
fn a_publisher_that_comes_late_goes_and_comes_back_is_shown() {
    let mut show = Show::new();
    assert_eq!(show.shown(), None);
    let user = show.someone();
    let first = show.comes(user, true, &BOTH);
    assert_eq!(show.shown_to(show.player), (Some(first), BOTH.to_vec()));
    // It is back before its former session is found to be dead.
    let second = show.comes(user, true, &BOTH);
    assert_eq!(show.shown(), Some(second));
    for connection in [first, second] {
        show.session.leave(connection, &mut show.effects);
    }
    assert_eq!(show.shown(), None);
    let third = show.comes(user, true, &BOTH);
    assert_eq!(show.shown(), Some(third));
}

#[test]
fn who_publishes_over_http_goes_before_who_speaks_and_who_speaks_before_who_came_first() {
    let mut show = Show::new();
    let silent = show.comes(show.someone(), false, &[TrackSource::Microphone]);
    assert_eq!(show.shown(), Some(silent), "there is nobody else");
    let [ada, ben] = [0, 1].map(|_| show.comes(show.someone(), false, &BOTH));
    assert_eq!(show.shown(), Some(silent), "who is heard stays");
    show.speaks(ada, true);
    assert_eq!(show.shown(), Some(ada));
    show.speaks(ben, true);
    assert_eq!(show.shown(), Some(ada), "two who speak do not take turns");
    show.speaks(ada, false);
    assert_eq!(show.shown(), Some(ben));
    show.speaks(ben, false);
    assert_eq!(show.shown(), Some(ben), "who has spoken last stays");
    let encoder = show.comes(show.someone(), true, &BOTH);
    show.speaks(ada, true);
    assert_eq!(show.shown(), Some(encoder));
    show.session.leave(encoder, &mut show.effects);
    assert_eq!(show.shown(), Some(ada));
}

#[test]
fn who_has_named_somebody_is_shown_them_alone() {
    let mut show = Show::new();
    let wanted = show.someone();
    let player = show.plays(Some(wanted));
    let other = show.comes(show.someone(), true, &BOTH);
    assert_eq!((show.shown(), show.shown_to(player).0), (Some(other), None));
    let first = show.comes(wanted, false, &BOTH);
    assert_eq!((show.shown(), show.shown_to(player).0), (Some(other), Some(first)));
}

#[test]
fn a_screen_goes_before_a_camera_and_what_is_muted_is_not_shown() {
    use TrackSource::{Camera, Microphone, Screen, ScreenAudio};
    let mut show = Show::new();
    let ada = show.comes(show.someone(), false, &[Microphone, Camera, Screen, ScreenAudio]);
    assert_eq!(show.shown_to(show.player).1, [Microphone, Screen]);
    let muted = [Microphone, Screen].map(|source| TrackMute { source, muted: true });
    show.session.update(ada, StateChange::default(), &muted, &mut show.effects).unwrap();
    assert_eq!(show.shown_to(show.player).1, [Camera, ScreenAudio]);
}

/// The last picture of who has none any more would stand where others send some; and of who has a microphone, the
/// beginning of what they say next would be lost if another one was heard meanwhile.
#[test]
fn who_switches_their_camera_off_is_heard_on_and_another_ones_picture_is_seen() {
    use TrackSource::{Camera, Microphone};
    let mut show = Show::new();
    let [ada, ben] = [0, 1].map(|_| show.comes(show.someone(), false, &BOTH));
    let mute = |show: &mut Show, who: ConnectionId, sources: &[TrackSource], muted: bool| {
        let tracks: Vec<_> = sources.iter().map(|&source| TrackMute { source, muted }).collect();
        show.session.update(who, StateChange::default(), &tracks, &mut show.effects).unwrap();
    };
    show.speaks(ada, true);
    mute(&mut show, ada, &[Camera], true);
    for is_speaking in [true, false] {
        show.speaks(ada, is_speaking);
        let cast = show.cast_of(show.player);
        assert_eq!([cast.sound, cast.picture], [show.track(ada, Microphone), show.track(ben, Camera)]);
    }
    mute(&mut show, ben, &[Camera], true);
    assert_eq!(show.shown_to(show.player), (Some(ada), vec![Microphone]), "nobody has one");
    mute(&mut show, ada, &[Camera], false);
    assert_eq!(show.shown_to(show.player), (Some(ada), BOTH.to_vec()));
    mute(&mut show, ada, &BOTH, true);
    mute(&mut show, ben, &[Camera], false);
    assert_eq!(show.shown_to(show.player), (Some(ben), BOTH.to_vec()), "of ada there is nothing");
    mute(&mut show, ada, &BOTH, false);
    // Who publishes over HTTP goes before all, for as long as there is anything of it.
    let encoder = show.comes(show.someone(), true, &BOTH);
    assert_eq!(show.shown(), Some(encoder));
    mute(&mut show, encoder, &BOTH, true);
    assert_eq!(show.shown(), Some(ada), "who came first");
    mute(&mut show, encoder, &[Microphone], false);
    assert_eq!(show.shown_to(show.player), (Some(encoder), vec![Microphone]));
}

#[test]
fn what_changes_for_many_is_told_once() {
    let mut show = Show::new();
    let many: Vec<_> = (0..50).map(|_| show.plays(None)).collect();
    show.effects.clear();
    show.comes(show.someone(), true, &BOTH);
    let casts: Vec<_> = show.effects.iter().filter(|it| matches!(it, Effect::Cast(..))).collect();
    let [Effect::Cast(players, _)] = casts[..] else { panic!("{casts:?}") };
    assert_eq!(players.len(), many.len() + 1);
}

#[test]
fn there_is_an_end_to_how_many_play_and_to_who_may() {
    let mut show = Show::new();
    while show.session.players.len() < PLAYERS_MAX {
        show.plays(None);
    }
    let (player, user) = (ConnectionId::generate(&show.clock), show.someone());
    assert_eq!(show.session.play(player, user, None, &mut Vec::new()), Err(JoinError::Full));
    show.session.end(&mut Vec::new());
    assert!(show.session.is_empty());
    let mut show = Show::new();
    show.comes(user, false, &BOTH);
    let lock = common::subject::media::Moderation::Lock { locked: true };
    show.session.moderate(user, lock, &mut Vec::new()).unwrap();
    assert_eq!(show.session.play(player, show.someone(), None, &mut Vec::new()), Err(JoinError::Locked));
    assert_eq!(show.session.play(player, user, None, &mut Vec::new()), Ok(()));
}
