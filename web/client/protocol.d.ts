// Made from the code by `cargo xtask generate`: what the server takes and says on /v1/ws.

/** A tenant: an organisation whose data no other account may see. */
export type AccountId = string;

/** A file that came with a message. */
export interface Attachment {
  /** Its media type (RFC 6838), as the channel gives it. */
  mimeType: string;
  /** Its name, if it has one. */
  fileName: string | null;
}

/** A file of a room message. */
export type AttachmentId = string;

/** Parameters of `call.accept`. */
export interface CallAccept {
  /** The call that rings. */
  callId: CallId;
}

/** Result of `call.accept`: this device took the call. */
export interface CallAccepted {
  /** The call that this device took. */
  callId: CallId;
  /** Join this room and its media session now. */
  roomId: RoomId;
  /** STUN and TURN servers for peer-to-peer media. */
  iceServers: IceServer[];
}

/** Parameters of `call.answerTransfer`. */
export interface CallAnswerTransfer {
  /** The call that is handed over. */
  callId: CallId;
  /** Where to. */
  roomId: RoomId;
  /** Whether this device is in that room's media session, with somebody. If so the call is over for its user; if not, it goes on. */
  isThere: boolean;
}

/** Event `call.answered`, to the caller's device. */
export interface CallAnswered {
  /** The call that this device started. */
  callId: CallId;
  /** The device that picked up. */
  by: ConnectionId;
}

/** Parameters of `call.cancel`. */
export interface CallCancel {
  /** The call that this device started. */
  callId: CallId;
}

/** Event `call.changed`, to every device that is in a call of which more than two are or were part. */
export interface CallChanged {
  /** The call that goes on. */
  callId: CallId;
  /** Everybody, in the order in which they came to it; the first called. */
  parties: CallParty[];
  /** Counts the changes, so that a late event can be told from a new one. */
  revision: number;
}

/** Event `call.resumed`, to the other side's device once the call was picked up. */
export interface CallDeviceMoved {
  /** The call that goes on. */
  callId: CallId;
  /** The other side's connection from now on. */
  connectionId: ConnectionId;
  /** What it was until now. */
  previousConnectionId: ConnectionId;
}

/** Why a call is over. */
export type CallEndReason = 'hungUp' | 'rejected' | 'cancelled' | 'missed' | 'busy' | 'answeredElsewhere' | 'lost' | 'transferred';

/** Event `call.ended`, to every device that knew of the call. */
export interface CallEnded {
  /** The call that is over. */
  callId: CallId;
  /** Why it is over for this device. */
  reason: CallEndReason;
}

/** Parameters of `call.hangUp`. */
export interface CallHangUp {
  /** The call that goes on. */
  callId: CallId;
}

/** One ring, from invitation to outcome. */
export type CallId = string;

/** Event `call.incoming`. */
export interface CallIncoming {
  /** The call, by which it is accepted or rejected. */
  callId: CallId;
  /** The room in whose media session the two will meet. */
  roomId: RoomId;
  /** The user who is calling. */
  from: UserId;
  /** The caller's name, to be shown. */
  name: string;
  /** What the caller wants to send. */
  media: CallMedia;
  /** How much longer it will ring, in milliseconds. */
  ringTimeMs: number;
}

/** Parameters of `call.invite`. */
export interface CallInvite {
  /** The call that this device is in. */
  callId: CallId;
  /** The user to ring into it, on every connected device. */
  userId: UserId;
}

/** Result of `call.invite` and `call.transfer`: it rings, and `call.changed` says what comes of it. */
export interface CallInvited {
  /** The call into which they are rung. */
  callId: CallId;
  /** After this many milliseconds without an answer they have missed it. */
  ringTimeMs: number;
}

/** What the caller wants to send. */
export type CallMedia = 'audio' | 'video';

/** One who is or was part of a call. */
export interface CallParty {
  /** Whose part it is. */
  userId: UserId;
  /** Their name, to be shown. */
  name: string;
  /** How far they are. */
  state: CallPartyState;
  /** The connection by which they are in it; null unless they are. */
  connectionId?: ConnectionId | null;
  /** Who rang them; of the one who called, themselves. */
  invitedBy: UserId;
  /** How it ended for them; null unless they are out of it. */
  reason?: CallEndReason | null;
}

/** How far somebody is in a call. */
export type CallPartyState = 'ringing' | 'joined' | 'left';

/** Parameters of `call.reject`. */
export interface CallReject {
  /** The call that rings. */
  callId: CallId;
}

/** Parameters of `call.resume`. */
export interface CallResume {
  /** The call that this person is in. */
  callId: CallId;
  /** The connection by which the device was in the call, of the same user. It is out of the call from now on, also if it is still there. The connection's own id asks how the call stands. */
  connectionId: ConnectionId;
}

/** Result of `call.resume`: the call as it stands, which goes on by this connection. */
export interface CallResumed {
  /** The call that goes on. */
  callId: CallId;
  /** The room in whose media session they meet. */
  roomId: RoomId;
  /** What the caller wanted to send. */
  media: CallMedia;
  /** Whether this person called. */
  isCaller: boolean;
  /** Who is on the other side; of several, the first who called or was called. */
  with: UserId;
  /** Their name, to be shown. */
  name: string;
  /** The other side's connection; null while the callee's devices ring. */
  connectionId?: ConnectionId | null;
  /** Everybody who is or was part of the call, in the order in which they came to it. */
  parties?: CallParty[];
  /** When it began to ring. */
  startedAt: string;
  /** When it was picked up; null while it rings. */
  answeredAt?: string | null;
  /** How much longer it rings, in milliseconds; null once it was picked up. */
  ringTimeMs?: number | null;
  /** STUN and TURN servers for peer-to-peer media. */
  iceServers: IceServer[];
}

/** Parameters of `call.ring`. */
export interface CallRing {
  /** The room in whose media session the two will meet; the caller must have joined it. */
  roomId: RoomId;
  /** The user to ring, on every connected device. */
  userId: UserId;
  /** What the caller wants to send. */
  media: CallMedia;
}

/** Result of `call.ring`: it rings. */
export interface CallRinging {
  /** The new call, by which it is accepted, cancelled and ended. */
  callId: CallId;
  /** After this many milliseconds without an answer the call counts as missed. */
  ringTimeMs: number;
  /** STUN and TURN servers for peer-to-peer media. */
  iceServers: IceServer[];
}

/** Parameters of `call.transfer`. */
export interface CallTransfer {
  /** The answered call that this device is in. */
  callId: CallId;
  /** The user to ring; once they pick up, this device is out of the call. */
  userId: UserId;
}

/** Event `call.transferFailed`, to the device that hands a call over. */
export interface CallTransferFailed {
  /** The call that goes on. */
  callId: CallId;
  /** Where somebody has not gone. */
  roomId: RoomId;
  /** Who: they could not, or have not said that they are there. */
  userId: UserId;
}

/** Result of `call.transferToRoom`: the others are told. */
export interface CallTransferStarted {
  /** The call that is handed over. */
  callId: CallId;
  /** After this many milliseconds those who have not said that they are there are still in the call. */
  answerTimeMs: number;
}

/** Parameters of `call.transferToRoom`. */
export interface CallTransferToRoom {
  /** The answered call that this device is in. */
  callId: CallId;
  /** The room to whose media session all others in the call are to go. Somebody must be in it. */
  roomId: RoomId;
}

/** Event `call.transferring`, to every device that is to go to another room. It comes again until it is answered. */
export interface CallTransferring {
  /** The call that is handed over. */
  callId: CallId;
  /** Join this room and its media session, and answer. */
  roomId: RoomId;
  /** Who hands it over. */
  by: UserId;
  /** Their name, to be shown. */
  name: string;
  /** How much longer an answer is waited for, in milliseconds. */
  answerTimeMs: number;
}

/** Parameters of `call.withdraw`. */
export interface CallWithdraw {
  /** The call that this device is in. */
  callId: CallId;
  /** The user who is to ring no more; rung by this user, or by anybody if this user called. */
  userId: UserId;
}

/** A connected channel: one WhatsApp number, one mailbox. */
export type ChannelId = string;

/** The kind of a conversation's channel. */
export type ChannelKind = 'whatsapp';

/** A client's own id of a room message that it sends, unique among the sender's in the room. */
export type ClientMessageId = string;

/** One WebSocket, and so one device or browser tab of a user. */
export type ConnectionId = string;

/** Event `connection.moving`: the server is draining. */
export interface ConnectionMoving {
  /** Wait this long before reconnecting, in milliseconds; spread out so that not all come at once. */
  delayMs: number;
}

/**
 * Parameters of `connection.open`.
 * The token comes in a message and not in the URL, where it would end up in access logs. A connection that has not sent this in time is closed with `UNAUTHENTICATED`.
 */
export interface ConnectionOpen {
  /** An access token, ours or an accepted issuer's. */
  token: string;
}

/** Result of `connection.open`. */
export interface ConnectionOpened {
  /** This connection, which is also this device's name in rooms and calls. */
  connectionId: ConnectionId;
  /** The user that the token is for; of a guest, an id that nobody else has. */
  userId: UserId;
  /** The name shown to others. */
  name: string;
  /** The account (tenant) that everything on this connection belongs to. */
  accountId: AccountId;
  /** What the user may do; absent for a guest. */
  role?: Role | null;
  /** For a guest: the one room there is. */
  roomId?: RoomId | null;
  /** When the token expires; send `connection.refresh` before that. */
  expiresAt: string;
  /** How often the server pings; silence for twice as long means the connection is dead. */
  pingIntervalMs: number;
}

/** Parameters of `connection.refresh`: a newer token of the same user. */
export interface ConnectionRefresh {
  /** The new access token. */
  token: string;
}

/** Result of `connection.refresh`. */
export interface ConnectionRefreshed {
  /** When the new token expires. */
  expiresAt: string;
}

/** Event `connection.reload`: what was missed cannot be replayed. */
export interface ConnectionReload {
  /** The sequence to read again. */
  sequence: Sequence;
}

/** A customer, as shown beside a conversation. */
export interface Contact {
  /** The contact, as `/v1/contacts/{id}` reads it. */
  id: ContactId;
  /** The name the channel gives, or the address where there is none. */
  name: string;
}

/** A customer. */
export type ContactId = string;

/** A thread with one customer on one channel. */
export interface Conversation {
  /** The conversation, as `/v1/conversations/{id}` reads it. */
  id: ConversationId;
  /** The channel it is on. */
  channelId: ChannelId;
  /** The channel's kind. */
  channelKind: ChannelKind;
  /** The customer at the other end. */
  contact: Contact;
  /** Whether it is open, waits, is snoozed or is resolved. */
  status: ConversationStatus;
  /** Until when it is out of sight, if it is snoozed. */
  snoozedUntil: string | null;
  /** How urgent it is. */
  priority: Priority;
  /** The agent who answers it, if one has taken it. */
  assigneeId: UserId | null;
  /** The team that answers it, if there is one. */
  teamId: TeamId | null;
  /** Its labels, in no order. */
  labelIds: LabelId[];
  /** What the account's own programs say about it. */
  attributes: Record<string, unknown>;
  /** The beginning of the latest message. */
  preview: string;
  /** When the latest message was. */
  lastMessageAt: string;
  /** Inbound messages since an agent last replied or read. */
  unread: number;
}

/** A thread between an account and a customer on one channel. */
export type ConversationId = string;

/** The status of a conversation. */
export type ConversationStatus = 'open' | 'pending' | 'snoozed' | 'resolved';

/** How far a message to a customer has come. The order is progress. */
export type DeliveryStatus = 'queued' | 'sent' | 'delivered' | 'read' | 'failed';

/** What a media section of a description between two peers carries. */
export interface DescribedTrack {
  /** The media section. */
  mid: string;
  /** Where what it carries comes from, in both directions. */
  source: TrackSource;
}

/** From whom a message is. */
export type Direction = 'inbound' | 'outbound';

/** The result of a method that has nothing to say but that it worked. */
export type Done = Record<string, unknown>;

/**
 * A stable, dotted, lower-case name of an error, such as `call.busy`.
 * Clients branch on it; the human message beside it may change at any time.
 */
export type ErrorCode =
  /** The frame is not JSON. */
  | 'protocol.parseError'
  /** The JSON is not a request. */
  | 'protocol.invalidRequest'
  /** There is no such method. */
  | 'protocol.unknownMethod'
  /** The method exists, its parameters do not fit. */
  | 'protocol.invalidParams'
  /** The request needs `connection.open` first. */
  | 'auth.required'
  /** The token is expired, forged, of an unknown issuer or beyond its bounds; or the sign-in, or something that the token allows, has ended. */
  | 'auth.invalidToken'
  /** E-mail and password do not belong together, or there were too many wrong tries. */
  | 'auth.invalidCredentials'
  /** A refresh token was used again, more than ten seconds later or after its successor; the whole sign-in is revoked. */
  | 'auth.refreshReused'
  /** The caller's permissions, or a guest's rights, do not allow this. */
  | 'auth.forbidden'
  /** Too many requests; wait for the time that is given. */
  | 'limit.rate'
  /** A body, frame or field is longer than allowed. */
  | 'limit.size'
  /** As many of these exist as are allowed. */
  | 'limit.count'
  /** The body is not what its content type says, or a field or a text is not valid. */
  | 'request.invalid'
  /** There is no such thing in this account. */
  | 'resource.notFound'
  /** It exists already, or contradicts what exists. */
  | 'resource.conflict'
  /** It was changed since the caller read it. */
  | 'resource.changedMeanwhile'
  /** It cannot go from its state to the one asked for. */
  | 'resource.invalidTransition'
  /** The answer would be of a type that the request does not accept. */
  | 'request.notAcceptable'
  /** The request has to say with `If-Match` what it is about. */
  | 'request.preconditionRequired'
  /** The path exists, the HTTP method is not offered on it. */
  | 'request.methodNotAllowed'
  /** An idempotency key was used before with another body. */
  | 'request.idempotencyMismatch'
  /** The caller has not joined this room. */
  | 'room.notJoined'
  /** A room of another class was asked for this: messages are for durable rooms. */
  | 'room.class'
  /** The room is closed. */
  | 'room.closed'
  /** A moderator or owner of the room keeps the caller from saying anything there, for a while or until they end it. */
  | 'room.muted'
  /** The user or guest is banned from the room until a moderator or owner ends it. */
  | 'room.banned'
  /** The room is the direct room of two users: they stay its only members, and it has no name of its own. */
  | 'room.direct'
  /** Others belong to the room, and somebody has to own it: make another member an owner first. */
  | 'room.lastOwner'
  /** The file is larger than files may be. */
  | 'attachment.tooLarge'
  /** The files of the account have together as many bytes as they may have. */
  | 'attachment.quotaExceeded'
  /** There is no such file of the caller's in this room, or it is in a message already. */
  | 'attachment.notFound'
  /** The storage of files is away; try again later. */
  | 'attachment.unavailable'
  /** There is no such call, or it is over. */
  | 'call.over'
  /** The other side is in a call. */
  | 'call.busy'
  /** None of the other side's devices is connected, or they may not enter the room. */
  | 'call.unreachable'
  /** Another device took the call first. */
  | 'call.alreadyTaken'
  /** This device is not part of the call. */
  | 'call.notInvited'
  /** The action does not fit the call's state. */
  | 'call.wrongState'
  /** The session description cannot be used, or is larger than any client needs: 112 KiB, 7,168 lines, 256 sections, 512 attributes, 64 candidates, 128 formats and 8 encodings a section. */
  | 'media.invalidSdp'
  /** Nothing that the client offers to send can be forwarded: it has no codec that the server passes on. The message names those of either side. */
  | 'media.nothingAgreed'
  /** The participant has not joined the room's media session. */
  | 'media.notJoined'
  /** An answer to an offer that has been replaced by a newer one. */
  | 'media.staleAnswer'
  /** Two tracks of one participant are said to come from the same source, or are taken for it as nobody names theirs. */
  | 'media.duplicateSource'
  /** A track is named in a media section that the description does not have, in which it sends nothing, or which carries another one. */
  | 'media.unknownMid'
  /** A source of sound is named for a media section of pictures, or the other way round. */
  | 'media.kindMismatch'
  /** The participant publishes no track of this source, or nobody else in the session one of this id. */
  | 'media.unknownTrack'
  /** A moderator of the room lets nobody else into the media session. */
  | 'media.locked'
  /** No media server is available. */
  | 'media.unavailable'
  /** Nobody is in a call in the room, so there is nothing to record. */
  | 'recording.noCall'
  /** The recording goes on: stop it first. */
  | 'recording.goesOn'
  /** The files of the recording are not there: they are still being stored, or its server is gone with them. */
  | 'recording.notStored'
  /** The media server of the call records nothing: it has no place for it, or its disk is full. */
  | 'recording.unavailable'
  /** The webhook's signature is missing or wrong. */
  | 'webhook.invalidSignature'
  /** The channel's provider refused the message. */
  | 'channel.refused'
  /** The channel's provider cannot be reached; try again. */
  | 'channel.unreachable'
  /** The channel's provider does not keep the file any more. */
  | 'channel.fileGone'
  /** Switchboard failed; it is logged under the request's id. */
  | 'internal'
  /** A part that this needs (store, bus) is away; try again. */
  | 'unavailable'
  | (string & {});

/** An error answer (JSON-RPC 2.0, section 5.1). */
export interface Failure {
  /** JSON-RPC's number: -32700 to -32600 for the envelope, -32000 for everything of ours. */
  code: number;
  /** For people; may change at any time. */
  message: string;
  /** For programs. */
  data: FailureData;
}

/** The part of an error answer that clients branch on. */
export interface FailureData {
  /** The stable code. */
  code: ErrorCode;
  /** The party that has to change something. */
  fault: Fault;
  /** How long to wait before trying again, in milliseconds, where that is known. */
  retryAfterMs?: number | null;
}

/** The party that has to change something for it to work next time. */
export type Fault = 'caller' | 'upstream' | 'ours';

/** Event `feed.changed`. */
export interface FeedChanged {
  /** The feed's name, as `feed.subscribe` answered it. */
  feed: string;
  /** The change's number in the account: later ones are higher. A feed sees those that concern it. */
  seq: number;
  /** What happened, as seen through the filter. */
  operation: FeedOperation;
  /** The row's id. */
  id: RowId;
  /** The row as it is; empty if it is gone. A deletion may be told of a row that was never told of. */
  row?: Record<string, unknown>;
  /** The members that an update has changed. */
  changed?: string[];
  /** Members that `row` lacks because it would have more than `ROW_BYTES_MAX` with them: read them by REST. */
  omitted?: string[];
}

/** Event `feed.ended`: the caller may not read this any more. */
export interface FeedEnded {
  /** The feed's name, as `feed.subscribe` answered it. */
  feed: string;
}

/** A change to a row. */
export type FeedOperation = 'insert' | 'update' | 'delete';

/** Parameters of `feed.subscribe`. */
export interface FeedSubscribe {
  /** The table, by `as_str`; docs/PROTOCOL.md lists them. */
  table: string;
  /** Only rows that have these values; absent: all that the caller may read. */
  filter?: Record<string, unknown>;
  /** The last change this client has seen in any feed, to be sent what it missed; absent: only what happens from now on. To go on after an answer with `more`, its `seq`. */
  after?: number | null;
}

/** Result of `feed.subscribe`. Unless there is `more`, every change that is committed from now on will be told. */
export interface FeedSubscribed {
  /** The feed's name, which its events carry. The same table and filter have the same name. */
  feed: string;
  /** The number to go on from: up to where was looked if there is `more`; else of the account's latest change, and events continue from here. */
  seq: number;
  /** What was missed, in order. */
  changes: FeedChanged[];
  /** Whether more was missed than one answer holds. This feed is not followed yet, or as it was before: ask again with `after` = `seq`. */
  more: boolean;
  /** Whether `changes` is everything since `after`. False: read the rows again. */
  recovered: boolean;
}

/** Parameters of `feed.unsubscribe`. */
export interface FeedUnsubscribe {
  /** The feed's name, as `feed.subscribe` answered it. */
  feed: string;
}

/** A STUN or TURN server, in the shape of W3C's `RTCIceServer`. */
export interface IceServer {
  /** `stun:`, `turn:` and `turns:` URLs. */
  urls: string[];
  /** Short-lived user name, for TURN. */
  username?: string | null;
  /** Short-lived password, for TURN. It is meant for the client that reads it. */
  credential?: string | null;
}

/** An event of an inbox. */
export type InboxEvent = { conversation: Conversation; message: Message; type: 'messageCreated' } | { message: Message; type: 'messageUpdated' } | { conversation: Conversation; type: 'conversationUpdated' } | { note: Note; type: 'noteCreated' } | { note: Note; type: 'noteUpdated' } | { noteId: NoteId; conversationId: ConversationId; type: 'noteDeleted' } | { conversationId: ConversationId; type: 'conversationErased' };

/** Parameters of `inbox.subscribe`. */
export interface InboxSubscribe {
  /** The last event this client has seen; absent: only what happens from now on. To go on after an answer with `more`, its `seq`. */
  after?: number | null;
}

/** Result of `inbox.subscribe`. */
export interface InboxSubscribed {
  /** The number to go on from: of the last of `events` if there is `more`; else the stream's latest, and events continue from here. */
  seq: number;
  /** What was missed, in order. */
  events: SequencedInboxEvent[];
  /** Whether more was missed than one answer holds. This connection does not follow the inbox yet, or follows it as it did before: ask again with `after` = `seq`. */
  more: boolean;
  /** Whether `events` continues exactly at `after`. False: reload the inbox. */
  recovered: boolean;
}

/** Parameters of `inbox.unsubscribe`. */
export type InboxUnsubscribe = Record<string, unknown>;

/** A label of conversations. */
export type LabelId = string;

/** Why somebody is sent no more of a track than they are. */
export type LayerReason = 'best' | 'size' | 'hidden' | 'disabled' | 'lastN' | 'bandwidth' | 'notSent';

/** Parameters of `mailbox.acknowledge`. */
export interface MailboxAcknowledge {
  /** Up to which number. Less than before changes nothing, and more than there is counts as all there is. */
  seq: number;
}

/** Result of `mailbox.acknowledge`, and event `mailbox.acknowledged` to the user's devices that follow. */
export interface MailboxAcknowledged {
  /** Up to which number the user's devices have acknowledged. */
  seq: number;
}

/** Something that a person is to know. */
export interface MailboxEntry {
  /** Its number in the user's mailbox: 1, 2, 3, … */
  seq: number;
  /** What happened. */
  kind: MailboxEntryKind;
  /** The user who wrote the message, or rang. */
  from: UserId;
  /** Their name at that time. */
  name: string;
  /** The room in which it was said, or in which they were to meet. */
  roomId: RoomId;
  /** The number of the message that mentions; null of a call. */
  messageSeq?: number | null;
  /** The call that was missed; null of a message. */
  callId?: CallId | null;
  /** When it happened. */
  createdAt: string;
  /** Whether the user knows of it: a device has acknowledged it, or the room was read as far as the message. */
  read: boolean;
}

/** Why somebody is told. */
export type MailboxEntryKind = 'mention' | 'callMissed';

/** Parameters of `mailbox.subscribe`. */
export interface MailboxSubscribe {
  /** Only entries after this number; absent: the latest, whether acknowledged or not. */
  after?: number | null;
}

/** Result of `mailbox.subscribe`: later entries follow as events. */
export interface MailboxSubscribed {
  /** The number of the latest entry; 0 if there has been none. */
  seq: number;
  /** Up to which number the user's devices have acknowledged. */
  acknowledgedSeq: number;
  /** The latest entries in their order, at most `PAGE_MAX`. */
  entries: MailboxEntry[];
  /** Whether these are all after `after`. False: earlier ones are read with `GET /v1/me/mailbox`. */
  complete: boolean;
}

/** Parameters of `mailbox.unsubscribe`: none. */
export type MailboxUnsubscribe = Record<string, unknown>;

/** Parameters of `media.answer`. */
export interface MediaAnswer {
  /** The room whose media session the offer is from. */
  roomId: RoomId;
  /** The `revision` of the offer that is answered. */
  revision: number;
  /** The answer (RFC 8866); candidates are not needed. */
  sdp: string;
}

/** Event `media.changed`, to everybody in the room. */
export interface MediaChanged {
  /** The room whose media session this is. */
  roomId: RoomId;
  /** The session as it is. No participants: the session is over. */
  state: MediaState;
}

/** Result of `media.restartIce`. */
export interface MediaIceRestarting {
  /** STUN and TURN servers, with credentials that are good from now on. */
  iceServers: IceServer[];
}

/** Parameters of `media.join`. The room must have been joined before. */
export interface MediaJoin {
  /** The room whose media session is entered. */
  roomId: RoomId;
  /** A connection of the same user whose seat goes over to this one, after a reconnect. */
  previousConnectionId?: ConnectionId | null;
  /** The device's state from the beginning, so that nobody takes a muted one for one that is not; what is left out is as it was where a seat goes over, and else `false`. */
  state?: MediaStateChange;
}

/** Result of `media.join`. Joining again is harmless and answers with the present state. */
export interface MediaJoined {
  /** The session, this device included. */
  state: MediaState;
  /** STUN and TURN servers, with credentials for this user. */
  iceServers: IceServer[];
  /** Whether the seat of `previousConnectionId` went over: what goes peer to peer goes on as it is, and what goes through the server is set up anew. */
  resumed: boolean;
}

/** Event `media.layers`, to the one who publishes the track. */
export interface MediaLayers {
  /** The room whose media session the track is in. */
  roomId: RoomId;
  /** The track's own. */
  trackId: TrackId;
  /** All of its encodings. */
  encodings: WantedEncoding[];
}

/** Parameters of `media.leave`. */
export interface MediaLeave {
  /** The room whose media session is left. */
  roomId: RoomId;
}

/**
 * Parameters of `media.lock`. For owners and moderators of the room, and who manages rooms.
 * Into a locked session come only users who were in it when it was locked, by whatever device, and were not removed since. It ends with the session.
 */
export interface MediaLock {
  /** The room whose media session it is. */
  roomId: RoomId;
  /** Whether nobody else comes in from now on. */
  locked: boolean;
}

/**
 * Event `media.lost`, to each participant: the media node of the session has died, and what it knew with it. Join again at once (`media.join`); another node takes the session.
 * Whoever does not know the event finds out by its transports, which nothing comes through any more.
 */
export interface MediaLost {
  /** The room whose media session it was. */
  roomId: RoomId;
}

/**
 * Event `media.moved`, to each participant: another media node has the session now, with everybody who is in it. Nobody joins again.
 * Where media goes through the server, publish again on a new transport, and answer the offers that come from now on with another new one. The transports of before carry media for a few seconds more: close them once the new ones do.
 */
export interface MediaMoved {
  /** The room whose media session it is. */
  roomId: RoomId;
}

/**
 * Parameters of `media.mute`. For who may mute the participant's user in the room: owners, moderators those who are less, and who manages rooms. They need not be in the session.
 * Whoever is muted is told, and may end that by themselves. Who publishes over HTTP could not be told, and is not muted.
 */
export interface MediaMute {
  /** The room in whose media session the participant is. */
  roomId: RoomId;
  /** The participant who is muted. */
  connectionId: ConnectionId;
  /** Which of its tracks is. */
  source: TrackSource;
}

/** Event `media.muted`, to the participant itself: its device must send nothing of this track until its user wants it to. */
export interface MediaMuted {
  /** The room whose media session it is. */
  roomId: RoomId;
  /** The track that is muted. */
  source: TrackSource;
  /** Who muted it. */
  by: UserId;
}

/** Event `media.offer`: everything this participant may receive now. */
export interface MediaOffered {
  /** The room whose media session the tracks are from. */
  roomId: RoomId;
  /** Names this offer in the answer. A later offer has a higher number and replaces it. */
  revision: number;
  /** The offer, complete with the server's candidates. */
  sdp: string;
  /** What each active media section carries; sections not listed are inactive. */
  tracks: OfferedTrack[];
}

/** One device in a media session. */
export interface MediaParticipant {
  /** The device that takes part. */
  connectionId: ConnectionId;
  /** The device's user. */
  userId: UserId;
  /** The user's name. */
  name: string;
  /** What the device says of itself. */
  state?: MediaParticipantState;
  /** What it sends, by whichever way media travels, in the order of publication. */
  tracks?: MediaTrack[];
}

/** What a participant says of itself, so that everybody sees it whichever way media travels. */
export interface MediaParticipantState {
  /** The microphone is muted, or there is none. */
  muted?: boolean;
  /** The camera is off, or there is none. */
  cameraOff?: boolean;
  /** The picture, or one of them, is of a screen. */
  sharing?: boolean;
  /** The person would like to say something. */
  handRaised?: boolean;
  /** The person speaks. Never so of one who is muted. */
  speaking?: boolean;
  /** The person has put the call on hold: they neither send nor listen for now. */
  onHold?: boolean;
}

/**
 * Parameters of `media.publish`: all tracks that the device sends. What was published before and is no longer in it is published no more.
 * Through the server with an offer of send-only tracks: offer again on the same transport to add or remove some.
 */
export interface MediaPublish {
  /** The room whose media session the tracks are for. */
  roomId: RoomId;
  /** Through the server: the offer, complete, as the server needs none of the client's candidates. Left out where media goes peer to peer. */
  sdp?: string | null;
  /** The tracks. A media section that sends and is not named carries what it carried before, and else the microphone if it is of audio, and the camera if it is of video. */
  tracks?: PublishTrack[];
}

/** Result of `media.publish`. */
export interface MediaPublished {
  /** Through the server: the answer, complete with the server's candidates. */
  sdp?: string | null;
  /** What is published now. */
  tracks?: PublishedTrack[];
}

/**
 * Parameters of `media.remove`. For those who may [mute](Mute).
 * Whoever is removed may come again: lock the session, or ban them from the room, where they shall not.
 */
export interface MediaRemove {
  /** The room in whose media session the participant is. */
  roomId: RoomId;
  /** The participant who is taken out of it. */
  connectionId: ConnectionId;
}

/** Event `media.removed`, to the participant itself: it is in the session no longer. */
export interface MediaRemoved {
  /** The room whose media session it was in. */
  roomId: RoomId;
  /** Who took it out. */
  by: UserId;
}

/** Parameters of `media.restartIce`. */
export interface MediaRestartIce {
  /** The room whose media session this device is in. */
  roomId: RoomId;
}

/** How media travels. */
export type MediaRoute = 'peerToPeer' | 'server';

/** Parameters of `media.signal`. */
export interface MediaSignal {
  /** Both must be participants of this room's session. */
  roomId: RoomId;
  /** The device that it is for. */
  to: ConnectionId;
  /** The offer, the answer or the candidate. */
  signal: PeerSignal;
}

/** Event `media.signal`. */
export interface MediaSignalled {
  /** The room whose media session both are in. */
  roomId: RoomId;
  /** The device that it comes from, which the answer goes to. */
  from: ConnectionId;
  /** The offer, the answer or the candidate. */
  signal: PeerSignal;
}

/** A running media session. */
export interface MediaState {
  /** How media travels now. */
  route: MediaRoute;
  /** In order of arrival. Peer to peer, the first offers to the second. */
  participants: MediaParticipant[];
  /** Counts every change, so that a late event can be told from a new one. */
  revision: number;
  /** Nobody else may come in. */
  locked?: boolean;
  /** Whether what is sent is recorded. Media of a session that is recorded goes through the server. */
  recorded?: boolean;
}

/** What of a `ParticipantState` changes; what is left out stays as it is. */
export interface MediaStateChange {
  /** Whether the microphone is muted, or there is none. */
  muted?: boolean | null;
  /** Whether the camera is off, or there is none. */
  cameraOff?: boolean | null;
  /** Whether a screen is shared. */
  sharing?: boolean | null;
  /** Whether the hand is raised. */
  handRaised?: boolean | null;
  /** Whether the person speaks. */
  speaking?: boolean | null;
  /** Whether the call is on hold. */
  onHold?: boolean | null;
}

/** Parameters of `media.subscribe`: what is said of a track takes the place of what was said of it before, and nothing changes for those that are not named. It is kept for as long as the track is published, also while media goes peer to peer, where it changes nothing. */
export interface MediaSubscribe {
  /** The room in whose media session the device is. */
  roomId: RoomId;
  /** Tracks of others, at most 200. */
  tracks: TrackWish[];
  /** Takes the place of what was said before; left out, that stays. At first all there is is sent. It is kept for as long as the participant is in the session. */
  selection?: TrackSelection | null;
}

/** Event `media.subscriptions`, to the one that it is about. */
export interface MediaSubscriptions {
  /** The room whose media session the tracks are from. */
  roomId: RoomId;
  /** Every track that this participant has agreed to receive. */
  subscriptions: TrackSubscription[];
}

/** A track that a participant sends. */
export interface MediaTrack {
  /** The track's own from when it is published until it is no longer, through other descriptions, other paths and other connections of the participant. What is published again is another track. */
  trackId: TrackId;
  /** Sound or picture: that of its source. */
  kind: TrackKind;
  /** Where it comes from. */
  source: TrackSource;
  /** The participant sends nothing on it for now: the microphone is muted, or the camera is off. */
  muted: boolean;
}

/** Parameters of `media.update`. */
export interface MediaUpdate {
  /** The room in whose media session the device is. */
  roomId: RoomId;
  /** What of the device's own state is different from now on. */
  state?: MediaStateChange;
  /** Which of its tracks are muted from now on, and which are not any more. */
  tracks?: TrackMute[];
}

/** Event `media.updated`, to everybody in the room. */
export interface MediaUpdated {
  /** The room whose media session it is. */
  roomId: RoomId;
  /** Whose state it is. */
  connectionId: ConnectionId;
  /** All of it. */
  state: MediaParticipantState;
  /** All tracks that the participant sends. */
  tracks?: MediaTrack[];
  /** Of the session from then on, as in its `State`. */
  revision: number;
}

/** One device present in a room. */
export interface Member {
  /** The device that is in the room. */
  connectionId: ConnectionId;
  /** The device's user; one user may be in a room with several devices. */
  userId: UserId;
  /** The user's name. */
  name: string;
}

/** One message of a conversation. */
export interface Message {
  /** The message, in events as on pages. */
  id: MessageId;
  /** The conversation that it is part of. */
  conversationId: ConversationId;
  /** Whether it is from the customer or to them. */
  direction: Direction;
  /** The agent who wrote it, for outbound ones. */
  authorId: UserId | null;
  /** What it says; absent for kinds of message that carry no text. */
  text: string | null;
  /** Whether `text` is only the beginning, as it is in events with long texts. */
  truncated?: boolean;
  /** The files that came with it; each is read by its place. */
  attachments: Attachment[];
  /** How far it has come; always `delivered` for inbound ones. */
  status: DeliveryStatus;
  /** Why it failed, in the channel's words, if it did. */
  error: string | null;
  /** When it was written, by the channel's clock for inbound ones. */
  createdAt: string;
  /** When the channel accepted it, for outbound ones. */
  sentAt: string | null;
  /** When it was on the customer's device. */
  deliveredAt: string | null;
  /** When the customer saw it. */
  readAt: string | null;
  /** When it was given up. */
  failedAt: string | null;
}

/** One message of a conversation. */
export type MessageId = string;

/** An agent's note to other agents beside a conversation. Customers never see it. */
export interface Note {
  /** The note, as `/v1/conversations/{id}/notes` lists it. */
  id: NoteId;
  /** The conversation that the note is about. */
  conversationId: ConversationId;
  /** The user who wrote it. */
  authorId: UserId;
  /** What it says. */
  text: string;
  /** When it was written. */
  createdAt: string;
  /** When it was last changed. */
  updatedAt: string;
}

/** A note of an agent beside a conversation. */
export type NoteId = string;

/** The track that a media section of an offer carries. */
export interface OfferedTrack {
  /** The media section of the offer. */
  mid: string;
  /** The track's own, as in the list of its participant's. */
  trackId: TrackId;
  /** The device that publishes it. */
  connectionId: ConnectionId;
  /** Sound or picture. */
  kind: TrackKind;
  /** Where it comes from. */
  source: TrackSource;
}

/** A connected user. */
export interface OnlineUser {
  /** The user who has at least one connection. */
  userId: UserId;
  /** The user's name. */
  name: string;
  /** How they are. */
  status: PresenceStatus;
}

/** A message between two peers (W3C's `RTCSessionDescription` and `RTCIceCandidate`). */
export type PeerSignal = { sdp: string; tracks?: DescribedTrack[]; kind: 'offer' } | { sdp: string; kind: 'answer' } | { kind: 'restart' } | { candidate: string; sdpMid?: string | null; sdpMLineIndex?: number | null; kind: 'candidate' };

/** Event `presence.changed`: what changed within a moment. */
export interface PresenceChanged {
  /** Users who have their first connection, and those of the others whose status is another. */
  online: OnlineUser[];
  /** Users who have lost their last connection. */
  offline: UserId[];
  /** How many are connected now. */
  onlineCount: number;
  /** Whether the lists are everything that changed. False: they are empty, and whoever shows who is connected subscribes again, at leisure. */
  complete: boolean;
}

/** Result of `presence.subscribe`. */
export interface PresenceOnline {
  /** Users with at least one connection, in the order of their ids, at most `USERS_MAX`. */
  users: OnlineUser[];
  /** How many there are. */
  onlineCount: number;
  /** Whether there are more: ask again with `after` = the `userId` of the last. Changes follow from the first answer on. */
  more: boolean;
}

/** What somebody says of themselves on one device. */
export type PresenceSaid = 'online' | 'away' | 'busy';

/** Parameters of `presence.set`. */
export interface PresenceSet {
  /** How it is at this device, until it says otherwise or its connection ends. */
  status: PresenceSaid;
}

/** How a connected user is, from all of their devices. */
export type PresenceStatus = 'online' | 'away' | 'busy' | 'inCall';

/** Parameters of `presence.subscribe`. */
export interface PresenceSubscribe {
  /** Only users after this one, in the order of their ids; absent: from the first on. */
  after?: UserId | null;
}

/** How urgent a conversation is. The order is urgency. */
export type Priority = 'none' | 'low' | 'medium' | 'high' | 'urgent';

/** A track to publish. */
export interface PublishTrack {
  /** Through the server: the media section of the offer that carries it. */
  mid?: string | null;
  /** Where it comes from. */
  source: TrackSource;
  /** Whether nothing is sent on it for now. Left out, it is as it was before, and `false` of a new track. */
  muted?: boolean | null;
}

/** A track that is published. */
export interface PublishedTrack {
  /** Through the server: the media section that carries it. */
  mid?: string | null;
  /** The track's own. */
  trackId: TrackId;
  /** Where it comes from. */
  source: TrackSource;
}

/** The id by which a client tells answers apart. Strings are limited to `TEXT_MAX`. */
export type RequestId = number | string;

/** A user's role, from most permissions to least. The order is the hierarchy. */
export type Role = 'AGENT_USER' | 'USER' | 'ADMIN';

/** A file of a message. Those who may read the room get a link to it from `GET /v1/rooms/{id}/attachments/{attachment}`. */
export interface RoomAttachment {
  /** The file, in whichever message and on whichever page. */
  id: AttachmentId;
  /** What its sender calls it: one visible line, without a path. */
  fileName: string;
  /** What it is by its content, as a media type; `application/octet-stream` if that is not known. */
  mimeType: string;
  /** How many bytes it has. */
  sizeBytes: number;
  /** A picture's width in pixels; absent if it is no picture, or cannot be read. */
  width?: number | null;
  /** A picture's height in pixels; absent if it is no picture, or cannot be read. */
  height?: number | null;
  /** Whether there is a smaller picture of it, as JPEG. */
  hasThumbnail: boolean;
}

/** A message that has changed since somebody was there last. */
export interface RoomChangedMessage {
  /** The number of its latest change; who has heard of that meanwhile has it newer. */
  seq: number;
  /** The message as it is now. */
  message: RoomMessage;
}

/** What a room keeps of what is said in it: its delivery class. */
export type RoomClass = 'ephemeral' | 'recent' | 'durable';

/** Parameters of `room.delete`. */
export interface RoomDelete {
  /** A room that the caller has joined. */
  roomId: RoomId;
  /** The number of the message. */
  messageSeq: number;
}

/** Parameters of `room.edit`. */
export interface RoomEdit {
  /** A room that the caller has joined. */
  roomId: RoomId;
  /** The number of the message, which the caller has sent. */
  messageSeq: number;
  /** What it says from now on, under the rules of `room.send`; its attachments stay. The text before is kept nowhere. */
  text: string;
}

/** Event `room.event`: something that the account's own back end tells everybody present, or a client the others. */
export interface RoomEventPublished {
  /** The room that it is for. */
  roomId: RoomId;
  /** The name of the event, agreed between back end and clients. */
  name: string;
  /** What was sent with it, passed on as it is. */
  data: unknown;
  /** The device that it is from; absent if it is from the account's back end. */
  from?: RoomPublisher | null;
  /** Its number in a recent room's history; absent if it is kept nowhere. */
  seq?: number | null;
  /** The history that the number is of. */
  epoch?: string | null;
}

/** Result of `room.history`. */
export interface RoomHistoryRead {
  /** Oldest first; as many of those nearest to `before` as fit. */
  messages: RoomMessage[];
  /** Whether there are older ones: ask again with `before` = the `seq` of the first. */
  more: boolean;
}

/** A place where people meet: chat, presence, calls. */
export type RoomId = string;

/** Parameters of `room.join`: either `roomId` or `name`. */
export interface RoomJoin {
  /** The durable room to enter. */
  roomId?: RoomId | null;
  /** The name of the room to enter: 1 to 255 bytes of visible text, in Unicode's normalization form C or brought into it. Each class has names of its own. */
  name?: string | null;
  /** What the named room is to keep of what is said in it; durable if absent. */
  class?: RoomClass | null;
  /** The last number that this client has seen, of a message or of a change, to be sent exactly what it missed; absent: the latest messages. To go on after an answer with `more`, its `seq`. In a recent room that of an event, with its `epoch`. */
  after?: number | null;
  /** The history that `after` is a number of; in recent rooms only. */
  epoch?: string | null;
  /** Whether the answer is to say how far the user has read. */
  unread?: boolean;
}

/** Result of `room.join`. */
export interface RoomJoined {
  /** The room that was entered. */
  roomId: RoomId;
  /** The room's name. */
  name: string;
  /** What the room keeps of what is said in it. */
  class: RoomClass;
  /** The first of those present, in the order of their `connectionId`; `room.members` has the rest. */
  members: Member[];
  /** How many are present, this device included. */
  memberCount: number;
  /** With `after`: what came since, oldest first. Without: the latest, oldest first. */
  messages: RoomMessage[];
  /** With `after`: messages from before that have changed since, each once. */
  changed?: RoomChangedMessage[];
  /** In a recent room with `after` and `epoch`: the events that came since, oldest first. Without: the latest. */
  events?: RoomKeptEvent[];
  /** The number to go on from: of the last that is in this answer if there is `more`; else the room's latest, and events continue from here. 0 in an ephemeral room. */
  seq: number;
  /** The history of a recent room that `seq` is a number of. Absent while it cannot be reached: `connection.reload` says when it can. */
  epoch?: string | null;
  /** Whether more was missed than one answer holds. This device is not in the room yet, or stays in it as it was before: ask again with `after` = `seq`. `members` and `media` come with the last answer. */
  more: boolean;
  /** Whether `messages` or `events` continue exactly at `after`. False: too much was missed, they are the latest, and older messages must be read again. */
  recovered: boolean;
  /** The running media session, if there is one. */
  media: MediaState | null;
  /** How far the user has read, if that was asked for. */
  read?: RoomUnread | null;
}

/** An event that a recent room keeps for a while. */
export interface RoomKeptEvent {
  /** Its number: 1, 2, 3, … within one epoch of the room's history. */
  seq: number;
  /** The name of the event. */
  name: string;
  /** What goes with it. */
  data: unknown;
  /** Whose it is. */
  from: RoomPublisher;
}

/** Parameters of `room.leave`. */
export interface RoomLeave {
  /** The room to leave. */
  roomId: RoomId;
}

/** Event `room.memberChanged`: who belongs to the room, whether they are in it now or not. */
export interface RoomMemberChanged {
  /** The room. */
  roomId: RoomId;
  /** Whose membership has changed. */
  userId: UserId;
  /** What they are in it from now on; null if they are no member any more. */
  role: RoomMemberRole | null;
}

/** Event `room.memberJoined`. */
export interface RoomMemberJoined {
  /** The room that was entered. */
  roomId: RoomId;
  /** The device that entered, and its user. */
  member: Member;
}

/** Event `room.memberLeft`. */
export interface RoomMemberLeft {
  /** The room that was left. */
  roomId: RoomId;
  /** The device that left. */
  connectionId: ConnectionId;
  /** The device's user, who may still be there with another device. */
  userId: UserId;
}

/** What a member is in a room, from least to most. The order is the hierarchy. */
export type RoomMemberRole = 'member' | 'moderator' | 'owner';

/** Result of `room.members`. */
export interface RoomMembers {
  /** In the order of their `connectionId`, at most `MEMBERS_MAX`. */
  members: Member[];
  /** How many are present, this device included. */
  memberCount: number;
  /** Whether there are more: ask again with `after` = the `connectionId` of the last. */
  more: boolean;
}

/** Event `room.membersChanged`: devices entered or left a room that more than `TOLD_SINGLY_MAX` are in, or were a moment ago. At most four times a second, and less often among thousands, down to every two seconds. Who they were is told to those who follow the page that they are on. */
export interface RoomMembersChanged {
  /** The room that devices entered or left. */
  roomId: RoomId;
  /** How many are present now. */
  memberCount: number;
}

/** One message, durable and numbered. */
export interface RoomMessage {
  /** The message, on whichever page or connection it is read. */
  id: RoomMessageId;
  /** Its number in the room, which it keeps when it changes. Messages and changes of them are numbered together: 1, 2, 3, … without gaps. */
  seq: number;
  /** The user or guest who sent it. */
  userId: UserId;
  /** The sender's name at that time. */
  name: string;
  /** The text as it was sent or last edited; empty if it was deleted, or has attachments alone. */
  text: string;
  /** When it was stored. */
  createdAt: string;
  /** The number of the message that it answers, which may have been deleted; absent if it answers none. */
  replyTo?: number | null;
  /** Users whose attention it wants; absent if nobody's. */
  mentions?: UserId[];
  /** Its files, in the order in which they were sent; absent if it has none. At most `ATTACHMENTS_MAX`. */
  attachments?: RoomAttachment[];
  /** When it was last edited; absent if it never was. */
  editedAt?: string | null;
  /** When it was deleted, and text, mentions, attachments and reactions with it; absent if it was not. */
  deletedAt?: string | null;
  /** By emoji, the one that was used first before the others; absent if nobody has reacted. At most `REACTIONS_MAX`. */
  reactions?: RoomReaction[];
}

/** Event `room.messageChanged`. */
export interface RoomMessageChanged {
  /** The room that it is in. */
  roomId: RoomId;
  /** The number of the change. */
  seq: number;
  /** The message, which has a number of its own, as it is now: what changed it later may be in it already. */
  message: RoomMessage;
}

/** One message in a room. */
export type RoomMessageId = string;

/** Event `room.message`. */
export interface RoomMessagePosted {
  /** The room that it was sent to. */
  roomId: RoomId;
  /** The message as it was stored. */
  message: RoomMessage;
}

/** Event `room.pageChanged`: what became of the page of members that this device follows. It is always the first of those after `after`: who leaves it makes place for the next. */
export interface RoomPageChanged {
  /** The room whose members they are. */
  roomId: RoomId;
  /** The page that was asked for, by its `after`; absent: the first. */
  after?: ConnectionId | null;
  /** Who is on it and was not, in the order of their `connectionId`. */
  joined: Member[];
  /** The devices that are on it no longer; they may be on another page. */
  left: ConnectionId[];
  /** Whether there are more after it. */
  more: boolean;
}

/** Result of `room.publish`. */
export interface RoomPlaced {
  /** Its number in a recent room's history. */
  seq?: number | null;
  /** The history that the number is of. */
  epoch?: string | null;
}

/** Parameters of `room.publish`. */
export interface RoomPublish {
  /** A room that the caller has joined. */
  roomId: RoomId;
  /** The name of the event, agreed between clients: 1 to `EVENT_NAME_CHARS_MAX` characters. */
  name: string;
  /** What goes with it: any JSON of at most `EVENT_DATA_BYTES_MAX`. */
  data?: unknown;
}

/** The device that has published an event. */
export interface RoomPublisher {
  /** The connection that it came by. */
  connectionId: ConnectionId;
  /** The device's user. */
  userId: UserId;
  /** The name of the device's user. */
  name: string;
}

/** Parameters of `room.react`. */
export interface RoomReact {
  /** A room that the caller has joined. */
  roomId: RoomId;
  /** The number of the message. */
  messageSeq: number;
  /** One emoji, of at most `EMOJI_BYTES_MAX` bytes. */
  emoji: string;
  /** Whether the user reacts with it, or takes that back. */
  on: boolean;
}

/** Those who have reacted to a message with the same emoji. */
export interface RoomReaction {
  /** The emoji. */
  emoji: string;
  /** How many they are. */
  count: number;
  /** Some of them: at most `REACTORS_MAX`. */
  userIds: UserId[];
}

/** Parameters of `room.read`. */
export interface RoomRead {
  /** A room that the caller has joined. */
  roomId: RoomId;
  /** The number up to which the user has read. One that is lower than another that was said before changes nothing. */
  seq: number;
}

/** Parameters of `room.history`. */
export interface RoomReadHistory {
  /** The room to read; it need not be joined. */
  roomId: RoomId;
  /** Only messages before this number; absent: the latest. */
  before?: number | null;
  /** How many, at most `MESSAGES_MAX`, 50 if absent. */
  limit?: number | null;
}

/** Parameters of `room.members`. */
export interface RoomReadMembers {
  /** A room that the caller has joined. */
  roomId: RoomId;
  /** Only members after this one, in the order of their ids; absent: from the first on. */
  after?: ConnectionId | null;
  /** Whether the page stays open: `room.pageChanged` tells who comes onto it and who goes, until another one of the room is opened, `room.unfollowMembers`, or the room is left. */
  follow?: boolean;
}

/** Result of `room.read`. */
export interface RoomReadPosition {
  /** The number up to which the user has read, on whichever device. */
  seq: number;
}

/** Event `room.read`. */
export interface RoomReadTo {
  /** The room in which somebody has read. */
  roomId: RoomId;
  /** Who: the user of this device, on another one; in a room of at most `READERS_TOLD_MAX` anybody. */
  userId: UserId;
  /** The number up to which they have. */
  seq: number;
}

/** Why a device is no longer in a room that it has not left. */
export type RoomRemovalReason = 'removed' | 'banned' | 'closed' | 'deleted';

/** Event `room.removed`: this device is in the room no longer. */
export interface RoomRemoved {
  /** The room that this device was in. */
  roomId: RoomId;
  /** Whether the device was removed or banned, or the room closed or deleted. */
  reason: RoomRemovalReason;
}

/** Event `room.renamed`. */
export interface RoomRenamed {
  /** The room. */
  roomId: RoomId;
  /** What it is called from now on. */
  name: string;
}

/** Event `room.restricted`: somebody was muted or banned, or is no longer. */
export interface RoomRestricted {
  /** The room. */
  roomId: RoomId;
  /** The user or guest. */
  userId: UserId;
  /** Whether they may not say anything. */
  muted: boolean;
  /** When that ends by itself; absent if it does not, or they are not muted. */
  mutedUntil?: string | null;
  /** Whether they may not enter. */
  banned: boolean;
}

/** Result of `room.edit`, `room.delete` and `room.react`: the change is stored, or there was nothing to change. */
export interface RoomRevised {
  /** The message as everybody in the room sees it. */
  message: RoomMessage;
}

/** Parameters of `room.send`. */
export interface RoomSend {
  /** A room that the caller has joined. */
  roomId: RoomId;
  /** Chosen by the client, once per message: sent again after a lost answer, the message is stored once and the same answer comes back. */
  clientId: ClientMessageId;
  /** The text: at most `TEXT_BYTES_MAX`, no control characters but line feed and tab. Empty only if there are attachments. */
  text: string;
  /** The number of the message in this room that it answers; absent if it answers none. */
  replyTo?: number | null;
  /** Users whose attention it wants, at most `MENTIONS_MAX`. Those who cannot enter the room, and those who are no users of the account, are left out. */
  mentions?: UserId[];
  /** Files that the caller has uploaded to this room and not sent yet (`POST /v1/rooms/{id}/attachments`), at most `ATTACHMENTS_MAX`, each once. */
  attachments?: AttachmentId[];
}

/** Result of `room.send`: the message is stored. */
export interface RoomSent {
  /** The message as everybody in the room sees it. */
  message: RoomMessage;
}

/** Parameters of `room.typing`. */
export interface RoomSetTyping {
  /** A room that the caller has joined. */
  roomId: RoomId;
  /** Whether the user is typing now. Repeat while it lasts; six seconds later others are told that it is over. */
  typing: boolean;
}

/** Event `room.typing`. */
export interface RoomTypingChanged {
  /** The room in which somebody is typing. */
  roomId: RoomId;
  /** The device on which somebody is typing. */
  connectionId: ConnectionId;
  /** The device's user. */
  userId: UserId;
  /** Whether it is typing now. */
  typing: boolean;
}

/** Parameters of `room.unfollowMembers`. */
export interface RoomUnfollowMembers {
  /** A room of which a page may be open. */
  roomId: RoomId;
}

/** How far a user has read, and what has come since. */
export interface RoomUnread {
  /** The number up to which they have read; 0 if they have never said so. */
  seq: number;
  /** Messages of others since then that are not deleted: `UNREAD_MAX` if there are as many or more. Who has never read in a room that is for all has nothing unread there. */
  unread: number;
  /** Messages since then that mention them, counted in the same way. */
  mentions: number;
}

/** A room, and who is in its media session. */
export interface RoomsCall {
  /** The room. */
  roomId: RoomId;
  /** How many users are in its media session, guests among them; 0 if it is over, or not to be seen any more. */
  participantCount: number;
  /** Those who came first, at most `PARTICIPANTS_NAMED_MAX`. */
  participants: RoomsCallParticipant[];
}

/** Somebody who is in a room's media session. */
export interface RoomsCallParticipant {
  /** The user, or guest. */
  userId: UserId;
  /** Their name. */
  name: string;
}

/** Event `rooms.callsChanged`: the calls that go on, after `rooms.subscribe`, and then what has changed within a moment, each room at most once a second. */
export interface RoomsCallsChanged {
  /** The rooms, at most `ROOMS_TOLD_MAX`. */
  rooms: RoomsCall[];
}

/** Parameters of `rooms.subscribe`: none. */
export type RoomsSubscribe = Record<string, unknown>;

/** Event `rooms.unreadChanged`: what has changed within a moment, each room at most once a second. */
export interface RoomsUnreadChanged {
  /** The rooms, at most `ROOMS_TOLD_MAX`. */
  rooms: RoomsUnreadRoom[];
}

/** A room, and what is unread in it. */
export interface RoomsUnreadRoom {
  /** The room. */
  roomId: RoomId;
  /** The number of its latest message or change of one when this was counted. What was counted at a lower number, or for a lower `read.seq`, is out of date. */
  lastSeq: number;
  /** What is unread, as `GET /v1/rooms` says it. */
  read: RoomUnread;
}

/** Parameters of `rooms.unsubscribe`: none. */
export type RoomsUnsubscribe = Record<string, unknown>;

/** A row of a table that clients may follow; the table stands beside it. */
export type RowId = string;

/** A numbered sequence of events. */
export type Sequence = { roomId: RoomId; kind: 'room' } | { kind: 'inbox' } | { feed: string; kind: 'feed' };

/** Event `inbox.event`: what happened, and its place in the account's stream. */
export interface SequencedInboxEvent {
  /** 1, 2, 3, … without gaps, per account. */
  seq: number;
  /** What happened. */
  event: InboxEvent;
}

/** A team of agents. */
export type TeamId = string;

/** One track that a participant of a media session publishes. */
export type TrackId = string;

/** What kind of track. */
export type TrackKind = 'audio' | 'video';

/** A layer of a track. */
export interface TrackLayer {
  /** Which of the encodings in which its publisher sends it, 0 being the smallest. */
  encoding: number;
  /** The width of its pictures in pixels, where that is known. */
  width?: number | null;
  /** Their height, likewise. */
  height?: number | null;
}

/** Whether something is sent on a track for now. */
export interface TrackMute {
  /** Which of the participant's tracks. */
  source: TrackSource;
  /** Whether nothing is sent on it for now. */
  muted: boolean;
}

/** What goes first where a network does not carry everything. */
export type TrackPriority = 'low' | 'normal' | 'high';

/** What a participant wishes of the tracks that it does not name, and of how many at a time. */
export interface TrackSelection {
  /** Whether tracks are sent of which it has said nothing: else it subscribes by hand, and those alone that it has named are. Left out, they are. */
  autoSubscribe?: boolean;
  /** So many pictures are sent at a time at most: those that it has pinned, screens, and who speaks or spoke last. Left out, as many as there are. */
  lastN?: number | null;
}

/** Where a track comes from. A participant sends one track of each at most. */
export type TrackSource = 'microphone' | 'camera' | 'screen' | 'screenAudio';

/** What a participant gets of a track. */
export interface TrackSubscription {
  /** The track's own. */
  trackId: TrackId;
  /** What goes out of it; nothing while it is paused, or before it begins. */
  layer?: TrackLayer | null;
  /** Why it is no more. */
  reason: LayerReason;
}

/** What a participant wishes of a track that it receives. */
export interface TrackWish {
  /** The track's own, as in the list of its participant's. */
  trackId: TrackId;
  /** Whether it is wanted at all. Left out, it is. */
  enabled?: boolean;
  /** How wide it is shown, in pixels of the screen (not those of CSS). 0: it is shown nowhere, and nothing is sent. Left out, like the height, it is sent as for any size. */
  width?: number | null;
  /** How high it is shown, likewise. */
  height?: number | null;
  /** What goes first where the network does not carry everything. */
  priority?: TrackPriority;
}

/** A person who signs in: an agent, an administrator, a member of staff. */
export type UserId = string;

/** Whether anybody wants an encoding. */
export interface WantedEncoding {
  /** Its name in the publisher's description (RFC 8851). */
  rid: string;
  /** Somebody is to get it. */
  wanted: boolean;
}

/** What a client may ask over `/v1/ws`, by method. */
export interface Methods {
  /** Says who is connecting; must be the first request. */
  'connection.open': { params: ConnectionOpen; result: ConnectionOpened };
  /** Replaces the token before it expires. */
  'connection.refresh': { params: ConnectionRefresh; result: ConnectionRefreshed };
  /** Enters a room, by its id or by a name. A room of a name is created by the first who joins it, where the account allows that. */
  'room.join': { params: RoomJoin; result: RoomJoined };
  /** Leaves a room. */
  'room.leave': { params: RoomLeave; result: Done };
  /** Sends a message to a room; answered once it is stored. */
  'room.send': { params: RoomSend; result: RoomSent };
  /** Publishes an event in a room. In a recent one it is answered once it is kept, and comes back as an event too; in others it is kept nowhere, and those get it who are there. */
  'room.publish': { params: RoomPublish; result: RoomPlaced };
  /** Changes the text of a message that the caller has sent; answered once it is stored. */
  'room.edit': { params: RoomEdit; result: RoomRevised };
  /** Deletes a message of the caller's, or, as a moderator or owner of the room or with `rooms.manage`, of anybody; its text is gone once this is answered. */
  'room.delete': { params: RoomDelete; result: RoomRevised };
  /** Reacts to a message with an emoji, or takes that back; guests need `messages.read` too. */
  'room.react': { params: RoomReact; result: RoomRevised };
  /** Says how far the user has read; answered once it is stored. */
  'room.read': { params: RoomRead; result: RoomReadPosition };
  /** Tells the others that the user is, or is no longer, typing. */
  'room.typing': { params: RoomSetTyping; result: Done };
  /** Reads older messages. */
  'room.history': { params: RoomReadHistory; result: RoomHistoryRead };
  /** Reads who is in a room, page by page, and follows one of the pages. */
  'room.members': { params: RoomReadMembers; result: RoomMembers };
  /** Stops following a page of members. */
  'room.unfollowMembers': { params: RoomUnfollowMembers; result: Done };
  /** Follows what is unread in every room that the user sees, and who is in a call where. Whoever shows the list reads it (`GET /v1/rooms`) once this is answered; the calls that go on are told then. */
  'rooms.subscribe': { params: RoomsSubscribe; result: Done };
  /** Stops following the rooms. */
  'rooms.unsubscribe': { params: RoomsUnsubscribe; result: Done };
  /** Lists who of the account is connected, and follows changes. */
  'presence.subscribe': { params: PresenceSubscribe; result: PresenceOnline };
  /** Says whether the user is at this device, or does not want to be disturbed. */
  'presence.set': { params: PresenceSet; result: Done };
  /** Rings a user's devices. */
  'call.ring': { params: CallRing; result: CallRinging };
  /** Picks up. */
  'call.accept': { params: CallAccept; result: CallAccepted };
  /** Declines on behalf of all of the user's devices. */
  'call.reject': { params: CallReject; result: Done };
  /** Takes back a call that nobody answered yet. */
  'call.cancel': { params: CallCancel; result: Done };
  /** Ends a call that was answered. */
  'call.hangUp': { params: CallHangUp; result: Done };
  /** Rings another user into the call that this device is in. */
  'call.invite': { params: CallInvite; result: CallInvited };
  /** Hands an answered call over to another user: rings them, and leaves it once they pick up. */
  'call.transfer': { params: CallTransfer; result: CallInvited };
  /** Takes back an invitation: rings one user no more, while others ring on. */
  'call.withdraw': { params: CallWithdraw; result: Done };
  /** Hands an answered call over to another room: all others are told to go there, and the call is over for each who has. */
  'call.transferToRoom': { params: CallTransferToRoom; result: CallTransferStarted };
  /** Says whether this device is in the room to which the call is handed over. */
  'call.answerTransfer': { params: CallAnswerTransfer; result: Done };
  /** Goes on with a call after a reconnect, by this connection instead of the one before. */
  'call.resume': { params: CallResume; result: CallResumed };
  /** Enters the media session of a room that the caller has joined. */
  'media.join': { params: MediaJoin; result: MediaJoined };
  /** Says what of the device's own state has changed (muted, camera off, sharing, hand raised, speaking, on hold), and which of its tracks are muted. */
  'media.update': { params: MediaUpdate; result: Done };
  /** Leaves the media session. */
  'media.leave': { params: MediaLeave; result: Done };
  /** Peer to peer: passes an offer, answer or candidate to another participant. */
  'media.signal': { params: MediaSignal; result: Done };
  /** Says which tracks this participant sends; through the server it offers them. */
  'media.publish': { params: MediaPublish; result: MediaPublished };
  /** Through the server: answers a `media.offer` event. */
  'media.answer': { params: MediaAnswer; result: Done };
  /** Through the server: says of tracks that others send whether this participant wants them, how large it shows them, and which go first, so that it is sent no more than it shows. */
  'media.subscribe': { params: MediaSubscribe; result: Done };
  /** Gives out fresh STUN and TURN servers, for a device whose network has changed; what goes through the server is offered anew with other ICE credentials. */
  'media.restartIce': { params: MediaRestartIce; result: MediaIceRestarting };
  /** Mutes a track of another participant, as a moderator or owner of the room or with `rooms.manage`. */
  'media.mute': { params: MediaMute; result: Done };
  /** Takes another participant out of the media session, as a moderator or owner of the room or with `rooms.manage`. */
  'media.remove': { params: MediaRemove; result: Done };
  /** Lets nobody else into the media session, or anybody again, as a moderator or owner of the room or with `rooms.manage`. */
  'media.lock': { params: MediaLock; result: Done };
  /** Follows the account's inbox. */
  'inbox.subscribe': { params: InboxSubscribe; result: InboxSubscribed };
  /** Stops following the inbox. */
  'inbox.unsubscribe': { params: InboxUnsubscribe; result: Done };
  /** Reads the user's own mailbox, and follows it: mentions and missed calls. */
  'mailbox.subscribe': { params: MailboxSubscribe; result: MailboxSubscribed };
  /** Stops following the mailbox. */
  'mailbox.unsubscribe': { params: MailboxUnsubscribe; result: Done };
  /** Says up to where the user has seen their mailbox, for all of their devices. */
  'mailbox.acknowledge': { params: MailboxAcknowledge; result: MailboxAcknowledged };
  /** Follows the rows of a table; each table needs its own permission. */
  'feed.subscribe': { params: FeedSubscribe; result: FeedSubscribed };
  /** Stops following rows. */
  'feed.unsubscribe': { params: FeedUnsubscribe; result: Done };
}

/** What the server pushes over `/v1/ws`, by event. */
export interface Events {
  /** A message was sent to a room. */
  'room.message': RoomMessagePosted;
  /** A message of a room was edited, deleted or reacted to. */
  'room.messageChanged': RoomMessageChanged;
  /** Somebody has read so far: the user on another device, or another member of a small room. */
  'room.read': RoomReadTo;
  /** A device entered a room. */
  'room.memberJoined': RoomMemberJoined;
  /** A device left a room. */
  'room.memberLeft': RoomMemberLeft;
  /** How many are in a room that many are in, after some entered or left. */
  'room.membersChanged': RoomMembersChanged;
  /** Who came onto the page of members that this device follows, and who went. */
  'room.pageChanged': RoomPageChanged;
  /** The room is called otherwise. */
  'room.renamed': RoomRenamed;
  /** Somebody belongs to the room, or does no longer, or is something else in it. */
  'room.memberChanged': RoomMemberChanged;
  /** Somebody was muted or banned in the room, or is no longer. */
  'room.restricted': RoomRestricted;
  /** A device started or stopped typing, or has not repeated for six seconds that it types. */
  'room.typing': RoomTypingChanged;
  /** This device is in a room no longer, though it has not left. */
  'room.removed': RoomRemoved;
  /** A client has published something in a room, or the account's own back end tells everybody in it something (`POST /v1/rooms/{id}/events`). */
  'room.event': RoomEventPublished;
  /** What is unread in rooms has changed, joined or not. */
  'rooms.unreadChanged': RoomsUnreadChanged;
  /** Who is in a call in rooms has changed, joined or not. */
  'rooms.callsChanged': RoomsCallsChanged;
  /** Users of the account connected their first device or lost their last, or are away, busy, in a call, or not any more. */
  'presence.changed': PresenceChanged;
  /** A call for this device: ring for `ringTimeMs`. */
  'call.incoming': CallIncoming;
  /** To the caller's device: the call was picked up. */
  'call.answered': CallAnswered;
  /** The other side of a call goes on by another connection. */
  'call.resumed': CallDeviceMoved;
  /** Who is part of a call of more than two: somebody is rung, has picked up, or is out of it. */
  'call.changed': CallChanged;
  /** The call is handed over to another room: go there. */
  'call.transferring': CallTransferring;
  /** Somebody has not gone to the room to which this device hands the call over. */
  'call.transferFailed': CallTransferFailed;
  /** The call is over for this device. */
  'call.ended': CallEnded;
  /** Who is in a room's media session, and how media travels. */
  'media.changed': MediaChanged;
  /** A participant of a media session is muted, publishes a track, raises a hand, speaks, or does no longer. */
  'media.updated': MediaUpdated;
  /** Peer to peer: an offer, answer or candidate from another participant. */
  'media.signal': MediaSignalled;
  /** Through the server: all tracks that this participant may receive. */
  'media.offer': MediaOffered;
  /** Through the server: what this participant gets of each track, and why it is no more. */
  'media.subscriptions': MediaSubscriptions;
  /** Through the server: which encodings of a track that this participant publishes anybody wants. It need not send the others. */
  'media.layers': MediaLayers;
  /** A moderator has muted a track of this device. */
  'media.muted': MediaMuted;
  /** A moderator has taken this device out of the media session. */
  'media.removed': MediaRemoved;
  /** The media node of the session has died: join again at once. */
  'media.lost': MediaLost;
  /** Another media node has the session now: set up transports to it. */
  'media.moved': MediaMoved;
  /** A numbered event of the account's inbox. */
  'inbox.event': SequencedInboxEvent;
  /** The user was mentioned, or has missed a call. */
  'mailbox.entry': MailboxEntry;
  /** One of the user's devices has seen the mailbox up to this number. */
  'mailbox.acknowledged': MailboxAcknowledged;
  /** A row of a table that this connection follows has changed. */
  'feed.changed': FeedChanged;
  /** A newer token does not allow this connection to follow a table any more. */
  'feed.ended': FeedEnded;
  /** A sequence lost more than can be replayed: read it again from the store. */
  'connection.reload': ConnectionReload;
  /** The server is about to close this connection: reconnect after `delayMs`. */
  'connection.moving': ConnectionMoving;
}
