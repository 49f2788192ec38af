//! Roles, teams, labels and canned responses: names are taken once, and what is in use stays.

use crate::fixture::{Tenant, tenant, user};
use common::{
    clock::{Clock, ManualClock},
    permission::{Permission, Permissions},
    protocol::feed::Table,
    revocation::Ended,
};
use std::time::Duration;
use store::{
    ChangeError, Named, TenantTx,
    canned_responses::{self, CannedResponse},
    changes, conversations,
    labels::{self, Label},
    roles::{self, NamedRole},
    teams::{self, Team},
    testing::TestDatabase,
    users::{self, UserChange},
};
use uuid::Uuid;

const KINDS: usize = 4;

/// Creates one of the kind with this number.
async fn create(
    tx: &mut TenantTx,
    kind: usize,
    name: &str,
    clock: &ManualClock,
) -> Result<Uuid, ChangeError> {
    Ok(match kind {
        0 => roles::create(tx, name, Permissions::of(&[]), clock).await?.id().as_uuid(),
        1 => teams::create(tx, name, clock).await?.id().as_uuid(),
        2 => labels::create(tx, name, "#000000", clock).await?.id().as_uuid(),
        _ => canned_responses::create(tx, name, "text", clock).await?.id().as_uuid(),
    })
}

async fn rename(
    tx: &mut TenantTx,
    kind: usize,
    id: Uuid,
    name: &str,
    clock: &ManualClock,
) -> Result<Uuid, ChangeError> {
    Ok(match kind {
        0 => roles::update(tx, id.into(), name, Permissions::of(&[]), clock).await?.id().as_uuid(),
        1 => teams::update(tx, id.into(), name).await?.id().as_uuid(),
        2 => labels::update(tx, id.into(), name, "#ffffff").await?.id().as_uuid(),
        _ => canned_responses::update(tx, id.into(), name, "other").await?.id().as_uuid(),
    })
}

#[tokio::test]
async fn a_name_is_taken_by_its_account_once_whether_created_or_changed() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let (a, b) = (db.account("a", &clock).await, db.account("b", &clock).await);
    for kind in 0..KINDS {
        let mut tx = db.store.tenant(a).await.unwrap();
        let first = create(&mut tx, kind, "name", &clock).await.unwrap();
        let second = create(&mut tx, kind, "Name", &clock).await.unwrap();
        create(&mut tx, kind, "nul \u{fffd}", &clock).await.unwrap();
        rename(&mut tx, kind, first, "name", &clock).await.unwrap();
        for taken in ["name", "nul \0"] {
            let mark = tx.mark().await.unwrap();
            assert!(
                matches!(
                    create(&mut tx, kind, taken, &clock).await,
                    Err(ChangeError::Taken { member: Some(_) })
                ),
                "{kind}"
            );
            tx.undo(mark).await.unwrap();
            let mark = tx.mark().await.unwrap();
            let renamed = rename(&mut tx, kind, second, taken, &clock).await;
            assert!(matches!(renamed, Err(ChangeError::Taken { member: Some(_) })), "{kind} {taken}");
            tx.undo(mark).await.unwrap();
        }
        let missing = rename(&mut tx, kind, Uuid::nil(), "x", &clock).await;
        assert!(matches!(missing, Err(ChangeError::NotFound)), "{kind}");
        tx.commit().await.unwrap();
        let mut tx = db.store.tenant(b).await.unwrap();
        create(&mut tx, kind, "name", &clock).await.unwrap();
    }
}

/// Of two who take the same name at once the second hears that it is taken, and nothing is left of them.
#[tokio::test]
async fn of_two_who_take_a_name_at_once_one_gets_it() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let account = db.account("a", &clock).await;
    for kind in 0..KINDS {
        let take = async || {
            let mut tx = db.store.tenant(account).await.unwrap();
            let taken = create(&mut tx, kind, "wanted", &clock).await;
            if taken.is_ok() {
                tx.commit().await.unwrap();
            }
            taken
        };
        let (one, other) = tokio::join!(take(), take());
        let refused: Vec<_> = [one, other].into_iter().filter_map(Result::err).collect();
        assert!(matches!(refused[..], [ChangeError::Taken { member: Some(_) }]), "{kind}: {refused:?}");
    }
    let contents = db.contents(account).await;
    for table in ["roles", "teams", "labels", "canned_responses"] {
        assert_eq!(contents[table].as_array().unwrap().len(), 1, "{table}");
    }
}

async fn pages<T: Named<Id: Into<Uuid>>>(tx: &mut TenantTx) -> Vec<Uuid> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = T::list(tx, after, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { return all };
        after = Some(last.id());
        all.extend(page.iter().map(|named| named.id().into()));
    }
}

/// All of one moment: only their ids tell them apart.
#[tokio::test]
async fn pages_of_named_things_leave_nothing_out_and_repeat_nothing() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let account = db.account("a", &clock).await;
    let mut tx = db.store.tenant(account).await.unwrap();
    for kind in 0..KINDS {
        let mut made = Vec::new();
        for number in 0..7 {
            made.push(create(&mut tx, kind, &format!("{number}"), &clock).await.unwrap());
        }
        made.sort_unstable();
        let listed = match kind {
            0 => pages::<NamedRole>(&mut tx).await,
            1 => pages::<Team>(&mut tx).await,
            2 => pages::<Label>(&mut tx).await,
            _ => pages::<CannedResponse>(&mut tx).await,
        };
        assert_eq!(listed, made, "{kind}");
    }
}

async fn desk_of(tx: &mut TenantTx, a: &Tenant, clock: &ManualClock) -> (Team, Label, NamedRole) {
    let team = teams::create(tx, "support", clock).await.unwrap();
    let label = labels::create(tx, "vip", "#ff0000", clock).await.unwrap();
    let role =
        roles::create(tx, "narrow", Permissions::of(&[Permission::ContactsRead]), clock).await.unwrap();
    teams::set_members(tx, team.id, &[a.user]).await.unwrap();
    let change = conversations::Change {
        team: Some(Some(team.id)),
        labels: Some(vec![label.id, label.id]),
        ..Default::default()
    };
    let changed = conversations::update(tx, a.conversation, &change, clock).await.unwrap();
    assert_eq!(changed.label_ids, [label.id], "once");
    (team, label, role)
}

#[tokio::test]
async fn a_label_leaves_every_conversation_a_team_stays_while_it_answers_one() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let (team, label, _) = desk_of(&mut tx, &a, &clock).await;
    tx.commit().await.unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let before = changes::last_seq(&mut tx).await.unwrap();
    Label::delete(&mut tx, label.id).await.unwrap();
    assert_eq!(conversations::find(&mut tx, a.conversation).await.unwrap().unwrap().label_ids, []);
    let by_label = conversations::Filter { label: Some(label.id), ..Default::default() };
    let listed = conversations::list(&mut tx, by_label, conversations::Order::Latest, None, 9).await.unwrap();
    assert_eq!(listed, []);
    let mark = tx.mark().await.unwrap();
    assert!(matches!(Team::delete(&mut tx, team.id).await, Err(ChangeError::Referenced)));
    tx.undo(mark).await.unwrap();
    let give_back = conversations::Change { team: Some(None), ..Default::default() };
    conversations::update(&mut tx, a.conversation, &give_back, &clock).await.unwrap();
    Team::delete(&mut tx, team.id).await.unwrap();
    assert!(teams::members(&mut tx, team.id).await.unwrap().is_empty());
    assert!(matches!(Team::delete(&mut tx, team.id).await, Err(ChangeError::NotFound)));
    tx.commit().await.unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let told = changes::after(&mut tx, before, 9).await.unwrap();
    let mut tables: Vec<_> = told.iter().map(|change| change.table).collect();
    tables.sort_unstable_by_key(|table| format!("{table:?}"));
    assert_eq!(tables, [Table::Conversations, Table::Labels, Table::Teams]);
}

/// Whoever is last decides: nobody is left of the first one's.
#[tokio::test]
async fn members_that_are_set_twice_at_once_are_one_of_the_two_sets() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(user(&db, a.account, &format!("{number}@example.com"), &clock).await);
    }
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let team = teams::create(&mut tx, "support", &clock).await.unwrap().id;
    tx.commit().await.unwrap();
    for round in 0..5 {
        let set = async |members: &[_]| {
            let mut tx = db.store.tenant(a.account).await.unwrap();
            teams::set_members(&mut tx, team, members).await.unwrap();
            tx.commit().await.unwrap();
        };
        tokio::join!(set(&ids[..2]), set(&ids[2..]));
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let mut members = teams::members(&mut tx, team).await.unwrap();
        members.sort_unstable();
        let mut sets = [ids[..2].to_vec(), ids[2..].to_vec()];
        sets.iter_mut().for_each(|set| set.sort_unstable());
        assert!(sets.contains(&members), "round {round}: {members:?}");
        teams::set_members(&mut tx, team, &[]).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_role_that_allows_less_is_told_of_all_who_have_it_and_one_in_use_stays() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let holder = user(&db, a.account, "holder@example.com", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let (_, _, role) = desk_of(&mut tx, &a, &clock).await;
    let change = UserChange { role_id: Some(Some(role.id)), ..UserChange::default() };
    users::update(&mut tx, holder, &change, &clock).await.unwrap();
    assert_eq!(roles::holders(&mut tx, role.id).await.unwrap(), [holder]);
    tx.commit().await.unwrap();
    let (contacts, both) = (
        Permissions::of(&[Permission::ContactsRead]),
        Permissions::of(&[Permission::ContactsRead, Permission::ConversationsRead]),
    );
    let narrowed = |ended: &[common::revocation::Revocation]| {
        ended.iter().filter(|one| one.what == Ended::Permissions(holder)).count()
    };
    // Wider, the same, and at last other than before: of two one is gone.
    let last = Permissions::of(&[Permission::ConversationsRead]);
    for (permissions, is_narrower) in [(both, 0), (both, 0), (last, 1), (contacts.or(last), 0)] {
        clock.advance(Duration::from_secs(1));
        let mut tx = db.store.tenant(a.account).await.unwrap();
        roles::update(&mut tx, role.id, "renamed", permissions, &clock).await.unwrap();
        tx.commit().await.unwrap();
        let since = clock.utc() - Duration::from_millis(1);
        assert_eq!(narrowed(&db.store.system().ended_since(since).await.unwrap()), is_narrower);
        let mut tx = db.store.tenant(a.account).await.unwrap();
        assert_eq!(users::find(&mut tx, holder).await.unwrap().unwrap().permissions, permissions);
    }
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(matches!(NamedRole::delete(&mut tx, role.id).await, Err(ChangeError::Referenced)));
}
