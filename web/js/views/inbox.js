// The list of conversations with customers.

import { avatar, el, fill, keyed, roving, say } from '../dom.js';
import { brief, full } from '../format.js';
import { address, route } from '../router.js';
import { explain } from '../words.js';

const FILTERS = { open: 'Open', pending: 'Pending', snoozed: 'Snoozed', resolved: 'Resolved' };
const EMPTY = { open: 'Nobody is waiting.', pending: 'Nothing is pending.', snoozed: 'Nothing is snoozed.', resolved: 'Nothing is resolved yet.' };
const CHANNELS = { whatsapp: 'WhatsApp' };

export function inboxList({ inbox }) {
  const tabs = Object.entries(FILTERS).map(([filter, label]) =>
    el('button', { type: 'button', class: 'segment', 'data-filter': filter, on: { click: () => inbox.choose(filter) } }, label));
  const list = el('ul', { class: 'list', 'aria-label': 'Conversations' });
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
      state.status === 'loading' && 'Loading…',
      state.status === 'failed' && explain(state.error),
      state.status === 'ready' && items.length === 0 && EMPTY[state.filter],
      hasMore && el('button', { type: 'button', class: 'button small', on: { click: () => inbox.more() } }, 'Load more'));
  };
  const offs = [inbox.state.subscribe(show), route.subscribe(show)];

  return {
    element: el('div', { class: 'pane' },
      el('header', { class: 'pane-header' }, el('h1', {}, 'Inbox')),
      el('div', { class: 'segments', role: 'group', 'aria-label': 'Show' }, tabs), list, note),
    leave: () => offs.forEach((off) => off()),
  };
}

function conversationItem(item) {
  return el('li', {},
    el('a', { class: 'row tall', href: address('inbox', item.id), 'data-testid': 'conversation-item', 'data-conversation-id': item.id },
      avatar(item.contact.name, item.contact.id),
      el('span', { class: 'row-text' },
        el('span', { class: 'row-line' }, el('span', { class: 'row-title' }), el('time', { class: 'row-time' })),
        el('span', { class: 'row-line' }, el('span', { class: 'row-preview' }), el('span', { class: 'badge', hidden: true })),
        el('span', { class: 'row-channel' }, CHANNELS[item.channelKind] ?? item.channelKind))));
}

function update(node, item, isCurrent) {
  const link = node.firstChild;
  if (isCurrent) link.setAttribute('aria-current', 'true');
  else link.removeAttribute('aria-current');
  if (node.shown === item) return;
  node.shown = item;
  const part = (name) => node.querySelector(`.${name}`);
  link.classList.toggle('unread', item.unread > 0);
  say(part('row-title'), item.contact.name);
  say(part('row-preview'), item.preview);
  say(part('row-time'), brief(item.lastMessageAt));
  part('row-time').setAttribute('datetime', item.lastMessageAt);
  part('row-time').title = full(item.lastMessageAt);
  part('badge').hidden = item.unread === 0;
  say(part('badge'), String(item.unread));
  part('badge').setAttribute('aria-label', `${item.unread} unread`);
}
