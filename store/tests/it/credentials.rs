//! What somebody comes in with: invitations, API keys, devices that are signed in.

use crate::fixture::{tenant, user};
use common::{
    clock::Clock,
    permission::{Permission, Permissions},
    token::{REFRESH_TOKEN_TIME, Role},
};
use std::{net::IpAddr, time::Duration};
use store::{
    ChangeError,
    api_keys::{self, NewApiKey},
    invitations::{self, NewInvitation},
    sign_ins::{self, Device},
    testing::TestDatabase,
    users,
};

#[tokio::test]
async fn an_invitation_is_taken_up_once_in_time_and_unless_it_was_taken_back() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let mut made = Vec::new();
    for hash in [[1; 32], [2; 32], [3; 32]] {
        let new = NewInvitation {
            email: " New@Example.COM",
            role: Role::User,
            role_id: None,
            hash: &hash,
            invited_by: a.user,
        };
        made.push(invitations::create(&mut tx, &new, &clock).await.unwrap());
    }
    assert!(invitations::revoke(&mut tx, made[1].id, &clock).await.unwrap().is_some());
    assert!(invitations::revoke(&mut tx, made[1].id, &clock).await.unwrap().is_none());
    tx.commit().await.unwrap();
    assert_eq!(db.store.system().account_of_invitation(&[1; 32]).await.unwrap(), Some(a.account));
    let accept = async || {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        let accepted = invitations::accept(&mut tx, &[1; 32], &clock).await.unwrap();
        tx.commit().await.unwrap();
        accepted
    };
    let (one, other) = tokio::join!(accept(), accept());
    assert_eq!(usize::from(one.is_some()) + usize::from(other.is_some()), 1);
    assert_eq!(one.or(other).unwrap().email, "new@example.com");
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(invitations::revoke(&mut tx, made[0].id, &clock).await.unwrap().is_none(), "it was accepted");
    for hash in [[1; 32], [2; 32], [4; 32]] {
        assert_eq!(invitations::email(&mut tx, &hash, &clock).await.unwrap(), None, "{hash:?}");
        assert_eq!(invitations::accept(&mut tx, &hash, &clock).await.unwrap(), None, "{hash:?}");
    }
    clock.advance(Duration::from_secs(7 * 24 * 60 * 60 - 1));
    assert!(invitations::email(&mut tx, &[3; 32], &clock).await.unwrap().is_some());
    clock.advance(Duration::from_secs(1));
    assert_eq!(invitations::accept(&mut tx, &[3; 32], &clock).await.unwrap(), None, "it is over");
}

#[tokio::test]
async fn a_key_is_good_until_the_moment_it_expires_or_is_revoked_and_use_is_noted_now_and_then() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let expires_at = Some(clock.utc() + Duration::from_secs(600));
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let mut new = NewApiKey {
        name: "k",
        hash: &[1; 32],
        hint: "sbk_",
        permissions: Permissions::of(&[Permission::ContactsRead]),
        created_by: a.user,
        expires_at,
    };
    let mortal = api_keys::create(&mut tx, &new, &clock).await.unwrap().id;
    (new.hash, new.expires_at) = (&[2; 32], None);
    let revoked = api_keys::create(&mut tx, &new, &clock).await.unwrap().id;
    tx.commit().await.unwrap();
    let system = db.store.system();
    let used_at = async || {
        let mut tx = db.store.tenant(a.account).await.unwrap();
        api_keys::find(&mut tx, mortal).await.unwrap().unwrap().last_used_at
    };
    let first = clock.utc();
    for (seconds, noted) in [(0, 0), (300, 0), (1, 301), (298, 301)] {
        clock.advance(Duration::from_secs(seconds));
        let holder = system.api_key(&[1; 32], &clock).await.unwrap().unwrap();
        assert_eq!((holder.account, holder.key, holder.permissions), (a.account, mortal, new.permissions));
        assert_eq!(used_at().await, Some(first + Duration::from_secs(noted)));
    }
    clock.advance(Duration::from_secs(1));
    assert!(system.api_key(&[1; 32], &clock).await.unwrap().is_none(), "it expires now");
    assert!(system.api_key(&[3; 32], &clock).await.unwrap().is_none());
    assert!(system.api_key(&[2; 32], &clock).await.unwrap().is_some());
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let at = api_keys::revoke(&mut tx, revoked, &clock).await.unwrap().unwrap().revoked_at;
    clock.advance(Duration::from_secs(1));
    let again = api_keys::revoke(&mut tx, revoked, &clock).await.unwrap().unwrap();
    assert_eq!((again.revoked_at, at), (at, Some(clock.utc() - Duration::from_secs(1))));
    tx.commit().await.unwrap();
    assert!(system.api_key(&[2; 32], &clock).await.unwrap().is_none());
}

#[tokio::test]
async fn the_list_of_devices_is_of_those_that_are_still_signed_in_and_a_new_password_ends_the_others() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let other = user(&db, a.account, "other@example.com", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let mut started = Vec::new();
    for number in 0..3_u8 {
        clock.advance(Duration::from_secs(1));
        let agent = format!("browser \0{number}");
        let address = Some(IpAddr::from([192, 0, 2, number]));
        let device = Device { address, user_agent: Some(&agent) };
        started.push(sign_ins::start(&mut tx, a.user, &[number; 32], &device, &clock).await.unwrap());
    }
    clock.advance(Duration::from_secs(1));
    sign_ins::rotate(&mut tx, &[0; 32], &[100; 32], &clock).await.unwrap();
    let listed = sign_ins::of_user(&mut tx, a.user, &clock).await.unwrap();
    let ids: Vec<_> = listed.iter().map(|device| device.id).collect();
    assert_eq!(ids[..3], [started[0], started[2], started[1]], "the latest used first");
    assert_eq!(listed[0].user_agent.as_deref(), Some("browser \u{fffd}0"));
    assert_eq!(listed[1].address.as_deref(), Some("192.0.2.2"));
    let is_other = sign_ins::revoke_of_user(&mut tx, other, started[1], &clock).await.unwrap();
    assert!(!is_other, "it is not theirs to end");
    assert!(sign_ins::revoke_of_user(&mut tx, a.user, started[1], &clock).await.unwrap());
    assert!(!sign_ins::revoke_of_user(&mut tx, a.user, started[1], &clock).await.unwrap());
    let mut ended = users::set_password(&mut tx, a.user, "new", Some(started[0]), &clock).await.unwrap();
    ended.sort_unstable();
    assert_eq!(ended, [ids[3], started[2]], "the fixture's and one of these");
    let missing = common::id::UserId::generate(&clock);
    let refused = users::set_password(&mut tx, missing, "new", None, &clock).await;
    assert!(matches!(refused, Err(ChangeError::NotFound)));
    let left = sign_ins::of_user(&mut tx, a.user, &clock).await.unwrap();
    assert_eq!(left.iter().map(|device| device.id).collect::<Vec<_>>(), [started[0]]);
    clock.advance(REFRESH_TOKEN_TIME);
    assert_eq!(sign_ins::of_user(&mut tx, a.user, &clock).await.unwrap(), [], "no token of it is good");
}
