//! Whatever an account does with another's ids, they are not found, and nothing of the other's is different after.

use crate::fixture::{Tenant, desk, new_call, phone, tenant, text};
use common::{
    clock::{Clock, ManualClock},
    id::{ApiKeyId, CannedResponseId, ContactId, ElevationId, ImportId, InvitationId, LabelId, MergeId},
    id::{RoleId, SignInId, TeamId},
    permission::Permissions,
    protocol::{call::EndReason, inbox::DeliveryStatus, inbox::Note, room::MemberRole},
    token::Role,
};
use std::time::Duration;
use store::{
    ChangeError, Named as _, StoreError, api_keys, calls,
    canned_responses::CannedResponse,
    channels::{self, ChannelChange},
    contacts::{self, ContactChange},
    conversations::{self, Change, Filter, Order, UpdateError},
    elevations, imports, invitations,
    labels::{self, Label},
    messages::{self, NewReply, ReplyError, StatusReport},
    notes, privacy,
    roles::{self, NamedRole},
    rooms::{self, RoomChange},
    sign_ins,
    teams::{self, Team},
    testing::TestDatabase,
    users::{self, UserChange},
    webhooks::{self, WebhookChange},
};

/// What B has beside what the fixture tells.
struct Theirs {
    contact: ContactId,
    merge: MergeId,
    note: Note,
    role: RoleId,
    team: TeamId,
    label: LabelId,
    canned: CannedResponseId,
    key: ApiKeyId,
    invitation: InvitationId,
    elevation: ElevationId,
    import: ImportId,
    sign_in: SignInId,
}

async fn theirs(db: &TestDatabase, b: &Tenant, clock: &ManualClock) -> Theirs {
    let mut transaction = db.store.tenant(b.account).await.unwrap();
    let tx = &mut transaction;
    let contact = conversations::find(tx, b.conversation).await.unwrap().unwrap().contact.id;
    Theirs {
        contact,
        merge: contacts::merges(tx, contact).await.unwrap()[0].id,
        note: notes::list(tx, b.conversation, None, 1).await.unwrap().remove(0),
        role: NamedRole::list(tx, None, 1).await.unwrap()[0].id,
        team: Team::list(tx, None, 1).await.unwrap()[0].id,
        label: Label::list(tx, None, 1).await.unwrap()[0].id,
        canned: CannedResponse::list(tx, None, 1).await.unwrap()[0].id,
        key: api_keys::list(tx, None, 1).await.unwrap()[0].id,
        invitation: invitations::list(tx, None, 1).await.unwrap()[0].id,
        elevation: elevations::list(tx, None, None, 1, clock).await.unwrap()[0].id,
        import: imports::list(tx, None, 1).await.unwrap()[0].id,
        sign_in: sign_ins::of_user(tx, b.user, clock).await.unwrap()[0].id,
    }
}

/// Two accounts with something of everything; what B has; and what of it is stored.
async fn two() -> (TestDatabase, ManualClock, Tenant, Tenant, Theirs) {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let b = tenant(&db, "b", &clock).await;
    for tenant in [&a, &b] {
        desk(&db, tenant, &clock).await;
    }
    let theirs = theirs(&db, &b, &clock).await;
    (db, clock, a, b, theirs)
}

/// A does something in a transaction of its own, and hears what the pattern says. Whatever that did is kept.
macro_rules! hears {
    ($db:ident, $a:ident, $answer:pat, $(|$tx:ident| $call:expr;)+) => {
        $({
            let mut transaction = $db.store.tenant($a.account).await.unwrap();
            let $tx = &mut transaction;
            let answer = $call.await;
            assert!(matches!(answer, $answer), "{}", stringify!($call));
            // A refusal by the database has ended it already.
            let _committed = transaction.commit().await;
        })+
    };
}

async fn no_list_shows_their_inbox(
    db: &TestDatabase,
    a: &Tenant,
    b: &Tenant,
    theirs: &Theirs,
    clock: &ManualClock,
) {
    let of = Filter { contact: Some(theirs.contact), ..Filter::default() };
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(conversations::list(&mut tx, of, Order::Latest, None, 9).await.unwrap().is_empty());
    assert!(contacts::merges(&mut tx, theirs.contact).await.unwrap().is_empty());
    assert!(contacts::identities(&mut tx, theirs.contact, b.channel).await.unwrap().is_empty());
    assert!(webhooks::deliveries(&mut tx, b.webhook, None, 9).await.unwrap().is_empty());
    assert!(notes::list(&mut tx, b.conversation, None, 9).await.unwrap().is_empty());
    webhooks::pause_until(&mut tx, b.webhook, clock.utc() + Duration::from_secs(9)).await.unwrap();
    webhooks::note_success(&mut tx, b.webhook).await.unwrap();
    assert_eq!(webhooks::note_failure(&mut tx, b.webhook, clock).await.unwrap().failures, 0);
    tx.commit().await.unwrap();
}

async fn no_list_shows_their_people(
    db: &TestDatabase,
    a: &Tenant,
    b: &Tenant,
    theirs: &Theirs,
    clock: &ManualClock,
) {
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(sign_ins::revoke_all(&mut tx, b.user, None, clock).await.unwrap().is_empty());
    assert!(imports::report(&mut tx, theirs.import, None, 0, 9).await.unwrap().is_empty());
    assert_eq!(
        imports::work(&mut tx, theirs.import, Duration::ZERO, clock).await.unwrap(),
        imports::Progress::Finished
    );
    assert!(roles::holders(&mut tx, theirs.role).await.unwrap().is_empty());
    assert!(rooms::members(&mut tx, b.room, None, 9).await.unwrap().is_empty());
    let now = clock.utc();
    assert!(rooms::mutes(&mut tx, b.room, None, 9, now).await.unwrap().is_empty());
    assert!(rooms::bans(&mut tx, b.room, None, 9).await.unwrap().is_empty());
    assert!(rooms::direct_with(&mut tx, b.user, &[b.room]).await.unwrap().is_empty());
    let visitor = rooms::Visitor { room: b.room, who: common::identity::Identity::of(b.user) };
    assert_eq!(rooms::facts_of(&mut tx, &[visitor], now).await.unwrap(), [(visitor, None)]);
    // Nobody else is in that room, as far as this account knows.
    assert!(rooms::has_other_owner(&mut tx, b.room, b.user).await.unwrap());
    rooms::unmute(&mut tx, b.room, b.user).await.unwrap();
    rooms::unban(&mut tx, b.room, b.user).await.unwrap();
    let none = rooms::restrictions(&mut tx, b.room, b.user, now).await.unwrap();
    assert_eq!(none, rooms::Restrictions::default());
    assert!(rooms::last_seqs(&mut tx, &[b.room]).await.unwrap().is_empty());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn nothing_of_anothers_inbox_is_found_or_changed() {
    let (db, clock, a, b, theirs) = two().await;
    let (clock, before) = (&clock, db.contents(b.account).await);
    let own = conversations::Change::default;
    let attributes = serde_json::Map::new();
    let reply = NewReply { conversation: b.conversation, author: a.user, text: "x" };
    let (from, at) = ([phone("1")], clock.utc());
    let report = StatusReport {
        channel: b.channel,
        external_id: "wamid.1",
        status: DeliveryStatus::Read,
        error: None,
        at,
    };
    let new_name = ContactChange { name: Some("mine"), attributes: Some(&attributes), ..Default::default() };
    hears!(db, a, Err(ChangeError::NotFound),
        |tx| contacts::update(tx, theirs.contact, &new_name);
        |tx| contacts::unmerge(tx, theirs.contact, theirs.merge, clock);
        |tx| contacts::merge(tx, theirs.contact, theirs.contact, clock);
        |tx| notes::create(tx, b.conversation, a.user, "x", clock);
        |tx| notes::update(tx, theirs.note.id, "x", clock);
        |tx| notes::delete(tx, &theirs.note, clock);
        |tx| Label::delete(tx, theirs.label);
        |tx| labels::update(tx, theirs.label, "x", "#000000");
        |tx| Team::delete(tx, theirs.team);
        |tx| teams::update(tx, theirs.team, "x");
        |tx| CannedResponse::delete(tx, theirs.canned);
        |tx| channels::delete(tx, b.channel);
        |tx| channels::update(tx, b.channel, &ChannelChange { enabled: Some(false), ..Default::default() }, clock);
        |tx| webhooks::delete(tx, b.webhook);
        |tx| webhooks::update(tx, b.webhook, &WebhookChange { enabled: Some(false), ..Default::default() }, clock););
    let own_contact = {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        conversations::find(&mut tx, a.conversation).await.unwrap().unwrap().contact.id
    };
    hears!(db, a, Err(ChangeError::Referenced),
        |tx| contacts::add_identity(tx, theirs.contact, a.channel, &from[0]);
        |tx| contacts::add_identity(tx, own_contact, b.channel, &from[0]);
        |tx| conversations::begin(tx, b.channel, own_contact, clock);
        |tx| conversations::begin(tx, a.channel, theirs.contact, clock);
        |tx| teams::set_members(tx, theirs.team, &[a.user]);
        |tx| teams::set_members(tx, theirs.team, &[]););
    hears!(db, a, Err(StoreError::Database(_)),
        |tx| messages::receive(tx, &text(b.channel, "wamid.9", &from, "x", clock), clock);
        |tx| messages::apply_status(tx, &report, clock););
    hears!(db, a, Ok(None),
        |tx| contacts::find(tx, theirs.contact);
        |tx| conversations::end_snooze(tx, b.conversation, clock);
        |tx| messages::metadata(tx, b.inbound);
        |tx| messages::sent(tx, b.reply, "wamid.out", clock);
        |tx| messages::refused(tx, b.reply, "no", clock);
        |tx| notes::find(tx, b.conversation, theirs.note.id);
        |tx| webhooks::find(tx, b.webhook);
        |tx| webhooks::replay(tx, b.webhook, 1, clock);
        |tx| privacy::export(tx, theirs.contact););
    hears!(db, a, Ok(false),
        |tx| privacy::erase(tx, theirs.contact, clock);
        |tx| contacts::remove_identity(tx, theirs.contact, b.channel, &phone("4915112345678")););
    hears!(db, a, Ok(0), |tx| webhooks::give_up_waiting(tx, b.webhook, at + Duration::from_secs(1), clock););
    hears!(db, a, Err(ReplyError::NotFound), |tx| messages::reply(tx, &reply, clock););
    let team = Change { team: Some(Some(theirs.team)), ..own() };
    let label = Change { labels: Some(vec![theirs.label]), ..own() };
    hears!(db, a, Err(UpdateError::UnknownTeam | UpdateError::UnknownLabel),
        |tx| conversations::update(tx, a.conversation, &team, clock);
        |tx| conversations::update(tx, a.conversation, &label, clock););
    no_list_shows_their_inbox(&db, &a, &b, &theirs, clock).await;
    assert_eq!(db.contents(b.account).await, before);
}

#[tokio::test]
async fn nothing_of_anothers_people_is_found_or_changed() {
    let (db, clock, a, b, theirs) = two().await;
    let (clock, before) = (&clock, db.contents(b.account).await);
    let deactivate = UserChange { active: Some(false), ..UserChange::default() };
    let their_role = UserChange { role_id: Some(Some(theirs.role)), ..UserChange::default() };
    let more = elevations::NewElevation {
        user: b.user,
        role_name: "ADMIN",
        permissions: Permissions::ALL,
        reason: "x",
        minutes: 5,
    };
    let invitation = invitations::NewInvitation {
        email: "x@example.com",
        role: Role::User,
        role_id: Some(theirs.role),
        hash: &[9; 32],
        invited_by: a.user,
    };
    let device = sign_ins::Device::default();
    hears!(db, a, Err(users::UpdateError::Change(ChangeError::NotFound)),
        |tx| users::update(tx, b.user, &deactivate, clock););
    hears!(db, a, Err(users::UpdateError::Change(ChangeError::Referenced)),
        |tx| users::update(tx, a.user, &their_role, clock););
    hears!(db, a, Err(ChangeError::NotFound),
        |tx| users::set_password(tx, b.user, "x", None, clock);
        |tx| NamedRole::delete(tx, theirs.role);
        |tx| roles::update(tx, theirs.role, "x", Permissions::ALL, clock););
    hears!(db, a, Err(ChangeError::Referenced),
        |tx| invitations::create(tx, &invitation, clock););
    hears!(db, a, Err(StoreError::Database(_)),
        |tx| elevations::request(tx, &more, clock);
        |tx| sign_ins::start(tx, b.user, &[7; 32], &device, clock););
    hears!(db, a, Ok(None),
        |tx| NamedRole::find(tx, theirs.role);
        |tx| api_keys::find(tx, theirs.key);
        |tx| api_keys::revoke(tx, theirs.key, clock);
        |tx| invitations::revoke(tx, theirs.invitation, clock);
        |tx| elevations::lock(tx, theirs.elevation, clock);
        |tx| imports::find(tx, theirs.import);
        |tx| sign_ins::revoke_by_token(tx, &b.refresh_token, clock);
        |tx| users::lock_for_sign_in(tx, b.user););
    hears!(db, a, Ok(false),
        |tx| sign_ins::revoke_of_user(tx, b.user, theirs.sign_in, clock);
        |tx| users::note_wrong_password(tx, b.user, clock););
    hears!(db, a, Ok(()),
        |tx| sign_ins::revoke(tx, theirs.sign_in, clock);
        |tx| users::forgive_wrong_passwords(tx, b.user);
        |tx| elevations::decide(tx, theirs.elevation, a.user, Some(clock.utc()), clock);
        |tx| elevations::end(tx, theirs.elevation, clock););
    no_list_shows_their_people(&db, &a, &b, &theirs, clock).await;
    assert_eq!(db.contents(b.account).await, before);
}

#[tokio::test]
async fn nothing_of_anothers_rooms_and_calls_is_found_or_changed() {
    let (db, clock, a, b, _) = two().await;
    let (clock, before) = (&clock, db.contents(b.account).await);
    let call = new_call(b.call, b.room, a.user, clock);
    let tenure = calls::Tenure { call: b.call, epoch: 0 };
    hears!(db, a, Err(ChangeError::NotFound),
        |tx| rooms::update(tx, b.room, RoomChange { name: Some("x"), is_private: None });
        |tx| rooms::close(tx, b.room, Some(clock.utc()));
        |tx| rooms::delete(tx, b.room););
    hears!(db, a, Err(ChangeError::Referenced),
        |tx| rooms::add_member(tx, b.room, a.user, clock);
        |tx| rooms::mute(tx, b.room, a.user, None, clock);
        |tx| rooms::ban(tx, b.room, a.user, clock);
        |tx| rooms::remove(tx, b.room, b.user, clock););
    hears!(db, a, Ok(None),
        |tx| rooms::find(tx, b.room, Some(b.user), clock.utc());
        |tx| rooms::role_of(tx, b.room, b.user);
        |tx| calls::standing(tx, b.call, b.user);
        |tx| calls::take_over(tx, tenure, call.runner););
    hears!(db, a, Ok(false),
        |tx| rooms::set_role(tx, b.room, b.user, MemberRole::Owner);
        |tx| calls::answer(tx, tenure, b.user, call.device, clock);
        |tx| calls::move_to(tx, tenure, b.user, call.device);
        |tx| calls::invite(tx, tenure, b.user, (b.user, false), clock););
    hears!(db, a, Ok(None),
        |tx| calls::leave(tx, tenure, b.user, EndReason::HungUp, clock);
        |tx| calls::end(tx, tenure, EndReason::HungUp, clock););
    hears!(db, a, Ok(_), |tx| calls::note_busy(tx, &call, clock););
    assert_eq!(db.contents(b.account).await, before);
}
