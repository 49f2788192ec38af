// Reactions that float over a tile for a moment.

import { el } from '../../dom.js';

/** Long enough to be seen by who looks elsewhere; the drawing in the styles takes as long. */
const SHOWN_MS = 3_000;

/** More at once would hide the person. */
const SHOWN_MAX = 5;

export function reactions() {
  const element = el('div', { class: 'tile-reactions', 'aria-hidden': 'true' });
  /** @type {Set<ReturnType<typeof setTimeout>>} */
  const timers = new Set();
  return {
    element,
    /** @param {string} emoji */
    add(emoji) {
      if (element.childElementCount >= SHOWN_MAX) element.firstElementChild?.remove();
      const one = el('span', { 'data-testid': 'tile-reaction' }, emoji);
      // Not all on one line: five that clap are five hands.
      one.style.setProperty('--drift', `${(timers.size % 3) * 26 - 26}px`);
      element.append(one);
      const timer = setTimeout(() => {
        timers.delete(timer);
        one.remove();
      }, SHOWN_MS);
      timers.add(timer);
    },
    clear() {
      timers.forEach(clearTimeout);
      timers.clear();
      element.replaceChildren();
    },
  };
}
