// The list of conversations with customers.

import { avatar, el, fill, keyed, roving, say } from '../dom.js';
import { brief, full, number } from '../format.js';
import { address, route } from '../router.js';
import { channel, explain, phrase } from '../words.js';

const FILTERS = /** @type {const} */ ({
  open: { label: 'inbox.open', empty: 'inbox.noneOpen' },
  pending: { label: 'inbox.pending', empty: 'inbox.nonePending' },
  snoozed: { label: 'inbox.snoozed', empty: 'inbox.noneSnoozed' },
  resolved: { label: 'inbox.resolved', empty: 'inbox.noneResolved' },
});
const STATUSES = /** @type {Wire.Status[]} */ (Object.keys(FILTERS));

/** @param {App.Parts} parts @returns {App.View} */
export function inboxList({ inbox }) {
  const tabs = STATUSES.map((status) =>
    el('button', { type: 'button', class: 'segment', 'data-filter': status, on: { click: () => inbox.choose(status) } }, phrase(FILTERS[status].label)));
  const list = el('ul', { class: 'list', 'aria-label': phrase('inbox.list') });
  const settle = roving(list, 'a');
  const note = el('div', { class: 'list-note' });

  const show = () => {
    const state = inbox.state.get();
    const { id } = route.get();
    const items = inbox.visible(state);
    for (const tab of tabs) tab.setAttribute('aria-pressed', String(tab.dataset.filter === state.filter));
    keyed(list, items, { key: (item) => item.id, create: conversationItem, update: (node, item) => update(node, item, item.id === id) });
    settle();
    const hasMore = Boolean(state.next[state.filter]);
    fill(note,
      state.status === 'loading' && phrase('loading'),
      state.status === 'failed' && explain(state.error),
      state.status === 'ready' && items.length === 0 && phrase(FILTERS[state.filter].empty),
      hasMore && el('button', { type: 'button', class: 'button small', on: { click: () => inbox.more() } }, phrase('loadMore')));
  };
  const offs = [inbox.state.subscribe(show), route.subscribe(show)];

  return {
    element: el('div', { class: 'pane' },
      el('header', { class: 'pane-header' }, el('h1', {}, phrase('nav.inbox'))),
      el('div', { class: 'segments', role: 'group', 'aria-label': phrase('inbox.show') }, tabs), list, note),
    leave: () => offs.forEach((off) => off()),
  };
}

/** What each row shows. @type {WeakMap<Element, Wire.Conversation>} */
const shown = new WeakMap();

/** @param {Wire.Conversation} item */
function conversationItem(item) {
  return el('li', {},
    el('a', { class: 'row tall', href: address('inbox', item.id), 'data-testid': 'conversation-item', 'data-conversation-id': item.id },
      avatar(item.contact.name, item.contact.id),
      el('span', { class: 'row-text' },
        el('span', { class: 'row-line' }, el('span', { class: 'row-title', dir: 'auto' }), el('time', { class: 'row-time' })),
        el('span', { class: 'row-line' }, el('span', { class: 'row-preview', dir: 'auto' }), el('span', { class: 'badge', hidden: true })),
        el('span', { class: 'row-channel' }, channel(item.channelKind)))));
}

/** @param {HTMLElement} node @param {Wire.Conversation} item @param {boolean} isCurrent */
function update(node, item, isCurrent) {
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (node.querySelector(`.${name}`));
  const link = part('row');
  if (isCurrent) link.setAttribute('aria-current', 'true');
  else link.removeAttribute('aria-current');
  if (shown.get(node) === item) return;
  shown.set(node, item);
  link.classList.toggle('unread', item.unread > 0);
  say(part('row-title'), item.contact.name);
  say(part('row-preview'), item.preview);
  say(part('row-time'), brief(item.lastMessageAt));
  part('row-time').setAttribute('datetime', item.lastMessageAt);
  part('row-time').title = full(item.lastMessageAt);
  part('badge').hidden = item.unread === 0;
  say(part('badge'), number(item.unread));
  part('badge').setAttribute('aria-label', phrase('unread', { count: item.unread }));
}
