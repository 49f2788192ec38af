// That the connection is lost, and what becomes of it.

import { el, say } from '../dom.js';
import { phrase } from '../words.js';

/** @param {App.Socket} socket */
export function banner(socket) {
  const words = el('span');
  const again = el('button', { type: 'button', class: 'button small', on: { click: () => socket.retryNow() } }, phrase('banner.tryNow'));
  const node = el('div', { class: 'banner', role: 'status', 'data-testid': 'connection', hidden: true }, words, again);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let patience;
  socket.state.subscribe(({ phase, everOpen }) => {
    clearTimeout(patience);
    node.dataset.phase = phase;
    if (phase === 'open') {
      node.hidden = true;
      return;
    }
    // A reconnect that succeeds at once is not worth a word.
    patience = setTimeout(() => {
      node.hidden = phase === 'closed';
      again.hidden = phase === 'connecting';
      const isLost = everOpen ? 'banner.lost' : 'banner.connecting';
      say(words, phrase(phase === 'refused' ? 'banner.refused' : isLost));
    }, 800);
  });
  return node;
}
