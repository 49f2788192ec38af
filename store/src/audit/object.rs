//! The kinds of things that the audit log tells of.

use common::id::{
    AccountId, ApiKeyId, CannedResponseId, ChannelId, ContactId, ElevationId, ImportId, InvitationId,
    JoinLinkId, LabelId, NoteId, ObjectId, RecordingId, RoleId, RoomId, SignInId, TeamId, UserId, WebhookId,
};

macro_rules! objects {
    ($($kind:ident($id:ty) = $name:literal;)*) => {
        /// The thing that an audit entry is about. Made from an id, whose type says the kind.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each holds the id of a thing of that name")]
        pub enum Object {
            $($kind($id),)*
        }

        impl Object {
            /// The kind's name on the wire and in the store.
            pub const fn kind(self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $name,)*
                }
            }

            /// The id without its kind.
            pub const fn id(self) -> ObjectId {
                match self {
                    $(Self::$kind(id) => ObjectId::from_uuid(id.as_uuid()),)*
                }
            }
        }

        $(impl From<$id> for Object {
            fn from(id: $id) -> Self {
                Self::$kind(id)
            }
        })*
    };
}

objects! {
    Account(AccountId) = "account";
    ApiKey(ApiKeyId) = "apiKey";
    CannedResponse(CannedResponseId) = "cannedResponse";
    Channel(ChannelId) = "channel";
    Contact(ContactId) = "contact";
    Elevation(ElevationId) = "elevation";
    Import(ImportId) = "import";
    Invitation(InvitationId) = "invitation";
    JoinLink(JoinLinkId) = "joinLink";
    Label(LabelId) = "label";
    Note(NoteId) = "note";
    Recording(RecordingId) = "recording";
    Role(RoleId) = "role";
    Room(RoomId) = "room";
    SignIn(SignInId) = "signIn";
    Team(TeamId) = "team";
    User(UserId) = "user";
    Webhook(WebhookId) = "webhook";
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::ManualClock;

    #[test]
    fn a_thing_keeps_its_id_and_gets_its_kind_from_the_ids_type() {
        let clock = ManualClock::default();
        let (key, sign_in) = (ApiKeyId::generate(&clock), SignInId::generate(&clock));
        let objects = [Object::from(key), Object::from(sign_in)];
        assert_eq!(objects.map(Object::kind), ["apiKey", "signIn"]);
        assert_eq!(objects.map(|object| object.id().as_uuid()), [key.as_uuid(), sign_in.as_uuid()]);
    }
}
