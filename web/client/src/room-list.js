// The rooms that the user sees, joined or not: what is unread in each, as it changes.

import { backoff } from './backoff.js';
import { Emitter } from './emitter.js';
import { isPassing } from './errors.js';

/** @typedef {import('../protocol.js').RoomsUnreadRoom} RoomsUnreadRoom */

/**
 * - `reload`: read the rooms by REST (`GET /v1/rooms`): at first, and again after each loss of the connection.
 * - `unread`: this is unread in these rooms from now on. It may be told of rooms that the page does not know yet.
 *
 * @typedef {{ reload: undefined, unread: RoomsUnreadRoom[] }} RoomListEvents
 */

/** @extends {Emitter<RoomListEvents>} */
export class RoomList extends Emitter {
  #client;
  #left;
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
    if (this.#isOver) return;
    clearTimeout(this.#timer);
    try {
      await this.#client.request('rooms.subscribe', {});
      this.#failures = 0;
    } catch (error) {
      // Without a connection the next one resumes.
      if (error.code !== 'offline' && (isPassing(error) || error.fault !== 'caller') && !this.#isOver) {
        this.#timer = setTimeout(() => this.resume().catch(() => {}), backoff((this.#failures += 1)));
      }
      throw error;
    }
    if (!this.#isOver) this.emit('reload', undefined);
  }

  /** @internal @param {import('../protocol.js').RoomsUnreadChanged} change */
  handleUnread({ rooms }) {
    if (!this.#isOver) this.emit('unread', rooms);
  }

  /** @internal */
  end() {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}
