//! The change feed beside the REST layer: one thing has one shape, whichever way it comes.

use crate::harness::{Server, Tenant};
use axum::http::{Method, StatusCode};
use common::{
    id::{ConnectionId, ContactId, RowId, UserId},
    protocol::{
        call::EndReason,
        feed::{Operation, Table},
    },
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use store::{
    calls::{self, Tenure},
    changes,
};

/// The same thing, as the REST layer answers for it: by itself, or as one of a list.
async fn served(server: &Server, tenant: &Tenant, table: Table, row: &Value) -> Value {
    let id = row["id"].as_str().unwrap();
    let conversation = |of: &Value| format!("/v1/conversations/{}", of["conversationId"].as_str().unwrap());
    let path = match table {
        Table::AuditEntries => "/v1/audit-entries?limit=100".to_owned(),
        Table::Calls => format!("/v1/calls/{id}"),
        Table::CannedResponses => format!("/v1/canned-responses/{id}"),
        Table::Channels => format!("/v1/channels/{id}"),
        Table::Contacts => format!("/v1/contacts/{id}"),
        Table::Conversations => format!("/v1/conversations/{id}"),
        Table::Labels => format!("/v1/labels/{id}"),
        Table::Messages => format!("{}/messages", conversation(row)),
        Table::Notes => format!("{}/notes", conversation(row)),
        Table::Rooms => format!("/v1/rooms/{id}"),
        Table::Teams => format!("/v1/teams/{id}"),
        Table::Users => format!("/v1/users/{id}"),
        Table::Webhooks => format!("/v1/webhooks/{id}"),
    };
    let answer = server.get(&path, &tenant.token).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
    match answer.body.get("items").and_then(Value::as_array) {
        Some(items) => items.iter().find(|item| item["id"] == id).cloned().unwrap_or_default(),
        None => answer.body,
    }
}

/// Every thing that the feed tells of is told with the very members and values that REST has of it.
#[tokio::test]
async fn a_row_of_the_feed_is_what_rest_serves() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let mut tx = server.db.store.tenant(a.account).await.unwrap();
    let before = changes::follow(&mut tx).await.unwrap();
    tx.commit().await.unwrap();

    let things = server.things(&a).await;
    let conversation = format!("/v1/conversations/{}", a.conversation);
    let change = async |path: &str, body: Value| {
        let changed = server.call(Method::PATCH, path, &a.token, Some(&body)).await;
        assert_eq!(changed.status, StatusCode::OK, "{path}: {}", changed.body);
        changed.body
    };
    let labelled = json!({ "labelIds": [things.id("/v1/labels/{id}")], "teamId": things.id("/v1/teams/{id}"), "assigneeId": a.user, "priority": "high",
                           "status": "snoozed", "snoozedUntil": "2999-01-01T00:00:00.5Z", "attributes": { "plan": [1] } });
    let contact = change(&conversation, labelled).await["contact"]["id"].as_str().unwrap().to_owned();
    change(&format!("/v1/rooms/{}", a.room), json!({ "name": "closed one" })).await;
    server.post(&format!("/v1/rooms/{}/close", a.room), &a.token, json!({})).await;
    change(&things.path("/v1/users/{id}"), json!({ "roleId": things.id("/v1/roles/{id}") })).await;
    change(&things.path("/v1/roles/{id}"), json!({ "permissions": ["calls.read", "rooms.read"] })).await;
    change(
        &things.path("/v1/webhooks/{id}"),
        json!({ "events": ["noteCreated", "messageCreated"], "enabled": false }),
    )
    .await;
    change(&format!("/v1/channels/{}", things.unused_channel), json!({ "enabled": false })).await;
    change(&things.path("/v1/contacts/{id}"), json!({ "email": "w@example.com", "attributes": { "x": 1 } }))
        .await;
    let reply =
        server.post(&format!("{conversation}/messages"), &a.token, json!({ "text": "on its way" })).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
    // The conversation's customer is somebody who stands for it from now on.
    let merged = format!("{}/merges", things.path("/v1/contacts/{id}"));
    let merged = server.post(&merged, &a.token, json!({ "loserId": contact })).await;
    assert_eq!(merged.status, StatusCode::CREATED, "{}", merged.body);
    change(&things.path("/v1/contacts/{id}"), json!({ "name": "Rear Admiral" })).await;
    let call = server.get(&things.path("/v1/calls/{id}"), &a.token).await.body;
    let callee: UserId = call["participants"][1]["userId"].as_str().unwrap().parse().unwrap();
    let mut tx = server.db.store.tenant(a.account).await.unwrap();
    let tenure = Tenure { call: things.id("/v1/calls/{id}").parse().unwrap(), epoch: 0 };
    let device = ConnectionId::generate(&*server.clock);
    assert!(calls::answer(&mut tx, tenure, callee, device, &*server.clock).await.unwrap());
    assert!(calls::end(&mut tx, tenure, EndReason::HungUp, &*server.clock).await.unwrap().is_some());
    tx.commit().await.unwrap();

    let mut tx = server.db.store.tenant(a.account).await.unwrap();
    let recorded = changes::after(&mut tx, before, 10_000).await.unwrap();
    drop(tx);
    let latest = recorded.last().unwrap().seq;
    assert_eq!(recorded.len(), usize::try_from(latest - before).unwrap(), "each is readable");
    let mut rows: BTreeMap<(Table, RowId), Value> = BTreeMap::new();
    for change in recorded {
        let members: BTreeSet<&str> = changes::members(change.table).iter().copied().collect();
        assert!(change.before.keys().all(|name| members.contains(name.as_str())), "{change:?}");
        if change.operation == Operation::Delete {
            rows.remove(&(change.table, change.id));
        } else {
            rows.insert((change.table, change.id), Value::Object(change.after));
        }
    }
    let tables: BTreeSet<Table> = rows.keys().map(|(table, _)| *table).collect();
    assert_eq!(tables, Table::ALL.iter().copied().collect(), "there is one of each");
    for ((table, id), row) in &rows {
        assert_eq!(row, &served(&server, &a, *table, row).await, "{table:?} {id}");
        // What may be left out of REST's JSON is no row's member here, and a filter may name nothing else.
        let mut members: BTreeSet<&str> = changes::members(*table).iter().copied().collect();
        members.retain(|member| *member != "truncated");
        assert_eq!(row.as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>(), members);
    }
    let winner: ContactId = things.id("/v1/contacts/{id}").parse().unwrap();
    let customer = &rows[&(Table::Conversations, a.conversation.as_uuid().into())]["contact"];
    assert_eq!(customer, &json!({ "id": winner, "name": "Rear Admiral" }));
}
