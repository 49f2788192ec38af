// What a close code of the server asks of a client (docs/PROTOCOL.md, "Close codes").

/**
 * `resume`: come back and go on. `newToken`: come back with another token. `later`: leave the server alone for
 * some seconds first. `stop`: coming back the same way is pointless.
 *
 * @typedef {'resume' | 'newToken' | 'later' | 'stop'} Consequence
 */

/** @type {Readonly<Record<number, Consequence>>} */
export const CLOSE_CODES = {
  1001: 'resume',
  1002: 'stop',
  1007: 'stop',
  1009: 'resume',
  4000: 'resume',
  4001: 'resume',
  4002: 'newToken',
  4003: 'later',
  // Also where the network swallowed what said who we are. A new token that is refused as well is the end.
  4500: 'newToken',
  4501: 'stop',
  4502: 'newToken',
};

/** Codes of later servers say by their range what to do; all others are of the network's making. @param {number} code */
export const consequence = (code) => CLOSE_CODES[code] ?? (code >= 4500 && code < 5000 ? 'stop' : 'resume');
