//! Letting somebody in who publishes.

use super::{Entered, offer};
use crate::control::{Control, failure};
use common::{
    id::{AccountId, RoomId},
    protocol::media::{Participant, PublishTrack, StateChange, TrackSource},
    subject::{
        media::{MediaReply, MediaRights},
        whip::WhipReply,
    },
};
use futures_util::FutureExt;
use sfu_core::sdp::parse::Remote;

impl Control {
    /// Seats a publisher, names its tracks and has the shard take them.
    pub(super) async fn admit_publisher(
        &mut self,
        (account, room): (AccountId, RoomId),
        participant: Participant,
        rights: MediaRights,
        (mut offer, picture): (Remote, TrackSource),
    ) -> Entered {
        let session = participant.connection_id;
        match self.join(account, room, participant, None, rights).await {
            Ok(()) => {}
            Err(Ok(MediaReply::Moved { owner })) => return Err(Ok(WhipReply::Moved { owner })),
            Err(Err(failure)) => return Err(Err(failure)),
            Err(Ok(_)) => return Err(Err(failure::unavailable())),
        }
        let sections = offer.sections.iter();
        let tracks: Vec<PublishTrack> = sections.filter_map(|it| offer::named(it, picture)).collect();
        let has = |source| tracks.iter().any(|track| track.source == source);
        let state = StateChange {
            muted: Some(!has(TrackSource::Microphone)),
            camera_off: Some(!has(TrackSource::Camera)),
            sharing: Some(has(TrackSource::Screen)),
            ..StateChange::default()
        };
        // It has just been seated, and no track is spoken of.
        let _never_fails = self.update(room, session, state, &[]).await;
        match self.publish_described(room, session, &mut offer, &tracks).await {
            Ok((_named, answer)) => Ok((offer, answer.boxed())),
            Err(failure) => {
                self.end_client(room, session, "its offer was not taken").await;
                Err(Err(failure))
            }
        }
    }
}
