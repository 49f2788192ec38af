//! Answers media nodes that ask who of those may not stay who came to them over HTTP.

use super::super::App;
use bus::{Asked, BusError};
use common::{
    error::Chain,
    id::{AccountId, ConnectionId},
    subject::whip::{Direction, PassHolder, Stay, StayService},
    token::Standing,
};
use shutdown::Shutdown;
use signalling_core::admission::{Action, Visitor};
use std::collections::BTreeMap;
use store::{StoreError, rooms, standing};
use tracing::warn;

/// Serves media nodes until shutdown.
///
/// # Errors
/// If they cannot be served.
pub(crate) async fn serve(app: App, shutdown: &Shutdown) -> Result<(), BusError> {
    let mut requests = app.bus.serve(&StayService).await?;
    let stop = shutdown.token.clone();
    shutdown.tasks.spawn(stop.run_until_cancelled_owned(async move {
        while let Some(Asked { request, reply }) = requests.next().await {
            reply.send(&who_must_end(&app, request).await);
        }
    }));
    Ok(())
}

/// Whoever cannot be looked up stays: their tokens end by themselves.
async fn who_must_end(app: &App, stays: Vec<Stay>) -> Vec<ConnectionId> {
    let mut by_account: BTreeMap<AccountId, Vec<Stay>> = BTreeMap::new();
    for stay in stays {
        by_account.entry(stay.account).or_default().push(stay);
    }
    let mut ended = Vec::new();
    for (account, stays) in by_account {
        match of_account(app, account, &stays).await {
            Ok(theirs) => ended.extend(theirs),
            Err(error) if error.is_no_account() => ended.extend(stays.iter().map(|stay| stay.session)),
            Err(error) => {
                warn!(account.id = %account, error = %Chain(&error), "Who came over HTTP was not looked at again");
            }
        }
    }
    ended
}

async fn of_account(app: &App, account: AccountId, stays: &[Stay]) -> Result<Vec<ConnectionId>, StoreError> {
    let mut tx = app.store.reading(account).await?;
    let persons: Vec<Standing> = stays.iter().filter_map(person).collect();
    let mut holds = standing::hold(&mut tx, &persons, &*app.clock).await?.into_iter();
    let asked: Vec<_> = stays.iter().map(|stay| (stay.room, Some(stay.user))).collect();
    let rooms = rooms::find_all(&mut tx, &asked, app.clock.utc()).await?;
    tx.commit().await?;
    let may_stay = |stay: &Stay, found: Option<&rooms::Found>, holds: bool| {
        let visitor = visitor(stay);
        let facts = found.map(|(_, facts)| facts);
        let rights = visitor.media_rights();
        let may_do_it = match stay.direction {
            Direction::Publishes => rights.send,
            Direction::Plays => rights.receive,
        };
        holds && may_do_it && visitor.may(Action::Media, stay.room, facts).is_ok()
    };
    let mut ended = Vec::new();
    for (stay, found) in stays.iter().zip(&rooms) {
        let holds = person(stay).is_none_or(|_| holds.next().unwrap_or(false));
        if !may_stay(stay, found.as_ref(), holds) {
            ended.push(stay.session);
        }
    }
    Ok(ended)
}

const fn person(stay: &Stay) -> Option<Standing> {
    match &stay.pass.holder {
        PassHolder::Person(standing) => Some(*standing),
        PassHolder::Guest { .. } => None,
    }
}

const fn visitor(stay: &Stay) -> Visitor<'_> {
    match &stay.pass.holder {
        PassHolder::Person(standing) => Visitor::Person(standing.permissions),
        PassHolder::Guest { rights, issued_at } => {
            Visitor::Guest { room: stay.room, rights, issued_at: *issued_at }
        }
    }
}
