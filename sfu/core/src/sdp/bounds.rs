//! How large a description may be, found out before it is taken apart.

use super::{SdpError, description::lines};
use common::protocol::media::SDP_BYTES_MAX;

/// Media sections at most: two per participant of a large session, and some that are refused.
pub(crate) const SECTIONS_MAX: usize = 256;

/// Lines at most: what fills [`SDP_BYTES_MAX`] where lines are as long as browsers write them.
pub(crate) const LINES_MAX: usize = 7168;

/// The longest line, in bytes. Browsers stay below 300.
pub(crate) const LINE_BYTES_MAX: usize = 2048;

/// Attributes of one section, or of the session, at most. A browser with every codec writes 200.
pub(crate) const ATTRIBUTES_MAX: usize = 512;

/// Candidates of one section at most. They are not read: clients come to us.
pub(crate) const CANDIDATES_MAX: usize = 64;

/// Formats of one section at most: as many as there are payload types.
pub(crate) const FORMATS_MAX: usize = 128;

/// Encodings of one section at most. Browsers send up to three.
pub(crate) const ENCODINGS_MAX: usize = 8;

/// Certificates that a description may speak of.
pub(crate) const FINGERPRINTS_MAX: usize = 4;

/// What has been counted.
#[derive(Default)]
struct Counted {
    lines: usize,
    sections: usize,
    attributes: usize,
    candidates: usize,
}

/// Refuses a description that would take long to read.
///
/// # Errors
/// [`SdpError::TooMany`] or [`SdpError::TooLong`].
pub(super) fn check(text: &str) -> Result<(), SdpError> {
    if text.len() > SDP_BYTES_MAX {
        return Err(SdpError::TooLong("description"));
    }
    let mut counted = Counted::default();
    for line in lines(text) {
        if line.len() > LINE_BYTES_MAX {
            return Err(SdpError::TooLong("line"));
        }
        count(&mut counted.lines, LINES_MAX, "lines")?;
        if let Some(media) = line.strip_prefix("m=") {
            count(&mut counted.sections, SECTIONS_MAX, "media sections")?;
            (counted.attributes, counted.candidates) = (0, 0);
            // Kind, port and protocol come before the formats.
            if media.split_whitespace().count() > FORMATS_MAX.saturating_add(3) {
                return Err(SdpError::TooMany("formats"));
            }
        } else if let Some(attribute) = line.strip_prefix("a=") {
            count(&mut counted.attributes, ATTRIBUTES_MAX, "attributes")?;
            // What takes the description apart does not see spaces around a name either.
            if attribute.trim_start().starts_with("candidate") {
                count(&mut counted.candidates, CANDIDATES_MAX, "candidates")?;
            }
        }
    }
    Ok(())
}

fn count(counted: &mut usize, most: usize, what: &'static str) -> Result<(), SdpError> {
    *counted = counted.saturating_add(1);
    if *counted > most { Err(SdpError::TooMany(what)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_is_held_and_what_is_just_below_passes() {
        let section = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n";
        let cases = [
            ("attributes", format!("{section}{}", "a=x\r\n".repeat(ATTRIBUTES_MAX)), "a=x\r\n"),
            ("media sections", section.repeat(SECTIONS_MAX), section),
            ("lines", "b=x\r\n".repeat(LINES_MAX), "b=x\r\n"),
            (
                "candidates",
                format!("{section}{}", "a=candidate:1\r\n".repeat(CANDIDATES_MAX)),
                "a=candidate:1\r\n",
            ),
            ("formats", format!("m=video 9 UDP{}", " 9".repeat(FORMATS_MAX)), " 9"),
        ];
        for (what, text, more) in cases {
            assert_eq!(check(&text), Ok(()), "{what}");
            assert_eq!(check(&(text + more)), Err(SdpError::TooMany(what)));
        }
        // Written so that the same is read by another rule of where a line or a word begins.
        let disguised = [
            ("attributes", format!("{section}{}", "\r\ra=x\r\n".repeat(ATTRIBUTES_MAX + 1))),
            ("media sections", format!("\r{section}").repeat(SECTIONS_MAX + 1)),
            ("candidates", format!("{section}{}", "a= candidate:1\r\n".repeat(CANDIDATES_MAX + 1))),
            ("formats", format!("m=video 9 UDP{}", "\t9".repeat(FORMATS_MAX + 1))),
        ];
        for (what, text) in disguised {
            assert_eq!(check(&text), Err(SdpError::TooMany(what)));
        }
        assert_eq!(check(&"x".repeat(LINE_BYTES_MAX)), Ok(()));
        assert_eq!(check(&"x".repeat(LINE_BYTES_MAX + 1)), Err(SdpError::TooLong("line")));
        let long = format!("{}\r\n", "x".repeat(1000)).repeat(SDP_BYTES_MAX / 1000 + 1);
        assert_eq!(check(&long), Err(SdpError::TooLong("description")));
    }
}
