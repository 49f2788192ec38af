//! Offers that real clients make, to the real server: what browsers say to its answers.

use super::tracks::participate;
use serde_json::{Value, json};
use switchboard_tests::{
    browser::{Browser, Driver, Turn},
    installation::{Account, Installation},
    native::Participant,
};

/// Publishes from a page in which somebody takes part: `how` adds to `publish` what is offered. Answers what
/// became of each section, or the code of the refusal.
const PUBLISH: &str = r#"
const [roomId, how, done] = arguments;
const picture = (width, height) => {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d');
  let n = 0;
  setInterval(() => {
    context.fillStyle = `hsl(${(n += 7) % 360} 80% 50%)`;
    context.fillRect(0, 0, width, height);
  }, 40);
  return canvas.captureStream(25).getVideoTracks()[0];
};
const sound = () => new AudioContext().createMediaStreamDestination().stream.getAudioTracks()[0];
const only = (transceiver, names) => transceiver.setCodecPreferences(
  RTCRtpSender.getCapabilities(transceiver.sender.track.kind).codecs.filter(({ mimeType }) => names.includes(mimeType)));
(async () => {
  const publish = window.publish ??= new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  await new Function('publish', 'picture', 'sound', 'only', how)(publish, picture, sound, only);
  await publish.setLocalDescription();
  // The first picture is the camera, which need not be said.
  const pictures = publish.getTransceivers().filter(({ direction, sender }) => direction === 'sendonly' && sender.track?.kind === 'video');
  const tracks = pictures.slice(1).map(({ mid }) => ({ mid, source: 'screen' }));
  const { sdp } = await window.ask('media.publish', { roomId, sdp: publish.localDescription.sdp, tracks });
  await publish.setRemoteDescription({ type: 'answer', sdp });
  return publish.getTransceivers().map((it) => it.currentDirection);
})().then(done, (error) => done(error.message ?? error));
"#;

async fn publish(browser: &Browser, room: &str, how: &str) -> Value {
    let arguments = vec![json!(room), json!(how)];
    browser.execute(PUBLISH, arguments).await
}

/// The media session of a room goes through the server from the third participant on: two of them are here.
async fn others(account: &Account, base: &str, room: &str) -> [Participant; 2] {
    let join = async || Participant::join(base, &account.admin.token, room).await;
    [join().await, join().await]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_takes_every_answer_and_who_has_no_codec_is_told_so() {
    let turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let _others = others(&account, &server.base, &room).await;
    let driver = Driver::start(turn);
    let ada = Browser::start(&driver).await;
    participate(&ada, &server.base, &account.admin.token, &room, &[]).await;

    let foreign = "only(publish.addTransceiver(sound(), { direction: 'sendonly' }), ['audio/PCMU']);";
    let refused = publish(&ada, &room, foreign).await;
    assert_eq!(
        refused,
        "Nothing that is offered can be taken: it has no codec that is known, and what is forwarded is Opus, VP8, \
         H.264, VP9, AV1"
    );
    ada.until("(window.publish.close(), window.publish = undefined, true)").await;
    // Sound that cannot be taken and a data channel leave the picture as it is.
    let mixed = format!(
        "publish.addTransceiver(picture(64, 64), {{ direction: 'sendonly' }}); {foreign} publish.createDataChannel('x');"
    );
    assert_eq!(publish(&ada, &room, &mixed).await, json!(["sendonly"]));
    ada.until("window.publish.connectionState === 'connected'").await;
    // What is refused has gone; what is added is taken, in a place of its own or in that one.
    let more = "publish.addTransceiver(sound(), { direction: 'sendonly' });";
    assert_eq!(publish(&ada, &room, more).await, json!(["sendonly", "sendonly"]));
    ada.until("(window.publish.close(), window.publish = undefined, true)").await;
    ada.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transport_without_media_connects() {
    let turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let _others = others(&account, &server.base, &room).await;
    let driver = Driver::start(turn);
    let ada = Browser::start(&driver).await;
    participate(&ada, &server.base, &account.admin.token, &room, &[]).await;
    let nothing =
        "for (const kind of ['audio', 'video']) publish.addTransceiver(kind, { direction: 'recvonly' });";
    assert_eq!(publish(&ada, &room, nothing).await, json!(["inactive", "inactive"]));
    ada.until("window.publish.connectionState === 'connected'").await;
    ada.quit().await;
}

/// The larger of two encodings of the first picture that is published goes out, or not.
fn sends_larger(is_active: bool) -> String {
    format!(
        "(async () => {{
            const [sender] = window.publish.getSenders();
            const parameters = sender.getParameters();
            parameters.encodings[1].active = {is_active};
            await sender.setParameters(parameters);
            return true;
        }})()"
    )
}

/// A real decoder sees one stream, whichever encoding it is made of: it goes on with the smaller one when the larger
/// stops, and with the larger when that comes back, and when another track is added.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_encodings_the_best_that_comes_is_seen_and_goes_on_when_another_track_is_added() {
    let turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let _third = Participant::join(&server.base, &account.admin.token, &room).await;
    let driver = Driver::start(turn);
    let (ben, ada) = (Browser::start(&driver).await, Browser::start(&driver).await);
    for browser in [&ben, &ada] {
        participate(browser, &server.base, &account.admin.token, &room, &[]).await;
    }
    let camera = "publish.addTransceiver(picture(640, 360), { direction: 'sendonly', sendEncodings: [
        { rid: 'h', scaleResolutionDownBy: 2 }, { rid: 'f' }] });";
    assert_eq!(publish(&ada, &room, camera).await, json!(["sendonly"]));
    let plays = |count: usize, width: usize| {
        format!(
            "(async () => {{
                if (window.seen.errors.length) throw window.seen.errors.join();
                const frames = () => window.seen.videos.map(v => v.getVideoPlaybackQuality().totalVideoFrames);
                const before = frames();
                await new Promise(r => setTimeout(r, 500));
                const after = frames();
                const moving = window.seen.videos.filter((_, n) => after[n] > before[n] && before[n] > 0);
                return moving.length === {count} && moving.some(v => v.videoWidth === {width});
            }})()"
        )
    };
    ben.until(&plays(1, 640)).await;
    ada.until(&sends_larger(false)).await;
    ben.until(&plays(1, 320)).await;
    ada.until(&sends_larger(true)).await;
    ben.until(&plays(1, 640)).await;
    let screen = "publish.addTransceiver(picture(160, 240), { direction: 'sendonly' });";
    assert_eq!(publish(&ada, &room, screen).await, json!(["sendonly", "sendonly"]));
    ben.until(&plays(2, 640)).await;
    for browser in [ada, ben] {
        browser.quit().await;
    }
}

/// Whether a page in which somebody [takes part](participate) decodes pictures of this codec and width.
pub(super) fn decodes(codec: &str, width: usize) -> String {
    format!(
        "(async () => {{
            if (window.seen.errors.length) throw window.seen.errors.join();
            const decoded = async () => {{
                const stats = [...(await window.subscribe?.getStats() ?? new Map()).values()];
                const pictures = stats.filter(({{ type, kind }}) => type === 'inbound-rtp' && kind === 'video');
                const codec = ({{ codecId }}) => stats.find(({{ id }}) => id === codecId)?.mimeType;
                const found = pictures.find((it) => codec(it) === '{codec}' && it.frameWidth === {width});
                return found?.framesDecoded ?? 0;
            }};
            const before = await decoded();
            await new Promise(r => setTimeout(r, 500));
            return before > 0 && await decoded() > before;
        }})()"
    )
}

/// The same in every codec, of which a publisher goes from one to the next: a real decoder goes on where another encoding
/// takes over, so that what says where key frames begin is understood, and numbers of pictures go on.
#[tokio::test(flavor = "multi_thread")]
async fn pictures_come_through_in_every_codec() {
    let turn = Turn::take();
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    let room = account.room("Lobby").await;
    let _third = Participant::join(&server.base, &account.admin.token, &room).await;
    let driver = Driver::start(turn);
    let (ben, ada) = (Browser::start(&driver).await, Browser::start(&driver).await);
    for browser in [&ben, &ada] {
        participate(browser, &server.base, &account.admin.token, &room, &[]).await;
    }
    for codec in ["video/AV1", "video/VP9", "video/H264"] {
        let camera = format!(
            "const encoding = {{ scalabilityMode: 'L1T1' }};
            const [camera = publish.addTransceiver(picture(640, 360), {{ direction: 'sendonly', sendEncodings: [
                {{ ...encoding, rid: 'h', scaleResolutionDownBy: 2 }}, {{ ...encoding, rid: 'f' }}] }})] = publish.getTransceivers();
            only(camera, ['{codec}', 'video/rtx']);"
        );
        assert_eq!(publish(&ada, &room, &camera).await, json!(["sendonly"]));
        ben.until(&decodes(codec, 640)).await;
        ada.until(&sends_larger(false)).await;
        ben.until(&decodes(codec, 320)).await;
        ada.until(&sends_larger(true)).await;
        ben.until(&decodes(codec, 640)).await;
    }
    for browser in [ada, ben] {
        browser.quit().await;
    }
}
