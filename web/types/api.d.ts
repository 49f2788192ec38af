// Made from the code by `cargo xtask generate`: what the server takes and says over REST.

import type { AccountId, Attachment, AttachmentId, CallAccept, CallAccepted, CallAnswerTransfer, CallAnswered, CallCancel, CallChanged, CallDeviceMoved, CallEndReason, CallEnded, CallHangUp, CallId, CallIncoming, CallInvite, CallInvited, CallMedia, CallParty, CallPartyState, CallReject, CallResume, CallResumed, CallRing, CallRinging, CallTransfer, CallTransferFailed, CallTransferStarted, CallTransferToRoom, CallTransferring, CallWithdraw, ChannelId, ChannelKind, ClientMessageId, ConnectionId, ConnectionMoving, ConnectionOpen, ConnectionOpened, ConnectionRefresh, ConnectionRefreshed, ConnectionReload, Contact, ContactId, Conversation, ConversationId, ConversationStatus, DeliveryStatus, DescribedTrack, Direction, Done, ErrorCode, Failure, FailureData, Fault, FeedChanged, FeedEnded, FeedOperation, FeedSubscribe, FeedSubscribed, FeedUnsubscribe, IceServer, InboxEvent, InboxSubscribe, InboxSubscribed, InboxUnsubscribe, LabelId, LayerReason, MailboxAcknowledge, MailboxAcknowledged, MailboxEntry, MailboxEntryKind, MailboxSubscribe, MailboxSubscribed, MailboxUnsubscribe, MediaAnswer, MediaChanged, MediaIceRestarting, MediaJoin, MediaJoined, MediaLayers, MediaLeave, MediaLock, MediaLost, MediaMoved, MediaMute, MediaMuted, MediaOffered, MediaParticipant, MediaParticipantState, MediaPublish, MediaPublished, MediaRemove, MediaRemoved, MediaRestartIce, MediaRoute, MediaSignal, MediaSignalled, MediaState, MediaStateChange, MediaSubscribe, MediaSubscriptions, MediaTrack, MediaUpdate, MediaUpdated, Member, Message, MessageId, Note, NoteId, OfferedTrack, OnlineUser, PeerSignal, PresenceChanged, PresenceOnline, PresenceSaid, PresenceSet, PresenceStatus, PresenceSubscribe, Priority, PublishTrack, PublishedTrack, RequestId, Role, RoomAttachment, RoomChangedMessage, RoomClass, RoomDelete, RoomEdit, RoomEventPublished, RoomHistoryRead, RoomId, RoomJoin, RoomJoined, RoomKeptEvent, RoomLeave, RoomMemberChanged, RoomMemberJoined, RoomMemberLeft, RoomMemberRole, RoomMembers, RoomMembersChanged, RoomMessage, RoomMessageChanged, RoomMessageId, RoomMessagePosted, RoomPageChanged, RoomPlaced, RoomPublish, RoomPublisher, RoomReact, RoomReaction, RoomRead, RoomReadHistory, RoomReadMembers, RoomReadPosition, RoomReadTo, RoomRemovalReason, RoomRemoved, RoomRenamed, RoomRestricted, RoomRevised, RoomSend, RoomSent, RoomSetTyping, RoomTypingChanged, RoomUnfollowMembers, RoomUnread, RoomsCall, RoomsCallParticipant, RoomsCallsChanged, RoomsSubscribe, RoomsUnreadChanged, RoomsUnreadRoom, RoomsUnsubscribe, RowId, Sequence, SequencedInboxEvent, TeamId, TrackId, TrackKind, TrackLayer, TrackMute, TrackPriority, TrackSelection, TrackSource, TrackSubscription, TrackWish, UserId, WantedEncoding } from '../client/protocol.js';
export type * from '../client/protocol.js';

/** An invitation that is accepted. */
export interface AcceptInvitation {
  /** The invitation's token. */
  token: string;
  /** The name that others will see. */
  name: string;
  /** At least 15 characters, and none of those that everybody tries first. */
  password: string;
}

/** The account with its settings and feature flags. */
export interface Account {
  /** The tenant that everything else belongs to. */
  id: AccountId;
  /** For people, 1 to 200 characters. */
  name: string;
  /** What was never chosen is at its default. */
  settings: Settings;
  /** What is switched on for it. */
  features: Record<string, boolean>;
}

/** A user or an API key, whichever did something; what stands beside it says which. */
export type ActorId = string;

/** How a channel is to name a contact. */
export interface AddContactIdentity {
  /** The channel that knows them by it. */
  channelId: ChannelId;
  /** What kind of name, such as `phone` or `bsuid`. */
  scheme: string;
  /** The name itself. */
  value: string;
}

/** A key, without itself. */
export interface ApiKey {
  /** UUIDv7: later ones sort later. */
  id: ApiKeyId;
  /** For people. */
  name: string;
  /** The first characters, by which people tell keys apart. */
  hint: string;
  /** The permissions of those who have it. */
  permissions: Permission[];
  /** Who made it. */
  createdBy: UserId;
  /** When it was made. */
  createdAt: string;
  /** When it ceases to be good; null: never. */
  expiresAt?: string | null;
  /** To within five minutes; null until it is used. */
  lastUsedAt?: string | null;
  /** Since when it is refused; null while it is good. */
  revokedAt?: string | null;
}

/** A program's key to the API. */
export type ApiKeyId = string;

/** A file, and where it is read for some minutes. */
export interface AttachmentLink {
  /** What is said of it. */
  attachment: RoomAttachment;
  /** Where it is read, as a path of this server. Whoever has it may read the file, without a token. */
  url: string;
  /** Where its thumbnail is read; null if it has none. */
  thumbnailUrl?: string | null;
  /** Until then both are good. */
  expiresAt: string;
}

/** Something that was done. */
export interface AuditEntry {
  /** UUIDv7: later ones sort later. */
  id: AuditEntryId;
  /** When it was done. */
  at: string;
  /** `user`, `apiKey` or `system`. */
  actorKind: string;
  /** The user or key; null for the system. */
  actorId?: ActorId | null;
  /** The network address that the request came from. */
  address?: string | null;
  /** Subject and past participle, as `role.updated`. */
  action: string;
  /** The kind of thing that it was done to. */
  objectKind: string;
  /** That thing. */
  objectId: ObjectId;
  /** As it was; null if it was not there or is not shown. */
  before?: Record<string, unknown> | null;
  /** As it was from then on; null if it is gone or is not shown. */
  after?: Record<string, unknown> | null;
}

/** An entry of the audit log. */
export type AuditEntryId = string;

/** A call as it is remembered. */
export interface Call {
  /** UUIDv7: later ones sort later. */
  id: CallId;
  /** Where the two met or would have met. */
  roomId: RoomId;
  /** In the order in which they came to it; the first called. */
  participants: CallParticipant[];
  /** When it began to ring. */
  startedAt: string;
  /** When it was picked up; null if nobody did. */
  answeredAt?: string | null;
  /** When it was over; null while it lasts. */
  endedAt?: string | null;
  /** How it ended, as `call.ended` says it; null while it lasts. */
  outcome?: string | null;
}

/** A user's part in a call. */
export interface CallParticipant {
  /** Who called, was called, or was rung into it later. */
  userId: UserId;
  /** Whether they began it. */
  isCaller: boolean;
  /** Who rang them; of the one who called, they themselves. */
  invitedBy: UserId;
  /** Since when they were in it; null if they never picked up. */
  joinedAt?: string | null;
  /** When they were out of it; null while they are in it, and if they never picked up. */
  leftAt?: string | null;
  /** How it ended for them, as `call.ended` says it; null while they are rung or in it. */
  outcome?: string | null;
  /** The room to which the call was handed over for them, if it was; of who handed it over, too. Null where it was handed over to a person. */
  transferredTo?: RoomId | null;
}

/** A canned response. */
export interface CannedResponse {
  /** UUIDv7: later ones sort later. */
  id: CannedResponseId;
  /** What agents type to get it, unique in the account: 1 to 64 letters, digits, `_` and `-`. */
  shortcode: string;
  /** What is sent. */
  text: string;
}

/** A canned response. */
export type CannedResponseId = string;

/** A new password in place of one's own. */
export interface ChangePassword {
  /** The present one, so that nobody changes it at an unlocked screen. */
  current: string;
  /** The new one: at least 15 characters, and none of those that everybody tries first. */
  new: string;
}

/** A connected channel. Its secrets are never shown again. */
export interface Channel {
  /** UUIDv7: later ones sort later. */
  id: ChannelId;
  /** Which provider it is connected to. */
  kind: ChannelKind;
  /** For people. */
  name: string;
  /** The number's id as the provider calls it. */
  phoneNumberId: string;
  /** The path to give the provider as webhook, after this server's public address. */
  webhookPath: string;
  /** When it was switched off, and since when its webhooks are refused and nothing is sent by it; null while it is on. */
  disabledAt?: string | null;
}

/** The devices in a room. */
export interface Connections {
  /** In no order. */
  items: Member[];
}

/** A customer. */
export interface ContactDetails {
  /** UUIDv7: later ones sort later. */
  id: ContactId;
  /** As agents wrote it, or as a channel calls them. */
  name: string;
  /** As it was written. */
  email?: string | null;
  /** As it was written. */
  phone?: string | null;
  /** What the account's own programs say about it. */
  attributes: Record<string, unknown>;
  /** The contact that stands for it, if they were merged. */
  mergedInto?: ContactId | null;
  /** When it was first seen. */
  createdAt: string;
  /** How channels name it and those that were merged into it. */
  identities: ContactIdentity[];
}

/** Everything about a contact. */
export interface ContactExport {
  contact: ContactDetails;
  /** Those that it stands for. */
  merged: ContactDetails[];
  /** How that came about. */
  merges: Merge[];
  /** What was said, the oldest conversation first. */
  conversations: ExportedConversation[];
}

/** How a channel names a contact. */
export interface ContactIdentity {
  /** The channel that knows the customer by it. */
  channelId: ChannelId;
  /** What kind of name, such as `phone` or `bsuid`. */
  scheme: string;
  /** The name itself. */
  value: string;
}

/** An import and how far it is. */
export interface ContactImport {
  /** UUIDv7: later ones sort later. */
  id: ImportId;
  /** The user or API key that began it. */
  createdBy: ActorId;
  /** When it was begun. */
  createdAt: string;
  /** Rows in the file. */
  rows: number;
  /** Rows that are done; grows by up to 1,000 at a time. */
  done: number;
  /** Of those, contacts that were created. */
  created: number;
  /** Rows in which an existing contact was recognised. */
  updated: number;
  /** Rows that could not be used; the report says why. */
  failed: number;
  /** When the last row was done; null while it goes on. */
  finishedAt?: string | null;
}

/** A key to be made. */
export interface CreateApiKey {
  /** Its name, for people. */
  name: string;
  /** The permissions of those who have it. */
  permissions: Permission[];
  /** When it ceases to be good; absent: never. */
  expiresAt?: string | null;
}

/** A canned response to be created. */
export interface CreateCannedResponse {
  /** What agents type to get it, unique in the account: 1 to 64 letters, digits, `_` and `-`. */
  shortcode: string;
  /** What is sent: at most 16 KiB. */
  text: string;
}

/** A channel to be connected. */
export interface CreateChannel {
  /** It stays so. */
  kind: ChannelKind;
  /** Its name, for people. */
  name: string;
  /** The number's id as the provider calls it. */
  phoneNumberId: string;
  /** Authorises what is sent. */
  accessToken: string;
  /** Signs what is received. */
  appSecret: string;
  /** Proves to the provider that the webhook is ours. */
  verifyToken: string;
}

/** A contact to be created. */
export interface CreateContact {
  /** What agents call them, 1 to 200 characters. */
  name: string;
  /** Its e-mail address. */
  email?: string | null;
  /** In any form that people write it in: 3 to 20 digits. */
  phone?: string | null;
  /** What the account's own programs say about it; at most 16 KiB. */
  attributes?: Record<string, unknown>;
}

/** A conversation to be begun. */
export interface CreateConversation {
  /** On which channel. */
  channelId: ChannelId;
  /** With whom; the channel must know them by some name before a message can be sent. */
  contactId: ContactId;
}

/** An elevation to be asked for. */
export interface CreateElevation {
  /** The role, if it is one of the three. */
  role?: Role | null;
  /** Or one of the account's own. */
  roleId?: RoleId | null;
  /** Why it is needed; who decides reads it. */
  reason: string;
  /** For how long, 1 to 480 minutes from when somebody agrees. */
  minutes: number;
}

/** The e-mail address to invite. */
export interface CreateInvitation {
  /** The e-mail address that they will sign in with. */
  email: string;
  /** The role they will have. */
  role: Role;
  /** The account's own role that will decide instead. */
  roleId?: RoleId | null;
}

/** A link to be made. */
export interface CreateJoinLink {
  /** The guests' rights in the room. Without any they are present and see who else is. */
  rights: Right[];
  /** For how many seconds guests may come by it, at most 30 days; a day if absent. */
  expiresIn?: number | null;
  /** How many guests may come by it; absent or null: any number. */
  usesMax?: number | null;
}

/** The person to let in. */
export interface CreateJoinToken {
  /** The person who is let in. */
  guest: Outsider;
  /** Their rights in the room. Without any they are present and see who else is. */
  rights: Right[];
  /** For how many seconds the token is good, at most a day; an hour if absent. */
  expiresIn?: number | null;
}

/** A label to be created. */
export interface CreateLabel {
  /** Unique in the account. */
  name: string;
  /** `#rrggbb`. */
  color: string;
}

/** Which contact is the same person. */
export interface CreateMerge {
  /** The contact that this one shall stand for. */
  loserId: ContactId;
}

/** A role to be created. */
export interface CreateRole {
  /** Unique in the account. */
  name: string;
  /** The permissions of those who have it. */
  permissions: Permission[];
}

/** A room to be created. */
export interface CreateRoom {
  /** For people, 1 to 200 characters. */
  name: string;
  /** Only members may enter and read it; who creates it owns it. False if absent: for everybody, which needs `rooms.manage`. */
  private?: boolean;
}

/** Something to be told to everybody in a room. */
export interface CreateRoomEvent {
  /** What it is called, 1 to 64 letters, digits, `.`, `_` and `-`: a word between back end and clients. */
  name: string;
  /** What it says, any JSON of at most 16 KiB. */
  data: unknown;
}

/** A message to be posted in a room. */
export interface CreateRoomMessage {
  /** What is said: at most 8,192 bytes as JSON writes it, no control characters but line feed and tab. Empty only if there are attachments. */
  text: string;
  /** On whose behalf; for API keys only. Absent: by the key, under its name. */
  author?: Outsider | null;
  /** The number of the message in this room that it answers. */
  replyTo?: number | null;
  /** Users whose attention it wants, at most 20. Those who cannot enter the room are left out. */
  mentions?: UserId[];
  /** Files that the caller has uploaded to this room and not sent yet, at most 10, each once. */
  attachments?: AttachmentId[];
}

/** A team to be created. */
export interface CreateTeam {
  /** Unique in the account. */
  name: string;
}

/** A user to be created. */
export interface CreateUser {
  /** The e-mail address to sign in with. */
  email: string;
  /** The name that others see. */
  name: string;
  /** At least 15 characters, and none of those that everybody tries first. */
  password: string;
  /** What they may do. */
  role: Role;
}

/** A webhook to be created. */
export interface CreateWebhook {
  /** It stays so. */
  kind: WebhookKind;
  /** The URL that deliveries are posted to. */
  url: string;
  /** The shared secret. Needed for n8n; else one is made if absent, and shown once. */
  secret?: string | null;
  /** The header that carries it, for n8n; `x-switchboard-secret` if absent. */
  header?: string | null;
  /** What to be told about; `messageCreated` if absent. n8n is told of customers' messages only. Events of rooms and events of the inbox go to a webhook each. */
  events?: EventName[] | null;
}

/** A new key, with itself. */
export type CreatedApiKey = ApiKey & { key: string };

/** A new invitation, with its token. */
export type CreatedInvitation = Invitation & { token: string };

/** A new link, with its token. */
export type CreatedJoinLink = JoinLink & { token: string };

/** A new webhook. */
export type CreatedWebhook = Webhook & { secret?: string | null };

/** A user's e-mail address and password. */
export interface Credentials {
  /** The e-mail address; case does not matter. */
  email: string;
  /** As the user chose it. */
  password: string;
  /** The account to sign in to, where several know the address and the password is the same. */
  accountId?: AccountId | null;
}

/** A decision. */
export interface DecideElevation {
  /** Whether it shall be. */
  approve: boolean;
}

/** The telling of one event. */
export interface Delivery {
  /** The event's number in the account's sequence. */
  seq: number;
  /** Whether it is still to be made. */
  state: DeliveryState;
  /** How often it was tried since it was last wanted. */
  attempts: number;
  /** When it is tried next, while it waits. */
  dueAt: string;
  /** When it was taken or given up. */
  doneAt?: string | null;
  /** The HTTP status of the last answer; null if there was none. */
  answerStatus?: number | null;
  /** Why the last attempt failed. */
  error?: string | null;
  /** What happened, as the webhook was told it. */
  event: WebhookEvent;
}

/** How a delivery stands. */
export type DeliveryState = 'waiting' | 'taken' | 'givenUp';

/** The other one of a direct room. */
export interface DirectWith {
  /** The other user. */
  userId: UserId;
  /** The other user's name, by which the room is shown. */
  name: string;
}

/** How far a transport is (`RTCDtlsTransportState`). */
export type DtlsState = 'new' | 'connecting' | 'connected' | 'failed';

/** A time in which a user may do more, or a request for one. */
export interface Elevation {
  /** UUIDv7: later ones sort later. */
  id: ElevationId;
  /** Who asked. */
  userId: UserId;
  /** What the role was called when it was asked for. */
  roleName: string;
  /** What it allowed then; nothing else is given. */
  permissions: Permission[];
  /** Why it is needed. */
  reason: string;
  /** For how many minutes it was asked. */
  minutes: number;
  /** How far it was when it was read. */
  status: ElevationStatus;
  /** When it was asked for; nobody can agree a day later. */
  requestedAt: string;
  /** Who agreed or refused; null until then. */
  decidedBy?: UserId | null;
  /** When that was; null until then. */
  decidedAt?: string | null;
  /** Until when it lasts; null unless somebody agreed. */
  expiresAt?: string | null;
  /** When it was ended before that. */
  endedAt?: string | null;
}

/** A user's request for more permissions for a while, which another user decides. */
export type ElevationId = string;

/** How far an elevation is. */
export type ElevationStatus = 'pending' | 'active' | 'denied' | 'lapsed' | 'over';

/** Something that a webhook can be told about, by the name of its `InboxEvent` or `RoomEvent`. */
export type EventName = 'messageCreated' | 'messageUpdated' | 'conversationUpdated' | 'noteCreated' | 'noteUpdated' | 'noteDeleted' | 'conversationErased' | 'notificationCreated' | 'roomStarted' | 'roomEnded' | 'participantJoined' | 'participantLeft' | 'trackPublished' | 'trackUnpublished' | 'recordingReady';

/** The participant of an event: one device of somebody. */
export interface EventParticipant {
  /** The device: the same from `participantJoined` to `participantLeft`. */
  connectionId: ConnectionId;
  /** Whose it is. */
  userId: UserId;
  /** What they are called. */
  name: string;
  /** Whether they are a guest, whom only the account's own back end or a join link knows. */
  isGuest: boolean;
  /** When they entered. */
  joinedAt: string;
}

/** The recording of an event. */
export interface EventRecording {
  /** The recording, as `/v1/rooms/{roomId}/recordings/{id}` reads it. */
  id: RecordingId;
  /** `interrupted` if its media server ended in the middle of it. */
  status: RecordingStatus;
  /** When it began. */
  startedAt: string;
  /** When it ended; null where nobody saw its end. */
  endedAt?: string | null;
  /** Tracks in it, each with a file unless nothing of it came. */
  trackCount: number;
}

/** The room of an event. */
export interface EventRoom {
  /** The room, as `/v1/rooms/{id}` reads it. */
  id: RoomId;
  /** What it is called; null if it was deleted by then. */
  name?: string | null;
  /** When its call began, which tells one call of a room from the next; null where the event is not of a call. */
  callStartedAt?: string | null;
}

/** The track of an event. */
export interface EventTrack {
  /** The track. */
  trackId: TrackId;
  /** Sound or picture. */
  kind: TrackKind;
  /** Where it comes from. */
  source: TrackSource;
}

/** What a client says at once. */
export interface EventsBatch {
  /** Counts batches, from 1 on. */
  number: number;
  /** Messages of the protocol: requests, each an object with `jsonrpc`, `method` and `params`. */
  frames: (Record<string, unknown>)[];
}

/** A connection that was opened, and how to go on. */
export interface EventsConnection {
  /** Its name, in the path of what follows. It alone opens nothing. */
  id: string;
  /** Sent as `Authorization: Bearer …` with all that follows. Keep it out of URLs. */
  secret: string;
  /** How long a stream lasts at most, in milliseconds. */
  streamTimeMs: number;
}

/** A conversation with everything in it. */
export interface ExportedConversation {
  conversation: Conversation;
  /** Its messages, oldest first. */
  messages: Message[];
  /** Its notes, oldest first. */
  notes: Note[];
}

/** A configuration for `RTCPeerConnection`. */
export interface IceServers {
  /** For the `iceServers` of a browser's `RTCPeerConnection`. */
  iceServers: IceServer[];
}

/** An import of contacts from one file. */
export type ImportId = string;

/** The report on a row. */
export interface ImportedRow {
  /** From 1 in the order of the file; the header of a CSV is none. */
  number: number;
  /** What became of it; null until it is done. */
  outcome?: RowOutcome | null;
  /** The contact that was created or recognised. */
  contactId?: ContactId | null;
  /** Why it cannot be used. */
  error?: string | null;
}

/** A stream that the server receives (`RTCInboundRtpStreamStats`). */
export interface InboundRtpStatistics {
  /** Of which track it is. */
  trackId: TrackId;
  /** Where that comes from. */
  source: TrackSource;
  /** Whether it is sound or a picture. */
  kind: TrackKind;
  /** Its codec, such as `video/VP8`. */
  mimeType: string;
  /** The media section of the client's description. */
  mid: string;
  /** What the encoding is called, where the track has several (RFC 8851). */
  rid?: string | null;
  /** Under which its packets come, once that is known. */
  ssrc?: number | null;
  /** Whether packets come. */
  active: boolean;
  /** Packets, each counted once. */
  packetsReceived: number;
  /** Packets that are missing, those that may still come included. */
  packetsLost: number;
  /** Bytes of their payloads. */
  bytesReceived: number;
  /** Bits per second, over about the last second; 0 before that. */
  bitrate: number;
  /** The variation of arrival times, in seconds (RFC 3550, section 6.4.1). */
  jitter: number;
  /** How often the client was asked for missing packets. */
  nackCount: number;
  /** How often it was asked for a key frame. */
  pliCount: number;
  /** The width of its last key frame in pixels, where that could be read. */
  frameWidth?: number | null;
  /** The height, likewise. */
  frameHeight?: number | null;
}

/** An invitation, without its token. */
export interface Invitation {
  /** UUIDv7: later ones sort later. */
  id: InvitationId;
  /** Who is invited. */
  email: string;
  /** The role they will have. */
  role: Role;
  /** The account's own role that will decide instead. */
  roleId?: RoleId | null;
  /** Who invited them. */
  invitedBy: UserId;
  /** When they were invited. */
  createdAt: string;
  /** Until when it can be accepted. */
  expiresAt: string;
  /** When it was accepted; null until then. */
  acceptedAt?: string | null;
  /** When it was taken back; null unless it was. */
  revokedAt?: string | null;
}

/** An invitation to become a user. */
export type InvitationId = string;

/** A join link, without its token. */
export interface JoinLink {
  /** UUIDv7: later ones sort later. */
  id: JoinLinkId;
  /** The room that it leads into. */
  roomId: RoomId;
  /** The rights there of the guests who come by it. */
  rights: Right[];
  /** The user or API key that made it. */
  createdBy: UserId;
  /** When it was made. */
  createdAt: string;
  /** Until when guests may come by it. */
  expiresAt: string;
  /** How many guests have come by it. */
  uses: number;
  /** How many may; null: any number. */
  usesMax?: number | null;
  /** When it was taken back, by somebody or because its room was closed; null unless it was. */
  revokedAt?: string | null;
}

/** A link by which guests come into a room. */
export type JoinLinkId = string;

/** A token that lets a browser into exactly one room. */
export interface JoinToken {
  /** For `connection.open`. It opens nothing else. */
  token: string;
  /** The guest's id, as others see it in the room. */
  userId: UserId;
  /** When the token expires; another one may be sent with `connection.refresh` before that. */
  expiresAt: string;
}

/** A label of conversations. */
export interface Label {
  /** UUIDv7: later ones sort later. */
  id: LabelId;
  /** Unique in the account. */
  name: string;
  /** `#rrggbb`. */
  color: string;
}

/** Why somebody is in a call no more. */
export type LeaveReason = 'left' | 'connectionLost' | 'removed' | 'replaced' | 'serverLost';

/** A guest who is let in. */
export interface LetIn {
  /** A join token, for `connection.open`. It opens nothing else. */
  token: string;
  /** When it expires; another one may be had with the guest key before that. */
  expiresAt: string;
  /** To be the same guest again, for a day, also when the link is over by then. */
  guestKey: string;
  /** The guest's id, as others see it in the room. */
  userId: UserId;
  /** The only room there is for them. */
  roomId: RoomId;
}

/** A room, and what is unread in it. */
export type ListedRoom = Room & { read?: RoomUnread | null; with?: DirectWith | null };

/** A recording: whose, of what, and its tracks. */
export interface Manifest {
  /** The recording. */
  recordingId: RecordingId;
  /** Whose room it is. */
  accountId: AccountId;
  /** The room whose media session is recorded. */
  roomId: RoomId;
  /** The media node that records. */
  nodeId: NodeId;
  /** The user or API key that began it. */
  startedBy: UserId;
  /** How far it has come. */
  status: RecordingStatus;
  /** When it was begun. */
  startedAt: string;
  /** When it ended; null while it goes on, and where nobody saw its end. */
  endedAt?: string | null;
  /** Why it ended. */
  endReason?: RecordingEnd | null;
  /** Packets that came and could not be handed to the disk in time. In the tracks they count as lost. */
  packetsDropped: number;
  /** The tracks, in the order in which they began. */
  tracks: ManifestTrack[];
}

/** A track, and its file. */
export interface ManifestTrack {
  /** The track. One that ended and was sent again has a file for each time. */
  trackId: TrackId;
  /** The device that sent it. */
  connectionId: ConnectionId;
  /** Who sent it, a user or a guest; null where that was not known. */
  userId?: UserId | null;
  /** What they are called. */
  name?: string | null;
  /** From where it came. */
  source: TrackSource;
  /** What it is coded with: `Opus`, `VP8`. */
  codec: string;
  /** The name of its file; null while nothing of it can be played. */
  file?: string | null;
  /** When what stands at zero in the file came, by the node's clock: of pictures the first key frame, of sound the first packet. While there is no file, when the first packet came. */
  startedAt: string;
  /** The same, in milliseconds after the recording was begun: to line up tracks of different people. */
  offsetMs: number;
  /** Units of RTP timestamps in a second. */
  clockRate: number;
  /** The RTP timestamp of what stands at zero in the file. */
  firstTimestamp: number;
  /** What the sender said of its clock, to line up tracks of one device; null if it did not. */
  senderClock?: SenderClock | null;
  /** How long what is in the file is, in milliseconds. */
  durationMs: number;
  /** The width of the first pictures, in pixels. */
  width?: number | null;
  /** Their height. */
  height?: number | null;
  /** Packets that came in time. */
  packets: number;
  /** Packets that did not. */
  packetsLost: number;
  /** How often packets were missing; of pictures, how often nothing was written until the next key frame. */
  gaps: number;
  /** Why it ended; null while it goes on. */
  endReason?: RecordingEnd | null;
  /** How large the file is; null while it is written. */
  sizeBytes?: number | null;
  /** The SHA-256 of the file, in hexadecimal digits; null while it is written. */
  sha256?: string | null;
}

/** What is measured of a participant's media. */
export interface MediaStatistics {
  /** The way on which it sends, and the one on which it receives, as far as they are there. */
  transports: TransportStatistics[];
  /** What it sends, by encoding, the smallest of a track first. */
  inboundRtp: InboundRtpStatistics[];
  /** What it receives. Left out of lists of participants: it grows with the square of how many there are. */
  outboundRtp?: OutboundRtpStatistics[] | null;
}

/** Two contacts that are the same person. */
export interface Merge {
  /** UUIDv7: later ones sort later. */
  id: MergeId;
  /** The contact that stands for both. */
  winnerId: ContactId;
  /** The contact that it stands for. */
  loserId: ContactId;
  /** When they were merged. */
  createdAt: string;
  /** When that was taken back; null while it holds. */
  undoneAt?: string | null;
}

/** A merge of two contacts that are the same customer. */
export type MergeId = string;

/** A contact's merges. */
export interface Merges {
  /** The latest first; at most 100. */
  items: Merge[];
}

/** How long somebody is muted. */
export interface MuteRoomMember {
  /** When it ends by itself; null: when somebody ends it. */
  until: string | null;
}

/** A set of permissions with a name. */
export interface NamedRole {
  /** UUIDv7: later ones sort later. */
  id: RoleId;
  /** Unique in the account. */
  name: string;
  /** The permissions of those who have it. */
  permissions: Permission[];
}

/** Who may open rooms by joining them under a name. Whoever may enter rooms joins those that are open. */
export type NamedRooms = 'nobody' | 'creators' | 'everybody';

/** One process of a cluster. */
export type NodeId = string;

/** Something that the audit log tells of; its kind stands beside it. */
export type ObjectId = string;

/** Where a join link leads. */
export interface OpenJoinLink {
  /** What the room is called. */
  roomName: string;
  /** The guest's rights there. */
  rights: Right[];
  /** Until when guests may come by it. */
  expiresAt: string;
}

/** A stream that the server sends (`RTCOutboundRtpStreamStats`). */
export interface OutboundRtpStatistics {
  /** Of which track it is. */
  trackId: TrackId;
  /** Whether it is sound or a picture. */
  kind: TrackKind;
  /** Under which its packets go. */
  ssrc: number;
  /** What goes out of the track, as the participant was told last; left out while it is paused or has not begun. */
  layer?: TrackLayer | null;
  /** Why it is no more; left out before anything was decided. */
  reason?: LayerReason | null;
  /** Packets, without those that were sent again. */
  packetsSent: number;
  /** Bytes of their payloads. */
  bytesSent: number;
  /** Packets that were sent again. */
  retransmittedPacketsSent: number;
  /** How often the client has asked for missing packets. */
  nackCount: number;
  /** How often it has asked for a key frame. */
  pliCount: number;
  /** How it says that it receives it; left out before it has. */
  remoteInboundRtp?: RemoteInboundRtpStatistics | null;
}

/** A person whom only the account's own back end knows. */
export interface Outsider {
  /** The back end's name for the person, 1 to 256 bytes: the same identity is the same user here. */
  identity: string;
  /** The name that others see. */
  name: string;
}

/** One page of a list. */
export interface Page_ApiKey {
  /** At most `limit` of them. */
  items: ApiKey[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_AuditEntry {
  /** At most `limit` of them. */
  items: AuditEntry[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_Call {
  /** At most `limit` of them. */
  items: Call[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_CannedResponse {
  /** At most `limit` of them. */
  items: CannedResponse[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_Channel {
  /** At most `limit` of them. */
  items: Channel[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_ContactDetails {
  /** At most `limit` of them. */
  items: ContactDetails[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_ContactImport {
  /** At most `limit` of them. */
  items: ContactImport[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_Conversation {
  /** At most `limit` of them. */
  items: ({ id: ConversationId; channelId: ChannelId; channelKind: ChannelKind; contact: Contact; status: ConversationStatus; snoozedUntil: string | null; priority: Priority; assigneeId: UserId | null; teamId: TeamId | null; labelIds: LabelId[]; attributes: Record<string, unknown>; preview: string; lastMessageAt: string; unread: number })[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_Delivery {
  /** At most `limit` of them. */
  items: Delivery[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_Elevation {
  /** At most `limit` of them. */
  items: Elevation[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_ImportedRow {
  /** At most `limit` of them. */
  items: ImportedRow[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_Invitation {
  /** At most `limit` of them. */
  items: Invitation[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_JoinLink {
  /** At most `limit` of them. */
  items: JoinLink[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_Label {
  /** At most `limit` of them. */
  items: Label[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_ListedRoom {
  /** At most `limit` of them. */
  items: (Room & { read?: RoomUnread | null; with?: DirectWith | null })[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_MailboxEntry {
  /** At most `limit` of them. */
  items: ({ seq: number; kind: MailboxEntryKind; from: UserId; name: string; roomId: RoomId; messageSeq?: number | null; callId?: CallId | null; createdAt: string; read: boolean })[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_Message {
  /** At most `limit` of them. */
  items: Message[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_NamedRole {
  /** At most `limit` of them. */
  items: NamedRole[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_Note {
  /** At most `limit` of them. */
  items: Note[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_ParticipantStatistics {
  /** At most `limit` of them. */
  items: (MediaStatistics & { connectionId: ConnectionId; userId: UserId })[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_Recording {
  /** At most `limit` of them. */
  items: Recording[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_Restriction {
  /** At most `limit` of them. */
  items: Restriction[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_RoomMember {
  /** At most `limit` of them. */
  items: RoomMember[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_Team {
  /** At most `limit` of them. */
  items: Team[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_User {
  /** At most `limit` of them. */
  items: User[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** One page of a list. */
export interface Page_Webhook {
  /** At most `limit` of them. */
  items: Webhook[];
  /** The `cursor` of the next page; null if this is the last. */
  next?: string | null;
}

/** A participant of a media session, and what is measured of its media. */
export type ParticipantStatistics = MediaStatistics & { connectionId: ConnectionId; userId: UserId };

/** One thing that a caller may do. */
export type Permission = 'account.manage' | 'auditEntries.read' | 'calls.read' | 'cannedResponses.manage' | 'channels.read' | 'channels.manage' | 'contacts.read' | 'contacts.manage' | 'contacts.erase' | 'conversations.read' | 'conversations.manage' | 'apiKeys.manage' | 'labels.manage' | 'messages.send' | 'roles.manage' | 'rooms.create' | 'rooms.read' | 'rooms.manage' | 'teams.manage' | 'users.read' | 'users.manage' | 'webhooks.manage';

/** The body of an error answer. */
export interface Problem {
  /** Always `about:blank`: the title says what the status means, the code says the rest. */
  type: string;
  /** The HTTP status in words. */
  title: string;
  /** The HTTP status. */
  status: number;
  /** What went wrong, for people; may change at any time. */
  detail: string;
  /** What went wrong, for programs; stable. */
  code: string;
  /** The member of the request's body that is at fault, as a JSON Pointer (RFC 6901); absent if none is, or more than one. */
  pointer?: string;
}

/** That an event was published. */
export interface PublishedRoomEvent {
  /** When it was given to those who are present. */
  publishedAt: string;
}

/** The key that devices subscribe with. */
export interface PushKey {
  /** The `applicationServerKey` of `PushManager.subscribe`, in base64url. It stays the same. */
  publicKey: string;
}

/** A device that can be pushed to. */
export interface PushSubscription {
  /** UUIDv7: later ones sort later. */
  id: PushSubscriptionId;
  /** The host of its push service. */
  service: string;
  /** When it was made, or made again. */
  createdAt: string;
}

/** A device that can be notified while nothing of it is connected. */
export type PushSubscriptionId = string;

/** A user's subscriptions. */
export interface PushSubscriptions {
  /** The latest first; at most 20. */
  items: PushSubscription[];
}

/** A join link that is looked at. */
export interface ReadJoinLink {
  /** The link's token. */
  token: string;
  /** Of who came by it before, and was given this then. */
  guestKey?: string | null;
}

/** A recording. */
export interface Recording {
  /** UUIDv7: later ones sort later. */
  id: RecordingId;
  /** The room whose call is recorded. */
  roomId: RoomId;
  /** How far it has come. Once it is not `recording`, its files are stored, unless its media server is gone. */
  status: RecordingStatus;
  /** The user or API key that began it. */
  startedBy: UserId;
  /** When it began. */
  startedAt: string;
  /** When it ended; null while it goes on, and where nobody saw its end. */
  endedAt?: string | null;
  /** Why it ended. */
  endReason?: RecordingEnd | null;
  /** How large its files are together; null until they are stored. */
  sizeBytes?: number | null;
}

/** Why a recording, or the file of a track, has ended. */
export type RecordingEnd = 'stopped' | 'durationLimit' | 'callEnded' | 'trackEnded' | 'sizeLimit' | 'diskFull' | 'diskFailed' | 'unknownCodec' | 'interrupted';

/** One recording of a room's media session, from when it was begun to its end. */
export type RecordingId = string;

/** How far a recording has come. */
export type RecordingStatus = 'recording' | 'ended' | 'interrupted';

/** Somebody who comes by a join link. */
export interface RedeemJoinLink {
  /** The link's token. */
  token: string;
  /** The name that others will see. */
  name: string;
  /** Of who came by it before: they are the same guest, and need not be let in again. */
  guestKey?: string | null;
}

/** A refresh token, good once. */
export interface Refresh {
  /** The latest one of this sign-in. */
  refreshToken: string;
}

/** How a client says that it receives a stream (`RTCRemoteInboundRtpStreamStats`). */
export interface RemoteInboundRtpStatistics {
  /** The share of its packets that was lost before the last report, from 0 to 1. */
  fractionLost: number;
  /** Packets that were lost since it began; less than nothing if some came twice. */
  packetsLost: number;
  /** The variation of arrival times, in seconds. */
  jitter: number;
  /** In seconds, where the client's reports tell. */
  roundTripTime?: number | null;
}

/** A reply to be sent to the customer. */
export interface Reply {
  /** What to say; WhatsApp takes at most 4,096 characters. */
  text: string;
}

/** A user or guest who may not do something in a room. */
export interface Restriction {
  /** The user or guest. */
  userId: UserId;
  /** When it ends by itself; null if it does not. */
  until?: string | null;
  /** Since when. */
  createdAt: string;
}

/** One thing that a guest may do in the room. Without any, they are there and see who else is. */
export type Right = 'messages.read' | 'messages.send' | 'media.send' | 'media.receive' | 'data.send';

/** A set of permissions that an account has named. */
export type RoleId = string;

/** A place where people meet: chat, presence, calls. */
export interface Room {
  /** UUIDv7: later ones sort later. */
  id: RoomId;
  /** For people. */
  name: string;
  /** Only its members may enter and read it. */
  private: boolean;
  /** It is for two users, who are its members, and has no name of its own. */
  direct: boolean;
  /** Since when nobody enters and nothing is said; null while it is open. */
  closedAt?: string | null;
  /** The number of its latest message or change of one; 0 if nothing has been said. */
  lastSeq: number;
}

/** An event of an account's rooms. */
export type RoomEvent = { room: EventRoom; type: 'roomStarted' } | { room: EventRoom; type: 'roomEnded' } | { room: EventRoom; participant: EventParticipant; type: 'participantJoined' } | { room: EventRoom; participant: EventParticipant; reason: LeaveReason; type: 'participantLeft' } | { room: EventRoom; participant: EventParticipant; track: EventTrack; type: 'trackPublished' } | { room: EventRoom; participant: EventParticipant; track: EventTrack; type: 'trackUnpublished' } | { room: EventRoom; recording: EventRecording; type: 'recordingReady' };

/** A stretch of a room's messages. */
export interface RoomHistory {
  /** Oldest first. */
  items: RoomMessage[];
  /** `before` for the messages that came before these; null at the beginning. */
  next?: number | null;
}

/** Somebody who belongs to a room. */
export interface RoomMember {
  /** They may enter though the room is private. */
  userId: UserId;
  /** What they are in the room. */
  role: RoomMemberRole;
}

/** The outcome of a row. */
export type RowOutcome = 'created' | 'updated' | 'failed';

/** Where a sender's stream stood at a moment of its wall clock (RFC 3550, section 6.4.1). */
export interface SenderClock {
  /** Wall-clock time in NTP format: seconds since 1900, and 32 bits of their fraction. */
  ntp: number;
  /** The same moment in RTP timestamps. */
  timestamp: number;
}

/** What an account has chosen. */
export interface Settings {
  /** The language of what Switchboard itself writes to customers, as a BCP 47 tag. */
  locale?: string | null;
  /** The time zone for what people read, as an IANA name. */
  timeZone?: string | null;
  /** Days after which resolved conversations are deleted with their messages; null: never. */
  retentionDays?: number | null;
  /** Who opens a room by joining a name that nobody has joined before. */
  namedRooms?: NamedRooms;
}

/** A sign-in that is not over. */
export interface SignIn {
  /** UUIDv7: later ones sort later. */
  id: SignInId;
  /** Whether it is the one that asks. */
  current: boolean;
  /** When it began. */
  createdAt: string;
  /** When it last got a new access token. */
  lastUsedAt: string;
  /** From which network address it began. */
  address?: string | null;
  /** What the client calls itself. */
  userAgent?: string | null;
}

/** A family of refresh tokens: one sign-in on one device. */
export type SignInId = string;

/** A user's sign-ins. */
export interface SignIns {
  /** The one used last first; at most 100. */
  items: SignIn[];
}

/** A sign-in's tokens. Keep them safe: whoever has them can act as the user. */
export interface SignedIn {
  /** For `Authorization: Bearer` and `connection.open`. */
  accessToken: string;
  /** To get the next pair. Using it a second time later on ends the sign-in. */
  refreshToken: string;
  /** When the access token expires. */
  expiresAt: string;
  /** Who is signed in. */
  user: User;
}

/** A subscription as `PushSubscription.toJSON()` gives it (W3C Push API). */
export interface Subscribe {
  /** Where the push service takes what is for the device: `https`, and public. */
  endpoint: string;
  /** When the browser expects it to end, in milliseconds since 1970. Its push service says so when it has. */
  expirationTime?: number | null;
  /** How it is encrypted for the device. */
  keys: SubscribeKeys;
}

/** The keys of a device (RFC 8291). */
export interface SubscribeKeys {
  /** Its public key on the curve P-256, uncompressed, in base64url. */
  p256dh: string;
  /** Its authentication secret of 16 bytes, in base64url. */
  auth: string;
}

/** A team of agents. */
export interface Team {
  /** UUIDv7: later ones sort later. */
  id: TeamId;
  /** Unique in the account. */
  name: string;
}

/** All members of a team. */
export interface TeamMembers {
  /** The users, in no order; at most 1,000. */
  userIds: UserId[];
}

/** Which way of a participant's media a transport is for. */
export type TransportPurpose = 'publish' | 'subscribe';

/** A transport (`RTCTransportStats`, and of the pair of candidates in use `RTCIceCandidatePairStats`). */
export interface TransportStatistics {
  /** Which of the participant's two it is. */
  purpose: TransportPurpose;
  /** How far it is. */
  dtlsState: DtlsState;
  /** What protects its packets, as IANA's registry of DTLS-SRTP protection profiles calls it. */
  srtpCipher?: string | null;
  /** What its network is thought to carry towards the participant, in bits per second; left out where the client does not say what arrives. */
  availableOutgoingBitrate?: number | null;
  /** From the sending of a packet to the feedback on it, in seconds; likewise. */
  currentRoundTripTime?: number | null;
  /** The share of packets to the participant that were lost within the last seconds, from 0 to 1; likewise. */
  fractionLost?: number | null;
}

/** What to change; absent fields stay as they are. */
export interface UpdateAccount {
  /** For people, 1 to 200 characters. */
  name?: string | null;
  /** All settings: those left out go back to their default. */
  settings?: Settings | null;
  /** Features to switch on or off; others stay as they are. */
  features?: Record<string, boolean> | null;
}

/** What to change about a canned response; absent fields stay as they are. */
export interface UpdateCannedResponse {
  /** What agents type to get it, unique in the account: 1 to 64 letters, digits, `_` and `-`. */
  shortcode?: string | null;
  /** What is sent: at most 16 KiB. */
  text?: string | null;
}

/** What to change about a channel; absent fields stay as they are. */
export interface UpdateChannel {
  /** Its name, for people. */
  name?: string | null;
  /** Authorises what is sent. */
  accessToken?: string | null;
  /** Signs what is received. */
  appSecret?: string | null;
  /** Proves to the provider that the webhook is ours. */
  verifyToken?: string | null;
  /** False: its webhooks are refused and nothing is sent by it. */
  enabled?: boolean | null;
}

/** What to change about a contact; absent fields stay as they are. */
export interface UpdateContact {
  /** What agents call them, 1 to 200 characters. */
  name?: string | null;
  /** Its e-mail address; null takes it away. */
  email?: string | null;
  /** Its phone number; null takes it away. */
  phone?: string | null;
  /** Members to set; null takes one away (RFC 7396). */
  attributes?: Record<string, unknown> | null;
}

/** What to change; absent fields stay as they are. */
export interface UpdateConversation {
  /** Where it stands from now on. */
  status?: ConversationStatus | null;
  /** Until when it is out of sight; needed to snooze it, and only then. */
  snoozedUntil?: string | null;
  /** How urgent it is. */
  priority?: Priority | null;
  /** Who answers it from now on; null gives it back to all. */
  assigneeId?: UserId | null;
  /** The team that answers it; null takes it from its team. */
  teamId?: TeamId | null;
  /** All of its labels, at most 50. */
  labelIds?: LabelId[] | null;
  /** Members to set; null takes one away (RFC 7396). */
  attributes?: Record<string, unknown>;
  /** True: its messages have been read. */
  read?: boolean;
}

/** What to change about a label; absent fields stay as they are. */
export interface UpdateLabel {
  /** Unique in the account. */
  name?: string | null;
  /** `#rrggbb`. */
  color?: string | null;
}

/** What to change about a role; absent fields stay as they are. */
export interface UpdateRole {
  /** Unique in the account. */
  name?: string | null;
  /** The permissions of those who have it. */
  permissions?: Permission[] | null;
}

/** What to change about a room; absent fields stay as they are. */
export interface UpdateRoom {
  /** For people, 1 to 200 characters. */
  name?: string | null;
  /** Only members may enter and read it. Who is in it and is none leaves, but for guests; links by which guests came end with that. */
  private?: boolean | null;
}

/** What a member is to be in a room. */
export interface UpdateRoomMember {
  /** The role from now on. */
  role: RoomMemberRole;
}

/** What to change about a message. */
export interface UpdateRoomMessage {
  /** What it says from now on: at most 8,192 bytes as JSON writes it, no control characters but line feed and tab. Empty only if it has attachments, which stay. */
  text: string;
  /** On whose behalf it was posted; for API keys only. Absent: by the caller. */
  author?: Outsider | null;
}

/** What to change about a team; absent fields stay as they are. */
export interface UpdateTeam {
  /** Unique in the account. */
  name?: string | null;
}

/** What to change about a user; absent fields stay as they are. */
export interface UpdateUser {
  /** The name that others see. */
  name?: string | null;
  /** One of the three fixed roles. */
  role?: Role | null;
  /** The account's own role that decides instead; null takes it away. */
  roleId?: RoleId | null;
  /** False: cannot sign in any more, and is signed out everywhere. */
  active?: boolean | null;
  /** False: lifts the lock that too many wrong passwords have put on. */
  locked?: boolean | null;
}

/** What to change about a webhook; absent fields stay as they are. */
export interface UpdateWebhook {
  /** The URL that deliveries are posted to. */
  url?: string | null;
  /** A receiver that still checks the old one refuses what it is told from then on. */
  secret?: string | null;
  /** What to be told about. */
  events?: EventName[] | null;
  /** False: it is told nothing more; what waits is given up. */
  enabled?: boolean | null;
}

/** A person of an account. */
export interface User {
  /** UUIDv7 for those who sign in here; made from the token for those of an outside issuer. */
  id: UserId;
  /** As others see it. */
  name: string;
  /** In lower case; null for users of an outside issuer. */
  email?: string | null;
  /** Their role, or the nearest below. */
  role: Role;
  /** The account's own role that decides instead; null if there is none. */
  roleId?: RoleId | null;
  /** What they may do. */
  permissions: Permission[];
  /** The account that they belong to. */
  accountId: AccountId;
  /** When they were deactivated: they cannot sign in any more. Null while they may. */
  deactivatedAt?: string | null;
}

/** A webhook. Its secret is never shown again. */
export interface Webhook {
  /** UUIDv7: later ones sort later. */
  id: WebhookId;
  /** What kind of receiver it has. */
  kind: WebhookKind;
  /** The URL that deliveries are posted to. */
  url: string;
  /** The header that carries the secret, for n8n. */
  header: string;
  /** What its events are of, for good: the inbox and the rooms number theirs each by themselves. */
  subject: WebhookSubject;
  /** What it is told about. */
  events: EventName[];
  /** When it was switched off: it is never told of events from then on. Null while it is on. */
  disabledAt?: string | null;
  /** The time since which every delivery has failed; null while deliveries are taken. After several failures in a row it gets one delivery at a time, after a while. */
  failingSince?: string | null;
}

/** An event of either. */
export type WebhookEvent = InboxEvent | RoomEvent;

/** An address that is told about events by HTTP. */
export type WebhookId = string;

/** The kind of a webhook's receiver. */
export type WebhookKind = 'n8n' | 'standard';

/** What a webhook is told about, for good: each has numbers of its own. */
export type WebhookSubject = 'inbox' | 'rooms';

/** A note's text. */
export interface WriteNote {
  /** The note's new text. */
  text: string;
}

/** What the REST layer offers, by method and path: what is sent, and what is answered with 2xx. */
export interface Operations {
  /** Reads the caller's account. */
  'GET /v1/account': { answer: Account };
  /** Changes the caller's account. */
  'PATCH /v1/account': { body: UpdateAccount; answer: Account };
  /** Lists the account's keys in the order of their creation, those that were revoked too. */
  'GET /v1/api-keys': { query: { cursor?: string; limit?: number }; answer: Page_ApiKey };
  /** Makes a key. The answer is the only place where it is ever shown. */
  'POST /v1/api-keys': { body: CreateApiKey; answer: CreatedApiKey };
  /** Reads one key. */
  'GET /v1/api-keys/{id}': { path: { id: ApiKeyId }; answer: ApiKey };
  /** Revokes a key for good. */
  'DELETE /v1/api-keys/{id}': { path: { id: ApiKeyId }; answer: ApiKey };
  /** Lists what was done, the latest first. */
  'GET /v1/audit-entries': { query: { objectId?: ObjectId; actorId?: ActorId; action?: string; cursor?: string; limit?: number }; answer: Page_AuditEntry };
  /** Accepts an invitation, and signs in. */
  'POST /v1/auth/accept-invitation': { body: AcceptInvitation; answer: SignedIn };
  /** Says where a join link leads, without coming in. */
  'POST /v1/auth/read-join-link': { body: ReadJoinLink; answer: OpenJoinLink };
  /** Lets a guest into a link's room: gives them a join token, which is good for an hour. Whoever brings the guest key of the last answer is the same guest again, and gets another one until a day after they came. */
  'POST /v1/auth/redeem-join-link': { body: RedeemJoinLink; answer: LetIn };
  /** Exchanges a refresh token for a new pair of tokens. */
  'POST /v1/auth/refresh': { body: Refresh; answer: SignedIn };
  /** Signs in with e-mail address and password. */
  'POST /v1/auth/sign-in': { body: Credentials; answer: SignedIn };
  /** Ends a sign-in, with its access tokens and its connections to the hub: what it writes is refused at once, what it reads within five seconds. */
  'POST /v1/auth/sign-out': { body: Refresh; answer: void };
  /** Lists the account's calls, the latest first. */
  'GET /v1/calls': { query: { roomId?: RoomId; cursor?: string; limit?: number }; answer: Page_Call };
  /** Reads one call. */
  'GET /v1/calls/{id}': { path: { id: CallId }; answer: Call };
  /** Lists the account's canned responses in the order of their creation. */
  'GET /v1/canned-responses': { query: { cursor?: string; limit?: number }; answer: Page_CannedResponse };
  /** Creates a canned response. */
  'POST /v1/canned-responses': { body: CreateCannedResponse; answer: CannedResponse };
  /** Reads one canned response. */
  'GET /v1/canned-responses/{id}': { path: { id: CannedResponseId }; answer: CannedResponse };
  /** Deletes a canned response. */
  'DELETE /v1/canned-responses/{id}': { path: { id: CannedResponseId }; answer: void };
  /** Changes a canned response. */
  'PATCH /v1/canned-responses/{id}': { path: { id: CannedResponseId }; body: UpdateCannedResponse; answer: CannedResponse };
  /** Lists the account's channels in the order of their creation. */
  'GET /v1/channels': { query: { cursor?: string; limit?: number }; answer: Page_Channel };
  /** Connects a channel. */
  'POST /v1/channels': { body: CreateChannel; answer: Channel };
  /** Reads one channel. */
  'GET /v1/channels/{id}': { path: { id: ChannelId }; answer: Channel };
  /** Deletes a channel that nothing has come or gone by. One that has been used can be switched off. */
  'DELETE /v1/channels/{id}': { path: { id: ChannelId }; answer: void };
  /** Changes a channel: its name, its secrets, whether it is on. */
  'PATCH /v1/channels/{id}': { path: { id: ChannelId }; body: UpdateChannel; answer: Channel };
  /** Lists the account's imports, the latest first. They are kept for 30 days. */
  'GET /v1/contact-imports': { query: { cursor?: string; limit?: number }; answer: Page_ContactImport };
  /** Imports contacts from a file of at most 50,000 rows and 16 MiB. A row changes the contact that has its e-mail address, or else its phone number; or it becomes a new one. CSV (RFC 4180) has a header: `name`, `email` and `phone` are those, each other column an attribute. NDJSON has an object per line, with `name`, `email`, `phone` and `attributes`. */
  'POST /v1/contact-imports': { answer: ContactImport };
  /** Reads how far an import is. */
  'GET /v1/contact-imports/{id}': { path: { id: ImportId }; answer: ContactImport };
  /** Reads what became of the rows, in the order of the file. */
  'GET /v1/contact-imports/{id}/rows': { path: { id: ImportId }; query: { cursor?: string; limit?: number; outcome?: 'created' | 'updated' | 'failed' }; answer: Page_ImportedRow };
  /** Lists the account's contacts, without those that another stands for. */
  'GET /v1/contacts': { query: { sort?: 'createdAt' | 'name'; cursor?: string; limit?: number }; answer: Page_ContactDetails };
  /** Creates a contact. */
  'POST /v1/contacts': { body: CreateContact; answer: ContactDetails };
  /** Reads one contact. */
  'GET /v1/contacts/{id}': { path: { id: ContactId }; answer: ContactDetails };
  /** Forgets a contact, those that it stands for, and everything that was said with them (GDPR, article 17). It cannot be taken back. That it was done stays in the audit log, by the contact's id alone. */
  'DELETE /v1/contacts/{id}': { path: { id: ContactId }; answer: void };
  /** Changes a contact. */
  'PATCH /v1/contacts/{id}': { path: { id: ContactId }; body: UpdateContact; answer: ContactDetails };
  /** Exports everything about a contact (GDPR, articles 15 and 20). */
  'GET /v1/contacts/{id}/export': { path: { id: ContactId }; answer: ContactExport };
  /** Adds a channel's name to a contact. */
  'POST /v1/contacts/{id}/identities': { path: { id: ContactId }; body: AddContactIdentity; answer: ContactDetails };
  /** Takes a channel's name from a contact. */
  'DELETE /v1/contacts/{id}/identities': { path: { id: ContactId }; query: { channelId: ChannelId; scheme: string; value: string }; answer: void };
  /** Lists the merges that a contact took part in. */
  'GET /v1/contacts/{id}/merges': { path: { id: ContactId }; answer: Merges };
  /** Lets a contact stand for another: their conversations and names are shown as one. It can be taken back. */
  'POST /v1/contacts/{id}/merges': { path: { id: ContactId }; body: CreateMerge; answer: Merge };
  /** Takes a merge back: every contact is as it was before. */
  'DELETE /v1/contacts/{id}/merges/{merge}': { path: { id: ContactId; merge: MergeId }; answer: Merge };
  /** Lists conversations. */
  'GET /v1/conversations': { query: { status?: ConversationStatus; assigneeId?: UserId; teamId?: TeamId; labelId?: LabelId; contactId?: ContactId; priority?: Priority; sort?: '-lastMessageAt' | 'lastMessageAt'; cursor?: string; limit?: number }; answer: Page_Conversation };
  /** Begins a conversation with a contact on a channel. */
  'POST /v1/conversations': { body: CreateConversation; answer: Conversation };
  /** Reads one conversation. */
  'GET /v1/conversations/{id}': { path: { id: ConversationId }; answer: Conversation };
  /** Takes a conversation somewhere else: its status, agent, team, labels, priority; or marks it as read. */
  'PATCH /v1/conversations/{id}': { path: { id: ConversationId }; body: UpdateConversation; answer: Conversation };
  /** Reads a conversation's messages, the latest page first, each page oldest first. */
  'GET /v1/conversations/{id}/messages': { path: { id: ConversationId }; query: { cursor?: string; limit?: number }; answer: Page_Message };
  /** Replies to the customer. The answer comes when the reply is stored; how it fares shows in its `status`. */
  'POST /v1/conversations/{id}/messages': { path: { id: ConversationId }; body: Reply; answer: Message };
  /** Reads a file that came with a message. The channel's provider keeps it, WhatsApp for 7 days. */
  'GET /v1/conversations/{id}/messages/{message}/attachments/{number}': { path: { id: ConversationId; message: MessageId; number: number }; answer: void };
  /** Reads a conversation's notes, the latest first. */
  'GET /v1/conversations/{id}/notes': { path: { id: ConversationId }; query: { cursor?: string; limit?: number }; answer: Page_Note };
  /** Writes a note. Customers never see it. */
  'POST /v1/conversations/{id}/notes': { path: { id: ConversationId }; body: WriteNote; answer: Note };
  /** Deletes one's own note. */
  'DELETE /v1/conversations/{id}/notes/{note}': { path: { id: ConversationId; note: NoteId }; answer: void };
  /** Writes one's own note anew. */
  'PATCH /v1/conversations/{id}/notes/{note}': { path: { id: ConversationId; note: NoteId }; body: WriteNote; answer: Note };
  /** Opens the direct room of the caller and another user: the same one whoever of them opens it, and however often. */
  'PUT /v1/direct-rooms/{user}': { path: { user: UserId }; answer: Room };
  /** Lists elevations, the latest first: all for who manages users, one's own for others. */
  'GET /v1/elevations': { query: { cursor?: string; limit?: number }; answer: Page_Elevation };
  /** Asks to do more for a while. Nothing changes until somebody else agrees. */
  'POST /v1/elevations': { body: CreateElevation; answer: Elevation };
  /** Decides on somebody else's request. Nobody can agree to more than they lastingly may do themselves. Whoever asked gets it with their next access token. */
  'POST /v1/elevations/{id}/decision': { path: { id: ElevationId }; body: DecideElevation; answer: Elevation };
  /** Ends an elevation before its time: one's own, or as who manages users anybody's. Access tokens that have it are good no more: for writing at once, for reading within five seconds. The next ones go without it. */
  'POST /v1/elevations/{id}/end': { path: { id: ElevationId }; answer: Elevation };
  /** Opens a connection. It is let in as a WebSocket is; who it is comes in its first frame, `connection.open`, within ten seconds. */
  'POST /v1/events': { answer: EventsConnection };
  /** Streams what the connection is told, from behind the last event that the client has seen. */
  'GET /v1/events/{id}': { path: { id: string }; query: { wait?: number }; answer: void };
  /** Says something: frames in their order, as over a WebSocket. Answers to them come as events. */
  'POST /v1/events/{id}': { path: { id: string }; body: EventsBatch; answer: void };
  /** Closes the connection. */
  'DELETE /v1/events/{id}': { path: { id: string }; answer: void };
  /** Reads a file, or a stretch of it (`Range`, RFC 9110, section 14). What could run in a browser is downloaded. */
  'GET /v1/files/{link}': { path: { link: string }; answer: void };
  /** Hands out STUN and TURN servers for the caller. */
  'GET /v1/ice-servers': { answer: IceServers };
  /** Lists the account's invitations in the order of their creation, those that are over too. */
  'GET /v1/invitations': { query: { cursor?: string; limit?: number }; answer: Page_Invitation };
  /** Invites somebody. The answer is the only place where the token is ever shown; it is good for a week. */
  'POST /v1/invitations': { body: CreateInvitation; answer: CreatedInvitation };
  /** Takes back an invitation that was not accepted yet. */
  'DELETE /v1/invitations/{id}': { path: { id: InvitationId }; answer: Invitation };
  /** Lists the account's labels in the order of their creation. */
  'GET /v1/labels': { query: { cursor?: string; limit?: number }; answer: Page_Label };
  /** Creates a label. */
  'POST /v1/labels': { body: CreateLabel; answer: Label };
  /** Reads one label. */
  'GET /v1/labels/{id}': { path: { id: LabelId }; answer: Label };
  /** Deletes a label. */
  'DELETE /v1/labels/{id}': { path: { id: LabelId }; answer: void };
  /** Changes a label. */
  'PATCH /v1/labels/{id}': { path: { id: LabelId }; body: UpdateLabel; answer: Label };
  /** Who is calling? */
  'GET /v1/me': { answer: User };
  /** Lists the entries of one's own mailbox, the latest first. Missed calls are among them whatever the permissions. */
  'GET /v1/me/mailbox': { query: { cursor?: string; limit?: number }; answer: Page_MailboxEntry };
  /** Changes one's own password. All other sign-ins end. */
  'POST /v1/me/password': { body: ChangePassword; answer: void };
  /** Lists one's own sign-ins. */
  'GET /v1/me/sign-ins': { answer: SignIns };
  /** Ends one of one's own sign-ins, with its tokens and its connections to the hub: what it writes is refused at once, what it reads within five seconds. */
  'DELETE /v1/me/sign-ins/{id}': { path: { id: SignInId }; answer: void };
  /** Reads the key that devices subscribe with. It is made when it is first asked for. */
  'GET /v1/push-key': { answer: PushKey };
  /** Lists one's own subscriptions. */
  'GET /v1/push-subscriptions': { answer: PushSubscriptions };
  /** Has a device notified from now on, until its sign-in ends or it is taken away. The same endpoint again replaces what was; with more than 20 devices the oldest is forgotten. */
  'POST /v1/push-subscriptions': { body: Subscribe; answer: PushSubscription };
  /** Has a device notified no longer. */
  'DELETE /v1/push-subscriptions/{id}': { path: { id: PushSubscriptionId }; answer: void };
  /** Lists the account's roles in the order of their creation. */
  'GET /v1/roles': { query: { cursor?: string; limit?: number }; answer: Page_NamedRole };
  /** Creates a role. */
  'POST /v1/roles': { body: CreateRole; answer: NamedRole };
  /** Reads one role. */
  'GET /v1/roles/{id}': { path: { id: RoleId }; answer: NamedRole };
  /** Deletes a role. */
  'DELETE /v1/roles/{id}': { path: { id: RoleId }; answer: void };
  /** Changes a role. Users who have it get what it allows now with their next access token; if it allows less, their present ones are good no more. */
  'PATCH /v1/roles/{id}': { path: { id: RoleId }; body: UpdateRole; answer: NamedRole };
  /** Lists the rooms that the caller sees, in the order of their creation. */
  'GET /v1/rooms': { query: { cursor?: string; limit?: number }; answer: Page_ListedRoom };
  /** Creates a room. */
  'POST /v1/rooms': { body: CreateRoom; answer: Room };
  /** Reads one room. */
  'GET /v1/rooms/{id}': { path: { id: RoomId }; answer: Room };
  /** Deletes a room and everything that was said in it. Calls stay on record. */
  'DELETE /v1/rooms/{id}': { path: { id: RoomId }; answer: void };
  /** Changes a room. Owners of the room rename it; the rest is for who manages rooms. */
  'PATCH /v1/rooms/{id}': { path: { id: RoomId }; body: UpdateRoom; answer: Room };
  /** Uploads a file to send it in this room. The body is the file as it is; what it is, is told from its content. Sent in no message, it is removed after a day. */
  'POST /v1/rooms/{id}/attachments': { path: { id: RoomId }; query: { fileName: string }; answer: RoomAttachment };
  /** Links to a file of a message for some minutes. A file that is in no message yet is for its uploader alone. */
  'GET /v1/rooms/{id}/attachments/{attachment}': { path: { id: RoomId; attachment: AttachmentId }; answer: AttachmentLink };
  /** Gives up a file that the caller has uploaded and not sent. Others go when their message is deleted. */
  'DELETE /v1/rooms/{id}/attachments/{attachment}': { path: { id: RoomId; attachment: AttachmentId }; answer: void };
  /** Lists who is banned from a room, in the order of their ids. */
  'GET /v1/rooms/{id}/bans': { path: { id: RoomId }; query: { cursor?: string; limit?: number }; answer: Page_Restriction };
  /** Bans a user or guest: their devices leave the room, they are a member no longer, and nothing lets them enter again until the ban is ended. */
  'PUT /v1/rooms/{id}/bans/{user}': { path: { id: RoomId; user: UserId }; answer: void };
  /** Ends a ban. In a private room they have to be made a member again to enter. */
  'DELETE /v1/rooms/{id}/bans/{user}': { path: { id: RoomId; user: UserId }; answer: void };
  /** Closes a room: whoever is in it leaves, and nobody enters or says anything any more. What was said stays. Closing a closed room changes nothing. */
  'POST /v1/rooms/{id}/close': { path: { id: RoomId }; answer: Room };
  /** Lists the devices that are in a room now, on all instances. */
  'GET /v1/rooms/{id}/connections': { path: { id: RoomId }; answer: Connections };
  /** Takes one device out of a room. Its user may enter again. */
  'DELETE /v1/rooms/{id}/connections/{connection}': { path: { id: RoomId; connection: ConnectionId }; answer: void };
  /** Sends an event to everybody present; it is stored nowhere (`room.event`). */
  'POST /v1/rooms/{id}/events': { path: { id: RoomId }; body: CreateRoomEvent; answer: PublishedRoomEvent };
  /** Lists a room's join links in the order of their creation, those that ended in the last 30 days too. */
  'GET /v1/rooms/{id}/join-links': { path: { id: RoomId }; query: { cursor?: string; limit?: number }; answer: Page_JoinLink };
  /** Makes a link by which guests come into a room without an account. The answer is the only place where its token is ever shown. It ends in time, with its last guest, when it is taken back, and when the room is closed. */
  'POST /v1/rooms/{id}/join-links': { path: { id: RoomId }; body: CreateJoinLink; answer: CreatedJoinLink };
  /** Takes a join link back: nobody comes by it any more. Guests who came by it get no other token, and so are in the room for an hour at most; who is to leave at once is removed. */
  'DELETE /v1/rooms/{id}/join-links/{link}': { path: { id: RoomId; link: JoinLinkId }; answer: JoinLink };
  /** Mints a token that lets a guest into this room and nowhere else. */
  'POST /v1/rooms/{id}/join-tokens': { path: { id: RoomId }; body: CreateJoinToken; answer: JoinToken };
  /** Lists who belongs to a room, in the order of their ids. Into a room that is not private others get too. */
  'GET /v1/rooms/{id}/members': { path: { id: RoomId }; query: { cursor?: string; limit?: number }; answer: Page_RoomMember };
  /** Makes a user a member: they may enter though the room is private. For owners of the room, and who manages rooms. */
  'PUT /v1/rooms/{id}/members/{user}': { path: { id: RoomId; user: UserId }; answer: void };
  /** Removes a member or guest: their devices leave the room, and join tokens that were minted before are good no more. For owners of the room, and who manages rooms; everybody removes themselves. */
  'DELETE /v1/rooms/{id}/members/{user}': { path: { id: RoomId; user: UserId }; answer: void };
  /** Makes a member an owner, a moderator, or a member like others. For owners of the room, and who manages rooms. */
  'PATCH /v1/rooms/{id}/members/{user}': { path: { id: RoomId; user: UserId }; body: UpdateRoomMember; answer: RoomMember };
  /** Reads what was said in a room. */
  'GET /v1/rooms/{id}/messages': { path: { id: RoomId }; query: { before?: number; limit?: number }; answer: RoomHistory };
  /** Posts a message in a room. It is stored, numbered, and pushed to everybody present. */
  'POST /v1/rooms/{id}/messages': { path: { id: RoomId }; body: CreateRoomMessage; answer: RoomMessage };
  /** Reads one message. */
  'GET /v1/rooms/{id}/messages/{seq}': { path: { id: RoomId; seq: number }; answer: RoomMessage };
  /** Deletes a message, with its reactions and attachments. That there was one stays, and its number. */
  'DELETE /v1/rooms/{id}/messages/{seq}': { path: { id: RoomId; seq: number }; answer: void };
  /** Edits a message that the caller has posted. The text before is kept nowhere. */
  'PATCH /v1/rooms/{id}/messages/{seq}': { path: { id: RoomId; seq: number }; body: UpdateRoomMessage; answer: RoomMessage };
  /** Lists who is muted in a room, in the order of their ids. */
  'GET /v1/rooms/{id}/mutes': { path: { id: RoomId }; query: { cursor?: string; limit?: number }; answer: Page_Restriction };
  /** Mutes a user or guest: they stay in the room, and neither say, edit nor react to anything. Replaces what was before. */
  'PUT /v1/rooms/{id}/mutes/{user}': { path: { id: RoomId; user: UserId }; body: MuteRoomMember; answer: void };
  /** Lets a muted user or guest speak again. */
  'DELETE /v1/rooms/{id}/mutes/{user}': { path: { id: RoomId; user: UserId }; answer: void };
  /** Lists a room's recordings in the order of their beginning. */
  'GET /v1/rooms/{id}/recordings': { path: { id: RoomId }; query: { cursor?: string; limit?: number }; answer: Page_Recording };
  /** Records the call in a room: what everybody sends from now on, each track in a file of its own, as it is. Everybody in the call is told. A call that is recorded already goes on being so, and the answer is that recording. */
  'POST /v1/rooms/{id}/recordings': { path: { id: RoomId }; answer: Recording };
  /** Reads a recording. */
  'GET /v1/rooms/{id}/recordings/{recording}': { path: { id: RoomId; recording: RecordingId }; answer: Recording };
  /** Deletes a recording with its files. One that goes on has to be stopped first. */
  'DELETE /v1/rooms/{id}/recordings/{recording}': { path: { id: RoomId; recording: RecordingId }; answer: void };
  /** Reads the file of a track, or a stretch of it (`Range`, RFC 9110, section 14). */
  'GET /v1/rooms/{id}/recordings/{recording}/files/{name}': { path: { id: RoomId; recording: RecordingId; name: string }; answer: void };
  /** Reads what was recorded: the tracks, whose they are, when each began, and its file. */
  'GET /v1/rooms/{id}/recordings/{recording}/manifest': { path: { id: RoomId; recording: RecordingId }; answer: Manifest };
  /** Stops a recording; one that has ended stays as it is. Its files can be read a moment later, once its `status` is not `recording` any more. */
  'POST /v1/rooms/{id}/recordings/{recording}/stop': { path: { id: RoomId; recording: RecordingId }; answer: void };
  /** Opens a closed room again. */
  'POST /v1/rooms/{id}/reopen': { path: { id: RoomId }; answer: Room };
  /** Lists who is in a room's call with what is measured of what they send, under the names of W3C's statistics as the server sees them: what a participant sends is inbound. In the order of their connections; empty if there is no call. */
  'GET /v1/rooms/{id}/statistics': { path: { id: RoomId }; query: { cursor?: string; limit?: number }; answer: Page_ParticipantStatistics };
  /** What is measured of one participant of a room's call: what it sends, and of every track that it receives what goes out to it and why no more does. */
  'GET /v1/rooms/{id}/statistics/{connection}': { path: { id: RoomId; connection: ConnectionId }; answer: ParticipantStatistics };
  /** Plays what is sent in a room. The body is an offer to receive sound, pictures or both, one section of each; the answer has all of the server's candidates. What is played comes as soon as there is somebody who sends it, and goes on with whoever sends it then, without another offer. The token is a person's, or a guest's with the right `media.receive`, and the session ends with it. */
  'POST /v1/rooms/{id}/whep': { path: { id: RoomId }; query: { user?: UserId }; answer: void };
  /** Says what the endpoint takes (Linked Data Platform 1.0, section 7.1). */
  'OPTIONS /v1/rooms/{id}/whep': { path: { id: RoomId }; answer: void };
  /** Ends a WHEP session: nothing is sent to the player any more. `If-Match` does not matter. */
  'DELETE /v1/rooms/{id}/whep/{session}': { path: { id: RoomId; session: ConnectionId }; answer: void };
  /** Adds candidates to a WHEP session, or begins its ICE anew: a fragment with another `ice-ufrag` than before restarts it, whatever `If-Match` says. */
  'PATCH /v1/rooms/{id}/whep/{session}': { path: { id: RoomId; session: ConnectionId }; answer: void };
  /** Publishes into a room. The body is an offer of sound, pictures or both, of which everything can be taken; the answer has all of the server's candidates. The token is a person's, or a guest's with the right `media.send`, and the session ends with it. */
  'POST /v1/rooms/{id}/whip': { path: { id: RoomId }; query: { source?: 'camera' | 'screen' }; answer: void };
  /** Says what the endpoint takes (Linked Data Platform 1.0, section 7.1). */
  'OPTIONS /v1/rooms/{id}/whip': { path: { id: RoomId }; answer: void };
  /** Ends a WHIP session: who published leaves the room's media session. `If-Match` does not matter. */
  'DELETE /v1/rooms/{id}/whip/{session}': { path: { id: RoomId; session: ConnectionId }; answer: void };
  /** Adds candidates to a WHIP session, or begins its ICE anew: a fragment with another `ice-ufrag` than before restarts it, whatever `If-Match` says. */
  'PATCH /v1/rooms/{id}/whip/{session}': { path: { id: RoomId; session: ConnectionId }; answer: void };
  /** Finds contacts by name, e-mail address or phone number, the newest first. */
  'GET /v1/search/contacts': { query: { q: string; cursor?: string; limit?: number }; answer: Page_ContactDetails };
  /** Finds conversations in which a message has all words, or whose customer has by name, e-mail address or phone number, the latest first. */
  'GET /v1/search/conversations': { query: { q: string; cursor?: string; limit?: number }; answer: Page_Conversation };
  /** Finds messages by their text, the newest first. Each names its conversation. */
  'GET /v1/search/messages': { query: { q: string; cursor?: string; limit?: number }; answer: Page_Message };
  /** Lists the account's teams in the order of their creation. */
  'GET /v1/teams': { query: { cursor?: string; limit?: number }; answer: Page_Team };
  /** Creates a team. */
  'POST /v1/teams': { body: CreateTeam; answer: Team };
  /** Reads one team. */
  'GET /v1/teams/{id}': { path: { id: TeamId }; answer: Team };
  /** Deletes a team. */
  'DELETE /v1/teams/{id}': { path: { id: TeamId }; answer: void };
  /** Changes a team. */
  'PATCH /v1/teams/{id}': { path: { id: TeamId }; body: UpdateTeam; answer: Team };
  /** Reads who is in a team. */
  'GET /v1/teams/{id}/members': { path: { id: TeamId }; answer: TeamMembers };
  /** Makes these users a team's members, and nobody else. */
  'PUT /v1/teams/{id}/members': { path: { id: TeamId }; body: TeamMembers; answer: TeamMembers };
  /** Lists the account's users in the order of their creation. */
  'GET /v1/users': { query: { cursor?: string; limit?: number }; answer: Page_User };
  /** Creates a user who can sign in. Nobody can give more than they may do themselves. */
  'POST /v1/users': { body: CreateUser; answer: User };
  /** Reads one user. */
  'GET /v1/users/{id}': { path: { id: UserId }; answer: User };
  /** Changes a user. A user who is deactivated, or may do less than before, is signed out: what they write is refused at once, what they read within five seconds. */
  'PATCH /v1/users/{id}': { path: { id: UserId }; body: UpdateUser; answer: User };
  /** Ends a user's connections to the hub. A device whose sign-in is still good connects again. */
  'DELETE /v1/users/{id}/connections': { path: { id: UserId }; answer: void };
  /** Lists a user's sign-ins. */
  'GET /v1/users/{id}/sign-ins': { path: { id: UserId }; answer: SignIns };
  /** Ends a user's sign-in, with its tokens and its connections to the hub: what it writes is refused at once, what it reads within five seconds. */
  'DELETE /v1/users/{id}/sign-ins/{signIn}': { path: { id: UserId; signIn: SignInId }; answer: void };
  /** Lists the account's webhooks in the order of their creation. */
  'GET /v1/webhooks': { query: { cursor?: string; limit?: number }; answer: Page_Webhook };
  /** Creates a webhook. It is told what happens from now on. */
  'POST /v1/webhooks': { body: CreateWebhook; answer: CreatedWebhook };
  /** Reads one webhook. */
  'GET /v1/webhooks/{id}': { path: { id: WebhookId }; answer: Webhook };
  /** Deletes a webhook with its deliveries. */
  'DELETE /v1/webhooks/{id}': { path: { id: WebhookId }; answer: void };
  /** Changes a webhook: its address, its secret, its events, whether it is on. */
  'PATCH /v1/webhooks/{id}': { path: { id: WebhookId }; body: UpdateWebhook; answer: Webhook };
  /** Lists a webhook's deliveries, the latest first. */
  'GET /v1/webhooks/{id}/deliveries': { path: { id: WebhookId }; query: { cursor?: string; limit?: number }; answer: Page_Delivery };
  /** Makes a delivery again, whatever became of it. */
  'POST /v1/webhooks/{id}/deliveries/{seq}/replay': { path: { id: WebhookId; seq: number }; answer: Delivery };
}
