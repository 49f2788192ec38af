//! The layers of one picture that are worth sending, each better and dearer than the one before.

use super::{Demand, Encoding, Layer, Size, Supply};
use crate::bandwidth::Bitrate;
use common::protocol::media::TrackSource;
use std::ops::Range;

/// A picture may be stretched by so much and looks the same to most.
///
/// More sends less; less sends the next larger encoding for what nobody sees.
const STRETCH: f64 = 1.2;

/// What is assumed of an encoding whose rate is not known yet, the smallest first: what browsers send of 180, 360 and
/// 720 lines.
const ASSUMED: [Bitrate; 3] = [
    Bitrate::from_bits_per_second(100_000),
    Bitrate::from_bits_per_second(400_000),
    Bitrate::from_bits_per_second(1_500_000),
];

/// One of the layers of a ladder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rung {
    pub(super) layer: Layer,
    rate: Bitrate,
}

/// Where the rungs of a picture are.
#[derive(Debug, Clone)]
pub(super) struct Ladder {
    rungs: Range<usize>,
    /// Whether there would be more, which nobody sees at the size at which it is shown.
    pub(super) is_cut: bool,
}

impl Ladder {
    /// Builds the ladder of a picture at the end of `rungs`.
    ///
    /// Of the smallest encoding, and of a screen, which hardly moves, each temporal layer is a rung; of others those
    /// are that have half of their pictures at least, as more lines that move less are no gain.
    pub(super) fn build<K>(demand: &Demand<K>, rungs: &mut Vec<Rung>) -> Self {
        let start = rungs.len();
        let mut is_cut = false;
        let mut is_enough = false;
        for ((encoding, known), assumed) in (0_u8..).zip(&demand.encodings).zip(ASSUMED) {
            if known.supply == Supply::Missing {
                continue;
            }
            if is_enough {
                is_cut = true;
                break;
            }
            is_enough = demand.wish.size.is_some_and(|shown| suffices(known, shown));
            let layers = known.layers();
            let is_first = rungs.len() == start || demand.source == TrackSource::Screen;
            let lowest = if is_first { 0 } else { layers.saturating_sub(2) };
            let whole = known.rate();
            for (temporal, rate) in (0_u8..).zip(known.rates).take(layers).skip(lowest) {
                let rate = if whole == Bitrate::ZERO { assumed.times(share(temporal, layers)) } else { rate };
                // What is better and no dearer makes the ones below needless.
                while rungs.len() > start && rungs.last().is_some_and(|below| below.rate >= rate) {
                    rungs.pop();
                }
                rungs.push(Rung { layer: Layer { encoding, temporal }, rate });
            }
        }
        Self { rungs: start..rungs.len(), is_cut }
    }

    /// How many rungs it has.
    pub(super) fn len(&self) -> usize {
        self.rungs.len()
    }

    /// How many of its rungs are no better than this layer.
    pub(super) fn up_to(&self, rungs: &[Rung], layer: Layer) -> usize {
        let own = rungs.get(self.rungs.clone()).unwrap_or_default();
        own.partition_point(|rung| rung.layer <= layer)
    }

    /// The layer of so many rungs; `None` of none.
    pub(super) fn layer(&self, rungs: &[Rung], level: usize) -> Option<Layer> {
        self.rung(rungs, level).map(|rung| rung.layer)
    }

    /// What so many rungs take.
    pub(super) fn rate(&self, rungs: &[Rung], level: usize) -> Bitrate {
        self.rung(rungs, level).map_or(Bitrate::ZERO, |rung| rung.rate)
    }

    fn rung<'a>(&self, rungs: &'a [Rung], level: usize) -> Option<&'a Rung> {
        let own = rungs.get(self.rungs.clone())?;
        own.get(level.checked_sub(1)?)
    }
}

/// What an encoding takes up to one of its temporal layers of what it takes with so many: each layer doubles the pictures
/// and is built upon by fewer.
fn share(temporal: u8, layers: usize) -> f64 {
    match layers.saturating_sub(usize::from(temporal).saturating_add(1)) {
        0 => 1.0,
        1 => 0.6,
        _ => 0.4,
    }
}

/// Whether an encoding looks as good as any at this size, fitted into it without being cropped. One of unknown size
/// never does.
fn suffices(encoding: &Encoding, shown: Size) -> bool {
    encoding.size.is_some_and(|size| {
        let stretch = |shown: u16, sent: u16| f64::from(shown) <= f64::from(sent) * STRETCH;
        stretch(shown.width, size.width) || stretch(shown.height, size.height)
    })
}
