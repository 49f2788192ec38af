//! A participant in a call without a browser: webrtc-rs, whose media stack
//! shares no code with ours, behind our signalling.
//!
//! It sends packets whose payload says who sent which at what time, so that a
//! receiver can tell that the right bytes arrived, and how old they are.

use crate::{
    PATIENCE,
    replay::{FRAME_TIME, Piece, Recording},
    socket::Socket,
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use common::{
    clock::{Clock as _, SystemClock},
    protocol::media::{TrackKind, TrackSource},
};
use rtc::{
    media_stream::MediaStreamTrack,
    peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8},
    rtp,
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
    },
};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;
use webrtc::{
    media_stream::{
        track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
        track_remote::{TrackRemote, TrackRemoteEvent},
    },
    peer_connection::{
        MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
        RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder, SrtpProtectionProfile,
        register_default_interceptors,
    },
};

/// What a payload begins with: the VP8 payload descriptor "start of partition 0"
/// and the first byte of a key frame (RFC 7741, sections 4.2 and 4.3).
const VP8_KEY_FRAME: [u8; 2] = [0x10, 0x00];

/// Who, which and when, after [`VP8_KEY_FRAME`].
const STAMP_BYTES: usize = 16 + 4 + 8;

/// What ages are counted from.
static EPOCH: LazyLock<Instant> = LazyLock::new(|| SystemClock.now());

fn since_epoch() -> Duration {
    // The epoch first: it may begin with this call.
    let epoch = *EPOCH;
    SystemClock.now().duration_since(epoch)
}

/// Packets that may wait to be looked at; later ones are lost, as they are on a network.
const HEARD_MAX: usize = 16_384;

/// Sound or picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Opus.
    Audio,
    /// VP8.
    Video,
}

impl Kind {
    const fn of(source: TrackSource) -> Self {
        match source.kind() {
            TrackKind::Audio => Self::Audio,
            TrackKind::Video => Self::Video,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }

    const fn rtc(self) -> RtpCodecKind {
        match self {
            Self::Audio => RtpCodecKind::Audio,
            Self::Video => RtpCodecKind::Video,
        }
    }

    /// Ours are not what the server prefers: it has to translate them.
    const fn payload_type(self) -> u8 {
        match self {
            Self::Audio => 109,
            Self::Video => 120,
        }
    }

    fn codec(self) -> RTCRtpCodec {
        let (mime_type, clock_rate, channels) = match self {
            Self::Audio => (MIME_TYPE_OPUS, 48_000, 2),
            Self::Video => (MIME_TYPE_VP8, 90_000, 0),
        };
        RTCRtpCodec { mime_type: mime_type.to_owned(), clock_rate, channels, ..RTCRtpCodec::default() }
    }
}

/// A packet as it was received.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The stream id of the server's description: whose it is said to be.
    pub stream: String,
    /// The track id of the server's description.
    pub track: String,
    /// Sound or picture.
    pub kind: Kind,
    /// Whose it is by its payload.
    pub from: Uuid,
    /// The sender's count of the packets of this kind.
    pub number: u32,
    /// The RTP header's.
    pub sequence: u16,
    /// How long it was under way.
    pub age: Duration,
}

/// A device in a room's call.
pub struct Participant {
    /// The connection that its descriptions go over.
    pub socket: Socket,
    room: String,
    /// What it offers to protect media by; empty for all that webrtc-rs has.
    profiles: Vec<SrtpProtectionProfile>,
    /// Where it takes the media server to be; `None` for where that says it is.
    line: Option<SocketAddr>,
    publishing: Option<Publishing>,
    receiving: Option<Arc<dyn PeerConnection>>,
    heard: (mpsc::Sender<Heard>, mpsc::Receiver<Heard>),
}

/// A transport that sends.
pub(crate) struct Publishing {
    transport: Arc<dyn PeerConnection>,
    state: watch::Receiver<RTCPeerConnectionState>,
    tracks: Vec<Sending>,
}

/// A track that is sent, in one stream or several.
#[derive(Clone)]
struct Sending {
    kind: Kind,
    track: Arc<TrackLocalStaticRTP>,
    ssrcs: Vec<u32>,
}

/// Sends on a participant's tracks, from any task.
#[derive(Clone)]
pub struct Camera {
    from: Uuid,
    sending: Sending,
    next: u32,
}

impl Participant {
    /// Joins the room and its call.
    pub async fn join(base: &str, token: &str, room: &str) -> Self {
        let mut socket = Socket::open(base, token).await;
        socket.ask("room.join", json!({ "roomId": room })).await;
        socket.ask("media.join", json!({ "roomId": room })).await;
        Self {
            socket,
            room: room.to_owned(),
            profiles: Vec::new(),
            line: None,
            publishing: None,
            receiving: None,
            heard: mpsc::channel(HEARD_MAX),
        }
    }

    /// Its implementation knows no cipher but AES in counter mode (RFC 5764, section 4.1.2).
    #[must_use]
    pub fn without_gcm(self) -> Self {
        Self { profiles: vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80], ..self }
    }

    /// It takes a line for the media server, by which it sends and receives.
    #[must_use]
    pub fn by_way_of(self, line: SocketAddr) -> Self {
        Self { line: Some(line), ..self }
    }

    /// A description of the server's, as it is taken.
    fn redirected(&self, sdp: &str) -> String {
        let Some(line) = self.line else { return sdp.to_owned() };
        let candidate = |text: &str| {
            let mut fields: Vec<String> = text.split(' ').map(str::to_owned).collect();
            // RFC 8839, section 5.1: the fifth and sixth are where it is.
            fields.splice(4..6, [line.ip().to_string(), line.port().to_string()]);
            fields.join(" ")
        };
        let lines = sdp.lines().map(|text| match text.strip_prefix("a=candidate:") {
            Some(described) => format!("a=candidate:{}\r\n", candidate(described)),
            None => format!("{text}\r\n"),
        });
        lines.collect()
    }

    /// This device's name.
    pub fn id(&self) -> Uuid {
        self.socket.connection_id().parse().expect("an id")
    }

    /// Sends sound, picture, or both from now on, and leaves it to the server which is which: offers them and waits
    /// until the transport is connected.
    pub async fn publish(&mut self, kinds: &[Kind]) {
        self.offer(kinds, &[]).await;
    }

    /// Sends what these sources have from now on, and says which is which. What the server says is published.
    pub async fn publish_from(&mut self, sources: &[TrackSource]) -> Value {
        let kinds: Vec<Kind> = sources.iter().map(|source| Kind::of(*source)).collect();
        self.offer(&kinds, sources).await
    }

    async fn offer(&mut self, kinds: &[Kind], sources: &[TrackSource]) -> Value {
        let (mut publishing, offer) = Publishing::offer(kinds, &self.heard.0, self.profiles.clone()).await;
        let mids = offer.lines().filter_map(|line| line.strip_prefix("a=mid:"));
        let named: Vec<Value> =
            mids.zip(sources).map(|(mid, source)| json!({ "mid": mid, "source": source })).collect();
        let params = json!({ "roomId": self.room, "sdp": offer, "tracks": named });
        let published = self.socket.ask("media.publish", params).await;
        publishing.connect(&self.redirected(published["sdp"].as_str().expect("an answer"))).await;
        self.publishing = Some(publishing);
        published["tracks"].clone()
    }

    /// Sends a camera in three encodings and a microphone, both recorded, until the handle is dropped.
    #[expect(clippy::disallowed_methods, reason = "it ends with the handle")]
    pub async fn replay(&mut self) -> AbortOnDropHandle<()> {
        let mut recording = Recording::new();
        let kinds = [(Kind::Audio, 1), (Kind::Video, recording.encodings())];
        let (mut publishing, offer) = Publishing::of(&kinds, &self.heard.0, self.profiles.clone()).await;
        let [voice, camera] = <[Sending; 2]>::try_from(publishing.tracks.clone()).ok().expect("two tracks");
        let offer = camera.named_by_ssrc(&offer);
        let params = json!({ "roomId": self.room, "sdp": offer });
        let published = self.socket.ask("media.publish", params).await;
        publishing.connect(&self.redirected(published["sdp"].as_str().expect("an answer"))).await;
        self.publishing = Some(publishing);
        AbortOnDropHandle::new(tokio::spawn(async move {
            let mut beat = tokio::time::interval(FRAME_TIME);
            let mut sequences = [0; 4];
            loop {
                beat.tick().await;
                let Piece { timestamp, pictures, voice: sounds } = recording.next();
                for (at, sound) in sounds {
                    voice.send((0, &mut sequences[3]), (at, true), sound).await;
                }
                for (encoding, payloads) in pictures.into_iter().enumerate() {
                    let last = payloads.len() - 1;
                    for (place, payload) in payloads.into_iter().enumerate() {
                        let sent = (timestamp, place == last);
                        camera.send((encoding, &mut sequences[encoding]), sent, payload).await;
                    }
                }
            }
        }))
    }

    /// What sends a published track.
    pub fn camera(&self, kind: Kind) -> Camera {
        self.cameras(kind).into_iter().next().expect("this kind is published")
    }

    /// What sends the published tracks of a kind, in their order.
    pub fn cameras(&self, kind: Kind) -> Vec<Camera> {
        self.publishing.as_ref().expect("published").cameras(kind, self.id())
    }

    /// Whether the publish transport is connected.
    pub fn is_sending(&self) -> bool {
        self.publishing.as_ref().is_some_and(Publishing::is_connected)
    }

    /// Answers offers until one carries tracks of exactly these devices, each `per_device` times; what that one says
    /// they are.
    pub async fn receive(&mut self, devices: &[Uuid], per_device: usize) -> Value {
        loop {
            let offer = self.socket.event("media.offer", |_| true).await;
            self.answer(&offer).await;
            let mut offered: Vec<Uuid> = offer["tracks"]
                .as_array()
                .expect("tracks")
                .iter()
                .map(|track| track["connectionId"].as_str().expect("an id").parse().expect("an id"))
                .collect();
            let mut expected: Vec<Uuid> =
                devices.iter().flat_map(|id| std::iter::repeat_n(*id, per_device)).collect();
            offered.sort();
            expected.sort();
            if offered == expected {
                return offer["tracks"].clone();
            }
        }
    }

    async fn answer(&mut self, offer: &Value) {
        let transport = match &self.receiving {
            Some(transport) => Arc::clone(transport),
            None => {
                let (states, _) = watch::channel(RTCPeerConnectionState::New);
                let watching = Watching { states, heard: self.heard.0.clone() };
                let transport = transport(watching, self.profiles.clone()).await;
                self.receiving = Some(Arc::clone(&transport));
                transport
            }
        };
        let sdp = self.redirected(offer["sdp"].as_str().expect("an offer"));
        let description = RTCSessionDescription::offer(sdp).expect("the server's offer can be read");
        transport.set_remote_description(description).await.expect("the server's offer can be used");
        let answer = transport.create_answer(None).await.expect("an answer");
        transport.set_local_description(answer.clone()).await.expect("the own answer");
        let answer = json!({ "roomId": self.room, "revision": offer["revision"], "sdp": answer.sdp });
        // A later offer may have replaced this one already; it is on its way.
        if let Err(error) = self.socket.try_ask("media.answer", answer).await {
            assert_eq!(error["data"]["code"], "media.staleAnswer", "{error}");
        }
    }

    /// The next packet that was received; `None` if none comes within `patience`.
    pub async fn hear(&mut self, patience: Duration) -> Option<Heard> {
        tokio::time::timeout(patience, self.heard.1.recv()).await.ok().flatten()
    }

    /// Leaves the call in an orderly way.
    pub async fn leave(mut self) {
        self.socket.ask("media.leave", json!({ "roomId": self.room })).await;
        let transports = [self.publishing.map(|publishing| publishing.transport), self.receiving];
        for transport in transports.into_iter().flatten() {
            transport.close().await.expect("a transport can be closed");
        }
    }
}

impl Publishing {
    /// Makes a transport that is to send these kinds, and its offer.
    pub(crate) async fn offer(
        kinds: &[Kind],
        heard: &mpsc::Sender<Heard>,
        profiles: Vec<SrtpProtectionProfile>,
    ) -> (Self, String) {
        let kinds: Vec<(Kind, usize)> = kinds.iter().map(|kind| (*kind, 1)).collect();
        Self::of(&kinds, heard, profiles).await
    }

    /// The same, each in so many streams.
    async fn of(
        kinds: &[(Kind, usize)],
        heard: &mpsc::Sender<Heard>,
        profiles: Vec<SrtpProtectionProfile>,
    ) -> (Self, String) {
        let (states, state) = watch::channel(RTCPeerConnectionState::New);
        let transport = transport(Watching { states, heard: heard.clone() }, profiles).await;
        let mut tracks = Vec::new();
        for (place, &(kind, streams)) in kinds.iter().enumerate() {
            let sending = Sending::new(kind, place, streams);
            transport
                .add_track(Arc::clone(&sending.track) as Arc<dyn TrackLocal>)
                .await
                .expect("a track can be added");
            tracks.push(sending);
        }
        let offer = transport.create_offer(None).await.expect("an offer");
        transport.set_local_description(offer.clone()).await.expect("the own offer");
        (Self { transport, state, tracks }, offer.sdp)
    }

    /// Takes the answer, and waits until the transport is connected.
    pub(crate) async fn connect(&mut self, answer: &str) {
        let answer = RTCSessionDescription::answer(answer.to_owned());
        let answer = answer.expect("the server's answer can be read");
        self.transport.set_remote_description(answer).await.expect("the server's answer can be used");
        let connected = self.state.wait_for(|state| *state == RTCPeerConnectionState::Connected);
        tokio::time::timeout(PATIENCE, connected)
            .await
            .expect("the publish transport connects in time")
            .expect("the transport lives");
    }

    /// What sends the tracks of a kind, in their order, as `from`.
    pub(crate) fn cameras(&self, kind: Kind, from: Uuid) -> Vec<Camera> {
        let tracks = self.tracks.iter().filter(|sending| sending.kind == kind);
        tracks.map(|sending| Camera { from, sending: sending.clone(), next: 0 }).collect()
    }

    pub(crate) fn is_connected(&self) -> bool {
        *self.state.borrow() == RTCPeerConnectionState::Connected
    }
}

impl Camera {
    /// Counts its packets from `first`, so that they can be told from another camera's.
    #[must_use]
    pub fn counting_from(self, first: u32) -> Self {
        Self { next: first, ..self }
    }

    /// Sends one packet of `bytes`, at least as long as its stamp.
    pub async fn send(&mut self, bytes: usize) {
        let mut payload = BytesMut::with_capacity(bytes);
        payload.put_slice(&VP8_KEY_FRAME);
        payload.put_u128(self.from.as_u128());
        payload.put_u32(self.next);
        payload.put_u64(u64::try_from(since_epoch().as_nanos()).expect("a short test"));
        payload.resize(bytes.max(VP8_KEY_FRAME.len() + STAMP_BYTES), 0x55);
        // Wraps, as it should: receivers extend it.
        let mut sequence = u16::try_from(self.next & 0xFFFF).expect("masked");
        let sent = (self.next.wrapping_mul(960), true);
        self.next += 1;
        self.sending.send((0, &mut sequence), sent, payload.freeze()).await;
    }
}

impl Sending {
    fn new(kind: Kind, place: usize, streams: usize) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "streams of one session must differ, whoever made them"
        )]
        let ssrcs: Vec<u32> = (0..streams).map(|_| rand::random()).collect();
        let coding = |(place, ssrc): (usize, &u32)| RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                // Of several without names webrtc-rs sends only the first.
                rid: if streams > 1 { place.to_string() } else { String::new() },
                ssrc: Some(*ssrc),
                ..RTCRtpCodingParameters::default()
            },
            codec: kind.codec(),
            ..RTCRtpEncodingParameters::default()
        };
        let name = format!("{}-{place}", kind.name());
        let codings = ssrcs.iter().enumerate().map(coding).collect();
        let track = MediaStreamTrack::new("camera".to_owned(), name.clone(), name, kind.rtc(), codings);
        Self { kind, track: Arc::new(TrackLocalStaticRTP::new(track)), ssrcs }
    }

    /// An offer with this track last, in which the streams are told by their SSRCs (RFC 5576) and not by names that each
    /// packet would have to bear.
    fn named_by_ssrc(&self, offer: &str) -> String {
        let is_name = |line: &&str| line.starts_with("a=rid:") || line.starts_with("a=simulcast:");
        let mut lines: Vec<String> = offer.lines().filter(|line| !is_name(line)).map(str::to_owned).collect();
        let ssrcs: Vec<String> = self.ssrcs.iter().map(u32::to_string).collect();
        lines.push(format!("a=ssrc-group:SIM {}", ssrcs.join(" ")));
        lines.extend(ssrcs.iter().map(|ssrc| format!("a=ssrc:{ssrc} cname:camera")));
        lines.join("\r\n") + "\r\n"
    }

    /// Sends a packet in one of its streams, with the number that is due there.
    async fn send(
        &self,
        (stream, sequence): (usize, &mut u16),
        (timestamp, marker): (u32, bool),
        payload: Bytes,
    ) {
        let header = rtp::Header {
            version: 2,
            marker,
            payload_type: self.kind.payload_type(),
            sequence_number: *sequence,
            timestamp,
            ssrc: self.ssrcs[stream],
            ..rtp::Header::default()
        };
        *sequence = sequence.wrapping_add(1);
        let sent = self.track.write_rtp(rtp::Packet { header, payload }).await;
        sent.expect("a connected transport takes packets");
    }
}

async fn transport(watching: Watching, profiles: Vec<SrtpProtectionProfile>) -> Arc<dyn PeerConnection> {
    let mut engine = MediaEngine::default();
    for kind in [Kind::Audio, Kind::Video] {
        let codec = RTCRtpCodecParameters { rtp_codec: kind.codec(), payload_type: kind.payload_type() };
        engine.register_codec(codec, kind.rtc()).expect("a known codec");
    }
    let registry =
        register_default_interceptors(Registry::new(), &mut engine).expect("the default interceptors");
    let built = PeerConnectionBuilder::new()
        .with_media_engine(engine)
        .with_interceptor_registry(registry)
        .with_setting_engine(SettingEngineBuilder::new().with_srtp_protection_profiles(profiles).build())
        .with_handler(Arc::new(watching))
        .with_udp_addrs(vec!["127.0.0.1:0"])
        .build()
        .await;
    Arc::new(built.expect("a peer connection"))
}

/// What a peer connection tells us.
struct Watching {
    states: watch::Sender<RTCPeerConnectionState>,
    heard: mpsc::Sender<Heard>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Watching {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.states.send_replace(state);
    }

    #[expect(clippy::disallowed_methods, reason = "it ends with its track")]
    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let heard = self.heard.clone();
        tokio::spawn(async move {
            let (stream, name) = (track.stream_id().await, track.track_id().await);
            let kind = if track.kind().await == RtpCodecKind::Audio { Kind::Audio } else { Kind::Video };
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event
                    && let Some((from, number, sent)) = stamp(packet.payload)
                {
                    let (stream, track) = (stream.clone(), name.clone());
                    let sequence = packet.header.sequence_number;
                    let age = since_epoch().saturating_sub(sent);
                    let _nobody_listens =
                        heard.try_send(Heard { stream, track, kind, from, number, sequence, age });
                }
            }
        });
    }
}

/// Reads what [`Camera::send`] has written.
fn stamp(mut payload: Bytes) -> Option<(Uuid, u32, Duration)> {
    if payload.len() < VP8_KEY_FRAME.len() + STAMP_BYTES || !payload.starts_with(&VP8_KEY_FRAME) {
        return None;
    }
    payload.advance(VP8_KEY_FRAME.len());
    let (from, number) = (Uuid::from_u128(payload.get_u128()), payload.get_u32());
    Some((from, number, Duration::from_nanos(payload.get_u64())))
}
