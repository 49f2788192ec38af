//! What a media server measures of a session, under the names that browsers give it (W3C, Identifiers for WebRTC's
//! Statistics API): as the server sees it, so that what a participant sends is inbound and what it receives outbound.
//!
//! Counts begin with the stream. A client that comes back by another connection, and a session that moves to another
//! node, begin anew.

use crate::{
    id::{ConnectionId, TrackId, UserId},
    protocol::media::{LayerReason, TrackKind, TrackLayer, TrackSource},
};
use serde::{Deserialize, Serialize};

/// A participant of a media session, and what is measured of its media.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ParticipantStatistics {
    /// The device that takes part.
    pub connection_id: ConnectionId,
    /// The device's user.
    pub user_id: UserId,
    /// What is measured; empty while media goes peer to peer.
    #[serde(flatten)]
    pub media: MediaStatistics,
}

/// What is measured of a participant's media.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MediaStatistics {
    /// The way on which it sends, and the one on which it receives, as far as they are there.
    pub transports: Vec<TransportStatistics>,
    /// What it sends, by encoding, the smallest of a track first.
    pub inbound_rtp: Vec<InboundRtpStatistics>,
    /// What it receives. Left out of lists of participants: it grows with the square of how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound_rtp: Option<Vec<OutboundRtpStatistics>>,
}

/// Which way of a participant's media a transport is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TransportPurpose {
    /// What the participant sends.
    Publish,
    /// What it receives.
    Subscribe,
}

/// How far a transport is (`RTCDtlsTransportState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum DtlsState {
    /// Nothing was heard from the client.
    New,
    /// It was heard, and the handshake is not done.
    Connecting,
    /// Media can flow.
    Connected,
    /// It is of no use any more.
    Failed,
}

/// A transport (`RTCTransportStats`, and of the pair of candidates in use `RTCIceCandidatePairStats`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TransportStatistics {
    /// Which of the participant's two it is.
    pub purpose: TransportPurpose,
    /// How far it is.
    pub dtls_state: DtlsState,
    /// What protects its packets, as IANA's registry of DTLS-SRTP protection profiles calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub srtp_cipher: Option<SrtpCipher>,
    /// What its network is thought to carry towards the participant, in bits per second; left out where the client does
    /// not say what arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_outgoing_bitrate: Option<u64>,
    /// From the sending of a packet to the feedback on it, in seconds; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_round_trip_time: Option<f64>,
    /// The share of packets to the participant that were lost within the last seconds, from 0 to 1; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraction_lost: Option<f64>,
}

/// A protection profile (RFC 5764, section 4.1.2; RFC 7714, section 14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SrtpCipher {
    /// AES in Galois/counter mode, with keys of 128 bits.
    #[serde(rename = "SRTP_AEAD_AES_128_GCM")]
    Aes128Gcm,
    /// Likewise, of 256 bits.
    #[serde(rename = "SRTP_AEAD_AES_256_GCM")]
    Aes256Gcm,
    /// AES in counter mode with keys of 128 bits, and tags of HMAC-SHA1.
    #[serde(rename = "SRTP_AES128_CM_HMAC_SHA1_80")]
    Aes128Cm,
}

/// A stream that the server receives (`RTCInboundRtpStreamStats`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InboundRtpStatistics {
    /// Of which track it is.
    pub track_id: TrackId,
    /// Where that comes from.
    pub source: TrackSource,
    /// Whether it is sound or a picture.
    pub kind: TrackKind,
    /// Its codec, such as `video/VP8`.
    pub mime_type: String,
    /// The media section of the client's description.
    pub mid: String,
    /// What the encoding is called, where the track has several (RFC 8851).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// Under which its packets come, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssrc: Option<u32>,
    /// Whether packets come.
    pub active: bool,
    /// Packets, each counted once.
    pub packets_received: u64,
    /// Packets that are missing, those that may still come included.
    pub packets_lost: u64,
    /// Bytes of their payloads.
    pub bytes_received: u64,
    /// Bits per second, over about the last second; 0 before that.
    pub bitrate: u64,
    /// The variation of arrival times, in seconds (RFC 3550, section 6.4.1).
    pub jitter: f64,
    /// How often the client was asked for missing packets.
    pub nack_count: u64,
    /// How often it was asked for a key frame.
    pub pli_count: u64,
    /// The width of its last key frame in pixels, where that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_width: Option<u16>,
    /// The height, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_height: Option<u16>,
}

/// A stream that the server sends (`RTCOutboundRtpStreamStats`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutboundRtpStatistics {
    /// Of which track it is.
    pub track_id: TrackId,
    /// Whether it is sound or a picture.
    pub kind: TrackKind,
    /// Under which its packets go.
    pub ssrc: u32,
    /// What goes out of the track, as the participant was told last; left out while it is paused or has not begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<TrackLayer>,
    /// Why it is no more; left out before anything was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<LayerReason>,
    /// Packets, without those that were sent again.
    pub packets_sent: u64,
    /// Bytes of their payloads.
    pub bytes_sent: u64,
    /// Packets that were sent again.
    pub retransmitted_packets_sent: u64,
    /// How often the client has asked for missing packets.
    pub nack_count: u64,
    /// How often it has asked for a key frame.
    pub pli_count: u64,
    /// How it says that it receives it; left out before it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_inbound_rtp: Option<RemoteInboundRtpStatistics>,
}

/// How a client says that it receives a stream (`RTCRemoteInboundRtpStreamStats`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RemoteInboundRtpStatistics {
    /// The share of its packets that was lost before the last report, from 0 to 1.
    pub fraction_lost: f64,
    /// Packets that were lost since it began; less than nothing if some came twice.
    pub packets_lost: i64,
    /// The variation of arrival times, in seconds.
    pub jitter: f64,
    /// In seconds, where the client's reports tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_time: Option<f64>,
}
