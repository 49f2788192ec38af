//! How a user is, from how they are at each of their devices.

use common::{
    protocol::presence::{Said, Status},
    subject::hub::DeviceStatus,
};

/// The devices of one user, counted by how they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Devices {
    all: u32,
    away: u32,
    busy: u32,
    in_call: u32,
}

impl Devices {
    pub(super) const fn join(&mut self, status: DeviceStatus) {
        let DeviceStatus { said, in_call, .. } = status;
        self.all += 1;
        self.away += matches!(said, Said::Away) as u32;
        self.busy += matches!(said, Said::Busy) as u32;
        self.in_call += in_call as u32;
    }

    /// One that has joined, or become so, is not there or not so any more.
    pub(super) const fn leave(&mut self, status: DeviceStatus) {
        let DeviceStatus { said, in_call, .. } = status;
        self.all -= 1;
        self.away -= matches!(said, Said::Away) as u32;
        self.busy -= matches!(said, Said::Busy) as u32;
        self.in_call -= in_call as u32;
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.all == 0
    }

    /// Who does not want to be disturbed says so for all of their devices; who is at one of them is not away.
    pub(super) const fn status(&self) -> Status {
        match *self {
            Self { busy: 1.., .. } => Status::Busy,
            Self { in_call: 1.., .. } => Status::InCall,
            Self { all, away, .. } if all > 0 && away == all => Status::Away,
            Self { .. } => Status::Online,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(devices: &[(Said, bool)]) -> Status {
        let mut counted = Devices::default();
        let all = devices.iter().map(|&(said, in_call)| DeviceStatus { said, in_call, revision: 0 });
        all.for_each(|status| counted.join(status));
        counted.status()
    }

    #[test]
    fn a_user_is_what_their_devices_say_together() {
        use Said::{Away, Busy, Online};
        assert_eq!(of(&[]), Status::Online);
        assert_eq!(of(&[(Online, false), (Away, false)]), Status::Online);
        assert_eq!(of(&[(Away, false), (Away, false)]), Status::Away);
        assert_eq!(of(&[(Away, false), (Away, true)]), Status::InCall);
        assert_eq!(of(&[(Online, true), (Busy, false)]), Status::Busy);
    }
}
