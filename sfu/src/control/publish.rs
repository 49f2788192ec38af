//! What participants publish: named by the session, in its order, and then taken by the shard.

use super::{Control, failure};
use crate::session::{PublishError, SendingSection};
use bus::Replier;
use common::{
    error::Chain,
    id::{ConnectionId, RoomId, TrackId},
    protocol::{
        Failure,
        media::{PublishTrack, Published, PublishedTrack},
    },
    subject::media::{MediaReply, MediaService},
};
use sfu_core::{
    SdpError,
    sdp::{
        answer,
        parse::{Named, Remote},
    },
};
use tracing::info;

/// Descriptions that may wait to be named. Whoever reads more waits beside, and their participants with them.
pub(super) const DESCRIBED_MAX: usize = 64;

/// What a participant sends, as its description was read.
pub(super) struct Described {
    room: RoomId,
    connection: ConnectionId,
    offer: Remote,
    tracks: Vec<PublishTrack>,
    reply: Replier<MediaService>,
}

impl Control {
    /// A participant publishes these tracks, with a description where its media goes through the server. Who may not be
    /// seen and heard may describe data channels: each track is looked at when it is named.
    pub(super) async fn publish(
        &mut self,
        room: RoomId,
        connection: ConnectionId,
        sdp: Option<String>,
        tracks: Vec<PublishTrack>,
        reply: Replier<MediaService>,
    ) {
        let describes_data = sdp.as_ref().is_some_and(|sdp| sdp.contains("m=application"));
        if !describes_data && !self.may_send(room, connection) {
            return reply.send(&Err(failure::forbidden()));
        }
        let Some(sdp) = sdp else {
            let named = self.name(room, connection, None, &tracks).await;
            let named = named.map(|tracks| MediaReply::Published(Published { sdp: None, tracks }));
            return reply.send(&named.map_err(|error| failure::publish(&error)));
        };
        if let Err(failure) = self.served(room, connection) {
            return reply.send(&Err(failure));
        }
        // Reading takes longer than all else, and holds up nobody.
        let described = self.described.0.clone();
        self.shutdown.tasks.spawn(async move {
            let offer = match Remote::parse(&sdp) {
                Ok(offer) if offer.sections.is_empty() => Err(SdpError::Missing("media sections")),
                read => read.and_then(|offer| answer::check(&offer).map(|()| offer)),
            };
            match offer {
                Ok(offer) => {
                    let described =
                        described.send(Described { room, connection, offer, tracks, reply }).await;
                    if let Err(ended) = described {
                        ended.0.reply.send(&Err(failure::unavailable()));
                    }
                }
                Err(error) => {
                    info!(room.id = %room, conn.id = %connection, error = %Chain(&error), "What participant {connection} offers to send is not taken");
                    reply.send(&Err(failure::sdp(&error)));
                }
            }
        });
    }

    /// Names what a description describes, and has the shard take it.
    pub(super) async fn handle_described(&mut self, described: Described) {
        let Described { room, connection, mut offer, tracks, reply } = described;
        if self.moves.has_gone(room) || self.moves.is_under_way(room) {
            // It is for a transport of this node.
            return reply.send(&Err(failure::unavailable()));
        }
        match self.publish_described(room, connection, &mut offer, &tracks).await {
            Ok((named, answer)) => self.beside(reply, async move {
                Ok(MediaReply::Published(Published { sdp: Some(answer.await?), tracks: named }))
            }),
            Err(failure) => reply.send(&Err(failure)),
        }
    }

    /// Names what `offer` describes, also in it, and has the shard take it. Returns the names, and the answer to come.
    ///
    /// # Errors
    /// What the participant is answered; then nothing is taken.
    pub(super) async fn publish_described(
        &mut self,
        room: RoomId,
        connection: ConnectionId,
        offer: &mut Remote,
        tracks: &[PublishTrack],
    ) -> Result<(Vec<PublishedTrack>, impl Future<Output = Result<String, Failure>> + use<>), Failure> {
        let sections: Vec<SendingSection> = offer
            .sections
            .iter()
            .filter(|section| section.sends)
            .filter_map(|section| {
                let (mid, is_taken) = (section.mid.clone(), answer::takes(section));
                Some(SendingSection { mid, kind: section.kind?, is_taken })
            })
            .collect();
        let named = self.name(room, connection, Some(&sections), tracks).await;
        let named = named.map_err(|error| failure::publish(&error))?;
        for PublishedTrack { mid, track_id, source } in &named {
            if let Some(mid) = mid {
                offer.name(mid, Named { id: *track_id, source: *source });
            }
        }
        let shard = self.served(room, connection)?;
        // In the session's order: what it shows last is what the shard forwards.
        let answered = shard.publish(connection, offer.clone()).map_err(|_| failure::unavailable())?;
        Ok((named, async move {
            let answered = answered.await.map_err(|_| failure::unavailable())?;
            answered.map_err(|error| failure::sdp(&error))
        }))
    }

    /// What the session calls these tracks, which it shows to everybody from now on.
    async fn name(
        &mut self,
        room: RoomId,
        connection: ConnectionId,
        sections: Option<&[SendingSection]>,
        tracks: &[PublishTrack],
    ) -> Result<Vec<PublishedTrack>, PublishError> {
        let clock = self.deps.clock.clone();
        let fresh = || TrackId::generate(&*clock);
        let mut named = Err(PublishError::NotSeated);
        self.change(room, |session, effects| {
            named = session.publish(connection, sections, tracks, fresh, effects);
        })
        .await;
        named
    }
}
