//! Contacts from files: in batches, with a report on every row.

use crate::harness::{Answer, Server, Tenant};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use common::id::ImportId;
use serde_json::{Value, json};
use std::{fmt::Write as _, time::Duration};
use store::imports::{self, Progress};
use switchboard::importer;

async fn upload(server: &Server, tenant: &Tenant, content_type: &str, file: &str, key: &str) -> Answer {
    let request = Request::post("/v1/contact-imports")
        .header(header::AUTHORIZATION, format!("Bearer {}", tenant.token))
        .header(header::CONTENT_TYPE, content_type)
        .header("idempotency-key", key)
        .body(Body::from(file.to_owned()));
    server.send(request.unwrap()).await
}

fn path(import: &Answer) -> String {
    format!("/v1/contact-imports/{}", import.body["id"].as_str().unwrap())
}

fn counts(import: &Value) -> [u64; 5] {
    ["rows", "done", "created", "updated", "failed"].map(|name| import[name].as_u64().unwrap())
}

#[tokio::test]
async fn a_file_is_worked_on_in_batches_and_its_progress_can_be_read_meanwhile() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let mut file = "name,email,city\n".to_owned();
    for n in 1..=2500 {
        writeln!(file, "Customer {n},customer{n}@example.com,City {n}").unwrap();
    }
    // Row 2501 is nobody, row 2502 is the first once more.
    file += ",,nowhere\nCustomer One,CUSTOMER1@example.com,\n";
    let import = upload(&server, &tenant, "text/csv", &file, "k1").await;
    assert_eq!(import.status, StatusCode::CREATED, "{}", import.body);
    assert_eq!(counts(&import.body), [2502, 1, 0, 0, 1]);
    assert_eq!(import.body["finishedAt"], Value::Null);

    let id: ImportId = import.body["id"].as_str().unwrap().parse().unwrap();
    let mut tx = server.db.store.tenant(tenant.account).await.unwrap();
    let progress = imports::work(&mut tx, id, Duration::ZERO, &*server.clock).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(progress, Progress::Going);
    let going = server.get(&path(&import), &tenant.token).await.body;
    assert_eq!((counts(&going), &going["finishedAt"]), ([2502, 1001, 1000, 0, 1], &Value::Null));

    importer::work_off(&server.db.store, &*server.clock).await.unwrap();
    let done = server.get(&path(&import), &tenant.token).await.body;
    assert_eq!(counts(&done), [2502, 2502, 2500, 1, 1]);
    assert!(done["finishedAt"].is_string());

    let failed = server.get(&format!("{}/rows?outcome=failed", path(&import)), &tenant.token).await.body;
    let why = "The row has neither name nor email nor phone";
    assert_eq!(
        failed["items"],
        json!([{ "number": 2501, "outcome": "failed", "contactId": null, "error": why }])
    );
    let updated = server.get(&format!("{}/rows?outcome=updated", path(&import)), &tenant.token).await.body;
    let first = server.get(&format!("{}/rows?limit=1", path(&import)), &tenant.token).await.body;
    assert_eq!(updated["items"][0]["contactId"], first["items"][0]["contactId"]);
    let contact = format!("/v1/contacts/{}", first["items"][0]["contactId"].as_str().unwrap());
    let contact = server.get(&contact, &tenant.token).await.body;
    assert_eq!(
        (&contact["name"], &contact["attributes"]["city"]),
        (&json!("Customer One"), &json!("City 1"))
    );

    // Every row once, over all pages.
    let (mut numbers, mut next) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{}/rows?limit=100{next}", path(&import)), &tenant.token).await.body;
        numbers.extend(page["items"].as_array().unwrap().iter().map(|row| row["number"].as_u64().unwrap()));
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(numbers, (1..=2502).collect::<Vec<_>>());
    // What the rows said is kept in the contacts alone.
    let rows = server.db.contents(tenant.account).await["import_rows"].to_string();
    assert!(!rows.contains("example.com"));
}

#[tokio::test]
async fn who_is_known_by_email_or_phone_is_changed_and_what_is_absent_stays() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let known = json!({ "name": "Grace", "email": "grace@example.com", "phone": "+1 (555) 0100", "attributes": { "vip": true } });
    let known = server.post("/v1/contacts", &tenant.token, known).await.body;
    let file = concat!(
        "{\"email\":\"Grace@Example.com\",\"attributes\":{\"city\":\"Arlington\"}}\n",
        "{\"phone\":\"1-555-0100\",\"name\":\"Rear Admiral Hopper\"}\n",
        "{\"phone\":\"+44 20 7946 0000\"}\n",
    );
    let import = upload(&server, &tenant, "application/x-ndjson", file, "k1").await;
    importer::work_off(&server.db.store, &*server.clock).await.unwrap();
    let done = server.get(&path(&import), &tenant.token).await.body;
    assert_eq!(counts(&done), [3, 3, 1, 2, 0]);
    let path = format!("/v1/contacts/{}", known["id"].as_str().unwrap());
    let grace = server.get(&path, &tenant.token).await.body;
    assert_eq!(
        (&grace["name"], &grace["email"], &grace["phone"], &grace["attributes"]),
        (
            &json!("Rear Admiral Hopper"),
            &json!("Grace@Example.com"),
            &json!("1-555-0100"),
            &json!({ "vip": true, "city": "Arlington" })
        )
    );
    let found = server.get("/v1/search/contacts?q=7946", &tenant.token).await.body;
    assert_eq!(found["items"][0]["name"], "+44 20 7946 0000");
}

#[tokio::test]
async fn a_file_that_is_sent_again_is_taken_once_and_one_that_cannot_be_used_not_at_all() {
    let server = Server::start().await;
    let tenant = server.tenant("acme").await;
    let first = upload(&server, &tenant, "text/csv", "name\nGrace\n", "k1").await;
    let again = upload(&server, &tenant, "text/csv", "name\nGrace\n", "k1").await;
    assert_eq!(first.body["id"], again.body["id"]);
    let other = upload(&server, &tenant, "text/csv", "name\nAda\n", "k1").await;
    assert_eq!((other.status, other.code()), (StatusCode::CONFLICT, "request.idempotencyMismatch"));
    for (content_type, file, status) in [
        ("application/json", "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("text/csv", "city\nBonn\n", StatusCode::UNPROCESSABLE_ENTITY),
        ("text/csv", "", StatusCode::UNPROCESSABLE_ENTITY),
        ("application/x-ndjson", "\n", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let refused = upload(&server, &tenant, content_type, file, "k2").await;
        assert_eq!(refused.status, status, "{content_type}: {}", refused.body);
    }
    let long = upload(&server, &tenant, "text/csv", &"x".repeat(16 * 1024 * 1024 + 1), "k3").await;
    assert_eq!((long.status, long.code()), (StatusCode::PAYLOAD_TOO_LARGE, "limit.size"));
    let list = server.get("/v1/contact-imports", &tenant.token).await.body;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}
