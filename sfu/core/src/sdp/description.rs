//! A description's lines, taken apart and not yet understood (RFC 8866, section 5).

use super::SdpError;

/// A description as its sections. Everything in it lies in the text.
pub(super) struct Description<'a> {
    /// What is said of the session, and of every section that does not say otherwise.
    pub(super) session: Attributes<'a>,
    pub(super) media: Vec<Media<'a>>,
}

/// A media line and the attributes below it.
pub(super) struct Media<'a> {
    pub(super) name: &'a str,
    pub(super) port: u16,
    pub(super) protocol: &'a str,
    /// Payload types in the order of preference, for sound and pictures.
    pub(super) formats: Vec<&'a str>,
    pub(super) attributes: Attributes<'a>,
}

/// Attributes in order, each with its value; one that is only a name has an empty one.
#[derive(Default)]
pub(super) struct Attributes<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Attributes<'a> {
    /// The values of all attributes of this name.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// The first value of this name.
    pub(super) fn value(&self, name: &str) -> Option<&'a str> {
        self.values(name).next()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What attributes of this name say about one format: the rest of the line behind the payload type.
    pub(super) fn of_format(&self, name: &str, format: &str) -> impl Iterator<Item = &'a str> {
        self.values(name).filter_map(move |value| {
            let (of, rest) = value.split_once(' ')?;
            (of == format).then_some(rest.trim())
        })
    }
}

/// The lines of a description. They end with CR LF, and as RFC 8866 (section 5) asks of who reads,
/// with LF alone; the last one need not end. Empty ones say nothing.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').map(|line| line.trim_matches('\r')).filter(|line| !line.is_empty())
}

impl<'a> Description<'a> {
    /// Takes a description apart, which begins with its version.
    ///
    /// # Errors
    /// [`SdpError::Malformed`].
    pub(super) fn read(text: &'a str) -> Result<Self, SdpError> {
        let version = lines(text).next().and_then(|line| line.strip_prefix("v="));
        if version.is_none_or(|version| version.trim() != "0") {
            return Err(SdpError::Malformed { line: 1 });
        }
        Self::read_part(text)
    }

    /// Takes a description apart, or a fragment of one. What is neither a media line nor an attribute is not
    /// looked at: WebRTC says nothing with it (RFC 8829, section 5.8).
    ///
    /// # Errors
    /// [`SdpError::Malformed`].
    pub(super) fn read_part(text: &'a str) -> Result<Self, SdpError> {
        let mut session = Attributes::default();
        let mut media: Vec<Media<'a>> = Vec::new();
        for (index, line) in lines(text).enumerate() {
            let malformed = SdpError::Malformed { line: index.saturating_add(1) };
            let is_text = !line.chars().any(|char| char.is_control() && char != '\t');
            let (kind, value) = line.split_once('=').filter(|_| is_text).ok_or(malformed.clone())?;
            match kind {
                "m" => media.push(Media::read(value).ok_or(malformed)?),
                "a" => {
                    let (name, value) = value.split_once(':').unwrap_or((value, ""));
                    let section = media.last_mut().map_or(&mut session, |media| &mut media.attributes);
                    section.0.push((name.trim(), value.trim()));
                }
                _ if kind.len() == 1 => {}
                _ => return Err(malformed),
            }
        }
        if text.is_empty() { Err(SdpError::Malformed { line: 1 }) } else { Ok(Self { session, media }) }
    }
}

impl<'a> Media<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (name, port, protocol) = (words.next()?, words.next()?, words.next()?);
        let formats: Vec<_> = words.collect();
        // Behind a slash: how many ports, which is one in WebRTC.
        let port = port.split('/').next()?.parse().ok()?;
        let media = Self { name, port, protocol, formats, attributes: Attributes::default() };
        (!media.formats.is_empty()).then_some(media)
    }
}
