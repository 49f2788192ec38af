//! People of whom no device is connected: what reaches them, and what they find when one connects.

use axum::{Json, Router, http::HeaderMap, routing::post};
use reqwest::Method;
use serde_json::{Value, json};
use switchboard_tests::{
    PATIENCE,
    browser::{Browser, Driver, Turn},
    eventually,
    installation::{Account, Installation, PASSWORD},
    push::{Answer, Device, PushService, Pushed},
    rest::Rest,
    server::Server,
    socket::Socket,
};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use uuid::Uuid;

const CONTACT: &str = "mailto:operator@example.com";

/// An installation that knows the service, with a server, an administrator in a room, and Ben.
struct World {
    installation: Installation,
    server: Server,
    account: Account,
    room: String,
    ben: Rest,
    service: PushService,
}

impl World {
    async fn new() -> Self {
        let service = PushService::start().await;
        let mut installation = Installation::new().await;
        installation.set("SWITCHBOARD_NOTIFICATIONS__OWN_PUSH_SERVICE", &service.base);
        installation.set("SWITCHBOARD_NOTIFICATIONS__CONTACT", CONTACT);
        installation.set("SWITCHBOARD_EGRESS__ALLOW", "[\"127.0.0.1/32\"]");
        let server = installation.server();
        let account = installation.account("acme", &server).await;
        let ben = Rest::sign_in(&server.base, &account.user("Ben").await, PASSWORD).await;
        let room = account.room("Lobby").await;
        Self { installation, server, account, room, ben, service }
    }

    async fn subscribe(&self, name: &str) -> Device {
        let device = Device::new(name);
        self.ben.post("/v1/push-subscriptions", device.subscription(&self.service.base)).await;
        device
    }

    async fn ada(&self) -> Socket {
        let mut ada = Socket::open(&self.server.base, &self.account.admin.token).await;
        ada.ask("room.join", json!({ "roomId": self.room })).await;
        ada
    }

    fn ring(&self) -> Value {
        json!({ "roomId": self.room, "userId": self.ben.user, "media": "audio" })
    }

    fn mention(&self) -> Value {
        json!({ "roomId": self.room, "clientId": Uuid::new_v4(), "text": "@Ben secret", "mentions": [self.ben.user] })
    }
}

#[tokio::test]
async fn a_call_rings_on_a_device_that_is_away_until_it_is_over_and_one_that_connects_rings_for_the_rest() {
    let mut world = World::new().await;
    let mut ada = world.ada().await;
    let refused = ada.try_ask("call.ring", world.ring()).await.expect_err("nothing reaches him");
    assert_eq!(refused["data"]["code"], "call.unreachable");
    let key = world.ben.get("/v1/push-key").await["publicKey"].as_str().expect("a key").to_owned();
    assert_eq!(world.ben.get("/v1/push-key").await["publicKey"], json!(key), "it stays the same");
    let phone = world.subscribe("phone").await;
    let ringing = ada.ask("call.ring", world.ring()).await;
    let push = world.service.pushed().await;
    push.check_sender(&world.service.base, &key, CONTACT);
    let said = phone.decrypt(&push);
    assert_eq!((&said["kind"], &said["callId"]), (&json!("callIncoming"), &ringing["callId"]));
    assert_eq!((&said["roomId"], &said["from"]), (&json!(world.room), &json!(world.account.admin.user)));
    assert_eq!(push.header("urgency"), "high");
    assert!((1..=45).contains(&push.ttl()), "{} s", push.ttl());
    let topic = push.header("topic").to_owned();
    assert!(topic.len() <= 32 && said["tag"] == topic);

    let mut ben = Socket::open(&world.server.base, &world.ben.token).await;
    let incoming = ben.event("call.incoming", |_| true).await;
    assert!(incoming["ringTimeMs"].as_u64() < ringing["ringTimeMs"].as_u64());
    assert_eq!(ben.ask("mailbox.subscribe", json!({})).await["entries"], json!([]));
    ada.ask("call.cancel", json!({ "callId": ringing["callId"] })).await;
    let entry = ben.event("mailbox.entry", |_| true).await;
    assert_eq!((&entry["kind"], &entry["callId"]), (&json!("callMissed"), &ringing["callId"]));
    // What is shown on the phone is replaced, although he is connected by now.
    let push = world.service.pushed().await;
    assert_eq!((push.header("topic"), &phone.decrypt(&push)["kind"]), (topic.as_str(), &json!("callMissed")));
    drop(ben);

    // A call that is declined elsewhere is no missed call.
    let mut ben = Socket::open(&world.server.base, &world.ben.token).await;
    let ringing = ada.ask("call.ring", world.ring()).await;
    ben.event("call.incoming", |event| event["callId"] == ringing["callId"]).await;
    ben.ask("call.reject", json!({ "callId": ringing["callId"] })).await;
    ada.event("call.ended", |event| event["callId"] == ringing["callId"]).await;
    let listed = world.ben.get("/v1/me/mailbox").await;
    assert_eq!(listed["items"].as_array().expect("a list").len(), 1, "{listed}");
    assert_eq!(world.service.unread().len(), 0, "he was connected");
}

/// The entry and the push are there although the instance died as soon as it had answered.
#[tokio::test]
async fn a_mention_reaches_who_was_away_although_the_instance_died_and_every_device_knows_what_one_has_seen()
{
    let mut world = World::new().await;
    let phone = world.subscribe("phone").await;
    world.ben.get("/v1/push-key").await;
    let mut ada = world.ada().await;
    ada.ask("room.send", world.mention()).await;
    drop(ada);
    let dead = std::mem::replace(&mut world.server, Server::start(world.installation.environment()));
    dead.kill();
    let push = world.service.pushed().await;
    let said = phone.decrypt(&push);
    assert_eq!((&said["kind"], &said["messageSeq"]), (&json!("mention"), &json!(1)));
    assert!(said.get("text").is_none(), "what was said is nobody's business: {said}");
    assert_eq!(push.header("urgency"), "normal");

    let base = world.server.base.clone();
    let (mut one, mut other) =
        (Socket::open(&base, &world.ben.token).await, Socket::open(&base, &world.ben.token).await);
    for device in [&mut one, &mut other] {
        let mailbox = device.ask("mailbox.subscribe", json!({})).await;
        assert_eq!((&mailbox["seq"], &mailbox["acknowledgedSeq"]), (&json!(1), &json!(0)));
        assert_eq!(
            (&mailbox["entries"][0]["kind"], &mailbox["entries"][0]["read"]),
            (&json!("mention"), &json!(false))
        );
    }
    assert_eq!(one.ask("mailbox.acknowledge", json!({ "seq": 99 })).await["seq"], 1);
    assert_eq!(other.event("mailbox.acknowledged", |_| true).await["seq"], 1);
    let mut ada = world.ada().await;
    ada.ask("room.send", world.mention()).await;
    for device in [&mut one, &mut other] {
        assert_eq!(device.event("mailbox.entry", |_| true).await["seq"], 2);
    }
}

/// What a service answers, and how many pushes there are in the end: those that are tried again come once more.
#[tokio::test]
async fn a_service_that_is_busy_or_hostile_costs_no_device_more_than_its_own_and_one_that_is_gone_is_forgotten()
 {
    let mut world = World::new().await;
    world.ben.get("/v1/push-key").await;
    let direct = format!("/v1/direct-rooms/{}", world.ben.user);
    let (_, direct) = world.account.admin.call(Method::PUT, &direct, Some(json!({}))).await;
    let mut ada = Socket::open(&world.server.base, &world.account.admin.token).await;
    ada.ask("room.join", json!({ "roomId": direct["id"] })).await;
    let phone = world.subscribe("phone").await;
    world.service.answer_next(Answer::Status(429));
    for text in ["one", "two"] {
        let said = json!({ "roomId": direct["id"], "clientId": Uuid::new_v4(), "text": text });
        ada.ask("room.send", said).await;
    }
    let (refused, again) = (world.service.pushed().await, world.service.pushed().await);
    assert_eq!(refused.header("topic"), again.header("topic"));
    let said = phone.decrypt(&again);
    assert_eq!((&said["kind"], &said["messageSeq"]), (&json!("message"), &json!(2)), "both in one");

    let mut caller = world.ada().await;
    for answer in [Answer::Hang, Answer::Flood, Answer::Redirect, Answer::Status(410)] {
        world.service.answer_next(answer);
        let call = caller.ask("call.ring", world.ring()).await;
        let push = world.service.pushed().await;
        assert_eq!(
            phone.decrypt(&push)["callId"],
            call["callId"],
            "{answer:?}: the redirect is not followed"
        );
        caller.ask("call.cancel", json!({ "callId": call["callId"] })).await;
        if answer == Answer::Hang || answer == Answer::Flood || answer == Answer::Redirect {
            // It may be shown: that it rings no longer is said, too.
            let ended = |push: &Pushed| phone.decrypt(push)["kind"] == "callMissed";
            while !ended(&world.service.pushed().await) {}
        }
    }
    let is_gone = async || world.ben.get("/v1/push-subscriptions").await["items"] == json!([]);
    eventually("it is forgotten", PATIENCE, is_gone).await;
    let refused = caller.try_ask("call.ring", world.ring()).await.expect_err("nothing reaches him any more");
    assert_eq!(refused["data"]["code"], "call.unreachable");
}

#[tokio::test]
async fn a_subscription_leads_nowhere_inside_and_has_keys_that_are_some() {
    let world = World::new().await;
    let device = Device::new("phone");
    for service in [
        "http://push.example",
        "https://127.0.0.2",
        "https://169.254.169.254",
        "https://[::1]",
        "https://10.0.0.1",
        "ftp://push.example",
    ] {
        let subscription = device.subscription(service);
        let (status, _) = world.ben.call(Method::POST, "/v1/push-subscriptions", Some(subscription)).await;
        assert_eq!(status, 422, "{service}");
    }
    for (key, value) in [("p256dh", "AAAA"), ("auth", "AAAA"), ("p256dh", &"A".repeat(87))] {
        let mut subscription = device.subscription("https://push.example");
        subscription["keys"][key] = json!(value);
        let (status, _) = world.ben.call(Method::POST, "/v1/push-subscriptions", Some(subscription)).await;
        assert_eq!(status, 422, "{key}");
    }
    let subscription = device.subscription("https://push.example");
    let first = world.ben.post("/v1/push-subscriptions", subscription.clone()).await;
    assert_eq!(first["service"], "push.example");
    let again = world.ben.post("/v1/push-subscriptions", subscription).await;
    let listed = world.ben.get("/v1/push-subscriptions").await["items"].clone();
    assert_eq!(listed, json!([again]), "the endpoint is one device");
    let path = format!("/v1/push-subscriptions/{}", again["id"].as_str().expect("an id"));
    assert_eq!(world.account.admin.call(Method::DELETE, &path, None).await.0, 404, "it is his");
    world.ben.delete(&path).await;
    assert_eq!(world.ben.get("/v1/push-subscriptions").await["items"], json!([]));
}

#[tokio::test]
async fn programs_of_the_account_are_told_who_is_to_be_notified_and_not_of_those_who_may_not_know() {
    let world = World::new().await;
    let (sender, mut told) = mpsc::channel::<(HeaderMap, Value)>(16);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let take = async move |headers: HeaderMap, Json(body): Json<Value>| {
        sender.send((headers, body)).await.expect("the test lives");
    };
    #[expect(clippy::disallowed_methods, reason = "ends with the test")]
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(take))).await });
    let hook =
        json!({ "kind": "standard", "url": format!("http://{address}/"), "events": ["notificationCreated"] });
    world.account.admin.post("/v1/webhooks", hook).await;
    let hidden = json!({ "name": "Hidden", "private": true });
    let hidden =
        world.account.admin.post("/v1/rooms", hidden).await["id"].as_str().expect("an id").to_owned();
    let member = format!("/v1/rooms/{hidden}/members/{}", world.ben.user);
    world.account.admin.call(Method::PUT, &member, Some(json!({}))).await;
    let mut ada = world.ada().await;
    ada.ask("room.join", json!({ "roomId": hidden })).await;
    let mut mention = world.mention();
    mention["roomId"] = json!(hidden);
    ada.ask("room.send", mention).await;
    // Before anybody was notified.
    world.account.admin.delete(&member).await;
    ada.ask("room.send", world.mention()).await;
    let (headers, body) = timeout(PATIENCE, told.recv()).await.expect("in time").expect("it runs");
    assert_eq!((&body["type"], &body["data"]["kind"]), (&json!("notificationCreated"), &json!("mention")));
    assert_eq!(
        (&body["data"]["roomId"], &body["data"]["userId"]),
        (&json!(world.room), &json!(world.ben.user))
    );
    assert!(headers["webhook-signature"].to_str().expect("text").starts_with("v1,"));
    assert!(told.try_recv().is_err(), "of the room that he is out of nothing is said");
}

/// What is shown of whom, by the service worker of this page.
const SHOWN: &str = "navigator.serviceWorker.ready.then((worker) => worker.getNotifications())
    .then((all) => JSON.stringify(all.map(({ title, body, tag, data }) => [title, body, tag, data.roomId])))";

/// In Chromium, whose push service is out of reach here: the browser itself is told what it would have brought.
#[tokio::test]
async fn the_service_worker_shows_what_is_pushed_and_the_bell_what_was_missed() {
    let turn = Turn::take();
    let world = World::new().await;
    let email = world.account.user("Carl").await;
    let carl = Rest::sign_in(&world.server.base, &email, PASSWORD).await;
    let driver = Driver::start(turn);
    let browser = Browser::start(&driver).await;
    let base = &world.server.base;
    browser
        .devtools("Browser.grantPermissions", json!({ "origin": base, "permissions": ["notifications"] }))
        .await;
    browser.sign_in(base, &email, PASSWORD).await;
    browser.until("navigator.serviceWorker.register('worker.js', { type: 'module' }).then(() => true)").await;
    browser.until("navigator.serviceWorker.ready.then(({ active }) => active.state === 'activated')").await;
    browser.devtools("ServiceWorker.enable", json!({})).await;
    for (kind, body) in [("callIncoming", "Is calling you"), ("callMissed", "Missed call")] {
        let notice = json!({ "kind": kind, "name": "Ada", "roomId": world.room, "tag": "call" }).to_string();
        let push = json!({ "origin": base, "registrationId": "0", "data": notice });
        let expected = json!([["Ada", body, "call", world.room]]).to_string();
        // Again until it is heard: a registration is found once it is on the disk. The tag makes it one.
        let is_shown = async || {
            browser.devtools("ServiceWorker.deliverPushMessage", push.clone()).await;
            browser.until(SHOWN).await == expected
        };
        eventually("it is shown", PATIENCE, is_shown).await;
    }

    let mut ada = world.ada().await;
    let ring = json!({ "roomId": world.room, "userId": carl.user, "media": "audio" });
    let ringing = ada.ask("call.ring", ring).await;
    browser.until("document.title.includes('is calling')").await;
    ada.ask("call.cancel", json!({ "callId": ringing["callId"] })).await;
    browser.until("document.querySelector('[data-testid=\"bell-badge\"]')?.innerText === '1'").await;
    assert_eq!(
        browser.until("!document.title.includes('calling') && document.title").await,
        "(1) Switchboard"
    );
    browser.click("bell").await;
    browser
        .until("document.querySelector('[data-testid=\"entry-callMissed\"]')?.innerText.includes('Lobby')")
        .await;
    browser.screenshot("bell").await;
    browser.until("document.querySelector('[data-testid=\"bell-badge\"]')?.hidden").await;
    browser.click("entry-callMissed").await;
    browser.see("message-input").await;
    browser.quit().await;
}
