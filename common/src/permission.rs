//! Permissions: one name for each kind of thing that a caller may do.
//!
//! A role is a set of these. The three of [`Role`] are
//! fixed sets; an account may name further sets of its own.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:tt;)*) => {
        /// One thing that a caller may do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum Permission {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Permission {
            /// Every permission, in the order of the alphabet.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The permission's name on the wire and in the store.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

permissions! {
    /// Change the account's name, settings and feature flags.
    AccountManage = "account.manage";
    /// Read what was done by whom.
    AuditEntriesRead = "auditEntries.read";
    /// Read calls and their outcome.
    CallsRead = "calls.read";
    /// Create, change and delete canned responses.
    CannedResponsesManage = "cannedResponses.manage";
    /// Read channels; their secrets nobody can.
    ChannelsRead = "channels.read";
    /// Connect, change and disconnect channels.
    ChannelsManage = "channels.manage";
    /// Read contacts.
    ContactsRead = "contacts.read";
    /// Create, change, merge and import contacts.
    ContactsManage = "contacts.manage";
    /// Export and erase a contact with everything about it.
    ContactsErase = "contacts.erase";
    /// Read conversations and their messages.
    ConversationsRead = "conversations.read";
    /// Assign, label, snooze and resolve conversations; write notes.
    ConversationsManage = "conversations.manage";
    /// Create and revoke API keys.
    ApiKeysManage = "apiKeys.manage";
    /// Create, change and delete labels.
    LabelsManage = "labels.manage";
    /// Send messages to customers.
    MessagesSend = "messages.send";
    /// Create, change and delete roles.
    RolesManage = "roles.manage";
    /// Open direct rooms and create group rooms.
    RoomsCreate = "rooms.create";
    /// Enter rooms and read them.
    RoomsRead = "rooms.read";
    /// Create, change and close rooms, and who is in them.
    RoomsManage = "rooms.manage";
    /// Create, change and delete teams.
    TeamsManage = "teams.manage";
    /// Read who belongs to the account.
    UsersRead = "users.read";
    /// Create, change and deactivate users, and end their sign-ins.
    UsersManage = "users.manage";
    /// Create, change and delete outbound webhooks, and see their deliveries.
    WebhooksManage = "webhooks.manage";
}

impl Permission {
    /// The permission with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.as_str() == name)
    }

    /// Whether an elevation is enough to change something by this.
    ///
    /// It is for daily work and for taking away. What gives access, or goes on by itself afterwards (keys,
    /// users, roles, channels, webhooks, the account's settings), asks for a permission that lasts: an
    /// elevation ends with everything it allowed.
    pub const fn is_for_work(self) -> bool {
        match self {
            Self::CannedResponsesManage
            | Self::ContactsManage
            | Self::ContactsErase
            | Self::ConversationsManage
            | Self::LabelsManage
            | Self::MessagesSend
            | Self::RoomsCreate
            | Self::RoomsManage
            | Self::TeamsManage => true,
            Self::AccountManage
            | Self::ChannelsManage
            | Self::ApiKeysManage
            | Self::RolesManage
            | Self::UsersManage
            | Self::WebhooksManage => false,
            // Nothing is set up by these: who may read a room may also speak in it.
            Self::AuditEntriesRead
            | Self::CallsRead
            | Self::ChannelsRead
            | Self::ContactsRead
            | Self::ConversationsRead
            | Self::RoomsRead
            | Self::UsersRead => true,
        }
    }

    const fn bit(self) -> u64 {
        1 << self as u64
    }
}

/// A set of permissions. On the wire a list of their names.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Permissions(u64);

impl Permissions {
    /// Every permission.
    pub const ALL: Self = Self::of(Permission::ALL);

    /// The set of these.
    pub const fn of(permissions: &[Permission]) -> Self {
        let mut set = 0;
        let mut rest = permissions;
        while let [first, others @ ..] = rest {
            set |= first.bit();
            rest = others;
        }
        Self(set)
    }

    /// Whether this one is among them.
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Whether all of `other` are among them.
    pub const fn includes(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// The permissions that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The permissions that are in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Each of them, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.has(*permission))
    }

    /// Their names.
    pub fn names(self) -> Vec<String> {
        self.iter().map(|permission| permission.as_str().to_owned()).collect()
    }

    /// The set of these names; those that no longer mean anything are left out.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a String>) -> Self {
        Self::of(&names.into_iter().filter_map(|name| Permission::parse(name)).collect::<Vec<_>>())
    }
}

impl From<Vec<String>> for Permissions {
    /// See [`Permissions::from_names`].
    fn from(names: Vec<String>) -> Self {
        Self::from_names(&names)
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.iter().map(Permission::as_str)).finish()
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let known = names.iter().map(|name| {
            Permission::parse(name)
                .ok_or_else(|| D::Error::custom(format_args!("no permission is called {name:?}")))
        });
        Ok(Self::of(&known.collect::<Result<Vec<_>, _>>()?))
    }
}

/// The permissions of an agent.
const AGENT: &[Permission] = &[
    Permission::CallsRead,
    Permission::ChannelsRead,
    Permission::ContactsRead,
    Permission::ConversationsRead,
    Permission::ConversationsManage,
    Permission::MessagesSend,
    Permission::RoomsCreate,
    Permission::RoomsRead,
    Permission::UsersRead,
];

/// The permissions that a user has beyond those of an agent.
const USER: &[Permission] = &[
    Permission::CannedResponsesManage,
    Permission::ContactsManage,
    Permission::LabelsManage,
    Permission::RoomsManage,
    Permission::TeamsManage,
];

/// A user's role, from most permissions to least. The order is the hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Role {
    /// Answers customers, meets in rooms.
    AgentUser,
    /// Also manages rooms and contacts.
    User,
    /// Also manages users, channels and webhooks.
    Admin,
}

impl Role {
    /// The role's name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AgentUser => "AGENT_USER",
            Self::User => "USER",
            Self::Admin => "ADMIN",
        }
    }

    /// The role with this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::AgentUser, Self::User, Self::Admin].into_iter().find(|role| role.as_str() == name)
    }

    /// The role's permissions.
    pub const fn permissions(self) -> Permissions {
        match self {
            Self::AgentUser => Permissions::of(AGENT),
            Self::User => Permissions::of(AGENT).or(Permissions::of(USER)),
            Self::Admin => Permissions::ALL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_all_that_the_one_below_may() {
        let [agent, user, admin] = [Role::AgentUser, Role::User, Role::Admin].map(Role::permissions);
        assert!(
            user.includes(agent) && admin.includes(user) && !user.includes(admin) && !agent.includes(user)
        );
        assert!(!user.has(Permission::ApiKeysManage) && admin.has(Permission::ApiKeysManage));
    }

    #[test]
    fn names_survive_the_wire_and_unknown_ones_are_refused() {
        let set = Permissions::of(&[Permission::AuditEntriesRead, Permission::RoomsRead]);
        let json = serde_json::to_string(&set).unwrap();
        assert_eq!(json, r#"["auditEntries.read","rooms.read"]"#);
        assert_eq!(serde_json::from_str::<Permissions>(&json).unwrap(), set);
        assert!(serde_json::from_str::<Permissions>(r#"["rooms.explode"]"#).is_err());
        assert_eq!(
            Permissions::from_names(&["rooms.read".to_owned(), "gone".to_owned()]),
            Permissions::of(&[Permission::RoomsRead])
        );
        assert_eq!(Permissions::ALL.names().len(), Permission::ALL.len());
    }

    #[test]
    fn every_permission_has_one_name_and_a_place_of_its_own_in_the_set() {
        let mut all = Permissions::default();
        for permission in Permission::ALL.iter().copied() {
            assert_eq!(Permission::parse(permission.as_str()), Some(permission));
            assert_eq!(serde_json::to_value(permission).unwrap(), permission.as_str());
            assert!(!all.has(permission), "{permission:?} shares its place with another");
            all = all.or(Permissions::of(&[permission]));
            let (subject, verb) = permission.as_str().split_once('.').unwrap();
            assert!(subject.chars().all(char::is_alphabetic), "{subject}");
            assert!(matches!(verb, "read" | "create" | "manage" | "send" | "erase"), "{verb}");
        }
        assert_eq!(all, Permissions::ALL);
        for unknown in ["", "rooms", "rooms.Read", "ROOMS.READ", "rooms.read ", "rooms_read", "*", "rooms.*"]
        {
            assert_eq!(Permission::parse(unknown), None, "{unknown:?}");
        }
    }

    /// The rules of sets, over many of them: a mistake in one bit would let somebody do what nobody allowed.
    #[test]
    fn sets_of_permissions_are_sets() {
        use rand::{RngExt, SeedableRng, rngs::StdRng};
        let mut random = StdRng::seed_from_u64(5);
        let mut some = || {
            let chosen = Permission::ALL.iter().copied().filter(|_| random.random_range(0..3) == 0);
            Permissions::of(&chosen.collect::<Vec<_>>())
        };
        for _ in 0..1000 {
            let (one, other) = (some(), some());
            for permission in Permission::ALL.iter().copied() {
                let (in_one, in_other) = (one.has(permission), other.has(permission));
                assert_eq!(one.or(other).has(permission), in_one || in_other);
                assert_eq!(one.and(other).has(permission), in_one && in_other);
            }
            let includes = other.iter().all(|permission| one.has(permission));
            assert_eq!(one.includes(other), includes, "{one:?} {other:?}");
            assert!(one.includes(one.and(other)) && one.or(other).includes(one));
            assert!(Permissions::ALL.includes(one) && one.includes(Permissions::default()));
            assert_eq!(Permissions::from_names(&one.names()), one);
            let json = serde_json::to_string(&one).unwrap();
            assert_eq!(serde_json::from_str::<Permissions>(&json).unwrap(), one);
            assert!(one.names().is_sorted_by_key(|name| Permission::parse(name)), "in the order of the list");
        }
    }

    #[test]
    fn a_list_of_names_may_repeat_itself_and_must_be_a_list_of_names() {
        let read = |json: &str| serde_json::from_str::<Permissions>(json);
        assert_eq!(read("[]").unwrap(), Permissions::default());
        assert_eq!(
            read(r#"["rooms.read","rooms.read"]"#).unwrap(),
            Permissions::of(&[Permission::RoomsRead]),
            "twice is once, and not none"
        );
        for odd in [
            "null",
            "7",
            "\"rooms.read\"",
            "[7]",
            "[null]",
            "{}",
            "[[\"rooms.read\"]]",
            "18446744073709551615",
        ] {
            assert!(read(odd).is_err(), "{odd}");
        }
    }

    /// What gives access, or goes on by itself, is never set up by somebody who may for a while only.
    #[test]
    fn an_elevation_is_for_work_and_not_for_access() {
        let lasting: Vec<_> = Permission::ALL
            .iter()
            .filter(|permission| !permission.is_for_work())
            .map(|one| one.as_str())
            .collect();
        let expected = [
            "account.manage",
            "channels.manage",
            "apiKeys.manage",
            "roles.manage",
            "users.manage",
            "webhooks.manage",
        ];
        assert_eq!(lasting, expected);
        let user = Role::User.permissions();
        assert!(user.iter().all(Permission::is_for_work), "who is no administrator gives nobody access");
    }

    #[test]
    fn roles_have_one_name_and_more_of_them_may_more() {
        let roles = [Role::AgentUser, Role::User, Role::Admin];
        assert!(roles.is_sorted());
        for (below, above) in roles.iter().flat_map(|below| roles.iter().map(move |above| (below, above))) {
            assert_eq!(
                above.permissions().includes(below.permissions()),
                above >= below,
                "{below:?} {above:?}"
            );
        }
        for role in roles {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
            // Who may change something may see it.
            for name in role.permissions().names() {
                let read = Permission::parse(&name.replace(".manage", ".read"));
                assert!(
                    read.is_none_or(|read| role.permissions().has(read)),
                    "{role:?} may {name} and not see it"
                );
            }
        }
        for unknown in ["", "admin", "AgentUser", "AGENT-USER", "ADMIN ", "OWNER"] {
            assert_eq!(Role::parse(unknown), None, "{unknown:?}");
        }
    }
}
