//! A call of six: three in browsers, and three whose devices replay a recorded camera in three encodings and a voice.

use super::lobby::{Lobby, quit, sees_and_hears};
use futures_util::future::{join_all, select_all};
use serde_json::json;
use switchboard_tests::{
    MEDIA_PATIENCE, browser::Browser, eventually, installation::PASSWORD, native::Participant, rest::Rest,
};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

/// How wide the largest of the recorded encodings is.
const WIDE: u32 = 640;

/// A device, and what it replays until that is dropped.
type Device = (Participant, AbortOnDropHandle<()>);

async fn replays(lobby: &Lobby, name: &str) -> Device {
    let base = &lobby.server.base;
    let rest = Rest::sign_in(base, &lobby.account.user(name).await, PASSWORD).await;
    let mut device = Participant::join(base, &rest.token, &lobby.room).await;
    let sending = device.replay().await;
    (device, sending)
}

/// Does this, and meanwhile answers the server's pings for the devices.
async fn meanwhile<T>(devices: &mut [Device], work: impl Future<Output = T>) -> T {
    let idle = select_all(devices.iter_mut().map(|(device, _)| Box::pin(device.socket.idle())));
    tokio::select! {
        done = work => done,
        (never, ..) = idle => match never {},
    }
}

fn tile(name: &str) -> String {
    format!(
        "[...document.querySelectorAll('.tile')].find(tile => tile.querySelector('figcaption span').innerText === {})",
        json!(name)
    )
}

/// The width of the picture of somebody as it comes.
fn width(name: &str) -> String {
    format!("{}.querySelector('video.current').videoWidth", tile(name))
}

/// Who is in the call.
async fn ids(lobby: &Lobby) -> Vec<Uuid> {
    let seen = lobby.account.admin.get(&format!("/v1/rooms/{}/statistics", lobby.room)).await;
    let all = seen["items"].as_array().expect("a page").iter();
    all.map(|one| one["connectionId"].as_str().expect("an id").parse().expect("an id")).collect()
}

/// Whoever is pinned is seen as well as they can be, and the others as they are shown: small.
async fn pins(browser: &Browser) {
    browser
        .until(&format!("({}.querySelector('[data-testid=\"tile-pin\"]').click(), true)", tile("Dan")))
        .await;
    let [dan, eva, finn] = ["Dan", "Eva", "Finn"].map(width);
    browser.until(&format!("{dan} === {WIDE} && {eva} < {WIDE} && {finn} < {WIDE}")).await;
    sees_and_hears(browser, 5, "server").await;
    browser.screenshot("six-with-one-pinned").await;
}

/// Waits until a device sends all that it replays, and has got something of all that the others send, and every voice.
/// Pictures may pause: on a machine without idle time packets arrive as over a network that carries little.
async fn gets_everything(lobby: &Lobby, id: Uuid) {
    let path = format!("/v1/rooms/{}/statistics/{id}", lobby.room);
    eventually("the device sends and gets all there is", MEDIA_PATIENCE, async || {
        let seen = lobby.account.admin.get(&path).await;
        let all = |name: &str| seen[name].as_array().expect("streams").clone();
        let (sent, got) = (all("inboundRtp"), all("outboundRtp"));
        let active = sent.iter().filter(|one| one["active"] == true).count();
        let begun = got.iter().filter(|one| one["packetsSent"].as_u64() > Some(20)).count();
        let voices = got.iter().filter(|one| one["kind"] == "audio" && one["layer"].is_object()).count();
        (active, got.len(), begun, voices) == (4, 10, 10, 5)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_in_browsers_and_three_devices_see_and_hear_each_other_as_large_as_they_are_shown() {
    let lobby = Lobby::open().await;
    let [ada, ben, cleo] = [lobby.call("Ada").await, lobby.call("Ben").await, lobby.call("Cleo").await];
    let mut devices =
        [replays(&lobby, "Dan").await, replays(&lobby, "Eva").await, replays(&lobby, "Finn").await];
    let browsers = [&ada, &ben, &cleo];
    let known: Vec<Uuid> = devices.iter().map(|(device, _)| device.id()).collect();
    let mut everybody = known.clone();
    everybody.extend(ids(&lobby).await.into_iter().filter(|id| !known.contains(id)));
    assert_eq!(everybody.len(), 6, "{everybody:?}");
    join_all(devices.iter_mut().map(async |(device, _)| {
        let others: Vec<Uuid> = everybody.iter().copied().filter(|id| *id != device.id()).collect();
        device.receive(&others, 2).await;
    }))
    .await;
    meanwhile(&mut devices, async {
        for browser in browsers {
            sees_and_hears(browser, 5, "server").await;
        }
        ada.screenshot("six-in-a-call").await;
        pins(&ada).await;
        for id in &known {
            gets_everything(&lobby, *id).await;
        }
    })
    .await;

    let mut rest = devices.into_iter();
    let (device, sending) = rest.next().expect("three devices");
    drop(sending);
    device.leave().await;
    let mut rest: Vec<Device> = rest.collect();
    meanwhile(&mut rest, async {
        for browser in browsers {
            sees_and_hears(browser, 4, "server").await;
        }
    })
    .await;
    quit([ada, ben, cleo]).await;
}
