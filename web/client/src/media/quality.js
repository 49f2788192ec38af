// How good a connection is for talking, told from what is lost on it, how unevenly it comes, and how long it takes.

/** @typedef {'good' | 'fair' | 'poor'} QualityLevel */

/**
 * What was measured over some seconds.
 *
 * @typedef {object} Measured
 * @property {number | null} lost the part of the packets that were lost, from 0 to 1; null: none were sent
 * @property {number | null} jitterMs how unevenly they came (RFC 3550, section 6.4.1)
 * @property {number | null} roundTripMs
 * @property {boolean} [isStill] whether nothing came of what is being sent
 */

/**
 * Up to these it is good, and up to those fair. One-way delays of 150 ms and 400 ms are what ITU-T G.114 calls unnoticed and
 * the most that is acceptable; what Opus conceals is not heard up to 2 %, and words are lost from 8 % on.
 */
const GOOD = { lost: 0.02, jitterMs: 30, roundTripMs: 300 };
const FAIR = { lost: 0.08, jitterMs: 100, roundTripMs: 800 };

/** @param {Measured} measured @returns {QualityLevel | null} null: nothing was measured */
export function qualityOf({ lost, jitterMs, roundTripMs, isStill = false }) {
  if (isStill) return 'poor';
  if (lost === null && jitterMs === null && roundTripMs === null) return null;
  const isWithin = (/** @type {typeof GOOD} */ most) =>
    (lost ?? 0) <= most.lost && (jitterMs ?? 0) <= most.jitterMs && (roundTripMs ?? 0) <= most.roundTripMs;
  if (isWithin(GOOD)) return 'good';
  return isWithin(FAIR) ? 'fair' : 'poor';
}

/**
 * Counters of one track, which only grow as long as it comes by the same way.
 *
 * @typedef {{ packets: number, lost: number, jitterMs: number | null, roundTripMs: number | null, isExpected: boolean }} TrackCounts
 */

/** What was measured of several tracks between two moments. @param {Map<string, TrackCounts>} before @param {Map<string, TrackCounts>} after @returns {Measured} */
export function measured(before, after) {
  const known = [...after].flatMap(([id, now]) => {
    const then = before.get(id);
    // Another way counts anew.
    return then && now.packets >= then.packets ? [{ ...now, came: now.packets - then.packets, missed: Math.max(0, now.lost - then.lost) }] : [];
  });
  const came = known.reduce((sum, track) => sum + track.came, 0);
  const missed = known.reduce((sum, track) => sum + track.missed, 0);
  const worst = (/** @type {(number | null)[]} */ values) => values.reduce((most, value) => (value === null ? most : Math.max(most ?? 0, value)), null);
  return {
    lost: came + missed > 0 ? missed / (came + missed) : null,
    jitterMs: worst(known.filter((track) => track.came > 0).map(({ jitterMs }) => jitterMs)),
    roundTripMs: worst(known.map(({ roundTripMs }) => roundTripMs)),
    isStill: came === 0 && known.some(({ isExpected }) => isExpected),
  };
}

/** Says another level only once it was measured twice in a row: one lost burst is no bad line. */
export class ConnectionQuality {
  /** @type {QualityLevel | null} */
  level = null;
  /** @type {QualityLevel | null} */
  #last = null;

  /** @param {QualityLevel | null} level @returns {QualityLevel | null} what to show */
  hear(level) {
    if (level === this.#last || this.level === null || level === null) this.level = level;
    this.#last = level;
    return this.level;
  }
}
