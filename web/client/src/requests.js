// Requests that wait for their answers, each until a deadline, a signal or the end of the connection.

import { SwitchboardError } from './errors.js';

/** Unless a request says otherwise. */
const TIMEOUT_MS = 10_000;

/** A frame of more bytes closes the connection (docs/PROTOCOL.md). */
const FRAME_BYTES_MAX = 128 * 1024;

/** No character of a string has more bytes than this in UTF-8. */
const UTF8_BYTES_MAX = 3;

/** @typedef {{ timeoutMs?: number, signal?: AbortSignal }} RequestOptions */

/**
 * @typedef {object} Answer
 * @property {number} id
 * @property {unknown} [result]
 * @property {{ message: string, data?: { code?: string, fault?: import('../protocol.js').Fault, retryAfterMs?: number } }} [error]
 */

/** @param {string} text */
const isTooLong = (text) => text.length * UTF8_BYTES_MAX > FRAME_BYTES_MAX && new TextEncoder().encode(text).length > FRAME_BYTES_MAX;

export class Requests {
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();
  #lastId = 0;

  /**
   * @param {(text: string) => void} send
   * @param {string} method
   * @param {object} params
   * @param {RequestOptions} [options]
   * @returns {Promise<any>}
   */
  make(send, method, params, { timeoutMs = TIMEOUT_MS, signal } = {}) {
    if (signal?.aborted) return Promise.reject(/** @type {Error} */ (signal.reason));
    const id = (this.#lastId += 1);
    const text = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    if (isTooLong(text)) {
      return Promise.reject(new SwitchboardError('limit.size', `${method} is longer than a frame may be`, { fault: 'caller' }));
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => end(new SwitchboardError('timeout', `${method} was not answered`)), timeoutMs);
      const abort = () => end(signal?.reason);
      const clear = () => {
        this.#waiting.delete(id);
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
      const end = (/** @type {Error} */ error) => {
        clear();
        reject(error);
      };
      signal?.addEventListener('abort', abort);
      this.#waiting.set(id, {
        reject: end,
        resolve: (result) => {
          clear();
          resolve(result);
        },
      });
      send(text);
    });
  }

  /** Takes an answer. That of a request that was given up changes nothing. @param {Answer} answer */
  settle({ id, result, error }) {
    const request = this.#waiting.get(id);
    if (!request) return;
    if (error) request.reject(new SwitchboardError(error.data?.code ?? 'internal', error.message, error.data));
    else request.resolve(result);
  }

  /** None of those that wait will be answered. @param {SwitchboardError} error */
  rejectAll(error) {
    for (const { reject } of [...this.#waiting.values()]) reject(error);
  }
}
