// A room that is joined by its name and keeps what is said in it for a while at most: an ephemeral or recent one.

import { Emitter } from './emitter.js';
import { removed } from './errors.js';
import { Roster } from './roster.js';
import { Stream } from './stream.js';

/** @typedef {import('../protocol.js').Events} Events */
/** @typedef {import('../protocol.js').RoomJoined} RoomJoined */
/** @typedef {import('../protocol.js').RoomKeptEvent} RoomKeptEvent */
/** @typedef {import('../protocol.js').RoomPlaced} RoomPlaced */

/** What was published: in a recent room with a number. @typedef {Omit<Events['room.event'], 'roomId'>} PublishedEvent */

/**
 * - `event`: the next event. In a recent room each once and in order, whether it came by itself or was missed and made up
 *   for; in an ephemeral one those that come.
 * - `reload`: in a recent room, show `events` instead of all that was known: the latest ones at first, and again whenever
 *   more was missed than is kept.
 * - `joined`: the room was entered, or entered again after a loss.
 * - `members`: `members` or `memberCount` has changed.
 * - `failed`: the room cannot be entered, or this device was taken out of it; `join()` tries again.
 *
 * @typedef {{
 *   event: PublishedEvent, reload: { events: RoomKeptEvent[], isFirst: boolean }, joined: RoomJoined,
 *   members: NamedRoom, failed: import('./errors.js').SwitchboardError,
 * }} NamedRoomEvents
 */

/** @extends {Emitter<NamedRoomEvents>} */
export class NamedRoom extends Emitter {
  /** The id that the server has given it; null until it was joined. @type {string | null} */
  id = null;

  #client;
  #left;
  /** The history that numbers are of. @type {string | undefined} */
  #epoch;
  /** @type {Stream<RoomJoined, RoomKeptEvent>} */
  #stream;
  #roster;
  /** Whether this device was taken out of the room, and stays out until the page asks. */
  #isRemoved = false;

  /**
   * @internal
   * @param {{ name: string, class: 'ephemeral' | 'recent' }} which
   * @param {Pick<import('./client.js').Client, 'request'>} client
   * @param {() => void} left
   */
  constructor(which, client, left) {
    super();
    this.name = which.name;
    this.class = which.class;
    this.#client = client;
    this.#left = left;
    this.#stream = new Stream({
      ask: async (after) => {
        const isKnown = this.class === 'recent' && after !== undefined && this.#epoch !== undefined;
        const answer = await client.request('room.join', { ...which, ...(isKnown ? { after, epoch: this.#epoch } : {}) });
        if ((answer.epoch ?? undefined) !== this.#epoch) this.#stream.forget();
        // Without a history there is nothing to go on from.
        return isKnown || this.class === 'ephemeral' ? answer : { ...answer, recovered: false };
      },
      items: ({ events = [] }) => events,
      isGapless: true,
      next: (event) => this.emit('event', { ...event, epoch: this.#epoch }),
      settled: (answer, how) => this.#settle(answer, how),
      failed: (error) => this.emit('failed', error),
      // The server has started anew, and those who may open the room are not back yet.
      isAwaited: ({ code }) => this.id !== null && code === 'resource.notFound',
    });
    this.#roster = new Roster({
      read: (page) => client.request('room.members', { roomId: this.id ?? '', ...page }),
      unfollow: () => client.request('room.unfollowMembers', { roomId: this.id ?? '' }),
      changed: () => this.emit('members', this),
    });
  }

  /** `joining` until it was joined once, and then `joined`, also while the connection is lost. */
  get status() {
    return this.#stream.status;
  }

  /** Who is there, by connection: all in a room of up to fifty, else those who are known. */
  get members() {
    return this.#roster.members;
  }

  /** How many are there. */
  get memberCount() {
    return this.#roster.count;
  }

  /** Enters, or enters again after `failed`. It happens by itself on every connection. @returns {Promise<void>} */
  join() {
    this.#isRemoved = false;
    return this.#stream.resume();
  }

  /**
   * Publishes an event. In a recent room the promise resolves once it is kept, and it comes back as an `event`; it rejects
   * with `unavailable` while nothing can be kept. In an ephemeral one the others get it who are there.
   *
   * @param {string} name
   * @param {unknown} [data] what JSON can say, 16 KiB at most
   * @returns {Promise<RoomPlaced>}
   */
  async publish(name, data = null) {
    if (this.status !== 'joined' || this.id === null) await this.join();
    return this.#client.request('room.publish', { roomId: this.id ?? '', name, data });
  }

  /** Leaves, for all who share this object. */
  leave() {
    if (this.status === 'ended') return;
    this.end();
    this.#left();
    if (this.id !== null) this.#client.request('room.leave', { roomId: this.id }).catch(() => {});
  }

  /** @param {RoomJoined} answer @param {{ continues: boolean, isFirst: boolean }} how */
  #settle(answer, { continues, isFirst }) {
    this.id = answer.roomId;
    this.name = answer.name;
    this.#epoch = answer.epoch ?? undefined;
    if (this.class === 'recent' && !continues) this.emit('reload', { events: answer.events ?? [], isFirst });
    this.#roster.begin(answer.members, answer.memberCount);
    this.emit('joined', answer);
  }

  /** @param {import('./errors.js').SwitchboardError} error */
  #remove(error) {
    this.#isRemoved = true;
    this.#stream.stop(error);
    this.#roster.end();
    this.emit('failed', error);
  }

  /** @internal A new connection stands. */
  resume() {
    return this.#isRemoved ? Promise.resolve() : this.#stream.resume();
  }

  /** @internal More was lost than is kept. @param {string} roomId */
  reload(roomId) {
    if (roomId === this.id) this.#stream.resume({ reload: true }).catch(() => {});
  }

  /** @internal The connection is lost. */
  lost() {
    this.#roster.rest();
  }

  /** @internal The client is closed. */
  end() {
    this.#stream.end();
    this.#roster.rest();
  }

  /**
   * @internal An event that may be about this room: which it is, is known once it is joined.
   * @param {string} name
   * @param {any} params
   */
  handle(name, params) {
    this.#stream.inOrder(() => {
      if (params.roomId === this.id) this.#apply(name, params);
    });
  }

  /** @param {string} name @param {any} params */
  #apply(name, params) {
    switch (name) {
      case 'room.event': {
        const event = { ...params };
        delete event.roomId;
        if (event.seq === undefined) return this.emit('event', event);
        return event.epoch === this.#epoch ? this.#stream.receive(event) : undefined;
      }
      case 'room.memberJoined':
        return this.#roster.join(params.member);
      case 'room.memberLeft':
        return this.#roster.leave(params.connectionId);
      case 'room.membersChanged':
        return this.#roster.hear(params.memberCount);
      case 'room.pageChanged':
        return this.#roster.turn(params);
      case 'room.removed':
        return this.#remove(removed(params.reason));
      default:
        return undefined;
    }
  }
}
