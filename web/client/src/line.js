// The connection: opened with a token, kept alive, opened again after every loss until it is closed or refused.

import { backoff } from './backoff.js';
import { consequence } from './close-codes.js';
import { SwitchboardError } from './errors.js';
import { Requests } from './requests.js';
import { Silence } from './silence.js';
import { Tokens } from './tokens.js';

/** An overloaded server is left alone for this long at least. */
const LATER_MS = 5_000;

/** A connection that held this long is no failed try. */
const STEADY_MS = 5_000;

/** The code that the server closes silent connections with, for those that we find dead. */
const SILENT = 4001;

/** No token came in time, or none that is known. */
const UNAUTHENTICATED = 4500;

/** `OPEN` of every WebSocket, whoever has made it. */
const OPEN = 1;

/** From here on codes are the server's own. */
const SERVERS_CODES = 4000;

/** What browsers say of a connection that broke. */
const BROKEN = 1006;

/** A server that drains says so by this one. */
const GOING_AWAY = 1001;

/**
 * `closed`: nothing is tried. `connecting`, `open`. `waiting`: to reconnect. `refused`: the server wants no more of
 * us; `connect()` tries again all the same.
 *
 * @typedef {'closed' | 'connecting' | 'open' | 'waiting' | 'refused'} Phase
 */

/**
 * @typedef {object} ConnectionState
 * @property {Phase} phase
 * @property {string | null} connectionId this device in rooms and calls, while the connection is open
 * @property {boolean} everOpen whether it was open before
 * @property {SwitchboardError | null} error why it is closed or refused, if the page did not do it
 */

/** @typedef {import('../protocol.js').ConnectionOpened} Opened */

export class Line {
  /** @type {ConnectionState} */
  state = { phase: 'closed', connectionId: null, everOpen: false, error: null };

  #ways;
  #handle;
  #tokens;
  #requests = new Requests();
  /** @type {WebSocket | import('./event-socket.js').EventSocket | null} */
  #socket = null;
  /** Counts connections that were begun: what belongs to an earlier one is void. */
  #turn = 0;
  #failures = 0;
  #openedAt = 0;
  #needsFresh = false;
  /** What this connection's `connection.open` was refused with. @type {SwitchboardError | null} */
  #refusal = null;
  /** When the server asked us to come back. @type {number | null} */
  #movingMs = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #silence = new Silence({
    // The same token again changes nothing.
    probe: (timeoutMs) => this.request('connection.refresh', { token: this.#tokens.last }, { timeoutMs }),
    dead: () => {
      const own = this.#socket;
      this.#lost(SILENT);
      own?.close();
    },
  });

  /**
   * @param {{ ways: import('./ways.js').Ways, token: import('./tokens.js').TokenSource,
   *   handle: { state: (state: ConnectionState) => void, event: (name: string, params: any) => void, opened: (opened: Opened) => void } }} options
   */
  constructor({ ways, token, handle }) {
    this.#ways = ways;
    this.#tokens = new Tokens(token);
    this.#handle = handle;
  }

  /**
   * @param {string} method
   * @param {object} params
   * @param {import('./requests.js').RequestOptions} [options]
   * @returns {Promise<any>}
   */
  request(method, params, options) {
    const { phase } = this.state;
    if (phase === 'open') return this.#ask(method, params, options);
    const isClosed = phase === 'closed';
    return Promise.reject(isClosed
      ? new SwitchboardError('closed', 'the client is closed', { fault: 'caller' })
      : new SwitchboardError('offline', 'not connected'));
  }

  /**
   * Asks on whatever connection there is, also before the server knows who this is.
   *
   * @param {string} method
   * @param {object} params
   * @param {import('./requests.js').RequestOptions} [options]
   * @returns {Promise<any>}
   */
  #ask(method, params, options) {
    const own = this.#socket;
    if (own?.readyState !== OPEN) return Promise.reject(new SwitchboardError('offline', 'not connected'));
    return this.#requests.make((text) => own.send(text), method, params, options);
  }

  /** Opens the connection, or tries at once instead of when the wait is over. */
  connect() {
    if (!['closed', 'waiting', 'refused'].includes(this.state.phase)) return;
    if (this.state.phase !== 'waiting') this.#failures = 0;
    this.#connect();
  }

  /** The machine woke up, the network changed, the page is looked at again: find out at once. */
  nudge() {
    if (this.state.phase === 'waiting') this.connect();
    else if (this.state.phase === 'open') this.#silence.check();
  }

  close() {
    const own = this.#socket;
    this.#end('closed', null);
    own?.close();
  }

  async #connect() {
    clearTimeout(this.#timer);
    const turn = (this.#turn += 1);
    const fresh = this.#needsFresh;
    this.#set({ phase: 'connecting', error: null });
    try {
      const token = await this.#tokens.get(fresh);
      if (turn !== this.#turn) return;
      if (token === null) this.#end('closed', new SwitchboardError('auth.required', 'nobody is signed in', { fault: 'caller' }));
      else this.#dial(token, fresh);
    } catch {
      if (turn === this.#turn) this.#retry();
    }
  }

  /** @param {string} token @param {boolean} fresh */
  #dial(token, fresh) {
    const own = (this.#socket = this.#ways.go());
    // A network may swallow the handshake without a word, or all that follows it.
    const patience = setTimeout(() => {
      if (own === this.#socket) this.#lost(BROKEN, fresh);
      own.close();
    }, this.#ways.patienceMs);
    this.#refusal = null;
    own.onmessage = (/** @type {{ data: string }} */ event) => {
      if (own === this.#socket) this.#receive(event.data);
    };
    own.onclose = (/** @type {{ code: number }} */ event) => {
      clearTimeout(patience);
      if (own === this.#socket) this.#lost(event.code, fresh);
    };
    own.onopen = async () => {
      try {
        const opened = await this.#ask('connection.open', { token });
        clearTimeout(patience);
        if (own === this.#socket) this.#open(opened);
      } catch (error) {
        if (own === this.#socket) this.#refusal = error;
        own.close();
      }
    };
  }

  /** @param {Opened} opened */
  #open(opened) {
    this.#needsFresh = false;
    this.#ways.arrived();
    this.#openedAt = performance.now();
    this.#silence.watch(opened.pingIntervalMs);
    this.#tokens.keepFresh(opened.expiresAt, async (token) => (await this.request('connection.refresh', { token })).expiresAt);
    this.#set({ phase: 'open', connectionId: opened.connectionId, everOpen: true });
    this.#handle.opened(opened);
  }

  /** @param {string} text */
  #receive(text) {
    this.#silence.heard();
    const message = JSON.parse(text);
    if (message.method === undefined) return this.#requests.settle(message);
    // The server drains, has spread the delays over its clients, and closes: come back after ours.
    if (message.method === 'connection.moving') this.#movingMs = message.params.delayMs;
    this.#handle.event(message.method, message.params);
  }

  /** @param {number} code @param {boolean} [fresh] whether the connection was tried with a fresh token */
  #lost(code, fresh = false) {
    const wasOpen = this.state.phase === 'open';
    const refusal = this.#refusal;
    const movingMs = this.#movingMs;
    this.#hangUp();
    const hasAnswered = wasOpen || refusal !== null || code >= SERVERS_CODES || code === GOING_AWAY;
    if (!hasAnswered) this.#ways.failed();
    if (wasOpen && performance.now() - this.#openedAt >= STEADY_MS) this.#failures = 0;
    const isUnknown = refusal?.code === 'auth.invalidToken';
    const wants = isUnknown ? 'newToken' : consequence(code);
    // A token that came too late is as good as before.
    const isLast = this.#tokens.isFixed ? isUnknown || code !== UNAUTHENTICATED : isUnknown && fresh;
    if (wants === 'stop' || (wants === 'newToken' && isLast)) {
      const reason = wants === 'stop' ? 'closed' : 'auth.invalidToken';
      return this.#end('refused', refusal ?? new SwitchboardError(reason, `the server closed with ${code}`, { fault: 'caller' }));
    }
    if (wants === 'newToken') this.#needsFresh = true;
    if (movingMs !== null) return this.#retryIn(movingMs);
    this.#retry(Math.max(wants === 'later' ? LATER_MS : 0, refusal?.retryAfterMs ?? 0));
  }

  #retry(atLeastMs = 0) {
    const wait = backoff(this.#failures);
    this.#failures += 1;
    this.#retryIn(atLeastMs + wait);
  }

  /** @param {number} ms */
  #retryIn(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), ms);
    this.#set({ phase: 'waiting', connectionId: null });
  }

  /** @param {'closed' | 'refused'} phase @param {SwitchboardError | null} error */
  #end(phase, error) {
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.#hangUp();
    this.#set({ phase, error, connectionId: null });
  }

  /** What belongs to a connection ends with it. */
  #hangUp() {
    this.#socket = null;
    this.#movingMs = null;
    this.#silence.rest();
    this.#tokens.rest();
    this.#requests.rejectAll(new SwitchboardError('offline', 'the connection was lost'));
  }

  /** @param {Partial<ConnectionState>} patch */
  #set(patch) {
    this.state = { ...this.state, ...patch };
    this.#handle.state(this.state);
  }
}
