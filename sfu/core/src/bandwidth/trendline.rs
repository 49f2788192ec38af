//! Whether the delay of packets grows.

use super::arrival_groups::GroupDelta;

/// Groups that the line is laid through.
///
/// More are steadier where delays jitter and see a queue later.
const WINDOW: usize = 20;

/// How much of the smoothed delay is its past. Nearer to 1 forgives jitter and is slower.
const SMOOTHING: f64 = 0.9;

/// A point of the line: when a group arrived, and by how much the delay had grown by then. Milliseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Point {
    arrived: f64,
    delay: f64,
}

/// The gradient of the one-way delay: a straight line through the smoothed delays of the last groups.
///
/// The draft filters the differences between groups (draft-ietf-rmcat-gcc-02, section 5.3); libwebrtc has
/// since laid a line by least squares through their sum, which needs no model of the noise. The principle is
/// the same: a queue that fills makes each group later than the one before, whatever the delay is.
#[derive(Debug, Default)]
pub(crate) struct Trendline {
    points: [Point; WINDOW],
    /// Where the next point goes.
    next: usize,
    /// Groups since the beginning, as many as matter.
    groups: u32,
    latest: Point,
    smoothed: f64,
}

impl Trendline {
    /// Groups after which no more certainty is gained.
    const GROUPS_MAX: u32 = 60;

    /// Takes a group. Milliseconds by which the delay grows in each millisecond; `None` until the window is full.
    pub(crate) fn take(&mut self, delta: GroupDelta) -> Option<f64> {
        self.latest.arrived += delta.arrived;
        self.latest.delay += delta.arrived - delta.sent;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.latest.delay;
        let point = Point { arrived: self.latest.arrived, delay: self.smoothed };
        if let Some(place) = self.points.get_mut(self.next) {
            *place = point;
        }
        self.next = self.next.wrapping_add(1) % WINDOW;
        self.groups = self.groups.saturating_add(1).min(Self::GROUPS_MAX);
        (usize::try_from(self.groups).unwrap_or(WINDOW) >= WINDOW).then(|| slope(&self.points)).flatten()
    }

    /// How many groups the slope is to be believed for.
    pub(crate) fn groups(&self) -> f64 {
        f64::from(self.groups)
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// The slope of the straight line nearest to the points by least squares; `None` where all arrived at once.
fn slope(points: &[Point; WINDOW]) -> Option<f64> {
    let count = f64::from(u32::try_from(WINDOW).unwrap_or(1));
    let (arrived, delay) = points
        .iter()
        .fold((0.0, 0.0), |(arrived, delay), point| (arrived + point.arrived, delay + point.delay));
    let (arrived, delay) = (arrived / count, delay / count);
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), point| {
        let distance = point.arrived - arrived;
        (above + distance * (point.delay - delay), below + distance * distance)
    });
    (below > 1e-6).then(|| above / below)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope_after(groups: u32, sent: f64, arrived: f64) -> Option<f64> {
        let mut line = Trendline::default();
        (0..groups).filter_map(|_| line.take(GroupDelta { sent, arrived })).last()
    }

    #[test]
    fn a_queue_that_fills_by_a_tenth_has_a_slope_of_a_tenth() {
        let slope = slope_after(60, 9.0, 10.0).unwrap();
        assert!((slope - 0.1).abs() < 0.005, "{slope}");
        let slope = slope_after(60, 10.0, 9.0).unwrap();
        assert!((slope + 0.111).abs() < 0.005, "{slope}");
    }

    #[test]
    fn nothing_is_told_too_early_or_of_groups_that_arrive_at_once() {
        assert_eq!(slope_after(19, 9.0, 10.0), None);
        assert_eq!(slope_after(200, 10.0, 0.0), None);
    }
}
