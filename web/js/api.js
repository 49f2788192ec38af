// The REST layer: signing in, keeping signed in, and everything read page by page.
//
// Where the tokens are. The access token lives in memory only and dies with the
// page. The refresh token must outlive it, so that a reload, a new tab or the
// next morning needs no password; it is in localStorage, one record per sign-in,
// and sessionStorage says which sign-in this tab uses (so two people can be
// signed in side by side). It is no cookie, because nothing is then sent that a
// foreign page could provoke; against scripts that would read it stands the
// content security policy, which lets none run but our own.
//
// A refresh token works once: using it twice looks like theft and ends the
// sign-in. Tabs of one sign-in therefore take turns under a Web Lock and read
// the newest token inside it.

import { randomId } from './format.js';
import { createStore } from './store.js';
import { phrase } from './words.js';

const RECORD = 'switchboard.sign-in.';
const LATEST = 'switchboard.latest';
const OWN = 'switchboard.own';

/** Who signed out in this tab does not become somebody else of this browser. */
const NOBODY = 'nobody';

/** An access token is replaced this long before it expires, so that none expires on the way. */
const MARGIN_MS = 60_000;

const TIMEOUT_MS = 15_000;

/**
 * The server takes a refresh token once more within ten seconds of its use, as the answer may be lost: that is asked for
 * well before. Later it takes it for stolen, and ends the sign-in.
 */
const REFRESH_TIMEOUT_MS = 4_000;

/** How far this machine's clock is ahead of the server's; tokens expire by the server's. */
let clockAheadMs = 0;

/** What the server refused, or `offline`. */
export class ApiError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message, status = 0) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{ body?: unknown, token?: string, headers?: Record<string, string>, keepalive?: boolean, file?: boolean, timeoutMs?: number }} options
 * @returns {Promise<any>}
 */
export async function send(method, path, { body, token, headers = {}, keepalive = false, file = false, timeoutMs = TIMEOUT_MS } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      keepalive,
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    throw new ApiError(error.name === 'TimeoutError' ? 'timeout' : 'offline', error.message);
  }
  const serverTime = Date.parse(answer.headers.get('date') ?? '');
  if (!Number.isNaN(serverTime)) clockAheadMs = Date.now() - serverTime;
  if (answer.status === 204) return null;
  if (answer.ok && file) return answer.blob();
  const content = await answer.json().catch(() => null);
  if (!answer.ok) {
    throw new ApiError(content?.code ?? `http.${answer.status}`, content?.detail ?? content?.title ?? answer.statusText, answer.status);
  }
  return content;
}

/**
 * `fetch` does not say how much of a body has gone.
 *
 * @param {string} path
 * @param {Blob} file
 * @param {{ token: string, signal: AbortSignal, progress: (share: number) => void }} options
 */
function sendFile(path, file, { token, signal, progress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', path);
    request.setRequestHeader('authorization', `Bearer ${token}`);
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.responseType = 'json';
    request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
    request.onload = () => {
      const { status, statusText, response } = request;
      if (status < 300) return resolve(response);
      reject(new ApiError(response?.code ?? `http.${status}`, response?.detail ?? statusText, status));
    };
    request.onerror = () => reject(new ApiError('offline', 'the connection was lost'));
    request.onabort = () => reject(new ApiError('aborted', 'given up'));
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

/** When something expires by this machine's clock, in milliseconds since 1970. @param {string} at by the server's */
export const expiryHere = (at) => Date.parse(at) + clockAheadMs;

/** @param {{ expiresAt: number }} access */
export const isAboutToExpire = ({ expiresAt }) => expiresAt - Date.now() < MARGIN_MS;

/**
 * Requests of somebody who has tokens: with another one where the server does not take the present one any more.
 *
 * @param {(ask?: { fresh?: boolean }) => Promise<string>} accessToken
 */
export function createRequests(accessToken) {
  /**
   * @param {string} method
   * @param {string} path
   * @param {Parameters<typeof send>[2]} options
   */
  async function request(method, path, options = {}) {
    try {
      return await send(method, path, { ...options, token: await accessToken() });
    } catch (error) {
      // Another token does not make a wrong password right.
      if (error.status !== 401 || error.code === 'auth.invalidCredentials') throw error;
      return send(method, path, { ...options, token: await accessToken({ fresh: true }) });
    }
  }

  return {
    /** Saves what is at `path` as a file of this name. @param {string} path @param {string} name */
    async save(path, name) {
      const url = URL.createObjectURL(await request('GET', path, { file: true }));
      Object.assign(document.createElement('a'), { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), TIMEOUT_MS);
    },

    /**
     * Uploads a file, and says how much of it has gone. There is no deadline but the server's.
     *
     * @param {string} path
     * @param {Blob} file
     * @param {{ signal: AbortSignal, progress: (share: number) => void }} options
     * @returns {Promise<any>}
     */
    async upload(path, file, options) {
      try {
        return await sendFile(path, file, { ...options, token: await accessToken() });
      } catch (error) {
        if (error.status !== 401) throw error;
        return sendFile(path, file, { ...options, token: await accessToken({ fresh: true }) });
      }
    },

    get: (/** @type {string} */ path) => request('GET', path),
    /** @param {string} path @param {unknown} [body] @param {string} [key] makes a second try of the same harmless */
    post: (path, body, key) => request('POST', path, { body, headers: key ? { 'idempotency-key': key } : {} }),
    patch: (/** @type {string} */ path, /** @type {unknown} */ body) => request('PATCH', path, { body }),
    put: (/** @type {string} */ path, /** @type {unknown} */ body) => request('PUT', path, { body }),
    remove: (/** @type {string} */ path) => request('DELETE', path),
  };
}

export function createApi() {
  /** `user` is who is signed in; `ready` turns true once that is known. */
  const identity = createStore(/** @type {App.Identity} */ ({ user: null, ready: false, notice: null }));
  /** @type {{ token: string, expiresAt: number } | null} */
  let access = null;
  /** Names this sign-in in the browser's storage. @type {string | null} */
  let family = null;
  /** @type {Promise<void> | null} */
  let refreshing = null;

  /** @returns {{ refreshToken: string } | null} */
  const read = () => JSON.parse(localStorage.getItem(RECORD + family) ?? 'null');

  /** @param {Wire.SignedIn} answer @param {string} name */
  function keep(answer, name) {
    access = { token: answer.accessToken, expiresAt: expiryHere(answer.expiresAt) };
    localStorage.setItem(RECORD + name, JSON.stringify({ refreshToken: answer.refreshToken, at: Date.now() }));
    localStorage.setItem(LATEST, name);
    sessionStorage.setItem(OWN, name);
    const before = identity.get().user;
    const same = before && JSON.stringify(before) === JSON.stringify(answer.user);
    identity.set({ user: same ? before : answer.user, ready: true, notice: null });
  }

  /** @param {string | null} notice */
  function forget(notice = null) {
    if (family) localStorage.removeItem(RECORD + family);
    if (localStorage.getItem(LATEST) === family) localStorage.removeItem(LATEST);
    sessionStorage.setItem(OWN, NOBODY);
    access = family = null;
    identity.set({ user: null, ready: true, notice });
  }

  // Another tab of the same sign-in signed out.
  addEventListener('storage', (event) => {
    if (family && event.key === RECORD + family && event.newValue === null) forget();
  });

  async function rotate() {
    const kept = read();
    if (!kept || !family) throw new ApiError('auth.required', 'signed out');
    const ask = () => send('POST', '/v1/auth/refresh', { body: { refreshToken: kept.refreshToken }, timeoutMs: REFRESH_TIMEOUT_MS });
    const name = family;
    const answer = await ask().catch((error) => (error.code === 'timeout' ? ask() : Promise.reject(error)));
    // Signed out meanwhile, here or in another tab.
    if (family === name) keep(answer, name);
  }

  /** Gets a new access token. Called by several at once, it happens once. */
  function refresh() {
    const turn = (/** @type {() => Promise<void>} */ work) => (navigator.locks ? navigator.locks.request(RECORD + family, work) : work());
    refreshing ??= turn(rotate)
      .catch((error) => {
        if (error.status === 401 || error.code === 'auth.required') forget(phrase('signIn.again'));
        throw error;
      })
      .finally(() => (refreshing = null));
    return refreshing;
  }

  async function accessToken({ fresh = false } = {}) {
    if (!family) throw new ApiError('auth.required', 'signed out');
    if (fresh || !access || isAboutToExpire(access)) await refresh();
    if (!access) throw new ApiError('auth.required', 'signed out');
    return access.token;
  }

  return {
    identity,
    accessToken,
    ...createRequests(accessToken),

    /** When the access token in use expires, in milliseconds since 1970 by this machine's clock. */
    expiresAt: () => access?.expiresAt ?? 0,

    /** @param {string} email @param {string} password */
    async signIn(email, password) {
      const answer = await send('POST', '/v1/auth/sign-in', { body: { email, password } });
      family = randomId();
      keep(answer, family);
    },

    /** Signed out here at once; the server is told if it can be reached. */
    signOut() {
      const kept = read();
      // `keepalive`: the page is about to start over.
      if (kept) send('POST', '/v1/auth/sign-out', { body: { refreshToken: kept.refreshToken }, keepalive: true }).catch(() => {});
      forget();
    },

    /** Takes up the sign-in of this tab, or else the latest of this browser. */
    /** @returns {Promise<void>} */
    async restore() {
      family = sessionStorage.getItem(OWN) ?? localStorage.getItem(LATEST);
      if (!family || !read()) return forget();
      return refresh().catch((error) => {
        if (identity.get().ready) return;
        // The server is away: keep the sign-in, say so, and try again.
        identity.set({ notice: phrase('signIn.waiting') });
        console.info('Sign-in cannot be taken up yet:', error.code);
        setTimeout(() => this.restore(), 2000);
      });
    },
  };
}
