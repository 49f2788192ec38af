//! What one transport's streams are.

/// Something for each of a transport's SSRCs.
///
/// Few of them or some hundreds, looked for with each packet and hardly ever changed: in order, one
/// behind the other.
#[derive(Debug)]
pub(crate) struct BySsrc<T>(Vec<(u32, T)>);

impl<T> Default for BySsrc<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy> BySsrc<T> {
    fn place(&self, ssrc: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&ssrc, |(known, _)| *known)
    }

    pub(crate) fn get(&self, ssrc: u32) -> Option<T> {
        self.0.get(self.place(ssrc).ok()?).map(|(_, it)| *it)
    }

    pub(crate) fn insert(&mut self, ssrc: u32, it: T) {
        match self.place(ssrc) {
            Ok(place) => {
                if let Some(slot) = self.0.get_mut(place) {
                    *slot = (ssrc, it);
                }
            }
            Err(place) => self.0.insert(place, (ssrc, it)),
        }
    }

    pub(crate) fn remove(&mut self, ssrc: u32) {
        if let Ok(place) = self.place(ssrc) {
            self.0.remove(place);
        }
    }

    /// Keeps what fits.
    pub(crate) fn retain(&mut self, fits: impl Fn(T) -> bool) {
        self.0.retain(|(_, it)| fits(*it));
    }

    /// In the order of their SSRCs.
    pub(crate) fn values(&self) -> impl Iterator<Item = T> {
        self.0.iter().map(|(_, it)| *it)
    }

    #[cfg(any(test, feature = "simulation"))]
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_was_said_of_a_stream_counts() {
        let mut table = BySsrc::default();
        for ssrc in [7, u32::MAX, 0, 7] {
            table.insert(ssrc, u64::from(ssrc) + 1);
        }
        table.insert(0, 9);
        assert_eq!((table.get(7), table.get(0), table.get(1)), (Some(8), Some(9), None));
        assert_eq!(table.len(), 3);
        table.remove(7);
        table.remove(8);
        table.retain(|it| it != 9);
        assert_eq!(table.values().collect::<Vec<_>>(), [1 << 32]);
    }
}
