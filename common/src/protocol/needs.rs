//! The permission that each method needs, checked before its parameters are looked at.

use crate::{guest::Right, permission::Permission};

/// The permission that a method needs.
///
/// More may be asked where the thing itself is looked at: a private room exists for its members only, and the
/// permission to follow a table is known where the table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// The permission that a person needs; without one, every person may.
    pub permission: Option<Permission>,
    /// Whether a guest may, and with which right.
    pub guest: GuestNeeds,
}

/// The right that a guest of a room needs for a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestNeeds {
    /// Every guest may, in the room that the token is for.
    Nothing,
    /// The token must name this right.
    Right(Right),
    /// No guest may.
    Person,
}

impl Needs {
    /// Whoever is connected may.
    pub(super) const NOTHING: Self = Self { permission: None, guest: GuestNeeds::Nothing };

    /// Every person may, and no guest.
    pub(super) const PERSON: Self = Self { permission: None, guest: GuestNeeds::Person };

    /// A person with this permission may, and no guest.
    pub(super) const fn permission(permission: Permission) -> Self {
        Self { permission: Some(permission), guest: GuestNeeds::Person }
    }

    /// Every person may, and a guest with this right.
    pub(super) const fn right(right: Right) -> Self {
        Self { permission: None, guest: GuestNeeds::Right(right) }
    }

    /// The same for guests, and for persons this permission too.
    pub(super) const fn and(self, permission: Permission) -> Self {
        Self { permission: Some(permission), guest: self.guest }
    }
}
