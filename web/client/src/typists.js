// Who else types: until they stop, say something or go, and no longer than for a while.

/** Whoever goes on typing says so again before that. */
const FORGOTTEN_MS = 6_000;

/** Somebody who types, by one of their devices. `name`: as far as it is known. @typedef {{ connectionId: string, userId: string, name: string | null }} Typist */

export class Typists {
  /** Those who began last come last. @type {readonly Typist[]} */
  all = [];

  #changed;
  /** By connection. @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {Typist} typist @param {boolean} typing */
  hear(typist, typing) {
    const { connectionId } = typist;
    this.#stop(connectionId);
    if (typing) this.#timers.set(connectionId, setTimeout(() => this.gone(connectionId), FORGOTTEN_MS));
    const others = this.all.filter((one) => one.connectionId !== connectionId);
    this.#show(typing ? [...others, typist] : others);
  }

  /** Whoever says something has stopped. @param {string} userId */
  said(userId) {
    this.#forget((typist) => typist.userId === userId);
  }

  /** @param {string} connectionId */
  gone(connectionId) {
    this.#forget((typist) => typist.connectionId === connectionId);
  }

  clear() {
    this.#forget(() => true);
  }

  /** @param {(typist: Typist) => boolean} isForgotten */
  #forget(isForgotten) {
    const forgotten = this.all.filter(isForgotten);
    if (forgotten.length === 0) return;
    for (const { connectionId } of forgotten) this.#stop(connectionId);
    this.#show(this.all.filter((typist) => !forgotten.includes(typist)));
  }

  /** @param {string} connectionId */
  #stop(connectionId) {
    clearTimeout(this.#timers.get(connectionId));
    this.#timers.delete(connectionId);
  }

  /** @param {Typist[]} all */
  #show(all) {
    this.all = all;
    this.#changed();
  }
}
