// How the line of the call stands: what is wrong with it, until it is right again.

import { LineHealth } from '../../client/src/index.js';
import { createStore } from '../store.js';

/**
 * Between two looks at the counters. With the time that nothing may arrive for, a dead line is told of within three
 * seconds; more often would only cost.
 */
const LOOK_EVERY_MS = 300;

/** @param {{ calls: Pick<App.Calls, 'state' | 'lineSample'>, now?: () => number }} parts */
export function createLine({ calls, now = () => performance.now() }) {
  const state = createStore({ problem: /** @type {import('../../client/src/media/health.js').LineProblem | null} */ (null) });
  /** @type {{ startedAt: number, health: LineHealth, timer: ReturnType<typeof setTimeout> | undefined } | null} */
  let watched = null;

  function stop() {
    clearTimeout(watched?.timer);
    watched = null;
    if (state.get().problem) state.set({ problem: null });
  }

  /** @param {NonNullable<typeof watched>} own */
  async function look(own) {
    const sample = await calls.lineSample().catch(() => null);
    if (watched !== own) return;
    const problem = sample && own.health.judge(sample, now());
    // Said once, as long as it is the same.
    if (JSON.stringify(problem) !== JSON.stringify(state.get().problem)) state.set({ problem });
    own.timer = setTimeout(() => look(own), LOOK_EVERY_MS);
  }

  calls.state.subscribe(({ active }) => {
    if (watched && watched.startedAt === active?.startedAt) return;
    stop();
    if (!active) return;
    watched = { startedAt: active.startedAt, health: new LineHealth(), timer: undefined };
    look(watched);
  });
  return { state };
}
