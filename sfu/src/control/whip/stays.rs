//! Whether those may still be there who came over HTTP.

use super::{Client, News};
use crate::control::Control;
use bus::Bus;
use common::{
    error::Chain,
    id::ConnectionId,
    subject::whip::{Stay, StayService},
};
use std::time::Duration;
use tracing::debug;

/// Sessions that one question is about.
const ASKED_MAX: usize = 500;

/// How long an instance of the api role may take to look them up.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(5);

impl Control {
    /// Ends the sessions whose tokens have ended, and has the api role asked who else may not stay.
    pub(in crate::control) async fn look_after_clients(&mut self) {
        let now = self.deps.clock.utc();
        let ended = |known: &Client| known.pass.expires_at <= now;
        let all = self.clients.by_session.iter();
        let ended: Vec<_> =
            all.filter(|(_, known)| ended(known)).map(|(&session, known)| (known.room, session)).collect();
        for (room, session) in ended {
            self.end_client(room, session, "its token has ended").await;
        }
        let stays: Vec<Stay> =
            self.clients.by_session.iter().map(|(&session, known)| stay(session, known)).collect();
        if stays.is_empty() || std::mem::replace(&mut self.clients.is_asking, true) {
            return;
        }
        let (bus, news) = (self.deps.bus.clone(), self.clients.news.0.clone());
        self.shutdown.tasks.spawn(async move {
            let _ended = news.send(News::MustEnd(who_must_end(&bus, &stays).await)).await;
        });
    }
}

fn stay(session: ConnectionId, client: &Client) -> Stay {
    let Client { account, room, user, direction, ref pass, .. } = *client;
    Stay { account, room, session, direction, user, pass: pass.clone() }
}

/// Asks the api role. Whom nobody speaks of stays: their tokens end by themselves.
async fn who_must_end(bus: &Bus, stays: &[Stay]) -> Vec<ConnectionId> {
    let mut all = Vec::new();
    for page in stays.chunks(ASKED_MAX) {
        match bus.request(&StayService, &page.to_vec(), ANSWER_TIME).await {
            Ok(ended) => all.extend(ended),
            Err(error) => {
                debug!(error = %Chain(&error), "Nobody says who may not stay; will ask again");
                break;
            }
        }
    }
    all
}
