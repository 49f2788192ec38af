// Rows of a table, followed: every change that is committed, in order and each once.

import { Emitter } from './emitter.js';
import { Hold } from './hold.js';
import { Stream } from './stream.js';

/** @typedef {import('../protocol.js').FeedSubscribed} FeedSubscribed */
/** @typedef {import('../protocol.js').FeedChanged} FeedChanged */

/**
 * - `change`: the next one, in order, each once.
 * - `reload`: read the rows by REST: at first, and again whenever more was missed than can be replayed. If the handler
 *   returns a promise, changes wait until it settles: they are newer, or told a second time.
 * - `ended`: a newer token does not allow it any more.
 * - `failed`: it cannot be followed.
 *
 * @typedef {{ change: FeedChanged, reload: { seq: number, isFirst: boolean }, ended: undefined, failed: import('./errors.js').SwitchboardError }} FeedEvents
 */

/** @extends {Emitter<FeedEvents>} */
export class Feed extends Emitter {
  #client;
  #left;
  #hold = new Hold();
  /** The server's name for it, which its events carry. @type {string | null} */
  #name = null;
  /** @type {Stream<FeedSubscribed, FeedChanged>} */
  #stream;

  /**
   * @internal
   * @param {{ table: string, filter?: Record<string, unknown> }} what
   * @param {Pick<import('./client.js').Client, 'request'>} client
   * @param {() => void} left
   */
  constructor(what, client, left) {
    super();
    this.table = what.table;
    this.filter = what.filter;
    this.#client = client;
    this.#left = left;
    this.#stream = new Stream({
      ask: async (after) => {
        const answer = await client.request('feed.subscribe', { ...what, after });
        this.#name = answer.feed;
        return answer;
      },
      items: ({ changes }) => changes,
      isGapless: false,
      next: (change) => this.#hold.run(() => this.emit('change', change)),
      settled: ({ seq }, { continues, isFirst }) => {
        if (!continues) this.#hold.run(() => this.#hold.until(this.emit('reload', { seq, isFirst })));
      },
      failed: (error) => this.emit('failed', error),
    });
  }

  get status() {
    return this.#stream.status;
  }

  /** The number of the account's change up to which this is known. */
  get seq() {
    return this.#stream.seq;
  }

  /** Follows no longer. */
  leave() {
    if (this.status === 'ended') return;
    this.end();
    this.#left();
    if (this.#name !== null) this.#client.request('feed.unsubscribe', { feed: this.#name }).catch(() => {});
  }

  /** @internal */
  resume() {
    return this.#stream.resume();
  }

  /** @internal @param {string} name */
  reload(name) {
    if (name === this.#name) this.#stream.resume({ reload: true }).catch(() => {});
  }

  /** @internal A change of any feed: which one is ours is known once the answer is there. @param {FeedChanged} change */
  handle(change) {
    this.#stream.inOrder(() => change.feed === this.#name && this.#stream.receive(change));
  }

  /** @internal @param {string} name */
  handleEnd(name) {
    this.#stream.inOrder(() => {
      if (name !== this.#name) return;
      this.end();
      this.#left();
      this.emit('ended', undefined);
    });
  }

  /** @internal */
  end() {
    this.#stream.end();
  }
}
