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
  type Devices = ReturnType<typeof import('../js/model/devices.js').createDevices>;
  type Line = ReturnType<typeof import('../js/model/line.js').createLine>;
  type Returning = ReturnType<typeof import('../js/model/returning.js').createReturning>;
  type Inbox = ReturnType<typeof import('../js/model/inbox.js').createInbox>;
  type Presence = ReturnType<typeof import('../js/model/presence.js').createPresence>;
  type Mailbox = ReturnType<typeof import('../js/model/mailbox.js').createMailbox>;
  type Push = ReturnType<typeof import('../js/model/push.js').createPush>;
  type Kept = ReturnType<typeof import('../js/kept.js').createKept>;
  type Drafts = ReturnType<typeof import('../js/model/drafts.js').createDrafts>;
  type LiveRoom = ReturnType<typeof import('../js/model/live-room.js').createLiveRoom>;

  /** What every view may use. */
  interface Parts {
    api: Api; user: Wire.User; socket: Socket; notices: Notices; rooms: Rooms; calls: Calls; devices: Devices; line: Line; returning: Returning;
    inbox: Inbox; presence: Presence; mailbox: Mailbox; push: Push; kept: Kept; drafts: Drafts;
  }

  /** Whoever this page is of: a user, or a guest, who has no permissions. */
  type Person = Pick<Wire.User, 'id' | 'name' | 'permissions'>;

  /** The rooms that one may be in, for what goes on in them. */
  interface RoomsOfCalls extends Pick<Rooms, 'hold' | 'release' | 'called' | 'read'> {
    list: Pick<Rooms['list'], 'get' | 'subscribe'>;
    openDirect?: Rooms['openDirect'];
  }

  /** What a room and its call are shown with, also to a guest. */
  interface RoomParts extends Pick<Parts, 'socket' | 'notices' | 'calls' | 'devices' | 'drafts'> {
    api: ReturnType<typeof import('../js/api.js').createRequests>; user: Person; rooms: RoomsOfCalls;
    mailbox: Pick<Mailbox, 'readIn'>; presence: { state: Pick<Store<Omit<ReturnType<Presence['state']['get']>, 'own'>>, 'get' | 'subscribe'> };
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
  type Other = import('../client/src/media/others.js').Other;
  interface Active {
    roomId: string; startedAt: number; others: Other[]; muted: boolean; connected: boolean; route: Wire.Route; recorded: boolean;
    self: string | null; camera: MediaStreamTrack | null; screen: MediaStreamTrack | null; hasMicrophone: boolean; hasCamera: boolean; said: Wire.MediaParticipantState;
    isRung: boolean; isCaller: boolean; ringing: Wire.CallParty[];
    /** Nobody else may come in. */
    isLocked: boolean;
    /** The devices that could not be had. */
    problems: import('../client/src/media/local.js').DeviceProblem[];
    /** What comes of each track through the server, by its id. */
    subscriptions: Map<string, Wire.TrackSubscription>;
  }
  interface Device { id: string; label: string }
  interface DevicesState {
    known: Record<'microphone' | 'camera' | 'speaker', Device[]>;
    /** The devices to ask for; '': whichever the browser takes. */
    chosen: Record<'microphone' | 'camera' | 'speaker', string>;
    /** With what on calls are entered, and whether all that is looked at before. */
    entry: { microphone: boolean; camera: boolean; preview: boolean };
    /** Whether this page may use them; null: the browser does not say. */
    permissions: Record<'microphone' | 'camera', PermissionState | null>;
  }
  interface CallState { incoming: (Ringing & { callId: string }) | null; outgoing: Ringing | null; active: Active | null }

  interface InboxState {
    status: 'loading' | 'ready' | 'failed'; error: Problem | null; known: Map<string, Wire.Conversation>;
    filter: Wire.Status; next: Partial<Record<Wire.Status, string | null>>;
  }
  interface MailboxState { entries: Wire.MailboxEntry[] }
  interface PushState { phase: 'unsupported' | 'blocked' | 'off' | 'on'; id?: string }
  interface PendingReply { key: string; text: string; at: string; error: Problem | null }
  interface Thread {
    status: 'loading' | 'ready' | 'failed'; messages: Wire.Message[]; pending: PendingReply[]; next: string | null; error: Problem | null;
  }

  type Pending = import('../client/src/outbox.js').Pending;
  /** `files`: its attachments, as far as this page has uploaded them. */
  type PendingMessage = Pending['message'] & Omit<Pending, 'message'> & { files?: Wire.RoomAttachment[] };
  interface RoomState {
    status: 'joining' | 'joined' | 'failed'; name: string; error: Problem | null; members: Wire.Member[]; memberCount: number;
    membersComplete: boolean; membersPage: { after: string | null; more: boolean } | null;
    messages: readonly Wire.RoomMessage[]; pending: PendingMessage[]; complete: boolean;
    /** Whether `messages` differ by what has just happened, and not by what was missed or is older. */
    isNews: boolean;
    typing: { userId: string; name: string }[]; media: Wire.MediaState | null;
  }
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

/** What the service worker uses of its world; the types of that and of pages exclude each other. */
declare namespace Push {
  interface Notice { kind: 'callIncoming' | 'callEnded' | 'callMissed' | 'mention' | 'message'; name: string; text?: string; tag: string; roomId: string }
  interface Extended extends Event { waitUntil(work: Promise<unknown>): void }
  interface Page { url: string; focus(): Promise<unknown>; postMessage(message: unknown): void }
  interface Worker {
    registration: { scope: string; showNotification(title: string, options: object): Promise<void> };
    clients: { matchAll(which: object): Promise<Page[]>; openWindow(address: string): Promise<unknown> };
    skipWaiting(): Promise<void>;
    addEventListener(type: 'push', handler: (event: Extended & { data: { json(): Notice } | null }) => unknown): void;
    addEventListener(type: 'notificationclick', handler: (event: Extended & { notification: { data: { roomId: string }; close(): void } }) => unknown): void;
    addEventListener(type: 'install', handler: (event: Extended) => unknown): void;
  }
}
