// One room that this client is in: messages in order and each once, who is there, what is sent.

import { Emitter } from './emitter.js';
import { SwitchboardError } from './errors.js';
import { Outbox } from './outbox.js';
import { Roster } from './roster.js';
import { Stream } from './stream.js';
import { Typing } from './typing.js';

/** @typedef {import('../protocol.js').Events} Events */
/** @typedef {import('../protocol.js').RoomMessage} RoomMessage */
/** @typedef {import('../protocol.js').RoomJoined} RoomJoined */
/** @typedef {import('../protocol.js').RoomRemovalReason} RoomRemovalReason */

/**
 * Events of the protocol that are about one room.
 *
 * @typedef {{ [Name in keyof Events]: Events[Name] extends { roomId: string } ? Name : never }[keyof Events]} RoomEventName
 */

/**
 * Every event of the protocol that is about this room, in order with the rest, but for `room.message` and
 * `room.messageChanged`; and:
 * - `reload`: show `messages` instead of all that was known: the latest ones at first, and again whenever more was
 *   missed than can be replayed. `complete` says that there are none before them; else `history` has them.
 * - `message`: the next message, in order, each once, whether it came by itself or was missed and made up for.
 * - `changed`: a message as it is now, edited, deleted or reacted to; in order with the messages.
 * - `joined`: the room was entered, or entered again after a loss.
 * - `members`: `members`, `memberCount` or what is known of them has changed.
 * - `media`: `media` has changed.
 * - `failed`: the room cannot be entered; `join()` tries again.
 *
 * @typedef {Omit<Pick<Events, RoomEventName>, 'room.message' | 'room.messageChanged'> & {
 *   reload: { messages: RoomMessage[], complete: boolean, isFirst: boolean },
 *   message: RoomMessage, changed: RoomMessage, joined: RoomJoined, members: Room, media: import('../protocol.js').MediaState | null, failed: SwitchboardError,
 * }} RoomEvents
 */

/**
 * What has a number in a room: a message, or a change of one.
 *
 * @typedef {{ seq: number, message: RoomMessage }} Numbered
 */

/** The numbered things of an answer, in order. @param {RoomJoined} answer @returns {Numbered[]} */
const numbered = ({ messages, changed = [] }) =>
  [...messages.map((message) => ({ seq: message.seq, message })), ...changed].sort((one, next) => one.seq - next.seq);

/** Those that are told as `message` or `changed`. @type {readonly string[]} */
const OF_STREAM = ['room.message', 'room.messageChanged'];

/** @extends {Emitter<RoomEvents>} */
export class Room extends Emitter {
  /** As people call it; empty until the room is joined. */
  name = '';
  /** The room's media session, if there is one. @type {import('../protocol.js').MediaState | null} */
  media = null;

  #client;
  #left;
  /** @type {Stream<RoomJoined, Numbered>} */
  #stream;
  #roster;
  #outbox;
  #typing;
  /** Why this device is not in the room any more. @type {RoomRemovalReason | null} */
  #removed = null;

  /**
   * @internal
   * @param {string} id
   * @param {Pick<import('./client.js').Client, 'request'>} client
   * @param {() => void} left
   */
  constructor(id, client, left) {
    super();
    this.id = id;
    this.#client = client;
    this.#left = left;
    this.#stream = new Stream({
      ask: (after) => client.request('room.join', { roomId: id, after }),
      items: numbered,
      isGapless: true,
      next: ({ seq, message }) => this.emit(seq === message.seq ? 'message' : 'changed', message),
      settled: (answer, how) => this.#settle(answer, how),
      failed: (error) => this.#fail(error),
    });
    this.#roster = new Roster({
      read: (page) => client.request('room.members', { roomId: id, ...page }),
      unfollow: () => client.request('room.unfollowMembers', { roomId: id }),
      changed: () => this.emit('members', this),
    });
    this.#outbox = new Outbox(async (message) => {
      const { message: stored } = await client.request('room.send', { roomId: id, ...message });
      this.#stream.receive({ seq: stored.seq, message: stored });
      return stored;
    });
    this.#typing = new Typing((typing) => client.request('room.typing', { roomId: id, typing }).catch(() => {}));
  }

  /** `joining` until it was joined once, and then `joined`, also while the connection is lost. */
  get status() {
    return this.#stream.status;
  }

  /** The number of the latest message or change. */
  get seq() {
    return this.#stream.seq;
  }

  /**
   * Who is there, by connection and in the order of that. In a room of up to fifty these are all. In a larger one these are
   * who is on the page that `followMembers` keeps open; without one, those who were known last, for their names.
   */
  get members() {
    return this.#roster.members;
  }

  /** Whether `members` is everybody who is there. */
  get membersComplete() {
    return this.#roster.complete;
  }

  /** The page of `members` that is followed: where it begins, and whether there are more after it. */
  get membersPage() {
    return this.#roster.page;
  }

  /** How many are there. */
  get memberCount() {
    return this.#roster.count;
  }

  /**
   * Enters, or enters again after `failed` or `room.removed`. It happens by itself on every connection.
   *
   * @returns {Promise<void>}
   */
  join() {
    this.#removed = null;
    return this.#stream.resume();
  }

  /**
   * Says something. The promise resolves once it is stored, also over lost connections in between, and rejects if the
   * server refuses it. Messages are stored in the order of the calls.
   *
   * @param {string | import('./outbox.js').Draft} message
   * @param {{ clientId?: string, signal?: AbortSignal }} [options] `clientId`: a UUID that is kept with the message by
   *   who wants to send it again after the page was closed; it is stored once
   * @returns {Promise<RoomMessage>}
   */
  send(message, options) {
    if (this.status === 'ended') return Promise.reject(new SwitchboardError('closed', 'the room was left', { fault: 'caller' }));
    if (this.status === 'failed') return Promise.reject(new SwitchboardError('room.notJoined', 'the room cannot be entered', { fault: 'caller' }));
    this.#typing.stop();
    return this.#outbox.add(typeof message === 'string' ? { text: message } : message, options);
  }

  /** Call it for every key that is pressed: the others are told that one types, and when it is over. */
  typed() {
    this.#typing.typed();
  }

  /** The text was given up. */
  stopTyping() {
    this.#typing.stop();
  }

  /**
   * Reads older messages, oldest first.
   *
   * @param {{ before?: number, limit?: number, signal?: AbortSignal }} [page] `before`: the `seq` of the first one that is shown
   * @returns {Promise<import('../protocol.js').RoomHistoryRead>}
   */
  history({ before, limit, signal } = {}) {
    return this.#client.request('room.history', { roomId: this.id, before, limit }, { signal });
  }

  /**
   * Follows a page of the members of a room that many are in, of a hundred at most, for who looks at it: `members` is who
   * is on it, until `unfollowMembers` or another page is followed. It is followed again after every loss.
   *
   * @param {{ after?: string }} [page] `after`: the `connectionId` of the last one on the page before; the first page
   *   without
   */
  followMembers({ after } = {}) {
    return this.#roster.follow(after);
  }

  /** Nobody looks at the members any more. */
  unfollowMembers() {
    this.#roster.unfollow();
  }

  /** Leaves, for all who share this object. What was not stored yet is refused with `closed`. */
  leave() {
    if (this.status === 'ended') return;
    this.#typing.stop();
    this.#end();
    this.#left();
    this.#client.request('room.leave', { roomId: this.id }).catch(() => {});
  }

  #end() {
    this.#stream.end();
    this.#roster.rest();
    this.#outbox.refuse(new SwitchboardError('closed', 'the room was left', { fault: 'caller' }));
  }

  /** @param {RoomJoined} answer @param {{ continues: boolean, isFirst: boolean }} how */
  #settle(answer, { continues, isFirst }) {
    this.name = answer.name;
    this.#hearMedia(answer.media ?? null, true);
    if (!continues) this.emit('reload', { messages: answer.messages, complete: (answer.messages[0]?.seq ?? 1) <= 1, isFirst });
    this.#roster.begin(answer.members, answer.memberCount);
    this.emit('joined', answer);
    this.#outbox.open();
  }

  /** @param {SwitchboardError} error */
  #fail(error) {
    this.#outbox.refuse(error);
    this.emit('failed', error);
  }

  /** @param {import('../protocol.js').MediaState | null} media @param {boolean} [isAnswer] */
  #hearMedia(media, isAnswer = false) {
    if (!isAnswer && media && this.media && media.revision < this.media.revision) return;
    this.media = media;
    this.emit('media', media);
  }

  /** @internal A new connection stands. */
  resume() {
    return this.#removed === null ? this.#stream.resume() : Promise.resolve();
  }

  /** @internal More was lost than can be replayed. */
  reload() {
    return this.#stream.resume({ reload: true });
  }

  /** @internal The connection is lost. */
  lost() {
    this.#outbox.hold();
    this.#roster.rest();
  }

  /** @internal The client is closed. */
  end() {
    this.#end();
  }

  /**
   * @internal An event that is about this room.
   * @template {RoomEventName} Name
   * @param {Name} name
   * @param {Events[Name]} params
   */
  handle(name, params) {
    this.#stream.inOrder(() => {
      this.#apply(/** @type {RoomEvent} */ ({ name, params }));
      // Those who would listen to it would hear a message twice, or before one that was missed.
      if (!OF_STREAM.includes(name)) this.emit(/** @type {any} */ (name), /** @type {any} */ (params));
    });
  }

  /** @typedef {{ [Name in RoomEventName]: { name: Name, params: Events[Name] } }[RoomEventName]} RoomEvent */

  /** @param {RoomEvent} event */
  #apply(event) {
    switch (event.name) {
      case 'room.message':
        return this.#stream.receive({ seq: event.params.message.seq, message: event.params.message });
      case 'room.messageChanged':
        return this.#stream.receive(event.params);
      case 'room.memberJoined':
        return this.#roster.join(event.params.member);
      case 'room.memberLeft':
        return this.#roster.leave(event.params.connectionId);
      case 'room.membersChanged':
        return this.#roster.hear(event.params.memberCount);
      case 'room.pageChanged':
        return this.#roster.turn(event.params);
      case 'room.renamed':
        this.name = event.params.name;
        return undefined;
      case 'media.changed':
        return this.#hearMedia(event.params.state);
      case 'room.removed':
        this.#removed = event.params.reason;
        this.#stream.stop();
        return this.#outbox.refuse(new SwitchboardError('room.notJoined', `removed from the room: ${event.params.reason}`, { fault: 'caller' }));
      default:
        return undefined;
    }
  }
}
