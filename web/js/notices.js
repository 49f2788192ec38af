// Short messages that come and go by themselves.

import { createStore } from './store.js';

const SHOWN_MS = 6_000;
const SHOWN_MAX = 4;

export function createNotices() {
  const state = createStore({ items: [] });
  let last = 0;

  function add(kind, text) {
    const id = (last += 1);
    const others = state.get().items.filter((item) => item.text !== text);
    state.set({ items: [...others, { id, kind, text }].slice(-SHOWN_MAX) });
    setTimeout(() => dismiss(id), SHOWN_MS);
  }

  function dismiss(id) {
    state.set({ items: state.get().items.filter((item) => item.id !== id) });
  }

  return { state, dismiss, tell: (text) => add('info', text), warn: (text) => add('warning', text) };
}
