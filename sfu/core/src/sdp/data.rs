//! The section of data channels (RFC 8841): one association of SCTP over the DTLS of the transport.

use super::{Lines, description::Media};

/// The port of SCTP, which means nothing over DTLS (RFC 8831, section 5).
pub(crate) const SCTP_PORT: u16 = 5000;

/// The longest message that is taken, in bytes: an envelope and what it may carry.
pub(crate) const MESSAGE_BYTES_MAX: u32 = 16 * 1024;

/// What a client takes that does not say how much (RFC 8841, section 6.1), in bytes.
const USUAL_BYTES_MAX: u32 = 64 * 1024;

/// The protocols by which a client may name SCTP over DTLS.
const PROTOCOLS: [&str; 2] = ["UDP/DTLS/SCTP", "TCP/DTLS/SCTP"];

/// What stands for a format.
const FORMAT: &str = "webrtc-datachannel";

/// What a client says of its data channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataSection {
    /// The longest message that it takes, in bytes.
    pub message_bytes_max: u32,
}

impl DataSection {
    /// Reads a section; `None` if it is not for data channels, or in a way that was given up before there was a standard.
    pub(super) fn read(media: &Media<'_>) -> Option<Self> {
        let port: u16 = media.attributes.value("sctp-port")?.parse().ok()?;
        let is_known = media.name == "application"
            && PROTOCOLS.contains(&media.protocol)
            && media.formats.first() == Some(&FORMAT)
            // Who closes the association says port 0 (RFC 8841, section 5.1).
            && port > 0;
        let said = media.attributes.value("max-message-size").map(str::parse);
        let message_bytes_max = match said {
            None => USUAL_BYTES_MAX,
            // As much as it has memory for.
            Some(Ok(0)) => u32::MAX,
            Some(Ok(bytes)) => bytes,
            Some(Err(_)) => return None,
        };
        is_known.then_some(Self { message_bytes_max })
    }
}

/// The answer's section, but for what all of a transport say.
pub(super) fn keep(lines: &mut Lines, protocol: &str, mid: &str, association: &str) {
    lines.add(format_args!("m=application 9 {protocol} {FORMAT}"));
    lines.add(format_args!("c=IN IP4 0.0.0.0"));
    lines.add(format_args!("a=mid:{mid}"));
    lines.append(association);
    lines.add(format_args!("a=sctp-port:{SCTP_PORT}"));
    lines.add(format_args!("a=max-message-size:{MESSAGE_BYTES_MAX}"));
}
