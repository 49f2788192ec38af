//! What moderators do to others. Whether somebody is one the hub knows.

use super::{Effect, Session};
use common::{
    id::{ConnectionId, UserId},
    protocol::media::{StateChange, TrackSource},
    subject::media::Moderation,
};

/// Why nothing is done to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModerateError {
    /// There is no such participant.
    NoSuchParticipant,
    /// It sends nothing from this source.
    UnknownTrack(TrackSource),
    /// Nobody could tell it: it came over HTTP.
    Unheard,
}

impl Session {
    /// Somebody does something as a moderator, whether they are in the session or not.
    ///
    /// # Errors
    /// [`ModerateError`]; then nothing has changed.
    pub(crate) fn moderate(
        &mut self,
        by: UserId,
        moderation: Moderation,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ModerateError> {
        match moderation {
            Moderation::Mute { connection, source } => self.mute(connection, source, by, effects),
            Moderation::Remove { connection } => self.take_out(connection, by, effects),
            Moderation::Lock { locked } => {
                if self.let_in.is_some() != locked {
                    let seated = self.seats.iter().map(|seat| seat.participant.user_id);
                    self.let_in = locked.then(|| seated.collect());
                    self.announce(effects);
                }
                Ok(())
            }
        }
    }

    fn mute(
        &mut self,
        connection: ConnectionId,
        source: TrackSource,
        by: UserId,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ModerateError> {
        let seat = self.seats.iter().find(|seat| seat.is(connection));
        let seat = seat.ok_or(ModerateError::NoSuchParticipant)?;
        if seat.hub.is_none() {
            return Err(ModerateError::Unheard);
        }
        let mut tracks = seat.participant.tracks.clone();
        let track = tracks.iter_mut().find(|track| track.source == source);
        let track = track.ok_or(ModerateError::UnknownTrack(source))?;
        if std::mem::replace(&mut track.muted, true) {
            return Ok(());
        }
        let change = match source {
            TrackSource::Microphone => StateChange { muted: Some(true), ..StateChange::default() },
            TrackSource::Camera => StateChange { camera_off: Some(true), ..StateChange::default() },
            TrackSource::Screen => StateChange { sharing: Some(false), ..StateChange::default() },
            TrackSource::ScreenAudio => StateChange::default(),
        };
        let state = seat.participant.state.after(change, seat.rights.send);
        self.show(connection, state, tracks, effects);
        effects.push(Effect::Muted { connection, source, by });
        Ok(())
    }

    fn take_out(
        &mut self,
        connection: ConnectionId,
        by: UserId,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ModerateError> {
        let seat = self.seats.iter().find(|seat| seat.is(connection));
        let seat = seat.ok_or(ModerateError::NoSuchParticipant)?;
        if let Some(let_in) = &mut self.let_in {
            let_in.remove(&seat.participant.user_id);
        }
        // First, so that it hears why it is in the session no more.
        effects.push(Effect::Removed { connection, by });
        self.leave(connection, effects);
        Ok(())
    }
}
