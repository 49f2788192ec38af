//! The identity of a track: what keeps it, what ends it, and what nobody can claim.

use super::tracks::id_of;
use serde_json::{Value, json};
use switchboard_tests::{installation::Installation, server::Server, socket::Socket};

/// An offer with these sections, by mid and kind, of a client that sends in all of them.
fn offer(sections: &[(&str, &str)]) -> String {
    let mids: Vec<&str> = sections.iter().map(|(mid, _)| *mid).collect();
    let mut sdp =
        format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n", mids.join(" "));
    for (mid, kind) in sections {
        let (payload_type, codec) = if *kind == "audio" { (111, "opus/48000/2") } else { (96, "VP8/90000") };
        sdp += &format!(
            "m={kind} 9 UDP/TLS/RTP/SAVPF {payload_type}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:{payload_type} {codec}\r\n"
        );
    }
    sdp
}

/// A device in a room and in its media session.
async fn talking(server: &Server, token: &str, room: &str, previous: Option<&str>) -> (Socket, Value) {
    let mut socket = Socket::open(&server.base, token).await;
    socket.ask("room.join", json!({ "roomId": room })).await;
    let join = json!({ "roomId": room, "previousConnectionId": previous });
    let joined = socket.ask("media.join", join).await;
    (socket, joined)
}

/// What this one is told that another sends, once it is from these sources.
async fn told(socket: &mut Socket, of: &str, sources: &[&str]) -> Value {
    let is_so = |event: &Value| {
        let tracks = event["tracks"].as_array().expect("tracks");
        event["connectionId"] == of && tracks.iter().map(|track| &track["source"]).eq(sources.iter())
    };
    socket.event("media.updated", is_so).await["tracks"].clone()
}

#[tokio::test]
async fn a_track_keeps_its_id_from_the_direct_way_to_the_server_and_to_another_connection_and_a_second_one_has_another()
 {
    let installation = Installation::new().await.clustered();
    let (a, b) = (installation.server(), installation.server());
    let account = installation.account("acme", &a).await;
    let (room, token) = (account.room("Lobby").await, &account.admin.token);
    let (mut ada, _) = talking(&a, token, &room, None).await;
    let (mut ben, _) = talking(&b, token, &room, None).await;
    let ada_id = ada.connection_id();
    let direct =
        json!({ "roomId": room, "tracks": [{ "source": "camera", "muted": true }, { "source": "screen" }] });
    let published = ada.ask("media.publish", direct.clone()).await;
    let seen = told(&mut ben, &ada_id, &["camera", "screen"]).await;
    let ids = |tracks: &Value| ["camera", "screen"].map(|source| id_of(tracks, source));
    assert_eq!(ids(&seen), ids(&published["tracks"]));
    assert_eq!((&seen[0]["muted"], &seen[0]["kind"]), (&json!(true), &json!("video")));

    let (_third, joined) = talking(&a, token, &room, None).await;
    assert_eq!(ids(&joined["state"]["participants"][0]["tracks"]), ids(&seen), "for who comes later");
    let refused = ada.try_ask("media.publish", direct).await.expect_err("the server needs a description");
    assert_eq!(refused["data"]["code"], "media.invalidSdp");
    let described = |tracks: Value| json!({ "roomId": room, "sdp": offer(&[("a", "video"), ("b", "video")]), "tracks": tracks });
    let both = json!([{ "mid": "a", "source": "screen" }, { "mid": "b", "source": "camera" }]);
    let served = ada.ask("media.publish", described(both.clone())).await;
    assert_eq!(ids(&served["tracks"]), ids(&seen));
    let offered = ben.event("media.offer", |_| true).await;
    assert_eq!(ids(&offered["tracks"]), ids(&seen));
    let again = ada.ask("media.publish", described(json!([]))).await;
    assert_eq!(ids(&again["tracks"]), ids(&seen), "a section that is not named goes on");

    // The same person by another connection, on another instance.
    let (mut ada, joined) = talking(&b, token, &room, Some(&ada_id)).await;
    assert_eq!(joined["resumed"], true);
    assert_eq!(ids(&joined["state"]["participants"][0]["tracks"]), ids(&seen));
    let served = ada.ask("media.publish", described(both.clone())).await;
    assert_eq!(ids(&served["tracks"]), ids(&seen));

    // A screen that is shared again is another one.
    let ada_id = ada.connection_id();
    let camera = json!({ "roomId": room, "sdp": offer(&[("b", "video")]), "tracks": [{ "mid": "b", "source": "camera" }] });
    ada.ask("media.publish", camera).await;
    told(&mut ben, &ada_id, &["camera"]).await;
    ada.ask("media.publish", described(both)).await;
    let last = told(&mut ben, &ada_id, &["camera", "screen"]).await;
    assert_eq!(id_of(&last, "camera"), id_of(&seen, "camera"));
    assert_ne!(id_of(&last, "screen"), id_of(&seen, "screen"));
    let mute = json!({ "roomId": room, "tracks": [{ "source": "screen", "muted": true }] });
    ada.ask("media.update", mute).await;
    ben.event("media.updated", |event| event["tracks"][1]["muted"] == true).await;
}

/// Passes for the wrong reason if nobody could publish anything: what is in order is published in the end.
#[tokio::test]
async fn who_names_what_is_not_theirs_or_a_thousand_tracks_is_refused_and_changes_nothing() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let (room, token) = (account.room("Lobby").await, &account.admin.token);
    let (mut ada, _) = talking(&server, token, &room, None).await;
    let (mut eve, _) = talking(&server, token, &room, None).await;
    let (mut ben, _) = talking(&server, token, &room, None).await;
    let publish = |sections: &[(&str, &str)], tracks: Value| json!({ "roomId": room, "sdp": offer(sections), "tracks": tracks });
    let own = publish(&[("ada", "video")], json!([{ "mid": "ada", "source": "screen" }]));
    let published = ada.ask("media.publish", own).await;
    told(&mut ben, &ada.connection_id(), &["screen"]).await;

    let thousand: Vec<Value> =
        (0..1_000).map(|n| json!({ "mid": n.to_string(), "source": "screen" })).collect();
    let five = vec![("x", "audio"), ("y", "video"), ("z", "video"), ("1", "video"), ("2", "video")];
    let names: Vec<String> = (0..255).map(|n| n.to_string()).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "audio")).collect();
    for (params, code) in [
        (publish(&[("eve", "video")], json!([{ "mid": "ada", "source": "screen" }])), "media.unknownMid"),
        (publish(&[("eve", "video")], json!([{ "source": "screen" }])), "media.unknownMid"),
        (
            publish(&[("eve", "video")], json!([{ "mid": "eve", "source": "screenAudio" }])),
            "media.kindMismatch",
        ),
        (publish(&[("eve", "video")], json!(thousand)), "media.duplicateSource"),
        (publish(&five, json!([])), "media.duplicateSource"),
        (publish(&many, json!([])), "media.duplicateSource"),
        (json!({ "roomId": room, "tracks": [{ "source": "screen" }] }), "media.invalidSdp"),
    ] {
        let refused = eve.try_ask("media.publish", params).await.expect_err(code);
        assert_eq!(refused["data"]["code"], code);
    }
    let others = json!({ "roomId": room, "tracks": [{ "source": "screen", "muted": true }] });
    let refused = eve.try_ask("media.update", others).await.expect_err("it is no track of theirs");
    assert_eq!(refused["data"]["code"], "media.unknownTrack");
    let signal = json!({ "roomId": room, "to": ada.connection_id(), "signal": { "kind": "offer", "sdp": "", "tracks": thousand } });
    let refused = eve.try_ask("media.signal", signal).await.expect_err("nobody has so many");
    assert_eq!(refused["data"]["code"], "media.duplicateSource");

    eve.ask("media.publish", publish(&[("eve", "audio")], json!([]))).await;
    let first = ben.event("media.updated", |event| event["connectionId"] == eve.connection_id()).await;
    let sources: Vec<&Value> =
        first["tracks"].as_array().expect("tracks").iter().map(|track| &track["source"]).collect();
    assert_eq!(sources, ["microphone"], "nothing of what was refused was ever told");
    let (_late, joined) = talking(&server, token, &room, None).await;
    let tracks = &joined["state"]["participants"][0]["tracks"];
    assert_eq!(id_of(tracks, "screen"), id_of(&published["tracks"], "screen"), "Ada's is as it was");
}
