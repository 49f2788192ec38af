// The parts of the console, as they know each other.

declare namespace App {
  interface Store<State> {
    get(): State;
    set(patch: Partial<State>): void;
    subscribe(listener: (state: State) => unknown): () => void;
  }

  type Api = ReturnType<typeof import('../js/api.js').createApi>;
  type Socket = ReturnType<typeof import('../js/socket.js').createSocket>;
  type Notices = ReturnType<typeof import('../js/notices.js').createNotices>;
  type Rooms = ReturnType<typeof import('../js/model/rooms.js').createRooms>;
  type Calls = ReturnType<typeof import('../js/model/calls.js').createCalls>;
  type Inbox = ReturnType<typeof import('../js/model/inbox.js').createInbox>;
  type Presence = ReturnType<typeof import('../js/model/presence.js').createPresence>;
  type LiveRoom = import('../js/model/live-room.js').LiveRoom;

  /** What every view may use. */
  interface Parts {
    api: Api; user: Wire.User; socket: Socket; notices: Notices; rooms: Rooms; calls: Calls; inbox: Inbox; presence: Presence;
  }

  /** A refusal of the server, or what stands for one. */
  interface Problem { code?: string; message?: string; status?: number }

  /** Something to see, and what is to be done when it comes and goes. */
  interface View { element: HTMLElement; leave?: () => void; entered?: () => void }

  interface Identity { user: Wire.User | null; ready: boolean; notice: string | null }

  interface Ringing {
    callId: string | null; roomId: string; userId: string; name: string; media: 'audio' | 'video';
    /** The connection by which this device is part of it. */
    device: string | null;
  }
  type Other = import('../client/src/media/session.js').Other;
  interface Active {
    roomId: string; startedAt: number; others: Other[]; muted: boolean; connected: boolean; route: Wire.Route;
    self: string | null; camera: MediaStreamTrack | null; hasMicrophone: boolean; hasCamera: boolean; said: Wire.MediaParticipantState;
    isRung: boolean; ringing: Wire.CallParty[];
  }
  interface CallState { incoming: (Ringing & { callId: string }) | null; outgoing: Ringing | null; active: Active | null }

  interface InboxState {
    status: 'loading' | 'ready' | 'failed'; error: Problem | null; known: Map<string, Wire.Conversation>;
    filter: Wire.Status; next: Partial<Record<Wire.Status, string | null>>;
  }
  interface PendingReply { key: string; text: string; at: string; error: Problem | null }
  interface Thread {
    status: 'loading' | 'ready' | 'failed'; messages: Wire.Message[]; pending: PendingReply[]; next: string | null; error: Problem | null;
  }

  interface PendingMessage {
    clientId: string; text: string; replyTo?: number; mentions: string[]; attachments: Wire.RoomAttachment[]; at: string; error: Problem | null; storedAs: string | null;
  }
  interface RoomState {
    status: 'joining' | 'joined' | 'failed'; name: string; error: Problem | null; members: Wire.Member[]; memberCount: number;
    membersComplete: boolean; membersPage: { after: string | null; more: boolean } | null;
    messages: Wire.RoomMessage[]; pending: PendingMessage[]; seq: number; complete: boolean;
    typing: { connectionId: string; userId: string; name: string; since: number }[]; media: Wire.MediaState | null;
  }

  type RoomEvent = import('../client/src/room.js').RoomEventName;
}

/** What elements are made of: see `el`. */
declare namespace Dom {
  type Child = Node | string | false | null | undefined | Child[];
  type Handlers = { [Type in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Type] & { target: HTMLElement }) => unknown };
  type Props = { on?: Handlers; [attribute: string]: unknown };
}

interface Window {
  /** For automated tests and for support. */
  switchboard: object;
}
