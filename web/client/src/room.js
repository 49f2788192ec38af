// One room that this client is in: messages in order and each once, who is there, what is sent.

import { Emitter } from './emitter.js';
import { SwitchboardError, removed } from './errors.js';
import { Outbox } from './outbox.js';
import { Roster } from './roster.js';
import { Stream } from './stream.js';
import { Timeline } from './timeline.js';
import { Typing } from './typing.js';
import { Typists } from './typists.js';

/** @typedef {import('../protocol.js').Events} Events */
/** @typedef {import('../protocol.js').RoomMessage} RoomMessage */
/** @typedef {import('../protocol.js').RoomJoined} RoomJoined */
/** @typedef {import('./room-events.js').RoomEventName} RoomEventName */
/** @typedef {import('./room-events.js').RoomEvents} RoomEvents */

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
  /** Whether messages that are told now were said while this device was away; else they have just been said. */
  isCatchingUp = true;

  #client;
  #left;
  /** @type {Stream<RoomJoined, Numbered>} */
  #stream;
  #roster;
  #outbox;
  #typing;
  #typists = new Typists(() => this.emit('typing', this));
  /** @type {Timeline | null} */
  #timeline = null;
  /** Whether this device was taken out of the room, and stays out until the page asks. */
  #isRemoved = false;
  /** The number of the latest message, which may be followed by changes. */
  #latest = 0;
  /** The number of the latest message when the server was last told that all were read. */
  #read = 0;

  /**
   * @internal
   * @param {string} id
   * @param {Pick<import('./client.js').Client, 'request'>} client
   * @param {{ left: () => void, keep?: import('./outbox.js').Keep | null }} options
   */
  constructor(id, client, { left, keep = null }) {
    super();
    this.id = id;
    this.#client = client;
    this.#left = left;
    this.#stream = new Stream({
      ask: (after) => client.request('room.join', { roomId: id, after }),
      items: numbered,
      isGapless: true,
      next: (item) => this.#tell(item),
      settled: (answer, how) => this.#settle(answer, how),
      failed: (error) => this.#fail(error),
    });
    this.#roster = new Roster({
      read: (page) => client.request('room.members', { roomId: id, ...page }),
      unfollow: () => client.request('room.unfollowMembers', { roomId: id }),
      changed: () => this.emit('members', this),
    });
    this.#outbox = new Outbox((message) => this.#say(message), { keep, changed: () => this.emit('pending', this) });
    this.#outbox.restore();
    this.#typing = new Typing((typing) => client.request('room.typing', { roomId: id, typing }).catch(() => {}));
  }

  /** `joining` until it was joined once, and then `joined`, also while the connection is lost. */
  get status() {
    return this.#stream.status;
  }

  /** Why it cannot be entered, where `status` is `failed`. */
  get error() {
    return this.#stream.error;
  }

  /** The number of the latest message or change. */
  get seq() {
    return this.#stream.seq;
  }

  /**
   * What was said here and has not been told as `message` yet, in the order of sending: it waits, is on its way, or was
   * refused and is kept (`error`).
   */
  get pending() {
    return this.#outbox.pending;
  }

  /** Who else types. Each is forgotten when they say something or go, and after six seconds without news. */
  get typing() {
    return this.#typists.all;
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
    this.#isRemoved = false;
    return this.#stream.resume();
  }

  /** Resolves once the room is joined, perhaps at once, however long that takes; rejects where it cannot be. */
  entered() {
    return this.#stream.followed();
  }

  /** The messages as a list, which is kept from now on; the same object for everybody who asks. */
  timeline() {
    if (this.#timeline) return this.#timeline;
    this.#timeline = new Timeline(this);
    // It begins with the latest messages, which were told already.
    if (this.status === 'joined') this.reload().catch(() => {});
    return this.#timeline;
  }

  /**
   * Says something. The promise resolves once it is stored, also over lost connections in between, and rejects if the
   * server refuses it: it is over then, or `pending` until `retry` or `discard` where the client has a place to keep it.
   * Messages are stored in the order of the calls.
   *
   * @param {string | import('./outbox.js').Draft} message
   * @param {{ clientId?: string, signal?: AbortSignal }} [options] `clientId`: a UUID that is kept with the message by
   *   who wants to send it again after the page was closed; it is stored once
   * @returns {Promise<RoomMessage>}
   */
  send(message, options) {
    if (this.status === 'ended') return Promise.reject(new SwitchboardError('closed', 'the room was left', { fault: 'caller' }));
    this.#typing.stop();
    const refusal = this.status === 'failed' ? new SwitchboardError('room.notJoined', 'the room cannot be entered', { fault: 'caller' }) : null;
    return this.#outbox.add(typeof message === 'string' ? { text: message } : message, { ...options, refusal });
  }

  /** Sends what was refused and kept once more, and enters the room again if need be. @param {string} clientId */
  retry(clientId) {
    this.#outbox.retry(clientId);
    if (this.status === 'failed') this.join().catch(() => {});
  }

  /** What is not stored yet is not to be sent any more. @param {string} clientId */
  discard(clientId) {
    this.#outbox.discard(clientId);
  }

  /** Changes the text of a message. @param {number} messageSeq @param {string} text */
  edit(messageSeq, text) {
    this.#typing.stop();
    return this.#client.request('room.edit', { roomId: this.id, messageSeq, text });
  }

  /** Deletes a message for everybody. @param {number} messageSeq */
  delete(messageSeq) {
    return this.#client.request('room.delete', { roomId: this.id, messageSeq });
  }

  /** Reacts to a message, or takes that back. @param {number} messageSeq @param {string} emoji @param {boolean} [on] */
  react(messageSeq, emoji, on = true) {
    return this.#client.request('room.react', { roomId: this.id, messageSeq, emoji, on });
  }

  /** The user has seen every message that was told; true if that is news, of which all of their devices hear. */
  read() {
    if (this.status !== 'joined' || this.#latest <= this.#read) return false;
    this.#read = this.#latest;
    this.#client.request('room.read', { roomId: this.id, seq: this.seq ?? 0 }).catch(() => (this.#read = 0));
    return true;
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
    this.#typists.clear();
    this.#outbox.end(new SwitchboardError('closed', 'the room was left', { fault: 'caller' }));
  }

  /** @param {Omit<import('../protocol.js').RoomSend, 'roomId'>} message */
  async #say(message) {
    const { message: stored } = await this.#client.request('room.send', { roomId: this.id, ...message });
    this.#stream.receive({ seq: stored.seq, message: stored });
    return stored;
  }

  /** @param {Numbered} item */
  #tell({ seq, message }) {
    const isNew = seq === message.seq;
    if (isNew) this.#latest = seq;
    this.emit(isNew ? 'message' : 'changed', message);
    if (isNew) this.#typists.said(message.userId);
    this.#outbox.told(seq);
  }

  /** @param {RoomJoined} answer @param {{ continues: boolean, isFirst: boolean }} how */
  #settle(answer, { continues, isFirst }) {
    this.name = answer.name;
    this.#typists.clear();
    this.#hearMedia(answer.media ?? null, true);
    if (!continues) {
      this.#latest = answer.messages.at(-1)?.seq ?? 0;
      this.emit('reload', { messages: answer.messages, complete: (answer.messages[0]?.seq ?? 1) <= 1, isFirst });
      this.#outbox.told(answer.seq);
    }
    this.#roster.begin(answer.members, answer.memberCount);
    this.emit('joined', answer);
    this.isCatchingUp = false;
    this.#outbox.open();
  }

  /** @param {SwitchboardError} error */
  #fail(error) {
    this.#outbox.refuse(error);
    this.emit('failed', error);
  }

  /** @param {Events['room.typing']} notice */
  #hearTyping({ connectionId, userId, typing }) {
    const name = this.members.get(connectionId)?.name ?? null;
    this.#typists.hear({ connectionId, userId, name }, typing);
  }

  /** @param {import('../protocol.js').MediaState | null} media @param {boolean} [isAnswer] */
  #hearMedia(media, isAnswer = false) {
    if (!isAnswer && media && this.media && media.revision < this.media.revision) return;
    this.media = media;
    this.emit('media', media);
  }

  /** @param {import('../protocol.js').RoomRemovalReason} reason */
  #remove(reason) {
    const error = removed(reason);
    this.#isRemoved = this.isCatchingUp = true;
    this.#stream.stop(error);
    this.#roster.end();
    this.#typists.clear();
    this.#hearMedia(null, true);
    this.#outbox.refuse(error);
  }

  /** @internal A new connection stands. */
  resume() {
    return this.#isRemoved ? Promise.resolve() : this.#stream.resume();
  }

  /** @internal More was lost than can be replayed. */
  reload() {
    return this.#stream.resume({ reload: true });
  }

  /** @internal The connection is lost. */
  lost() {
    this.isCatchingUp = true;
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
        this.#typists.gone(event.params.connectionId);
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
      case 'room.typing':
        return this.#hearTyping(event.params);
      case 'room.removed':
        return this.#remove(event.params.reason);
      default:
        return undefined;
    }
  }
}
