//! Accounts with something in every table.

use crate::room_events;
use common::{
    clock::Clock,
    guest::Right,
    id::{
        AccountId, CallId, ChannelId, ConnectionId, ContactId, ConversationId, MessageId, NodeId,
        RecordingId, RoomId, UserId, WebhookId,
    },
    protocol::{
        call::Media,
        inbox::{ChannelKind, Conversation, DeliveryStatus, Message},
        room::RoomMessage,
    },
    secret::Secret,
    token::Role,
};
use serde_json::{Map, Value, json};
use sqlx::{Connection, PgConnection};
use std::{collections::BTreeSet, time::Duration};
use store::{
    SealKeyring, Store, StoreConfig, TenantTx, api_keys, audit, calls, canned_responses, changes, channels,
    contacts::{self, Identity},
    conversations, elevations, idempotency, imports, invitations,
    join_links::{self, JoinLink, JoinLinkHash, NewJoinLink},
    labels, messages, notes, notifications,
    recordings::{self, NewRecording},
    roles,
    rooms::{self, NewRoomMessage, Revised},
    sign_ins,
    system::NewRawEvent,
    teams,
    testing::{SEAL_KEY, TestDatabase},
    users, webhooks,
};
use uuid::Uuid;

/// Held by what has long transactions, and by what counts the rows that are read: versions of rows that a long
/// transaction keeps, of whatever database, are read too.
pub(crate) static LONG_TRANSACTIONS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The ids of one account's things.
pub(crate) struct Tenant {
    pub(crate) account: AccountId,
    pub(crate) user: UserId,
    pub(crate) room: RoomId,
    pub(crate) call: CallId,
    pub(crate) channel: ChannelId,
    pub(crate) webhook: WebhookId,
    pub(crate) conversation: ConversationId,
    pub(crate) inbound: MessageId,
    pub(crate) reply: MessageId,
    pub(crate) refresh_token: sign_ins::TokenHash,
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

/// Stands for the hash of a token that only the account of this name has.
fn hash(name: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..name.len().min(32)].copy_from_slice(&name.as_bytes()[..name.len().min(32)]);
    hash
}

/// Makes a join link that is good for an hour.
pub(crate) async fn join_link(
    tx: &mut TenantTx,
    (room, created_by): (RoomId, UserId),
    hash: &JoinLinkHash,
    uses_max: Option<u16>,
    clock: &dyn Clock,
) -> JoinLink {
    let rights = [Right::SendMedia, Right::ReceiveMedia].into();
    let good_for = Duration::from_secs(60 * 60);
    let new = NewJoinLink { room, rights: &rights, hash, created_by, good_for, uses_max };
    join_links::create(tx, &new, clock).await.unwrap()
}

/// A recording that begins now, at a node that nobody knows.
pub(crate) fn recording((room, by): (RoomId, UserId), clock: &dyn Clock) -> NewRecording {
    let (id, node) = (RecordingId::generate(clock), NodeId::generate(clock));
    NewRecording { id, room, node, by, at: clock.utc() }
}

/// A link into a room, and a recording of its call.
async fn link_and_recording(tx: &mut TenantTx, of: (RoomId, UserId), name: &str, clock: &dyn Clock) {
    join_link(tx, of, &hash(name), None, clock).await;
    recordings::begin(tx, &recording(of, clock)).await.unwrap().unwrap();
}

/// A row in each table of administration.
async fn administration(tx: &mut TenantTx, user: UserId, name: &str, clock: &dyn Clock) {
    let permissions = Role::User.permissions();
    let role = roles::create(tx, "manager", permissions, clock).await.unwrap();
    let hash = hash(name);
    let key = api_keys::NewApiKey {
        name: "program",
        hash: &hash,
        hint: "sbk_abcd",
        permissions,
        created_by: user,
        expires_at: None,
    };
    api_keys::create(tx, &key, clock).await.unwrap();
    let invitation = invitations::NewInvitation {
        email: "invited@example.com",
        role: Role::User,
        role_id: None,
        hash: &hash,
        invited_by: user,
    };
    invitations::create(tx, &invitation, clock).await.unwrap();
    let deed = audit::AuditRecord {
        actor: audit::Actor::User(user),
        address: None,
        action: "role.created",
        object: role.id.into(),
        before: None,
        after: Some(&json!({ "name": "manager" })),
    };
    audit::record(tx, &deed, clock).await.unwrap();
    let keyed = idempotency::Keyed { actor: user.as_uuid().into(), key: "k", fingerprint: [1; 32] };
    assert!(matches!(idempotency::claim(tx, &keyed, clock).await.unwrap(), idempotency::Claim::New));
}

/// What every channel of the fixture is signed with.
pub(crate) const SECRET_OF_APP: &str = "app secret";

/// A row in each table of the agents' desk, beside what [`tenant`] makes.
pub(crate) async fn desk(db: &TestDatabase, tenant: &Tenant, clock: &dyn Clock) {
    let mut transaction = db.store.tenant(tenant.account).await.unwrap();
    let tx = &mut transaction;
    let (user, conversation) = (tenant.user, tenant.conversation);
    let contact = conversations::find(tx, conversation).await.unwrap().unwrap().contact.id;
    let team = teams::create(tx, "support", clock).await.unwrap().id;
    teams::set_members(tx, team, &[user]).await.unwrap();
    let label = labels::create(tx, "vip", "#ff0000", clock).await.unwrap().id;
    canned_responses::create(tx, "hi", "Hello!", clock).await.unwrap();
    notes::create(tx, conversation, user, "careful", clock).await.unwrap();
    let change = conversations::Change { labels: Some(vec![label]), ..Default::default() };
    conversations::update(tx, conversation, &change, clock).await.unwrap();
    let new = contacts::NewContact { name: "Twin", email: None, phone: None, attributes: &Map::new() };
    let twin = contacts::create(tx, &new, clock).await.unwrap().id;
    contacts::merge(tx, contact, twin, clock).await.unwrap();
    chat(tx, user, clock).await;
    let file = rooms::NewAttachment {
        room: tenant.room,
        user,
        file_name: "photo.jpg",
        mime_type: "image/jpeg",
        size_bytes: 10,
        sha256: &[7; 32],
        size: None,
    };
    let quota = rooms::Quota { bytes_max: u64::MAX, unsent_max: u16::MAX };
    rooms::reserve(tx, &file, quota, clock).await.unwrap().unwrap();
    room_events::told_of_rooms(tx, clock).await;
    let node = NodeId::generate(clock);
    store::room_events::tell(tx, node, &[room_events::call(tenant, clock)], clock).await.unwrap();
    transaction.commit().await.unwrap();
}

/// A room in which a message is answered, reacted to and read, in which somebody is mentioned.
async fn chat(tx: &mut TenantTx, user: UserId, clock: &dyn Clock) {
    let room = rooms::create(tx, "chat", false, clock).await.unwrap().id;
    let said = rooms::NewRoomMessage {
        room,
        user: UserId::generate(clock),
        name: "Somebody",
        client_id: Uuid::new_v4().into(),
        text: "hello",
        reply_to: None,
        mentions: &[user],
        attachments: rooms::Uploads::default(),
    };
    let endpoint = secret("endpoint and keys");
    let subscription = notifications::NewSubscription {
        user,
        sign_in: None,
        endpoint_sha256: [7; 32],
        service: "push.example",
        secret: &endpoint,
    };
    notifications::subscribe(tx, &subscription, clock).await.unwrap();
    let keys = notifications::PushKeys { public_key: vec![4; 65], private_key: secret("private") };
    notifications::insert_keys(tx, &keys, clock).await.unwrap();
    let message = rooms::send(tx, &said, clock).await.unwrap().unwrap().message;
    let revised = rooms::Revised {
        room,
        message,
        added: vec![("👍".to_owned(), user)],
        removed: Vec::new(),
        unmentioned: Vec::new(),
    };
    rooms::revise(tx, &[revised]).await.unwrap();
    rooms::read_to(tx, &[rooms::Position { room, user: UserId::generate(clock), seq: 1 }]).await.unwrap();
}

/// An account with a row in every tenant table. `name` makes what must be unique over all accounts so.
pub(crate) async fn tenant(db: &TestDatabase, name: &str, clock: &dyn Clock) -> Tenant {
    let account = db.account(name, clock).await;
    let mut tx = db.store.tenant(account).await.unwrap();
    changes::follow(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let user = user(db, account, &format!("{name}@example.com"), clock).await;
    let channel = channel(db, account, name, clock).await;
    let mut tx = db.store.tenant(account).await.unwrap();
    let webhook = webhooks::NewWebhook {
        kind: webhooks::WebhookKind::N8n,
        url: "http://n8n.example/hook",
        header: "x-secret",
        secret: &secret("n8n"),
        events: &[webhooks::EventName::MessageCreated],
    };
    let webhook = webhooks::create(&mut tx, &webhook, clock).await.unwrap().id;
    let refresh_token = *Uuid::new_v4().as_bytes();
    let refresh_token = std::array::from_fn(|index| refresh_token[index % 16]);
    sign_ins::start(&mut tx, user, &refresh_token, &sign_ins::Device::default(), clock).await.unwrap();
    administration(&mut tx, user, name, clock).await;
    let room = rooms::create(&mut tx, "lobby", false, clock).await.unwrap().id;
    let said = rooms::NewRoomMessage {
        room,
        user,
        name,
        client_id: Uuid::new_v4().into(),
        text: "hello",
        reply_to: None,
        mentions: &[],
        attachments: rooms::Uploads::default(),
    };
    rooms::send(&mut tx, &said, clock).await.unwrap().unwrap();
    let more = elevations::NewElevation {
        user,
        role_name: "ADMIN",
        permissions: common::permission::Permissions::ALL,
        reason: "a try",
        minutes: 5,
    };
    elevations::request(&mut tx, &more, clock).await.unwrap().unwrap();
    let rows = [Ok(imports::ImportedContact::default()), Err("not a row".to_owned())];
    imports::create(&mut tx, user.as_uuid().into(), &rows, clock).await.unwrap();
    rooms::remove(&mut tx, room, user, clock).await.unwrap();
    rooms::add_member(&mut tx, room, user, clock).await.unwrap();
    let stranger = common::id::UserId::generate(clock);
    rooms::mute(&mut tx, room, stranger, None, clock).await.unwrap();
    rooms::ban(&mut tx, room, stranger, clock).await.unwrap();
    link_and_recording(&mut tx, (room, user), name, clock).await;
    let call = CallId::generate(clock);
    calls::start(&mut tx, &new_call(call, room, user, clock), clock).await.unwrap();
    tx.commit().await.unwrap();
    let (conversation, inbound) = receive(db, account, channel, "wamid.1", clock).await;
    let mut tx = db.store.tenant(account).await.unwrap();
    let reply = messages::NewReply { conversation: conversation.id, author: user, text: "yes?" };
    let reply = messages::reply(&mut tx, &reply, clock).await.unwrap().id;
    let early = messages::StatusReport {
        channel,
        external_id: "wamid.early",
        status: DeliveryStatus::Read,
        error: None,
        at: clock.utc(),
    };
    messages::apply_status(&mut tx, &early, clock).await.unwrap();
    tx.commit().await.unwrap();
    let raw = NewRawEvent { account, channel, body: b"{}", sha256: &[0; 32] };
    assert!(db.store.system().insert_raw_event(&raw, clock).await.unwrap());
    let conversation = conversation.id;
    let inbound = inbound.id;
    Tenant { account, user, room, call, channel, webhook, conversation, inbound, reply, refresh_token }
}

pub(crate) async fn user(db: &TestDatabase, account: AccountId, email: &str, clock: &dyn Clock) -> UserId {
    let mut tx = db.store.tenant(account).await.unwrap();
    let user = users::NewUser { email, name: "Ada", role: Role::Admin, password_hash: "$argon2id$" };
    let user = users::create(&mut tx, &user, clock).await.unwrap().id;
    tx.commit().await.unwrap();
    user
}

pub(crate) async fn channel(
    db: &TestDatabase,
    account: AccountId,
    number: &str,
    clock: &dyn Clock,
) -> ChannelId {
    let mut tx = db.store.tenant(account).await.unwrap();
    let channel = channels::NewChannel {
        kind: ChannelKind::Whatsapp,
        name: "support",
        external_id: number,
        access_token: &secret("access token"),
        app_secret: &secret(SECRET_OF_APP),
        verify_token: &secret("verify token"),
    };
    let channel = channels::create(&mut tx, &channel, clock).await.unwrap().id;
    tx.commit().await.unwrap();
    channel
}

/// Receives a message from the one customer of these tests.
pub(crate) async fn receive(
    db: &TestDatabase,
    account: AccountId,
    channel: ChannelId,
    external_id: &str,
    clock: &dyn Clock,
) -> (Conversation, Message) {
    let mut tx = db.store.tenant(account).await.unwrap();
    let inbound = messages::Inbound {
        channel,
        external_id,
        from: &[Identity { scheme: "phone".to_owned(), value: "4915112345678".to_owned() }],
        name: Some("Grace"),
        kind: "text",
        text: Some("hello?"),
        metadata: &json!({ "a": 1 }),
        created_at: clock.utc(),
    };
    let received = messages::receive(&mut tx, &inbound, clock).await.unwrap();
    tx.commit().await.unwrap();
    match received {
        messages::Received::New { conversation, message } => (*conversation, *message),
        messages::Received::Duplicate => panic!("{external_id} was received before"),
    }
}

/// Rows that were read of these tables, over indexes and without.
///
/// Counts are handed in when connections end: all but `counter` must have been closed, and their ends are told
/// to nobody, so they are looked for.
pub(crate) async fn rows_read(counter: &mut PgConnection, tables: &[&str]) -> i64 {
    until_alone(counter).await;
    sqlx::query_scalar(
        "SELECT (SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables WHERE relname = ANY ($1))
              + (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = ANY ($1))",
    )
    .bind(tables)
    .fetch_one(counter)
    .await
    .unwrap()
}

/// Waits until nobody else is connected: what a connection has counted is seen once it has ended, and nothing
/// tells of that.
pub(crate) async fn until_alone(connection: &mut PgConnection) {
    const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    while sqlx::query_scalar::<_, i64>(OTHERS).fetch_one(&mut *connection).await.unwrap() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A connection of the superuser, to see what really is there.
pub(crate) async fn owner(db: &TestDatabase) -> PgConnection {
    PgConnection::connect(db.owner_url().expose()).await.unwrap()
}

/// The store of the next process, after this one's was closed.
pub(crate) async fn reconnected(db: &TestDatabase) -> Store {
    let seal_keys = SealKeyring::from_base64([(1, secret(SEAL_KEY))]).unwrap();
    Store::connect(&StoreConfig { app_url: db.app_url(), system_url: db.system_url(), seal_keys })
        .await
        .unwrap()
}

/// Nothing beyond the text.
const NO_METADATA: &Value = &Value::Null;

/// What somebody with this phone number writes.
pub(crate) fn text<'a>(
    channel: ChannelId,
    external_id: &'a str,
    from: &'a [Identity],
    text: &'a str,
    clock: &dyn Clock,
) -> messages::Inbound<'a> {
    messages::Inbound {
        channel,
        external_id,
        from,
        name: None,
        kind: "text",
        text: Some(text),
        metadata: NO_METADATA,
        created_at: clock.utc(),
    }
}

pub(crate) fn phone(number: &str) -> Identity {
    Identity { scheme: "phone".to_owned(), value: number.to_owned() }
}

/// A contact of whom only the name is known.
pub(crate) async fn contact(tx: &mut TenantTx, name: &str, clock: &dyn Clock) -> ContactId {
    let new = contacts::NewContact { name, email: None, phone: None, attributes: &Map::new() };
    contacts::create(tx, &new, clock).await.unwrap().id
}

/// Ends every connection of the server that is in the middle of a transaction, as a crash of it would.
pub(crate) async fn kill_transactions(db: &TestDatabase) {
    db.as_owner(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE datname = current_database() AND usename LIKE 'switchboard%' AND state LIKE 'idle in transaction%'",
    )
    .await;
}

/// Throws that are the same in every run with the same seed (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = u64::try_from(bound).unwrap();
        usize::try_from((mixed ^ (mixed >> 31)) % bound).unwrap()
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A call of somebody with themselves, whom nobody runs.
pub(crate) fn new_call(id: CallId, room: RoomId, user: UserId, clock: &dyn Clock) -> calls::NewCall {
    calls::NewCall {
        id,
        room,
        caller: user,
        callee: user,
        media: Media::Video,
        device: ConnectionId::generate(clock),
        runner: NodeId::generate(clock),
    }
}

/// What somebody says who is called A.
pub(crate) fn said<'a>(room: RoomId, user: UserId, text: &'a str) -> NewRoomMessage<'a> {
    NewRoomMessage {
        room,
        user,
        name: "A",
        client_id: Uuid::new_v4().into(),
        text,
        reply_to: None,
        mentions: &[],
        attachments: rooms::Uploads::default(),
    }
}

/// A message as it is to be; nothing more has changed.
pub(crate) fn revised(room: RoomId, message: RoomMessage) -> Revised {
    Revised { room, message, added: Vec::new(), removed: Vec::new(), unmentioned: Vec::new() }
}

/// A message that there is.
pub(crate) async fn message(tx: &mut TenantTx, room: RoomId, seq: u64) -> RoomMessage {
    let found = rooms::find_messages(tx, &BTreeSet::from([(room, seq)])).await.unwrap();
    found[&(room, seq)].clone()
}
