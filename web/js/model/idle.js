// Whether somebody is at the page.

/** After so long without a sign somebody is taken to be away. */
const IDLE_MS = 5 * 60_000;

/** How often what moves all the time is looked at. */
const NOTED_EVERY_MS = 1_000;

/** Signs that somebody is there. */
const SIGNS = /** @type {const} */ (['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart', 'visibilitychange']);

/** @param {(isIdle: boolean) => void} changed */
export function watchIdleness(changed) {
  let isIdle = false;
  let notedAt = 0;
  const turn = (/** @type {boolean} */ idle) => {
    if (isIdle === idle) return;
    isIdle = idle;
    changed(idle);
  };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let patience;
  const wait = () => {
    clearTimeout(patience);
    patience = setTimeout(() => turn(true), IDLE_MS);
  };
  const note = () => {
    if (document.visibilityState === 'hidden') return;
    const now = Date.now();
    if (!isIdle && now - notedAt < NOTED_EVERY_MS) return;
    notedAt = now;
    turn(false);
    wait();
  };
  for (const sign of SIGNS) document.addEventListener(sign, note, { passive: true, capture: true });
  wait();
}
