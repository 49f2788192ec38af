//! Guests: people whom an account's own back end, or a join link, lets into exactly one room.

use crate::{
    id::{AccountId, RoomId},
    identity::GuestId,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};
use time::OffsetDateTime;

/// The longest time that a join token may be good for.
///
/// Longer would keep a leaked token useful; a back end can mint another at any time.
pub const JOIN_TOKEN_TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// One thing that a guest may do in the room. Without any, they are there and see who else is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Right {
    /// Read what is and was said.
    #[serde(rename = "messages.read")]
    ReadMessages,
    /// Say something, and be seen typing.
    #[serde(rename = "messages.send")]
    SendMessages,
    /// Be seen and heard in the room's media session, and send data there.
    #[serde(rename = "media.send")]
    SendMedia,
    /// See and hear others in it.
    #[serde(rename = "media.receive")]
    ReceiveMedia,
    /// Send data in it. Who may be seen and heard may, too.
    #[serde(rename = "data.send")]
    SendData,
}

impl Right {
    /// Every right.
    pub const ALL: &[Self] =
        &[Self::ReadMessages, Self::SendMessages, Self::SendMedia, Self::ReceiveMedia, Self::SendData];

    /// Its name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadMessages => "messages.read",
            Self::SendMessages => "messages.send",
            Self::SendMedia => "media.send",
            Self::ReceiveMedia => "media.receive",
            Self::SendData => "data.send",
        }
    }

    /// The right of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|right| right.as_str() == name)
    }
}

/// The bearer of a join token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// The account whose room it is.
    pub account: AccountId,
    /// Who it is; the account's back end has chosen the seed.
    pub id: GuestId,
    /// The name to show.
    pub name: String,
    /// The only room there is for them.
    pub room: RoomId,
    /// What they may do in it.
    pub rights: BTreeSet<Right>,
    /// When the token was minted: one from before the guest was removed is good no more.
    pub issued_at: OffsetDateTime,
    /// When the token ceases to be good.
    pub expires_at: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rights_have_one_name_each_and_no_permission_is_one() {
        let names = ["messages.read", "messages.send", "media.send", "media.receive", "data.send"];
        let rights: BTreeSet<Right> = serde_json::from_value(json!(names)).unwrap();
        assert_eq!(rights.len(), names.len());
        assert_eq!(serde_json::to_value(&rights).unwrap(), json!(names), "in the order of their meaning");
        assert_eq!(Right::ALL.iter().map(|right| right.as_str()).collect::<Vec<_>>(), names);
        assert_eq!(names.map(Right::parse).into_iter().flatten().collect::<BTreeSet<_>>(), rights);
        assert_eq!(Right::parse("media"), None);
        for permission in crate::permission::Permissions::ALL.names() {
            // Sending to customers is a person's; a guest sends to the room.
            let is_right = serde_json::from_value::<Right>(json!(permission)).is_ok();
            assert_eq!(is_right, permission == "messages.send", "{permission}");
        }
        for unknown in [json!("media"), json!("ReadMessages"), json!("messages.Read"), json!(0), json!(null)]
        {
            assert!(serde_json::from_value::<Right>(unknown.clone()).is_err(), "{unknown}");
        }
    }
}
