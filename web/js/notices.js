// Short messages that come and go by themselves.

import { createStore } from './store.js';

const SHOWN_MS = 6_000;
const SHOWN_MAX = 4;

export function createNotices() {
  const state = createStore({ items: /** @type {{ id: number, kind: 'info' | 'warning', text: string }[]} */ ([]) });
  let last = 0;

  /** @param {'info' | 'warning'} kind @param {string} text */
  function add(kind, text) {
    const id = (last += 1);
    const others = state.get().items.filter((item) => item.text !== text);
    state.set({ items: [...others, { id, kind, text }].slice(-SHOWN_MAX) });
    setTimeout(() => dismiss(id), SHOWN_MS);
  }

  /** @param {number} id */
  function dismiss(id) {
    state.set({ items: state.get().items.filter((item) => item.id !== id) });
  }

  return {
    state, dismiss,
    tell: (/** @type {string} */ text) => add('info', text),
    warn: (/** @type {string} */ text) => add('warning', text),
  };
}
