//! Calls that are handed over to another room, and invitations that are taken back.

use crate::{
    lobby::{enter, sees_and_hears},
    parties::{Call, hears, meet, party, record, talking},
};
use serde_json::{Value, json};
use switchboard_tests::{
    browser::{Driver, Turn},
    installation::{Installation, PASSWORD},
    rest::Rest,
    server::Server,
    socket::Socket,
};

fn code(refused: Result<Value, Value>) -> Value {
    refused.expect_err("it is refused")["data"]["code"].clone()
}

/// A room in whose media session Dora is.
async fn met_by_dora(call: &Call, server: &Server) -> (String, Socket) {
    let dora = Rest::sign_in(&server.base, &call.account.user("Dora").await, PASSWORD).await;
    let room = call.account.room("Support").await;
    let mut socket = Socket::open(&server.base, &dora.token).await;
    meet(&mut socket, &room).await;
    (room, socket)
}

fn answer(call: &Call, room: &str, is_there: bool) -> Value {
    json!({ "callId": call.id, "roomId": room, "isThere": is_there })
}

#[tokio::test]
async fn a_call_is_handed_over_to_a_room_in_which_somebody_is_and_nobody_is_let_go_of_before() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let mut call = talking(&installation, &a, &b).await;
    let (room, mut dora) = met_by_dora(&call, &a).await;
    let transfer = json!({ "callId": call.id, "roomId": room });
    let started = call.ada_socket.ask("call.transferToRoom", transfer.clone()).await;
    assert_eq!((&started["callId"], &started["answerTimeMs"]), (&call.id, &json!(20_000)));
    call.ada_socket.ask("call.transferToRoom", transfer).await;
    let told = call.ben_socket.event("call.transferring", |event| event["callId"] == call.id).await;
    let ada = &call.account.admin;
    assert_eq!((&told["roomId"], &told["by"]), (&json!(room), &json!(ada.user)));
    assert_eq!(record(&call.account, &call.id).await["endedAt"], Value::Null, "he is not there yet");

    meet(&mut call.ben_socket, &room).await;
    let is_two = |event: &Value| event["state"]["participants"].as_array().map(Vec::len) == Some(2);
    dora.event("media.changed", is_two).await;
    let there = answer(&call, &room, true);
    call.ben_socket.ask("call.answerTransfer", there.clone()).await;
    for socket in [&mut call.ada_socket, &mut call.ben_socket] {
        assert_eq!(socket.event("call.ended", |_| true).await["reason"], "transferred");
    }
    assert_eq!(code(call.ben_socket.try_ask("call.answerTransfer", there).await), "call.over");
    let record = record(&call.account, &call.id).await;
    assert_eq!(record["outcome"], "transferred");
    for user in [&ada.user, &call.ben.user] {
        let part = party(&record, "participants", user);
        assert_eq!(
            (&part["outcome"], &part["transferredTo"]),
            (&json!("transferred"), &json!(room)),
            "{part}"
        );
    }
}

#[tokio::test]
async fn nobody_is_handed_over_to_where_nobody_is_or_where_they_may_not_go() {
    let installation = Installation::new().await;
    let server = installation.server();
    let mut call = talking(&installation, &server, &server).await;
    let (room, mut dora) = met_by_dora(&call, &server).await;
    let to = |room: &str| json!({ "callId": call.id, "roomId": room });
    let empty = call.account.room("Empty").await;
    let closed = call.account.admin.post("/v1/rooms", json!({ "name": "Board", "private": true })).await;
    let closed = closed["id"].as_str().expect("an id").to_owned();
    assert_eq!(code(call.ada_socket.try_ask("call.transferToRoom", to(&empty)).await), "call.unreachable");
    assert_eq!(code(call.ada_socket.try_ask("call.transferToRoom", to(&closed)).await), "call.unreachable");
    assert_eq!(code(call.ben_socket.try_ask("call.transferToRoom", to(&closed)).await), "resource.notFound");
    let same = call.ada_socket.try_ask("call.transferToRoom", to(&call.room)).await;
    assert_eq!(code(same), "protocol.invalidParams");
    assert_eq!(code(call.carl_socket.try_ask("call.transferToRoom", to(&room)).await), "call.over");

    // He cannot go there after all, and both talk on.
    call.ada_socket.ask("call.transferToRoom", to(&room)).await;
    assert_eq!(code(call.ben_socket.try_ask("call.transferToRoom", to(&room)).await), "call.wrongState");
    call.ben_socket.event("call.transferring", |_| true).await;
    call.ben_socket.ask("call.answerTransfer", answer(&call, &room, false)).await;
    let failed = call.ada_socket.event("call.transferFailed", |_| true).await;
    assert_eq!((&failed["roomId"], &failed["userId"]), (&json!(room), &json!(call.ben.user)));
    let late = call.ben_socket.try_ask("call.answerTransfer", answer(&call, &room, true)).await;
    assert_eq!(code(late), "call.wrongState");

    // Who hangs up at once has handed it over; he is let go of once he is there.
    dora.ask("media.leave", json!({ "roomId": room })).await;
    assert_eq!(code(call.ada_socket.try_ask("call.transferToRoom", to(&room)).await), "call.unreachable");
    meet(&mut dora, &room).await;
    call.ada_socket.ask("call.transferToRoom", to(&room)).await;
    call.ada_socket.ask("call.hangUp", json!({ "callId": call.id })).await;
    assert_eq!(call.ada_socket.event("call.ended", |_| true).await["reason"], "transferred");
    call.ben_socket.event("call.transferring", |_| true).await;
    call.ben_socket.ask("call.answerTransfer", answer(&call, &room, true)).await;
    assert_eq!(call.ben_socket.event("call.ended", |_| true).await["reason"], "transferred");
}

#[tokio::test]
async fn a_call_that_is_being_handed_over_is_so_when_the_instance_that_runs_it_is_killed() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    // Ada's instance runs it, and dies.
    let mut call = talking(&installation, &b, &a).await;
    let (room, _dora) = met_by_dora(&call, &a).await;
    let transfer = json!({ "callId": call.id, "roomId": room });
    call.ada_socket.ask("call.transferToRoom", transfer).await;
    call.ben_socket.event("call.transferring", |_| true).await;
    b.kill();
    call.ben_socket.event("call.transferring", |event| event["roomId"] == room).await;
    meet(&mut call.ben_socket, &room).await;
    call.ben_socket.ask("call.answerTransfer", answer(&call, &room, true)).await;
    let record = call.ben.get(&format!("/v1/calls/{}", call.id.as_str().expect("an id"))).await;
    assert_eq!(party(&record, "participants", &call.ben.user)["transferredTo"], json!(room), "{record}");
    assert_eq!(record["outcome"], "transferred");
}

#[tokio::test]
async fn an_invitation_is_taken_back_on_all_devices_while_others_ring_on_and_was_missed() {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let mut call = talking(&installation, &a, &b).await;
    let dora = Rest::sign_in(&a.base, &call.account.user("Dora").await, PASSWORD).await;
    let mut dora_socket = Socket::open(&a.base, &dora.token).await;
    let mut carl_phone = Socket::open(&a.base, &call.carl.token).await;
    carl_phone.ask("mailbox.subscribe", json!({})).await;
    for user in [&call.carl.user, &dora.user] {
        call.ben_socket.ask("call.invite", json!({ "callId": call.id, "userId": user })).await;
    }
    for socket in [&mut call.carl_socket, &mut carl_phone, &mut dora_socket] {
        socket.event("call.incoming", |event| event["callId"] == call.id).await;
    }
    let withdraw = |user: &str| json!({ "callId": call.id, "userId": user });
    let carl = call.carl.user.clone();
    assert_eq!(code(dora_socket.try_ask("call.withdraw", withdraw(&carl)).await), "call.notInvited");
    call.ben_socket.ask("call.withdraw", withdraw(&carl)).await;
    for socket in [&mut call.carl_socket, &mut carl_phone] {
        assert_eq!(socket.event("call.ended", |_| true).await["reason"], "cancelled");
    }
    let entry = carl_phone.event("mailbox.entry", |_| true).await;
    assert_eq!((&entry["kind"], &entry["callId"]), (&json!("callMissed"), &call.id), "{entry}");
    let changed = hears(&mut call.ada_socket, &carl, "left").await;
    assert_eq!(party(&changed, "parties", &carl)["reason"], "cancelled");
    assert_eq!(party(&changed, "parties", &dora.user)["state"], "ringing");
    assert_eq!(code(call.ben_socket.try_ask("call.withdraw", withdraw(&carl)).await), "call.wrongState");
    assert_eq!(
        code(call.carl_socket.try_ask("call.accept", json!({ "callId": call.id })).await),
        "call.over"
    );

    // Who called takes back what somebody else has asked; who was rung by somebody else does not.
    dora_socket.ask("call.accept", json!({ "callId": call.id })).await;
    call.ada_socket.ask("call.invite", withdraw(&carl)).await;
    assert_eq!(code(dora_socket.try_ask("call.withdraw", withdraw(&carl)).await), "auth.forbidden");
    call.ada_socket.ask("call.withdraw", withdraw(&carl)).await;
    assert_eq!(call.carl_socket.event("call.ended", |_| true).await["reason"], "cancelled");
}

/// In the console: the one who hands over looks at the other room, and the one who goes there is seen in it.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_on_the_phone_is_handed_over_to_the_call_in_another_room_and_an_invitation_taken_back() {
    let turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let (lobby, support) = (account.room("Lobby").await, account.room("Support").await);
    let dora = Rest::sign_in(&server.base, &account.user("Dora").await, PASSWORD).await;
    let mut dora_socket = Socket::open(&server.base, &dora.token).await;
    dora_socket.ask("room.join", json!({ "roomId": lobby })).await;
    let driver = Driver::start(turn);
    let cleo = enter(&driver, &server.base, &account, "Cleo", &support).await;
    cleo.join_call().await;
    let ben = enter(&driver, &server.base, &account, "Ben", &lobby).await;
    let ada = enter(&driver, &server.base, &account, "Ada", &lobby).await;
    let ring = |name: &str| {
        let found = format!("one => one.innerText.includes('{name}')");
        let rows = "[...document.querySelectorAll('[data-testid=\"member\"]')]";
        let button = format!("{rows}.find({found})?.querySelector('[data-testid=\"call-person\"]')");
        format!("(button => Boolean(button) && (button.click(), true))({button})")
    };
    ada.until(&ring("Ben")).await;
    ben.click("incoming-accept").await;
    for browser in [&ada, &ben] {
        sees_and_hears(browser, 1, "peerToPeer").await;
    }

    ada.until(&ring("Dora")).await;
    dora_socket.event("call.incoming", |_| true).await;
    ada.see("call-rung-one").await;
    ada.screenshot("ringing-too").await;
    ada.click("call-withdraw").await;
    assert_eq!(dora_socket.event("call.ended", |_| true).await["reason"], "cancelled");
    ada.until("!document.querySelector('[data-testid=\"call-rung-one\"]')").await;

    ada.click_css(&format!("[data-testid='room-item'][data-room-id='{support}']")).await;
    ada.see("call-hand-over").await;
    ada.screenshot("hand-over").await;
    ada.click("call-hand-over").await;
    ben.until(&format!("window.switchboard.call()?.roomId === '{support}'")).await;
    ada.until("window.switchboard.call() === null").await;
    for browser in [&ben, &cleo] {
        sees_and_hears(browser, 1, "peerToPeer").await;
    }
    ben.screenshot("handed-over").await;
    for browser in [ada, ben, cleo] {
        browser.quit().await;
    }
}
