//! Snoozed conversations come back by themselves, or when the customer writes.

use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use switchboard_tests::{installation::Installation, socket::Socket};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

#[expect(clippy::disallowed_methods, reason = "the server lives in the world's time")]
fn after(delay: Duration) -> String {
    (OffsetDateTime::now_utc() + delay).format(&Rfc3339).expect("a time")
}

#[tokio::test]
async fn a_snoozed_conversation_comes_back_in_time_or_with_the_customer() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let meta = account.whatsapp().await;
    let mut agent = Socket::open(&b.base, &account.admin.token).await;
    agent.ask("inbox.subscribe", json!({})).await;
    assert_eq!(meta.post(&a.base, &meta.messages(&[("wamid.1", "Later, please")])).await, 200);
    let created = agent.event("inbox.event", |_| true).await;
    let path =
        format!("/v1/conversations/{}", created["event"]["conversation"]["id"].as_str().expect("an id"));
    let snooze = async |until: String| {
        let body = json!({ "status": "snoozed", "snoozedUntil": until });
        let (status, answer) = account.admin.call(Method::PATCH, &path, Some(body)).await;
        assert_eq!((status.as_u16(), &answer["status"]), (200, &json!("snoozed")), "{answer}");
    };
    let status = |wanted: &'static str| {
        move |event: &serde_json::Value| event["event"]["conversation"]["status"] == wanted
    };
    snooze(after(Duration::from_secs(2))).await;
    agent.event("inbox.event", status("snoozed")).await;
    let back = agent.event("inbox.event", status("open")).await;
    assert_eq!(back["event"]["type"], "conversationUpdated");

    snooze(after(Duration::from_secs(3600))).await;
    agent.event("inbox.event", status("snoozed")).await;
    assert_eq!(meta.post(&a.base, &meta.messages(&[("wamid.2", "Now!")])).await, 200);
    let back = agent.event("inbox.event", status("open")).await;
    assert_eq!((&back["event"]["type"], &back["seq"]), (&json!("messageCreated"), &json!(5)));
}
