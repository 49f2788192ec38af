// Messages on their way: in order, one at a time, kept over reconnects until the server has stored them.

import { backoff } from './backoff.js';
import { isPassing } from './errors.js';
import { randomId } from './random-id.js';

/** @typedef {import('../protocol.js').RoomMessage} RoomMessage */
/** @typedef {import('../protocol.js').RoomSend} RoomSend */
/** @typedef {Omit<RoomSend, 'roomId' | 'clientId'>} Draft what a message says */

/**
 * @typedef {object} Entry
 * @property {Omit<RoomSend, 'roomId'>} message
 * @property {(stored: RoomMessage) => void} resolve
 * @property {(error: Error) => void} reject
 */

export class Outbox {
  /** @type {Entry[]} */
  #entries = [];
  #send;
  #isSending = false;
  #isOpen = false;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {(message: Omit<RoomSend, 'roomId'>) => Promise<RoomMessage>} send */
  constructor(send) {
    this.#send = send;
  }

  /**
   * Resolves once the message is stored. Its `clientId` makes a second try of the same message harmless.
   *
   * @param {Draft} draft
   * @param {{ clientId?: string, signal?: AbortSignal }} [options]
   * @returns {Promise<RoomMessage>}
   */
  add(draft, { clientId = randomId(), signal } = {}) {
    if (signal?.aborted) return Promise.reject(/** @type {Error} */ (signal.reason));
    return new Promise((resolve, reject) => {
      const abort = () => this.#settle(entry, () => entry.reject(signal?.reason));
      const over = () => signal?.removeEventListener('abort', abort);
      /** @type {Entry} */
      const entry = {
        message: { ...draft, clientId },
        resolve: (stored) => (over(), resolve(stored)),
        reject: (error) => (over(), reject(error)),
      };
      signal?.addEventListener('abort', abort);
      this.#entries.push(entry);
      this.#flush();
    });
  }

  /** The room is joined: what waits goes out. */
  open() {
    this.#isOpen = true;
    clearTimeout(this.#timer);
    this.#flush();
  }

  /** The connection is lost: what waits goes on waiting. */
  hold() {
    this.#isOpen = false;
    this.#failures = 0;
    clearTimeout(this.#timer);
  }

  async #flush() {
    if (this.#isSending) return;
    this.#isSending = true;
    for (let entry = this.#entries[0]; entry && this.#isOpen; entry = this.#entries[0]) {
      const own = entry;
      try {
        const stored = await this.#send(own.message);
        this.#failures = 0;
        this.#settle(own, () => own.resolve(stored));
      } catch (error) {
        if (!isPassing(error)) this.#settle(own, () => own.reject(error));
        else if (error.code !== 'offline') this.#again(error);
        else this.hold();
      }
    }
    this.#isSending = false;
  }

  /** Tries the same one again after a while, so that none overtakes another. @param {{ retryAfterMs?: number }} error */
  #again(error) {
    const wait = (error.retryAfterMs ?? 0) + backoff(this.#failures);
    this.#failures += 1;
    this.#isOpen = false;
    this.#timer = setTimeout(() => this.open(), wait);
  }

  /** @param {Entry} entry @param {() => void} tell */
  #settle(entry, tell) {
    const at = this.#entries.indexOf(entry);
    if (at < 0) return;
    this.#entries.splice(at, 1);
    tell();
  }

  /** Nothing of what waits will go out. @param {Error} error */
  refuse(error) {
    this.hold();
    for (const entry of [...this.#entries]) this.#settle(entry, () => entry.reject(error));
  }
}
