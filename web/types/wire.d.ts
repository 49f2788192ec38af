// What the server says, under the names that the console uses. The types are made from the server's own.

declare namespace Wire {
  interface Page<Item> { items: Item[]; next?: string | null }

  type User = import('./api.js').User;
  type SignedIn = import('./api.js').SignedIn;
  type Permission = import('./api.js').Permission;

  type Room = import('./api.js').Room;
  type JoinLink = import('./api.js').JoinLink;
  type CreatedJoinLink = import('./api.js').CreatedJoinLink;
  type OpenJoinLink = import('./api.js').OpenJoinLink;
  type GuestLetIn = import('./api.js').LetIn;
  type ListedRoom = import('./api.js').ListedRoom;
  type Member = import('./api.js').Member;
  type RoomMessage = import('./api.js').RoomMessage;
  type RoomAttachment = import('./api.js').RoomAttachment;
  type AttachmentLink = import('./api.js').AttachmentLink;
  type RoomMemberRole = import('./api.js').RoomMemberRole;
  type RoomPageChanged = import('./api.js').RoomPageChanged;
  type RoomsUnreadRoom = import('../client/protocol.js').RoomsUnreadRoom;
  type RoomsCall = import('../client/protocol.js').RoomsCall;

  type Status = import('./api.js').ConversationStatus;
  type Delivery = import('./api.js').DeliveryStatus;
  type Conversation = import('./api.js').Conversation;
  type Attachment = import('./api.js').Attachment;
  type Message = import('./api.js').Message;
  type SequencedEvent = import('./api.js').SequencedInboxEvent;
  type InboxEvent = import('./api.js').InboxEvent;

  type MailboxEntry = import('../client/protocol.js').MailboxEntry;

  type PresenceChange = import('./api.js').PresenceChanged;
  type PresenceSaid = import('../client/protocol.js').PresenceSaid;
  type PresenceStatus = import('../client/protocol.js').PresenceStatus;

  type Route = import('./api.js').MediaRoute;
  type Participant = import('./api.js').MediaParticipant;
  type MediaState = import('./api.js').MediaState;
  type TrackSource = import('./api.js').TrackSource;
  type TrackSubscription = import('./api.js').TrackSubscription;
  type CallParty = import('../client/protocol.js').CallParty;
  type MediaParticipantState = import('../client/src/media/said.js').MediaParticipantState;
  type Signal = import('./api.js').PeerSignal;
  type Offer = import('./api.js').MediaOffered;

  /** Requests of the socket: what each takes and answers. */
  type Methods = import('./api.js').Methods;
  /** Events of the socket, by their methods. */
  type Events = import('./api.js').Events;
}
