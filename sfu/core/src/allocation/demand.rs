//! What is known of a track that is to be sent.

use crate::bandwidth::Bitrate;
use common::protocol::media::{TrackPriority, TrackSource, TrackWish};

/// Encodings of one track at most.
pub const ENCODINGS_MAX: usize = 3;

/// Temporal layers of one encoding at most: what VP8 can count (RFC 7741, section 4.2).
pub const TEMPORAL_LAYERS_MAX: usize = 4;

/// A size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// From side to side.
    pub width: u16,
    /// Lines.
    pub height: u16,
}

/// What a subscriber wishes of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Whether it is wanted at all.
    pub is_enabled: bool,
    /// The size at which it is shown, in pixels of the screen; `None` if nobody says, and it is sent as for any size.
    /// Of no width or height it is shown nowhere.
    pub size: Option<Size>,
    /// What goes first.
    pub priority: TrackPriority,
}

impl Default for Wish {
    fn default() -> Self {
        Self { is_enabled: true, size: None, priority: TrackPriority::Normal }
    }
}

impl From<&TrackWish> for Wish {
    fn from(said: &TrackWish) -> Self {
        let size = said.width.zip(said.height).map(|(width, height)| Size { width, height });
        // Of no width it is shown nowhere, however high it would be.
        let is_nowhere = [said.width, said.height].contains(&Some(0));
        let size = if is_nowhere { Some(Size { width: 0, height: 0 }) } else { size };
        Self { is_enabled: said.enabled, size, priority: said.priority }
    }
}

impl Wish {
    /// Whether anybody sees it, if it is a picture.
    pub fn is_shown(&self) -> bool {
        self.is_enabled && self.size.is_none_or(|size| size.width > 0 && size.height > 0)
    }
}

/// Whether packets of an encoding come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Supply {
    /// There is no such encoding, or its publisher has stopped sending it.
    #[default]
    Missing,
    /// It is not sent because nobody takes it: its publisher has been told so, and can be told otherwise.
    OnRequest,
    /// It comes.
    Sent,
}

/// One encoding of a track.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Whether it can be had.
    pub supply: Supply,
    /// What it takes up to each temporal layer, headers included, as measured over about a second or last measured;
    /// nothing where that is not known.
    pub rates: [Bitrate; TEMPORAL_LAYERS_MAX],
    /// How many temporal layers it has. None is one.
    pub temporal_layers: u8,
    /// The size of its pictures.
    pub size: Option<Size>,
}

impl Encoding {
    /// What all of it takes.
    pub fn rate(&self) -> Bitrate {
        self.rates.into_iter().take(self.layers()).next_back().unwrap_or_default()
    }

    /// How many temporal layers it has, one at least.
    pub fn layers(&self) -> usize {
        usize::from(self.temporal_layers).clamp(1, TEMPORAL_LAYERS_MAX)
    }
}

/// A layer of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Layer {
    /// Which encoding, the smallest first.
    pub encoding: u8,
    /// Up to which temporal layer.
    pub temporal: u8,
}

/// A track that a subscriber receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand<K> {
    /// Tells it from the others, and finds it again in the next call.
    pub key: K,
    /// Screens go before cameras.
    pub source: TrackSource,
    /// What the subscriber wishes.
    pub wish: Wish,
    /// Whether its participant speaks, as it is shown to people: whoever flickers makes pictures change.
    pub is_speaking: bool,
    /// Who has begun to speak later has more; nothing of who has not spoken.
    pub spoke: u64,
    /// The smallest first; of a voice the first alone.
    pub encodings: [Encoding; ENCODINGS_MAX],
}

impl<K> Demand<K> {
    /// Whether there is only one encoding to choose from.
    pub(super) fn is_single(&self) -> bool {
        self.encodings.iter().filter(|it| it.supply != Supply::Missing).count() == 1
    }
}
