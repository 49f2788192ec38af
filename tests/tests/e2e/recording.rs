//! A call is recorded: everybody is told, and the files are what was sent.

use super::lobby::{Lobby, all_see_and_hear, quit};
use local_services::scratch::Scratch;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use switchboard_tests::{
    PATIENCE, browser::Browser, eventually, installation::Installation, provided, rest::Rest,
};
use tokio::process::Command;

/// How far apart what was sent and what is played may be: sound comes in packets, and pictures not at an even rate.
const DEVIATION: f64 = 0.5;

/// Each of the two sends both.
const TRACKS: usize = 4;

/// Begins a recording; its path.
async fn begin(rest: &Rest, room: &str) -> String {
    let recordings = format!("/v1/rooms/{room}/recordings");
    let (status, begun) = rest.call(Method::POST, &recordings, None).await;
    assert_eq!(status, StatusCode::CREATED, "{begun}");
    format!("{recordings}/{}", begun["id"].as_str().expect("an id"))
}

/// Somebody who may moderate the room, in its call.
async fn moderator(lobby: &Lobby, name: &str) -> Browser {
    let browser = lobby.enter(name).await;
    let rest = &lobby.account.admin;
    let users = rest.get("/v1/users").await;
    let user = users["items"].as_array().expect("users").iter().find(|user| user["name"] == name);
    let member = format!(
        "/v1/rooms/{}/members/{}",
        lobby.room,
        user.expect("the user")["id"].as_str().expect("an id")
    );
    let (status, answer) = rest.call(Method::PUT, &member, None).await;
    assert!(status.is_success(), "{answer}");
    let (status, answer) = rest.call(Method::PATCH, &member, Some(json!({ "role": "moderator" }))).await;
    assert!(status.is_success(), "{answer}");
    browser.join_call().await;
    browser
}

/// Begins a recording from the call; its path.
async fn begin_from_the_call(browser: &Browser, rest: &Rest, room: &str) -> String {
    browser.click("call-moderate").await;
    browser.click("call-record").await;
    sees_mark(browser, true).await;
    let recordings = format!("/v1/rooms/{room}/recordings");
    let listed = rest.get(&recordings).await;
    format!("{recordings}/{}", listed["items"][0]["id"].as_str().expect("an id"))
}

/// The dialog from which it was begun shows what was recorded.
async fn sees_files(browser: &Browser) {
    browser.click("recording-files").await;
    let files = "document.querySelectorAll('[data-testid=\"recording-file\"]').length";
    browser.until(&format!("{files} === {TRACKS}")).await;
    browser.screenshot("call-recordings").await;
}

/// Waits until a recording has some seconds of everything: so much as no fewer make.
async fn until_much_is_written(installation: &Installation, recording: &str) {
    let id = recording.rsplit('/').next().expect("an id");
    let is_much = |(name, bytes): &(String, u64)| match name.rsplit_once('.') {
        Some((_, "ogg")) => *bytes > 12_000,
        Some((_, "webm")) => *bytes > 60_000,
        Some(_) | None => false,
    };
    eventually("some seconds of each track are written", PATIENCE, async || {
        let mut files = installation.recordings.files();
        files.retain(|path| path.iter().any(|part| part == id));
        let files = files
            .into_iter()
            .filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path.metadata().ok()?.len())));
        files.filter(is_much).count() == TRACKS
    })
    .await;
}

/// Waits until a recording is stored, with this status; what it says.
async fn stored(rest: &Rest, recording: &str, status: &str) -> Value {
    eventually("the recording is stored", PATIENCE, async || {
        let (found, _) = rest.call(Method::GET, &format!("{recording}/manifest"), None).await;
        found == StatusCode::OK
    })
    .await;
    assert_eq!(rest.get(recording).await["status"], status);
    rest.get(&format!("{recording}/manifest")).await
}

/// What another player makes of the file of a track.
async fn played(rest: &Rest, recording: &str, track: &Value) -> Value {
    let name = track["file"].as_str().expect("a file");
    let (status, _, bytes) = rest.file(&format!("{recording}/files/{name}")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(track["sizeBytes"], json!(bytes.len()));
    let folder = Scratch::new().expect("a directory");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("it can be written");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/recording/probe.py");
    let probe = Command::new(provided("SWITCHBOARD_TEST_AIORTC")).arg(script).arg(&path).output().await;
    let probe = probe.expect("Python runs");
    assert!(probe.status.success(), "{name}: {}", String::from_utf8_lossy(&probe.stderr));
    serde_json::from_slice(&probe.stdout).expect("JSON")
}

/// Holds what is played of a track to what its manifest says, and to what somebody has heard and seen at least.
fn check(track: &Value, played: &Value, least: Duration) {
    let (format, codec) = match track["codec"].as_str().expect("a codec") {
        "Opus" => ("ogg", "opus"),
        "VP8" => ("matroska,webm", "vp8"),
        other => panic!("{other} is not written"),
    };
    assert_eq!(played["format"], format, "{played}");
    assert!(played["codec"].as_str().expect("a codec").contains(codec), "{played}");
    let seconds = |value: &Value| value.as_f64().expect("seconds");
    assert!(seconds(&played["begins"]).abs() < DEVIATION, "{played}");
    let length = seconds(&played["ends"]);
    assert!(length > least.as_secs_f64(), "{track} is played as {played}");
    if let Some(duration) = track["durationMs"].as_f64().filter(|ms| *ms > 0.0) {
        assert!((length - duration / 1_000.0).abs() < DEVIATION, "{track} is played as {played}");
    }
}

async fn sees_mark(browser: &Browser, is_there: bool) {
    let mark = "document.querySelector('[data-testid=\"call-recorded\"]')";
    let told = "[...document.querySelectorAll('.call [aria-live]')].map(node => node.textContent)";
    let says = if is_there { "This call is recorded" } else { "This call is not recorded any more" };
    browser.until(&format!("{mark}.checkVisibility() === {is_there} && {told}.includes('{says}')")).await;
}

/// Two who talked directly are moved to the server and told; what they sent is played by FFmpeg. Then the server is killed
/// in the middle of another recording, whose files are found by the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_two_is_recorded_and_what_was_sent_is_played_though_the_server_was_killed() {
    let lobby = Lobby::open().await;
    let rest = &lobby.account.admin;
    let (ada, ben) = (moderator(&lobby, "Ada").await, lobby.call("Ben").await);
    all_see_and_hear(&[&ada, &ben], "peerToPeer").await;
    let recording = begin_from_the_call(&ada, rest, &lobby.room).await;
    for browser in [&ada, &ben] {
        sees_mark(browser, true).await;
    }
    all_see_and_hear(&[&ada, &ben], "server").await;
    ada.screenshot("call-recorded").await;
    until_much_is_written(&lobby.installation, &recording).await;
    ada.click("call-record").await;
    for browser in [&ada, &ben] {
        sees_mark(browser, false).await;
    }
    let manifest = stored(rest, &recording, "ended").await;
    let tracks = manifest["tracks"].as_array().expect("tracks");
    let sources: BTreeSet<(&str, &str)> = tracks
        .iter()
        .map(|track| (track["name"].as_str().expect("a name"), track["source"].as_str().expect("a source")))
        .collect();
    let everything = [("Ada", "camera"), ("Ada", "microphone"), ("Ben", "camera"), ("Ben", "microphone")];
    assert_eq!((tracks.len(), sources), (TRACKS, BTreeSet::from(everything)), "{manifest}");
    for track in tracks {
        check(track, &played(rest, &recording, track).await, Duration::from_secs(1));
    }
    sees_files(&ada).await;

    let cut_off = begin(rest, &lobby.room).await;
    until_much_is_written(&lobby.installation, &cut_off).await;
    let Lobby { driver, server, account, room, installation } = lobby;
    server.kill();
    let server = installation.server();
    let rest = &account.admin.at(&server.base);
    let manifest = stored(rest, &cut_off, "interrupted").await;
    assert_eq!((&manifest["endReason"], &manifest["roomId"]), (&json!("interrupted"), &json!(room)));
    let tracks = manifest["tracks"].as_array().expect("tracks");
    assert_eq!(tracks.len(), TRACKS, "{manifest}");
    for track in tracks {
        check(track, &played(rest, &cut_off, track).await, Duration::from_secs(1));
    }
    eventually("what is stored is removed from where it was recorded", PATIENCE, async || {
        let files = installation.recordings.files();
        files.iter().all(|path| path.ends_with("lock"))
    })
    .await;
    quit([ada, ben]).await;
    drop((driver, server));
}
