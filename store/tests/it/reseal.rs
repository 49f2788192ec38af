//! Changing the key that secrets are sealed with.

use crate::fixture::{SECRET_OF_APP, tenant};
use common::secret::Secret;
use store::{
    SealKeyring, Store, StoreConfig, StoreError,
    idempotency::{self, Answer, Claim, Keyed},
    reseal::{self, Resealed},
    testing::{SEAL_KEY, TestDatabase},
    webhooks::{self, WebhookChange},
};

const NEW_KEY: &str = "YW5vdGhlciBzZWFsIGtleSBmb3IgdGVzdHMgMzJieXQ=";

async fn with_keys(db: &TestDatabase, keys: &[(u32, &str)]) -> Store {
    let keys = keys.iter().map(|(id, key)| (*id, Secret::new((*key).to_owned())));
    let seal_keys = SealKeyring::from_base64(keys).unwrap();
    Store::connect(&StoreConfig { app_url: db.app_url(), system_url: db.system_url(), seal_keys })
        .await
        .unwrap()
}

#[tokio::test]
async fn everything_is_sealed_with_the_newest_key_and_the_old_one_can_go() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let (a, b) = (tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await);
    let both = with_keys(&db, &[(2, NEW_KEY), (1, SEAL_KEY)]).await;
    let done = reseal::all(&both).await.unwrap();
    assert_eq!((done.current, done.lost), (0, 0));
    assert!(done.changed >= 8, "{done:?}");
    let again = reseal::all(&both).await.unwrap();
    assert_eq!(again, Resealed { changed: 0, current: done.changed, lost: 0 });

    let new = with_keys(&db, &[(2, NEW_KEY)]).await;
    for tenant in [&a, &b] {
        let channel = new.system().channel(tenant.channel).await.unwrap().unwrap();
        assert_eq!(channel.app_secret.expose(), SECRET_OF_APP);
    }
    let old = with_keys(&db, &[(1, SEAL_KEY)]).await;
    assert!(matches!(old.system().channel(a.channel).await, Err(StoreError::Unsealable)));
    assert_eq!(reseal::all(&old).await.unwrap(), Resealed { changed: 0, current: 0, lost: done.changed });
}

/// A server that was cut short, or one whose key is wrong: what it could not do is counted and stays as it was.
#[tokio::test]
async fn what_cannot_be_opened_is_left_alone_and_half_a_rotation_can_be_finished() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let (a, b) = (tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await);
    let both = with_keys(&db, &[(2, NEW_KEY), (1, SEAL_KEY)]).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let keyed = Keyed { actor: a.user.as_uuid().into(), key: "once", fingerprint: [7; 32] };
    idempotency::claim(&mut tx, &keyed, &clock).await.unwrap();
    let answer = Answer { status: 201, body: Secret::new("sbk_once".to_owned()) };
    idempotency::record_answer(&mut tx, &keyed, &answer).await.unwrap();
    tx.commit().await.unwrap();
    // Half of it is done: one account's webhook has the newest key by itself.
    let fresh = Secret::new("fresh".to_owned());
    let change = WebhookChange { secret: Some(&fresh), ..WebhookChange::default() };
    let mut tx = both.tenant(b.account).await.unwrap();
    webhooks::update(&mut tx, b.webhook, &change, &clock).await.unwrap();
    tx.commit().await.unwrap();
    // And one secret was sealed for another row.
    db.as_owner(&format!(
        "UPDATE channels SET verify_token = (SELECT app_secret FROM channels WHERE id = '{}') WHERE id = '{}'",
        a.channel, b.channel
    ))
    .await;
    // The same number, but another key: nothing opens, and nothing is written.
    let before = (db.contents(a.account).await, db.contents(b.account).await);
    let wrong = with_keys(&db, &[(2, SEAL_KEY), (1, NEW_KEY)]).await;
    let nothing = reseal::all(&wrong).await.unwrap();
    assert_eq!((nothing.changed, nothing.current), (0, 0), "{nothing:?}");
    assert_eq!((db.contents(a.account).await, db.contents(b.account).await), before);

    let done = reseal::all(&both).await.unwrap();
    // Two accounts with three secrets of a channel and one of a webhook, and an answer.
    assert_eq!(done, Resealed { changed: 7, current: 1, lost: 1 });
    let new = with_keys(&db, &[(2, NEW_KEY)]).await;
    let mut tx = new.tenant(a.account).await.unwrap();
    let Claim::Done(kept) = idempotency::claim(&mut tx, &keyed, &clock).await.unwrap() else {
        panic!("it was done");
    };
    assert_eq!(kept.body.expose(), "sbk_once");
    let claim = webhooks::open_delivery(&mut tx, a.webhook, 1, &clock).await.unwrap().unwrap();
    assert_eq!(claim.secret.expose(), "n8n");
    assert!(matches!(new.system().channel(b.channel).await, Err(StoreError::Unsealable)));
}
