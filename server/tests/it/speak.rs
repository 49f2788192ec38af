//! What is said in rooms over REST.

use crate::harness::{Server, Tenant};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use bus::{Delivery, Subscription};
use common::subject::hub::{RoomNews, RoomTopic};
use serde_json::json;
use std::time::Duration;
use store::outbox;
use tokio::time::timeout;

/// How long news may take. It only bounds failure.
const PATIENCE: Duration = Duration::from_secs(20);

fn say(a: &Tenant, text: &str, key: &str) -> Request<Body> {
    Request::post(format!("/v1/rooms/{}/messages", a.room))
        .header(header::AUTHORIZATION, format!("Bearer {}", a.token))
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", key)
        .body(Body::from(json!({ "text": text }).to_string()))
        .unwrap()
}

/// The number of the next message that the room hears.
async fn heard(news: &mut Subscription<RoomNews>) -> u64 {
    let delivery = timeout(PATIENCE, news.next()).await.unwrap().unwrap();
    let Delivery::Message(RoomNews::Posted(message)) = delivery else {
        panic!("nothing else is said there: {delivery:?}")
    };
    message.seq
}

#[tokio::test]
async fn what_is_kept_is_told_though_the_client_hangs_up_while_it_is_committed() {
    const WAIT_AT_COMMIT: &str = "CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM FROM inbox_sequences FOR NO KEY UPDATE; RETURN NULL; END';
         CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT ON room_messages
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_at_commit()";
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let mut news = server.bus.subscribe(&RoomTopic(a.room)).await.unwrap();
    server.db.as_owner(WAIT_AT_COMMIT).await;
    let mut held = server.db.store.tenant(a.account).await.unwrap();
    outbox::lock(&mut held).await.unwrap();
    tokio::select! {
        answer = server.send(say(&a, "hello", "key")) => panic!("it cannot be committed: {}", answer.body),
        () = server.db.until_one_waits() => {}
    }
    drop(held);
    assert_eq!(heard(&mut news).await, 2);
}

#[tokio::test]
async fn what_is_said_again_under_its_key_is_told_again() {
    let server = Server::start().await;
    let a = server.tenant("a").await;
    let mut news = server.bus.subscribe(&RoomTopic(a.room)).await.unwrap();
    for _ in 0..2 {
        let answer = server.send(say(&a, "once", "key")).await;
        assert_eq!((answer.status, &answer.body["seq"]), (StatusCode::CREATED, &json!(2)));
        assert_eq!(heard(&mut news).await, 2);
    }
}
