//! Several tracks from one participant: a camera and a screen, each with an identity and a source.

use common::protocol::media::TrackSource;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use switchboard_tests::{
    PATIENCE,
    browser::{Browser, Driver, Turn},
    installation::Installation,
    native::{Camera, Heard, Kind, Participant},
};

/// Packets of each track that must arrive in a row.
const RUN: usize = 100;

/// Packets of different tracks are told apart by what they are counted from.
const SCREEN_FIRST: u32 = 1_000_000;

/// Passes for the wrong reason if both were one stream at the receiver: each track of the
/// description carries the numbers of one of the publisher's only, without a gap, and is called what that one is.
#[tokio::test]
async fn a_native_client_gets_camera_and_screen_of_another_apart() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let join = async || Participant::join(&server.base, &account.admin.token, &room).await;
    let (mut ada, mut ben, _third) = (join().await, join().await, join().await);
    // The screen comes first, where a client that says nothing would have its camera.
    let sources = [TrackSource::Microphone, TrackSource::Screen, TrackSource::Camera];
    let published = ada.publish_from(&sources).await;
    let [screen, camera] = <[Camera; 2]>::try_from(ada.cameras(Kind::Video)).ok().expect("two pictures");
    let sender = send([camera, screen.counting_from(SCREEN_FIRST)]);
    let offered = ben.receive(&[ada.id()], 3).await;
    for source in ["microphone", "camera", "screen"] {
        assert_eq!(id_of(&offered, source), id_of(&published, source));
    }
    while ben.hear(Duration::ZERO).await.is_some() {}
    let mut tracks: BTreeMap<String, Vec<Heard>> = BTreeMap::new();
    while tracks.len() < 2 || tracks.values().any(|heard| heard.len() < RUN) {
        let heard = ben.hear(PATIENCE).await.expect("packets keep coming");
        assert_eq!((heard.kind, heard.from), (Kind::Video, ada.id()));
        tracks.entry(heard.track.clone()).or_default().push(heard);
    }
    assert_eq!(tracks.len(), 2, "{:?}", tracks.keys());
    let mut firsts = BTreeSet::new();
    for (track, heard) in &tracks {
        let mut numbers: Vec<u32> = heard.iter().map(|heard| heard.number).collect();
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "each once, none missing");
        let is_screen = numbers[0] >= SCREEN_FIRST;
        firsts.insert(is_screen);
        assert_eq!(*track, id_of(&published, if is_screen { "screen" } else { "camera" }));
        let in_step_with_the_voice = heard.iter().all(|heard| heard.stream == ada.id().to_string());
        assert_eq!(in_step_with_the_voice, !is_screen, "{heard:?}");
    }
    assert_eq!(firsts.len(), 2, "one is the camera and one the screen");
    sender.abort();
}

/// The id that a list of tracks has for a source.
pub(crate) fn id_of(tracks: &Value, source: &str) -> String {
    let mut all = tracks.as_array().expect("tracks").iter();
    let found = all.find(|track| track["source"] == source);
    let found = found.unwrap_or_else(|| panic!("no {source} in {tracks}"));
    found["trackId"].as_str().expect("an id").to_owned()
}

#[expect(clippy::disallowed_methods, reason = "the test aborts it")]
fn send(mut cameras: [Camera; 2]) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut beat = tokio::time::interval(Duration::from_millis(10));
        loop {
            beat.tick().await;
            for camera in &mut cameras {
                camera.send(700).await;
            }
        }
    })
}

/// A participant in the page: what it receives is played, and what it sends are pictures of these sizes.
const PARTICIPANT: &str = r#"
const [url, token, roomId, pictures, done] = arguments;
const waiting = new Map();
const seen = window.seen = { errors: [], videos: [], offers: 0 };
let last = 0, subscribe, chain = Promise.resolve();
const ws = new WebSocket(url);
const ask = window.ask = (method, params) => new Promise((ok, no) => {
  waiting.set(++last, { ok, no });
  ws.send(JSON.stringify({ jsonrpc: '2.0', id: last, method, params }));
});
const play = ({ track }) => {
  const video = document.createElement('video');
  Object.assign(video, { muted: true, autoplay: true, playsInline: true, srcObject: new MediaStream([track]) });
  document.body.append(video);
  video.play().catch(() => {});
  seen.videos.push(video);
};
const accept = async ({ sdp, revision }) => {
  seen.offers += 1;
  if (!subscribe) {
    subscribe = window.subscribe = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    subscribe.ontrack = play;
  }
  await subscribe.setRemoteDescription({ type: 'offer', sdp });
  await subscribe.setLocalDescription();
  await ask('media.answer', { roomId, revision, sdp: subscribe.localDescription.sdp });
};
ws.onmessage = ({ data }) => {
  const { id, result, error, method, params } = JSON.parse(data);
  if (waiting.has(id)) error ? waiting.get(id).no(error.message) : waiting.get(id).ok(result);
  else if (method === 'media.offer') chain = chain.then(() => accept(params)).catch((e) => seen.errors.push(String(e)));
};
const picture = ([width, height]) => {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d');
  let n = 0;
  setInterval(() => {
    context.fillStyle = `hsl(${(n += 7) % 360} 80% 50%)`;
    context.fillRect(0, 0, width, height);
  }, 40);
  return canvas.captureStream(25).getVideoTracks()[0];
};
ws.onopen = async () => {
  try {
    await ask('connection.open', { token });
    await ask('room.join', { roomId });
    await ask('media.join', { roomId });
    if (pictures.length > 0) {
      const publish = window.publish = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
      const stream = new MediaStream();
      for (const size of pictures) publish.addTransceiver(picture(size), { direction: 'sendonly', streams: [stream] });
      await publish.setLocalDescription();
      const tracks = publish.getTransceivers().map(({ mid }, n) => ({ mid, source: ['camera', 'screen'][n] }));
      const { sdp } = await ask('media.publish', { roomId, sdp: publish.localDescription.sdp, tracks });
      await publish.setRemoteDescription({ type: 'answer', sdp });
    }
    done('ready');
  } catch (error) {
    done(String(error));
  }
};
"#;

/// Takes part from a page, which shows these pictures.
pub(super) async fn participate(
    browser: &Browser,
    base: &str,
    token: &str,
    room: &str,
    pictures: &[[u32; 2]],
) {
    browser.open(base).await;
    let url = format!("{}/v1/ws", base.replacen("http", "ws", 1));
    let arguments = vec![json!(url), json!(token), json!(room), json!(pictures)];
    assert_eq!(browser.execute(PARTICIPANT, arguments).await, Value::from("ready"));
}

/// The offer of two pictures of one participant was the one that Chromium refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_plays_camera_and_screen_of_another() {
    let turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    // Media goes through the server from the third participant on.
    let _third = Participant::join(&server.base, &account.admin.token, &room).await;
    let driver = Driver::start(turn);
    let (ben, ada) = (Browser::start(&driver).await, Browser::start(&driver).await);
    participate(&ben, &server.base, &account.admin.token, &room, &[]).await;
    // One is wide, one is high: whichever plays where can be told.
    participate(&ada, &server.base, &account.admin.token, &room, &[[320, 180], [160, 240]]).await;
    ben.until(
        "(async () => {
            if (window.seen.errors.length) throw window.seen.errors.join();
            const playing = () => window.seen.videos.map(v => [v.videoWidth > v.videoHeight, v.getVideoPlaybackQuality().totalVideoFrames]);
            const before = playing();
            await new Promise(r => setTimeout(r, 700));
            const after = playing();
            return after.length === 2 && before.length === 2 && after[0][0] !== after[1][0]
                && after.every(([, frames], n) => frames > before[n][1] && before[n][1] > 0);
        })()",
    )
    .await;
    let errors = ben.until("window.seen.offers > 0 && { errors: window.seen.errors }").await;
    assert_eq!(errors["errors"], json!([]));
    ada.quit().await;
    ben.quit().await;
}
