//! Who may do what in a room.
//!
//! Both ways in ask here: the WebSocket hub and the REST layer read what the store says at that moment
//! ([`RoomFacts`]), hand it in, and put a [`Refusal`] into their own words. For what is stored nowhere the hub does not
//! ask the store; it goes by who is in the room here ([`Visitor::may_inside`]), and takes those out who
//! [must leave](Visitor::must_leave) within seconds of the store's saying so.
//!
//! Where people and programs differ, it is meant so. A person is held to membership of a private room, whatever they
//! manage: who manages rooms sees that there is one and may change it, but reads, speaks and lets others in only as a
//! member, which is on record. A program is the account's own back end, which decides who the members are, and reads
//! all rooms; it does not enter any. What a program says looks as if somebody had said it, so it needs the permission
//! to manage. A guest has been let in by who may: a private room is open to them, and no other room is there. Being
//! removed keeps a guest out until they get a newer token, and a person only from rooms of which they must be a member.
//!
//! Members of a room may be [more than that](MemberRole) in it. What an owner or moderator may do there needs no
//! permission of the account but to enter rooms, and whoever manages rooms may do it in every room; nobody is muted,
//! banned or unmade by somebody of the same rank. The two of a direct room have it to themselves.

use common::{
    guest::Right,
    id::RoomId,
    permission::{Permission, Permissions},
    protocol::room::{MemberRole, RemovalReason},
    room::RoomFacts,
    subject::media::MediaRights,
};
use std::collections::BTreeSet;
use time::OffsetDateTime;

/// Somebody at the door of a room, with what their token or key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visitor<'a> {
    /// A person of the room's account.
    Person(Permissions),
    /// A program of the room's account.
    Program(Permissions),
    /// A guest.
    Guest {
        /// The only room that the token is for.
        room: RoomId,
        /// What it allows there.
        rights: &'a BTreeSet<Right>,
        /// When it was signed.
        issued_at: OffsetDateTime,
    },
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// See that there is the room, what it is called and whether it is closed.
    See,
    /// Read who is in it, and who its members are.
    ReadMembers,
    /// Read what was said.
    ReadMessages,
    /// Enter, and stay.
    Enter,
    /// Say something that is kept.
    Send,
    /// Change what one has said, or take it back.
    Edit,
    /// Take back what somebody else has said.
    Moderate,
    /// React to what was said.
    React,
    /// Be seen typing.
    Type,
    /// Ring somebody, to meet in the room.
    Ring,
    /// Take part in its media session.
    Media,
    /// Tell everybody in it something that is not kept.
    Announce,
    /// Let a guest in.
    Invite,
    /// Record its media session, and have what was recorded.
    Record,
    /// Mute and ban those who are in it.
    Restrict,
    /// Say what it is called.
    Rename,
    /// Decide who its members are, and what they are in it.
    ChangeMembers,
    /// Be a member no longer.
    Quit,
    /// Decide whether it is for its members only.
    SetPrivacy,
    /// Close or delete it.
    Manage,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Token or key do not allow it in any room. Says nothing about this one.
    NotAllowed,
    /// There is no such room, or none for this visitor: the two look the same, but to who was banned from it.
    NoSuchRoom,
    /// They are banned from it.
    Banned,
    /// The guest was removed after their token was signed.
    Removed,
    /// It is for those who are more in it than they are, or than whom it is about.
    NotInCharge,
    /// The room is for two, and stays so.
    Direct,
    /// The room is closed.
    Closed,
    /// They are kept from saying anything.
    Muted,
    /// It is for those in the room, and they are not.
    NotInside,
}

impl Action {
    /// Every action.
    pub const ALL: &[Self] = &[
        Self::See,
        Self::ReadMembers,
        Self::ReadMessages,
        Self::Enter,
        Self::Send,
        Self::Edit,
        Self::Moderate,
        Self::React,
        Self::Type,
        Self::Ring,
        Self::Media,
        Self::Announce,
        Self::Invite,
        Self::Record,
        Self::Restrict,
        Self::Rename,
        Self::ChangeMembers,
        Self::Quit,
        Self::SetPrivacy,
        Self::Manage,
    ];

    /// Whether it is about a room as a thing, and not about what happens in it.
    const fn is_administrative(self) -> bool {
        match self {
            Self::See
            | Self::Restrict
            | Self::Rename
            | Self::ChangeMembers
            | Self::SetPrivacy
            | Self::Manage => true,
            Self::ReadMembers
            | Self::ReadMessages
            | Self::Enter
            | Self::Send
            | Self::Edit
            | Self::Moderate
            | Self::React
            | Self::Type
            | Self::Ring
            | Self::Media
            | Self::Announce
            | Self::Invite
            | Self::Record
            | Self::Quit => false,
        }
    }

    /// What somebody must be in the room to do it without managing rooms; `None` if they need not even be a member,
    /// where it is open to all.
    const fn of_role(self) -> Option<MemberRole> {
        match self {
            Self::Quit => Some(MemberRole::Member),
            Self::Moderate | Self::Record | Self::Restrict => Some(MemberRole::Moderator),
            Self::Rename | Self::ChangeMembers => Some(MemberRole::Owner),
            Self::See
            | Self::ReadMembers
            | Self::ReadMessages
            | Self::Enter
            | Self::Send
            | Self::Edit
            | Self::React
            | Self::Type
            | Self::Ring
            | Self::Media
            | Self::Announce
            | Self::Invite
            | Self::SetPrivacy
            | Self::Manage => None,
        }
    }

    /// Whether it would make of a direct room something else.
    const fn is_of_groups(self) -> bool {
        match self {
            Self::Invite
            | Self::Restrict
            | Self::Rename
            | Self::ChangeMembers
            | Self::Quit
            | Self::SetPrivacy => true,
            Self::See
            | Self::ReadMembers
            | Self::ReadMessages
            | Self::Enter
            | Self::Send
            | Self::Edit
            | Self::Moderate
            | Self::React
            | Self::Type
            | Self::Ring
            | Self::Media
            | Self::Announce
            | Self::Record
            | Self::Manage => false,
        }
    }

    /// Whether who is muted may not.
    const fn is_speaking(self) -> bool {
        match self {
            Self::Send | Self::Edit | Self::React | Self::Type => true,
            Self::See
            | Self::ReadMembers
            | Self::ReadMessages
            | Self::Enter
            | Self::Moderate
            | Self::Ring
            | Self::Media
            | Self::Announce
            | Self::Invite
            | Self::Record
            | Self::Restrict
            | Self::Rename
            | Self::ChangeMembers
            | Self::Quit
            | Self::SetPrivacy
            | Self::Manage => false,
        }
    }

    /// Whether it goes on when the room is closed.
    const fn outlasts_closing(self) -> bool {
        match self {
            Self::See
            | Self::ReadMembers
            | Self::ReadMessages
            | Self::Moderate
            | Self::Record
            | Self::Restrict
            | Self::Rename
            | Self::ChangeMembers
            | Self::Quit
            | Self::SetPrivacy
            | Self::Manage => true,
            Self::Enter
            | Self::Send
            | Self::Edit
            | Self::React
            | Self::Type
            | Self::Ring
            | Self::Media
            | Self::Announce
            | Self::Invite => false,
        }
    }

    /// The permission that a person needs.
    const fn of_person(self) -> Permission {
        match self {
            Self::Announce | Self::Invite | Self::SetPrivacy | Self::Manage => Permission::RoomsManage,
            Self::See
            | Self::ReadMembers
            | Self::ReadMessages
            | Self::Enter
            | Self::Send
            | Self::Edit
            | Self::Moderate
            | Self::React
            | Self::Type
            | Self::Ring
            | Self::Media
            | Self::Record
            | Self::Restrict
            | Self::Rename
            | Self::ChangeMembers
            | Self::Quit => Permission::RoomsRead,
        }
    }

    /// The permission that a program needs; `None` if it is for those who are connected.
    const fn of_program(self) -> Option<Permission> {
        match self {
            Self::See | Self::ReadMembers | Self::ReadMessages => Some(Permission::RoomsRead),
            Self::Send
            | Self::Edit
            | Self::Moderate
            | Self::Announce
            | Self::Invite
            | Self::Record
            | Self::Restrict
            | Self::Rename
            | Self::ChangeMembers
            | Self::SetPrivacy
            | Self::Manage => Some(Permission::RoomsManage),
            Self::Enter | Self::React | Self::Type | Self::Ring | Self::Media | Self::Quit => None,
        }
    }
}

impl Visitor<'_> {
    /// Lets pass who may do this in the room, of which the store says `facts`; `None` if the account has none such.
    ///
    /// # Errors
    /// [`Refusal`]; the first that applies in the order of its variants, so that who may not know of a room does not
    /// hear whether it is closed.
    pub fn may(&self, action: Action, room: RoomId, facts: Option<&RoomFacts>) -> Result<(), Refusal> {
        self.is_allowed(action)?;
        let facts = facts.ok_or(Refusal::NoSuchRoom)?;
        match *self {
            Self::Program(_) => {}
            Self::Person(permissions) => {
                let manages = permissions.has(Permission::RoomsManage);
                let administers = manages && action.is_administrative();
                if facts.is_banned && !administers {
                    return Err(Refusal::Banned);
                }
                if facts.is_private && facts.role.is_none() && !administers {
                    return Err(Refusal::NoSuchRoom);
                }
                if facts.role < action.of_role() && !manages {
                    return Err(Refusal::NotInCharge);
                }
            }
            Self::Guest { room: own, .. } if own != room => return Err(Refusal::NoSuchRoom),
            Self::Guest { issued_at, .. } => {
                if facts.is_banned {
                    return Err(Refusal::Banned);
                }
                if facts.removed_at.is_some_and(|at| at >= issued_at) {
                    return Err(Refusal::Removed);
                }
            }
        }
        if facts.is_direct && action.is_of_groups() {
            return Err(Refusal::Direct);
        }
        if facts.is_closed && !action.outlasts_closing() {
            return Err(Refusal::Closed);
        }
        if facts.is_muted && action.is_speaking() { Err(Refusal::Muted) } else { Ok(()) }
    }

    /// The same for muting and banning somebody who is `target` in the room, or no member.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn may_restrict(
        &self,
        target: Option<MemberRole>,
        room: RoomId,
        facts: Option<&RoomFacts>,
    ) -> Result<(), Refusal> {
        self.may(Action::Restrict, room, facts)?;
        let role = facts.and_then(|facts| facts.role);
        match *self {
            Self::Person(permissions) if !permissions.has(Permission::RoomsManage) && role <= target => {
                Err(Refusal::NotInCharge)
            }
            Self::Person(_) | Self::Program(_) | Self::Guest { .. } => Ok(()),
        }
    }

    /// The same for what only those in the room may do, by whether this instance has them in it. What the store says
    /// may have changed a few seconds ago; who sends something that is stored is held to that by
    /// [`may_still`](Self::may_still) too.
    ///
    /// # Errors
    /// [`Refusal::NotAllowed`] or [`Refusal::NotInside`].
    pub fn may_inside(&self, action: Action, is_inside: bool) -> Result<(), Refusal> {
        self.is_allowed(action)?;
        if !is_inside {
            return Err(Refusal::NotInside);
        }
        match *self {
            // What they are in the room, the store alone says.
            Self::Person(permissions)
                if action.of_role().is_some() && !permissions.has(Permission::RoomsManage) =>
            {
                Err(Refusal::NotInCharge)
            }
            Self::Person(_) | Self::Program(_) | Self::Guest { .. } => Ok(()),
        }
    }

    /// Lets pass who is in the room by what this instance has heard, and may do this by what the store says. Who has
    /// been removed meanwhile is answered as if they were out already.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn may_still(&self, action: Action, room: RoomId, facts: Option<&RoomFacts>) -> Result<(), Refusal> {
        self.may(action, room, facts).map_err(|refusal| match refusal {
            Refusal::NoSuchRoom | Refusal::Removed => Refusal::NotInside,
            Refusal::NotAllowed
            | Refusal::Banned
            | Refusal::NotInCharge
            | Refusal::Direct
            | Refusal::Closed
            | Refusal::Muted
            | Refusal::NotInside => refusal,
        })
    }

    /// Why somebody who is in the room may not stay; `None` if they may.
    pub fn must_leave(&self, room: RoomId, facts: Option<&RoomFacts>) -> Option<RemovalReason> {
        let refusal = self.may(Action::Enter, room, facts).err()?;
        Some(match (facts, refusal) {
            (None, _) => RemovalReason::Deleted,
            (Some(_), Refusal::Closed) => RemovalReason::Closed,
            (Some(_), Refusal::Banned) => RemovalReason::Banned,
            (
                Some(_),
                Refusal::NotAllowed
                | Refusal::NoSuchRoom
                | Refusal::Removed
                | Refusal::NotInCharge
                | Refusal::Direct
                | Refusal::Muted
                | Refusal::NotInside,
            ) => RemovalReason::Removed,
        })
    }

    /// Whether the lists of rooms have every room of the account: else those for all, and those of which the person is
    /// a member.
    pub const fn lists_every_room(&self) -> bool {
        match self {
            Self::Program(_) => true,
            Self::Person(permissions) => permissions.has(Permission::RoomsManage),
            Self::Guest { .. } => false,
        }
    }

    /// What they may do in a media session.
    pub fn media_rights(&self) -> MediaRights {
        let has = |right| match self {
            Self::Person(_) => true,
            Self::Program(_) => false,
            Self::Guest { rights, .. } => rights.contains(&right),
        };
        let send = has(Right::SendMedia);
        MediaRights { send, receive: has(Right::ReceiveMedia), data: send || has(Right::SendData) }
    }

    fn is_allowed(&self, action: Action) -> Result<(), Refusal> {
        let is_allowed = match self {
            Self::Person(permissions) => {
                let manages = action.of_role().is_some() && permissions.has(Permission::RoomsManage);
                manages || permissions.has(action.of_person())
            }
            Self::Program(permissions) => action.of_program().is_some_and(|needed| permissions.has(needed)),
            Self::Guest { rights, .. } => match action {
                Action::See | Action::ReadMembers | Action::Enter => true,
                Action::ReadMessages => rights.contains(&Right::ReadMessages),
                Action::Send | Action::Edit | Action::Type => rights.contains(&Right::SendMessages),
                // The answer shows the message.
                Action::React => {
                    rights.contains(&Right::SendMessages) && rights.contains(&Right::ReadMessages)
                }
                Action::Media => [Right::SendMedia, Right::ReceiveMedia, Right::SendData]
                    .iter()
                    .any(|right| rights.contains(right)),
                Action::Moderate
                | Action::Ring
                | Action::Announce
                | Action::Invite
                | Action::Record
                | Action::Restrict
                | Action::Rename
                | Action::ChangeMembers
                | Action::Quit
                | Action::SetPrivacy
                | Action::Manage => false,
            },
        };
        if is_allowed { Ok(()) } else { Err(Refusal::NotAllowed) }
    }
}

/// Whether a person of the account could come into the room if they are called there. Their permissions are in their
/// own tokens, by which they are judged when they come.
pub const fn may_be_rung(facts: &RoomFacts) -> bool {
    !facts.is_closed && !facts.is_banned && (!facts.is_private || facts.role.is_some())
}

#[cfg(test)]
mod tests;
