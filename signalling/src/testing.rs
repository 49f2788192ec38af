//! A hub without sockets, for tests: connections are clients whose frames the test reads.

use crate::{
    client::{Client, Queued},
    config::Config,
    hub::{Deps, Hub},
};
use bus::Bus;
use common::{
    clock::ManualClock,
    id::{AccountId, ConnectionId, NodeId, RoomId, UserId},
    protocol::RequestId,
    revocation::Revocations,
    token::{Bearer, Caller, Role},
};
use serde_json::{Value, json};
use shutdown::Shutdown;
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};
use store::{TenantTx, rooms, testing::TestDatabase};
use time::OffsetDateTime;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

/// How long a frame may take. It only bounds failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every request of the tests is called.
pub(crate) static ID: LazyLock<RequestId> = LazyLock::new(|| serde_json::from_value(json!(1)).unwrap());

/// A hub with an account, alone on its bus.
pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) db: TestDatabase,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) account: AccountId,
}

impl World {
    pub(crate) async fn new(config: Config) -> Self {
        let (db, clock) = (TestDatabase::create().await, Arc::new(TestDatabase::clock()));
        let account = db.account("acme", &*clock).await;
        let deps = Deps {
            bus: Bus::local(NodeId::generate(&*clock)),
            store: db.store.clone(),
            clock: clock.clone(),
            issuers: watch::Sender::new(Arc::from([])).subscribe(),
            ice_servers: Arc::new(|_, _| Vec::new()),
            revocations: Arc::new(Revocations::default()),
        };
        let hub = Hub::new(config, deps);
        hub.start(Shutdown::default());
        Self { hub, db, clock, account }
    }

    pub(crate) async fn tx(&self) -> TenantTx {
        self.db.store.tenant(self.account).await.unwrap()
    }

    pub(crate) async fn room(&self) -> RoomId {
        let mut tx = self.tx().await;
        let room = rooms::create(&mut tx, "Lobby", false, &*self.clock).await.unwrap();
        tx.commit().await.unwrap();
        room.id
    }

    /// A connection of somebody new.
    pub(crate) fn connect(&self) -> Connected {
        let permissions = Role::Admin.permissions();
        let caller = Caller {
            account: self.account,
            user: UserId::generate(&*self.clock),
            role: Role::Admin,
            permissions,
            lasting: permissions,
            name: None,
            sign_in: None,
            issued_at: OffsetDateTime::UNIX_EPOCH,
            expires_at: OffsetDateTime::UNIX_EPOCH,
        };
        let id = ConnectionId::generate(&*self.clock);
        let (client, frames) = Client::new(id, &Bearer::Caller(caller), "Ada".to_owned());
        Connected { client: Arc::new(client), frames }
    }
}

/// A client and what it has been sent.
pub(crate) struct Connected {
    pub(crate) client: Arc<Client>,
    frames: mpsc::Receiver<Queued>,
}

impl Connected {
    /// The next frame.
    pub(crate) async fn frame(&mut self) -> Value {
        let queued = timeout(PATIENCE, self.frames.recv()).await.expect("in time").expect("the client lives");
        self.client.queue.taken(&queued);
        serde_json::from_str(&queued.frame).unwrap()
    }
}
