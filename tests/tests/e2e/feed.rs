//! The change feed: what is committed is told, in order, to those who may read it, wherever they are connected.

use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use switchboard_tests::{
    installation::{Account, Installation, PASSWORD},
    kernel,
    rest::Rest,
    server::Server,
    socket::Socket,
};

async fn open(server: &Server, rest: &Rest) -> Socket {
    Socket::open(&server.base, &rest.token).await
}

async fn follow(socket: &mut Socket, table: &str, filter: Value) -> Value {
    socket.ask("feed.subscribe", json!({ "table": table, "filter": filter })).await
}

async fn changed(socket: &mut Socket) -> Value {
    socket.event("feed.changed", |_| true).await
}

async fn label(rest: &Rest, name: &str) -> String {
    let made = rest.post("/v1/labels", json!({ "name": name, "color": "#1f6feb" })).await;
    made["id"].as_str().expect("an id").to_owned()
}

/// A conversation with a customer's message.
async fn conversation(server: &Server, account: &Account) -> String {
    let meta = account.whatsapp().await;
    let mut agent = open(server, &account.admin).await;
    agent.ask("inbox.subscribe", json!({})).await;
    assert_eq!(meta.post(&server.base, &meta.messages(&[("wamid.1", "hello")])).await, 200);
    let event = agent.event("inbox.event", |event| event["event"]["type"] == "messageCreated").await;
    event["event"]["conversation"]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn rows_come_change_and_go_on_every_instance() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let (mut here, mut there) = (open(&a, &account.admin).await, open(&b, &account.admin).await);
    for socket in [&mut here, &mut there] {
        let followed = follow(socket, "labels", json!({})).await;
        assert_eq!((&followed["feed"], &followed["recovered"]), (&json!("labels"), &json!(true)));
    }
    let id = label(&account.admin, "VIP").await;
    account.admin.patch(&format!("/v1/labels/{id}"), json!({ "name": "Very important" })).await;
    // Nothing is different: nothing is told.
    account.admin.patch(&format!("/v1/labels/{id}"), json!({ "name": "Very important" })).await;
    account.admin.delete(&format!("/v1/labels/{id}")).await;
    for socket in [&mut here, &mut there] {
        let inserted = changed(socket).await;
        assert_eq!((&inserted["operation"], &inserted["id"]), (&json!("insert"), &json!(id)));
        assert_eq!((&inserted["row"]["name"], &inserted["row"]["color"]), (&json!("VIP"), &json!("#1f6feb")));
        assert_eq!(inserted["row"].as_object().map(serde_json::Map::len), Some(3), "{inserted}");
        let updated = changed(socket).await;
        assert_eq!((&updated["operation"], &updated["changed"]), (&json!("update"), &json!(["name"])));
        let deleted = changed(socket).await;
        assert_eq!((&deleted["operation"], &deleted["id"]), (&json!("delete"), &json!(id)));
        assert!(deleted.get("row").is_none());
        let seqs = [&inserted, &updated, &deleted].map(|change| change["seq"].as_u64().expect("a number"));
        assert!(seqs.is_sorted(), "{seqs:?}");
    }
}

/// The example of the protocol: my conversations.
#[tokio::test]
async fn a_filter_shows_rows_that_come_into_it_and_leave_it() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let id = conversation(&server, &account).await;
    let mut ada = open(&server, &account.admin).await;
    let me = json!({ "assigneeId": account.admin.user });
    let followed = follow(&mut ada, "conversations", me.clone()).await;
    let path = format!("/v1/conversations/{id}");
    account.admin.patch(&path, json!({ "priority": "high" })).await;
    account.admin.patch(&path, json!({ "assigneeId": account.admin.user })).await;
    account.admin.patch(&path, json!({ "status": "pending" })).await;
    account.admin.patch(&path, json!({ "assigneeId": null })).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let change = changed(&mut ada).await;
        assert_eq!((&change["feed"], &change["id"]), (&followed["feed"], &json!(id)));
        seen.push((
            change["operation"].as_str().expect("an operation").to_owned(),
            change["row"]["status"].clone(),
        ));
    }
    let expected = [("insert", json!("open")), ("update", json!("pending")), ("delete", Value::Null)]
        .map(|(name, row)| (name.to_owned(), row));
    assert_eq!(seen, expected);
    let same = ada.ask("feed.subscribe", json!({ "table": "conversations", "filter": me })).await;
    assert_eq!(same["feed"], followed["feed"]);
    ada.ask("feed.unsubscribe", json!({ "feed": followed["feed"] })).await;
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed_or_is_told_to_read_again() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let mut ada = open(&server, &account.admin).await;
    let seq = follow(&mut ada, "labels", json!({})).await["seq"].clone();
    drop(ada);
    let team = json!({ "name": "not a label" });
    account.admin.post("/v1/teams", team).await;
    let ids = [label(&account.admin, "one").await, label(&account.admin, "two").await];
    let mut ada = open(&server, &account.admin).await;
    let resume = json!({ "table": "labels", "after": seq });
    let back = ada.ask("feed.subscribe", resume.clone()).await;
    assert_eq!(back["recovered"], true);
    let missed: Vec<_> =
        back["changes"].as_array().expect("changes").iter().map(|change| &change["id"]).collect();
    assert_eq!(missed, ids.iter().collect::<Vec<_>>());
    let next = label(&account.admin, "three").await;
    assert_eq!(changed(&mut ada).await["id"], json!(next));

    // A day later nothing of it is left.
    installation.database.as_owner("DELETE FROM changes").await;
    let back = ada.ask("feed.subscribe", resume).await;
    assert_eq!((&back["recovered"], &back["changes"]), (&json!(false), &json!([])));
    let future = json!({ "table": "labels", "after": 1_000_000 });
    assert_eq!(ada.ask("feed.subscribe", future).await["recovered"], false);
}

/// 500 rows of 60 KB are looked through, none of which is for who comes back. Passes for the wrong reason if they
/// were not: the last change behind them is told.
#[tokio::test]
async fn a_long_way_back_over_long_rows_costs_little_memory() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let mut ada = open(&server, &account.admin).await;
    let seq = follow(&mut ada, "labels", json!({})).await["seq"].clone();
    drop(ada);
    let long_rows = "
        INSERT INTO changes (account_id, seq, table_name, operation, row_id, after, at)
            SELECT account_id, last_seq + n, 'messages', 'insert', gen_random_uuid(),
                   jsonb_build_object('id', gen_random_uuid(), 'conversationId', gen_random_uuid(),
                       'direction', 'inbound', 'authorId', NULL, 'text', repeat('x', 60000), 'attachments', '[]'::jsonb,
                       'status', 'delivered', 'error', NULL, 'createdAt', now()), now()
            FROM change_sequences, generate_series(1, 500) AS n;
        UPDATE change_sequences SET last_seq = last_seq + 500";
    installation.database.as_owner(long_rows).await;
    let last = label(&account.admin, "last").await;
    let mut ada = open(&server, &account.admin).await;
    kernel::forget_peak(&server);
    let before = kernel::peak_kib(&server);
    let back = ada.ask("feed.subscribe", json!({ "table": "labels", "after": seq })).await;
    let grown = kernel::peak_kib(&server) - before;
    assert_eq!((&back["recovered"], &back["changes"][0]["id"]), (&json!(true), &json!(last)), "{back}");
    assert!(grown < 16 * 1024, "{grown} KiB");
}

/// After a time in which nobody followed, and nothing was recorded, nobody is told that they missed nothing.
#[tokio::test]
async fn what_was_not_recorded_is_a_gap() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let mut ada = open(&server, &account.admin).await;
    let seq = follow(&mut ada, "labels", json!({})).await["seq"].clone();
    installation
        .database
        .as_owner("UPDATE change_sequences SET followed_until = now() - interval '1 hour'")
        .await;
    drop(ada);
    label(&account.admin, "unrecorded").await;
    let other = installation.server();
    let mut ada = open(&other, &account.admin).await;
    let back = ada.ask("feed.subscribe", json!({ "table": "labels", "after": seq })).await;
    assert_eq!(back["recovered"], false);
}

/// Whoever is told to be following misses nothing that is committed from then on: writers never pause.
#[tokio::test]
async fn subscribed_is_said_only_when_it_is_true() {
    let installation = Installation::new().await;
    let server = installation.server();
    let mut rounds = 0;
    for round in 0..8 {
        let account = installation.account(&format!("acme{round}"), &server).await;
        let rest = account.admin.clone();
        let writer = async {
            let mut made = Vec::new();
            for n in 0..60 {
                made.push(label(&rest, &format!("label {n}")).await);
            }
            made
        };
        let follower = async {
            let mut socket = open(&server, &account.admin).await;
            for _ in 0..round {
                socket.ask("connection.refresh", json!({ "token": account.admin.token })).await;
            }
            follow(&mut socket, "labels", json!({})).await;
            // What is there now was committed before this was asked, or is told.
            let there = account.admin.get("/v1/labels?limit=100").await;
            (socket, there)
        };
        let (made, (mut socket, there)) = tokio::join!(writer, follower);
        let mut known: BTreeSet<String> = there["items"]
            .as_array()
            .expect("labels")
            .iter()
            .map(|label| label["id"].as_str().expect("an id").to_owned())
            .collect();
        rounds += usize::from(known.len() < made.len());
        let last = made.last().expect("labels");
        if !known.contains(last) {
            loop {
                let id = changed(&mut socket).await["id"].as_str().expect("an id").to_owned();
                let is_last = id == *last;
                known.insert(id);
                if is_last {
                    break;
                }
            }
        }
        let missed: Vec<_> = made.iter().filter(|id| !known.contains(*id)).collect();
        assert!(missed.is_empty(), "round {round} missed {missed:?}");
    }
    assert!(rounds > 0, "nobody subscribed while others wrote");
}

/// One writer per connection, rows of the same names in two accounts: each sees its own, in the order of commit.
#[tokio::test]
async fn changes_are_told_in_order_and_never_to_another_account() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let accounts = [installation.account("acme", &a).await, installation.account("umbrella", &b).await];
    let tables =
        ["labels", "teams", "contacts", "cannedResponses", "users", "auditEntries", "rooms", "channels"];
    let mut sockets = Vec::new();
    for (account, server) in accounts.iter().zip([&b, &a]) {
        let mut socket = open(server, &account.admin).await;
        for table in tables {
            follow(&mut socket, table, json!({})).await;
        }
        sockets.push(socket);
    }
    let work = async |rest: Rest, worker: usize| {
        for n in 0..10 {
            let name = format!("thing {worker} {n}");
            let id = label(&rest, &name).await;
            rest.post("/v1/teams", json!({ "name": name })).await;
            rest.post("/v1/contacts", json!({ "name": name })).await;
            rest.patch(&format!("/v1/labels/{id}"), json!({ "color": "#ffffff" })).await;
        }
    };
    let rest = |at: usize| accounts[at].admin.clone();
    tokio::join!(work(rest(0), 1), work(rest(0), 2), work(rest(1), 1), work(rest(1), 2));
    for (socket, account) in sockets.iter_mut().zip(&accounts) {
        let marker = label(&account.admin, "last").await;
        let own = installation.database.contents(account_of(socket)).await;
        let own = serde_json::to_string(&own).expect("JSON");
        let (mut last, mut colors, mut count) = (0, BTreeMap::new(), 0);
        loop {
            let change = changed(socket).await;
            let (seq, id) =
                (change["seq"].as_u64().expect("a number"), change["id"].as_str().expect("an id").to_owned());
            assert!(seq > last, "{seq} after {last}");
            last = seq;
            count += 1;
            assert!(own.contains(&id), "{id} is another account's: {change}");
            if change["feed"] == "labels" {
                // An update never comes before the insertion it changes.
                let known = colors.insert(id.clone(), change["row"]["color"].clone());
                assert_eq!(known.is_some(), change["operation"] == "update", "{change}");
            }
            if id == marker {
                break;
            }
        }
        assert_eq!(count, 2 * 10 * 4 + 1);
    }
}

fn account_of(socket: &Socket) -> common::id::AccountId {
    socket.opened["accountId"].as_str().expect("an account").parse().expect("an id")
}

#[tokio::test]
async fn tables_filters_and_permissions_are_checked_and_secrets_are_never_told() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let mut ada = open(&server, &account.admin).await;
    for (params, code) in [
        (json!({ "table": "apiKeys" }), "resource.notFound"),
        (json!({ "table": "canned_responses" }), "resource.notFound"),
        (json!({ "table": "refresh_tokens" }), "resource.notFound"),
        (json!({ "table": "labels; DROP TABLE labels" }), "resource.notFound"),
        (json!({ "table": "labels", "filter": { "account_id": "x" } }), "protocol.invalidParams"),
        (json!({ "table": "users", "filter": { "passwordHash": "x" } }), "protocol.invalidParams"),
        (json!({ "table": "labels", "filter": { "name": [1] } }), "protocol.invalidParams"),
    ] {
        let refused = ada.try_ask("feed.subscribe", params.clone()).await.expect_err("it is refused");
        assert_eq!(refused["data"]["code"], code, "{params}");
    }
    let email = account.user("Ben").await;
    let agent = Rest::sign_in(&server.base, &email, PASSWORD).await;
    let mut ben = open(&server, &agent).await;
    for table in ["webhooks", "auditEntries", "rooms"] {
        let refused =
            ben.try_ask("feed.subscribe", json!({ "table": table })).await.expect_err("it is refused");
        assert_eq!(refused["data"]["code"], "auth.forbidden", "{table}");
    }
    for table in ["channels", "users", "webhooks"] {
        follow(&mut ada, table, json!({})).await;
    }
    account.whatsapp().await;
    let channel = changed(&mut ada).await;
    let members: BTreeSet<&str> =
        channel["row"].as_object().expect("a row").keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["disabledAt", "id", "kind", "name", "phoneNumberId", "webhookPath"]));
    account.user("Cleo").await;
    let user = changed(&mut ada).await;
    assert_eq!(user["row"]["name"], "Cleo");
    assert!(!user.to_string().contains("argon2"), "{user}");
}

/// Not through us: a script that writes to the database is told like all else, and so is what is erased.
#[tokio::test]
async fn other_writers_are_heard_and_what_is_erased_is_kept_nowhere() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let mut ada = open(&server, &account.admin).await;
    let seq = follow(&mut ada, "contacts", json!({})).await["seq"].clone();
    let contact = account.admin.post("/v1/contacts", json!({ "name": "Grace Hopper" })).await;
    let id = contact["id"].as_str().expect("an id");
    changed(&mut ada).await;
    let rename = format!("UPDATE contacts SET name = 'Admiral Hopper' WHERE id = '{id}'");
    installation.database.as_owner(&rename).await;
    let update = changed(&mut ada).await;
    assert_eq!(update["row"]["name"], "Admiral Hopper");
    account.admin.call(Method::DELETE, &format!("/v1/contacts/{id}"), None).await;
    let gone = changed(&mut ada).await;
    assert_eq!((&gone["operation"], &gone["id"]), (&json!("delete"), &json!(id)));
    let back = ada.ask("feed.subscribe", json!({ "table": "contacts", "after": seq })).await;
    assert!(!back.to_string().contains("Hopper"), "{back}");
    let kept = installation.database.contents(account_of(&ada)).await["changes"].to_string();
    assert!(kept.contains(id) && !kept.contains("Hopper"), "{kept}");
}
