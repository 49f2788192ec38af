// The account's inbox, followed: its events in order and each once.

import { Emitter } from './emitter.js';
import { Hold } from './hold.js';
import { Stream } from './stream.js';

/** @typedef {import('../protocol.js').InboxSubscribed} InboxSubscribed */
/** @typedef {import('../protocol.js').SequencedInboxEvent} SequencedInboxEvent */

/**
 * - `event`: the next one, in order, each once, whether it came by itself or was missed and made up for.
 * - `reload`: read conversations and messages by REST: at first, and again whenever more was missed than can be
 *   replayed. If the handler returns a promise, events wait until it settles: they are newer, or told a second time.
 * - `failed`: it cannot be followed.
 *
 * @typedef {{ event: SequencedInboxEvent, reload: { seq: number, isFirst: boolean }, failed: import('./errors.js').SwitchboardError }} InboxEvents
 */

/** @extends {Emitter<InboxEvents>} */
export class Inbox extends Emitter {
  #client;
  #left;
  #hold = new Hold();
  /** @type {Stream<InboxSubscribed, SequencedInboxEvent>} */
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
      ask: (after) => client.request('inbox.subscribe', { after }),
      items: ({ events }) => events,
      isGapless: true,
      next: (event) => this.#hold.run(() => this.emit('event', event)),
      settled: ({ seq }, { continues, isFirst }) => {
        if (!continues) this.#hold.run(() => this.#hold.until(this.emit('reload', { seq, isFirst })));
      },
      failed: (error) => this.emit('failed', error),
    });
  }

  get status() {
    return this.#stream.status;
  }

  /** The number of the latest event. */
  get seq() {
    return this.#stream.seq;
  }

  /** Follows no longer. */
  leave() {
    if (this.status === 'ended') return;
    this.end();
    this.#left();
    this.#client.request('inbox.unsubscribe', {}).catch(() => {});
  }

  /** @internal */
  resume() {
    return this.#stream.resume();
  }

  /** @internal */
  reload() {
    return this.#stream.resume({ reload: true });
  }

  /** @internal @param {SequencedInboxEvent} event */
  handle(event) {
    this.#stream.receive(event);
  }

  /** @internal */
  end() {
    this.#stream.end();
  }
}
