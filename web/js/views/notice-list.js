// Short messages, as they are shown.

import { el, iconButton, keyed } from '../dom.js';
import { phrase } from '../words.js';

/** @param {App.Notices} notices */
export function noticeList({ state, dismiss }) {
  const node = el('div', { class: 'notices', role: 'status', 'aria-live': 'polite' });
  state.subscribe(({ items }) => keyed(node, items, {
    key: ({ id }) => id,
    create: ({ id, kind, text }) => el('div', { class: `notice ${kind}`, 'data-testid': 'notice' },
      el('span', {}, text), iconButton('close', phrase('notice.dismiss'), { on: { click: () => dismiss(id) } })),
  }));
  return node;
}
