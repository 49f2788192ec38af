// The rooms that the user sees, joined or not: what is unread in each, and who is in a call there, as it changes.

import { backoff } from './backoff.js';
import { Emitter } from './emitter.js';
import { isPassing } from './errors.js';

/** @typedef {import('../protocol.js').RoomsUnreadRoom} RoomsUnreadRoom */
/** @typedef {import('../protocol.js').RoomsCall} RoomsCall */
/** @typedef {{ name: 'rooms.unreadChanged', params: import('../protocol.js').RoomsUnreadChanged } | { name: 'rooms.callsChanged', params: import('../protocol.js').RoomsCallsChanged }} RoomListEvent */

/**
 * - `reload`: read the rooms by REST (`GET /v1/rooms`): at first, and again after each loss of the connection.
 * - `unread`: this is unread in these rooms from now on. It may be told of rooms that the page does not know yet.
 * - `calls`: `calls` is another.
 *
 * @typedef {{ reload: undefined, unread: RoomsUnreadRoom[], calls: RoomList }} RoomListEvents
 */

/** @extends {Emitter<RoomListEvents>} */
export class RoomList extends Emitter {
  /** The calls that go on, by room. @type {ReadonlyMap<string, RoomsCall>} */
  calls = new Map();

  #client;
  #left;
  /** What is told before it is known that this is followed. @type {RoomListEvent[] | null} */
  #early = null;
  #failures = 0;
  #isOver = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @internal
   * @param {Pick<import('./client.js').Client, 'request'>} client
   * @param {() => void} left
   */
  constructor(client, left) {
    super();
    this.#client = client;
    this.#left = left;
  }

  /** Follows no longer. */
  leave() {
    if (this.#isOver) return;
    this.end();
    this.#left();
    this.#client.request('rooms.unsubscribe', {}).catch(() => {});
  }

  /** @internal */
  async resume() {
    if (this.#early || this.#isOver) return;
    clearTimeout(this.#timer);
    this.#early = [];
    try {
      await this.#client.request('rooms.subscribe', {});
      this.#failures = 0;
      this.#begin();
    } catch (error) {
      // Without a connection the next one resumes.
      if (error.code !== 'offline' && (isPassing(error) || error.fault !== 'caller') && !this.#isOver) {
        this.#timer = setTimeout(() => this.resume().catch(() => {}), backoff((this.#failures += 1)));
      }
      throw error;
    } finally {
      const late = this.#early ?? [];
      this.#early = null;
      late.forEach((event) => this.handle(event));
    }
  }

  /** The calls that go on are told from now on. */
  #begin() {
    if (this.#isOver) return;
    if (this.calls.size) this.#show(new Map());
    this.emit('reload', undefined);
  }

  /** @internal @param {RoomListEvent} event */
  handle(event) {
    if (this.#isOver) return;
    if (this.#early) this.#early.push(event);
    else if (event.name === 'rooms.unreadChanged') this.emit('unread', event.params.rooms);
    else {
      const calls = new Map(this.calls);
      for (const call of event.params.rooms) {
        if (call.participantCount > 0) calls.set(call.roomId, call);
        else calls.delete(call.roomId);
      }
      this.#show(calls);
    }
  }

  /** @param {ReadonlyMap<string, RoomsCall>} calls */
  #show(calls) {
    this.calls = calls;
    this.emit('calls', this);
  }

  /** @internal */
  end() {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}
