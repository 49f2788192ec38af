//! Changing the key that secrets are sealed with.

use crate::fixture::{SECRET_OF_APP, tenant};
use common::secret::Secret;
use store::{
    SealKeyring, Store, StoreConfig, StoreError,
    reseal::{self, Resealed},
    testing::{SEAL_KEY, TestDatabase},
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
