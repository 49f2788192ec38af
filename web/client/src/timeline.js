// The messages of a room as a list: the latest and all that follow, as they are by now, and older ones on demand.

import { Emitter } from './emitter.js';

/** @typedef {import('../protocol.js').RoomMessage} RoomMessage */

/**
 * - `changed`: `messages` or `complete` is another. Of what is told in one go it comes once.
 *
 * @typedef {{ changed: Timeline }} TimelineEvents
 */

/** @extends {Emitter<TimelineEvents>} */
export class Timeline extends Emitter {
  /** Whether there are none before them. */
  complete = false;

  #room;
  /** @type {RoomMessage[]} */
  #all = [];
  /** A copy of them as they are now, once somebody has asked for it. @type {readonly RoomMessage[] | null} */
  #shown = null;
  #isDue = false;
  /** Changes that were told while a page is read, which may be older. @type {Set<Map<number, RoomMessage>>} */
  #reading = new Set();

  /** @internal @param {import('./room.js').Room} room */
  constructor(room) {
    super();
    this.#room = room;
    room.on('reload', ({ messages, complete }) => this.#show(messages, complete));
    room.on('message', (message) => {
      this.#all.push(message);
      this.#change();
    });
    room.on('changed', (message) => this.#replace(message));
  }

  /**
   * The oldest first, each as it is now: another list after every change, with another object for each message that has
   * changed or answers one that has. It begins anew with every `reload` of the room, and is never shortened otherwise.
   *
   * @returns {readonly RoomMessage[]}
   */
  get messages() {
    this.#shown ??= [...this.#all];
    return this.#shown;
  }

  /**
   * Reads messages before the first one, if there are any.
   *
   * @param {{ limit?: number, signal?: AbortSignal }} [page]
   * @returns {Promise<void>}
   */
  async older({ limit, signal } = {}) {
    const [first] = this.#all;
    if (this.complete || !first) return;
    /** @type {Map<number, RoomMessage>} */
    const changed = new Map();
    this.#reading.add(changed);
    try {
      const page = await this.#room.history({ before: first.seq, limit, signal });
      // Begun anew meanwhile, or read twice at once.
      if (this.#all[0]?.seq !== first.seq) return;
      const older = page.messages.map((message) => changed.get(message.seq) ?? message);
      this.#show([...older, ...this.#all], !page.more);
    } finally {
      this.#reading.delete(changed);
    }
  }

  /** @param {RoomMessage} changed */
  #replace(changed) {
    for (const reading of this.#reading) reading.set(changed.seq, changed);
    let isShown = false;
    for (const [at, message] of this.#all.entries()) {
      if (message.seq !== changed.seq && message.replyTo !== changed.seq) continue;
      // What answers it shows it.
      this.#all[at] = message.seq === changed.seq ? changed : { ...message };
      isShown = true;
    }
    if (isShown) this.#change();
  }

  /** @param {readonly RoomMessage[]} messages @param {boolean} complete */
  #show(messages, complete) {
    this.#all = [...messages];
    this.complete = complete;
    this.#change();
  }

  #change() {
    this.#shown = null;
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      this.emit('changed', this);
    });
  }
}
