// The client: one connection, and everything that is followed on it.

import { Calls } from './calls.js';
import { Emitter } from './emitter.js';
import { SwitchboardError } from './errors.js';
import { Feed } from './feed.js';
import { Inbox } from './inbox.js';
import { Line } from './line.js';
import { Mailbox } from './mailbox.js';
import { MediaSession } from './media/session.js';
import { NamedRoom } from './named-room.js';
import { Presence } from './presence.js';
import { Room } from './room.js';
import { RoomList } from './room-list.js';
import { Ways } from './ways.js';

/** @typedef {import('../protocol.js').Methods} Methods */
/** @typedef {import('../protocol.js').Events} Events */
/** @typedef {import('../protocol.js').ConnectionOpened} ConnectionOpened */
/** @typedef {import('./line.js').ConnectionState} ConnectionState */

/**
 * Every event of the protocol by its name, as it comes, and:
 * - `state`: the connection's state has changed.
 * - `opened`: a connection stands, for the first time or again.
 * - `resumed`: after that, what is followed has caught up, as far as it could.
 *
 * @typedef {Events & { state: ConnectionState, opened: ConnectionOpened, resumed: ConnectionOpened }} ClientEvents
 */

/**
 * @typedef {object} ClientOptions
 * @property {string} [server] the server's address, as `https://switchboard.example`; the page's own if absent
 * @property {import('./tokens.js').TokenSource} token
 * @property {typeof globalThis.WebSocket} [WebSocket] another implementation than the platform's
 * @property {typeof globalThis.fetch | null} [fetch] likewise, for networks that let no WebSocket through; `null`: nothing else is tried
 * @property {((roomId: string) => import('./outbox.js').Keep) | null} [keep] a place for what is said in a room and not
 *   stored yet, or was refused, which outlives the page; without one, that ends with the page
 */

/** What may wake the client up: the network is back, the page is looked at again. */
const WAKING = /** @type {const} */ (['online', 'pageshow', 'visibilitychange']);

/** @extends {Emitter<ClientEvents>} */
export class Client extends Emitter {
  /** Ringing. */
  calls = new Calls(this);
  /** Who this is, as the server said last. @type {ConnectionOpened | null} */
  me = null;

  #ways;
  #keep;
  #line;
  /** @type {Map<string, Room>} */
  #rooms = new Map();
  /** By class and name. @type {Map<string, NamedRoom>} */
  #named = new Map();
  /** By what they follow. @type {Map<string, Feed>} */
  #feeds = new Map();
  /** @type {Inbox | null} */
  #inbox = null;
  /** @type {Mailbox | null} */
  #mailbox = null;
  /** @type {Presence | null} */
  #presence = null;
  /** @type {RoomList | null} */
  #roomList = null;
  /** @type {Set<MediaSession>} */
  #sessions = new Set();

  /** @param {ClientOptions} options */
  constructor({ server = globalThis.location?.origin, token, WebSocket = globalThis.WebSocket, fetch = globalThis.fetch?.bind(globalThis) ?? null, keep = null }) {
    super();
    this.#keep = keep;
    this.#ways = new Ways({ server, WebSocket, fetch });
    this.#line = new Line({
      ways: this.#ways,
      token,
      handle: {
        state: (state) => this.#hearState(state),
        event: (name, params) => this.#hear(name, params),
        opened: (opened) => this.#resume(opened),
      },
    });
  }

  /** @returns {ConnectionState} */
  get state() {
    return this.#line.state;
  }

  /** How the connection is made, or was last: by a WebSocket, or without one where the network lets none through. */
  get transport() {
    return this.#ways.current;
  }

  /** Opens the connection and keeps it open. While it waits to reconnect, or was refused, tries at once. */
  connect() {
    for (const type of WAKING) globalThis.addEventListener?.(type, this.#wake);
    this.#line.connect();
  }

  /** Closes the connection and leaves everything. */
  close() {
    for (const type of WAKING) globalThis.removeEventListener?.(type, this.#wake);
    for (const session of [...this.#sessions]) session.leave();
    this.#line.close();
    for (const followed of [...this.#rooms.values(), ...this.#named.values(), ...this.#feeds.values(), this.#inbox, this.#mailbox, this.#presence, this.#roomList]) followed?.end();
    this.calls.end();
    this.#rooms.clear();
    this.#named.clear();
    this.#feeds.clear();
    this.#inbox = this.#mailbox = this.#presence = this.#roomList = null;
  }

  /**
   * Waits until the connection is open.
   *
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<ConnectionOpened>}
   */
  opened({ signal } = {}) {
    if (signal?.aborted) return Promise.reject(/** @type {Error} */ (signal.reason));
    if (this.state.phase === 'open' && this.me) return Promise.resolve(this.me);
    return new Promise((resolve, reject) => {
      const abort = () => end(() => reject(/** @type {Error} */ (signal?.reason)));
      const off = [
        this.on('opened', (opened) => end(() => resolve(opened))),
        this.on('state', ({ phase, error }) => {
          if (phase !== 'refused' && phase !== 'closed') return;
          end(() => reject(error ?? new SwitchboardError('closed', 'the client was closed', { fault: 'caller' })));
        }),
        () => signal?.removeEventListener('abort', abort),
      ];
      const end = (/** @type {() => void} */ settle) => {
        off.forEach((stop) => stop());
        settle();
      };
      signal?.addEventListener('abort', abort);
    });
  }

  /**
   * Asks the server. Rejects at once with `offline` while there is no connection, and with it if the connection is
   * lost before the answer: whether the request was carried out is then not known.
   *
   * @template {keyof Methods} Method
   * @param {Method} method
   * @param {Methods[Method]['params']} params
   * @param {import('./requests.js').RequestOptions} [options] ten seconds if it does not say otherwise
   * @returns {Promise<Methods[Method]['result']>}
   */
  request(method, params, options) {
    return this.#line.request(method, params, options);
  }

  /** A room, joined and kept joined until it is left; the same object for everybody who asks. @param {string} id */
  room(id) {
    const known = this.#rooms.get(id);
    if (known) return known;
    const room = new Room(id, this, { left: () => this.#rooms.delete(id), keep: this.#keep?.(id) });
    this.#rooms.set(id, room);
    this.#follow(room);
    return room;
  }

  /**
   * A room that is entered by its name and keeps what is said in it for a while at most; joined and kept joined until it is
   * left. A durable room of a name is entered once by `request('room.join', { name })`, and then is `room(roomId)`.
   *
   * @param {string} name
   * @param {{ class: 'ephemeral' | 'recent' }} options
   */
  named(name, { class: kept }) {
    const key = `${kept}:${name.trim().normalize('NFC')}`;
    const known = this.#named.get(key);
    if (known) return known;
    const room = new NamedRoom({ name, class: kept }, this, () => this.#named.delete(key));
    this.#named.set(key, room);
    this.#follow(room);
    return room;
  }

  /** The account's inbox, followed until it is left. */
  inbox() {
    if (this.#inbox) return this.#inbox;
    const inbox = (this.#inbox = new Inbox(this, () => (this.#inbox = null)));
    this.#follow(inbox);
    return inbox;
  }

  /** The user's own mailbox, followed until it is left. */
  mailbox() {
    if (this.#mailbox) return this.#mailbox;
    const mailbox = (this.#mailbox = new Mailbox(this, () => (this.#mailbox = null)));
    this.#follow(mailbox);
    return mailbox;
  }

  /**
   * Rows of a table, followed until it is left.
   *
   * @param {string} table
   * @param {Record<string, unknown>} [filter] only rows that have these values
   */
  feed(table, filter) {
    const key = JSON.stringify([table, Object.entries(filter ?? {}).sort(([one], [other]) => (one < other ? -1 : 1))]);
    const known = this.#feeds.get(key);
    if (known) return known;
    const feed = new Feed({ table, filter }, this, () => this.#feeds.delete(key));
    this.#feeds.set(key, feed);
    this.#follow(feed);
    return feed;
  }

  /** Who of the account is connected, followed until the client is closed. */
  presence() {
    if (this.#presence) return this.#presence;
    const presence = (this.#presence = new Presence(this));
    this.#follow(presence);
    return presence;
  }

  /** What is unread and who is in a call in the rooms that the user sees, joined or not, followed until it is left. */
  roomList() {
    if (this.#roomList) return this.#roomList;
    const roomList = (this.#roomList = new RoomList(this, () => (this.#roomList = null)));
    this.#follow(roomList);
    return roomList;
  }

  /**
   * The media session of a room, entered by `join()`, and entered again after every loss until it is left.
   *
   * @param {string} roomId
   * @param {{ local: import('./media/local.js').LocalMedia, changed: () => void, encryption?: import('./media/encryption.js').Encryption }} options
   *   `changed`: look at it again; `encryption`: only those who have its key hear and see this device, and are heard and seen
   */
  media(roomId, { local, changed, encryption }) {
    const room = this.room(roomId);
    const session = new MediaSession({
      client: this, roomId, local, changed, encryption,
      ready: async () => {
        if (room.status !== 'joined') await room.resume();
      },
      left: () => {
        off();
        this.#sessions.delete(session);
      },
    });
    this.#sessions.add(session);
    const off = room.on('room.removed', () => session.leave());
    return session;
  }

  /** @param {{ resume: () => Promise<void> }} followed */
  #follow(followed) {
    if (this.state.phase !== 'open') return;
    // Whoever asked for it listens first.
    queueMicrotask(() => followed.resume().catch(() => {}));
  }

  #wake = () => {
    if (globalThis.document?.visibilityState !== 'hidden') this.#line.nudge();
  };

  /** @param {ConnectionState} state */
  #hearState(state) {
    if (state.phase !== 'open') for (const room of [...this.#rooms.values(), ...this.#named.values()]) room.lost();
    this.emit('state', state);
  }

  /** @param {ConnectionOpened} opened */
  async #resume(opened) {
    this.calls.resume(this.me?.connectionId ?? null);
    this.me = opened;
    this.emit('opened', opened);
    const isCurrent = () => this.state.connectionId === opened.connectionId;
    const all = [...this.#rooms.values(), ...this.#named.values(), this.#inbox, this.#mailbox, ...this.#feeds.values(), this.#presence, this.#roomList];
    await Promise.allSettled(all.map((followed) => followed?.resume()));
    // A room must be joined before its media session.
    if (isCurrent()) await Promise.allSettled([...this.#sessions].map((session) => session.resume()));
    if (isCurrent()) this.emit('resumed', opened);
  }

  /** @param {string} name @param {any} params */
  #hear(name, params) {
    if (typeof params?.roomId === 'string') {
      this.#rooms.get(params.roomId)?.handle(/** @type {any} */ (name), params);
      for (const room of this.#named.values()) room.handle(name, params);
    }
    if (name === 'inbox.event') this.#inbox?.handle(params);
    else if (name === 'mailbox.entry') this.#mailbox?.handle(params);
    else if (name === 'mailbox.acknowledged') this.#mailbox?.handleAcknowledged(params.seq);
    else if (name === 'room.read' && params.userId === this.me?.userId) this.#mailbox?.handleRead(params.roomId, params.seq);
    else if (name === 'feed.changed') for (const feed of this.#feeds.values()) feed.handle(params);
    else if (name === 'feed.ended') for (const feed of this.#feeds.values()) feed.handleEnd(params.feed);
    else if (name === 'presence.changed') this.#presence?.handle(params);
    else if (name === 'rooms.unreadChanged' || name === 'rooms.callsChanged') this.#roomList?.handle({ name, params });
    else if (name === 'connection.reload') this.#reload(params.sequence);
    else if (name.startsWith('call.')) this.calls.handle(/** @type {any} */ ({ name, params }));
    this.emit(/** @type {keyof Events} */ (name), params);
  }

  /** @param {import('../protocol.js').Sequence} sequence */
  #reload(sequence) {
    if (sequence.kind === 'room') {
      this.#rooms.get(sequence.roomId)?.reload().catch(() => {});
      for (const room of this.#named.values()) room.reload(sequence.roomId);
    }
    else if (sequence.kind === 'inbox') this.#inbox?.reload().catch(() => {});
    else for (const feed of this.#feeds.values()) feed.reload(sequence.feed);
  }
}

/**
 * A client that is on its way to the server.
 *
 * @param {ClientOptions} options
 */
export function connect(options) {
  const client = new Client(options);
  client.connect();
  return client;
}
