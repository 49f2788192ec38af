// Who of the account is connected and how they are: read page by page, kept by news, read again where news do not say all.

import { backoff } from './backoff.js';
import { Emitter } from './emitter.js';
import { isPassing } from './errors.js';

/** Of more users than this the rest is not read. */
const USERS_MAX = 5_000;

/** What was not told in full is read again after a while; all others do the same. */
const READ_AGAIN_MS = { least: 1_000, spread: 4_000 };

/** @typedef {import('../protocol.js').OnlineUser} OnlineUser */
/** @typedef {import('../protocol.js').PresenceChanged} PresenceChanged */
/** @typedef {import('../protocol.js').PresenceSaid} PresenceSaid */

/**
 * - `changed`: `online` is another.
 *
 * @typedef {{ changed: Presence }} PresenceEvents
 */

/** @extends {Emitter<PresenceEvents>} */
export class Presence extends Emitter {
  /** Who is connected, by user. @type {ReadonlyMap<string, OnlineUser>} */
  online = new Map();
  /** How many are. */
  count = 0;

  #client;
  /** @type {PresenceChanged[] | null} */
  #early = null;
  #failures = 0;
  #isOver = false;
  /** What the user has said of themselves here, and each new connection has to say again. @type {PresenceSaid} */
  #said = 'online';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @internal @param {Pick<import('./client.js').Client, 'request'>} client */
  constructor(client) {
    super();
    this.#client = client;
  }

  /**
   * Says how the user is at this device, until it is said otherwise, also over lost connections.
   *
   * @param {PresenceSaid} status
   * @returns {Promise<void>}
   */
  async set(status) {
    this.#said = status;
    await this.#client.request('presence.set', { status });
  }

  /** @internal Reads all of it. What is told meanwhile is newer than the page before it. */
  async resume() {
    if (this.#early || this.#isOver) return;
    clearTimeout(this.#timer);
    this.#early = [];
    if (this.#said !== 'online') this.set(this.#said).catch(() => {});
    try {
      await this.#read();
      this.#failures = 0;
    } catch (error) {
      if (error.code !== 'offline' && (isPassing(error) || error.fault !== 'caller')) this.#readLater(backoff((this.#failures += 1)));
      throw error;
    } finally {
      const late = this.#early ?? [];
      this.#early = null;
      late.forEach((change) => this.#apply(change));
    }
  }

  async #read() {
    /** @type {Map<string, OnlineUser>} */
    const users = new Map();
    let answer, after;
    do {
      answer = await this.#client.request('presence.subscribe', { after });
      for (const user of answer.users) users.set(user.userId, user);
      after = answer.users.at(-1)?.userId;
    } while (answer.more && users.size < USERS_MAX);
    this.#show(users, answer.onlineCount);
  }

  /** @param {number} ms */
  #readLater(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.resume().catch(() => {}), ms);
  }

  /** @internal @param {PresenceChanged} change */
  handle(change) {
    if (this.#early) this.#early.push(change);
    else this.#apply(change);
  }

  /** @param {PresenceChanged} change */
  #apply({ online, offline, onlineCount, complete }) {
    const users = new Map(this.online);
    for (const user of online) users.set(user.userId, user);
    for (const userId of offline) users.delete(userId);
    this.#show(users, onlineCount);
    if (!complete) this.#readLater(READ_AGAIN_MS.least + READ_AGAIN_MS.spread * Math.random());
  }

  /** @param {ReadonlyMap<string, OnlineUser>} users @param {number} count */
  #show(users, count) {
    this.online = users;
    this.count = count;
    this.emit('changed', this);
  }

  /** @internal */
  end() {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}
