//! Packets that were sent together, and how their delay differs from that of those before them.

use super::arrival_time::Moment;

/// Packets sent within so many milliseconds are one group (draft-ietf-rmcat-gcc-02, section 5.2).
///
/// What leaves in one burst is queued behind itself: comparing its packets with each other would show a queue
/// where there is none. A pacer that releases bursts of up to this length therefore costs the estimate nothing.
pub const GROUP_MS: f64 = 5.0;

/// A group is no longer than this, however closely its packets arrive.
const GROUP_MAX_MS: f64 = 100.0;

/// Groups in a row that arrive before the ones sent before them; then what is held of the past is wrong.
const DISORDER_MAX: u8 = 3;

/// One group after another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GroupDelta {
    /// Milliseconds between the last packets that were sent of each.
    pub(crate) sent: f64,
    /// Milliseconds between the last packets that arrived of each.
    pub(crate) arrived: f64,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first: Moment,
    last: Moment,
}

impl Group {
    const fn of(moment: Moment) -> Self {
        Self { first: moment, last: moment }
    }

    /// Whether a packet, sent later than the group's first, belongs to it: sent within its time, or caught up
    /// with it on the way, as where a network gathers packets and hands them on together.
    fn has(&self, packet: Moment) -> bool {
        let (sent, arrived) = (packet.sent - self.last.sent, packet.arrived - self.last.arrived);
        let together = arrived <= GROUP_MS && arrived - sent < 0.0;
        packet.sent - self.first.sent <= GROUP_MS
            || together && packet.arrived - self.first.arrived < GROUP_MAX_MS
    }

    const fn take(&mut self, packet: Moment) {
        self.last =
            Moment { sent: self.last.sent.max(packet.sent), arrived: self.last.arrived.max(packet.arrived) };
    }
}

#[derive(Debug, Default)]
pub(crate) struct ArrivalGroups {
    before: Option<Group>,
    current: Option<Group>,
    disorder: u8,
}

impl ArrivalGroups {
    /// Takes a packet that arrived, in the order of sending. Where it begins a group, tells how the one that it
    /// ends follows on the one before.
    ///
    /// A packet that was sent before the present group is left out: its delay was told without it.
    pub(crate) fn take(&mut self, packet: Moment) -> Option<GroupDelta> {
        let Some(current) = &mut self.current else {
            self.current = Some(Group::of(packet));
            return None;
        };
        if packet.sent < current.first.sent {
            return None;
        }
        if current.has(packet) {
            current.take(packet);
            return None;
        }
        let ended = self.current.replace(Group::of(packet))?;
        let before = self.before.replace(ended)?;
        let delta = GroupDelta {
            sent: ended.last.sent - before.last.sent,
            arrived: ended.last.arrived - before.last.arrived,
        };
        if delta.arrived >= 0.0 {
            self.disorder = 0;
            return Some(delta);
        }
        self.disorder = self.disorder.saturating_add(1);
        if self.disorder >= DISORDER_MAX {
            *self = Self { current: Some(Group::of(packet)), ..Self::default() };
        }
        None
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(groups: &mut ArrivalGroups, packets: &[(f64, f64)]) -> Vec<GroupDelta> {
        packets.iter().filter_map(|&(sent, arrived)| groups.take(Moment { sent, arrived })).collect()
    }

    #[test]
    fn a_burst_is_one_group_and_its_last_packet_counts() {
        let mut groups = ArrivalGroups::default();
        let packets = [(0.0, 50.0), (4.0, 58.0), (20.0, 70.0), (22.0, 81.0), (40.0, 95.0)];
        assert_eq!(take(&mut groups, &packets), [GroupDelta { sent: 18.0, arrived: 23.0 }]);
    }

    #[test]
    fn what_a_network_hands_on_together_is_one_group() {
        let mut groups = ArrivalGroups::default();
        let gathered = [(0.0, 50.0), (10.0, 90.0), (20.0, 90.0), (30.0, 90.5), (40.0, 120.0), (60.0, 140.0)];
        assert_eq!(
            take(&mut groups, &gathered),
            [GroupDelta { sent: 30.0, arrived: 40.5 }, GroupDelta { sent: 10.0, arrived: 29.5 }]
        );
    }

    #[test]
    fn disorder_tells_nothing_and_goes_by() {
        let mut groups = ArrivalGroups::default();
        let mut packets: Vec<_> =
            (0..10).map(|n| (f64::from(n) * 20.0, 500.0 - f64::from(n) * 20.0)).collect();
        packets.extend((10..14).map(|n| (f64::from(n) * 20.0, 600.0 + f64::from(n) * 20.0)));
        assert_eq!(take(&mut groups, &packets).last(), Some(&GroupDelta { sent: 20.0, arrived: 20.0 }));
        assert_eq!(take(&mut groups, &[(100.0, 2000.0)]), [], "sent before the present group");
    }
}
