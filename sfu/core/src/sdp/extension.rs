//! Header extensions: which number means which (RFC 8285).

use super::{Lines, SdpError};

/// A header extension that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// The section's mid (RFC 8843, section 15).
    Mid,
    /// The encoding's rid (RFC 8852, section 3.3).
    Rid,
    /// The rid of the encoding that is sent again (RFC 8852, section 3.3).
    RepairedRid,
    /// How loud it is (RFC 6464).
    AudioLevel,
    /// The packet's number on its transport (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    TransportSequence,
    /// When it was sent.
    AbsoluteSendTime,
    /// How the camera is held (3GPP TS 26.114, section 7.4.5).
    VideoOrientation,
    /// How long the receiver should wait before it plays.
    PlayoutDelay,
    /// What a frame depends on (AV1 RTP specification, appendix A).
    DependencyDescriptor,
}

/// An extension's name, and whether anything is done with it. Only what is used is agreed upon: the
/// rest would be bytes in every packet for nobody.
struct Known {
    extension: Extension,
    uri: &'static str,
    is_used: bool,
}

const fn known(extension: Extension, uri: &'static str, is_used: bool) -> Known {
    Known { extension, uri, is_used }
}

const COUNT: usize = 9;

const KNOWN: [Known; COUNT] = [
    known(Extension::Mid, "urn:ietf:params:rtp-hdrext:sdes:mid", true),
    known(Extension::Rid, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", true),
    known(Extension::RepairedRid, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id", true),
    known(Extension::AudioLevel, "urn:ietf:params:rtp-hdrext:ssrc-audio-level", true),
    known(
        Extension::TransportSequence,
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        true,
    ),
    known(Extension::AbsoluteSendTime, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", false),
    known(Extension::VideoOrientation, "urn:3gpp:video-orientation", false),
    known(Extension::PlayoutDelay, "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay", false),
    known(
        Extension::DependencyDescriptor,
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
        false,
    ),
];

/// Reserved in one-byte headers, so that nobody who mixes the forms can use it.
const RESERVED: u8 = 15;

/// The number of [`Extension::TransportSequence`] in our own offers: the one that browsers use.
pub(crate) const TRANSPORT_SEQUENCE_ID: u8 = 3;

/// In which direction the client uses an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Both,
    /// It only sends it and says so; the answer says that we only receive it.
    Sent,
    Received,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offered {
    id: u8,
    direction: Direction,
}

/// The numbers of a client's extensions, in one section or on its whole transport.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extensions([Option<Offered>; COUNT]);

impl Extensions {
    /// Reads the `extmap` attributes of a section. What the client does not use is left out, and what
    /// has a number that no header has room for: such are placeholders (RFC 8285, section 6). Numbers
    /// from 16 on come in two-byte headers only, which are read like the others.
    ///
    /// # Errors
    /// [`SdpError::Unusable`] if one number stands for two extensions, or two numbers for one.
    pub(super) fn read<'a>(maps: impl Iterator<Item = &'a str>) -> Result<Self, SdpError> {
        let mut extensions = Self::default();
        for map in maps {
            let Some((id, rest)) = map.split_once(' ') else { continue };
            // Behind the name there may be attributes of the extension.
            let Some(uri) = rest.split_whitespace().next() else { continue };
            let (id, direction) = id.split_once('/').unwrap_or((id, "sendrecv"));
            let Some(id) = id.parse().ok().filter(|id| *id != 0 && *id != RESERVED) else { continue };
            let direction = match direction {
                "inactive" => continue,
                "sendonly" => Direction::Sent,
                "recvonly" => Direction::Received,
                _ => Direction::Both,
            };
            let Some(place) = KNOWN.iter().position(|known| known.uri == uri) else { continue };
            extensions.set(place, Offered { id, direction })?;
        }
        Ok(extensions)
    }

    fn set(&mut self, place: usize, offered: Offered) -> Result<(), SdpError> {
        let mut others = self.0.iter().enumerate().filter(|(other, _)| *other != place);
        let is_taken = others.any(|(_, other)| other.is_some_and(|other| other.id == offered.id));
        let Some(known) = self.0.get_mut(place) else { return Ok(()) };
        if is_taken || known.is_some_and(|known| known.id != offered.id) {
            return Err(SdpError::Unusable("extmap"));
        }
        let is_otherwise = known.is_some_and(|known| known.direction != offered.direction);
        let direction = if is_otherwise { Direction::Both } else { offered.direction };
        *known = Some(Offered { direction, ..offered });
        Ok(())
    }

    /// Adds what another section of the same transport says (RFC 8843, section 9.1).
    ///
    /// # Errors
    /// [`SdpError::Unusable`] if they contradict each other.
    pub(super) fn join(&mut self, other: &Self) -> Result<(), SdpError> {
        let all = other.0.iter().enumerate();
        all.filter_map(|(place, one)| Some((place, (*one)?)))
            .try_for_each(|(place, offered)| self.set(place, offered))
    }

    /// Forgets an extension: what else it takes is not there.
    pub(super) fn remove(&mut self, extension: Extension) {
        let place = KNOWN.iter().position(|known| known.extension == extension);
        if let Some(offered) = place.and_then(|place| self.0.get_mut(place)) {
            *offered = None;
        }
    }

    fn get(&self, extension: Extension) -> Option<Offered> {
        let place = KNOWN.iter().position(|known| known.extension == extension)?;
        *self.0.get(place)?
    }

    /// The number of an extension that the client sends.
    pub fn id(&self, extension: Extension) -> Option<u8> {
        self.get(extension).filter(|offered| offered.direction != Direction::Received).map(|it| it.id)
    }

    /// The number of an extension that the client receives.
    pub fn received_id(&self, extension: Extension) -> Option<u8> {
        self.get(extension).filter(|offered| offered.direction != Direction::Sent).map(|it| it.id)
    }

    /// Writes those that we offer to send.
    pub(super) fn offer(lines: &mut Lines) {
        for known in KNOWN.iter().filter(|known| known.extension == Extension::TransportSequence) {
            lines.add(format_args!("a=extmap:{TRANSPORT_SEQUENCE_ID} {}", known.uri));
        }
    }

    /// Writes those that we send to who receives alone, under its numbers.
    pub(super) fn sent(&self, lines: &mut Lines) {
        for known in KNOWN.iter().filter(|known| known.extension == Extension::TransportSequence) {
            if let Some(id) = self.received_id(known.extension) {
                lines.add(format_args!("a=extmap:{id} {}", known.uri));
            }
        }
    }

    /// Writes those that the client sends and we use, under the client's numbers.
    pub(super) fn write(&self, lines: &mut Lines) {
        for (known, offered) in KNOWN.iter().zip(self.0) {
            let Some(offered) = offered.filter(|_| known.is_used) else { continue };
            let direction = match offered.direction {
                Direction::Both => "",
                Direction::Sent => "/recvonly",
                Direction::Received => continue,
            };
            lines.add(format_args!("a=extmap:{}{direction} {}", offered.id, known.uri));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
    const LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

    fn read(maps: &[String]) -> Result<Extensions, SdpError> {
        Extensions::read(maps.iter().map(String::as_str))
    }

    fn written(extensions: &Extensions) -> String {
        let mut lines = Lines::default();
        extensions.write(&mut lines);
        lines.into_text()
    }

    #[test]
    fn only_numbers_that_a_header_has_room_for_count() {
        for id in ["0", "15", "256", "4096", "-1", "x", ""] {
            assert_eq!(read(&[format!("{id} {MID}")]), Ok(Extensions::default()), "{id}");
        }
        for id in [1, 14, 16, 255] {
            assert_eq!(read(&[format!("{id} {MID}")]).unwrap().id(Extension::Mid), Some(id));
        }
    }

    #[test]
    fn what_the_client_does_not_send_is_not_agreed() {
        for (direction, received) in [("recvonly", Some(3)), ("inactive", None)] {
            let extensions = read(&[format!("3/{direction} {MID}")]).unwrap();
            assert_eq!((extensions.id(Extension::Mid), written(&extensions).as_str()), (None, ""));
            assert_eq!(extensions.received_id(Extension::Mid), received);
        }
        let sent = read(&[format!("3/sendonly {MID} more of it"), format!("4 {LEVEL}")]).unwrap();
        assert_eq!(written(&sent), format!("a=extmap:3/recvonly {MID}\r\na=extmap:4 {LEVEL}\r\n"));
        assert_eq!(sent.id(Extension::AudioLevel), Some(4));
        assert_eq!(
            (sent.received_id(Extension::Mid), sent.received_id(Extension::AudioLevel)),
            (None, Some(4))
        );
    }

    #[test]
    fn a_number_that_means_two_things_is_refused() {
        let unusable = Err(SdpError::Unusable("extmap"));
        assert_eq!(read(&[format!("3 {MID}"), format!("3 {LEVEL}")]), unusable);
        assert_eq!(read(&[format!("3 {MID}"), format!("4 {MID}")]), unusable);
        let mut one = read(&[format!("3 {MID}")]).unwrap();
        assert_eq!(one.join(&read(&[format!("3 {MID}"), format!("2 {LEVEL}")]).unwrap()), Ok(()));
        assert_eq!(one.id(Extension::AudioLevel), Some(2));
        assert_eq!(one.join(&read(&[format!("2 {MID}")]).unwrap()), Err(SdpError::Unusable("extmap")));
    }
}
