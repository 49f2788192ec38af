//! The agents' desk: conversations and where they may go, labels, teams, notes, contacts and search.

use crate::harness::{Server, Tenant};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use store::outbox;

async fn patch(server: &Server, tenant: &Tenant, body: Value) -> crate::harness::Answer {
    let path = format!("/v1/conversations/{}", tenant.conversation);
    server.call(Method::PATCH, &path, &tenant.token, Some(&body)).await
}

async fn make(server: &Server, tenant: &Tenant, path: &str, body: Value) -> String {
    let made = server.post(path, &tenant.token, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{path}: {}", made.body);
    made.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_conversation_goes_where_it_can_and_a_refusal_names_where() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    assert_eq!(patch(&server, &a, json!({ "status": "pending" })).await.body["status"], "pending");
    assert_eq!(patch(&server, &a, json!({ "status": "resolved" })).await.body["status"], "resolved");
    for impossible in ["pending", "snoozed"] {
        let refused =
            patch(&server, &a, json!({ "status": impossible, "snoozedUntil": "2999-01-01T00:00:00Z" })).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "resource.invalidTransition"));
        assert!(
            refused.body["detail"].as_str().unwrap().ends_with("resolved can become open"),
            "{}",
            refused.body
        );
    }
    assert_eq!(patch(&server, &a, json!({ "status": "open" })).await.body["status"], "open");
    for without_time in [
        json!({ "status": "snoozed" }),
        json!({ "status": "snoozed", "snoozedUntil": "2001-01-01T00:00:00Z" }),
        json!({ "snoozedUntil": "2999-01-01T00:00:00Z" }),
    ] {
        assert_eq!(patch(&server, &a, without_time).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let snoozed =
        patch(&server, &a, json!({ "status": "snoozed", "snoozedUntil": "2999-01-01T00:00:00Z" })).await;
    assert_eq!(snoozed.body["snoozedUntil"], "2999-01-01T00:00:00Z");
    let woken = patch(&server, &a, json!({ "status": "open" })).await;
    assert_eq!((&woken.body["status"], &woken.body["snoozedUntil"]), (&json!("open"), &Value::Null));
}

#[tokio::test]
async fn conversations_are_sorted_by_label_team_priority_and_agent() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let b = server.tenant("b").await;
    let label = make(&server, &a, "/v1/labels", json!({ "name": "VIP", "color": "#112233" })).await;
    let team = make(&server, &a, "/v1/teams", json!({ "name": "Billing" })).await;
    let theirs = make(&server, &b, "/v1/labels", json!({ "name": "VIP", "color": "#112233" })).await;
    let change = json!({ "labelIds": [label], "teamId": team, "priority": "high", "assigneeId": a.user,
                         "attributes": { "plan": "gold", "gone": null } });
    let changed = patch(&server, &a, change).await.body;
    assert_eq!((&changed["labelIds"], &changed["attributes"]), (&json!([label]), &json!({ "plan": "gold" })));
    let contact = changed["contact"]["id"].as_str().unwrap();
    for (filter, count) in [
        (format!("labelId={label}"), 1),
        (format!("teamId={team}&status=open"), 1),
        (format!("assigneeId={}&priority=high", a.user), 1),
        (format!("contactId={contact}"), 1),
        ("priority=low".to_owned(), 0),
        (format!("labelId={label}&status=resolved"), 0),
        (format!("labelId={theirs}"), 0),
    ] {
        let page = server.get(&format!("/v1/conversations?{filter}"), &a.token).await;
        assert_eq!(page.body["items"].as_array().map(Vec::len), Some(count), "{filter}: {}", page.body);
    }
    for unknown in
        [json!({ "labelIds": [theirs] }), json!({ "teamId": theirs }), json!({ "assigneeId": b.user })]
    {
        assert_eq!(patch(&server, &a, unknown).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let big = json!({ "attributes": { "x": "y".repeat(17 * 1024) } });
    assert_eq!(patch(&server, &a, big).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // A label that is deleted leaves its conversations; a team that is in use stays.
    let path = format!("/v1/labels/{label}");
    assert_eq!(server.call(Method::DELETE, &path, &a.token, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(patch(&server, &a, json!({})).await.body["labelIds"], json!([]));
    let path = format!("/v1/teams/{team}");
    assert_eq!(server.call(Method::DELETE, &path, &a.token, None).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_team_has_the_members_it_is_given() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let b = server.tenant("b").await;
    let team = make(&server, &a, "/v1/teams", json!({ "name": "Billing" })).await;
    let path = format!("/v1/teams/{team}/members");
    let set = async |users: Value| {
        server.call(Method::PUT, &path, &a.token, Some(&json!({ "userIds": users }))).await
    };
    assert_eq!(set(json!([a.user, a.user])).await.body["userIds"], json!([a.user]));
    assert_eq!(set(json!([b.user])).await.status, StatusCode::CONFLICT);
    assert_eq!(server.get(&path, &a.token).await.body["userIds"], json!([a.user]), "nothing was changed");
    assert_eq!(set(json!([])).await.body["userIds"], json!([]));
    let again = server.post("/v1/teams", &a.token, json!({ "name": "Billing" })).await;
    assert_eq!((again.status, again.code()), (StatusCode::CONFLICT, "resource.conflict"));
}

#[tokio::test]
async fn notes_are_told_to_the_inbox_and_changed_by_their_author_only() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let things = server.things(&a).await;
    let path = things.path("/v1/conversations/{id}/notes/{note}");
    let changed = server.call(Method::PATCH, &path, &a.token, Some(&json!({ "text": "very careful" }))).await;
    assert_eq!(changed.body["text"], "very careful");
    let other = server
        .token(a.account, things.id("/v1/users/{id}").parse().unwrap(), common::token::Role::User)
        .await;
    for method in [Method::PATCH, Method::DELETE] {
        let body = (method == Method::PATCH).then(|| json!({ "text": "x" }));
        let refused = server.call(method, &path, &other, body.as_ref()).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "auth.forbidden"));
    }
    assert_eq!(server.call(Method::DELETE, &path, &a.token, None).await.status, StatusCode::NO_CONTENT);
    let list = format!("/v1/conversations/{}/notes", a.conversation);
    assert_eq!(server.get(&list, &a.token).await.body["items"], json!([]));
    let mut tx = server.db.store.tenant(a.account).await.unwrap();
    // The customer's message, an agent's, and a note that was created, changed and deleted.
    assert_eq!(outbox::last_seq(&mut tx).await.unwrap(), 5);
}

#[tokio::test]
async fn merged_contacts_are_shown_as_one_until_that_is_taken_back() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let new = json!({ "name": "Grace H.", "email": "grace@example.com", "phone": "+49 151 0000", "attributes": { "vip": true } });
    let winner = make(&server, &a, "/v1/contacts", new).await;
    let conversation = format!("/v1/conversations/{}", a.conversation);
    let loser = server.get(&conversation, &a.token).await.body["contact"]["id"].as_str().unwrap().to_owned();
    let before = server.get(&format!("/v1/contacts/{winner}"), &a.token).await.body;
    let merges = format!("/v1/contacts/{winner}/merges");
    let merge = make(&server, &a, &merges, json!({ "loserId": loser })).await;
    assert_eq!(
        server.get(&conversation, &a.token).await.body["contact"],
        json!({ "id": winner, "name": "Grace H." })
    );
    let shown = server.get(&format!("/v1/contacts/{winner}"), &a.token).await.body;
    assert_eq!(shown["identities"][0]["value"], "4915112345678");
    let all = server.get("/v1/contacts", &a.token).await.body;
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "the loser is not listed");
    let of_winner = server.get(&format!("/v1/conversations?contactId={winner}"), &a.token).await.body;
    assert_eq!(of_winner["items"].as_array().unwrap().len(), 1);
    for impossible in [&loser, &winner] {
        let refused = server.post(&merges, &a.token, json!({ "loserId": impossible })).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "resource.conflict"));
    }
    // The winner is merged on; that has to be taken back first.
    let third = make(&server, &a, "/v1/contacts", json!({ "name": "Third" })).await;
    let on = make(&server, &a, &format!("/v1/contacts/{third}/merges"), json!({ "loserId": winner })).await;
    assert_eq!(server.get(&conversation, &a.token).await.body["contact"]["id"], json!(third));
    let undo = async |contact: &str, merge: &str| {
        let path = format!("/v1/contacts/{contact}/merges/{merge}");
        server.call(Method::DELETE, &path, &a.token, None).await.status
    };
    assert_eq!(undo(&winner, &merge).await, StatusCode::CONFLICT);
    assert_eq!(undo(&third, &on).await, StatusCode::OK);
    assert_eq!(server.get(&conversation, &a.token).await.body["contact"]["id"], json!(winner));
    assert_eq!(undo(&winner, &merge).await, StatusCode::OK);
    assert_eq!(undo(&winner, &merge).await, StatusCode::CONFLICT);
    assert_eq!(server.get(&format!("/v1/contacts/{winner}"), &a.token).await.body, before);
    assert_eq!(server.get(&conversation, &a.token).await.body["contact"]["id"], json!(loser));
}

#[tokio::test]
async fn contacts_and_messages_are_found_by_the_beginnings_of_their_words() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    for (name, email) in [("Grace Hopper", "grace@navy.example"), ("Grace Kelly", "kelly@film.example")] {
        server.clock.advance(std::time::Duration::from_millis(1));
        make(&server, &a, "/v1/contacts", json!({ "name": name, "email": email })).await;
    }
    let found = async |q: &str| {
        let page = server.get(&format!("/v1/search/contacts?q={q}"), &a.token).await;
        let items = page.body["items"].as_array().unwrap_or_else(|| panic!("{}", page.body)).clone();
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("grac").await, ["Grace Kelly", "Grace Hopper", "Grace"]);
    assert_eq!(found("hop%20GRACE").await, ["Grace Hopper"]);
    assert_eq!(found("kelly%40film").await, ["Grace Kelly"]);
    for nothing in ["", "%26%7C%21", "'%3A*", "nobody"] {
        assert_eq!(found(nothing).await, Vec::<String>::new(), "{nothing}");
    }
    let messages = server.get("/v1/search/messages?q=hel", &a.token).await.body;
    assert_eq!(messages["items"][0]["conversationId"], json!(a.conversation));
    // By what was said, and by who it is with.
    for q in ["hel", "4915112345678", "grace"] {
        let found = server.get(&format!("/v1/search/conversations?q={q}"), &a.token).await.body;
        let ids: Vec<_> = found["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
        let expected = if q.starts_with('4') { vec![] } else { vec![json!(a.conversation)] };
        assert_eq!(ids, expected.iter().collect::<Vec<_>>(), "{q}");
    }
    let long = server.get(&format!("/v1/search/messages?q={}", "x".repeat(300)), &a.token).await;
    assert_eq!(long.status, StatusCode::UNPROCESSABLE_ENTITY);
    let first = server.get("/v1/search/contacts?q=grace&limit=2", &a.token).await.body;
    let next = first["next"].as_str().unwrap();
    let rest = server.get(&format!("/v1/search/contacts?q=grace&limit=2&cursor={next}"), &a.token).await.body;
    assert_eq!((rest["items"][0]["name"].as_str(), &rest["next"]), (Some("Grace"), &Value::Null));
}

#[tokio::test]
async fn contacts_are_listed_by_name_page_by_page() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    for name in ["Zoe", "Ada", "Mia/Lu", "Ada"] {
        make(&server, &a, "/v1/contacts", json!({ "name": name })).await;
    }
    let (mut names, mut next) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/v1/contacts?sort=name&limit=2{next}"), &a.token).await.body;
        let items = page["items"].as_array().unwrap().clone();
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(names, ["Ada", "Ada", "Grace", "Mia/Lu", "Zoe"]);
    let wrong = server.get("/v1/contacts?sort=size", &a.token).await;
    assert_eq!((wrong.status, wrong.code()), (StatusCode::BAD_REQUEST, "request.invalid"));
    let forged = server.get("/v1/contacts?sort=name&cursor=AAAA", &a.token).await;
    assert_eq!(forged.status, StatusCode::BAD_REQUEST);
    let oldest = server.get("/v1/conversations?sort=lastMessageAt", &a.token).await.body;
    assert_eq!(oldest["items"][0]["id"], json!(a.conversation));
}
