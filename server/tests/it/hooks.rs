//! What an account sets up: webhooks, its settings, its contacts' names.

use crate::harness::{Answer, Server, Tenant};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;

async fn patch(server: &Server, tenant: &Tenant, path: &str, body: Value) -> Answer {
    server.call(Method::PATCH, path, &tenant.token, Some(&body)).await
}

#[tokio::test]
async fn a_secret_that_is_made_is_shown_once_and_one_that_is_given_never() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let url = "https://hooks.example/x";
    let made = server.post("/v1/webhooks", &a.token, json!({ "kind": "standard", "url": url })).await;
    let secret = made.body["secret"].as_str().unwrap().to_owned();
    // Standard Webhooks: 24 to 64 bytes in base64, behind a prefix.
    let bytes = secret.strip_prefix("whsec_").unwrap().len() * 3 / 4;
    assert!((24..=66).contains(&bytes), "{bytes}");
    let given = json!({ "kind": "standard", "url": url, "secret": "T0P-given" });
    let given = server.post("/v1/webhooks", &a.token, given).await;
    assert_eq!((given.status, given.body.get("secret")), (StatusCode::CREATED, None));
    let path = format!("/v1/webhooks/{}", made.body["id"].as_str().unwrap());
    let changed = patch(&server, &a, &path, json!({ "secret": "T0P-new" })).await;
    assert_eq!((changed.status, changed.body.get("secret")), (StatusCode::OK, None));
    let mut shown = Value::Object(server.db.contents(a.account).await.into_iter().collect()).to_string();
    for path in ["/v1/webhooks", &path, "/v1/audit-entries"] {
        shown += &server.get(path, &a.token).await.body.to_string();
    }
    for secret in [secret.as_str(), "T0P-given", "T0P-new"] {
        assert!(!shown.contains(secret), "{secret} is to be read somewhere");
    }
}

#[tokio::test]
async fn a_webhook_that_could_not_work_is_refused_and_changed_into_none() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let good = json!({ "kind": "n8n", "url": "https://hooks.example/x", "secret": "s" });
    let made = server.post("/v1/webhooks", &a.token, good.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let path = format!("/v1/webhooks/{}", made.body["id"].as_str().unwrap());
    for (field, bad) in [
        ("url", json!("ftp://hooks.example/")),
        ("url", json!("https://user:secret@hooks.example/")),
        ("url", json!("http://127.0.0.1/")),
        ("url", json!("http://169.254.169.254/latest/")),
        ("url", json!("http://[::1]:9/")),
        ("url", json!("")),
        ("secret", json!("")),
        ("secret", json!("two words")),
        ("secret", json!("a\r\nb: c")),
        ("events", json!(["everything"])),
        ("events", json!("messageCreated")),
        ("header", json!("content-length")),
        ("header", json!("x\r\ny")),
        ("kind", json!("zapier")),
        ("events", json!(["roomStarted"])),
    ] {
        let mut body = good.clone();
        body[field] = bad.clone();
        let refused = server.post("/v1/webhooks", &a.token, body).await;
        assert_eq!(
            (refused.status, refused.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"),
            "{field}: {bad}"
        );
        let changed = patch(&server, &a, &path, json!({ field: bad })).await;
        assert_eq!(changed.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {bad}");
    }
    let without = json!({ "kind": "n8n", "url": "https://hooks.example/x" });
    assert_eq!(server.post("/v1/webhooks", &a.token, without).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        server.get("/v1/webhooks", &a.token).await.body["items"],
        json!([made.body]),
        "nothing was made or changed"
    );
}

/// Each numbers its events by itself: among the deliveries of one webhook a number is one event.
#[tokio::test]
async fn a_webhook_is_told_of_the_inbox_or_of_rooms_for_good() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let hook =
        |events: &[&str]| json!({ "kind": "standard", "url": "https://hooks.example/x", "events": events });
    let mixed = server.post("/v1/webhooks", &a.token, hook(&["messageCreated", "roomStarted"])).await;
    assert_eq!((mixed.status, mixed.code()), (StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"));
    for (events, subject, more, other) in [
        (&["roomStarted"][..], "rooms", "recordingReady", "noteCreated"),
        (&["messageCreated"], "inbox", "noteCreated", "participantLeft"),
        (&[], "inbox", "noteCreated", "trackPublished"),
        (&["notificationCreated"], "inbox", "noteCreated", "trackUnpublished"),
    ] {
        let made = server.post("/v1/webhooks", &a.token, hook(events)).await;
        assert_eq!((made.status, &made.body["subject"]), (StatusCode::CREATED, &json!(subject)));
        let path = format!("/v1/webhooks/{}", made.body["id"].as_str().unwrap());
        // Also after a time in which it was told nothing.
        for kept in [json!([]), json!(["notificationCreated"]), json!(["notificationCreated", more])] {
            let changed = patch(&server, &a, &path, json!({ "events": kept })).await;
            assert_eq!((changed.status, &changed.body["subject"]), (StatusCode::OK, &json!(subject)));
            let refused = patch(&server, &a, &path, json!({ "events": [other] })).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{subject} {other}");
        }
    }
}

#[tokio::test]
async fn a_webhook_that_is_off_is_told_nothing_and_nothing_is_told_it_again() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let hook = json!({ "kind": "standard", "url": "https://hooks.example/x", "events": ["noteCreated"] });
    let hook = server.post("/v1/webhooks", &a.token, hook).await.body;
    let path = format!("/v1/webhooks/{}", hook["id"].as_str().unwrap());
    let write = async || {
        let notes = format!("/v1/conversations/{}/notes", a.conversation);
        assert_eq!(server.post(&notes, &a.token, json!({ "text": "x" })).await.status, StatusCode::CREATED);
    };
    let deliveries = async || {
        let list = server.get(&format!("{path}/deliveries"), &a.token).await.body;
        list["items"].as_array().unwrap().clone()
    };
    write().await;
    let first = deliveries().await;
    assert_eq!(first.len(), 1, "{first:?}");
    let replay = format!("{path}/deliveries/{}/replay", first[0]["seq"]);
    let off = patch(&server, &a, &path, json!({ "enabled": false })).await;
    assert!(off.body["disabledAt"].is_string(), "{}", off.body);
    write().await;
    assert_eq!(deliveries().await.len(), 1, "it was off");
    let refused = server.post(&replay, &a.token, json!({})).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "resource.conflict"));
    let on = patch(&server, &a, &path, json!({ "enabled": true })).await;
    assert_eq!(on.body["disabledAt"], Value::Null);
    write().await;
    assert_eq!(deliveries().await.len(), 2, "what happened meanwhile is not made up for");
    assert_eq!(server.post(&replay, &a.token, json!({})).await.status, StatusCode::ACCEPTED);
    for unknown in ["0", "999999", "-1", "x"] {
        let missing = server.post(&format!("{path}/deliveries/{unknown}/replay"), &a.token, json!({})).await;
        assert_eq!(
            (missing.status, missing.code()),
            (StatusCode::NOT_FOUND, "resource.notFound"),
            "{unknown}"
        );
    }
    assert_eq!(server.call(Method::DELETE, &path, &a.token, None).await.status, StatusCode::NO_CONTENT);
    for gone in [&path, &format!("{path}/deliveries")] {
        assert_eq!(server.get(gone, &a.token).await.status, StatusCode::NOT_FOUND, "{gone}");
    }
    assert_eq!(server.post(&replay, &a.token, json!({})).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn settings_of_an_account_are_set_all_together_and_features_one_by_one() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let account = async |body: Value| patch(&server, &a, "/v1/account", body).await;
    let all = json!({ "locale": "de-DE", "timeZone": "Europe/Berlin", "retentionDays": 3650, "namedRooms": "nobody" });
    assert_eq!(account(json!({ "settings": all })).await.body["settings"], all);
    let least = account(json!({ "settings": { "retentionDays": 1 } })).await.body["settings"].clone();
    assert_eq!(
        least,
        json!({ "locale": null, "timeZone": null, "retentionDays": 1, "namedRooms": "creators" }),
        "those left out are gone"
    );
    for bad in [
        json!({ "retentionDays": 0 }),
        json!({ "retentionDays": 3651 }),
        json!({ "retentionDays": -1 }),
        json!({ "locale": "" }),
        json!({ "locale": "two words" }),
        json!({ "timeZone": "x".repeat(65) }),
        json!({ "colour": "red" }),
    ] {
        let refused = account(json!({ "settings": bad })).await;
        assert_eq!(
            (refused.status, refused.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"),
            "{bad}"
        );
    }
    account(json!({ "features": { "calls": true, "beta_2": false } })).await;
    let after = account(json!({ "features": { "calls": false, "new-one": true } })).await.body;
    assert_eq!(after["features"], json!({ "beta_2": false, "calls": false, "new-one": true }));
    for bad in ["Upper", "", "a b", "ä", &"x".repeat(65)] {
        assert_eq!(
            account(json!({ "features": { bad: true } })).await.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{bad}"
        );
    }
    // A hundred in all, those that are there among them.
    let many = |count: usize| (0..count).map(|n| (format!("f{n}"), true)).collect::<BTreeMap<_, _>>();
    assert_eq!(account(json!({ "features": many(98) })).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let most = account(json!({ "features": many(97) })).await;
    assert_eq!(
        (most.status, most.body["features"].as_object().map(serde_json::Map::len)),
        (StatusCode::OK, Some(100))
    );
    assert_eq!((&most.body["settings"], &most.body["id"]), (&least, &json!(a.account)));
}

#[tokio::test]
async fn a_channel_names_one_contact_by_one_name_until_it_is_taken_away() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let make = async |name: &str| {
        let made = server.post("/v1/contacts", &a.token, json!({ "name": name })).await;
        format!("/v1/contacts/{}", made.body["id"].as_str().unwrap())
    };
    let (grace, ada) = (make("Grace").await, make("Ada").await);
    let name = |value: &str| json!({ "channelId": a.channel, "scheme": "phone", "value": value });
    let add = async |contact: &str, body: Value| {
        server.post(&format!("{contact}/identities"), &a.token, body).await
    };
    let remove = async |contact: &str, value: &str| {
        let path = format!("{contact}/identities?channelId={}&scheme=phone&value={value}", a.channel);
        server.call(Method::DELETE, &path, &a.token, None).await.status
    };
    let added = add(&grace, name("15550100")).await;
    assert_eq!(
        (added.status, &added.body["identities"][0]["value"]),
        (StatusCode::CREATED, &json!("15550100"))
    );
    let taken = add(&ada, name("15550100")).await;
    assert_eq!((taken.status, taken.code()), (StatusCode::CONFLICT, "resource.conflict"));
    // The customer who wrote has theirs already.
    assert_eq!(add(&ada, name("4915112345678")).await.status, StatusCode::CONFLICT);
    assert_eq!(remove(&ada, "15550100").await, StatusCode::NOT_FOUND, "it is another's");
    assert_eq!(remove(&grace, "15550100").await, StatusCode::NO_CONTENT);
    assert_eq!(remove(&grace, "15550100").await, StatusCode::NOT_FOUND);
    assert_eq!(add(&ada, name("15550100")).await.status, StatusCode::CREATED, "it is free");
    assert_eq!(server.get(&grace, &a.token).await.body["identities"], json!([]));
    for (body, status) in [
        (json!({ "channelId": a.room, "scheme": "phone", "value": "1" }), StatusCode::CONFLICT),
        (json!({ "channelId": a.channel, "scheme": "", "value": "1" }), StatusCode::UNPROCESSABLE_ENTITY),
        (
            json!({ "channelId": a.channel, "scheme": "two words", "value": "1" }),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            json!({ "channelId": a.channel, "scheme": "phone", "value": " " }),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (json!({ "scheme": "phone", "value": "1" }), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let refused = add(&grace, body.clone()).await;
        assert_eq!(refused.status, status, "{body}: {}", refused.body);
    }
}

/// RFC 7396: absent stays, null goes.
#[tokio::test]
async fn what_is_corrected_about_a_contact_is_that_and_nothing_else() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let made = json!({ "name": " Grace ", "email": "grace@example.com", "phone": "+1 555 0100", "attributes": { "vip": true } });
    let made = server.post("/v1/contacts", &a.token, made).await.body;
    assert_eq!(made["name"], "Grace");
    let path = format!("/v1/contacts/{}", made["id"].as_str().unwrap());
    let told = |body: &Value| json!([body["name"], body["email"], body["phone"], body["attributes"]]);
    for (change, left) in [
        (json!({}), json!(["Grace", "grace@example.com", "+1 555 0100", { "vip": true }])),
        (json!({ "email": null }), json!(["Grace", null, "+1 555 0100", { "vip": true }])),
        (json!({ "name": "Hopper", "phone": "110" }), json!(["Hopper", null, "110", { "vip": true }])),
        (
            json!({ "attributes": { "city": "Bonn", "vip": null } }),
            json!(["Hopper", null, "110", { "city": "Bonn" }]),
        ),
        (
            json!({ "phone": null, "email": "h@x.example" }),
            json!(["Hopper", "h@x.example", null, { "city": "Bonn" }]),
        ),
    ] {
        let changed = patch(&server, &a, &path, change.clone()).await;
        assert_eq!((changed.status, told(&changed.body)), (StatusCode::OK, left), "{change}");
    }
    let before = server.get(&path, &a.token).await.body;
    for bad in [
        json!({ "name": "" }),
        json!({ "email": "h" }),
        json!({ "phone": "call me" }),
        json!({ "attributes": [] }),
    ] {
        let refused = patch(&server, &a, &path, bad.clone()).await;
        assert_eq!(
            (refused.status, refused.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, "request.invalid"),
            "{bad}"
        );
    }
    let big = patch(&server, &a, &path, json!({ "attributes": { "x": "y".repeat(17 * 1024) } })).await;
    assert_eq!(big.status, StatusCode::CONFLICT, "{}", big.body);
    assert_eq!(server.get(&path, &a.token).await.body, before);
}
