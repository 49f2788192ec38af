// What stands in for a WebSocket where the network lets none through: the server is heard by server-sent events, or
// by long polling where something on the way gathers them, and is told things by POST (docs/PROTOCOL.md, "Without a
// WebSocket").

import { EventText } from './event-text.js';

/** A stream that does not flow after this time does not get through; and a request that nobody answers failed. */
const FLOWS_WITHIN_MS = 3_000;
const ANSWER_TIMEOUT_MS = 15_000;

/** The server shows every 15 seconds that a stream lives. */
const QUIET_MAX_MS = 40_000;

const POLL_S = 20;

/** For so long is tried what fails, with a pause before each try. */
const GIVE_UP_MS = 20_000;
const PAUSE_MS = 500;

/** An answer that ends sooner and says nothing was none. */
const SOON_MS = 1_000;

/** What is posted at once: the longest frame, or as many as fit. */
const BATCH_FRAMES_MAX = 64;
const BATCH_CHARS_MAX = 40_000;

const OPEN = 1;
const CLOSED = 3;

/** What browsers say of a connection that broke, and of one that was closed without a code. */
const BROKEN = 1006;
const CLOSED_HERE = 1005;

/** Servers on the way to which something gathers what they say, for as long as the page lives. @type {Set<string>} */
const gathering = new Set();

/** The connection is gone. */
class Gone extends Error {}

/** Has as much of a `WebSocket` as the client uses. */
export class EventSocket {
  readyState = 0;
  /** @type {(() => void) | null} */
  onopen = null;
  /** @type {((event: { data: string }) => void) | null} */
  onmessage = null;
  /** @type {((event: { code: number }) => void) | null} */
  onclose = null;

  #server;
  #fetch;
  /** The connection's own address, once there is one. */
  #url = '';
  #secret = '';
  #seen = 0;
  #isPolling;
  #stream = new AbortController();
  /** @type {string[]} */
  #outbox = [];
  #number = 0;
  #isPosting = false;
  #isLeaving = false;
  /** Nothing more is asked. */
  #isOver = false;
  /** When a stream began to flow: what failed before that does so no more. */
  #flowedAt = 0;

  /** @param {string} url `https://…/v1/events` @param {typeof globalThis.fetch} fetch */
  constructor(url, fetch) {
    this.#server = url;
    this.#fetch = fetch;
    this.#isPolling = gathering.has(url);
    this.#open();
  }

  /** @param {string} text */
  send(text) {
    this.#outbox.push(text);
    this.#post();
  }

  /** Closes it; what was said before is still posted. */
  close() {
    if (this.readyState === CLOSED) return;
    this.#isLeaving = this.#url !== '';
    this.#isOver = !this.#isLeaving;
    this.#end(CLOSED_HERE);
    this.#post();
  }

  async #open() {
    try {
      const response = await this.#ask(this.#server, { method: 'POST' });
      if (response.status !== 201) throw new Gone();
      const { id, secret } = await response.json();
      this.#url = `${this.#server}/${id}`;
      this.#secret = secret;
      if (this.readyState === CLOSED) return this.#leave();
    } catch {
      return this.#end(BROKEN);
    }
    this.readyState = OPEN;
    globalThis.addEventListener?.('pagehide', this.#hide);
    this.#hear();
    this.onopen?.();
  }

  /** The page goes, and need not be waited for. */
  #hide = () => {
    this.#leave();
    this.#end(BROKEN);
  };

  /** @param {number} code */
  #end(code) {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    globalThis.removeEventListener?.('pagehide', this.#hide);
    this.#stream.abort();
    if (!this.#isLeaving) this.#isOver = true;
    queueMicrotask(() => this.onclose?.({ code }));
  }

  #leave() {
    this.#isOver = true;
    this.#ask(this.#url, { method: 'DELETE', keepalive: true }).catch(() => {});
  }

  /** @param {string} url @param {RequestInit} options @returns {Promise<Response>} */
  async #ask(url, options, timeoutMs = ANSWER_TIMEOUT_MS) {
    const given = new AbortController();
    const timer = setTimeout(() => given.abort(), timeoutMs);
    try {
      return await this.#fetch(url, { signal: given.signal, cache: 'no-store', ...options, headers: this.#headers(options.headers) });
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {HeadersInit} [more] @returns {Record<string, string>} */
  #headers(more) {
    return { ...(this.#secret ? { authorization: `Bearer ${this.#secret}` } : {}), .../** @type {Record<string, string>} */ (more) };
  }

  /**
   * Does it until it succeeds, or has failed for too long.
   *
   * @param {() => Promise<void>} work
   * @param {() => boolean} goesOn
   * @param {() => number} [workedAt] when it worked for a while before it failed
   */
  async #persist(work, goesOn, workedAt = () => 0) {
    let failingSince = 0;
    while (goesOn()) {
      try {
        return await work();
      } catch (error) {
        if (!goesOn()) return undefined;
        if (failingSince <= workedAt()) failingSince = performance.now();
        if (error instanceof Gone || performance.now() - failingSince >= GIVE_UP_MS) {
          this.#isLeaving = false;
          this.#isOver = true;
          return this.#end(BROKEN);
        }
        const { retryAfterMs = 0 } = /** @type {{ retryAfterMs?: number }} */ (error);
        await new Promise((resolve) => setTimeout(resolve, Math.max(retryAfterMs, PAUSE_MS * (1 + Math.random()))));
      }
    }
    return undefined;
  }

  async #hear() {
    const isOpen = () => this.readyState === OPEN;
    while (isOpen()) await this.#persist(() => (this.#isPolling ? this.#poll() : this.#follow()), isOpen, () => this.#flowedAt);
  }

  /** One stream, to its end. */
  async #follow() {
    const timer = new Patience(FLOWS_WITHIN_MS, () => {
      // Whether it is gathered shows when an answer that ends comes through.
      this.#isPolling = true;
      this.#stream.abort();
    });
    const flows = () => {
      this.#flowedAt = performance.now();
      timer.extend(QUIET_MAX_MS, () => this.#stream.abort());
    };
    try {
      await this.#listen('', timer, flows);
    } catch (error) {
      if (!this.#isPolling) throw error;
    } finally {
      timer.end();
    }
  }

  /** One answer, as soon as there is something to say. */
  async #poll() {
    const timer = new Patience(POLL_S * 1_000 + ANSWER_TIMEOUT_MS, () => this.#stream.abort());
    try {
      await this.#listen(`?wait=${POLL_S}`, timer, () => {});
      gathering.add(this.#server);
    } finally {
      timer.end();
    }
  }

  /** @param {string} query @param {Patience} timer @param {() => void} flows */
  async #listen(query, timer, flows) {
    const began = performance.now();
    this.#stream = new AbortController();
    const before = this.#seen;
    const response = await this.#fetch(this.#url + query, {
      signal: this.#stream.signal, cache: 'no-store', headers: this.#headers({ 'last-event-id': String(before) }),
    });
    if (!response.ok || !response.body) throw failure(response);
    const text = new EventText();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      timer.heard();
      for (const event of text.read(decoder.decode(value, { stream: true }))) {
        if (event.name === 'flowing') flows();
        else this.#receive(event);
        if (this.readyState !== OPEN) return;
      }
    }
    if (this.#seen === before && performance.now() - began < SOON_MS) throw new Error('it ended at once');
  }

  /** @param {import('./event-text.js').ServerEvent} event */
  #receive({ name, id, data }) {
    if (name === 'close') return this.#end(JSON.parse(data).code);
    if (name !== 'message' || id <= this.#seen) return undefined;
    this.#seen = id;
    return this.onmessage?.({ data });
  }

  /** Posts what waits, one batch after the other. */
  async #post() {
    if (this.#isPosting || this.#url === '') return;
    this.#isPosting = true;
    // What is said in one task goes in one request.
    await Promise.resolve();
    const goesOn = () => !this.#isOver;
    while (this.#outbox.length > 0 && goesOn()) {
      const frames = this.#batch();
      this.#number += 1;
      const body = `{"number":${this.#number},"frames":[${frames.join(',')}]}`;
      // The same again after a lost answer is carried out once.
      await this.#persist(() => this.#say(body), goesOn);
    }
    this.#isPosting = false;
    if (this.#isLeaving && goesOn()) this.#leave();
  }

  #batch() {
    let [count, chars] = [0, 0];
    for (const text of this.#outbox.slice(0, BATCH_FRAMES_MAX)) {
      chars += text.length;
      if (count > 0 && chars > BATCH_CHARS_MAX) break;
      count += 1;
    }
    return this.#outbox.splice(0, count);
  }

  /** @param {string} body */
  async #say(body) {
    const response = await this.#ask(this.#url, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
    if (!response.ok) throw failure(response);
  }
}

/** What passes by itself is tried again, all else is the end. @param {Response} response */
function failure(response) {
  const isPassing = response.status >= 500 || response.status === 429 || response.status === 408;
  if (!isPassing) return new Gone(`HTTP ${response.status}`);
  const seconds = Number(response.headers.get('retry-after'));
  return Object.assign(new Error(`HTTP ${response.status}`), { retryAfterMs: Number.isFinite(seconds) ? seconds * 1_000 : 0 });
}

/** A deadline that is put off whenever something is heard. */
class Patience {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #ms;
  #isPutOff = false;
  #over;

  /** @param {number} ms @param {() => void} over */
  constructor(ms, over) {
    this.#ms = ms;
    this.#over = over;
    this.#start();
  }

  /** From now on as long as this after whatever was heard last. @param {number} ms @param {() => void} over */
  extend(ms, over) {
    this.#ms = ms;
    this.#over = over;
    this.#isPutOff = true;
    this.#start();
  }

  heard() {
    if (this.#isPutOff) this.#start();
  }

  end() {
    clearTimeout(this.#timer);
  }

  #start() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#over(), this.#ms);
  }
}
