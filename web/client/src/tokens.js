// The token: asked of the page when it is needed, replaced on the open connection before it expires.

import { SwitchboardError } from './errors.js';

/** A page that never answers must not hold the connection for ever. */
const ASK_TIMEOUT_MS = 30_000;

/** A token is replaced this long before it expires, or at half of its time if that is shorter. */
const MARGIN_MS = 60_000;

/** What is left of a token by a clock that is ahead of the server's says nothing: look again after this long. */
const CLOCK_AHEAD_MS = 30_000;

/** Browsers take no timer that is longer than 24 days, and fire it at once instead. */
const TIMER_MAX_MS = 86_400_000;

const FAILED_AGAIN_MS = 5_000;

/**
 * A token, or what gives one: `fresh` asks for another than the last one, which the server does not take any
 * more or soon will not. `null` says that nobody is signed in any more.
 *
 * @typedef {string | ((ask: { fresh: boolean, signal: AbortSignal }) => string | null | Promise<string | null>)} TokenSource
 */

export class Tokens {
  #source;
  /** The one that was used last. @type {string | null} */
  #last = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {TokenSource} source */
  constructor(source) {
    this.#source = source;
  }

  /** Whether there will never be another one. */
  get isFixed() {
    return typeof this.#source === 'string';
  }

  get last() {
    return this.#last;
  }

  /** @param {boolean} fresh @returns {Promise<string | null>} */
  async get(fresh) {
    const source = this.#source;
    if (typeof source === 'string') return (this.#last = source);
    const given = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let patience;
    const late = new Promise((_, reject) => {
      patience = setTimeout(() => {
        const error = new SwitchboardError('timeout', 'the page gave no token', { fault: 'caller' });
        given.abort(error);
        reject(error);
      }, ASK_TIMEOUT_MS);
    });
    try {
      const asked = Promise.resolve(source({ fresh, signal: given.signal }));
      return (this.#last = await /** @type {Promise<string | null>} */ (Promise.race([asked, late])));
    } finally {
      clearTimeout(patience);
    }
  }

  /**
   * Replaces the token in time, again and again. `refresh` tells the server and answers when the new one expires.
   *
   * @param {string} expiresAt by the server's clock
   * @param {(token: string) => Promise<string>} refresh
   */
  keepFresh(expiresAt, refresh) {
    this.rest();
    if (this.isFixed) return;
    const left = Date.parse(expiresAt) - Date.now();
    const wait = left > 0 ? left - Math.min(MARGIN_MS, left / 2) : CLOCK_AHEAD_MS;
    this.#timer = setTimeout(() => (wait > TIMER_MAX_MS ? this.keepFresh(expiresAt, refresh) : this.#replace(expiresAt, refresh)), Math.min(wait, TIMER_MAX_MS));
  }

  /** @param {string} expiresAt @param {(token: string) => Promise<string>} refresh */
  async #replace(expiresAt, refresh) {
    const timer = this.#timer;
    try {
      const token = await this.get(true);
      // Nobody is signed in any more: the server ends the connection when the token does.
      if (token === null || timer !== this.#timer) return;
      const until = await refresh(token);
      if (timer === this.#timer) this.keepFresh(until, refresh);
    } catch {
      if (timer === this.#timer) this.#timer = setTimeout(() => this.#replace(expiresAt, refresh), FAILED_AGAIN_MS);
    }
  }

  /** No connection, nothing to refresh. */
  rest() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
