//! A hub for tests: connections are clients whose frames the test reads at the other end.

pub(crate) mod proxy;

use crate::{
    client::{Client, Queue},
    config::Config,
    dispatch,
    flusher::Flusher,
    hub::{Deps, Hub},
    wire::{Tcp, Wire},
};
use bus::Bus;
use common::{
    clock::{Clock, ManualClock},
    guest::{Guest, Right},
    id::{AccountId, ConnectionId, NodeId, RoomId, UserId},
    identity::GuestId,
    permission::Permissions,
    protocol::{Request, RequestId, connection::Refresh},
    revocation::Revocations,
    secret::Secret,
    token::{Bearer, Caller, Issuer, OWN_ISSUER, Role},
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Value, json};
use shutdown::Shutdown;
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};
use store::{TenantTx, rooms, testing::TestDatabase};
use time::OffsetDateTime;
use tokio::{
    io::AsyncReadExt,
    net::{TcpSocket, TcpStream},
    sync::watch,
    time::timeout,
};

/// How long a frame may take. It only bounds failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every request of the tests is called.
pub(crate) static ID: LazyLock<RequestId> = LazyLock::new(|| serde_json::from_value(json!(1)).unwrap());

/// What tokens of the tests are signed with.
pub(crate) const SIGNING_KEY: &[u8] = b"a secret for tests that is long enough";

fn own_issuer() -> Issuer {
    Issuer {
        name: OWN_ISSUER.to_owned(),
        audience: None,
        key_id: None,
        algorithm: Algorithm::HS256,
        key: DecodingKey::from_secret(SIGNING_KEY),
        outside: None,
    }
}

/// A hub with an account, alone on its bus.
pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) db: TestDatabase,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) account: AccountId,
}

impl World {
    pub(crate) async fn new(config: Config) -> Self {
        Self::on(TestDatabase::create().await, config).await
    }

    /// The same on this database.
    pub(crate) async fn on(db: TestDatabase, config: Config) -> Self {
        let clock = Arc::new(TestDatabase::clock());
        let account = db.account("acme", &*clock).await;
        let deps = Deps {
            bus: Bus::local(NodeId::generate(&*clock)),
            store: db.store.clone(),
            clock: clock.clone(),
            issuers: watch::Sender::new(Arc::from([own_issuer()])).subscribe(),
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

    /// Somebody new, with permissions as an outside issuer's token gives them.
    pub(crate) fn person(&self, permissions: Permissions) -> Caller {
        Caller {
            account: self.account,
            user: UserId::generate(&*self.clock),
            role: Role::Admin,
            permissions,
            lasting: permissions,
            name: None,
            sign_in: None,
            issued_at: OffsetDateTime::UNIX_EPOCH,
            expires_at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    /// A guest of a room, by a token that is signed at this moment.
    pub(crate) fn guest(&self, room: RoomId, rights: &[Right]) -> Guest {
        Guest {
            account: self.account,
            id: GuestId::of_digest([7; 16]),
            name: "Grace".to_owned(),
            room,
            rights: rights.iter().copied().collect(),
            issued_at: self.clock.utc(),
            expires_at: self.clock.utc() + Duration::from_secs(600),
        }
    }

    /// A connection of somebody new.
    pub(crate) async fn connect(&self) -> Connected {
        self.connect_by(&Bearer::Caller(self.person(Role::Admin.permissions()))).await
    }

    /// A connection by a token.
    pub(crate) async fn connect_by(&self, bearer: &Bearer) -> Connected {
        let id = ConnectionId::generate(&*self.clock);
        let (queue, far) = queue(id, self.hub.0.flusher.clone()).await;
        let client = Client::new(id, bearer, "Ada".to_owned(), queue);
        Connected { client: Arc::new(client), far }
    }

    /// Has a client refresh its token, as its connection would.
    pub(crate) async fn refresh(&self, client: &Arc<Client>, token: String) {
        let refresh = Request::ConnectionRefresh(Refresh { token: Secret::new(token) });
        dispatch::answer(&self.hub, client, Some(ID.clone()), refresh).await;
    }
}

/// A queue over a TCP connection, and the other end of that.
pub(crate) async fn queue(id: ConnectionId, flusher: Flusher) -> (Arc<Queue>, Far) {
    let (near, far) = wires().await;
    (Arc::new(Queue::new(id, Arc::new(near), flusher)), far)
}

/// Both ends of a TCP connection.
pub(crate) async fn wires() -> (Wire, Far) {
    connected(TcpSocket::new_v4().unwrap(), TcpSocket::new_v4().unwrap()).await
}

/// Both ends of one of which the kernel keeps little.
pub(crate) async fn narrow_wires() -> (Wire, Far) {
    let (listener, far) = (TcpSocket::new_v4().unwrap(), TcpSocket::new_v4().unwrap());
    // Whoever is accepted has what the listener has. With less the kernel would wait for its own timers.
    listener.set_send_buffer_size(8 * 1024).unwrap();
    far.set_recv_buffer_size(32 * 1024).unwrap();
    connected(listener, far).await
}

#[expect(clippy::disallowed_methods, reason = "the test connects to itself")]
async fn connected(listener: TcpSocket, far: TcpSocket) -> (Wire, Far) {
    listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listener.listen(1).unwrap();
    let far = far.connect(listener.local_addr().unwrap()).await.unwrap();
    let (near, _) = listener.accept().await.unwrap();
    near.set_nodelay(true).unwrap();
    (Wire::Tcp(Tcp::of(near)), Far(far))
}

/// The client's end of a connection.
pub(crate) struct Far(pub(crate) TcpStream);

impl Far {
    /// The payload of the next frame, in time.
    pub(crate) async fn frame(&mut self) -> Vec<u8> {
        timeout(PATIENCE, self.read_frame()).await.expect("in time")
    }

    async fn read_frame(&mut self) -> Vec<u8> {
        let _opcode = self.0.read_u8().await.expect("the connection lives");
        let length = match self.0.read_u8().await.unwrap() {
            126 => u64::from(self.0.read_u16().await.unwrap()),
            127 => self.0.read_u64().await.unwrap(),
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).await.unwrap();
        payload
    }
}

/// A client and what it has been sent.
pub(crate) struct Connected {
    pub(crate) client: Arc<Client>,
    far: Far,
}

impl Connected {
    /// The next frame.
    pub(crate) async fn frame(&mut self) -> Value {
        serde_json::from_slice(&self.far.frame().await).unwrap()
    }
}
