// What a request can be refused with, and what of it passes by itself.

/**
 * A code of the server (docs/PROTOCOL.md lists them), or one of the client's own:
 * `offline` (there is no connection, or it was lost before the answer), `timeout`
 * (no answer in time), `closed` (the client, room or feed was closed by the page) and
 * `room.removed.…` (this device was taken out of the room; what follows is why).
 *
 * @typedef {import('../protocol.js').ErrorCode | 'offline' | 'timeout' | 'closed'
 *   | `room.removed.${import('../protocol.js').RoomRemovalReason}`} Code
 */

/** Codes that say nothing about the request itself: the same one may be made again a little later. */
const PASSING = new Set(['offline', 'timeout', 'limit.rate', 'unavailable']);

/** Everything that this library rejects with, except an `AbortSignal`'s own reason. */
export class SwitchboardError extends Error {
  /**
   * @param {Code} code stable, to decide by
   * @param {string} message for developers
   * @param {{ fault?: import('../protocol.js').Fault, retryAfterMs?: number | null }} [data]
   */
  constructor(code, message, { fault = 'ours', retryAfterMs } = {}) {
    super(message);
    this.name = 'SwitchboardError';
    this.code = code;
    /** The party that has to change something for it to work next time. */
    this.fault = fault;
    /** How long to wait before another try, where the server says so. */
    this.retryAfterMs = retryAfterMs ?? undefined;
  }
}

/** This device was taken out of a room. @param {import('../protocol.js').RoomRemovalReason} reason */
export const removed = (reason) => new SwitchboardError(`room.removed.${reason}`, 'this device was taken out of the room', { fault: 'caller' });

/**
 * Whether the same request may work a little later, and can be made again without harm where it is idempotent.
 *
 * @param {{ code?: string } | null | undefined} error
 */
export const isPassing = (error) => PASSING.has(error?.code ?? '');
