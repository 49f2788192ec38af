//! Who is in a call where, for people who follow the list of rooms and have joined none of them.

use super::room_list::{DEATH_PATIENCE, follower, of, person, private_room};
use local_services::{redis::Redis, scratch::Scratch};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use switchboard_tests::{
    browser::{Browser, Driver, Turn},
    installation::{Installation, PASSWORD},
    rest::Rest,
    server::Server,
    socket::Socket,
};
use tokio::time::timeout;

/// How long after an outage every node has said again what it has, and others have believed it.
const OUTAGE_PATIENCE: Duration = Duration::from_secs(60);

/// Waits until so many are said to be in a room's call, and says who.
async fn in_call(socket: &mut Socket, room: &str, count: u32) -> Vec<String> {
    let fits = |event: &Value| of(event, room).is_some_and(|of| of["participantCount"] == count);
    let event = socket.event("rooms.callsChanged", fits).await;
    let names = of(&event, room).expect("it fits")["participants"].as_array().expect("participants").iter();
    names.map(|participant| participant["name"].as_str().expect("a name").to_owned()).collect()
}

/// Waits until so many are said to be in each of these rooms' calls, in one event or in several.
async fn in_calls<const N: usize>(socket: &mut Socket, calls: [(&String, u32); N]) {
    let mut left = calls.to_vec();
    while !left.is_empty() {
        let event = socket.event("rooms.callsChanged", |_| true).await;
        left.retain(|(room, count)| of(&event, room).is_none_or(|of| of["participantCount"] != *count));
    }
}

/// A device in a room and in its media session.
async fn talking(server: &Server, rest: &Rest, room: &str) -> Socket {
    let mut socket = Socket::open(&server.base, &rest.token).await;
    socket.ask("room.join", json!({ "roomId": room })).await;
    socket.ask("media.join", json!({ "roomId": room })).await;
    socket
}

/// Would pass for the wrong reason if Eve were told of no call at all: she is told of the one that she may see.
#[tokio::test]
async fn who_is_in_a_call_is_told_on_another_instance_to_those_alone_who_see_the_room() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let [ben, carl, eve] = [
        person(&account, &a, "Ben").await,
        person(&account, &a, "Carl").await,
        person(&account, &a, "Eve").await,
    ];
    let (lobby, board) = (account.room("Lobby").await, private_room(&account, &[&ben, &carl]).await);
    let (mut desk, mut outsider) = (follower(&b, &ben).await, follower(&b, &eve).await);
    let mut first = talking(&a, &ben, &board).await;
    let mut second = talking(&a, &carl, &board).await;
    let same_user = talking(&a, &carl, &board).await;
    in_call(&mut desk, &board, 2).await;
    let mut late = follower(&b, &carl).await;
    assert_eq!(in_call(&mut late, &board, 2).await, ["Ben", "Carl"], "who follows later");
    let _open = talking(&a, &eve, &lobby).await;
    for socket in [&mut outsider, &mut desk] {
        assert_eq!(in_call(socket, &lobby, 1).await, ["Eve"]);
    }
    assert!(!outsider.has_read("rooms.callsChanged"), "of the other room she was told something");
    // Who is let in sees it, and who is no member any more sees it no longer.
    account.admin.call(Method::PUT, &format!("/v1/rooms/{board}/members/{}", eve.user), None).await;
    in_call(&mut outsider, &board, 2).await;
    account.admin.delete(&format!("/v1/rooms/{board}/members/{}", eve.user)).await;
    assert_eq!(in_call(&mut outsider, &board, 0).await, [] as [&str; 0]);
    // Who is banned sees no call either, until the ban is ended.
    let ban = format!("/v1/rooms/{lobby}/bans/{}", ben.user);
    account.admin.call(Method::PUT, &ban, None).await;
    assert_eq!(in_call(&mut desk, &lobby, 0).await, [] as [&str; 0]);
    account.admin.delete(&ban).await;
    assert_eq!(in_call(&mut desk, &lobby, 1).await, ["Eve"]);
    second.ask("media.leave", json!({ "roomId": board })).await;
    first.ask("media.leave", json!({ "roomId": board })).await;
    drop(same_user);
    in_call(&mut desk, &board, 0).await;
}

/// The instance runs the session, and is gone without a word.
#[tokio::test]
async fn the_call_of_a_killed_media_node_is_not_shown_for_ever() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let room = account.room("Lobby").await;
    let mut desk = follower(&b, &account.admin).await;
    let _ada = talking(&a, &account.admin, &room).await;
    in_call(&mut desk, &room, 1).await;
    a.kill();
    timeout(DEATH_PATIENCE, in_call(&mut desk, &room, 0)).await.expect("in time");
}

#[tokio::test]
async fn a_call_that_began_or_ended_while_redis_was_away_is_told_everywhere_afterwards() {
    let directory = Scratch::new().expect("a directory");
    let mut redis = Redis::start(directory.path()).expect("Redis starts");
    let installation = Installation::new().await.with_own_redis(&redis);
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let (ends, begins) = (account.room("Ends").await, account.room("Begins").await);
    let (mut desk, mut near) = (follower(&b, &account.admin).await, follower(&a, &account.admin).await);
    let mut ada = talking(&a, &account.admin, &ends).await;
    // Its session is this instance's already: while Redis is away, nobody can have another.
    let mut grace = talking(&a, &account.admin, &begins).await;
    for socket in [&mut desk, &mut near] {
        in_calls(socket, [(&ends, 1), (&begins, 1)]).await;
    }
    redis.kill().expect("it was running");
    ada.ask("media.leave", json!({ "roomId": ends })).await;
    let bob = person(&account, &a, "Bob").await;
    let _bob = talking(&a, &bob, &begins).await;
    // Said by then, and not to the other instance.
    in_calls(&mut near, [(&ends, 0), (&begins, 2)]).await;
    redis.restart().expect("Redis starts again");
    let told = in_calls(&mut desk, [(&ends, 0), (&begins, 2)]);
    timeout(OUTAGE_PATIENCE, told).await.expect("in time");
    grace.ask("media.leave", json!({ "roomId": begins })).await;
    drop((a, b));
    redis.kill().expect("it was running");
}

/// Passes for the wrong reason if it went slowly: there are many more changes than seconds.
#[tokio::test]
async fn however_often_people_come_and_go_a_follower_is_told_of_a_call_once_a_second() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let ben = person(&account, &a, "Ben").await;
    let room = account.room("Lobby").await;
    let mut desk = follower(&b, &account.admin).await;
    let began = std::time::Instant::now();
    let _ada = talking(&a, &account.admin, &room).await;
    let mut restless = talking(&a, &ben, &room).await;
    for _ in 0..20 {
        restless.ask("media.leave", json!({ "roomId": room })).await;
        restless.ask("media.join", json!({ "roomId": room })).await;
    }
    restless.ask("media.leave", json!({ "roomId": room })).await;
    let _third = talking(&a, &person(&account, &a, "Carl").await, &room).await;
    let mut frames = 0;
    loop {
        let event = desk.event("rooms.callsChanged", |_| true).await;
        frames += 1;
        let call = of(&event, &room).expect("of no other room");
        if call["participants"].as_array().expect("participants").iter().any(|who| who["name"] == "Carl") {
            break;
        }
    }
    let seconds = began.elapsed().as_secs();
    println!("44 changes in {seconds} s: {frames} frames");
    assert!(frames <= seconds + 2, "{frames} frames in {seconds} s");
}

/// What the console shows of all that, on a desktop and on a phone.
#[tokio::test(flavor = "multi_thread")]
async fn the_console_shows_what_is_unread_and_who_is_in_a_call_in_rooms_that_are_not_joined() {
    let turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let email = account.user("Grace").await;
    let grace = Rest::sign_in(&server.base, &email, PASSWORD).await;
    let (lobby, standup) = (account.room("Lobby").await, account.room("Stand-up").await);
    let board = private_room(&account, &[&grace]).await;
    let driver = Driver::start(turn);
    let browser = Browser::start(&driver).await;
    browser.sign_in(&server.base, &email, PASSWORD).await;
    browser.click_css(&format!("[data-testid='room-item'][data-room-id='{lobby}']")).await;
    browser.see("message-input").await;
    let said = json!({ "text": "@Grace, have you seen the figures?", "mentions": [grace.user] });
    account.admin.post(&format!("/v1/rooms/{board}/messages"), said).await;
    let of_room = |room: &str, test_id: &str| {
        format!(
            "document.querySelector('[data-room-id=\"{room}\"] [data-testid=\"{test_id}\"]:not([hidden])')?.innerText"
        )
    };
    browser.until(&format!("{}?.includes('@ 1')", of_room(&board, "room-unread"))).await;
    let mut people = Vec::new();
    for name in ["Ben", "Carl", "Dora", "Eve"] {
        people.push(talking(&server, &person(&account, &server, name).await, &standup).await);
    }
    let shown = of_room(&standup, "room-call");
    browser.until(&format!("{shown}?.includes('4') && {shown}.includes('Ben, Carl, and 2 others')")).await;
    browser.screenshot("room-list").await;
    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
    browser.devtools("Emulation.setDeviceMetricsOverride", phone).await;
    browser.until("innerWidth === 390 && (location.hash = '#/rooms')").await;
    browser.until(&format!("{shown}?.includes('Ben')")).await;
    browser.screenshot("room-list-phone").await;
    drop(people);
    browser.until(&format!("!{shown}")).await;
    browser.quit().await;
}
