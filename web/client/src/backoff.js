// How long to wait before another try.

const FIRST_MS = 500;
const MAX_MS = 20_000;

/**
 * Doubles with every failure up to twenty seconds. Between a fifth of that and all of it, at random, so that
 * a thousand clients that lost a server together do not come back together.
 *
 * @param {number} failures how many tries have failed before this one
 * @returns {number} milliseconds
 */
export const backoff = (failures) => Math.min(MAX_MS, FIRST_MS * 2 ** failures) * (0.2 + 0.8 * Math.random());
