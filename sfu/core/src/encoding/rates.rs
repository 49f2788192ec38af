//! What an encoding takes, layer by layer.

use crate::{bandwidth::Bitrate, rtp::descriptor::TEMPORAL_LAYERS_MAX};
use std::time::{Duration, Instant};

/// Over how long rates are measured.
///
/// Longer is steadier where key frames are much larger than others; shorter tells sooner what an encoding takes that
/// has just begun.
const WINDOW: Duration = Duration::from_secs(1);

/// Of what was silent for so long nothing is measured: it begins anew.
///
/// Longer keeps free for others what nobody sends; shorter takes the pauses of who is silent (RFC 7587, section 3.1.3,
/// sends something every 400 ms) and of a screen that hardly changes for their end.
pub(super) const PAUSE: Duration = Duration::from_secs(2);

/// The bytes of each temporal layer, over one window after the other.
#[derive(Debug, Default)]
pub(crate) struct LayerRates {
    began_at: Option<Instant>,
    bytes: [u64; TEMPORAL_LAYERS_MAX],
    measured: [Bitrate; TEMPORAL_LAYERS_MAX],
    layers: u8,
}

impl LayerRates {
    /// Notes a packet of a layer.
    pub(crate) fn note(&mut self, layer: u8, bytes: usize, now: Instant) {
        let began_at = *self.began_at.get_or_insert(now);
        let passed = now.saturating_duration_since(began_at);
        if passed >= WINDOW {
            if passed < PAUSE {
                self.measure(passed);
            }
            self.began_at = Some(now);
            self.bytes = [0; TEMPORAL_LAYERS_MAX];
        }
        if let Some(sum) = self.bytes.get_mut(usize::from(layer)) {
            *sum = sum.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
            self.layers = self.layers.max(layer.saturating_add(1));
        }
    }

    fn measure(&mut self, time: Duration) {
        let mut sum = 0_u64;
        self.layers = 0;
        for ((bytes, rate), layers) in self.bytes.iter().zip(&mut self.measured).zip(1..) {
            sum = sum.saturating_add(*bytes);
            *rate = Bitrate::of(sum, time).unwrap_or_default();
            if *bytes > 0 {
                self.layers = layers;
            }
        }
    }

    /// What it takes up to each layer, as measured last; nothing before that.
    pub(crate) const fn measured(&self) -> [Bitrate; TEMPORAL_LAYERS_MAX] {
        self.measured
    }

    /// How many temporal layers came in the last window, or have come since.
    pub(crate) const fn layers(&self) -> u8 {
        self.layers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::{Clock, ManualClock};

    fn kilobits(rates: &LayerRates) -> [u64; TEMPORAL_LAYERS_MAX] {
        rates.measured().map(|rate| (rate.bits_per_second() + 500) / 1000)
    }

    #[test]
    fn each_layer_takes_what_those_below_it_take_and_its_own() {
        let clock = ManualClock::default();
        let mut rates = LayerRates::default();
        for packet in 0..101 {
            rates.note(packet % 2, 500, clock.now());
            clock.advance(Duration::from_millis(10));
        }
        assert_eq!((kilobits(&rates), rates.layers()), ([200, 400, 400, 400], 2));
    }

    #[test]
    fn layers_count_as_soon_as_they_come() {
        let (clock, mut rates) = (ManualClock::default(), LayerRates::default());
        assert_eq!(rates.layers(), 0);
        [0, 2, 1].iter().for_each(|layer| rates.note(*layer, 500, clock.now()));
        assert_eq!((kilobits(&rates), rates.layers()), ([0; 4], 3));
    }

    #[test]
    fn a_pause_is_not_measured() {
        let clock = ManualClock::default();
        let mut rates = LayerRates::default();
        for _ in 0..102 {
            rates.note(0, 500, clock.now());
            clock.advance(Duration::from_millis(10));
        }
        let before = kilobits(&rates);
        clock.advance(Duration::from_secs(60));
        rates.note(0, 500, clock.now());
        assert_eq!(kilobits(&rates), before);
        assert_eq!(before[0], 400);
    }
}
