//! Which temporal layers of an encoding go out.

use crate::rtp::descriptor::Descriptor;

/// All of them.
pub(super) const ALL: u8 = u8::MAX;

/// Leaves the upper temporal layers of an encoding out, picture by picture (RFC 7741, section 4.2).
#[derive(Debug)]
pub(super) struct TemporalLayers {
    /// Up to which is wanted.
    wanted: u8,
    /// Up to which goes out.
    current: u8,
    /// The newest picture, by its time.
    picture: Option<u32>,
    is_left_out: bool,
}

impl Default for TemporalLayers {
    fn default() -> Self {
        Self { wanted: ALL, current: ALL, picture: None, is_left_out: false }
    }
}

impl TemporalLayers {
    /// From the next picture on those up to this one are to go out; upper ones as soon as they can be begun.
    pub(super) const fn want(&mut self, layer: u8) {
        self.wanted = layer;
    }

    /// An encoding begins, of which nothing is known that its pictures could build upon.
    pub(super) const fn restart(&mut self) {
        self.current = self.wanted;
        self.picture = None;
    }

    /// Whether the newest packet is left out, and if so, whether it is the first of its picture that is.
    pub(super) fn leaves_out(&mut self, timestamp: u32, descriptor: Option<Descriptor>) -> Option<bool> {
        if (self.wanted, self.current) == (ALL, ALL) {
            return None;
        }
        let is_new = self.picture.replace(timestamp) != Some(timestamp);
        if is_new {
            self.is_left_out = self.decide(descriptor);
        }
        self.is_left_out.then_some(is_new)
    }

    /// Whether a picture is left out. The layers below one that is begun must have been there, so that they are begun
    /// one after the other, each with a picture that builds upon the lowest alone.
    fn decide(&mut self, descriptor: Option<Descriptor>) -> bool {
        let Some(descriptor) = descriptor else { return false };
        let layer = descriptor.temporal_layer.unwrap_or(0);
        self.current = self.current.min(self.wanted);
        if descriptor.starts_key_frame {
            self.current = self.wanted;
        } else if layer <= self.wanted
            && descriptor.is_layer_sync
            && layer.checked_sub(self.current) == Some(1)
        {
            self.current = layer;
        }
        layer > self.current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes out of pictures, each of a temporal layer, with a mark on those that begin it: `k` is a key frame.
    fn sent(layers: &mut TemporalLayers, pictures: &str) -> String {
        let mut time = layers.picture.unwrap_or(0);
        let mut sent = Vec::new();
        for picture in pictures.split(' ') {
            time += 3000;
            let layer = picture.bytes().next().map(|it| if it == b'k' { 0 } else { it - b'0' });
            let descriptor = Descriptor {
                starts_key_frame: picture == "k",
                picture_id: Some(1),
                has_long_picture_id: true,
                tl0_picture_index: Some(1),
                temporal_layer: layer,
                is_layer_sync: picture.ends_with('*'),
                ..Descriptor::default()
            };
            let first = layers.leaves_out(time, Some(descriptor));
            // Another packet of the same picture fares the same.
            assert_eq!(layers.leaves_out(time, Some(descriptor)), first.map(|_| false));
            if first.is_none() {
                sent.push(picture);
            }
        }
        sent.join(" ")
    }

    #[test]
    fn upper_layers_end_with_the_next_picture_and_begin_where_they_can_be_begun() {
        let mut layers = TemporalLayers::default();
        assert_eq!(sent(&mut layers, "k 2* 1* 2 0 2 1 2"), "k 2* 1* 2 0 2 1 2");
        layers.want(1);
        assert_eq!(sent(&mut layers, "0 2 1 2 0"), "0 1 0");
        layers.want(0);
        assert_eq!(sent(&mut layers, "0 2 1 2 0"), "0 0");
        layers.want(2);
        assert_eq!(sent(&mut layers, "2 1 0 2* 1* 2 0 2* 1 2"), "0 1* 0 2* 1 2");
        layers.want(0);
        assert_eq!(sent(&mut layers, "0 1"), "0");
        layers.want(ALL);
        assert_eq!(sent(&mut layers, "1 k 2 1 2"), "k 2 1 2", "a key frame begins all");
    }

    #[test]
    fn what_says_nothing_of_layers_goes_out() {
        let mut layers = TemporalLayers::default();
        layers.want(0);
        layers.restart();
        assert_eq!(layers.leaves_out(1, None), None);
    }
}
