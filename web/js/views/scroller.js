// A list of messages that stays at the end while one is at the end, and still while one reads above.

import { el } from '../dom.js';

/** This close to the end counts as being there, in CSS pixels. */
const NEAR_END_PX = 80;
const NEAR_START_PX = 120;

/**
 * @param {{ label: string, older: () => Promise<unknown> | void }} options
 */
export function scroller({ label, older }) {
  const list = el('ol', { class: 'messages' });
  const element = el('div', { class: 'scroller', role: 'log', 'aria-label': label, tabindex: '0' }, list);
  let atEnd = true;
  let reading = false;

  const readOlder = async () => {
    if (reading) return;
    reading = true;
    await Promise.resolve(older()).catch(() => {});
    reading = false;
  };
  element.addEventListener('scroll', () => {
    atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END_PX;
    if (element.scrollTop <= NEAR_START_PX) readOlder();
  }, { passive: true });

  const toEnd = () => {
    element.scrollTop = element.scrollHeight;
    // What fits in its place is never scrolled.
    if (list.hasChildNodes() && element.clientHeight > 0 && element.scrollHeight <= element.clientHeight) readOlder();
  };
  const watch = new ResizeObserver(() => atEnd && toEnd());
  watch.observe(element);

  return {
    element, list,
    /**
     * Runs `change`, which alters the list, without moving what is being read. What is no news is not read out.
     *
     * @param {() => void} change
     */
    update(change, isNews = true) {
      element.setAttribute('aria-live', isNews ? 'polite' : 'off');
      // The first child is a day's name, which moves up when older messages of that day come.
      const anchor = /** @type {HTMLElement | undefined} */ (list.children[1]);
      const before = anchor?.offsetTop ?? 0;
      change();
      if (atEnd) toEnd();
      else if (anchor?.isConnected) element.scrollTop += anchor.offsetTop - before;
    },
    toEnd() {
      atEnd = true;
      toEnd();
    },
    isAtEnd: () => atEnd,
    leave: () => watch.disconnect(),
  };
}
