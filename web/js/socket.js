// The live connection: JSON-RPC 2.0 over `/v1/ws`, kept open, resumed after every loss.

import { createStore } from './store.js';

const CALL_TIMEOUT_MS = 10_000;
const OPEN_TIMEOUT_MS = 10_000;
const PROBE_TIMEOUT_MS = 5_000;
const REFRESH_MARGIN_MS = 60_000;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 20_000;
const OVERLOADED_WAIT_MS = 5_000;

/** Close codes of the protocol that need more than reconnecting. */
const CLOSE = { tokenExpired: 4002, overloaded: 4003, unauthenticated: 4500, abuse: 4501, ended: 4502 };

/** A refused request, or `offline` or `timeout`. */
export class RpcError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ fault?: string, retryAfterMs?: number }} data
   */
  constructor(code, message, { fault = 'ours', retryAfterMs } = {}) {
    super(message);
    this.code = code;
    this.fault = fault;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * @param {{ accessToken: (options?: { fresh?: boolean }) => Promise<string>, expiresAt: () => number }} api
 */
export function createSocket(api) {
  /** `phase` is closed, connecting, open, waiting (to reconnect) or refused. */
  const state = createStore(/** @type {App.Line} */ ({ phase: 'closed', connectionId: null, everOpen: false }));
  /** @type {Map<string, Set<(params: any) => void>>} */
  const handlers = new Map();
  /** @type {((opened: { connectionId: string, pingIntervalMs: number }) => Promise<unknown>)[]} */
  const openers = [];
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: RpcError) => void, timer: ReturnType<typeof setTimeout> }>} */
  const waiting = new Map();
  /** @type {WebSocket | null} */
  let socket = null;
  let lastId = 0;
  let attempts = 0;
  let needsFreshToken = false;
  let heardAt = 0;
  /** @type {Promise<unknown> | null} */
  let probe = null;
  let movingMs = 0;
  /** @type {{ [Name in 'reconnect' | 'refresh' | 'silence']?: ReturnType<typeof setTimeout> }} */
  const timers = {};

  const url = () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/v1/ws`;

  /**
   * @template {keyof Wire.Methods} Method
   * @param {Method} method
   * @param {Wire.Methods[Method]['params']} params
   * @returns {Promise<Wire.Methods[Method]['result']>}
   */
  function call(method, params, timeout = CALL_TIMEOUT_MS) {
    const own = socket;
    if (own?.readyState !== WebSocket.OPEN) return Promise.reject(new RpcError('offline', 'not connected'));
    const id = (lastId += 1);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(id);
        reject(new RpcError('timeout', `${method} was not answered`));
      }, timeout);
      waiting.set(id, { resolve, reject, timer });
      own.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    });
  }

  /** @param {{ id: number, result?: unknown, error?: { message: string, data?: { code?: string, fault?: string, retryAfterMs?: number } } }} answer */
  function settle({ id, result, error }) {
    const request = waiting.get(id);
    if (!request) return;
    waiting.delete(id);
    clearTimeout(request.timer);
    if (error) request.reject(new RpcError(error.data?.code ?? 'internal', error.message, error.data));
    else request.resolve(result);
  }

  /** @param {string} text */
  function receive(text) {
    heardAt = performance.now();
    const message = JSON.parse(text);
    if (message.method === undefined) return settle(message);
    for (const handler of handlers.get(message.method) ?? []) handler(message.params);
  }

  async function connect() {
    clearTimeout(timers.reconnect);
    state.set({ phase: 'connecting' });
    let token;
    try {
      token = await api.accessToken({ fresh: needsFreshToken });
      needsFreshToken = false;
    } catch (error) {
      if (error.status === 401 || error.code === 'auth.required') return stop();
      return retry();
    }
    if (state.get().phase !== 'connecting') return;
    const own = (socket = new WebSocket(url()));
    // A network may swallow the handshake without a word.
    const patience = setTimeout(() => own.close(), OPEN_TIMEOUT_MS);
    own.onmessage = (event) => own === socket && receive(event.data);
    own.onclose = (event) => {
      clearTimeout(patience);
      if (own === socket) lost(event.code);
    };
    own.onopen = async () => {
      try {
        const opened = await call('connection.open', { token });
        clearTimeout(patience);
        if (own === socket) await open(opened);
      } catch (error) {
        if (error.code === 'auth.invalidToken') needsFreshToken = true;
        own.close();
      }
    };
  }

  /** @param {{ connectionId: string, pingIntervalMs: number }} opened */
  async function open(opened) {
    attempts = 0;
    state.set({ phase: 'open', connectionId: opened.connectionId, everOpen: true });
    scheduleRefresh();
    listenForSilence(opened.pingIntervalMs);
    const own = socket;
    for (const opener of openers) {
      if (own !== socket) return;
      await opener(opened).catch((error) => console.info('Not resumed:', error.code ?? error));
    }
  }

  /** @param {number} code */
  function lost(code) {
    socket = null;
    clearTimeout(timers.refresh);
    clearInterval(timers.silence);
    for (const request of waiting.values()) {
      clearTimeout(request.timer);
      request.reject(new RpcError('offline', 'the connection was lost'));
    }
    waiting.clear();
    state.set({ connectionId: null });
    if (code === CLOSE.abuse) return state.set({ phase: 'refused' });
    if ([CLOSE.unauthenticated, CLOSE.tokenExpired, CLOSE.ended].some((known) => known === code)) needsFreshToken = true;
    retry(code === CLOSE.overloaded ? OVERLOADED_WAIT_MS : movingMs);
    movingMs = 0;
  }

  /** Waits longer after every failure, at random, so that a thousand clients do not come back at once. */
  function retry(atLeast = 0) {
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** attempts);
    attempts += 1;
    state.set({ phase: 'waiting' });
    clearTimeout(timers.reconnect);
    timers.reconnect = setTimeout(connect, atLeast + ceiling * (0.2 + 0.8 * Math.random()));
  }

  function stop() {
    clearTimeout(timers.reconnect);
    state.set({ phase: 'closed', everOpen: false });
    const own = socket;
    if (own) {
      lost(1000);
      clearTimeout(timers.reconnect);
      state.set({ phase: 'closed' });
      own.close();
    }
  }

  function scheduleRefresh() {
    clearTimeout(timers.refresh);
    const inMs = Math.max(1000, api.expiresAt() - Date.now() - REFRESH_MARGIN_MS);
    timers.refresh = setTimeout(async () => {
      try {
        await call('connection.refresh', { token: await api.accessToken({ fresh: true }) });
        scheduleRefresh();
      } catch (error) {
        console.info('Token not refreshed:', error.code);
        if (socket) timers.refresh = setTimeout(scheduleRefresh, 5000);
      }
    }, inMs);
  }

  // Pages never see the server's pings. So when nothing was heard for one ping
  // interval, ask something harmless; no answer means the connection is dead.
  /** @param {number} interval in milliseconds */
  function listenForSilence(interval) {
    clearInterval(timers.silence);
    heardAt = performance.now();
    timers.silence = setInterval(() => {
      if (performance.now() - heardAt >= interval) check();
    }, interval);
  }

  function check() {
    if (probe || state.get().phase !== 'open') return;
    const own = socket;
    probe = api
      .accessToken()
      .then((token) => call('connection.refresh', { token }, PROBE_TIMEOUT_MS))
      .catch((error) => {
        if (error.code !== 'timeout' || own !== socket) return;
        lost(4001);
        own?.close();
      })
      .finally(() => (probe = null));
  }

  /** The machine woke up, the network changed, the tab is looked at again: find out at once. */
  function nudge() {
    if (state.get().phase === 'waiting') connect();
    else check();
  }
  addEventListener('online', nudge);
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && nudge());

  /**
   * @template {keyof Wire.Events} Event
   * @param {Event} method
   * @param {(params: Wire.Events[Event]) => void} handler
   */
  function on(method, handler) {
    const all = handlers.get(method) ?? new Set();
    handlers.set(method, all.add(handler));
    return () => all.delete(handler);
  }

  // The server drains, has spread the delays over its clients, and closes: come back after ours.
  on('connection.moving', ({ delayMs }) => (movingMs = delayMs));

  return {
    state,
    call,
    /** Calls `handler` with the parameters of every event of this method. */
    on,
    /** Runs `opener` after every (re)connect, in order of registration, each after the one before. */
    onOpened: (/** @type {typeof openers[number]} */ opener) => openers.push(opener),
    start: () => state.get().phase === 'closed' && connect(),
    stop,
    /** Tries now instead of when the wait is over. */
    retryNow: () => ['waiting', 'refused'].includes(state.get().phase) && connect(),
  };
}
