//! One group of what was said and changed in the rooms of an account: judged and stored in one transaction.

use super::{
    admit::{identity, refused, visitor},
    change,
    waiting::{Post, What},
};
use crate::{
    client::Access,
    failure::{not_found, store_failed},
    hub::Hub,
    standing,
};
use common::{
    error::{ErrorCode, Fault},
    id::{AccountId, RoomId},
    protocol::{Failure, room::RoomMessage},
    room::{RoomEntry, RoomFacts},
    token::Standing,
};
use signalling_core::{
    admission::{Action, Refusal},
    revision::Change,
};
use std::collections::{BTreeMap, BTreeSet};
use store::{
    StoreError, TenantTx,
    mailbox::Delivered,
    rooms::{self, NewRoomMessage, Repeats, Unsent, Visitor},
    standing as standings,
};

/// What became of a group.
pub(super) struct Stored {
    /// Of each of the group.
    pub(super) outcomes: Vec<Result<RoomMessage, Failure>>,
    /// What is to be told, in the order of each room's numbers, and one of the group whose room it is.
    pub(super) entries: Vec<(usize, RoomEntry)>,
    /// What it has put into people's mailboxes.
    pub(super) mailed: Vec<Delivered>,
}

/// Who of a group may do what, by what the store says now.
pub(super) struct Judges {
    access: Vec<Access>,
    visitors: Vec<Visitor>,
    /// Those whose token is not good any more.
    ended: BTreeSet<usize>,
    /// Of whom it has to be looked at what the store says.
    doubtful: Vec<(Visitor, Option<RoomFacts>)>,
}

impl Judges {
    async fn of(hub: &Hub, tx: &mut TenantTx, group: &[Post]) -> Result<Self, Failure> {
        let failed = |error| store_failed(&error);
        let access: Vec<Access> = group.iter().map(|post| post.client.access()).collect();
        let people: BTreeMap<usize, Standing> =
            access.iter().enumerate().filter_map(|(at, access)| Some((at, *access.standing()?))).collect();
        let held: Vec<Standing> = people.values().copied().collect();
        let hold = standings::hold(tx, &held, hub.clock()).await.map_err(failed)?;
        let ended = people.keys().zip(hold).filter(|(_, holds)| !holds).map(|(at, _)| *at).collect();
        // Whoever was removed is in the room until this instance has heard of it.
        let visitors: Vec<Visitor> = group
            .iter()
            .zip(&access)
            .map(|(post, access)| Visitor { room: post.room.id, who: identity(&post.client, access) })
            .collect();
        let now = hub.clock().utc();
        let each: Vec<Visitor> = visitors.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let mut doubtful = rooms::doubtful(tx, &each, now).await.map_err(failed)?;
        // What they are in the room decides whether they delete what others said.
        let deletes = |at: &usize| {
            let what = group.get(*at).map(|post| &post.what);
            matches!(what, Some(What::Changed { change: Change::Delete, .. }))
        };
        let deleting: BTreeSet<Visitor> =
            (0..group.len()).filter(deletes).filter_map(|at| visitors.get(at).copied()).collect();
        let known: BTreeSet<Visitor> = doubtful.iter().map(|(visitor, _)| *visitor).collect();
        let asked: Vec<Visitor> = deleting.difference(&known).copied().collect();
        doubtful.extend(rooms::facts_of(tx, &asked, now).await.map_err(failed)?);
        Ok(Self { access, visitors, ended, doubtful })
    }

    /// Lets one of the group pass if they may do this in their room.
    pub(super) fn may(&self, at: usize, action: Action) -> Result<(), Failure> {
        if self.ended.contains(&at) {
            return Err(standing::ended());
        }
        let (Some(access), Some(own)) = (self.access.get(at), self.visitors.get(at)) else {
            return Err(Failure::internal());
        };
        let visitor = visitor(access);
        match self.doubtful.iter().find(|(doubted, _)| doubted == own) {
            Some((_, facts)) => visitor.may_still(action, own.room, facts.as_ref()),
            None => visitor.may_inside(action, true),
        }
        .map_err(refused)
    }
}

/// Stores what may be stored, and says of each what became of it.
pub(super) async fn store(hub: &Hub, account: AccountId, group: &[Post]) -> Result<Stored, Failure> {
    // Hardly anything is sent twice: to look for that in every group costs more than to store a few groups anew.
    match attempt(hub, account, group, Repeats::NotExpected).await? {
        Some(stored) => Ok(stored),
        None => attempt(hub, account, group, Repeats::LookedFor)
            .await?
            .ok_or_else(|| store_failed(&StoreError::Contradiction)),
    }
}

/// `None` if it has to be looked for what was stored before.
async fn attempt(
    hub: &Hub,
    account: AccountId,
    group: &[Post],
    repeats: Repeats,
) -> Result<Option<Stored>, Failure> {
    let failed = |error| store_failed(&error);
    let mut tx = hub.store().tenant(account).await.map_err(failed)?;
    let judges = Judges::of(hub, &mut tx, group).await?;
    let changes = group.iter().any(|post| matches!(post.what, What::Changed { .. }));
    let open = if changes {
        // All of them, and before any of them is written to.
        let rooms: BTreeSet<RoomId> = group.iter().map(|post| post.room.id).collect();
        rooms::hold_open(&mut tx, &rooms).await.map_err(failed)?
    } else {
        BTreeSet::new()
    };
    let mut outcomes = BTreeMap::new();
    let (mut places, mut new): (Vec<usize>, Vec<NewRoomMessage<'_>>) = (Vec::new(), Vec::new());
    for (at, message) in group.iter().enumerate().filter_map(|(at, post)| Some((at, post.as_new()?))) {
        match judges.may(at, Action::Send) {
            Ok(()) => {
                places.push(at);
                new.push(message);
            }
            Err(failure) => drop(outcomes.insert(at, Err(failure))),
        }
    }
    let Some(posted) = rooms::post(&mut tx, &new, repeats, hub.clock()).await.map_err(failed)? else {
        return Ok(None);
    };
    let mut entries = Vec::new();
    let mut mailed = Vec::new();
    for (at, mut sent) in places.into_iter().zip(posted) {
        if let Ok(sent) = &mut sent {
            mailed.append(&mut sent.entries);
        }
        let sent = sent.map(|sent| sent.message).map_err(unsent);
        entries.extend(sent.as_ref().ok().map(|message| (at, message.clone().into())));
        outcomes.insert(at, sent);
    }
    if changes {
        let now = hub.clock().utc();
        entries.extend(change::store(&mut tx, group, &judges, &open, now, &mut outcomes).await?);
    }
    if let Err(error) = tx.commit().await {
        // It may be stored all the same. Who sends it again is told so; but they may be gone.
        hub.0.untold.notify_one();
        return Err(failed(error));
    }
    let outcome = |at| outcomes.remove(&at).unwrap_or_else(|| Err(Failure::internal()));
    Ok(Some(Stored { outcomes: (0..group.len()).map(outcome).collect(), entries, mailed }))
}

fn unsent(why: Unsent) -> Failure {
    match why {
        Unsent::NoRoom => refused(Refusal::Closed),
        Unsent::NoSuchMessage => not_found("message"),
        Unsent::NoSuchAttachment => {
            let why = "an attachment is not there, or is in a message already";
            Failure::of(ErrorCode::ATTACHMENT_NOT_FOUND, Fault::Caller, why)
        }
    }
}
