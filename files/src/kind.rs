//! What a file is, told from how it begins. What its sender calls it decides nothing.
//!
//! Sources: WHATWG, "MIME Sniffing", section 6; the formats' own specifications.

use image::ImageFormat;

/// Bytes of a file by which it is judged.
pub(crate) const HEAD_BYTES: usize = 1024;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    mime_type: &'static str,
    pub(crate) picture: Option<ImageFormat>,
}

/// How a file begins, or goes on at a place, and what it is then.
const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xf2", "audio/mpeg"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"\x7fELF", "application/octet-stream"),
];

/// What files of ISO/IEC 14496-12 are by their major brand; others are `video/mp4`.
const BRANDS: &[(&[u8], &str)] = &[
    (b"M4A ", "audio/mp4"),
    (b"M4B ", "audio/mp4"),
    (b"qt  ", "video/quicktime"),
    (b"heic", "image/heic"),
    (b"heix", "image/heic"),
    (b"mif1", "image/heif"),
    (b"avif", "image/avif"),
];

/// How texts begin that are not just text, in lower case.
const MARKUP: &[(&str, &str)] = &[
    ("<!doctype html", "text/html"),
    ("<html", "text/html"),
    ("<head", "text/html"),
    ("<body", "text/html"),
    ("<script", "text/html"),
    ("<svg", "image/svg+xml"),
];

impl Kind {
    /// Judges a file by its first bytes: of a longer file, at least a thousand of them.
    pub fn of(head: &[u8]) -> Self {
        let mime_type = by_signature(head)
            .or_else(|| by_container(head))
            .or_else(|| as_text(head))
            .unwrap_or("application/octet-stream");
        let picture = match mime_type {
            "image/png" => Some(ImageFormat::Png),
            "image/jpeg" => Some(ImageFormat::Jpeg),
            "image/gif" => Some(ImageFormat::Gif),
            "image/webp" => Some(ImageFormat::WebP),
            _ => None,
        };
        Self { mime_type, picture }
    }

    /// Its media type (RFC 6838); `application/octet-stream` if it is not known.
    pub const fn mime_type(self) -> &'static str {
        self.mime_type
    }
}

fn by_signature(head: &[u8]) -> Option<&'static str> {
    let found = SIGNATURES.iter().find(|(at, bytes, _)| is_at(head, *at, bytes));
    found.map(|(_, _, mime_type)| *mime_type)
}

fn by_container(head: &[u8]) -> Option<&'static str> {
    if is_at(head, 0, b"RIFF") {
        return match head.get(8..12)? {
            b"WEBP" => Some("image/webp"),
            b"WAVE" => Some("audio/wav"),
            _ => None,
        };
    }
    if is_at(head, 0, b"\x1a\x45\xdf\xa3") {
        let is_webm = head.windows(4).any(|bytes| bytes == b"webm");
        return Some(if is_webm { "video/webm" } else { "video/x-matroska" });
    }
    if is_at(head, 4, b"ftyp") {
        let brand = head.get(8..12)?;
        return Some(BRANDS.iter().find(|(known, _)| *known == brand).map_or("video/mp4", |(_, is)| is));
    }
    None
}

/// Text has no control characters but those of layout, and is UTF-8 as far as it can be seen.
fn as_text(head: &[u8]) -> Option<&'static str> {
    let is_control = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | b'\x0c');
    if head.iter().any(is_control) {
        return None;
    }
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // Cut off within a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\n', '\r', '\u{c}']).to_lowercase();
    let markup = MARKUP.iter().find(|(begin, _)| text.starts_with(begin));
    // A prologue or a comment may come before it.
    let later = || (text.starts_with("<?xml") || text.starts_with("<!--")).then(|| later_markup(&text));
    Some(markup.map(|(_, is)| *is).or_else(later).unwrap_or("text/plain"))
}

fn later_markup(text: &str) -> &'static str {
    MARKUP.iter().find(|(begin, _)| text.contains(begin)).map_or("text/xml", |(_, is)| is)
}

fn is_at(head: &[u8], at: usize, bytes: &[u8]) -> bool {
    head.get(at..).is_some_and(|rest| rest.starts_with(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(head: &[u8]) -> &'static str {
        Kind::of(head).mime_type()
    }

    #[test]
    fn files_are_what_they_begin_with() {
        assert_eq!(of(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "image/png");
        assert_eq!(of(b"\xff\xd8\xff\xe0\0\x10JFIF"), "image/jpeg");
        assert_eq!(of(b"RIFF\x10\0\0\0WEBPVP8 "), "image/webp");
        assert_eq!(of(b"RIFF\x10\0\0\0WAVEfmt "), "audio/wav");
        assert_eq!(of(b"\0\0\0\x18ftypisom\0\0\0\0"), "video/mp4");
        assert_eq!(of(b"\0\0\0\x18ftypM4A \0\0\0\0"), "audio/mp4");
        assert_eq!(of(b"\x1a\x45\xdf\xa3\x42\x82\x84webm"), "video/webm");
        assert_eq!(of(b"%PDF-1.7"), "application/pdf");
        assert_eq!(of(b"MZ\x90\0\x03"), "application/octet-stream");
        assert_eq!(of("Grüße".as_bytes()), "text/plain");
        assert_eq!(of(b""), "text/plain");
    }

    #[test]
    fn what_could_run_is_not_taken_for_a_picture_or_plain_text() {
        for page in [
            "<!DOCTYPE html><title>x</title>",
            "\u{feff} \r\n<HTML>",
            "<script>alert(1)</script>",
            "<!-- a picture --><html>",
        ] {
            assert_eq!(of(page.as_bytes()), "text/html", "{page}");
        }
        for drawing in ["<svg onload=alert(1)>", "<?xml version='1.0'?>\n<svg xmlns='…'/>"] {
            assert_eq!(of(drawing.as_bytes()), "image/svg+xml", "{drawing}");
        }
        assert!(Kind::of(b"<svg/>").picture.is_none());
        assert_eq!(of(b"<?xml version='1.0'?><a/>"), "text/xml");
    }

    #[test]
    fn text_may_be_cut_within_a_character_but_nowhere_else_be_broken() {
        assert_eq!(of(&"ä".as_bytes()[..1]), "text/plain");
        assert_eq!(of(b"a\xffb"), "application/octet-stream");
        assert_eq!(of(b"a\0b"), "application/octet-stream");
    }
}
