// The user's own mailbox, followed: mentions and missed calls, told once each, and what of them is news to the user.

import { Emitter } from './emitter.js';
import { Stream } from './stream.js';

/** As many as the server keeps of each user. */
const ENTRIES_MAX = 1_000;

/** @typedef {import('../protocol.js').MailboxEntry} MailboxEntry */
/** @typedef {import('../protocol.js').MailboxSubscribed} MailboxSubscribed */

/** An answer as a stream takes it. @typedef {MailboxSubscribed & { more: boolean, recovered: boolean }} Answer */

/**
 * - `entry`: the next one, in order and each once, whether it came by itself or was missed and made up for.
 * - `reload`: show `entries` instead of all that was known: at first, and again when more was missed than is answered.
 * - `changed`: after any of that, and when something was read or acknowledged on whatever device: look at `entries` again.
 * - `failed`: it cannot be followed.
 *
 * @typedef {{ entry: MailboxEntry, reload: { isFirst: boolean }, changed: Mailbox, failed: import('./errors.js').SwitchboardError }} MailboxEvents
 */

/** @extends {Emitter<MailboxEvents>} */
export class Mailbox extends Emitter {
  /** What is known of it, the oldest first. @type {readonly MailboxEntry[]} */
  entries = [];
  /** Up to which number the user's devices have acknowledged. */
  acknowledgedSeq = 0;
  /** Whether these are all there are. If not, earlier ones are read by REST (`GET /v1/me/mailbox`). */
  complete = false;

  /** Up to which number this device has acknowledged, unless that failed. */
  #said = 0;
  #client;
  #left;
  /** @type {Stream<Answer, MailboxEntry>} */
  #stream;

  /**
   * @internal
   * @param {Pick<import('./client.js').Client, 'request'>} client
   * @param {() => void} left
   */
  constructor(client, left) {
    super();
    this.#client = client;
    this.#left = left;
    this.#stream = new Stream({
      ask: (after) => this.#ask(after),
      items: ({ entries }) => entries,
      isGapless: true,
      next: (entry) => {
        this.entries = [...this.entries, entry].slice(-ENTRIES_MAX);
        this.emit('entry', entry);
        this.emit('changed', this);
      },
      settled: (answer, how) => this.#settle(answer, how),
      failed: (error) => this.emit('failed', error),
    });
  }

  get status() {
    return this.#stream.status;
  }

  /** The number of the latest entry. */
  get seq() {
    return this.#stream.seq;
  }

  /** How many of `entries` the user does not know of yet. */
  get unread() {
    return this.entries.filter(({ read }) => !read).length;
  }

  /**
   * The user has seen all up to this number: it is read on all of their devices. Shown at once; if the server does not
   * hear of it, it is shown as it is there.
   *
   * @param {number} [seq] all that is here, if absent
   * @returns {Promise<void>}
   */
  async acknowledge(seq = this.seq ?? 0) {
    if (seq <= this.acknowledgedSeq) return;
    this.#acknowledged(seq);
    this.#said = seq;
    try {
      await this.#client.request('mailbox.acknowledge', { seq });
    } catch (error) {
      if (this.#said === seq) this.#said = 0;
      // Without a connection the next one reads it anyway.
      if (error.code !== 'offline' && this.status === 'joined') this.#stream.resume().catch(() => {});
      throw error;
    }
  }

  /**
   * The user has read a room as far as a message, and knows by that of mentions in it. The server knows it by
   * `room.read`; this shows it at once.
   *
   * @param {string} roomId
   * @param {number} [upTo] the number of the message; the latest if absent
   */
  readIn(roomId, upTo = Infinity) {
    this.#mark((entry) => entry.roomId === roomId && entry.kind === 'mention' && (entry.messageSeq ?? 0) <= upTo);
  }

  /** Follows no longer. */
  leave() {
    if (this.status === 'ended') return;
    this.end();
    this.#left();
    this.#client.request('mailbox.unsubscribe', {}).catch(() => {});
  }

  /**
   * Always the latest: what was read meanwhile in rooms and on other devices is known by them alone.
   *
   * @param {number | undefined} after
   * @returns {Promise<Answer>}
   */
  async #ask(after) {
    const answer = await this.#client.request('mailbox.subscribe', {});
    const oldest = answer.entries[0]?.seq ?? answer.seq + 1;
    const recovered = after !== undefined && answer.seq >= after && (answer.complete || oldest <= after + 1);
    return { ...answer, more: false, recovered };
  }

  /** @param {Answer} answer @param {{ continues: boolean, isFirst: boolean }} how */
  #settle({ entries, seq: latest, acknowledgedSeq: heard, complete }, { continues, isFirst }) {
    // What we have acknowledged since it was asked for is newer than the answer.
    const acknowledgedSeq = Math.max(heard, Math.min(this.#said, latest));
    const oldest = entries[0]?.seq ?? Infinity;
    const before = continues ? this.entries.filter(({ seq }) => seq < oldest) : [];
    this.complete = complete || (continues && this.complete);
    this.acknowledgedSeq = acknowledgedSeq;
    this.entries = [...before, ...entries].map((entry) => (entry.seq <= acknowledgedSeq ? { ...entry, read: true } : entry));
    if (!continues) this.emit('reload', { isFirst });
    this.emit('changed', this);
  }

  /** @param {number} seq */
  #acknowledged(seq) {
    if (seq <= this.acknowledgedSeq) return;
    this.acknowledgedSeq = seq;
    this.#mark((entry) => entry.seq <= seq);
  }

  /** @param {(entry: MailboxEntry) => boolean} isRead */
  #mark(isRead) {
    const isNews = (/** @type {MailboxEntry} */ entry) => !entry.read && isRead(entry);
    if (!this.entries.some(isNews)) return;
    this.entries = this.entries.map((entry) => (isNews(entry) ? { ...entry, read: true } : entry));
    this.emit('changed', this);
  }

  /** @internal */
  resume() {
    return this.#stream.resume();
  }

  /** @internal @param {MailboxEntry} entry */
  handle(entry) {
    this.#stream.receive(entry);
  }

  /** @internal @param {number} seq */
  handleAcknowledged(seq) {
    this.#stream.inOrder(() => this.#acknowledged(seq));
  }

  /** @internal Another device of the user has read a room as far as a message. @param {string} roomId @param {number} seq */
  handleRead(roomId, seq) {
    this.#stream.inOrder(() => this.readIn(roomId, seq));
  }

  /** @internal */
  end() {
    this.#stream.end();
  }
}
