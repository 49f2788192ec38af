// Which way leads to the server: a WebSocket, or events where the network lets none through.

import { EventSocket } from './event-socket.js';

/** @typedef {'webSocket' | 'events'} Way */

/** How long the handshake and the first answer may take where the way was open before, and where that is not known. */
const PATIENCE_MS = 10_000;
const FIRST_PATIENCE_MS = 5_000;

/** So often is a way tried that was open before, until the other one is. */
const FAITH = 3;

/** By server, for as long as the page lives. @type {Map<string, Way>} */
const known = new Map();

export class Ways {
  /** The one that is gone now, or was last. @type {Way} */
  current = 'webSocket';

  #server;
  #urls;
  #WebSocket;
  #fetch;
  #failures = 0;

  /** @param {{ server: string, WebSocket: typeof globalThis.WebSocket, fetch: typeof globalThis.fetch | null }} options */
  constructor({ server, WebSocket, fetch }) {
    this.#server = server;
    this.#urls = { webSocket: new URL('/v1/ws', server).href.replace(/^http/, 'ws'), events: new URL('/v1/events', server).href };
    this.#WebSocket = WebSocket;
    this.#fetch = fetch;
  }

  /** How long it may take until somebody answers. */
  get patienceMs() {
    return this.#fetch && !known.has(this.#server) ? FIRST_PATIENCE_MS : PATIENCE_MS;
  }

  /** Goes. @returns {WebSocket | EventSocket} */
  go() {
    const usual = known.get(this.#server);
    const turns = usual === undefined ? this.#failures : Math.max(0, this.#failures + 1 - FAITH);
    const isOther = this.#fetch !== null && turns % 2 === 1;
    this.current = isOther === (usual === 'events') ? 'webSocket' : 'events';
    if (this.current === 'events' && this.#fetch) return new EventSocket(this.#urls.events, this.#fetch);
    return new this.#WebSocket(this.#urls.webSocket);
  }

  /** The server has answered. */
  arrived() {
    this.#failures = 0;
    known.set(this.#server, this.current);
  }

  /** Nobody has. */
  failed() {
    this.#failures += 1;
  }
}
