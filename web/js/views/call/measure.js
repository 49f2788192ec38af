// How good everybody's connection is, as far as it can be measured here.

import { ConnectionQuality, measured, qualityOf } from '../../../client/src/media/quality.js';

/** Shorter is too few packets to tell loss from chance; longer tells of it late. */
const EVERY_MS = 2_000;

/** Whoever sends these sends something all the time; a screen may stand still. */
const STEADY = ['microphone', 'camera'];

/** @typedef {import('../../../client/src/media/quality.js').Measured} Measured */
/** @typedef {import('../../../client/src/media/quality.js').QualityLevel} QualityLevel */
/** By source. @typedef {Map<string, import('../../../client/src/media/quality.js').TrackCounts>} Counts */

/**
 * @param {{ calls: Pick<App.Calls, 'state' | 'stats'>, rate: (connectionId: string | null, level: QualityLevel | null) => void }} parts
 *   `rate`: null is oneself
 */
export function measuring({ calls, rate }) {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;
  /** @type {Map<string | null, { counts: Counts, quality: ConnectionQuality }>} */
  let known = new Map();

  /** @param {string | null} who @param {Counts} counts @param {(before: Counts) => Measured | null} measure */
  const judge = (who, counts, measure) => {
    const { counts: before, quality } = known.get(who) ?? { counts: new Map(), quality: new ConnectionQuality() };
    const found = measure(before);
    rate(who, quality.hear(found && qualityOf(found)));
    return /** @type {const} */ ([who, { counts, quality }]);
  };

  const look = async () => {
    const { tiles, sent } = await calls.stats();
    const { active } = calls.state.get();
    if (!active || timer === undefined) return;
    const own = judge(null, new Map(), () => sent);
    const others = tiles.flatMap((one) => {
      if (!('tracks' in one)) return [];
      const isHeld = active.said.onHold || active.others.some(({ connectionId, state }) => connectionId === one.connectionId && state.onHold);
      const counts = new Map(one.tracks.map((track) => [String(track.source), { ...track, isExpected: !track.muted && !isHeld && STEADY.includes(track.source) }]));
      return [judge(one.connectionId, counts, (before) => measured(before, counts))];
    });
    known = new Map([own, ...others]);
  };

  return {
    start: () => (timer ??= setInterval(() => look().catch(() => {}), EVERY_MS)),
    stop() {
      clearInterval(timer);
      timer = undefined;
      known = new Map();
    },
  };
}
