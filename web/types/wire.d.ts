// What the server says, as far as the console reads it: REST resources and events of the socket.

declare namespace Wire {
  interface Page<Item> { items: Item[]; next?: string | null }

  interface User { id: string; name: string; email: string | null; role: string; permissions: string[]; deactivatedAt?: string | null }
  interface SignedIn { accessToken: string; refreshToken: string; expiresAt: string; user: User }

  interface Room { id: string; name: string }
  interface Member { connectionId: string; userId: string; name: string }
  interface RoomMessage { id: string; seq: number; userId: string; name: string; text: string; createdAt: string }

  type Status = 'open' | 'pending' | 'snoozed' | 'resolved';
  type Delivery = 'queued' | 'sent' | 'failed' | 'delivered' | 'read';
  interface Conversation {
    id: string; status: Status; contact: { id: string; name: string }; channelKind: string; assigneeId?: string | null;
    preview: string; unread: number; lastMessageAt: string;
  }
  interface Attachment { mimeType: string; fileName?: string | null }
  interface Message {
    id: string; conversationId: string; direction: 'inbound' | 'outbound'; authorId?: string | null; text: string | null;
    truncated?: boolean; attachments?: Attachment[]; createdAt: string; status: Delivery; error?: string | null;
  }
  /** One of the members beside `type` is there. */
  interface InboxEvent { type: string; conversationId?: string; conversation?: Conversation; message?: Message }

  interface PresenceChange { online: { userId: string; name: string }[]; offline: string[]; complete: boolean }

  type Route = 'peerToPeer' | 'server';
  interface Participant { connectionId: string; userId: string; name: string }
  interface MediaState { route: Route; participants: Participant[]; revision: number }
  interface Signal { kind: 'offer' | 'answer' | 'candidate'; sdp?: string; candidate?: string; sdpMid?: string | null; sdpMLineIndex?: number | null }
  interface Offer { revision: number; sdp: string; tracks: { mid: string; connectionId: string; kind: 'audio' | 'video' }[] }

  type Ending = 'hungUp' | 'rejected' | 'cancelled' | 'missed' | 'busy' | 'answeredElsewhere' | 'lost';
}
