// Messages on their way: in order, one at a time, kept over reconnects until the server has stored them; over the end of
// the page as well, if there is a place that keeps them.

import { backoff } from './backoff.js';
import { SwitchboardError, isPassing } from './errors.js';
import { randomId } from './random-id.js';

/**
 * A place that does not answer for so long is done without: what it was to keep lives as long as the page. It is still told
 * what is settled, as it may only be slow, and the next page would send that again.
 */
const KEEP_MS = 5_000;

/** Who has waited for their turn for so long sends without it: another page may be frozen in the middle of its own. */
const TURN_MS = 10_000;

/** @typedef {import('../protocol.js').RoomMessage} RoomMessage */
/** @typedef {import('../protocol.js').RoomSend} RoomSend */
/** @typedef {Omit<RoomSend, 'roomId' | 'clientId'>} Draft what a message says */

/**
 * A message that is not stored by the server yet. `at`: when it was written (RFC 3339). `error`: why the server refused
 * it; it is not sent again before `retry`.
 *
 * @typedef {{ message: Omit<RoomSend, 'roomId'>, at: string, error: { code: string, message: string } | null }} Waiting
 */

/**
 * A message on its way, until it is told with all others. `storedAs`: the id of the message that it is by now, while
 * something is missing before that.
 *
 * @typedef {Waiting & { storedAs: string | null }} Pending
 */

/**
 * A place that outlives the page, for the messages of one user to one room. Whatever of it fails or hangs, messages are
 * sent all the same, from this page.
 *
 * @typedef {object} Keep
 * @property {() => Promise<Waiting[]>} all in the order in which they were put
 * @property {(waiting: Waiting) => Promise<unknown>} put at the end; one that is there already is changed in its place
 * @property {(clientId: string) => Promise<unknown>} remove
 * @property {(work: () => Promise<void>) => Promise<void>} inTurn while it runs, no other page does such work for this room
 * @property {(look: () => void) => () => void} [watch] calls `look` whenever another page has changed what is kept, or it
 *   can be kept again, until the function that it returns is called
 */

/** @typedef {Waiting & { resolve: (stored: RoomMessage) => void, reject: (error: Error) => void, isKept: boolean, isUnkept: boolean }} Entry */

const ignore = () => {};

export class Outbox {
  /** @type {Entry[]} */
  #entries = [];
  /** Client ids of what is settled, while the place may still have it. @type {Set<string>} */
  #settled = new Set();
  /** What is stored with a number that was not told yet. @type {{ pending: Pending, seq: number }[]} */
  #untold = [];
  #toldSeq = 0;
  #send;
  /** The place, for as long as it answers. */
  #keep;
  /** @type {Keep['remove'] | undefined} */
  #remove;
  /** Whether what the server refused stays until it is tried again or discarded: where it would outlive the page. */
  #keepsRefused;
  #unwatch;
  #changed;
  #isSending = false;
  /** Whether a turn was asked for that has not come. */
  #awaitsTurn = false;
  #isOpen = false;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {(message: Omit<RoomSend, 'roomId'>) => Promise<RoomMessage>} send
   * @param {{ keep?: Keep | null, changed?: () => void }} [options] `keep`: what the server refuses stays there, too, until
   *   it is tried again or discarded; `changed`: look at `pending` again
   */
  constructor(send, { keep = null, changed = ignore } = {}) {
    this.#send = send;
    this.#keep = keep;
    this.#keepsRefused = keep !== null;
    this.#remove = keep?.remove.bind(keep);
    this.#unwatch = keep?.watch?.(() => this.restore()) ?? ignore;
    this.#changed = changed;
  }

  /** What is not told yet, in the order of sending. @returns {Pending[]} */
  get pending() {
    const untold = this.#untold.map(({ pending }) => pending);
    const waiting = this.#entries.filter((entry) => !untold.some(({ message }) => message.clientId === entry.message.clientId));
    return [...untold, ...waiting.map(({ message, at, error }) => ({ message, at, error, storedAs: null }))];
  }

  /** All messages of the room up to this number were told. @param {number} seq */
  told(seq) {
    this.#toldSeq = seq;
    const untold = this.#untold.filter((stored) => stored.seq > seq);
    if (untold.length === this.#untold.length) return;
    this.#untold = untold;
    this.#changed();
  }

  /**
   * Resolves once the message is stored. Its `clientId` makes a second try of the same message harmless.
   *
   * @param {Draft} draft
   * @param {{ clientId?: string, signal?: AbortSignal, refusal?: Error | null }} [options] `refusal`: it is refused already
   * @returns {Promise<RoomMessage>}
   */
  add(draft, { clientId = randomId(), signal, refusal = null } = {}) {
    if (signal?.aborted) return Promise.reject(/** @type {Error} */ (signal.reason));
    return new Promise((resolve, reject) => {
      const abort = () => this.#settle(entry, () => entry.reject(signal?.reason));
      const over = () => signal?.removeEventListener('abort', abort);
      /** @type {Entry} */
      const entry = {
        message: { ...draft, clientId }, at: new Date().toISOString(), error: null, isKept: false, isUnkept: false,
        resolve: (stored) => (over(), resolve(stored)),
        reject: (error) => (over(), reject(error)),
      };
      signal?.addEventListener('abort', abort);
      this.#entries.push(entry);
      if (refusal) return this.#refuse(entry, refusal);
      this.#put(entry);
      this.#changed();
      return this.#flush();
    });
  }

  /** Sends what was refused once more, where it stands. @param {string} clientId */
  retry(clientId) {
    const entry = this.#entries.find(({ message }) => message.clientId === clientId);
    if (!entry?.error) return;
    this.#refuse(entry, null);
    this.#flush();
  }

  /** What is not stored yet is not to be sent any more. @param {string} clientId */
  discard(clientId) {
    const entry = this.#entries.find(({ message }) => message.clientId === clientId);
    if (entry) this.#settle(entry, () => entry.reject(new SwitchboardError('closed', 'the message was discarded', { fault: 'caller' })));
  }

  /** Looks at what is kept: of an earlier page, and of what others do meanwhile. */
  async restore() {
    await this.#read();
    this.#flush();
  }

  /** Nobody waits for anything of it any more. What is kept is sent by another page, or by this one later. @param {Error} error */
  end(error) {
    this.hold();
    this.#unwatch();
    this.#changed = ignore;
    for (const entry of [...this.#entries]) {
      if (this.#keepsRefused) entry.reject(error);
      else this.#settle(entry, () => entry.reject(error));
    }
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

  #next() {
    return this.#entries.find(({ error }) => !error);
  }

  async #flush() {
    if (this.#isSending || !this.#isOpen) return;
    this.#isSending = true;
    // Without a place there are no others whose turn it could be.
    if (!this.#keep) await this.#sendAll();
    else await this.#takeTurn(this.#keep);
    this.#isSending = false;
    // Added after the last one was looked for.
    if (this.#next()) this.#flush();
  }

  /** Sends while no other page does, or when the turn does not come: a second try of the same message is harmless. @param {Keep} keep */
  #takeTurn(keep) {
    const send = () => this.#read().then(() => this.#sendAll());
    // In vain already: whoever has the turn is not waited for with every message, nor is another one asked for.
    if (this.#awaitsTurn) return send().catch(ignore);
    this.#awaitsTurn = true;
    return new Promise((/** @type {(sent: void) => void} */ resolve) => {
      /** @type {Promise<void> | undefined} */
      let begun;
      const begin = () => {
        clearTimeout(timer);
        return (begun ??= send());
      };
      const come = () => {
        this.#awaitsTurn = false;
        return begin();
      };
      const timer = setTimeout(() => begin().then(resolve, resolve), TURN_MS);
      keep.inTurn(come).catch(come).then(resolve, resolve);
    });
  }

  /**
   * What the place answers; null if it fails, or does not answer in time.
   *
   * @template T
   * @param {Promise<T>} answer
   * @returns {Promise<T | null>}
   */
  #answered(answer) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#keep = null;
        resolve(null);
      }, KEEP_MS);
      const end = (/** @type {T | null} */ value) => {
        clearTimeout(timer);
        resolve(value);
      };
      answer.then(end, () => end(null));
    });
  }

  async #sendAll() {
    for (let entry = this.#next(); entry && this.#isOpen; entry = this.#next()) {
      const own = entry;
      try {
        const stored = await this.#send(own.message);
        this.#failures = 0;
        if (stored.seq > this.#toldSeq) {
          const { message, at } = own;
          this.#untold.push({ pending: { message, at, error: null, storedAs: stored.id }, seq: stored.seq });
        }
        await this.#settle(own, () => own.resolve(stored));
      } catch (error) {
        if (!isPassing(error)) this.#refuse(own, error);
        else if (error.code !== 'offline') this.#again(error);
        else this.hold();
      }
    }
  }

  /** Tries the same one again after a while, so that none overtakes another. @param {{ retryAfterMs?: number }} error */
  #again(error) {
    // Held meanwhile, or nobody's any more: whoever opens it again sends it.
    if (!this.#isOpen) return;
    const wait = (error.retryAfterMs ?? 0) + backoff(this.#failures);
    this.#failures += 1;
    this.#isOpen = false;
    this.#timer = setTimeout(() => this.open(), wait);
  }

  /** @param {Entry} entry @param {(Error & { code?: string }) | null} error */
  #refuse(entry, error) {
    if (error && !this.#keepsRefused) return this.#settle(entry, () => entry.reject(error));
    entry.error = error && { code: error.code ?? 'internal', message: error.message };
    this.#put(entry);
    this.#changed();
    return error && entry.reject(error);
  }

  /** @param {Entry} entry */
  #put(entry) {
    const { message, at, error } = entry;
    entry.isUnkept = false;
    this.#keep?.put({ message, at, error }).then(() => (entry.isKept = true), () => (entry.isUnkept = true));
  }

  /** @param {Entry} entry @param {() => void} tell */
  #settle(entry, tell) {
    const at = this.#entries.indexOf(entry);
    if (at < 0) return undefined;
    const { clientId } = entry.message;
    this.#entries.splice(at, 1);
    tell();
    this.#changed();
    if (!this.#remove) return undefined;
    this.#settled.add(clientId);
    const removed = this.#remove(clientId).then(() => this.#settled.delete(clientId));
    if (this.#keep) return this.#answered(removed);
    removed.catch(ignore);
    return undefined;
  }

  /** Takes up what is kept, before what is not kept yet; forgets what others have sent or discarded. */
  async #read() {
    // What is put while the place is asked need not be in its answer.
    const before = new Set(this.#entries.filter(({ isKept }) => isKept));
    const kept = this.#keep && await this.#answered(this.#keep.all());
    if (!kept) return;
    const known = new Map(this.#entries.map((entry) => [entry.message.clientId, entry]));
    const there = kept.filter(({ message }) => !this.#settled.has(message.clientId))
      .map((waiting) => Object.assign(known.get(waiting.message.clientId) ?? { resolve: ignore, reject: ignore }, waiting, { isKept: true, isUnkept: false }));
    const others = this.#entries.filter((entry) => !there.includes(entry));
    this.#entries = [...there, ...others.filter((entry) => !before.has(entry))];
    const elsewhere = new SwitchboardError('closed', 'the message was sent or discarded by another page', { fault: 'caller' });
    for (const entry of others) if (before.has(entry)) entry.reject(elsewhere);
    // The place did not take it, and is there again.
    for (const entry of this.#entries) if (entry.isUnkept) this.#put(entry);
    this.#changed();
  }

  /** Nothing of what waits will go out. @param {Error} error */
  refuse(error) {
    this.hold();
    for (const entry of [...this.#entries]) if (!entry.error) this.#refuse(entry, error);
  }
}
