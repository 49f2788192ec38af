//! What is measured of a call, as REST shows it: on the instance that has the call, and on another.

use common::protocol::media::TrackSource;
use local_services::ports;
use serde_json::{Value, json};
use std::time::Duration;
use switchboard_tests::{
    PATIENCE, eventually,
    installation::Installation,
    native::{Camera, Kind, Participant},
    rest,
};
use tokio::task::JoinHandle;

/// Sends 100 packets a second until aborted.
#[expect(clippy::disallowed_methods, reason = "the test aborts it")]
fn send(mut camera: Camera) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut beat = tokio::time::interval(Duration::from_millis(10));
        loop {
            beat.tick().await;
            camera.send(700).await;
        }
    })
}

fn ids(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("a page");
    items.iter().filter_map(|one| one["connectionId"].as_str()).collect()
}

#[tokio::test]
async fn whoever_looks_at_a_call_sees_what_goes_in_and_out_of_it_and_why_no_more() {
    let installation = Installation::new().await.clustered();
    let (server, other) = (installation.server(), installation.server());
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let admin = account.admin.at(&other.base);
    let path = format!("/v1/rooms/{room}/statistics");
    assert_eq!(admin.get(&path).await, json!({ "items": [], "next": null }), "there is no call");

    let join = async || Participant::join(&server.base, &account.admin.token, &room).await;
    let (mut ada, mut ben) = (join().await, join().await);
    let directly = admin.get(&path).await;
    assert_eq!(ids(&directly).len(), 2, "{directly}");
    assert_eq!(
        directly["items"][0]["transports"],
        json!([]),
        "the server has nothing to do with their media"
    );

    let cleo = join().await;
    ada.publish_from(&[TrackSource::Camera]).await;
    let sender = send(ada.camera(Kind::Video));
    ben.receive(&[ada.id()], 1).await;
    ben.hear(PATIENCE).await.expect("packets come");
    let (ada_is, ben_is) = (ada.id().to_string(), ben.id().to_string());
    let one = async |who: &str| admin.get(&format!("{path}/{who}")).await;
    eventually("what Ben gets is counted, and he has said how it arrives", PATIENCE, async || {
        let got = &one(&ben_is).await["outboundRtp"][0];
        got["packetsSent"].as_u64() > Some(100) && got["remoteInboundRtp"]["packetsLost"] == 0
    })
    .await;
    let (sends, gets) = (one(&ada_is).await, one(&ben_is).await);
    let (sent, got) = (&sends["inboundRtp"][0], &gets["outboundRtp"][0]);
    assert_eq!(
        (&sent["source"], &sent["mimeType"], &sent["active"]),
        (&json!("camera"), &json!("video/VP8"), &json!(true))
    );
    assert_eq!((&got["trackId"], &got["kind"]), (&sent["trackId"], &json!("video")));
    assert_eq!(got["reason"], "best", "{got}");
    let connected = |all: &Value, purpose: &str| {
        let mut all = all["transports"].as_array().expect("transports").iter();
        all.any(|it| {
            it["purpose"] == purpose && it["dtlsState"] == "connected" && it["srtpCipher"].is_string()
        })
    };
    assert!(connected(&sends, "publish") && connected(&gets, "subscribe"), "{sends} {gets}");

    let first = admin.get(&format!("{path}?limit=2")).await;
    let rest = admin.get(&format!("{path}?limit=2&cursor={}", first["next"].as_str().expect("more"))).await;
    assert_eq!(rest["next"], Value::Null);
    let mut listed = [ids(&first), ids(&rest)].concat();
    assert_eq!(listed.len(), 3);
    listed.dedup();
    assert!([ada.id(), ben.id(), cleo.id()].iter().all(|id| listed.contains(&&*id.to_string())));
    assert!(first["items"].as_array().expect("a page").iter().all(|one| one.get("outboundRtp").is_none()));
    sender.abort();
}

/// The value of a metric, over all shards.
fn figure(figures: &str, name: &str, labels: &[&str]) -> f64 {
    let of = figures.lines().filter(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'))
            && labels.iter().all(|label| line.contains(label))
    });
    of.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Passes for the wrong reason if figures grew with how many tracks there are: the series are counted, with two more.
#[tokio::test]
async fn what_calls_carry_is_in_the_metrics_by_kind_and_direction_and_never_by_track() {
    let mut installation = Installation::new().await;
    let door = ports::free().expect("a port");
    installation.set("SWITCHBOARD_HTTP__METRICS_LISTEN", &door.to_string());
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let read = async || {
        let answer = rest::client().get(format!("http://{door}/metrics")).send().await.expect("an answer");
        answer.text().await.expect("text")
    };
    let join = async || Participant::join(&server.base, &account.admin.token, &room).await;
    let (mut ada, mut ben, _cleo) = (join().await, join().await, join().await);
    ada.publish_from(&[TrackSource::Camera, TrackSource::Microphone]).await;
    let mut senders = vec![send(ada.camera(Kind::Video)), send(ada.camera(Kind::Audio))];
    ben.receive(&[ada.id()], 2).await;
    ben.hear(PATIENCE).await.expect("packets come");
    let counts = async |figures: &str| {
        ["audio", "video"].iter().all(|kind| {
            let kind = format!("kind=\"{kind}\"");
            ["inbound", "outbound"].iter().all(|direction| {
                let labels = [&*kind, &format!("direction=\"{direction}\"")];
                figure(figures, "sfu_rtp_packets_total", &labels) > 100.0
                    && figure(figures, "sfu_rtp_bytes_total", &labels) > 70_000.0
                    && figure(figures, "sfu_rtp_jitter_seconds_count", &labels) > 0.0
                    && figure(figures, "sfu_rtp_fraction_lost_count", &labels) > 0.0
            })
        })
    };
    eventually("both kinds are counted both ways", PATIENCE, async || counts(&read().await).await).await;
    eventually("and why Ben gets no more of the picture", PATIENCE, async || {
        figure(&read().await, "sfu_subscriptions_told", &["reason=\"best\"", "layer=\"0\""]) >= 1.0
    })
    .await;
    let figures = read().await;
    assert!(figure(&figures, "sfu_rtp_key_frames_total", &[]) > 100.0, "every packet begins one");
    let series = |figures: &str| figures.lines().filter(|line| line.starts_with("sfu_")).count();
    let before = series(&figures);
    ben.publish_from(&[TrackSource::Camera, TrackSource::Microphone]).await;
    senders.extend([send(ben.camera(Kind::Video)), send(ben.camera(Kind::Audio))]);
    eventually("two more come in", PATIENCE, async || figure(&read().await, "sfu_publications", &[]) > 3.0)
        .await;
    // For so long that what is counted of them is there, too: it is once a second.
    let packets = async || figure(&read().await, "sfu_rtp_packets_total", &["direction=\"inbound\""]);
    let first = packets().await;
    eventually("they are counted", PATIENCE, async || packets().await > first + 2_000.0).await;
    assert_eq!(series(&read().await), before);
    senders.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn nobody_sees_anothers_call_and_who_is_not_in_it_is_not_found() {
    let installation = Installation::new().await;
    let server = installation.server();
    let (account, stranger) =
        (installation.account("acme", &server).await, installation.account("other", &server).await);
    let room = account.room("Lobby").await;
    let ada = Participant::join(&server.base, &account.admin.token, &room).await;
    let path = format!("/v1/rooms/{room}/statistics");
    for path in [path.clone(), format!("{path}/{}", ada.id())] {
        assert!(!stranger.admin.can_get(&path).await, "{path}");
    }
    assert!(!account.admin.can_get(&format!("{path}/{room}")).await);
    assert_eq!(account.admin.get(&format!("{path}/{}", ada.id())).await["outboundRtp"], json!([]));
}
